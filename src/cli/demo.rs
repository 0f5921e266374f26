//! `mispair demo`: the whole job, with a report for somebody who has not read the paper.

use super::args::Demo;
use super::render::{count, line};
use super::talk::Bars;
use super::{build, matching, query, usage};
use crate::constraints::{Bound, Split, Subject, builtin_names};
use crate::daemon::{self, parse_listen};
use crate::dataset::SUMMARY;
use crate::import::Corpus;
use crate::index::{Index, MANIFEST};
use crate::matcher::pair::Pair;
use crate::matcher::run::{Outcome, Settings};
use crate::matrix::Dtype;
use crate::publish::Staging;
use crate::query::{Searcher, Wanted};
use crate::retrieve::Engine;
use anyhow::{Context, Result, bail};
use std::fs;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

/// Examples shown of each split.
const EXAMPLES: usize = 2;
/// The folder of what is made up, and beneath it the one where image paths begin.
const NEWSROOM: &str = "newsroom";
const IMAGES: &str = "visual_news/origin";
/// What marks a folder as a demo's, which may be made anew.
const MARK: &str = ".mispair-demo";

pub(super) fn run(args: &Demo, talk: &Bars) -> Result<()> {
    let start = Instant::now();
    let listen = parse_listen(&args.listen).map_err(|e| usage(format!("--listen {e}")))?;
    let listen = listen.ok_or_else(|| usage("--listen off: a page needs an address"))?;
    // What is given is read before what was made last time is removed.
    let given = args.data.as_deref().map(|dir| apart(dir, &args.out).and_then(|()| corpus_in(dir))).transpose()?;
    prepare(&args.out)?;
    let mut out = io::stdout().lock();
    let (corpus, made_up) = match given {
        Some(corpus) => (corpus, false),
        None => {
            let folder = args.out.join(NEWSROOM);
            heading(&mut out, "A made-up newsroom")?;
            let staging = Staging::begin(&folder, false, "visual_news")?;
            let described = build::make_newsroom(staging.folder(), args.samples, args.seed, talk)?;
            staging.publish()?;
            // Not before: thousands of drawings, made anew each time, would each be waited for until the disk has them.
            build::draw_newsroom(&folder, args.samples, args.seed, talk)?;
            writeln!(out, "{described}")?;
            (Corpus::published(&folder, Dtype::F32)?, true)
        }
    };
    heading(&mut out, "1. build: the index, made once")?;
    let place = args.out.join("index");
    build::make(&corpus, &place, true, talk)?;
    let opened = Instant::now();
    let index = Index::open(&place)?;
    writeln!(out, "opened in {:.1} ms: the files are mapped, nothing is read in advance", ms(opened))?;

    let splits = usable_splits(&index, &mut out)?;
    if splits.is_empty() {
        bail!("no built-in split fits this index; add the modalities they need to the corpus file");
    }
    heading(&mut out, "2. match: for every caption the most convincing wrong image")?;
    let settings = Settings { chunk_size: None, seed: args.seed, balance: true, engine: Engine::Auto };
    let staging = Staging::begin(&args.out.join("dataset"), true, SUMMARY)?;
    let outcome = matching::make(&index, &splits, splits.len() == builtin_names().len(), settings, staging, talk)?;
    matching::print(&outcome, &mut out)?;
    writeln!(
        out,
        "\nH: CLIP prefers the wrong image. L: it prefers the right one. Both are written in equal number, so that CLIP alone\n\
         cannot tell which is which; pairs over that are dropped, those first that CLIP sees through most easily."
    )?;
    rejections(&outcome, &mut out)?;
    heading(&mut out, "Some of the pairs")?;
    for ((name, partitions), split) in outcome.splits.iter().zip(&splits) {
        examples(&index, name, split, partitions.iter().flat_map(|p| &p.pairs), &mut out)?;
    }

    heading(&mut out, "3. query: one caption, and why others were rejected")?;
    one_query(&index, &splits, &outcome, &mut out)?;
    heading(&mut out, "What is there now")?;
    let here = args.out.display();
    if made_up {
        writeln!(out, "{here}/newsroom   the made-up archive, in the published layout")?;
    }
    writeln!(out, "{here}/index      the index: mispair info {here}/index")?;
    writeln!(out, "{here}/dataset    the pairs as published (JSON), as a table (pairs.parquet), and summary.json")?;
    writeln!(out, "all of it in {:.1} s", start.elapsed().as_secs_f64())?;
    if args.serve {
        let images = images_of(args, made_up);
        heading(&mut out, "In the browser")?;
        writeln!(out, "http://{listen}/          search; every answer leads to its explanation")?;
        writeln!(out, "http://{listen}/status    what is served, and how fast\n\nCtrl-C ends it.")?;
        drop(out);
        return serve(&place, images, listen);
    }
    if made_up {
        let images = args.out.join(NEWSROOM).join(IMAGES);
        let images = images.display();
        writeln!(
            out,
            "\nLook at it in a browser: mispair demo --serve, or mispair serve {here}/index --images {images}"
        )?;
    }
    Ok(())
}

