//! Layer 4: datasets, encoders and verdicts measured.
//!
//! ```text
//!   files ──► Dataset ──► stats, overlaps, invariants            what is in it, what it promises
//!                │
//!   index ───────┼──────► pair_rules                             the split's rules, asked again of every pair
//!                ├──────► retrieval                              captions find images, images captions
//!                └──────► difficulty                             what CLIP and small probes make of it
//!
//!   verdicts, context items ──► veracity                          how near they come to the truth
//! ```
//!
//! | file | responsibility |
//! |---|---|
//! | `labelled.rs` | [`Dataset`]: captions with right and wrong images |
//! | `stats.rs` | samples by split and partition; images; swaps |
//! | `overlap.rs` | falsified pairs that two splits share |
//! | `invariants.rs` | what the published format promises |
//! | `pair_rules.rs` | what a split promises of its pairs |
//! | `difficulty/` | ranking, distributions, thresholds, probes |
//! | `veracity/` | verdicts and context items against the truth |
//! | `retrieval/` | R@k, MRR, median rank of an encoder and of an index; two encoders compared |

pub mod difficulty;
mod invariants;
mod labelled;
mod overlap;
mod pair_rules;
pub mod retrieval;
mod stats;
pub mod veracity;

pub use invariants::{Check, NAMED, State, invariants};
pub use labelled::{Dataset, Entry, ImageKey, Part};
pub use overlap::{Overlap, overlaps};
pub use pair_rules::{Placed, pair_rules, placed};
pub use stats::{Group, SplitRow, Stats, stats};
