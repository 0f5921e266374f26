//! The whole folder.

use super::Error;
use super::table::{self, Labelled};
use crate::constraints::Split;
use crate::formats::{Annotation, AnnotationWriter};
use crate::index::Index;
use crate::matcher::pair::Pair;
use crate::matcher::run::{Outcome, PartitionSummary, Settings};
use crate::publish::Staging;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, BufWriter, Read, Write};
use std::path::Path;

/// The file that makes a folder a dataset.
pub const SUMMARY: &str = "summary.json";
/// How every summary begins: others call files `summary.json`, too.
const SUMMARY_HEAD: &str = "{\n  \"mispair\": ";
const MERGED: &str = "merged_balanced";

/// What differs from run to run: `run.json`.
#[derive(Debug, Clone, Serialize)]
pub struct Run {
    /// The index, as it was given.
    pub index_path: String,
    /// Seconds since 1970.
    pub started_unix: u64,
    /// Seconds of matching and balancing; of a dataset put together from parts, without what the parts took.
    pub matching_s: f64,
    /// Parts that it was put together from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parts: Option<usize>,
    /// Threads.
    pub threads: usize,
    /// Kernels: `scalar`, `avx2` or `avx512`.
    pub kernels: String,
}

#[derive(Serialize)]
struct Summary<'a> {
    mispair: &'static str,
    index: IndexSummary<'a>,
    settings: Settings,
    splits: Vec<SplitSummary<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    merged_balanced: Option<BTreeMap<&'a str, MergedSummary<'a>>>,
}

#[derive(Serialize)]
struct IndexSummary<'a> {
    name: &'a str,
    checksum: String,
    built_by: &'a str,
    samples: u32,
    modalities: BTreeMap<&'a str, String>,
}

#[derive(Serialize)]
struct SplitSummary<'a> {
    split: &'a Split,
    partitions: BTreeMap<&'a str, &'a PartitionSummary>,
}

#[derive(Serialize)]
struct MergedSummary<'a> {
    pairs_per_split: usize,
    /// What the smallest split alone would allow.
    at_most: usize,
    blocks: BTreeMap<&'a str, BlockSummary>,
}

#[derive(Serialize)]
struct BlockSummary {
    pairs: usize,
    hard: usize,
    easy: usize,
    /// How often an image is pristine again, or falsified again, in the block.
    repeated_images: usize,
}

/// Writes a dataset into a folder under construction and publishes it. Everything but `run.json` depends on the index,
/// the splits and the settings alone, byte for byte.
pub fn write(
    staging: Staging,
    index: &Index,
    splits: &[Split],
    settings: Settings,
    outcome: &Outcome,
    run: &Run,
) -> Result<(), Error> {
    let folder = staging.folder().to_path_buf();
    for (name, partitions) in &outcome.splits {
        let here = subfolder(&folder, name)?;
        let mut rows: Vec<Labelled<'_>> = Vec::new();
        for partition in partitions {
            annotations(index, &here, &partition.name, &[(name.as_str(), &partition.pairs)], false)?;
            rows.extend(partition.pairs.iter().map(|&p| (partition.name.as_str(), name.as_str(), p)));
        }
        pairs(index, &here, &rows)?;
    }
    if let Some(sets) = &outcome.merged {
        let here = subfolder(&folder, MERGED)?;
        let mut rows: Vec<Labelled<'_>> = Vec::new();
        for (partition, merged) in sets {
            let blocks: Vec<(&str, &[Pair])> =
                merged.blocks.iter().map(|b| (b.name.as_str(), b.pairs.as_slice())).collect();
            annotations(index, &here, partition, &blocks, true)?;
            for (name, pairs) in &blocks {
                rows.extend(pairs.iter().map(|&p| (partition.as_str(), *name, p)));
            }
        }
        pairs(index, &here, &rows)?;
    }
    json(&folder.join(SUMMARY), &summary(index, splits, settings, outcome))?;
    json(&folder.join("run.json"), run)?;
    Ok(staging.publish()?)
}

