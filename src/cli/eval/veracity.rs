//! `mispair eval veracity`.

use super::super::args::Format;
use super::super::render::{count, right, table};
use super::super::talk::Bars;
use super::args::VeracityArgs;
use super::dictionary;
use crate::evaluation::veracity::{
    Gazetteer, GeoName, Synonyms, Veracity, VeracityScore, date_delta, dates_in, is_unknown, meteor, names_in, people,
    rouge_l, veracity,
};
use crate::formats::{Cells, read_columns};
use crate::import::Talk;
use crate::mapped::Mapped;
use crate::publish::write_file;
use anyhow::{Context, Result, bail};
use serde::Serialize;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// The context items, as columns.
const ITEMS: [&str; 7] = ["source", "date", "location", "motivation", "people", "things", "event"];

/// A measure's mean over the rows whose truth is known.
#[derive(Debug, Default, Serialize)]
struct Measure {
    rows: u64,
    /// Rows with an answer; without one a row counts 0.
    answered: u64,
    mean: f64,
}

/// One number of one row.
#[derive(Serialize)]
struct RowScore<'a> {
    id: &'a str,
    item: &'static str,
    measure: &'static str,
    score: f64,
}

#[derive(Serialize)]
struct Report {
    veracity: Option<VeracityScore>,
    context: BTreeMap<&'static str, BTreeMap<&'static str, Measure>>,
    /// What METEOR matched beside equal words.
    meteor_matches: &'static [&'static str],
    rows: u64,
    missing_predictions: u64,
    skipped: Vec<String>,
}

pub(super) fn run(args: &VeracityArgs, talk: &Bars) -> Result<()> {
    let label = args.label.as_str();
    let verdict = args.verdict.as_str();
    let truth = Table::read(&args.truth, &args.id_column, label)?;
    let predicted = Table::read(&args.predictions, &args.id_column, verdict)?;
    let known: HashSet<&String> = truth.rows.iter().map(|r| &r.0).collect();
    let mut strangers: Vec<&String> = predicted.by_id.keys().filter(|id| !known.contains(id)).collect();
    strangers.sort();
    let missing = truth.rows.iter().filter(|r| !predicted.by_id.contains_key(&r.0)).count();
    let named = strangers.iter().take(5).map(|s| s.as_str()).collect::<Vec<_>>().join(", ");
    if missing == truth.rows.len() {
        bail!(
            "{}: none of its {} ids is in {} (the first are {named}); rows are joined by {:?}",
            args.predictions.display(),
            predicted.by_id.len(),
            args.truth.display(),
            args.id_column
        );
    }
    if !strangers.is_empty() {
        talk.note(&format!(
            "note: {} predictions about ids that the truth lacks, the first are {named}",
            strangers.len()
        ));
    }
    if missing > 0 {
        talk.note(&format!("note: {missing} of {} rows have no prediction; they count as wrong", truth.rows.len()));
    }
    let gazetteer = args.geonames.as_deref().map(gazetteer).transpose()?;
    let dictionary = args.wordnet.as_deref().map(dictionary::read).transpose()?;
    let mut skipped = Vec::new();
    let verdicts = if truth.has(label) && predicted.has(verdict) {
        let mut rows = Vec::new();
        for (id, cells) in &truth.rows {
            let Some(said) = truth.cell(cells, label) else { continue };
            let Some(own) = Veracity::parse(said) else {
                bail!(
                    "{}: id {id}: {label:?} is {said:?}, neither accurate (pristine, true) nor out-of-context (falsified, false)",
                    args.truth.display()
                );
            };
            let answer = predicted.by_id.get(id).and_then(|&row| predicted.cell(&predicted.rows[row].1, verdict));
            rows.push((own, answer.and_then(Veracity::parse)));
        }
        Some(veracity(rows.into_iter()))
    } else {
        skipped.push(format!(
            "verdicts: the truth has no column {label:?}, or the predictions have no column {verdict:?}"
        ));
        None
    };
    let mut context: BTreeMap<&'static str, BTreeMap<&'static str, Measure>> = BTreeMap::new();
    let mut each: Vec<RowScore<'_>> = Vec::new();
    for item in ITEMS {
        if !truth.has(item) || !predicted.has(item) {
            if truth.has(item) || predicted.has(item) {
                skipped.push(format!("{item}: only one of the two files has it"));
            }
            continue;
        }
        if item == "location" && gazetteer.is_none() {
            skipped.push("location by coordinates and hierarchy: name a GeoNames file with --geonames".into());
        }
        let mut sums: BTreeMap<&'static str, (u64, u64, f64)> = BTreeMap::new();
        for (id, cells) in &truth.rows {
            let Some(own) = truth.cell(cells, item) else { continue };
            let own = texts(own);
            if own.iter().all(|t| is_unknown(t)) {
                continue;
            }
            let answer = predicted.by_id.get(id).and_then(|&row| predicted.cell(&predicted.rows[row].1, item));
            let answer = answer.map(|a| texts(a).join(", ")).filter(|a| !is_unknown(a));
            let answered = answer.as_deref().unwrap_or("");
            for (measure, value) in scores(item, answered, &own, gazetteer.as_ref(), dictionary.as_ref()) {
                each.push(RowScore { id, item, measure, score: value });
                let sum = sums.entry(measure).or_default();
                *sum = (sum.0 + 1, sum.1 + u64::from(answer.is_some()), sum.2 + value);
            }
        }
        let means = sums
            .into_iter()
            .map(|(name, (rows, answered, sum))| (name, Measure { rows, answered, mean: sum / rows.max(1) as f64 }));
        context.insert(item, means.collect());
    }
    let report = Report {
        veracity: verdicts,
        context,
        meteor_matches: if dictionary.is_some() { &["stems", "synonyms"] } else { &["stems"] },
        rows: truth.rows.len() as u64,
        missing_predictions: missing as u64,
        skipped,
    };
    if let Some(to) = &args.rows {
        if to.exists() && !args.force {
            bail!("{}: exists already; choose another file, or pass --force to replace it", to.display());
        }
        write_file(to, |file| {
            let mut file = BufWriter::new(file);
            for row in &each {
                serde_json::to_writer(&mut file, row)?;
                file.write_all(b"\n")?;
            }
            file.flush()
        })?;
    }
    let mut out = io::stdout().lock();
    match args.format {
        Format::Json => super::json(&report, &mut out),
        Format::Table => show(&report, &mut out),
    }
}

