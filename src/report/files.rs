//! The three files of a report.

use super::{Error, Report, html};
use std::fs;
use std::io::{self, BufWriter, Read, Write};
use std::path::Path;

/// The file that makes a folder a report.
pub const JSON: &str = "bench.json";
const CSV: &str = "bench.csv";
const HTML: &str = "bench.html";
/// How every report begins: others may call files `bench.json`, too.
const HEAD: &str = "{\n  \"mispair\": ";

/// Writes `bench.json`, `bench.csv` and `bench.html` into a folder that holds none of them.
///
/// # Errors
/// [`Error::File`].
pub fn write(folder: &Path, report: &Report) -> Result<(), Error> {
    file(&folder.join(JSON), |out| {
        serde_json::to_writer_pretty(&mut *out, report)?;
        out.write_all(b"\n")
    })?;
    file(&folder.join(CSV), |out| {
        let mut table = csv::Writer::from_writer(out);
        for row in &report.rows {
            table.serialize(row)?;
        }
        table.flush()
    })?;
    file(&folder.join(HTML), |out| out.write_all(html::page(report).as_bytes()))
}

/// Does the folder hold a report, and nothing else?
pub fn is_report(folder: &Path) -> bool {
    let mut head = [0; HEAD.len()];
    let read = fs::File::open(folder.join(JSON)).and_then(|mut f| f.read_exact(&mut head));
    let ours = |name: &std::ffi::OsStr| [JSON, CSV, HTML].iter().any(|n| name == *n);
    let alone = fs::read_dir(folder).and_then(|d| d.map(|e| Ok(ours(&e?.file_name()))).collect::<io::Result<Vec<_>>>());
    read.is_ok() && head == *HEAD.as_bytes() && alone.is_ok_and(|all| all.into_iter().all(|ours| ours))
}

pub(super) fn file(path: &Path, fill: impl FnOnce(&mut BufWriter<fs::File>) -> io::Result<()>) -> Result<(), Error> {
    let filled = fs::File::create_new(path).map(BufWriter::new).and_then(|mut out| {
        fill(&mut out)?;
        out.flush()
    });
    filled.map_err(|e| Error::File { path: path.into(), what: e.to_string() })
}
