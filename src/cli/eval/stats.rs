//! `mispair eval stats`.

use super::super::args::Format;
use super::super::render::{count, line, right, table};
use super::super::{open, waive};
use super::args::Stats;
use crate::constraints::{Balance, Bound, Split};
use crate::evaluation::{self, Check, Dataset, State, invariants, pair_rules, placed};
use crate::index::Index;
use crate::words::SampleId;
use anyhow::{Result, bail};
use serde_json::json;
use std::io::{self, Write};

pub(super) fn run(args: &Stats) -> Result<()> {
    let mut dataset = super::read(&args.dataset)?;
    let index = args.index.as_deref().map(open).transpose()?;
    let mut checks = Vec::new();
    if let Some(index) = &index {
        checks.extend(ids(&mut dataset, index));
    }
    let by_swaps = |split: &str| Split::builtin(split).is_ok_and(|s| s.balance_images == Balance::Swaps);
    checks.extend(invariants(&dataset, &by_swaps));
    if let Some(index) = &index {
        checks.extend(rules(&dataset, index, args)?);
    }
    let stats = evaluation::stats(&dataset);
    let mut out = io::stdout().lock();
    match args.format {
        Format::Json => super::json(&json!({"stats": stats, "checks": checks}), &mut out)?,
        Format::Table => people(&stats, &checks, &mut out)?,
    }
    out.flush()?;
    drop(out);
    let broken: Vec<&Check> = checks.iter().filter(|c| c.state == State::Broken).collect();
    if args.check && !broken.is_empty() {
        let named: Vec<String> = broken.iter().take(3).map(|c| format!("{} ({})", c.check, c.scope)).collect();
        bail!("{}: {} checks are broken: {}", args.dataset.dataset.display(), broken.len(), named.join("; "));
    }
    Ok(())
}

/// Joins with the index by id. Ids that it lacks are a broken promise, named.
fn ids(dataset: &mut Dataset, index: &Index) -> Vec<Check> {
    let catalog = &index.catalog;
    let looked_at = dataset.parts.iter().map(|p| 2 * p.entries.len() as u64).sum();
    let find = |id: &SampleId| catalog.find_any_type(id).map(|row| (catalog.caption(row), catalog.image_path(row)));
    let unknown = dataset.hydrate(find);
    let offending = unknown.len() as u64;
    let examples = unknown.into_iter().take(evaluation::NAMED);
    let examples = examples.map(|(id, place)| format!("id {} ({place}): not in the index", id.to_json())).collect();
    let state = if offending == 0 { State::Holds } else { State::Broken };
    let (check, scope) = ("ids".to_owned(), "all files".to_owned());
    vec![Check { check, scope, state, looked_at, offending, examples }]
}

/// Every rule of every split (or block) that is one of the built-in ones.
fn rules(dataset: &Dataset, index: &Index, args: &Stats) -> Result<Vec<Check>> {
    let mut checks = Vec::new();
    for part in &dataset.parts {
        let blocks: Vec<(String, Option<u32>)> = match part.is_merged() {
            true => part.blocks.iter().cloned().zip((0..).map(Some)).collect(),
            false => vec![(part.split.clone(), None)],
        };
        for (name, block) in blocks {
            let Ok(mut split) = Split::builtin(&name) else { continue };
            waive(&mut split, &args.waive)?;
            let scope = if block.is_some() { format!("{}, block {name}", part.name()) } else { part.name() };
            let promised = !args.no_balance && split.balance_images == Balance::Halves;
            // A merged set takes some pairs of each split: nobody promises which half.
            let promised = promised && block.is_none();
            let pairs = placed(part, block, |id| index.catalog.find_any_type(id));
            checks.extend(pair_rules(&Bound::new(index, split)?, &scope, &pairs, promised));
        }
    }
    Ok(checks)
}

fn people(stats: &evaluation::Stats, checks: &[Check], out: &mut impl Write) -> Result<()> {
    let mut head = vec!["samples"];
    head.extend(stats.partitions.iter().map(String::as_str));
    head.push("total");
    let mut sizes = table(&head);
    let mut row = |name: &str, numbers: &[u64]| {
        let mut cells = vec![name.into()];
        cells.extend(numbers.iter().map(|&n| right(count(n))));
        cells.push(right(count(numbers.iter().sum::<u64>())));
        sizes.add_row(cells);
    };
    stats.splits.iter().filter(|s| !s.merged).for_each(|s| row(&s.split, &s.samples));
    if stats.splits.iter().filter(|s| !s.merged).count() > 1 {
        row("total, sum", &stats.total_sum);
        row("total, unique", &stats.total_unique);
    }
    stats.splits.iter().filter(|s| s.merged).for_each(|s| row(&s.split, &s.samples));
    writeln!(out, "{sizes}\n")?;

    let head = [
        "split",
        "partition",
        "samples",
        "captions",
        "images",
        "pristine",
        "falsified",
        "in both",
        "most often",
        "swaps",
    ];
    let mut groups = table(&head);
    for g in &stats.groups {
        let name = g.block.as_ref().map_or(g.split.clone(), |b| format!("{}: {b}", g.split));
        let mut cells = vec![name.into(), g.partition.as_str().into()];
        let numbers =
            [g.samples, g.captions, g.images, g.pristine_images, g.falsified_images, g.both, g.most_falsified, g.swaps];
        cells.extend(numbers.map(|n| right(count(n))));
        groups.add_row(cells);
    }
    writeln!(out, "{groups}")?;
    writeln!(
        out,
        "pristine, falsified, in both: distinct images; most often: falsified samples of one image; swaps: two captions with each \
         other's image\n"
    )?;

    let mut shown = table(&["check", "of", "", "looked at", "offending"]);
    for c in checks {
        let state = match c.state {
            State::Holds => "holds",
            State::Broken => "BROKEN",
            State::NotPromised => "not promised",
            State::Unknown => "unknown",
        };
        let numbers = [right(count(c.looked_at)), right(count(c.offending))];
        let mut cells = vec![c.check.as_str().into(), c.scope.as_str().into(), state.into()];
        cells.extend(numbers);
        shown.add_row(cells);
    }
    writeln!(out, "{shown}")?;
    for c in checks.iter().filter(|c| matches!(c.state, State::Broken | State::Unknown)) {
        writeln!(out, "\n{} ({}):", c.check, c.scope)?;
        c.examples.iter().try_for_each(|e| writeln!(out, "  {}", line(e, 400)))?;
        let more = c.offending.saturating_sub(c.examples.len() as u64);
        if more > 0 {
            writeln!(out, "  and {} more", count(more))?;
        }
    }
    Ok(())
}
