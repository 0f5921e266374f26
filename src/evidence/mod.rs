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

mod archive;
mod captions;
mod entities;
mod items;
mod line;
mod rules;

pub use archive::Archive;
pub use captions::{Match, same_words};
pub use entities::{Entity, EntityIndex};
pub use items::{Item, ranked_captions};
pub use line::{Asked, By, Line, Settings};
pub use rules::{Margins, Outcome, Verdict, verdict};

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
