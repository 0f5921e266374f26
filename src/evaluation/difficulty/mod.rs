//! How hard a dataset is: for CLIP as it is, for a threshold, for small trained probes.
//!
//! ```text
//!   dataset + index ──► Pairs: CTI of the right and of the wrong image ──► ranking, one of five, distributions
//!                          │
//!            train ────────┼──► threshold, linear, MLP, tree ──► Predictions ──► accuracy, ROC (falsified is positive)
//!            val, test ────┘          controls: text alone, image alone
//! ```
//!
//! | file | responsibility |
//! |---|---|
//! | `pairs.rs` | [`Pairs`]: a file's pairs with their vectors and CTIs |
//! | `ranking.rs` | how often CLIP prefers the right image; one of five; histograms |
//! | `predictions.rs` | [`Predictions`]: accuracy, ROC; two models combined |
//! | `features.rs` | frozen vectors as input of probes |
//! | `probes.rs` | threshold, linear, tree |
//! | `mlp.rs` | the two-layer network |
//! | `six.rs` | the six similarities of a pair and its evidence |
//! | `run.rs` | the whole of it, file by file |

mod features;
mod mlp;
mod pairs;
mod predictions;
mod probes;
mod ranking;
mod run;
mod six;

pub use features::{Features, Sides};
pub use mlp::{Mlp, Training};
pub use pairs::{Pair, Pairs};
pub use predictions::{Accuracy, Combined, Predictions, Roc, combine};
pub use probes::{Linear, Threshold, Tree};
pub use ranking::{Histogram, OneOfFive, Ranking, histogram, one_of_five, ranking};
pub use run::{Difficulty, Group, ProbeRow, Settings, difficulty};
pub use six::{SIX, six};

/// Why a dataset cannot be judged.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A modality that is not there.
    #[error("the index has no modality {got:?}, it has {}; name one of these", have.join(", "))]
    Modality {
        /// As asked for.
        got: String,
        /// What there is.
        have: Vec<String>,
    },
    /// Captions and images of different widths.
    #[error("captions have {captions} dimensions, images {images}: they must be of one space")]
    Widths {
        /// Of captions.
        captions: usize,
        /// Of images.
        images: usize,
    },
    /// No pair of the dataset is in the index.
    #[error("no pair of the dataset is in the index: {0}")]
    Nothing(String),
    /// A probe that could not be fitted.
    #[error("the {probe} probe could not be trained: {what}")]
    Fit {
        /// Which.
        probe: &'static str,
        /// Why.
        what: String,
    },
    /// The engine refused.
    #[error(transparent)]
    Search(#[from] crate::exact::Error),
    /// Vectors of another width.
    #[error(transparent)]
    Width(#[from] crate::kernels::Error),
}
