//! Layer 4: choosing pairs.
//!
//! ```text
//! partition ──chunks.rs──► chunk ──select.rs (tiles.rs)──► best candidate of every caption ──balance.rs──┐
//!                            └────edges.rs──► couples ──swaps.rs (blossom/)──► whole swaps ──────────────┼──► merge/
//!                            units.rs: a pure function of (index, chunk, settings)    run.rs: all of it  ┘
//! ```
//!
//! No files are read or written here.
//!
//! | file | responsibility |
//! |---|---|
//! | `pair.rs` | one falsified pair, H or L |
//! | `chunks.rs` | eligible samples, shuffled and cut |
//! | `best.rs` | one split over one chunk; the best candidate so far: H before L |
//! | `select.rs` | adversarial CLIP selection by posting lists or by tiles |
//! | `tiles.rs` | selection by tiles of matrix products |
//! | `walk.rs` | selection through graphs, and how often a full scan chooses the same |
//! | `edges.rs` | couples of samples that could be swapped |
//! | `balance.rs` | 50–50 trimming of the splits balanced by CTI |
//! | `swaps.rs` | the person split: which whole swaps, which of them to drop |
//! | `blossom/` | exact matching in a general graph, under `swaps.rs` |
//! | `merge/` | the merged set: one quota, captions and images disjoint |
//! | `units.rs` | the work cut up: one chunk for all the splits that have it, wherever it is done |
//! | `summary.rs` | the chunks of a partition put together, and what is counted on the way |
//! | `run.rs` | a whole corpus: every unit, then what couples them |

pub mod balance;
mod best;
mod blossom;
pub mod chunks;
mod edges;
pub mod merge;
pub mod pair;
pub mod run;
mod select;
mod summary;
pub mod swaps;
mod tiles;
mod units;
mod walk;

pub use walk::{Agreement, Selection, no_walk};
