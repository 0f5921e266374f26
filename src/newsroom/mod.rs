//! A made-up newsroom: a seeded photo archive in the layout in which NewsCLIPpings is published,
//! written without any download. It is what the demo shows, what tests read, and, with more
//! samples, what benchmarks search.
//!
//! ```text
//! DIR/visual_news/origin/data.json                                  the catalog, all partitions
//! DIR/news_clippings/metadata/{train,val,test}.json                 facts by id
//! DIR/news_clippings/embeddings/<matrix>/<matrix>_{partition}.pkl   {id: float32 vector}
//!
//!            gazetteer  scenes ◄─ topics_hard, topics_soft
//!                 ▲       ▲
//!   chance ◄── world ◄─► caption        what happened, who saw it, what was written
//!      ▲         ▲  ▲
//!      │         │  └── facts           as JSON
//!      └────── space                    as vectors
//!                ▲       pickle
//!                └─ files ─┘            one pass, 16 files
//! ```
//!
//! | file | responsibility |
//! |---|---|
//! | `chance.rs` | seeded streams, ranks, noise: integers and plain float arithmetic only |
//! | `gazetteer.rs` | names of places, persons, agencies |
//! | `scenes.rs`, `topics_hard.rs`, `topics_soft.rs` | topics, kinds of scene, sentences with slots |
//! | `caption.rs` | fills a sentence, notes the entity mentions |
//! | `world.rs` | events and samples by number |
//! | `space.rs` | the latent space and the four encoders' views of it |
//! | `facts.rs` | a sample as catalog record and metadata entry |
//! | `pickle.rs` | `{int: ndarray}` row by row |
//! | `files.rs` | blocks in parallel, files in order |
//! | `pictures.rs` | a drawing for every sample, where somebody is to look at it |
//! | `canvas.rs`, `png.rs` | shapes in few colours; the file |
//!
//! **What differs from the published files.** Metadata carries optional keys of ours:
//! `person_boxes`, `pictured`, `generic`, `corrupted`. Places rows exist also for pictures of a
//! person, so that the person split's rule has something to look at. Keys of the pickles are
//! integers; vectors are one-dimensional float32, not normalised.

mod canvas;
mod caption;
mod chance;
mod facts;
mod files;
mod gazetteer;
mod pickle;
mod pictures;
mod png;
mod scenes;
mod space;
mod topics_hard;
mod topics_soft;
mod world;

pub use pictures::draw;

use serde::Serialize;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The matrices: name of the folder and of the files, and width.
pub const MATRICES: [(&str, u16); 4] = [
    ("clip_image_embeddings", 512),
    ("clip_text_embeddings", 512),
    ("sbert_embeddings", 768),
    ("places_resnet50", 2048),
];

/// The fewest samples a newsroom may have: every partition then has some.
pub const FEWEST: u32 = 100;
/// The most: picture files are numbered by four digits of folder and three of file.
pub const MOST: u32 = world::MOST_SAMPLES;

/// What to make up. The same settings give the same bytes, on every machine and with any number of
/// threads, as long as the crate's version is the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Newsroom {
    /// [`FEWEST`] ..= [`MOST`] (image, caption) pairs. 15% each are val and test, from 20,000 on 10%.
    pub samples: u32,
    /// Any number; another seed gives another world, not another order.
    pub seed: u64,
}

impl Default for Newsroom {
    /// The demo's newsroom.
    fn default() -> Self {
        Newsroom { samples: 6000, seed: 7 }
    }
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// train, val, test.
    pub partitions: [PartitionCounts; 3],
    /// What real archives have, too, and how often it occurs here.
    pub oddities: [(&'static str, u32); ODDITIES.len()],
}

/// Counts of one partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PartitionCounts {
    /// `train`, `val` or `test`.
    pub name: &'static str,
    /// Samples in the catalog.
    pub samples: u32,
    /// Metadata entries: a few samples have none.
    pub metadata: u32,
    /// Rows by matrix, in the order of [`MATRICES`]. Places rows exist for scenes and for pictures
    /// of a person only; of each matrix a few rows are missing.
    pub rows: [u32; 4],
}

/// What [`Report::oddities`] counts.
const ODDITIES: [&str; 10] = [
    "no metadata entry",
    "no timestamp",
    "no entity list",
    "no person-box count",
    "generic caption",
    "corrupted image",
    "image path of another sample",
    "copy of another sample's image",
    "crop of another sample's image",
    "caption of another sample",
];

/// Why a newsroom was not written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Too few samples for three partitions, or more than there are file numbers.
    #[error("a made-up newsroom has {FEWEST} to {MOST} samples, not {got}: ask for a number between them")]
    Samples {
        /// As asked for.
        got: u32,
    },
    /// Something is there already.
    #[error("{}: a newsroom is written into a new or an empty folder, and this one is not empty: name another one or empty it", path.display())]
    Occupied {
        /// The folder.
        path: PathBuf,
    },
    /// The file system refused.
    #[error("{}: cannot be written: {source}: check the free space and the permissions of the folder", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Writes a made-up newsroom into `dir`, which must be absent or empty.
///
/// `progress` is told `(samples written, samples in all)` a few times a second. Runs on the current
/// rayon pool; memory stays below 200 MiB whatever the size. On an error what was written so far
/// is removed.
///
/// # Errors
/// [`Error::Samples`] and [`Error::Occupied`] before anything is written; [`Error::Write`].
pub fn generate(dir: &Path, settings: &Newsroom, progress: &mut dyn FnMut(u64, u64)) -> Result<Report, Error> {
    let &Newsroom { samples, seed } = settings;
    if !(FEWEST..=MOST).contains(&samples) {
        return Err(Error::Samples { got: samples });
    }
    let cannot = |source| Error::Write { path: dir.to_owned(), source };
    fs::create_dir_all(dir).map_err(cannot)?;
    if fs::read_dir(dir).map_err(cannot)?.next().is_some() {
        return Err(Error::Occupied { path: dir.to_owned() });
    }
    let written = files::write(dir, samples, &world::World::new(samples, seed), progress);
    if written.is_err() {
        // The folder was empty; the error at hand says more than one met while tidying up.
        let _ = fs::remove_dir_all(dir.join("visual_news"));
        let _ = fs::remove_dir_all(dir.join("news_clippings"));
    }
    written
}

/// What is made up and what it can show, in a few lines for a terminal.
pub fn describe() -> &'static str {
    "A made-up newsroom: events at real places, with invented persons, organisations and agencies, \
     pictured and captioned by four outlets over ten years. The vectors are made up too: each is one of \
     four fixed random views of what the picture or the caption is about, with the modality gap and the \
     pair scores of CLIP on real news. It shows how matching works and how fast it is; it says nothing \
     about how good CLIP is."
}