/// Where the image paths of the corpus begin, if that is known.
fn images_of(args: &Demo, made_up: bool) -> Option<PathBuf> {
    let folder = match &args.data {
        Some(data) => [data.join(IMAGES), data.clone()].into_iter().find(|dir| dir.is_dir()),
        None => Some(args.out.join(NEWSROOM).join(IMAGES)),
    };
    folder.filter(|dir| made_up || dir.is_dir())
}

fn serve(index: &Path, images: Option<PathBuf>, listen: SocketAddr) -> Result<()> {
    let served = daemon::Served { name: "demo".to_owned(), path: index.to_owned(), images };
    let log = daemon::Log { level: daemon::LogLevel::Warn, ..daemon::Log::default() };
    let config = daemon::Config { listen: Some(listen), indexes: vec![served], log, ..daemon::Config::default() };
    // From here on signals are the daemon's.
    super::SERVES.store(true, Relaxed);
    Ok(daemon::serve(config, None)?)
}

fn ms(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1000.0
}

fn heading(out: &mut impl Write, text: &str) -> io::Result<()> {
    writeln!(out, "\n── {text} {}\n", "─".repeat(76usize.saturating_sub(text.chars().count())))
}

/// The demo's folder is made anew each time; a folder that is not a demo's is left alone.
fn prepare(out: &Path) -> Result<()> {
    let shown = out.display();
    if out.exists() {
        let empty = fs::read_dir(out).with_context(|| shown.to_string())?.next().is_none();
        if !empty && !out.join(MARK).is_file() {
            bail!("{shown}: exists and was not made by `mispair demo`; choose another folder with --out");
        }
        fs::remove_dir_all(out).with_context(|| shown.to_string())?;
    }
    fs::create_dir_all(out).and_then(|()| fs::write(out.join(MARK), "")).with_context(|| shown.to_string())
}

/// The demo's folder is made anew: the data must not lie in it, nor it in the data.
fn apart(data: &Path, out: &Path) -> Result<()> {
    let data = data.canonicalize().with_context(|| data.display().to_string())?;
    let whole = std::path::absolute(out).with_context(|| out.display().to_string())?;
    let out = out.canonicalize().unwrap_or(whole);
    if data.starts_with(&out) || out.starts_with(&data) {
        bail!(
            "{}: --data and --out must lie apart: the folder of --out is made anew; choose another --out",
            data.display()
        );
    }
    Ok(())
}

fn corpus_in(dir: &Path) -> Result<Corpus> {
    for name in ["CORPUS.toml", "corpus.toml"] {
        if dir.join(name).is_file() {
            return Ok(Corpus::read(&dir.join(name))?);
        }
    }
    if dir.join(MANIFEST).is_file() {
        bail!("{}: this is an index already; ask it with `mispair query`", dir.display());
    }
    Ok(Corpus::published(dir, Dtype::F32)?)
}

