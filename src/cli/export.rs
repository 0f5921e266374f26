//! `mispair export`.

use super::args::Export;
use crate::dataset::{Hydrated, SUMMARY, check_index, hydrate};
use crate::formats::read_annotations;
use crate::index::Index;
use crate::mapped::Mapped;
use crate::publish::write_file;
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

pub(super) fn run(args: &Export) -> Result<()> {
    let index = super::open(&args.index)?;
    let rows = if args.annotations.is_dir() {
        let mut rows = Vec::new();
        for file in files_of(&args.annotations)? {
            let name = |p: Option<&std::ffi::OsStr>| p.map(|n| n.to_string_lossy().into_owned());
            let (split, partition) = (name(file.parent().and_then(Path::file_name)), name(file.file_stem()));
            let labelled = |row| Row { split: split.clone(), partition: partition.clone(), row };
            rows.extend(read(&index, &file)?.into_iter().map(labelled));
        }
        rows
    } else {
        read(&index, &args.annotations)?.into_iter().map(|row| Row { split: None, partition: None, row }).collect()
    };
    let print = |out: &mut dyn Write| -> io::Result<()> {
        let mut out = BufWriter::new(out);
        for row in &rows {
            serde_json::to_writer(&mut out, row)?;
            out.write_all(b"\n")?;
        }
        out.flush()
    };
    match &args.out {
        None => print(&mut io::stdout().lock())?,
        Some(to) => {
            if to.exists() && !args.force {
                bail!("{}: exists already; choose another file, or pass --force to replace it", to.display());
            }
            write_file(to, |file| print(file))?;
        }
    }
    Ok(())
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
