//! `mispair query`.

use super::args::{Format, Query, Unique};
use super::render::{count, line, right, table};
use super::{remote, split_named, usage, waive};
use crate::constraints::{Bound, Subject, Vectors};
use crate::formats::{self, captioned_facts};
use crate::index::Index;
use crate::kernels::Block;
use crate::mapped::Mapped;
use crate::matrix::{Matrix, Prepared};
use crate::query::{Answer, Error, Plain, Searcher, Wanted, asked, plain_batch, vector_of};
use crate::words::{Facts, Order, Row, SampleId};
use anyhow::{Context, Result, bail};
use rayon::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::Path;

/// Rejected candidates that `--explain` lists.
pub(super) const EXPLAINED: usize = 10;

pub(super) fn run(args: &Query) -> Result<()> {
    if args.k == 0 {
        return Err(usage("-k 0 asks for nothing; ask for at least 1"));
    }
    let answers = match &args.url {
        Some(url) => remote::answers(url, args)?,
        None => local(args)?,
    };
    let mut out = io::BufWriter::new(io::stdout().lock());
    let settings = asked::Settings {
        modality: args.modality.as_deref(),
        from: args.from.as_deref(),
        partition: args.partition.as_deref(),
        unique_image: args.unique == Some(Unique::Image),
        k: args.k,
        adversarial: args.adversarial,
        lowest: args.lowest,
        waive: &args.waive,
    };
    for mut answer in answers {
        settings.beside(&mut answer.query);
        let answer = &answer;
        match args.format {
            Format::Json => {
                serde_json::to_writer(&mut out, answer)?;
                out.write_all(b"\n")?;
            }
            Format::Table => people(answer, &mut out)?,
        }
    }
    out.flush()?;
    Ok(())
}

fn local(args: &Query) -> Result<Vec<Answer>> {
    let Some(path) = &args.index else { return Err(usage("name the index")) };
    let index = super::open(path)?;
    let partition = match &args.partition {
        None => None,
        Some(name) => Some(index.catalog.partition_named(name).ok_or_else(|| Error::UnknownPartition {
            got: name.clone(),
            have: index.catalog.partitions().map(str::to_owned).collect(),
        })?),
    };
    match (&args.split, &args.modality) {
        (Some(split), _) => by_split(&index, split, partition, args),
        (None, Some(modality)) => by_modality(&index, modality, partition, args),
        (None, None) => Err(usage("name a --split or a --modality")),
    }
}

/// `42` is the integer if the index has that, else the text.
pub(super) fn find(index: &Index, text: &str) -> Result<Row> {
    let as_text = SampleId::from(text);
    let as_integer = as_text.other_type();
    let found = as_integer.as_ref().and_then(|id| index.catalog.find(id)).or_else(|| index.catalog.find(&as_text));
    found.ok_or_else(|| Error::UnknownId(as_integer.unwrap_or(as_text).to_json()).into())
}

fn by_modality(index: &Index, modality: &str, partition: Option<u16>, args: &Query) -> Result<Vec<Answer>> {
    let unknown = |got: &str| Error::UnknownModality {
        got: got.to_owned(),
        have: index.modalities.iter().map(|m| m.name.clone()).collect(),
    };
    let matrix = index.matrix(modality).ok_or_else(|| unknown(modality))?;
    let mut queries = Block::new(matrix.dim())?;
    let mut asked = Vec::new();
    if let Some(id) = &args.id {
        let from = args.from.as_deref().unwrap_or(modality);
        let row = find(index, id)?;
        queries.push(&vector_of(index, row, from, modality)?)?;
        asked.push(asked::sample(&index.catalog, row));
    } else if let Some(path) = &args.vector {
        for (number, vector) in read_vectors(path, matrix, modality)?.into_iter().enumerate() {
            queries.push(&vector.elements[..matrix.dim()])?;
            asked.push(asked_vector(path, number));
        }
    }
    let order = if args.lowest { Order::Lowest } else { Order::Highest };
    let unique_image = args.unique == Some(Unique::Image);
    let (engine, ef) = (args.engine.chosen(), args.ef.map(|ef| ef as usize));
    let plain = Plain { modality, order, k: args.k, unique_image, partition, engine, ef };
    Ok(plain_batch(index, &queries, plain, asked)?)
}

