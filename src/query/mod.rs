//! Layer 4: one caption, its answer. Retrieve → constrain → adversarial CLIP, with the plan and the reasons.
//!
//! | file | responsibility |
//! |---|---|
//! | `answer.rs` | the answer document |
//! | `plain.rs` | k-NN over a modality, without constraints |
//! | `searcher.rs` | a split over an index: plans, searches, orders |
//! | `eligible.rs` | who meets every rule about one side; shared by searchers |
//! | `asked.rs` | what was asked, as the answer repeats it |
//! | `steps.rs` | how long each step took |
//! | `explain.rs` | the best rejected candidates, every rule they fail, the funnel |

mod answer;
pub mod asked;
mod eligible;
mod explain;
mod plain;
mod searcher;
mod steps;

pub use answer::{Answer, Explanation, Funnel, Hit, Plan, Rejected};
pub use eligible::Eligibility;
pub use plain::{Plain, plain, plain_batch, vector_of};
pub use searcher::{Searcher, Wanted};
pub use steps::{Step, Steps};

/// Why a query cannot be answered.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// `k` must be at least 1.
    #[error("k = 0 asks for nothing; ask for at least 1")]
    ZeroK,
    /// The exact engine refused.
    #[error(transparent)]
    Exact(#[from] crate::exact::Error),
    /// A query vector does not fit the modality.
    #[error(transparent)]
    Kernels(#[from] crate::kernels::Error),
    /// No such sample.
    #[error("no sample has id {0}; ids are compared as JSON, `5` and `\"5\"` differ")]
    UnknownId(String),
    /// No such modality.
    #[error("the index has no modality {got:?}; it has {}", .have.join(", "))]
    UnknownModality {
        /// Asked for.
        got: String,
        /// There are.
        have: Vec<String>,
    },
    /// No such partition.
    #[error("the index has no partition {got:?}; it has {}", if .have.is_empty() { "none".to_owned() } else { .have.join(", ") })]
    UnknownPartition {
        /// Asked for.
        got: String,
        /// There are.
        have: Vec<String>,
    },
    /// The sample has no vector to search with.
    #[error("sample {id} has no vector in {modality:?}")]
    NoVector {
        /// The sample.
        id: String,
        /// The modality.
        modality: String,
    },
    /// A sample's vector in one modality cannot ask another.
    #[error("{from:?} has {from_dim} dimensions, {modality:?} has {dim}; they must be one space")]
    Widths {
        /// Whence the vector is taken.
        from: String,
        /// Its width.
        from_dim: usize,
        /// What is searched.
        modality: String,
        /// Its width.
        dim: usize,
    },
    /// A rule lacks its fact on the query's side.
    #[error("rule {rule} needs a fact that the query does not bring: {why}; {cure}")]
    MissingFact {
        /// The rule.
        rule: String,
        /// What is missing.
        why: String,
        /// What can be done about it.
        cure: String,
    },
    /// Adversarial order needs the caption's own image.
    #[error("--adversarial compares with the caption's own image, which only a sample of the index has: query by --id")]
    NoOwnImage,
}
