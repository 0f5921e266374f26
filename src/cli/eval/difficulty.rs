//! `mispair eval difficulty`.

use super::super::args::Format;
use super::super::render::{count, right, table};
use super::super::talk::Bars;
use super::super::{command, open, usage};
use super::args::Difficulty;
use crate::evaluation::Dataset;
use crate::evaluation::difficulty::{self, Accuracy, Combined, Predictions, ProbeRow, Settings, Training, combine};
use crate::formats::read_columns;
use crate::import::Talk;
use crate::mapped::Mapped;
use crate::publish::Staging;
use crate::report::{JUDGED, Judged, write_judged};
use crate::words::SampleId;
use anyhow::{Context, Result, bail};
use std::collections::HashMap;
use std::io::{self, Write};
use std::path::Path;

pub(super) fn run(args: &Difficulty, talk: &Bars) -> Result<()> {
    let dataset = super::read(&args.dataset)?;
    let index = open(&args.index)?;
    let archive = args.evidence.as_deref().map(open).transpose()?;
    if args.predictions.len() > 2 {
        return Err(usage("--predictions: two files at most can be combined"));
    }
    // Whatever is wrong with files is said before anything is trained.
    let others: Vec<Predictions> = args.predictions.iter().map(|p| predictions(p, &dataset)).collect::<Result<_>>()?;
    let staging = args.out.as_ref().map(|out| Staging::begin(out, args.force, JUDGED)).transpose()?;
    let training =
        Training { hidden: args.hidden as usize, epochs: args.epochs, seed: args.seed, ..Training::default() };
    let settings = Settings {
        text: args.captions.clone(),
        image: args.images.clone(),
        train: args.train.clone(),
        probes: !args.no_probes,
        training,
    };
    let watch = |what: &str| talk.begin(what, 0);
    let mut found = difficulty::difficulty(&dataset, &index, &settings, archive.as_ref(), &watch)?;
    talk.clear();
    let name = |path: &Path| path.display().to_string();
    for (file, p) in args.predictions.iter().zip(&others) {
        found.probes.push(ProbeRow {
            split: "all files".into(),
            partition: String::new(),
            block: None,
            probe: file.clone(),
            trained_on: 0,
            rows: p.truth.len() as u64,
            accuracy: p.accuracy(),
            roc: p.roc(),
        });
    }
    let combined = match others.as_slice() {
        [a, b] => combine(a, b),
        _ => None,
    };
    let report = Judged {
        mispair: env!("CARGO_PKG_VERSION"),
        dataset: name(&args.dataset.dataset),
        about: vec![
            ("index", format!("{}, checksum {}", index.name, index.checksum)),
            ("encoders", format!("{} and {}", settings.text, settings.image)),
            (
                "probes",
                format!(
                    "trained on {:?}; MLP of {} hidden units, {} epochs, seed {}",
                    settings.train, training.hidden, training.epochs, training.seed
                ),
            ),
            ("made by", format!("mispair {}: {}", env!("CARGO_PKG_VERSION"), command())),
        ],
        found: &found,
        combined,
    };
    if let Some(staging) = staging {
        write_judged(staging.folder(), &report)?;
        staging.publish()?;
    }
    let mut out = io::stdout().lock();
    match args.format {
        Format::Json => super::json(&report, &mut out)?,
        Format::Table => people(&report, &mut out)?,
    }
    if let Some(folder) = &args.out {
        talk.note(&format!("plots and tables: {}", folder.join("difficulty.html").display()));
    }
    Ok(())
}

