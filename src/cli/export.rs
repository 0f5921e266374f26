//! `mispair export`.

use super::args::Export;
use crate::dataset::hydrate;
use crate::formats::read_annotations;
use crate::mapped::Mapped;
use anyhow::{Context, Result, bail};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

pub(super) fn run(args: &Export) -> Result<()> {
    let index = super::open(&args.index)?;
    let path = args.annotations.as_path();
    let file = Mapped::open(path).with_context(|| path.display().to_string())?;
    let annotations = read_annotations(&file, path)?;
    let rows = hydrate(&index.catalog, &annotations, path).collect::<Result<Vec<_>, _>>()?;
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
            publish(to, print).with_context(|| to.display().to_string())?;
        }
    }
    Ok(())
}

/// Writes beside the file, then renames: the file appears whole or not at all.
fn publish(to: &Path, print: impl Fn(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let name = to.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let beside = to.with_file_name(format!(".{name}.{}.tmp", std::process::id()));
    let written = File::create(&beside).and_then(|mut file| {
        print(&mut file)?;
        file.sync_all()
    });
    let done = written.and_then(|()| std::fs::rename(&beside, to));
    if done.is_err() {
        // What failed is said; what was half written is of no use.
        let _ = std::fs::remove_file(&beside);
    }
    done
}
