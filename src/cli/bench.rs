//! `mispair bench`.

use super::args::Bench;
use super::render::{count, right, table};
use super::talk::Bars;
use super::{command, query_vectors, split_named, usage, waive};
use crate::constraints::Bound;
use crate::import::Talk;
use crate::index::{Index, Modality};
use crate::kernels::Block;
use crate::matrix::Metric;
use crate::publish::{self, Staging};
use crate::query::Error;
use crate::report::{
    self, Data, Engine, JSON, Machine, Measurement, ModalityData, Parameters, PlainCase, Report, SplitCase, answers_of,
    dtype, sample, sweep,
};
use crate::words::Row;
use anyhow::{Context, Result, bail};
use std::collections::HashSet;
use std::io::{self, Write};

/// Queries a call of the exact engine: as a person asks, and as a batch does.
const BATCHES: [usize; 2] = [1, 32];
/// Rows that walks keep in sight, unless told otherwise.
const EFS: [usize; 8] = [16, 32, 64, 96, 128, 192, 256, 384];
/// Where the captions for an image search come from.
const CAPTIONS_OF: (&str, &str) = ("clip-image", "clip-text");

pub(super) fn run(args: &Bench, talk: &Bars) -> Result<()> {
    let index = super::open(&args.index)?;
    let efs = efs(args)?;
    // Whatever is wrong with what was asked for is said before the first of it is measured.
    let (mut used, mut plain) = (Vec::new(), Vec::new());
    for modality in modalities(&index, args)? {
        let (from, case) = plain_case(&index, modality, args)?;
        used.extend([modality.name.clone(), from]);
        plain.push(case);
    }
    let mut splits: Vec<SplitCase<'_>> = Vec::new();
    for name in &args.split {
        let mut split = split_named(name)?;
        if splits.iter().any(|s| s.searcher().bound().split.name == split.name) {
            return Err(usage(format!("split {} is named twice", split.name)));
        }
        waive(&mut split, &args.waive)?;
        used.extend([split.query.clone(), split.search.clone()]);
        splits.push(SplitCase::new(Bound::new(&index, split)?, args.queries as usize, args.seed, args.k as usize)?);
    }
    if args.force && args.out.join(JSON).exists() && !report::is_report(&args.out) {
        return Err(publish::Error::NotOurs(args.out.clone()).into());
    }
    let staging = Staging::begin(&args.out, args.force, JSON)?;

    let machine = Machine::here();
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().context("cannot start a thread")?;
    let runner = Runner { one: &one, machine: &machine.line(), talk };
    let mut rows = Vec::new();
    for case in &plain {
        talk.begin("exact answers", 0);
        let engines: Vec<_> = [Some(case.exact(&BATCHES)), case.graph(&efs)].into_iter().flatten().collect();
        rows.extend(runner.measure(case.case()?, &engines)?);
    }
    for case in &splits {
        talk.begin("exact answers", 0);
        let engines: Vec<_> = [Some(case.exact()), case.planned(&efs)].into_iter().flatten().collect();
        rows.extend(runner.measure(case.case()?, &engines)?);
    }
    let report = Report {
        mispair: env!("CARGO_PKG_VERSION"),
        machine,
        data: data(&index, &used),
        parameters: Parameters {
            k: args.k as usize,
            queries: args.query_file.is_none().then_some(args.queries as usize),
            seed: args.seed,
            ef: efs,
            query_file: args.query_file.as_ref().map(|f| f.display().to_string()),
            command: command(),
        },
        rows,
    };
    report::write(staging.folder(), &report)?;
    staging.publish()?;
    talk.clear();
    print(&report.rows, &mut io::stdout().lock())?;
    talk.note(&format!("plots and table: {}", args.out.join("bench.html").display()));
    Ok(())
}

/// Rows in sight: those asked for, each once; by default the usual ones that hold k results.
fn efs(args: &Bench) -> Result<Vec<usize>> {
    let k = args.k as usize;
    if let Some(ef) = args.ef.iter().find(|&&ef| (ef as usize) < k) {
        return Err(usage(format!(
            "--ef {ef}: a walk to {k} results keeps {k} rows in sight or more; ask for -k {ef} at most"
        )));
    }
    let mut efs: Vec<usize> = match args.ef.is_empty() {
        true => EFS.into_iter().filter(|&ef| ef >= k).collect(),
        false => args.ef.iter().map(|&ef| ef as usize).collect(),
    };
    if efs.is_empty() {
        efs = vec![k, 2 * k];
    }
    let mut seen = HashSet::new();
    efs.retain(|ef| seen.insert(*ef));
    Ok(efs)
}

/// What every case is measured with.
struct Runner<'a> {
    one: &'a rayon::ThreadPool,
    machine: &'a str,
    talk: &'a Bars,
}

impl Runner<'_> {
    fn measure(&self, case: report::Case<'_>, engines: &[Engine<'_>]) -> Result<Vec<Measurement>> {
        self.talk.begin(&case.search, answers_of(case.truth.len(), engines));
        Ok(sweep(&case, engines, self.one, self.machine, &|n| self.talk.advance(n))?)
    }
}