fn by_split(index: &Index, split: &str, partition: Option<u16>, args: &Query) -> Result<Vec<Answer>> {
    let mut split = split_named(split)?;
    waive(&mut split, &args.waive)?;
    let query_modality = split.query.clone();
    let searcher = Searcher::new(Bound::new(index, split)?);
    let bound = searcher.bound();
    let wanted = Wanted {
        k: args.k,
        adversarial: args.adversarial,
        unique_image: args.unique == Some(Unique::Image),
        explain: if args.explain { EXPLAINED } else { 0 },
        engine: args.engine.chosen(),
        ef: args.ef.map(|ef| ef as usize),
    };
    if let Some(id) = &args.id {
        let row = find(index, id)?;
        if bound.query.find(row).is_none() {
            bail!(Error::NoVector { id: id.clone(), modality: query_modality });
        }
        let subject = Subject::of_row(bound, row);
        let pool = partition.or(index.catalog.partition(row));
        return Ok(vec![searcher.answer(&subject, pool, wanted, asked::sample(&index.catalog, row))?]);
    }
    let Some(path) = &args.vector else { return Err(usage("give an --id or a --vector")) };
    let vectors = read_vectors(path, bound.query, &query_modality)?;
    let facts = read_facts(args.meta.as_deref(), vectors.len())?;
    let jobs: Vec<_> = vectors.into_iter().zip(facts).enumerate().collect();
    let answers: Vec<Result<Answer>> = jobs
        .into_par_iter()
        .map(|(number, (vector, Outside { caption, facts, .. }))| {
            let given = BTreeMap::from([(query_modality.clone(), vector)]);
            let vectors = Vectors::by_modality(bound, &given);
            let subject = Subject::from_outside(bound, caption.as_deref(), &facts, vectors);
            let answer = searcher.answer(&subject, partition, wanted, asked_vector(path, number));
            answer.with_context(|| format!("{}: row {number}", path.display()))
        })
        .collect();
    // The first row at fault is named, whichever thread was first.
    answers.into_iter().collect()
}

pub(super) fn asked_vector(path: &Path, row: usize) -> Value {
    json!({ "vector": path.display().to_string(), "row": row })
}

/// Query vectors as stored rows are prepared: finite, of the right width, of unit length under cosine.
pub(super) fn read_vectors(path: &Path, matrix: &Matrix, modality: &str) -> Result<Vec<Prepared>> {
    let rows = read_rows(path)?;
    let width = rows[0].len();
    if width != matrix.dim() {
        bail!(
            "{}: vectors of {width} elements, {modality:?} has {}; were they made by another encoder?",
            path.display(),
            matrix.dim()
        );
    }
    let prepared = |(row, vector)| matrix.query(vector).with_context(|| format!("{}: row {row}", path.display()));
    rows.into_iter().enumerate().map(prepared).collect()
}

/// Vectors as they stand in a file: at least one, all of one width.
pub(super) fn read_rows(path: &Path) -> Result<Vec<Vec<f32>>> {
    let map = Mapped::open(path).with_context(|| path.display().to_string())?;
    let file = formats::read_vectors(&map, path)?;
    if file.rows() == 0 {
        bail!("{}: no row, so no query", path.display());
    }
    let row = |row| {
        let mut vector = vec![0.0; file.width()];
        file.row_into(row, &mut vector);
        vector
    };
    Ok((0..file.rows()).map(row).collect())
}

/// What is told of a caption from outside.
#[derive(Debug, Clone, Default)]
pub(super) struct Outside {
    /// Its text, where it is told.
    pub caption: Option<String>,
    /// Its facts.
    pub facts: Facts,
    /// Both as they stand in the file.
    pub written: Option<Value>,
}

/// One entry a query.
pub(super) fn read_facts(path: Option<&Path>, queries: usize) -> Result<Vec<Outside>> {
    let Some(path) = path else { return Ok(vec![Outside::default(); queries]) };
    let shown = path.display();
    let text = fs::read_to_string(path).with_context(|| shown.to_string())?;
    let value: Value = serde_json::from_str(&text).with_context(|| shown.to_string())?;
    let entries = match value {
        Value::Array(entries) => entries,
        one => vec![one],
    };
    if entries.len() != queries {
        bail!(
            "{shown}: facts of {} captions for {queries} query vectors; give a list with one object a vector",
            entries.len()
        );
    }
    let read = |(i, entry)| {
        let (caption, facts) = captioned_facts(&entry).with_context(|| format!("{shown}: entry {i}"))?;
        Ok(Outside { caption, facts, written: Some(entry) })
    };
    entries.into_iter().enumerate().map(read).collect()
}