/// The built-in splits that the index has the modalities for.
fn usable_splits(index: &Index, out: &mut impl Write) -> Result<Vec<Split>> {
    let mut usable = Vec::new();
    for name in builtin_names() {
        let split = Split::builtin(name)?;
        match Bound::new(index, split.clone()) {
            Ok(_) => usable.push(split),
            Err(e) => writeln!(out, "left out: {e}")?,
        }
    }
    Ok(usable)
}

fn rejections(outcome: &Outcome, out: &mut impl Write) -> Result<()> {
    writeln!(out, "\nwhat rejects candidates (a sample of captions against every other sample):")?;
    for (name, partitions) in &outcome.splits {
        let mut counts = crate::constraints::RuleCounts::default();
        let mut tested = 0;
        for partition in partitions {
            counts.merge(&partition.summary.rejections.by_rule);
            tested += partition.summary.rejections.tested;
        }
        let share = |n: u64| format!("{:.1}%", 100.0 * n as f64 / tested.max(1) as f64);
        let each: Vec<_> = counts.iter().map(|(rule, n)| format!("{rule} {}", share(n))).collect();
        writeln!(out, "  {name}: {}; admissible {}", each.join(", "), share(tested - counts.total()))?;
    }
    Ok(())
}

fn examples<'p>(
    index: &Index,
    name: &str,
    split: &Split,
    pairs: impl Iterator<Item = &'p Pair>,
    out: &mut impl Write,
) -> Result<()> {
    let catalog = &index.catalog;
    let pairs: Vec<_> = pairs.collect();
    writeln!(out, "{name} ({} → {})", split.query, split.search)?;
    if pairs.is_empty() {
        writeln!(out, "  no pair\n")?;
    }
    // Spread over the corpus, the same ones each time.
    for pair in pairs.iter().step_by((pairs.len() / EXAMPLES).max(1)).take(EXAMPLES) {
        let days = catalog.timestamp(pair.pristine).zip(catalog.timestamp(pair.falsified));
        let days = days.map_or(String::new(), |(a, b)| format!(", {} days apart", count(a.days_apart(b) as u64)));
        writeln!(out, "  caption      {}", line(catalog.caption(pair.pristine), 96))?;
        writeln!(out, "  wrong image  {}", catalog.image_path(pair.falsified))?;
        writeln!(out, "  it shows     {}", line(catalog.caption(pair.falsified), 96))?;
        writeln!(
            out,
            "  CLIP: {:.3} with its own image, {:.3} with the wrong one ({}); score {:.3}{days}\n",
            pair.cti_pristine,
            pair.cti_falsified,
            if pair.hard() { "H" } else { "L" },
            pair.score
        )?;
    }
    Ok(())
}

fn one_query(index: &Index, splits: &[Split], outcome: &Outcome, out: &mut impl Write) -> Result<()> {
    let pairs = outcome.splits.iter().map(|(_, p)| p.iter().flat_map(|p| &p.pairs));
    let found = splits.iter().zip(pairs).find_map(|(split, mut pairs)| Some((split, pairs.next()?)));
    let Some((split, pair)) = found else {
        writeln!(out, "no split gave a pair; `mispair query --explain` shows what rejects candidates")?;
        return Ok(());
    };
    let id = index.catalog.id(pair.pristine);
    writeln!(
        out,
        "$ mispair query {} --split {} --id {id} -k 3 --adversarial --explain\n",
        index.path.display(),
        split.name
    )?;
    let searcher = Searcher::new(Bound::new(index, split.clone())?);
    let subject = Subject::of_row(searcher.bound(), pair.pristine);
    let asked = serde_json::json!({ "id": id, "caption": index.catalog.caption(pair.pristine) });
    let wanted = Wanted { k: 3, adversarial: true, unique_image: false, explain: 3, engine: Engine::Auto, ef: None };
    let answer = searcher.answer(&subject, index.catalog.partition(pair.pristine), wanted, asked)?;
    query::people(&answer, out)
}
