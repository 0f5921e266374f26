//! Answers for people.

use super::super::render::{line, right, table};
use super::Answer;
use crate::evidence::{By, Line, Verdict};
use anyhow::Result;
use std::collections::BTreeMap;
use std::io::Write;

fn cosine(value: Option<f32>) -> comfy_table::Cell {
    right(value.map_or("–".to_owned(), |c| format!("{c:.3}")))
}

/// One answer: lines of evidence first, then the verdict.
pub(super) fn people(answer: &Answer, out: &mut impl Write) -> Result<()> {
    writeln!(out, "caption: {}", line(&answer.caption, 200))?;
    for (by, title) in [(By::Image, "found by the image"), (By::Caption, "found by the caption")] {
        let lines: Vec<&Line> = answer.checked.evidence.iter().filter(|l| l.by == by).collect();
        writeln!(out, "\n{title}: {}", if lines.is_empty() { "nothing" } else { "" })?;
        let mut shown = table(&["image", "caption", "same", "from", "date", "what it said"]);
        for l in &lines {
            let from = match &l.id {
                Some(id) => format!("{} {}", l.from, id.to_json()),
                None => l.from.clone(),
            };
            shown.add_row(vec![
                cosine(l.image_similarity),
                cosine(l.text_similarity),
                if l.caption_matches { "yes" } else { "" }.into(),
                line(&from, 30).into(),
                l.date.as_deref().unwrap_or("").chars().take(10).collect::<String>().into(),
                line(&l.caption, 90).into(),
            ]);
        }
        if !lines.is_empty() {
            writeln!(out, "{shown}")?;
        }
    }
    for (item, captions) in &answer.checked.context {
        if let Some(first) = captions.first().filter(|c| !c.entities.is_empty()) {
            writeln!(
                out,
                "\n{}: {} ({})",
                item.name(),
                line(&first.entities.join(", "), 80),
                line(&first.caption, 100)
            )?;
        }
    }
    for e in &answer.checked.entities {
        writeln!(out, "may show {} (by {}, {:.3})", line(&e.name, 80), e.by.name(), e.similarity)?;
    }
    answer.checked.skipped.iter().try_for_each(|s| writeln!(out, "skipped: {s}"))?;
    for (item, text) in &answer.items {
        writeln!(out, "{}, as the model reads it: {}", item.name(), line(text, 200))?;
    }
    let o = &answer.checked.outcome;
    let rule = o.rule.map_or(String::new(), |r| format!(" (rule {r})"));
    writeln!(out, "\nverdict: {}{rule}: {}", o.verdict.name(), line(&o.why, 300))?;
    let margin = |m: Option<f32>| m.map_or("–".to_owned(), |m| format!("{m:+.3}"));
    let m = &o.margins;
    writeln!(
        out,
        "margins: {} matching captions by image; rule 2 {}; rule 3 {} (above 0: met)",
        m.matching_by_image,
        margin(m.same_image),
        margin(m.other_image)
    )?;
    if let Some((said, verdict)) = answer.chat.as_ref().and_then(|said| Some((said, said.verdict?))) {
        writeln!(out, "{} says: {}", line(&said.model, 60), verdict.name())?;
    }
    Ok(())
}

/// Verdicts by label and rule.
pub(super) fn confusion(counts: &BTreeMap<(String, Verdict, Option<u8>), u64>, out: &mut impl Write) -> Result<()> {
    let mut shown =
        table(&["label", "rows", "accurate, rule 1", "accurate, rule 2", "out-of-context, rule 3", "undecided"]);
    let mut names: Vec<&String> = counts.keys().map(|k| &k.0).collect();
    names.dedup();
    for name in names {
        let of = |verdict: Verdict, rule: Option<u8>| counts.get(&(name.clone(), verdict, rule)).copied().unwrap_or(0);
        let all: u64 = counts.iter().filter(|c| c.0.0 == *name).map(|c| c.1).sum();
        shown.add_row(vec![
            if name.is_empty() { "all" } else { name }.into(),
            right(all),
            right(of(Verdict::Accurate, Some(1))),
            right(of(Verdict::Accurate, Some(2))),
            right(of(Verdict::OutOfContext, Some(3))),
            right(of(Verdict::Undecided, None)),
        ]);
    }
    writeln!(out, "{shown}\n--format json has every row, with its evidence and margins")?;
    Ok(())
}
