//! Layer 5: what was made of an index, as files: a matched corpus, and exports.
//!
//! ```text
//! DIR/summary.json                        what was done and counted: enough to repeat it bit for bit
//! DIR/run.json                            when, how long, on what: differs from run to run
//! DIR/<split>/<partition>.json            annotations in the published format
//! DIR/<split>/pairs.parquet               the same pairs with captions, paths and scores
//! DIR/merged_balanced/<partition>.json
//! DIR/merged_balanced/pairs.parquet
//! ```
//!
//! | file | responsibility |
//! |---|---|
//! | `write.rs` | the whole folder |
//! | `table.rs` | pairs with all that is known of them: `pairs.parquet` |
//! | `matrices.rs` | an index's vectors as `.npy` files, or as a clip-retrieval folder |
//! | `milvus.rs` | one split as a Milvus collection, its rules as filters |
//! | `neighbours.rs` | every sample's nearest others |
//! | `negatives.rs` | hard negatives for training |
//! | `terms.rs` | what a run depends on |
//! | `part.rs` | what one unit of work gave, as a file |
//! | `hydrate.rs` | annotations → rows with captions and paths |
//! | `read.rs` | datasets, whoever made them → [`evaluation::Dataset`](crate::evaluation::Dataset) |

mod hydrate;
mod matrices;
mod milvus;
mod negatives;
mod neighbours;
mod part;
mod read;
mod table;
mod terms;
mod write;

pub use hydrate::{Hydrated, check_index, hydrate};
pub use matrices::{write_clip_retrieval, write_modality};
pub use milvus::{Exported, write_milvus};
pub use negatives::{Mined, Mining, Sampling, Shape, mine, shaped};
pub use neighbours::{Neighbours, write_neighbours};
pub use part::{Part, There};
pub use read::read;
pub use table::{Labelled, write as write_pairs};
pub use terms::Terms;
pub use write::{Run, SUMMARY, is_dataset, write};

use std::path::PathBuf;

/// Why a dataset cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file.
    #[error("{}: {what}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what to do.
        what: String,
    },
    /// A record of a file.
    #[error(transparent)]
    Record(Box<crate::formats::RecordError>),
    /// Publishing.
    #[error(transparent)]
    Publish(#[from] crate::publish::Error),
}

impl From<crate::formats::RecordError> for Error {
    fn from(e: crate::formats::RecordError) -> Error {
        Error::Record(Box::new(e))
    }
}

impl Error {
    fn at(path: &std::path::Path) -> impl Fn(&dyn std::fmt::Display) -> Error + '_ {
        |what| Error::File { path: path.into(), what: what.to_string() }
    }
}
