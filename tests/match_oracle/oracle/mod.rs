//! The matcher's oracle: what `mispair match` must select, found by trying every candidate.
//!
//! ```text
//!  raw files ──► raw.rs ──► rules.rs ──► select.rs ──┐
//!  (JSON, pickles)          sets of texts   f64      ├──► compare.rs ──► nothing, or the first disagreements
//!  mispair match ─────────► program.rs ──────────────┘
//! ```
//!
//! Written from the words that define the splits, not from the program: it shares with it the readers of `.npy` and
//! pickles and the type of an id, nothing else. Names are compared as texts, rules are tried one after another, scores
//! are sums in `f64`. Slow, and short enough to be checked by reading.
//!
//! | file | responsibility |
//! |---|---|
//! | `raw.rs` | samples as the files say |
//! | `rules.rs` | splits; which rule a sample or a candidate fails first |
//! | `select.rs` | scores, adversarial selection |
//! | `program.rs` | runs the binary, reads what it wrote |
//! | `compare.rs` | agreement, with the tolerance that two ways of adding up need |

pub mod compare;
pub mod program;
pub mod raw;
pub mod rules;
pub mod select;
