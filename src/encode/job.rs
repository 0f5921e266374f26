//! Many texts or images → a folder of vectors, in batches, to be gone on with after whatever ended it.
//!
//! ```text
//! OUT.partial/log.jsonl      line 1: what is to be done (encoder, items, their hash); then one line a finished batch
//! OUT.partial/vectors.f32    rows of the finished batches; what lies beyond the last line is a torn batch, and cut off
//!      │ all done
//!      ▼
//! OUT/vectors.npy  OUT/ids.npy  OUT/embed.json  (OUT/skipped.jsonl)     published whole
//! ```
//!
//! A vector depends on its item alone, so the bytes are those of an undisturbed run, wherever it was torn. An item (a caption, an
//! image path) that many samples share is encoded once.

use super::pixels::{DecodeError, decode};
use super::{Encoder, Error};
use crate::formats::npy::{NpyWriter, write_ids};
use crate::mapped::Mapped;
use crate::publish::{self, Staging};
use crate::words::SampleId;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use xxhash_rust::xxh3::Xxh3;

/// What makes a folder one of vectors.
pub const EMBED: &str = "embed.json";
const LOG: &str = "log.jsonl";
const ROWS: &str = "vectors.f32";

/// What is encoded.
#[derive(Debug, Clone, Copy)]
pub enum Items<'a> {
    /// Texts.
    Texts(&'a [String]),
    /// Files of images: paths relative to a folder.
    Images(&'a Path, &'a [String]),
}

/// What is to be done.
pub struct Job<'a> {
    /// By this encoder.
    pub encoder: &'a dyn Encoder,
    /// Each once.
    pub items: Items<'a>,
    /// Rows of the result: a sample's id, and its item.
    pub rows: &'a [(SampleId, u32)],
    /// Items at a time: what is lost when it is killed.
    pub batch: usize,
    /// Leave out images that cannot be read, and list them.
    pub skip_bad: bool,
    /// Forget what an earlier run has done.
    pub restart: bool,
    /// Replace a result that is there.
    pub force: bool,
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    /// Rows written.
    pub rows: usize,
    /// Items that an earlier run had done.
    pub resumed: usize,
    /// Images that were left out, and why.
    pub skipped: Vec<(String, String)>,
    /// Texts that were longer than the model reads.
    pub cut: usize,
}

/// Why it was not done.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// The model.
    #[error(transparent)]
    Encode(#[from] Error),
    /// The result cannot be published.
    #[error(transparent)]
    Publish(#[from] publish::Error),
    /// A file.
    #[error("{}: {what}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what to do.
        what: String,
    },
}

fn at(path: &Path) -> impl Fn(io::Error) -> JobError + '_ {
    move |e| JobError::File { path: path.into(), what: e.to_string() }
}

/// The first line of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Plan {
    embed: String,
    encoder: String,
    kind: String,
    items: usize,
    hash: String,
}

/// A line for a finished batch.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Batch {
    items: usize,
    rows: usize,
    cut: usize,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    skipped: BTreeMap<usize, String>,
}

/// `embed.json`.
#[derive(Debug, Serialize)]
struct Summary<'a> {
    mispair: &'static str,
    encoder: &'a str,
    kind: &'a str,
    rows: usize,
    width: usize,
    items: usize,
    items_hash: &'a str,
    texts_cut: usize,
    skipped: usize,
}

impl Items<'_> {
    fn names(&self) -> &[String] {
        match self {
            Items::Texts(texts) => texts,
            Items::Images(_, paths) => paths,
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Items::Texts(_) => "texts",
            Items::Images(..) => "images",
        }
    }
}