/// A file of predictions, joined with the dataset's rows by caption id and image id. `named`: its path, and behind `#` the column of
/// scores.
fn predictions(named: &str, dataset: &Dataset) -> Result<Predictions> {
    let (path, column) = match named.rsplit_once('#') {
        Some((path, column)) if !Path::new(named).exists() => (Path::new(path), column),
        _ => (Path::new(named), "score"),
    };
    let file = Mapped::open(path).with_context(|| path.display().to_string())?;
    let mut scores: HashMap<(SampleId, SampleId), f32> = HashMap::new();
    for record in read_columns(&file, path, "id", &["id", "image_id", column])? {
        let [Some(_), Some(image), Some(score)] = record.cells.as_slice() else {
            bail!("{}: id, image_id and {column} must be there; give every row of the dataset a score", record.at);
        };
        let score: f32 = match score.trim().parse() {
            Ok(score) if (0.0..=1.0).contains(&score) => score,
            _ => bail!("{}: {column} {score:?} is no probability from 0 (pristine) to 1 (falsified)", record.at),
        };
        let key = (plain(&record.id), plain(&SampleId::from(image.as_str())));
        if scores.insert(key, score).is_some_and(|other| other != score) {
            bail!("{}: id {} with image_id {image} has another {column} above", record.at, record.id.to_json());
        }
    }
    let (mut found, mut missing) = (Predictions::default(), Vec::new());
    for entry in dataset.parts.iter().flat_map(|p| &p.entries) {
        match scores.get(&(plain(&entry.id), plain(&entry.image_id))) {
            Some(&score) => {
                found.truth.push(entry.falsified);
                found.scores.push(score);
            }
            None => missing.push(format!("id {} with image_id {}", entry.id.to_json(), entry.image_id.to_json())),
        }
    }
    if let Some(first) = missing.first() {
        bail!(
            "{}: {} rows of the dataset have no score, the first is {first}; name the files that were predicted",
            path.display(),
            missing.len()
        );
    }
    Ok(found)
}

/// `5` and `"5"` are one id in a file of text cells.
fn plain(id: &SampleId) -> SampleId {
    SampleId::Text(id.to_string())
}

fn percent(share: f64) -> comfy_table::Cell {
    right(format!("{:.2}%", 100.0 * share))
}

fn people(report: &Judged<'_>, out: &mut impl Write) -> Result<()> {
    let mut shown =
        table(&["split", "partition", "block", "pairs", "ranking", "ties", "one of five", "own CTI", "wrong CTI"]);
    for g in &report.found.groups {
        let mean =
            |h: &Option<difficulty::Histogram>| right(h.as_ref().map_or("–".into(), |h| format!("{:.3}", h.mean)));
        shown.add_row(vec![
            g.split.as_str().into(),
            g.partition.as_str().into(),
            g.block.as_deref().unwrap_or("").into(),
            right(count(g.ranking.pairs)),
            percent(g.ranking.share),
            right(count(g.ranking.ties)),
            g.one_of_five.map_or_else(|| right("–"), |o| percent(o.share)),
            mean(&g.pristine),
            mean(&g.falsified),
        ]);
    }
    writeln!(out, "{shown}")?;
    writeln!(
        out,
        "ranking: CLIP prefers the right image (half by design); one of five: with four random ones in place of the wrong one"
    )?;
    let (unknown, missing) =
        report.found.groups.iter().fold((0, 0), |n, g| (n.0 + g.unknown_ids, n.1 + g.missing_vectors));
    if unknown + missing > 0 {
        writeln!(out, "left out: {unknown} pairs whose ids the index lacks, {missing} pairs without a vector")?;
    }
    if !report.found.probes.is_empty() {
        let mut shown = table(&["split", "partition", "block", "probe", "rows", "all", "pristine", "falsified", "AUC"]);
        for p in &report.found.probes {
            let mut cells = vec![
                p.split.as_str().into(),
                p.partition.as_str().into(),
                p.block.as_deref().unwrap_or("").into(),
                p.probe.as_str().into(),
                right(count(p.rows)),
            ];
            cells.extend(three(&p.accuracy));
            cells.push(right(p.roc.as_ref().map_or("–".into(), |r| format!("{:.4}", r.auc))));
            shown.add_row(cells);
        }
        writeln!(out, "\n{shown}")?;
    }
    if let Some(Combined { a, b, average, overlap, union, .. }) = &report.combined {
        let mut shown = table(&["two models", "all", "pristine", "falsified"]);
        for (what, accuracy) in [("first", a), ("second", b), ("mean of the two scores", average)] {
            let mut cells = vec![what.into()];
            cells.extend(three(accuracy));
            shown.add_row(cells);
        }
        shown.add_row(vec!["both right".into(), percent(*overlap)]);
        shown.add_row(vec!["one right, or both".into(), percent(*union)]);
        writeln!(out, "\n{shown}")?;
    }
    report.found.skipped.iter().try_for_each(|s| writeln!(out, "skipped: {s}"))?;
    Ok(())
}

fn three(a: &Accuracy) -> [comfy_table::Cell; 3] {
    [a.all, a.pristine, a.falsified].map(percent)
}
