//! `mispair export`.

use super::args_export::{Export, MiningArgs, SamplingArg, ShapeArg, Store};
use super::render::count;
use super::talk::Bars;
use super::{split_named, usage, waive};
use crate::constraints::Bound;
use crate::dataset::{
    Hydrated, Mining, Neighbours, SUMMARY, Sampling, Shape, check_index, hydrate, mine, shaped, write_clip_retrieval,
    write_milvus, write_modality, write_neighbours,
};
use crate::formats::read_annotations;
use crate::import::Talk;
use crate::index::{Index, Modality};
use crate::mapped::Mapped;
use crate::publish::write_file;
use crate::query::{Error, Searcher};
use anyhow::{Context, Result, bail};
use serde::Serialize;
use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// A row of a whole dataset: with the file it comes from.
#[derive(Serialize)]
struct Row {
    #[serde(skip_serializing_if = "Option::is_none")]
    split: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    partition: Option<String>,
    #[serde(flatten)]
    row: Hydrated,
}

pub(super) fn run(args: &Export, talk: &Bars) -> Result<()> {
    if args.hydrate {
        return hydrated(args);
    }
    let index = super::open(&args.source)?;
    if let Some(split) = &args.hard_negatives {
        return hard_negatives(&index, split, args, talk);
    }
    let Some(out) = &args.out else { return Err(usage("this export needs --out")) };
    if let (Some(Store::Milvus), Some(split)) = (args.to, &args.split) {
        let mut split = split_named(split)?;
        waive(&mut split, &args.waive)?;
        let bound = Bound::new(&index, split)?;
        talk.begin("samples", bound.search.len() as u64);
        let written = write_milvus(&bound, out, args.force, &|n| talk.advance(n));
        talk.clear();
        let written = written?;
        let left: Vec<&str> = written.left.iter().map(|rule| rule.name()).collect();
        talk.note(&format!(
            "{}: {} samples, {} captions with their filters{}",
            out.display(),
            count(written.samples),
            count(written.queries),
            if left.is_empty() {
                String::new()
            } else {
                format!("; left to be checked on what is found: {}", left.join(", "))
            }
        ));
        return Ok(());
    }
    if let Some(name) = &args.neighbours {
        let searched = modality(&index, name)?;
        let from = args.from.as_deref().map_or(Ok(searched), |name| modality(&index, name))?;
        let wanted = Neighbours { searched, from, k: args.k as usize, engine: args.engine.chosen() };
        free(args, out)?;
        talk.begin("neighbours", from.matrix.len() as u64);
        let mut asked = 0;
        let written = write_file(out, |file| {
            let table = write_neighbours(&index, wanted, out, BufWriter::new(file), &|n| talk.advance(n));
            asked = table.map_err(io::Error::other)?;
            Ok(())
        });
        talk.clear();
        written?;
        talk.note(&format!("{}: the neighbours of {} samples", out.display(), count(asked)));
    } else if let Some(name) = &args.matrix {
        let rows = write_modality(&index, modality(&index, name)?, out, args.force)?;
        talk.note(&format!("{}: {} rows", out.display(), count(rows)));
    } else {
        let rows = write_clip_retrieval(&index, out, args.force)?;
        let all = index.catalog.len() as usize;
        let left =
            if rows < all { format!("; {} lack a vector and are left out", count(all - rows)) } else { String::new() };
        talk.note(&format!("{}: {} samples{left}", out.display(), count(rows)));
    }
    Ok(())
}

fn modality<'i>(index: &'i Index, name: &str) -> Result<&'i Modality> {
    let have = || index.modalities.iter().map(|m| m.name.clone()).collect();
    Ok(index.modality(name).ok_or_else(|| Error::UnknownModality { got: name.to_owned(), have: have() })?)
}

/// A file that is there is replaced only when asked for.
fn free(args: &Export, out: &Path) -> Result<()> {
    if out.exists() && !args.force {
        bail!("{}: exists already; choose another file, or pass --force to replace it", out.display());
    }
    Ok(())
}

/// To the file, or to stdout.
fn print(args: &Export, lines: impl Fn(&mut dyn Write) -> io::Result<()>) -> Result<()> {
    let whole = |out: &mut dyn Write| {
        let mut out = BufWriter::new(out);
        lines(&mut out)?;
        out.flush()
    };
    match &args.out {
        None => whole(&mut io::stdout().lock())?,
        Some(to) => {
            free(args, to)?;
            write_file(to, |file| whole(file))?;
        }
    }
    Ok(())
}

