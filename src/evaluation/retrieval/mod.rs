//! How good a pair of encoders is: captions find their images, images their captions.
//!
//! ```text
//!   index ──► Space: distinct captions, distinct images, which belong together
//!                │
//!      pool ─────┼──► ranks (scan)  ──► Metrics: R@k, MRR, median rank ──► mean ± s.d. over draws
//!                └──► ranks (graph) ──► what the index loses of it
//!   two spaces, the same captions and images ──► paired bootstrap
//! ```
//!
//! A caption's rank is that of the best placed of its images; of equal scores the lower row comes first, as everywhere.
//!
//! | file | responsibility |
//! |---|---|
//! | `space.rs` | [`Space`]: what is ranked, and what is right |
//! | `ranks.rs` | the rank of the first right one, by scan and by graph |
//! | `metrics.rs` | [`Metrics`], means over draws |
//! | `pools.rs` | seeded draws of images |
//! | `lines.rs` | [`lines`]: directions × pools × engines × groups; [`compare`]: two encoders |
//! | `bootstrap.rs` | [`paired`]: two encoders on the same queries |

mod bootstrap;
mod lines;
mod metrics;
mod pools;
mod ranks;
mod space;

pub use bootstrap::{Difference, paired};
pub use lines::{Comparison, Line, Plan, compare, lines};
pub use metrics::{Metrics, Spread, spread};
pub use pools::{Pool, draw};
pub use ranks::{graph_ranks, ranks};
pub use space::{Direction, Passed, Shared, Space};

/// Why an index cannot be asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A modality that is not there.
    #[error("the index has no modality {got:?}, it has {}; name one of these", have.join(", "))]
    Modality {
        /// As asked for.
        got: String,
        /// What there is.
        have: Vec<String>,
    },
    /// The two modalities cannot be compared.
    #[error(
        "captions {captions:?} ({captions_dim} dimensions) and images {images:?} ({images_dim}) must be of one space"
    )]
    Widths {
        /// The captions' modality.
        captions: String,
        /// Its width.
        captions_dim: usize,
        /// The images' modality.
        images: String,
        /// Its width.
        images_dim: usize,
    },
    /// Nothing to ask.
    #[error("no caption and image belong together: {0}")]
    Nothing(String),
    /// The engine refused.
    #[error(transparent)]
    Search(#[from] crate::exact::Error),
}