/// The modalities to be searched.
fn modalities<'a>(index: &'a Index, args: &Bench) -> Result<Vec<&'a Modality>> {
    if args.modality.is_empty() {
        if !args.split.is_empty() {
            return Ok(Vec::new());
        }
        let cosine: Vec<_> = index.modalities.iter().filter(|m| m.matrix.metric() == Metric::Cosine).collect();
        if cosine.is_empty() {
            bail!("{}: no modality of the cosine metric; name one with --modality", args.index.display());
        }
        return Ok(cosine);
    }
    let mut found: Vec<&Modality> = Vec::new();
    for name in &args.modality {
        if found.iter().any(|m| m.name == *name) {
            return Err(usage(format!("--modality {name} is named twice")));
        }
        found.push(named(index, name)?);
    }
    Ok(found)
}

fn named<'a>(index: &'a Index, name: &str) -> Result<&'a Modality> {
    Ok(index.modalities.iter().find(|m| m.name == name).ok_or_else(|| Error::UnknownModality {
        got: name.to_owned(),
        have: index.modalities.iter().map(|m| m.name.clone()).collect(),
    })?)
}

/// A modality and its queries, with the name of the modality (or of the file) that they come from.
fn plain_case<'a>(index: &'a Index, modality: &'a Modality, args: &Bench) -> Result<(String, PlainCase<'a>)> {
    let matrix = &modality.matrix;
    let mut queries = Block::new(matrix.dim())?;
    let from = match &args.query_file {
        Some(path) => {
            for vector in query_vectors::read_vectors(path, matrix, &modality.name)? {
                queries.push(&vector.elements[..matrix.dim()])?;
            }
            path.file_name().map_or_else(String::new, |f| f.to_string_lossy().into_owned())
        }
        None => {
            let source = source_of(index, modality, args)?;
            let all = || source.matrix.catalog_rows().iter().map(|&r| Row(r)).collect();
            let rows = modality.graph.as_ref().and_then(|g| g.held_out(source)).unwrap_or_else(all);
            for row in sample(rows, args.queries as usize, args.seed) {
                // Every row of the list has a vector, unless the index is damaged.
                let Some(at) = source.matrix.find(row) else { continue };
                queries.push(&source.matrix.padded(at)[..matrix.dim()])?;
            }
            source.name.clone()
        }
    };
    if queries.is_empty() {
        bail!("{from:?} holds no vector to ask with");
    }
    Ok((from.clone(), PlainCase::new(modality, from, queries, args.k as usize)))
}

/// The modality that queries are taken from: one space with the searched one.
fn source_of<'a>(index: &'a Index, modality: &'a Modality, args: &Bench) -> Result<&'a Modality> {
    let (dim, metric) = (modality.matrix.dim(), modality.matrix.metric());
    if let Some(name) = &args.from {
        let source = named(index, name)?;
        let (other, how) = (source.matrix.dim(), source.matrix.metric());
        if other != dim {
            bail!(
                "{name:?} has {other} dimensions, {:?} has {dim}; they must be one space: name what to search with --modality",
                modality.name
            );
        }
        if metric == Metric::Cosine && how != metric {
            bail!(
                "{name:?} holds vectors of any length, {:?} is searched by cosine; take the queries from another modality",
                modality.name
            );
        }
        return Ok(source);
    }
    let captions = (modality.name == CAPTIONS_OF.0).then(|| index.modalities.iter().find(|m| m.name == CAPTIONS_OF.1));
    let fits = |m: &&Modality| m.matrix.dim() == dim && m.matrix.metric() == metric;
    Ok(captions.flatten().filter(fits).unwrap_or(modality))
}

/// What the report says of the index: those of its modalities that were used.
fn data(index: &Index, used: &[String]) -> Data {
    let used = index.modalities.iter().filter(|m| used.contains(&m.name));
    Data {
        index: index.name.clone(),
        checksum: index.checksum.to_string(),
        samples: index.catalog.len(),
        modalities: used
            .map(|m| ModalityData {
                name: m.name.clone(),
                rows: m.matrix.len(),
                dim: m.matrix.dim(),
                dtype: dtype(m.matrix.dtype()),
            })
            .collect(),
    }
}

fn print(rows: &[Measurement], out: &mut impl Write) -> Result<()> {
    let head = ["search", "engine", "ef", "recall", "QPS", "p50", "p95", "p99", "visited", "scored", "admitted"];
    let mut shown = table(&head);
    let time = |us: f64| right(if us < 1000.0 { format!("{us:.0} µs") } else { format!("{:.2} ms", us / 1000.0) });
    for row in rows {
        shown.add_row(vec![
            row.title().into(),
            row.series().into(),
            right(row.ef.map_or("–".to_owned(), |ef| ef.to_string())),
            right(format!("{:.4}", row.recall)),
            right(count(row.qps.round() as u64)),
            time(row.p50_us),
            time(row.p95_us),
            time(row.p99_us),
            right(count(row.visited.round() as u64)),
            right(count(row.scored.round() as u64)),
            right(row.selectivity.map_or("–".to_owned(), |s| format!("{:.2}%", 100.0 * s))),
        ]);
    }
    writeln!(out, "{shown}")?;
    Ok(())
}
