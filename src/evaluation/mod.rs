//! Layer 4: datasets, encoders and verdicts measured.
//!
//! ```text
//!   files ──► Dataset ──► stats, overlaps, invariants            what is in it, what it promises
//!                │
//!   index ───────┴──────► pair_rules                             the split's rules, asked again of every pair
//! ```
//!
//! | file | responsibility |
//! |---|---|
//! | `labelled.rs` | [`Dataset`]: captions with right and wrong images |
//! | `stats.rs` | samples by split and partition; images; swaps |
//! | `overlap.rs` | falsified pairs that two splits share |
//! | `invariants.rs` | what the published format promises |
//! | `pair_rules.rs` | what a split promises of its pairs |

mod invariants;
mod labelled;
mod overlap;
mod pair_rules;
mod stats;

pub use invariants::{Check, NAMED, State, invariants};
pub use labelled::{Dataset, Entry, ImageKey, Part};
pub use overlap::{Overlap, overlaps};
pub use pair_rules::{Placed, pair_rules, placed};
pub use stats::{Group, SplitRow, Stats, stats};