/// Is this folder a dataset of ours, that may be replaced?
pub fn is_dataset(folder: &Path) -> bool {
    let mut head = [0; SUMMARY_HEAD.len()];
    let read = fs::File::open(folder.join(SUMMARY)).and_then(|mut f| f.read_exact(&mut head));
    read.is_ok() && head == *SUMMARY_HEAD.as_bytes()
}

fn subfolder(folder: &Path, name: &str) -> Result<std::path::PathBuf, Error> {
    let here = folder.join(name);
    fs::create_dir(&here).map_err(|e| Error::at(&here)(&e))?;
    Ok(here)
}

/// Writes through a buffer, and flushes.
fn file(path: &Path, fill: impl FnOnce(&mut BufWriter<fs::File>) -> io::Result<()>) -> Result<(), Error> {
    let filled = fs::File::create_new(path).map(BufWriter::new).and_then(|mut out| {
        fill(&mut out)?;
        out.flush()
    });
    filled.map_err(|e| Error::at(path)(&e))
}

fn json(path: &Path, value: &impl Serialize) -> Result<(), Error> {
    file(path, |out| {
        serde_json::to_writer_pretty(&mut *out, value)?;
        out.write_all(b"\n")
    })
}

/// The pristine annotation, then its falsified twin, for every pair.
fn annotations(
    index: &Index,
    folder: &Path,
    name: &str,
    blocks: &[(&str, &[Pair])],
    merged: bool,
) -> Result<(), Error> {
    let names: Vec<&str> = if merged { blocks.iter().map(|b| b.0).collect() } else { Vec::new() };
    file(&folder.join(format!("{name}.json")), |out| {
        let mut out = AnnotationWriter::new(out, &names)?;
        for (number, (_, pairs)) in blocks.iter().enumerate() {
            let source_dataset = merged.then_some(number as u32);
            for pair in *pairs {
                let id = index.catalog.id(pair.pristine);
                let image_id = index.catalog.id(pair.falsified);
                let pristine = Annotation {
                    image_id: id.clone(),
                    id: id.clone(),
                    similarity_score: pair.cti_pristine,
                    falsified: false,
                    source_dataset,
                };
                out.push(&pristine)?;
                out.push(&Annotation { id, image_id, similarity_score: pair.score, falsified: true, source_dataset })?;
            }
        }
        out.finish().map(drop)
    })
}

fn pairs(index: &Index, folder: &Path, rows: &[Labelled<'_>]) -> Result<(), Error> {
    let path = folder.join("pairs.parquet");
    file(&path, |out| table::write(&index.catalog, rows, out).map_err(io::Error::other))
}

fn summary<'a>(index: &'a Index, splits: &'a [Split], settings: Settings, outcome: &'a Outcome) -> Summary<'a> {
    let catalog = &index.catalog;
    Summary {
        mispair: env!("CARGO_PKG_VERSION"),
        index: IndexSummary {
            name: &index.name,
            checksum: index.checksum.to_string(),
            built_by: &index.built_by,
            samples: catalog.len(),
            modalities: index
                .modalities
                .iter()
                .map(|m| (m.name.as_str(), format!("{} × {}", m.matrix.len(), m.matrix.dim())))
                .collect(),
        },
        settings,
        splits: splits
            .iter()
            .zip(&outcome.splits)
            .map(|(split, (_, partitions))| SplitSummary {
                split,
                partitions: partitions.iter().map(|p| (p.name.as_str(), &p.summary)).collect(),
            })
            .collect(),
        merged_balanced: outcome.merged.as_ref().map(|sets| {
            sets.iter()
                .map(|(partition, merged)| {
                    let blocks = merged.blocks.iter().map(|b| {
                        let (pairs, hard) = (b.pairs.len(), b.hard);
                        (b.name.as_str(), BlockSummary { pairs, hard, easy: pairs - hard, repeated_images: b.repeats })
                    });
                    let summary = MergedSummary {
                        pairs_per_split: merged.quota,
                        at_most: merged.ceiling,
                        blocks: blocks.collect(),
                    };
                    (partition.as_str(), summary)
                })
                .collect()
        }),
    }
}
