//! One pass over the samples, 16 files at once.
//!
//! ```text
//!  blocks of 128 samples, made in parallel ──► in order ──► data.json
//!  (each holds its bytes for every file)                    metadata/{train,val,test}.json
//!                                                           <matrix>_{train,val,test}.pkl × 4
//! ```
//!
//! While one batch of blocks is written the next is made. Memory: two batches, whatever the size.

use super::facts::{Entry, Presence, Record};
use super::pickle::RowWriter;
use super::space::Space;
use super::world::{PARTITIONS, Sample, Source, World};
use super::{Error, MATRICES, ODDITIES, PartitionCounts, Report};
use rayon::prelude::*;
use serde::Serialize;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

const BLOCK: u32 = 128;
const BLOCKS_PER_BATCH: u32 = 16;
/// Between the items of a JSON file.
const SEPARATOR: &[u8] = b",\n";

/// The bytes that one block of samples adds to every file.
#[derive(Default)]
struct Block {
    samples: u32,
    catalog: Vec<u8>,
    parts: [Part; 3],
    oddities: [u32; ODDITIES.len()],
}

/// What it adds to the files of one partition.
#[derive(Default)]
struct Part {
    samples: u32,
    entries: u32,
    metadata: Vec<u8>,
    /// For each matrix the keys and their rows, one after another.
    matrices: [(Vec<i32>, Vec<u8>); 4],
}

fn make_block(world: &World, space: &Space, from: u32, to: u32) -> Block {
    let mut block = Block { samples: to - from, ..Block::default() };
    let mut vector = Vec::with_capacity(2048);
    for sample in (from..to).map(|index| world.sample(index)) {
        append_json(&mut block.catalog, None, &Record::of(&sample));
        let present = Presence::of(world, &sample);
        let part = &mut block.parts[sample.partition];
        part.samples += 1;
        let entry = Entry::of(world, &sample);
        for (count, is) in block.oddities.iter_mut().zip(oddities(&sample, &entry, &present)) {
            *count += u32::from(is);
        }
        if present.metadata {
            part.entries += 1;
            append_json(&mut part.metadata, Some(sample.id), &entry);
        }
        let vectors: [fn(&Space, &Sample, &mut Vec<f32>); 4] = [Space::image, Space::text, Space::sbert, Space::places];
        for (make, (keys, rows)) in
            vectors.iter().zip(&mut part.matrices).zip(present.rows).filter_map(|(m, p)| p.then_some(m))
        {
            make(space, &sample, &mut vector);
            keys.push(sample.id);
            rows.extend(vector.iter().flat_map(|x| x.to_le_bytes()));
        }
    }
    block
}

/// Every item is preceded by the separator; the file leaves the first one out.
fn append_json(out: &mut Vec<u8>, key: Option<i32>, item: &impl Serialize) {
    out.extend_from_slice(SEPARATOR);
    if let Some(key) = key {
        out.extend_from_slice(format!("\"{key}\": ").as_bytes());
    }
    // Writing to memory cannot fail, and neither can these types.
    let _ = serde_json::to_writer(out, item);
}

/// Which of [`ODDITIES`] a sample has; facts that stand in a missing entry count once, as that.
fn oddities(sample: &Sample, entry: &Entry<'_>, present: &Presence) -> [bool; ODDITIES.len()] {
    let known = present.metadata;
    let source = sample.picture.source;
    [
        !known,
        known && entry.timestamp.is_none(),
        known && entry.caption_entities_spacy.is_none(),
        known && entry.person_boxes.is_none(),
        known && entry.generic == Some(true),
        known && entry.corrupted == Some(true),
        source == Source::SamePath,
        source == Source::Copy,
        source == Source::Crop,
        sample.wording != sample.index,
    ]
}

/// A JSON array or object that grows item by item.
struct Json {
    path: PathBuf,
    out: BufWriter<File>,
    empty: bool,
    close: &'static str,
}

impl Json {
    fn create(path: PathBuf, open: &str, close: &'static str) -> Result<Json, Error> {
        let mut json = Json { out: create(&path)?, path, empty: true, close };
        json.out.write_all(open.as_bytes()).map_err(in_file(&json.path))?;
        Ok(json)
    }

    /// `items` begins with a separator, or is empty.
    fn append(&mut self, items: &[u8]) -> Result<(), Error> {
        let skip = if self.empty { SEPARATOR.len().min(items.len()) } else { 0 };
        self.empty &= items.is_empty();
        self.out.write_all(&items[skip..]).map_err(in_file(&self.path))
    }

    fn finish(mut self) -> Result<(), Error> {
        let written = self.out.write_all(self.close.as_bytes()).and_then(|()| self.out.flush());
        written.map_err(in_file(&self.path))
    }
}

