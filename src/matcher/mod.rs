//! Layer 4: choosing pairs. Pure functions: no files, no index.
//!
//! | file | responsibility |
//! |---|---|
//! | `pair.rs` | one falsified pair, H or L |
//! | `balance.rs` | 50–50 trimming of the splits balanced by CTI |
//! | `swaps.rs` | the person split: which whole swaps, which of them to drop |
//! | `blossom/` | exact matching in a general graph, under `swaps.rs` |
//! | `merge/` | the merged set: one quota, captions and images disjoint |

pub mod balance;
mod blossom;
pub mod merge;
pub mod pair;
pub mod swaps;
