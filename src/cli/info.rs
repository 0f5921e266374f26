//! `mispair info` and `mispair verify-index`.

use super::args::{Format, Info, VerifyIndex};
use super::render::{bytes, count, line, right, table};
use crate::index::Index;
use crate::report::{describe, dtype, facts, metric};
use anyhow::Result;
use std::io::{self, Write};

pub(super) fn run(args: &Info) -> Result<()> {
    let index = super::open(&args.index)?;
    let mut out = io::stdout().lock();
    match args.format {
        Format::Json => writeln!(out, "{:#}", describe(&index))?,
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