fn hard_negatives(index: &Index, split: &str, args: &Export, talk: &Bars) -> Result<()> {
    let mining = mining(&args.mining, args.engine.chosen());
    if let Some(fault) = mining.fault() {
        return Err(usage(fault));
    }
    if let Some(out) = &args.out {
        free(args, out)?;
    }
    let mut split = split_named(split)?;
    waive(&mut split, &args.waive)?;
    let searcher = Searcher::new(Bound::new(index, split)?);
    talk.begin("hard negatives", u64::from(index.catalog.len()));
    let mined = mine(index, &searcher, &mining, &|n| talk.advance(n));
    talk.clear();
    let mined = mined?;
    let shape = match args.mining.output_format {
        ShapeArg::Triplet => Shape::Triplet,
        ShapeArg::NTuple => Shape::NTuple,
        ShapeArg::LabeledPair => Shape::LabeledPair,
        ShapeArg::LabeledList => Shape::LabeledList,
    };
    print(args, |out| {
        for row in mined.iter().flat_map(|m| shaped(&index.catalog, m, shape, mining.num_negatives)) {
            serde_json::to_writer(&mut *out, &row)?;
            out.write_all(b"\n")?;
        }
        Ok(())
    })?;
    let short = mined.iter().filter(|m| m.negatives.len() < mining.num_negatives).count();
    talk.note(&format!(
        "{} captions, {} negatives; {} captions have fewer than {}",
        count(mined.len()),
        count(mined.iter().map(|m| m.negatives.len()).sum::<usize>()),
        count(short),
        mining.num_negatives
    ));
    Ok(())
}

fn mining(args: &MiningArgs, engine: crate::retrieve::Engine) -> Mining {
    Mining {
        range_min: args.range_min,
        range_max: args.range_max,
        max_score: args.max_score,
        min_score: args.min_score,
        absolute_margin: args.margin,
        relative_margin: args.relative_margin,
        num_negatives: args.num_negatives,
        sampling: match args.sampling_strategy {
            SamplingArg::Top => Sampling::Top,
            SamplingArg::Random => Sampling::Random,
        },
        seed: args.seed,
        engine,
    }
}

fn hydrated(args: &Export) -> Result<()> {
    let Some(index) = &args.index else {
        return Err(usage("--hydrate needs the --index that the dataset was made of"));
    };
    let index = super::open(index)?;
    let rows = if args.source.is_dir() {
        let mut rows = Vec::new();
        for file in files_of(&args.source)? {
            let name = |p: Option<&std::ffi::OsStr>| p.map(|n| n.to_string_lossy().into_owned());
            let (split, partition) = (name(file.parent().and_then(Path::file_name)), name(file.file_stem()));
            let labelled = |row| Row { split: split.clone(), partition: partition.clone(), row };
            rows.extend(read(&index, &file)?.into_iter().map(labelled));
        }
        rows
    } else {
        read(&index, &args.source)?.into_iter().map(|row| Row { split: None, partition: None, row }).collect()
    };
    print(args, |out| {
        for row in &rows {
            serde_json::to_writer(&mut *out, row)?;
            out.write_all(b"\n")?;
        }
        Ok(())
    })
}

fn read(index: &Index, path: &Path) -> Result<Vec<Hydrated>> {
    check_index(index, path)?;
    let file = Mapped::open(path).with_context(|| path.display().to_string())?;
    let annotations = read_annotations(&file, path)?;
    Ok(hydrate(&index.catalog, &annotations, path).collect::<Result<_, _>>()?)
}

/// `DIR/<split>/<partition>.json`, sorted.
fn files_of(dataset: &Path) -> Result<Vec<PathBuf>> {
    if !dataset.join(SUMMARY).is_file() {
        bail!(
            "{}: no dataset here ({SUMMARY} is missing); name a folder made by `mispair match`, or one annotation file",
            dataset.display()
        );
    }
    let entries = |folder: &Path| -> Result<Vec<PathBuf>> {
        let list = fs::read_dir(folder).and_then(|d| d.map(|e| e.map(|e| e.path())).collect::<io::Result<Vec<_>>>());
        list.with_context(|| folder.display().to_string())
    };
    let mut files = Vec::new();
    for folder in entries(dataset)?.into_iter().filter(|p| p.is_dir()) {
        files.extend(entries(&folder)?.into_iter().filter(|p| p.extension().is_some_and(|e| e == "json")));
    }
    files.sort();
    Ok(files)
}