/// A cell may hold a list, as JSON.
fn texts(cell: &str) -> Vec<String> {
    match serde_json::from_str::<Vec<serde_json::Value>>(cell) {
        Ok(list) => list.into_iter().map(|v| v.as_str().map_or(v.to_string(), str::to_owned)).collect(),
        Err(_) => vec![cell.to_owned()],
    }
}

/// The measures of an item (COVE, §4.2). Of several true texts the most similar counts for ROUGE-L and METEOR.
fn scores(
    item: &str,
    answer: &str,
    truth: &[String],
    places: Option<&Gazetteer>,
    dictionary: Option<&Synonyms>,
) -> Vec<(&'static str, f64)> {
    let best = |measure: &dyn Fn(&str) -> f64| truth.iter().map(|t| measure(t)).fold(0.0, f64::max);
    let texts = || {
        let meteor = best(&|t| meteor(answer, t, dictionary));
        vec![("ROUGE-L", best(&|t| rouge_l(answer, t))), ("METEOR", meteor)]
    };
    match item {
        "date" => {
            let own: Vec<_> = truth.iter().flat_map(|t| dates_in(t)).collect();
            // What is no date for us cannot be compared with one.
            if own.is_empty() { Vec::new() } else { vec![("date Δ", date_delta(&dates_in(answer), &own))] }
        }
        "people" => {
            let own = truth.iter().flat_map(|t| names_in(t)).collect();
            let s = people(&names_in(answer), &own);
            vec![("precision", s.precision), ("recall", s.recall), ("F1", s.f1)]
        }
        "location" => {
            let mut all = texts();
            if let Some(s) = places.and_then(|p| p.score(answer, &truth.join(", "))) {
                all.extend([("coordinate Δ", s.coordinates), ("hierarchy Δ", s.hierarchy)]);
            }
            all
        }
        _ => texts(),
    }
}