/// The answer for a person.
pub(super) fn people(answer: &Answer, out: &mut impl Write) -> Result<()> {
    let what = |key: &str| answer.query.get(key).map(|v| v.as_str().map_or_else(|| v.to_string(), str::to_owned));
    match (what("id"), what("caption")) {
        (Some(id), Some(caption)) => writeln!(out, "{id}  {}", line(&caption, 100))?,
        _ => writeln!(out, "{}, row {}", what("vector").unwrap_or_default(), what("row").unwrap_or_default())?,
    }
    if let Some(split) = &answer.split {
        writeln!(out, "split {split}")?;
    }
    let clip = answer.results.iter().any(|r| r.clip.is_some());
    let margin = answer.results.iter().any(|r| r.clip_margin.is_some());
    let mut head = vec!["", "id", "score"];
    head.extend(clip.then_some("clip"));
    head.extend(margin.then_some("margin"));
    head.extend(["image", "its own caption"]);
    let mut rows = table(&head);
    for hit in &answer.results {
        let mut row = vec![right(hit.rank), hit.id.to_string().into(), right(format!("{:.4}", hit.score))];
        if clip {
            row.push(right(hit.clip.map_or(String::new(), |c| format!("{c:.4}"))));
        }
        if margin {
            let mark = if hit.adversarial == Some(true) { " H" } else { " L" };
            row.push(right(hit.clip_margin.map_or(String::new(), |m| format!("{m:+.4}{mark}"))));
        }
        row.push(line(&hit.image_path, 48).into());
        row.push(line(&hit.caption, 80).into());
        rows.add_row(row);
    }
    if !answer.results.is_empty() {
        writeln!(out, "{rows}")?;
    }
    if let Some(short) = &answer.short {
        match answer.results.len() {
            0 => writeln!(out, "no result: {short}")?,
            n => writeln!(out, "no more than {n}: {short}")?,
        }
    }
    if margin {
        writeln!(out, "margin: CTI of the caption with this image − with its own; H: CLIP prefers this image")?;
    }
    let plan = &answer.plan;
    write!(out, "plan {}: {}; ", plan.strategy, plan.reason)?;
    write!(out, "{} scored, {} eligible", count(plan.scored), count(plan.eligible))?;
    let rejected: Vec<_> = plan.rejected.iter().map(|(rule, n)| format!("{rule} {}", count(n))).collect();
    if !rejected.is_empty() {
        write!(out, "; rejected: {}", rejected.join(", "))?;
    }
    writeln!(out, "; {:.1} ms", answer.elapsed_us as f64 / 1000.0)?;
    explained(answer, out)?;
    writeln!(out)?;
    Ok(())
}

fn explained(answer: &Answer, out: &mut impl Write) -> Result<()> {
    let Some(explanation) = &answer.explanation else { return Ok(()) };
    let funnel = &explanation.funnel;
    writeln!(out, "\nthe best-scoring candidates that were rejected, and why:")?;
    for rejected in &explanation.rejected {
        let hit = &rejected.hit;
        writeln!(out, "  {:>2}  {:.4}  {}  {}", hit.rank, hit.score, hit.id, line(&hit.caption, 80))?;
        for failure in &rejected.failures {
            writeln!(out, "        ✗ {:<15} {}", failure.rule.name(), line(&failure.why, 90))?;
        }
    }
    writeln!(out, "\nfunnel of {} candidates (by the first rule that fails):", count(funnel.pool))?;
    for (rule, n) in funnel.rejected.iter() {
        writeln!(out, "  − {:>9}  {rule}", count(n))?;
    }
    writeln!(out, "  = {:>9}  admissible", count(funnel.admissible))?;
    if let Some(adversarial) = funnel.adversarial {
        writeln!(
            out,
            "    {:>9}  of them at least as close to the caption for CLIP as its own image (H)",
            count(adversarial)
        )?;
    }
    Ok(())
}
