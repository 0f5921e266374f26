//! `mispair build` and `mispair newsroom`.

use super::args::{Build, DtypeArg, Newsroom};
use super::render::{bytes, count};
use super::talk::Bars;
use crate::import::{Corpus, Report, Talk, build};
use crate::matrix::Dtype;
use crate::newsroom;
use crate::publish::Staging;
use anyhow::{Result, anyhow};
use std::path::Path;
use std::time::Instant;

pub(super) fn run(args: &Build, talk: &Bars) -> Result<()> {
    let dtype = match args.dtype {
        DtypeArg::F32 => Dtype::F32,
        DtypeArg::F16 => Dtype::F16,
    };
    let corpus = match (&args.corpus, &args.newsclippings, &args.clip_retrieval) {
        (Some(file), ..) => Corpus::read(file)?,
        (None, Some(dir), _) => Corpus::published(dir, dtype)?,
        (None, None, Some(dir)) => Corpus::clip_retrieval(dir, dtype)?,
        (None, None, None) => return Err(anyhow!("name a corpus file, --newsclippings DIR or --clip-retrieval DIR")),
    };
    make(&corpus, &args.out, args.force, talk).map(drop)
}

/// Builds, and says what was built.
pub(super) fn make(corpus: &Corpus, out: &Path, force: bool, talk: &Bars) -> Result<Report> {
    let start = Instant::now();
    let report = build(corpus, out, force, talk)?;
    talk.clear();
    talk.note(&format!(
        "{}: {} samples, {} in {:.1} s",
        out.display(),
        count(report.samples),
        bytes(report.bytes),
        start.elapsed().as_secs_f64()
    ));
    for (name, rows, dim) in &report.modalities {
        let missing = match report.samples - rows {
            0 => String::new(),
            n => format!(", {} samples have none", count(n)),
        };
        talk.note(&format!("  {name:<14} {} × {dim}{missing}", count(*rows)));
    }
    for (name, measured) in &report.graphs {
        if let Some(step) = measured.usual() {
            talk.note(&format!(
                "  graph          {name}: recall@{} {:.4} at ef {}, {} of {} rows visited ({} held-out queries against a full scan)",
                measured.k,
                measured.recall(step),
                step.ef,
                count(step.visited / u64::from(measured.queries.max(1))),
                count(report.modalities.iter().find(|m| m.0 == *name).map_or(0, |m| m.1)),
                count(measured.queries)
            ));
        }
    }
    if !report.partitions.is_empty() {
        let each: Vec<_> = report.partitions.iter().map(|(name, n)| format!("{name} {}", count(*n))).collect();
        talk.note(&format!("  partitions     {}", each.join(", ")));
    }
    Ok(report)
}

pub(super) fn newsroom(args: &Newsroom, talk: &Bars) -> Result<()> {
    let staging = Staging::begin(&args.out, false, "visual_news")?;
    let report = make_newsroom(staging.folder(), args.samples, args.seed, talk)?;
    staging.publish()?;
    talk.note(&format!(
        "{}\n\n{}: build an index with `mispair build --newsclippings {} --out INDEX`",
        report,
        args.out.display(),
        args.out.display()
    ));
    Ok(())
}

/// Writes a made-up newsroom into a folder.
pub(super) fn make_newsroom(folder: &Path, samples: u32, seed: u64, talk: &Bars) -> Result<String> {
    talk.begin("newsroom", u64::from(samples));
    let settings = newsroom::Newsroom { samples, seed };
    let mut before = 0;
    let report = newsroom::generate(folder, &settings, &mut |done, _| {
        talk.advance(done - before);
        before = done;
    })?;
    talk.clear();
    let each: Vec<_> = report.partitions.iter().map(|p| format!("{} {}", count(p.samples), p.name)).collect();
    let odd: Vec<_> = report.oddities.iter().map(|(what, n)| format!("{n} × {what}")).collect();
    Ok(format!(
        "{}\n\n{} samples. With what real archives have, too: {}.",
        newsroom::describe(),
        each.join(", "),
        odd.join(", ")
    ))
}

/// Draws the pictures of a newsroom in the same folder.
pub(super) fn draw_newsroom(folder: &Path, samples: u32, seed: u64, talk: &Bars) -> Result<u64> {
    talk.begin("pictures", u64::from(samples));
    let files = newsroom::draw(folder, &newsroom::Newsroom { samples, seed }, &|_, _| talk.advance(1))?;
    talk.clear();
    Ok(files)
}
