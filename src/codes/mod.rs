//! Layer 2: one byte an element: codes of a modality's rows, from which scores are bounded before rows are read.
//!
//! ```text
//! element i of a row      x_i  =  mean_i + step_i · code_i + e_i          code in −127..=127
//! a query                 y_i · step_i  =  unit · weight_i + f_i          weight of 16 bits
//!
//!   x · y  =  mean · y  +  unit · Σ weight_i · code_i  +  code · f  +  e · y
//!             base         an integer, the same bits everywhere  └── |…| ≤ error_x · |y| + slack
//! ```
//!
//! The error of each row, the length of e, is stored, so the bounds are sound: a scan that reads codes and then only the rows
//! whose bound reaches the k-th score finds what a full scan finds. A mean and a step for each column, because the columns of
//! real embeddings differ: CLIP has a few a hundred times as wide as the rest, which would spoil one step for all.
//!
//! The file, `codes-NAME.mispair`:
//! ```text
//! shape    u64 × 2: dim, rows
//! mean     f32 × dim          step     f32 × dim
//! codes    i8 × rows × stride: slot by slot; a row is padded with zeros to 64 bytes
//! errors   f32 × rows: |e|, rounded up           limits   f32 × 2: greatest error, greatest length of a row
//! row      u32 × rows: slot → matrix row         slot     u32 × rows: matrix row → slot
//! ```
//! Rows lie in the order of *slots*, which whoever writes the file chooses: rows that a search visits together lie together.
//!
//! | file | responsibility |
//! |---|---|
//! | `codebook.rs` | [`Codebook`]: columns' means and steps; encoding; [`CodeQuery`]: weights, bounds |
//! | `memory.rs` | [`RowCodes`]: all rows encoded, in memory, in the order of the matrix |
//! | `file.rs` | [`Codes`]: the mapped file; writing, checking |

mod codebook;
mod file;
mod memory;

pub use codebook::{CodeQuery, Codebook};
pub use file::{Codes, write};
pub use memory::RowCodes;