impl Job<'_> {
    /// Does it, or goes on with it. `progress` is told how many items more are done.
    ///
    /// # Errors
    /// An image that cannot be read (without `skip_bad`), work of another plan in the way, the system's.
    pub fn run(&self, out: &Path, progress: &dyn Fn(u64)) -> Result<Done, JobError> {
        if out.exists() && !self.force {
            return Err(publish::Error::Exists(out.into()).into());
        }
        let plan = self.plan();
        let mut work = Work::open(out, &plan, self)?;
        let names = self.items.names();
        let resumed = work.items;
        progress(resumed as u64);
        while work.items < names.len() {
            let range = work.items..names.len().min(work.items + self.batch.max(1));
            let count = range.len();
            let (rows, batch) = self.encode(range)?;
            work.add(&rows, batch)?;
            progress(count as u64);
        }
        let done = self.publish(out, &plan, &work, resumed)?;
        work.remove()?;
        Ok(done)
    }

    fn plan(&self) -> Plan {
        let mut hash = Xxh3::new();
        let mut part = |bytes: &[u8]| {
            hash.update(&(bytes.len() as u64).to_le_bytes());
            hash.update(bytes);
        };
        self.items.names().iter().for_each(|name| part(name.as_bytes()));
        self.rows.iter().for_each(|(id, item)| {
            part(id.to_json().as_bytes());
            part(&item.to_le_bytes());
        });
        Plan {
            embed: env!("CARGO_PKG_VERSION").to_owned(),
            encoder: self.encoder.identity().to_string(),
            kind: self.items.kind().to_owned(),
            items: self.items.names().len(),
            hash: format!("{:016x}", hash.digest()),
        }
    }

    fn encode(&self, range: std::ops::Range<usize>) -> Result<(Vec<f32>, Batch), JobError> {
        let items = range.len();
        match self.items {
            Items::Texts(texts) => {
                let texts: Vec<&str> = texts[range].iter().map(String::as_str).collect();
                let cut = texts.par_iter().filter(|t| self.encoder.is_cut(t)).count();
                let rows = self.encoder.texts(&texts)?;
                Ok((rows, Batch { items, rows: items, cut, ..Batch::default() }))
            }
            Items::Images(root, paths) => {
                // One image at a time a thread: photographs of many megapixels need not fit in memory all at once.
                let encoded: Vec<Result<Vec<f32>, JobError>> = paths[range.clone()]
                    .par_iter()
                    .map(|path| {
                        let path = root.join(path);
                        let bytes = fs::read(&path).map_err(at(&path))?;
                        let pixels = decode(&bytes)
                            .map_err(|e: DecodeError| JobError::File { path: path.clone(), what: e.to_string() })?;
                        Ok(self.encoder.images(&[pixels])?)
                    })
                    .collect();
                let (mut rows, mut skipped) = (Vec::new(), BTreeMap::new());
                for (item, row) in range.zip(encoded) {
                    match row {
                        Ok(row) => rows.extend(row),
                        Err(JobError::File { what, .. }) if self.skip_bad => {
                            skipped.insert(item, what);
                        }
                        Err(JobError::File { path, what }) => {
                            let what = format!(
                                "{what}; put it right, or pass --skip-bad: the same command goes on from here ({} of {})",
                                item,
                                paths.len()
                            );
                            return Err(JobError::File { path, what });
                        }
                        Err(other) => return Err(other),
                    }
                }
                Ok((rows, Batch { items, rows: items - skipped.len(), cut: 0, skipped }))
            }
        }
    }

    fn publish(&self, out: &Path, plan: &Plan, work: &Work, resumed: usize) -> Result<Done, JobError> {
        let names = self.items.names();
        let width = self.encoder.identity().width;
        // Where each item's row lies.
        let mut places = vec![None; names.len()];
        let kept = (0..names.len()).filter(|item| !work.skipped.contains_key(item));
        kept.zip(0..).for_each(|(item, row): (usize, usize)| places[item] = Some(row));
        let rows: Vec<(&SampleId, usize)> =
            self.rows.iter().filter_map(|(id, item)| Some((id, (*places.get(*item as usize)?)?))).collect();
        if rows.is_empty() {
            let what = "not one item could be encoded, so there is nothing to write".to_owned();
            return Err(JobError::File { path: work.folder.join(LOG), what });
        }
        let numbers = Mapped::open(&work.folder.join(ROWS)).map_err(at(&work.folder))?;
        let staging = Staging::begin(out, self.force, EMBED)?;
        let create = |name: &str| {
            let path = staging.folder().join(name);
            File::create(&path).map_err(at(&path)).map(BufWriter::new)
        };
        let (path, mut row) = (staging.folder().join("vectors.npy"), vec![0.0; width]);
        let mut npy = NpyWriter::new(create("vectors.npy")?, rows.len(), width).map_err(at(&path))?;
        for (_, place) in &rows {
            let bytes = numbers.get(place * width * 4..(place + 1) * width * 4).unwrap_or_default();
            row.iter_mut().zip(bytes.as_chunks::<4>().0).for_each(|(x, b)| *x = f32::from_le_bytes(*b));
            npy.row(&row).map_err(at(&path))?;
        }
        npy.finish().map_err(at(&path))?;
        let ids: Vec<SampleId> = rows.iter().map(|r| r.0.clone()).collect();
        write_ids(create("ids.npy")?, &ids).map_err(at(&staging.folder().join("ids.npy")))?;
        let skipped: Vec<(String, String)> =
            work.skipped.iter().map(|(item, why)| (names[*item].clone(), why.clone())).collect();
        if !skipped.is_empty() {
            let mut list = create("skipped.jsonl")?;
            for (name, why) in &skipped {
                let line = serde_json::json!({ "item": name, "why": why });
                writeln!(list, "{line}").map_err(at(staging.folder()))?;
            }
            list.flush().map_err(at(staging.folder()))?;
        }
        let summary = Summary {
            mispair: env!("CARGO_PKG_VERSION"),
            encoder: &plan.encoder,
            kind: &plan.kind,
            rows: rows.len(),
            width,
            items: plan.items,
            items_hash: &plan.hash,
            texts_cut: work.cut,
            skipped: skipped.len(),
        };
        let mut file = create(EMBED)?;
        let written = serde_json::to_writer_pretty(&mut file, &summary).map_err(io::Error::from);
        written.and_then(|()| file.write_all(b"\n")).and_then(|()| file.flush()).map_err(at(staging.folder()))?;
        staging.publish()?;
        Ok(Done { rows: ids.len(), resumed, skipped, cut: work.cut })
    }
}

/// What has been done so far, on the disk.
struct Work {
    folder: PathBuf,
    log: File,
    numbers: File,
    items: usize,
    rows: usize,
    cut: usize,
    skipped: BTreeMap<usize, String>,
}

impl Work {
    fn open(out: &Path, plan: &Plan, job: &Job<'_>) -> Result<Work, JobError> {
        let mut name = out.file_name().ok_or_else(|| publish::Error::BadPath(out.into()))?.to_owned();
        name.push(".partial");
        let folder = out.with_file_name(name);
        if job.restart && folder.is_dir() {
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
                work.count(batch);
            }
            whole += line.len() as u64;
        }
        let width = job.encoder.identity().width as u64;
        let bytes = work.rows as u64 * width * 4;
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

    fn count(&mut self, batch: Batch) {
        self.items += batch.items;
        self.rows += batch.rows;
        self.cut += batch.cut;
        self.skipped.extend(batch.skipped);
    }

    /// The rows reach the disk before the line that says so.
    fn add(&mut self, rows: &[f32], batch: Batch) -> Result<(), JobError> {
        let bytes: Vec<u8> = rows.iter().flat_map(|x| x.to_le_bytes()).collect();
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

    fn remove(self) -> Result<(), JobError> {
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
