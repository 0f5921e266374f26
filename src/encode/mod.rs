//! Layer 5: captions and photographs → vectors, in this process, from the files that the model hubs hold.
//!
//! ```text
//!   DIR/config.json  ── clip ──►  ClipModel      texts ─► tokens/ ─► transformer ─► row at the end token ─► projection ─┐
//!                    │                           images ► pixels/ ─► patches ─► transformer ─► class row ─► projection ──┼─► unit rows
//!                    └─ bert ──►  SentenceModel  texts ─► tokens/ ─► transformer ─► modules: mean (or class) row ──────────────┘
//!   DIR/model.safetensors   mapped: f32 weights are used where they lie
//! ```
//!
//! Every product is the crate's one dot product (`kernels`), whose tiles are as fast as a matrix product made for speed alone;
//! so there is no runtime beside it, and a vector does not depend on what else was in its batch, nor on the threads: a caption
//! has one vector, to the last bit. Sequences are never padded.
//!
//! | file | responsibility |
//! |---|---|
//! | `identity.rs` | which encoder: name, width, hash; may two be compared? |
//! | `open.rs` | a model's folder: what is it, its settings |
//! | `weights.rs` | safetensors: tensors by name |
//! | `layers.rs` | linear layers, norms, activations |
//! | `attention.rs` | blocks of a transformer |
//! | `clip.rs` | the two towers of CLIP |
//! | `sentence.rs` | sentence encoders of the BERT kind |
//! | `modules.rs` | what is done to their rows: pooling, layers, normalising |
//! | `job.rs` | many items → a folder of vectors, to be gone on with after a kill |
//! | `partial.rs` | what of a job is done and on the disk |
//! | `tokens/` | texts → numbers of tokens |
//! | `pixels/` | files of images → pixels → what a tower sees |

mod attention;
mod clip;
mod identity;
mod job;
mod layers;
mod modules;
mod open;
mod partial;
pub mod pixels;
mod sentence;
pub mod tokens;
mod weights;

pub use clip::ClipModel;
pub(crate) use clip::units;
pub use identity::{Identity, Mismatch};
pub use job::{Done, EMBED, Items, Job, JobError};
pub use open::open;
pub use sentence::SentenceModel;

use pixels::Pixels;
use std::path::PathBuf;

/// Texts and images → vectors of one space.
pub trait Encoder: Send + Sync {
    /// Name, width, hash.
    fn identity(&self) -> &Identity;

    /// Does it read images?
    fn reads_images(&self) -> bool;

    /// One unit row of `identity().width` elements a text, one after the other. Work is shared out over rayon's current pool.
    ///
    /// A text that is longer than the model reads is cut, as its own software does; [`Encoder::is_cut`] tells.
    ///
    /// # Errors
    /// A text that gives a vector without length, which no cosine could be taken of.
    fn texts(&self, texts: &[&str]) -> Result<Vec<f32>, Error>;

    /// One unit row an image, as [`Encoder::texts`] does.
    ///
    /// # Errors
    /// [`Error::NoImages`] of a model that reads none.
    fn images(&self, images: &[Pixels]) -> Result<Vec<f32>, Error>;

    /// What the model reads of a text, its opening and closing marks included; and is that less than the whole? `None`: it does
    /// not tell.
    fn tokens(&self, text: &str) -> Option<(Vec<u32>, bool)>;

    /// Is this text known to be longer than the model reads?
    fn is_cut(&self, text: &str) -> bool {
        self.tokens(text).is_some_and(|read| read.1)
    }
}

/// Why nothing can be encoded.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file of the model.
    #[error("{}: {what}", path.display())]
    Model {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong, and what to do.
        what: String,
    },
    /// A model that a server runs.
    #[error("{url}: {what}")]
    Server {
        /// Its address.
        url: String,
        /// What it says.
        what: String,
        /// It answers, and does not take this text.
        refused: bool,
    },
    /// A model of texts alone.
    #[error("{0} reads no images; name a CLIP model")]
    NoImages(String),
    /// Weights that make infinities or zeros of it.
    #[error("the model gives a vector without a direction for {0}; are its weights whole?")]
    NoDirection(String),
}

impl Error {
    fn model(path: &std::path::Path, what: impl std::fmt::Display) -> Error {
        Error::Model { path: path.into(), what: what.to_string() }
    }
}
