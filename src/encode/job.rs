//! Many texts or images → a folder of vectors, in batches, to be gone on with after whatever ended it.
//!
//! ```text
//! OUT.partial/    what is done so far (partial.rs)
//!      │ all done
//!      ▼
//! OUT/vectors.npy  OUT/ids.npy  OUT/embed.json  (OUT/skipped.jsonl)     published whole
//! ```
//!
//! A vector depends on its item alone, so the bytes are those of an undisturbed run, wherever it was torn. An item (a caption, an
//! image path) that many samples share is encoded once.

use super::partial::{Batch, Plan, Work};
use super::pixels::{DecodeError, decode};
use super::{Encoder, Error};
use crate::formats::npy::{NpyWriter, write_ids};
use crate::publish::{self, Staging};
use crate::words::SampleId;
use rayon::prelude::*;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;
use xxhash_rust::xxh3::Xxh3;

/// What makes a folder one of vectors.
pub const EMBED: &str = "embed.json";

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

pub(super) fn at(path: &Path) -> impl Fn(io::Error) -> JobError + '_ {
    move |e| JobError::File { path: path.into(), what: e.to_string() }
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
        let mut work = Work::open(out, &plan, self.encoder.identity().width, self.restart)?;
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
        // A photograph that was exchanged meanwhile is another one.
        if let Items::Images(root, paths) = self.items {
            for path in paths {
                let meta = fs::metadata(root.join(path)).ok();
                let changed = meta.as_ref().and_then(|m| m.modified().ok()?.duration_since(UNIX_EPOCH).ok());
                part(&meta.map_or(0, |m| m.len()).to_le_bytes());
                part(&changed.map_or(0, |t| t.as_nanos()).to_le_bytes());
            }
        }
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
                let first = range.start;
                let texts: Vec<&str> = texts[range].iter().map(String::as_str).collect();
                let cut = texts.par_iter().filter(|t| self.encoder.is_cut(t)).count();
                let (rows, skipped) = match self.encoder.texts(&texts) {
                    Err(Error::Server { refused: true, .. }) if self.skip_bad => self.one_by_one(first, &texts)?,
                    Err(Error::Server { url, what, refused }) => {
                        let remedy = if refused { "put it right, or pass --skip-bad: " } else { "" };
                        let what = format!("{what}; {remedy}the same command goes on from here");
                        return Err(Error::Server { url, what, refused }.into());
                    }
                    other => (other?, BTreeMap::new()),
                };
                Ok((rows, Batch { items, rows: items - skipped.len(), cut, skipped, ..Batch::default() }))
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
                Ok((rows, Batch { items, rows: items - skipped.len(), skipped, ..Batch::default() }))
            }
        }
    }

    /// Texts of which a server refuses some: those are left out.
    fn one_by_one(&self, first: usize, texts: &[&str]) -> Result<(Vec<f32>, BTreeMap<usize, String>), JobError> {
        let each: Vec<_> = texts.par_iter().map(|text| self.encoder.texts(std::slice::from_ref(text))).collect();
        let (mut rows, mut skipped) = (Vec::new(), BTreeMap::new());
        for (item, row) in (first..).zip(each) {
            match row {
                Ok(row) => rows.extend(row),
                Err(Error::Server { what, refused: true, .. }) => {
                    skipped.insert(item, what);
                }
                Err(other) => return Err(other.into()),
            }
        }
        Ok((rows, skipped))
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
            return Err(work.fault("not one item could be encoded, so there is nothing to write"));
        }
        let numbers = work.numbers()?;
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