/// The pickle of one matrix in one partition.
struct Rows {
    path: PathBuf,
    writer: RowWriter<BufWriter<File>>,
}

impl Rows {
    fn create(folder: &Path, name: &str, partition: &str, width: u16) -> Result<Rows, Error> {
        let path = folder.join(name).join(format!("{name}_{partition}.pkl"));
        let writer = RowWriter::new(create(&path)?, width).map_err(in_file(&path))?;
        Ok(Rows { path, writer })
    }

    fn append(&mut self, keys: &[i32], rows: &[u8]) -> Result<(), Error> {
        let width = rows.len().checked_div(keys.len()).unwrap_or(1);
        keys.iter()
            .zip(rows.chunks_exact(width))
            .try_for_each(|(&key, row)| self.writer.row(key, row))
            .map_err(in_file(&self.path))
    }
}

pub(super) fn in_file(path: &Path) -> impl FnOnce(io::Error) -> Error + '_ {
    |source| Error::Write { path: path.to_owned(), source }
}

/// A new file and the folders above it.
pub(super) fn create(path: &Path) -> Result<BufWriter<File>, Error> {
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder).map_err(in_file(folder))?;
    let file = File::create_new(path).map_err(in_file(path))?;
    Ok(BufWriter::with_capacity(1 << 17, file))
}

/// All files of one newsroom.
struct Archive {
    catalog: Json,
    metadata: Vec<Json>,
    /// By partition, then by matrix.
    matrices: Vec<Vec<Rows>>,
    report: Report,
}

impl Archive {
    fn create(dir: &Path) -> Result<Archive, Error> {
        let news = dir.join("news_clippings");
        let metadata = news.join("metadata");
        let embeddings = news.join("embeddings");
        let rows = |partition| {
            MATRICES.iter().map(|&(name, width)| Rows::create(&embeddings, name, partition, width)).collect()
        };
        Ok(Archive {
            catalog: Json::create(dir.join("visual_news/origin/data.json"), "[\n", "\n]\n")?,
            metadata: PARTITIONS
                .iter()
                .map(|partition| Json::create(metadata.join(format!("{partition}.json")), "{\n", "\n}\n"))
                .collect::<Result<_, _>>()?,
            matrices: PARTITIONS.iter().map(|partition| rows(*partition)).collect::<Result<_, _>>()?,
            report: Report {
                partitions: PARTITIONS.map(|name| PartitionCounts { name, samples: 0, metadata: 0, rows: [0; 4] }),
                oddities: ODDITIES.map(|name| (name, 0)),
            },
        })
    }

    fn append(&mut self, block: &Block) -> Result<(), Error> {
        self.catalog.append(&block.catalog)?;
        for (number, part) in block.parts.iter().enumerate() {
            self.metadata[number].append(&part.metadata)?;
            let counts = &mut self.report.partitions[number];
            counts.samples += part.samples;
            counts.metadata += part.entries;
            let files = self.matrices[number].iter_mut().zip(&mut counts.rows);
            for ((file, count), (keys, rows)) in files.zip(&part.matrices) {
                file.append(keys, rows)?;
                *count += keys.len() as u32;
            }
        }
        for ((_, sum), count) in self.report.oddities.iter_mut().zip(block.oddities) {
            *sum += count;
        }
        Ok(())
    }

    fn finish(self) -> Result<Report, Error> {
        self.catalog.finish()?;
        self.metadata.into_iter().try_for_each(Json::finish)?;
        for rows in self.matrices.into_iter().flatten() {
            rows.writer.finish().map_err(in_file(&rows.path))?;
        }
        Ok(self.report)
    }
}

/// Writes everything under `dir`.
pub(super) fn write(
    dir: &Path,
    samples: u32,
    world: &World,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Report, Error> {
    let space = Space::new(world);
    let mut archive = Archive::create(dir)?;
    let mut ready: Vec<Block> = Vec::new();
    let mut made = 0;
    let mut written = 0;
    while written < samples {
        let until = samples.min(made + BLOCK * BLOCKS_PER_BATCH);
        let starts: Vec<u32> = (made..until).step_by(BLOCK as usize).collect();
        let (appended, next) = rayon::join(
            || ready.iter().try_for_each(|block| archive.append(block)),
            || -> Vec<Block> {
                let ends = |from: &u32| until.min(from + BLOCK);
                starts.par_iter().map(|from| make_block(world, &space, *from, ends(from))).collect()
            },
        );
        appended?;
        written += ready.iter().map(|block| block.samples).sum::<u32>();
        made = until;
        ready = next;
        progress(written.into(), samples.into());
    }
    archive.finish()
}