fn gazetteer(path: &Path) -> Result<Gazetteer> {
    let file = Mapped::open(path).with_context(|| path.display().to_string())?;
    let records: Vec<GeoName> = serde_json::from_slice(&file).with_context(|| {
        format!("{}: a JSON array of {{query, coordinates, hierarchy}} is expected", path.display())
    })?;
    Ok(Gazetteer::new(records))
}

/// A file's columns by id.
struct Table {
    columns: Vec<String>,
    rows: Vec<(String, Vec<Option<String>>)>,
    by_id: HashMap<String, usize>,
}

impl Table {
    fn read(path: &Path, id: &str, verdict: &str) -> Result<Table> {
        let file = Mapped::open(path).with_context(|| path.display().to_string())?;
        // Rows are never joined by their places.
        let ids = read_columns(&file, path, id, &[id])
            .with_context(|| format!("{}: rows are joined by ids; --id-column names their column", path.display()))?;
        if let Some(without) = ids.iter().find(|r| r.cells == [None]) {
            bail!("{}: no {id:?}; rows are joined by it", without.at);
        }
        let wanted: Vec<&str> = ITEMS.iter().copied().chain([verdict]).collect();
        // Which of them the file has is found by asking for each.
        let columns: Vec<&str> = wanted.into_iter().filter(|w| read_columns(&file, path, id, &[w]).is_ok()).collect();
        let records: Vec<Cells> = read_columns(&file, path, id, &columns)?;
        if records.is_empty() {
            bail!("{}: no rows", path.display());
        }
        if columns.is_empty() {
            bail!(
                "{}: neither {verdict:?} nor a context item ({}) is a column of it",
                path.display(),
                ITEMS.join(", ")
            );
        }
        let mut by_id = HashMap::new();
        for (row, record) in records.iter().enumerate() {
            if by_id.insert(record.id.to_string(), row).is_some() {
                bail!("{}: id {} stands twice", record.at, record.id.to_json());
            }
        }
        let rows = records.into_iter().map(|r| (r.id.to_string(), r.cells)).collect();
        Ok(Table { columns: columns.into_iter().map(str::to_owned).collect(), rows, by_id })
    }

    fn has(&self, column: &str) -> bool {
        self.columns.iter().any(|c| c == column)
    }

    fn cell<'c>(&self, cells: &'c [Option<String>], column: &str) -> Option<&'c str> {
        cells.get(self.columns.iter().position(|c| c == column)?)?.as_deref()
    }
}

fn show(report: &Report, out: &mut impl Write) -> Result<()> {
    if let Some(v) = &report.veracity {
        let mut shown = table(&["rows", "decided", "accuracy", "R_ACC", "R_OOC", "macro-F1"]);
        let share = |s: f64| right(format!("{:.4}", s));
        shown.add_row(vec![
            right(count(v.rows)),
            right(count(v.decided)),
            share(v.accuracy),
            share(v.recall_accurate),
            share(v.recall_out_of_context),
            share(v.macro_f1),
        ]);
        writeln!(out, "{shown}\n")?;
        let mut shown = table(&["truth", "called accurate", "called out-of-context", "undecided"]);
        for (name, row) in ["accurate", "out-of-context"].iter().zip(v.confusion) {
            let mut cells = vec![(*name).into()];
            cells.extend(row.map(|n| right(count(n))));
            shown.add_row(cells);
        }
        writeln!(out, "{shown}\n")?;
    }
    if !report.context.is_empty() {
        let mut shown = table(&["context item", "measure", "rows", "answered", "mean"]);
        for (item, measures) in &report.context {
            for (name, m) in measures {
                shown.add_row(vec![
                    (*item).into(),
                    (*name).into(),
                    right(count(m.rows)),
                    right(count(m.answered)),
                    right(format!("{:.4}", m.mean)),
                ]);
            }
        }
        writeln!(out, "{shown}")?;
        writeln!(out, "METEOR matches equal words, {}", report.meteor_matches.join(", "))?;
    }
    report.skipped.iter().try_for_each(|s| writeln!(out, "skipped: {s}"))?;
    Ok(())
}
