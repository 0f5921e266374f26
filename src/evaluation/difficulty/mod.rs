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
//! | `probes.rs` | threshold, linear |
//! | `mlp.rs` | the two-layer network |
//! | `six.rs` | the six similarities of a pair and its evidence |
//! | `tree.rs` | the decision tree over them |
//! | `run.rs` | the whole of it, file by file |

mod features;
mod mlp;
mod pairs;
mod predictions;
mod probes;
mod ranking;
mod run;
mod six;
mod tree;

pub use features::{Features, Sides};
pub use mlp::{Mlp, Training};
pub use pairs::{Pair, Pairs};
pub use predictions::{Accuracy, Combined, Predictions, Roc, combine};
pub use probes::{Linear, Threshold};
pub use ranking::{Histogram, OneOfFive, Ranking, histogram, one_of_five, ranking};
pub use run::{Difficulty, FileScores, Group, ProbeRow, Settings, difficulty};
pub use six::{SIX, Six, six};
pub use tree::{Numbers, Tree};

use crate::index::{Index, Modality};
use crate::matrix::Metric;

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
    /// Evidence of another width.
    #[error("the archive's {modality:?} has {got} dimensions, the index's {expected}: was it made by another encoder?")]
    Archive {
        /// The archive's modality.
        modality: String,
        /// Its width.
        got: usize,
        /// The width of the index's.
        expected: usize,
    },
    /// Scores that are no cosines.
    #[error("modality {0:?} is compared by dot product, and CTI is a cosine; name one whose metric is cosine")]
    Metric(String),
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

/// A modality whose scores are cosines.
fn cosines<'a>(index: &'a Index, name: &str) -> Result<&'a Modality, Error> {
    let have = || index.modalities.iter().map(|m| m.name.clone()).collect();
    let modality = index.modality(name).ok_or_else(|| Error::Modality { got: name.to_owned(), have: have() })?;
    match modality.matrix.metric() {
        Metric::Cosine => Ok(modality),
        Metric::Dot => Err(Error::Metric(name.to_owned())),
    }
}
