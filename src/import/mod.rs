//! Layer 5: other people's files → an index.
//!
//! ```text
//! CORPUS.toml ─┐                 catalog ──► samples ──┐
//!              ├─► Corpus ──►    metadata ─► facts ────┼──► catalog.mispair ──┐
//! DIR as       │                                       │                      ├─► manifest ─► published
//! published ───┘                 matrices ─► id → row ─┴──► matrix-*.mispair ─┤
//!                                                               └► codes-*, graph-*
//! ```
//!
//! Everything that can be wrong with the ids and the shapes is found before the first byte is written; a bad vector is
//! found while its matrix is written, beside the old index, which stays as it was.
//!
//! | file | responsibility |
//! |---|---|
//! | `corpus.rs` | the corpus file; the published layout as one |
//! | `source.rs` | one matrix file: ids and rows |
//! | `join.rs` | samples, facts and rows brought together by id |
//! | `build.rs` | the whole build, in order |
//! | `search.rs` | codes and graphs, and how much they find |
//! | `graphs.rs` | how a modality's graph is wanted |
//! | `estimate.rs` | memory, disk and time, said beforehand |

mod build;
mod corpus;
mod estimate;
mod graphs;
mod join;
mod search;
mod source;

pub use build::{Report, Silent, Talk, build, read_catalog};
pub use corpus::{CatalogFormat, Corpus, ModalitySource};
pub use estimate::Estimate;
pub use graphs::GraphSource;

use std::path::PathBuf;

/// Why an index cannot be built. Everything names its file; what concerns one row names the row.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The corpus file.
    #[error("{}: {what}", path.display())]
    Corpus {
        /// The corpus file.
        path: PathBuf,
        /// What is wrong, and what to do.
        what: String,
    },
    /// A file that the corpus names.
    #[error("{}: {what}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what to do.
        what: String,
    },
    /// A record of the catalog or of the metadata.
    #[error(transparent)]
    Record(Box<crate::formats::RecordError>),
    /// More memory than there is: how much, and what to do.
    #[error("{0}")]
    Memory(String),
    /// Publishing.
    #[error(transparent)]
    Publish(#[from] crate::publish::Error),
    /// A file of the index.
    #[error(transparent)]
    Wire(#[from] crate::wire::Error),
    /// Vectors that cannot be compared; measuring recall.
    #[error(transparent)]
    Kernels(#[from] crate::kernels::Error),
    /// The full scan that recall is measured against.
    #[error(transparent)]
    Exact(#[from] crate::exact::Error),
}

impl Error {
    fn file(path: &std::path::Path, what: impl std::fmt::Display) -> Error {
        Error::File { path: path.into(), what: what.to_string() }
    }
}

fn mib(bytes: u64) -> String {
    match bytes >> 20 {
        0..1024 => format!("{} MiB", bytes.div_ceil(1 << 20)),
        _ => format!("{:.1} GiB", bytes as f64 / f64::from(1 << 30)),
    }
}
