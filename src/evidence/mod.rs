//! Layer 4: what an image really shows, from an archive and from evidence that others have collected (COVE: Tonglet, Thiem and
//! Gurevych, NAACL 2025).
//!
//! ```text
//!                      ┌─ by image:   archive images like it, with their captions ──┐
//!   image + caption ───┤                                                            ├──► rules ──► verdict, with margins
//!                      └─ by caption: images that the caption itself finds ─────────┘
//!                                                        captions ──► ranked for each context item
//!        image ──► entities whose names, or pictures, are like it
//! ```
//!
//! Nothing is decided that the rules do not decide: the rest is undecided, and says by how much.
//!
//! | file | responsibility |
//! |---|---|
//! | `captions.rs` | when two captions are the same |
//! | `line.rs` | one piece of evidence, what is asked, settings |
//! | `archive.rs` | evidence from an index, by image and by caption |
//! | `rules.rs` | the three rules of COVE (§3.1), in order |
//! | `items.rs` | captions ranked for each context item |
//! | `entities.rs` | nearest entities, by name and by picture |
//! | `check.rs` | all of it for one caption, whoever asks |
//! | `predict.rs`, `prompts/` | what a language model reads off the evidence, and how it is asked |

mod archive;
mod captions;
mod check;
mod entities;
mod items;
mod line;
mod predict;
mod rules;

pub use archive::Archive;
pub use captions::{Captions, Match, same_words};
pub use check::{Checked, Checker, Found};
pub use entities::{Entity, EntityIndex, Means};
pub use items::{Item, Ranked, ranked_captions};
pub use line::{Asked, By, Line, Settings};
pub use predict::{DEFAULTS as DEFAULT_PROMPTS, Message, Predicted, PromptError, Prompts};
pub use rules::{Margins, Outcome, Verdict, verdict};

use crate::index::{Index, Modality};
use crate::kernels::Block;
use crate::matrix::Metric;
use crate::retrieve::{self, Engine, Sight};
use crate::words::{Order, Scored};

/// Why evidence cannot be looked for.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// A modality that is not there.
    #[error("the archive has no modality {got:?}, it has {}; name one of these", have.join(", "))]
    Modality {
        /// As asked for.
        got: String,
        /// What there is.
        have: Vec<String>,
    },
    /// Thresholds are cosines.
    #[error(
        "modality {0:?} is compared by dot product, and the thresholds are cosines; name one whose metric is cosine"
    )]
    Metric(String),
    /// A find whose vector is none.
    #[error("{at}: {what}")]
    Found {
        /// Where the find stands.
        at: String,
        /// What is wrong with it.
        what: String,
    },
    /// Another width.
    #[error("{what} has {got} dimensions, the archive's {modality:?} has {expected}; was it made by another encoder?")]
    Width {
        /// Of what.
        what: &'static str,
        /// The modality.
        modality: String,
        /// Its width.
        expected: usize,
        /// The vector's.
        got: usize,
    },
    /// The engine refused.
    #[error(transparent)]
    Search(#[from] crate::exact::Error),
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

/// The `k` nearest rows to one vector of unit length.
fn nearest(modality: &Modality, what: &'static str, vector: &[f32], k: usize) -> Result<Vec<Scored>, Error> {
    let (expected, got) = (modality.matrix.dim(), vector.len());
    let width = || Error::Width { what, modality: modality.name.clone(), expected, got };
    let mut block = Block::with_capacity(expected, 1).map_err(|_| width())?;
    block.push(vector).map_err(|_| width())?;
    let (order, engine, sight) = (Order::Highest, Engine::Auto, Sight::Usual);
    let asked = retrieve::Asked { k, order, among: None, engine, sight, likely: 1.0 };
    Ok(retrieve::plain(modality, &block, asked)?.pop().map_or_else(Vec::new, |found| found.best))
}
