//! What an index holds.

use crate::index::{Index, Searchable};
use crate::matrix::{Dtype, Metric};
use crate::words::Row;
use serde_json::json;

/// In reports.
pub fn metric(metric: Metric) -> &'static str {
    match metric {
        Metric::Cosine => "cosine",
        Metric::Dot => "dot",
    }
}

/// In reports.
pub fn dtype(dtype: Dtype) -> &'static str {
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

/// What an index holds, as `mispair info --format json` prints it. Reads the facts of every row.
pub fn describe(index: &Index) -> serde_json::Value {
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
pub fn facts(index: &Index) -> Vec<(String, serde_json::Value)> {
    let catalog = &index.catalog;
    let with = |f: &dyn Fn(Row) -> bool| json!(catalog.rows().filter(|&r| f(r)).count());
    vec![
        ("timestamp".to_owned(), with(&|r| catalog.timestamp(r).is_some())),
        ("entities".to_owned(), with(&|r| catalog.flags(r).entities_known())),
        ("pictured_person".to_owned(), with(&|r| catalog.pictured(r).is_some_and(|p| !p.is_empty()))),
        ("person_boxes".to_owned(), with(&|r| catalog.person_boxes(r).is_some())),
        ("generic".to_owned(), with(&|r| catalog.flags(r).generic())),
        ("corrupted".to_owned(), with(&|r| catalog.flags(r).corrupted())),
    ]
}
