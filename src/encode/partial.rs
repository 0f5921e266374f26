//! Work that was begun: what of it is on the disk, and how one goes on with it.
//!
//! ```text
//! OUT.partial/log.jsonl      line 1: what is to be done (encoder, items, their hash); then one line a finished batch
//! OUT.partial/vectors.f32    rows of the finished batches; what lies beyond the last line is a torn batch, and cut off
//! ```

use super::job::{JobError, at};
use crate::mapped::Mapped;
use crate::publish;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use xxhash_rust::xxh3::xxh3_64;

const LOG: &str = "log.jsonl";
const ROWS: &str = "vectors.f32";

/// The first line of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Plan {
    pub embed: String,
    pub encoder: String,
    pub kind: String,
    pub items: usize,
    pub hash: String,
}

/// A line for a finished batch.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Batch {
    pub items: usize,
    pub rows: usize,
    pub cut: usize,
    /// xxh3 of its rows' bytes: what was damaged meanwhile is not gone on with.
    #[serde(default)]
    pub sum: u64,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub skipped: BTreeMap<usize, String>,
}

/// What has been done so far, on the disk.
pub(super) struct Work {
    folder: PathBuf,
    log: File,
    numbers: File,
    /// Items that are done.
    pub items: usize,
    rows: usize,
    /// Texts among them that were cut.
    pub cut: usize,
    /// Images among them that were left out: they have no row.
    pub skipped: BTreeMap<usize, String>,
}

impl Work {
    /// Opens what an earlier run has left of this plan, or begins; `restart` forgets what was left. `width`: of a row.
    pub fn open(out: &Path, plan: &Plan, width: usize, restart: bool) -> Result<Work, JobError> {
        let mut name = out.file_name().ok_or_else(|| publish::Error::BadPath(out.into()))?.to_owned();
        name.push(".partial");
        let folder = out.with_file_name(name);
        if restart && folder.is_dir() {
            clear(&folder)?;
        }
        publish::make_folder(&folder)?;
        let open = |name: &str| {
            let path = folder.join(name);
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(at(&path))
        };
        let (mut log, mut numbers) = (open(LOG)?, open(ROWS)?);
        let log_path = folder.join(LOG);
        let fail = |what: String| JobError::File { path: log_path.clone(), what };
        match log.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(fail("another process is at this work; wait for it, or choose another --out".into()));
            }
            Err(TryLockError::Error(e)) => return Err(fail(e.to_string())),
        }
        let text = fs::read_to_string(&log_path).map_err(|e| fail(e.to_string()))?;
        let mut work = Work {
            folder,
            log: log.try_clone().map_err(at(&log_path))?,
            numbers: numbers.try_clone().map_err(at(&log_path))?,
            items: 0,
            rows: 0,
            cut: 0,
            skipped: BTreeMap::new(),
        };
        // A line without its end was torn.
        let mut whole = 0;
        let mut reader = io::BufReader::new(numbers.try_clone().map_err(at(&work.folder))?);
        for (number, line) in text.split_inclusive('\n').filter(|line| line.ends_with('\n')).enumerate() {
            if number == 0 {
                let found: Option<Plan> = serde_json::from_str(line).ok();
                if found.as_ref() != Some(plan) {
                    let what = "begun with another model, other input or another version; finish that one, choose another --out, or pass --restart to forget it";
                    return Err(fail(what.into()));
                }
            } else {
                let batch: Batch = serde_json::from_str(line)
                    .map_err(|e| fail(format!("line {}: {e}; pass --restart to begin again", number + 1)))?;
                let mut bytes = Vec::new();
                let length = (batch.rows as u64).saturating_mul(width as u64 * 4);
                reader.by_ref().take(length).read_to_end(&mut bytes).map_err(at(&work.folder))?;
                if bytes.len() as u64 != length || xxh3_64(&bytes) != batch.sum {
                    let what = format!(
                        "the vectors of line {} are not those that were written; pass --restart to begin again",
                        number + 1
                    );
                    return Err(fail(what));
                }
                work.count(batch);
            }
            whole += line.len() as u64;
        }
        let bytes = work.rows as u64 * width as u64 * 4;
        let there = numbers.metadata().map_err(at(&work.folder))?.len();
        if there < bytes || work.items > plan.items {
            return Err(fail(format!(
                "{there} bytes of vectors where {bytes} are noted; pass --restart to begin again"
            )));
        }
        log.set_len(whole).and_then(|()| log.seek(SeekFrom::Start(whole))).map_err(at(&work.folder))?;
        numbers.set_len(bytes).and_then(|()| numbers.seek(SeekFrom::Start(bytes))).map_err(at(&work.folder))?;
        if whole == 0 {
            work.note(plan)?;
        }
        Ok(work)
    }

    /// The rows so far, one after the other.
    pub fn numbers(&self) -> Result<Mapped, JobError> {
        Mapped::open(&self.folder.join(ROWS)).map_err(at(&self.folder))
    }

    /// What is wrong with the work itself.
    pub fn fault(&self, what: &str) -> JobError {
        JobError::File { path: self.folder.join(LOG), what: what.to_owned() }
    }

    fn count(&mut self, batch: Batch) {
        self.items += batch.items;
        self.rows += batch.rows;
        self.cut += batch.cut;
        self.skipped.extend(batch.skipped);
    }

    /// The rows reach the disk before the line that says so.
    pub fn add(&mut self, rows: &[f32], mut batch: Batch) -> Result<(), JobError> {
        let bytes: Vec<u8> = rows.iter().flat_map(|x| x.to_le_bytes()).collect();
        batch.sum = xxh3_64(&bytes);
        let path = self.folder.join(ROWS);
        self.numbers.write_all(&bytes).and_then(|()| self.numbers.sync_data()).map_err(at(&path))?;
        self.note(&batch)?;
        self.count(batch);
        Ok(())
    }

    fn note(&mut self, line: &impl Serialize) -> Result<(), JobError> {
        let path = self.folder.join(LOG);
        let mut text = serde_json::to_string(line).map_err(|e| at(&path)(e.into()))?;
        text.push('\n');
        self.log.write_all(text.as_bytes()).and_then(|()| self.log.sync_data()).map_err(at(&path))
    }

    pub fn remove(self) -> Result<(), JobError> {
        clear(&self.folder)
    }
}

/// Removes the two files, and the folder if nothing else lives there.
fn clear(folder: &Path) -> Result<(), JobError> {
    for name in [LOG, ROWS] {
        let path = folder.join(name);
        match fs::remove_file(&path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(at(&path)(e)),
            _ => {}
        }
    }
    fs::remove_dir(folder).map_err(at(folder))
}
