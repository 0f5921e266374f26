//! Datasets of captions with right and wrong images, whoever made them, for those who look at them as a whole.

use super::Error;
use crate::evaluation::{Dataset, Entry, Part};
use crate::formats::{LabelledRow, PairColumns, read_annotations, read_labelled};
use crate::mapped::Mapped;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The partition of a file that does not say.
const ALL: &str = "all";

/// Reads a dataset:
/// - a folder with one folder a split and one annotation file a partition in it: `<split>/<partition>.json`, as
///   `mispair match` writes it and as NewsCLIPpings is published;
/// - one folder of a split, or one annotation file;
/// - one file of pairs or of hydrated rows (JSON array, JSONL), see [`read_labelled`].
///
/// # Errors
/// A path without a dataset, and a file that is broken.
pub fn read(path: &Path, columns: &PairColumns) -> Result<Dataset, Error> {
    let at = Error::at(path);
    if !path.is_dir() {
        return Ok(Dataset { parts: file(path, columns)? });
    }
    let mut files = annotation_files(path)?;
    for folder in entries(path)?.into_iter().filter(|p| p.is_dir()) {
        files.extend(annotation_files(&folder)?);
    }
    if files.is_empty() {
        return Err(at(&"no dataset here: neither <split>/<partition>.json nor <partition>.json is in it"));
    }
    let mut parts = Vec::new();
    for path in files {
        parts.extend(file(&path, columns)?);
    }
    Ok(Dataset { parts })
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let list = fs::read_dir(folder).and_then(|d| d.map(|e| e.map(|e| e.path())).collect::<io::Result<Vec<_>>>());
    let mut list = list.map_err(|e| Error::at(folder)(&e))?;
    list.sort();
    Ok(list)
}

/// The files of a folder that begin as annotation files do.
fn annotation_files(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let json = |p: &PathBuf| p.is_file() && p.extension().is_some_and(|e| e == "json");
    let mut files = Vec::new();
    for path in entries(folder)?.into_iter().filter(json) {
        let bytes = Mapped::open(&path).map_err(|e| Error::at(&path)(&e))?;
        if is_annotations(&bytes) {
            files.push(path);
        }
    }
    Ok(files)
}

/// Does an object with `annotations` (or `source_datasets`, which may come first) begin here?
fn is_annotations(bytes: &[u8]) -> bool {
    let start: Vec<u8> = bytes.iter().copied().filter(|b| !b.is_ascii_whitespace()).take(20).collect();
    [&b"{\"annotations\":"[..], b"{\"source_datasets\":"].iter().any(|head| start.starts_with(head))
}

fn name(part: Option<&std::ffi::OsStr>) -> Option<String> {
    part.map(|n| n.to_string_lossy().into_owned())
}

fn file(path: &Path, columns: &PairColumns) -> Result<Vec<Part>, Error> {
    let at = Error::at(path);
    let bytes = Mapped::open(path).map_err(|e| at(&e))?;
    let stem = name(path.file_stem()).unwrap_or_default();
    if !is_annotations(&bytes) {
        return rows(&bytes, path, &stem, columns);
    }
    let read = read_annotations(&bytes, path).map_err(|e| Error::Record(Box::new(e)))?;
    let each = read.annotations.into_iter().map(|a| Entry {
        id: a.id,
        image_id: a.image_id,
        falsified: a.falsified,
        score: Some(a.similarity_score),
        block: a.source_dataset,
        caption: None,
        image_path: None,
    });
    let folder = path.canonicalize().ok();
    let folder = folder.as_deref().and_then(Path::parent).and_then(|p| name(p.file_name()));
    let split = folder.unwrap_or_else(|| stem.clone());
    Ok(vec![Part { split, partition: stem, entries: each.collect(), blocks: read.source_datasets }])
}

/// A file of rows is cut by what they say of their split and partition; blocks are numbered as they first come.
fn rows(bytes: &[u8], path: &Path, stem: &str, columns: &PairColumns) -> Result<Vec<Part>, Error> {
    let mut parts: Vec<Part> = Vec::new();
    read_labelled(bytes, path, columns, |row: LabelledRow| {
        let split = row.split.as_deref().unwrap_or(stem);
        let partition = row.partition.as_deref().unwrap_or(ALL);
        let found = parts.iter().position(|p| p.split == split && p.partition == partition);
        let number = found.unwrap_or_else(|| {
            parts.push(Part { split: split.to_owned(), partition: partition.to_owned(), ..Part::default() });
            parts.len() - 1
        });
        let part = &mut parts[number];
        let block = row.block.map(|block| {
            let known = part.blocks.iter().position(|b| *b == block);
            known.unwrap_or_else(|| {
                part.blocks.push(block);
                part.blocks.len() - 1
            }) as u32
        });
        part.entries.push(Entry {
            id: row.id,
            image_id: row.image_id,
            falsified: row.falsified,
            score: row.score,
            block,
            caption: row.caption,
            image_path: row.image_path,
        });
        Ok::<(), Error>(())
    })?;
    Ok(parts)
}
