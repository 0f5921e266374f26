//! `mispair export`.

use super::args::Export;
use crate::dataset::hydrate;
use crate::formats::read_annotations;
use crate::mapped::Mapped;
use crate::publish::write_file;
use anyhow::{Context, Result, bail};
use std::io::{self, BufWriter, Write};

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
            write_file(to, |file| print(file))?;
        }
    }
    Ok(())
}
