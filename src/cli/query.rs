//! `mispair query`.

use super::args::{Format, Query, Unique};
use super::query_vectors::{Outside, given, read_facts};
use super::render::{count, line, right, table};
use super::{remote, split_named, usage, waive};
use crate::constraints::{Bound, Subject, Vectors};
use crate::index::Index;
use crate::kernels::Block;
use crate::query::{Answer, Error, Plain, Searcher, Wanted, asked, plain_batch, vector_of};
use crate::words::{Order, Row, SampleId};
use anyhow::{Context, Result, bail};
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::io::{self, Write};

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
    } else {
        for given in given(args, index, modality)? {
            queries.push(&given.vector.elements[..matrix.dim()])?;
            asked.push(given.asked);
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
    let given = given(args, index, &query_modality)?;
    let facts = read_facts(args.meta.as_deref(), given.len())?;
    let jobs: Vec<_> = given.into_iter().zip(facts).collect();
    let answers: Vec<Result<Answer>> = jobs
        .into_par_iter()
        .map(|(given, Outside { caption, facts, .. })| {
            let vectors = Vectors::by_modality(bound, &BTreeMap::from([(query_modality.clone(), given.vector)]));
            let caption = caption.or(given.caption);
            let subject = Subject::from_outside(bound, caption.as_deref(), &facts, vectors);
            let answer = searcher.answer(&subject, partition, wanted, given.asked);
            answer.with_context(|| given.name)
        })
        .collect();
    // The first row at fault is named, whichever thread was first.
    answers.into_iter().collect()
}

/// The answer for a person.
pub(super) fn people(answer: &Answer, out: &mut impl Write) -> Result<()> {
    let what = |key: &str| answer.query.get(key).map(|v| v.as_str().map_or_else(|| v.to_string(), str::to_owned));
    match (what("id"), what("caption")) {
        (Some(id), Some(caption)) => writeln!(out, "{id}  {}", line(&caption, 100))?,
        _ => match what("text").map(|text| line(&text, 100)).or(what("image")) {
            Some(asked) => writeln!(out, "{asked}")?,
            None => writeln!(out, "{}, row {}", what("vector").unwrap_or_default(), what("row").unwrap_or_default())?,
        },
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
