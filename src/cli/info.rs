//! `mispair info` and `mispair verify-index`.

use super::args::{Format, Info, VerifyIndex};
use super::render::{bytes, count, line, right, table};
use crate::index::{Index, Searchable};
use crate::matrix::{Dtype, Metric};
use anyhow::Result;
use serde_json::json;
use std::io::{self, Write};

pub(super) fn run(args: &Info) -> Result<()> {
    let index = super::open(&args.index)?;
    let mut out = io::stdout().lock();
    match args.format {
        Format::Json => writeln!(out, "{:#}", document(&index))?,
        Format::Table => people(&index, &mut out)?,
    }
    Ok(())
}

pub(super) fn verify(args: &VerifyIndex) -> Result<()> {
    let index = super::open(&args.index)?;
    index.verify()?;
    writeln!(
        io::stdout(),
        "{}: sound, {} in {} files, {}",
        args.index.display(),
        bytes(index.bytes()),
        index.files(),
        index.checksum
    )?;
    Ok(())
}

fn metric(metric: Metric) -> &'static str {
    match metric {
        Metric::Cosine => "cosine",
        Metric::Dot => "dot",
    }
}

pub(super) fn dtype(dtype: Dtype) -> &'static str {
    match dtype {
        Dtype::F32 => "f32",
        Dtype::F16 => "f16",
    }
}

fn graph(searchable: &Searchable) -> serde_json::Value {
    let measured = &searchable.measured;
    let each = f64::from(measured.queries.max(1));
    let steps = measured
        .steps
        .iter()
        .map(|step| json!({"ef": step.ef, "recall": measured.recall(step), "visited": step.visited as f64 / each}));
    json!({
        "bytes": searchable.graph.bytes(), "m": searchable.graph.m(), "nodes": searchable.graph.nodes().collect::<Vec<_>>(),
        "known_queries": searchable.known, "usual_ef": searchable.usual_ef(),
        "measured": {"k": measured.k, "queries": measured.queries, "steps": steps.collect::<Vec<_>>()},
    })
}

fn document(index: &Index) -> serde_json::Value {
    let catalog = &index.catalog;
    let partitions: serde_json::Map<_, _> = catalog
        .partitions()
        .enumerate()
        .map(|(i, p)| (p.to_owned(), json!(catalog.partition_rows(i as u16).len())))
        .collect();
    let modalities = index.modalities.iter().map(|m| {
        json!({
            "name": m.name, "rows": m.matrix.len(), "dim": m.matrix.dim(), "metric": metric(m.matrix.metric()),
            "dtype": dtype(m.matrix.dtype()), "encoder": m.encoder, "bytes": m.matrix.bytes(),
            "codes": m.codes.as_ref().map(|c| json!({"bytes": c.bytes()})),
            "graph": m.graph.as_ref().map(graph),
        })
    });
    let known = facts(index);
    json!({
        "name": index.name, "checksum": index.checksum.to_string(), "built_by": index.built_by, "samples": catalog.len(),
        "images": catalog.image_count(), "partitions": partitions, "bytes": index.bytes(),
        "modalities": modalities.collect::<Vec<_>>(),
        "facts": known.into_iter().collect::<serde_json::Map<_, _>>(),
    })
}

/// How many samples have which facts. Reads every row.
fn facts(index: &Index) -> Vec<(String, serde_json::Value)> {
    let catalog = &index.catalog;
    let with = |f: &dyn Fn(crate::words::Row) -> bool| json!(catalog.rows().filter(|&r| f(r)).count());
    vec![
        ("timestamp".to_owned(), with(&|r| catalog.timestamp(r).is_some())),
        ("entities".to_owned(), with(&|r| catalog.flags(r).entities_known())),
        ("pictured_person".to_owned(), with(&|r| catalog.pictured(r).is_some_and(|p| !p.is_empty()))),
        ("person_boxes".to_owned(), with(&|r| catalog.person_boxes(r).is_some())),
        ("generic".to_owned(), with(&|r| catalog.flags(r).generic())),
        ("corrupted".to_owned(), with(&|r| catalog.flags(r).corrupted())),
    ]
}

fn people(index: &Index, out: &mut impl Write) -> Result<()> {
    let catalog = &index.catalog;
    writeln!(
        out,
        "{}  ({}, built by mispair {})",
        line(&index.name, 80),
        bytes(index.bytes()),
        line(&index.built_by, 20)
    )?;
    writeln!(out, "checksum    {}", index.checksum)?;
    writeln!(out, "samples     {}, {} distinct images", count(catalog.len()), count(catalog.image_count()))?;
    let partitions: Vec<_> = catalog
        .partitions()
        .enumerate()
        .map(|(i, p)| format!("{p} {}", count(catalog.partition_rows(i as u16).len())))
        .collect();
    writeln!(out, "partitions  {}", if partitions.is_empty() { "none".into() } else { partitions.join(", ") })?;
    let known: Vec<_> =
        facts(index).into_iter().map(|(fact, n)| format!("{fact} {}", count(n.as_u64().unwrap_or(0)))).collect();
    writeln!(out, "known       {}\n", known.join(", "))?;
    let mut rows = table(&["modality", "rows", "dim", "metric", "dtype", "size", "encoder"]);
    for m in &index.modalities {
        rows.add_row(vec![
            m.name.clone().into(),
            right(count(m.matrix.len())),
            right(m.matrix.dim()),
            metric(m.matrix.metric()).into(),
            dtype(m.matrix.dtype()).into(),
            right(bytes(m.matrix.bytes())),
            line(m.encoder.as_deref().unwrap_or("not said"), 80).into(),
        ]);
    }
    writeln!(out, "{rows}")?;
    let graphs: Vec<_> = index.modalities.iter().filter_map(|m| Some((m, m.graph.as_ref()?))).collect();
    if !graphs.is_empty() {
        writeln!(
            out,
            "\nGraphs, with recall against a full scan as it was measured when they were built (* the usual ef):\n"
        )?;
        let mut rows = table(&["graph", "size", "built with", "measured", "recall@k by ef"]);
        for (m, searchable) in graphs {
            let measured = &searchable.measured;
            let usual = searchable.usual_ef();
            let steps = measured.steps.iter().map(|step| {
                let mark = if step.ef as usize == usual { "*" } else { "" };
                format!("{}{mark}: {:.3}", step.ef, measured.recall(step))
            });
            rows.add_row(vec![
                m.name.clone().into(),
                right(bytes(m.search_bytes())),
                searchable.known.as_ref().map_or("rows alone".to_owned(), |k| format!("captions of {k}")).into(),
                format!("k {}, {} queries", measured.k, count(measured.queries)).into(),
                steps.collect::<Vec<_>>().join(", ").into(),
            ]);
        }
        writeln!(out, "{rows}")?;
    }
    Ok(())
}
