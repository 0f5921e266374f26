//! `.npy`: numpy's file of one array.
//!
//! ```text
//! 0   6  magic  \x93 N U M P Y
//! 6   2  version: 1.0, 2.0 or 3.0
//! 8   2  (version 1) or 4 (2, 3): length H of the header, little-endian
//! …   H  header: a Python dict literal in ASCII (3.0: UTF-8), padded with spaces, ended by a newline
//!        {'descr': '<f4', 'fortran_order': False, 'shape': (1001, 512), }
//! …      the numbers: the last index runs fastest, in Fortran order the first
//! ```
//!
//! | file | responsibility |
//! |---|---|
//! | `header.rs` | magic, version, the three keys; strict |
//! | `matrix.rs` | rows of floats, read lazily from the bytes |
//! | `ids.rs` | whole numbers and texts as sample ids |
//! | `write.rs` | `f32` matrices row by row, ids |

mod header;
mod ids;
mod matrix;
mod write;

pub use ids::read_ids;
pub use matrix::NpyMatrix;
pub use write::{NpyWriter, write_ids};

use std::path::{Path, PathBuf};
use thiserror::Error;

/// Why an `.npy` file is refused.
#[derive(Debug, Error)]
#[error("{path}: {problem}")]
pub struct NpyError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub problem: NpyProblem,
}

/// What is wrong with an `.npy` file.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum NpyProblem {
    /// The magic is missing.
    #[error("not an .npy file (it does not begin with \\x93NUMPY); write it with numpy.save")]
    NotNpy,
    /// A version from the future.
    #[error("version {0}.{1} of the .npy format; 1.0, 2.0 and 3.0 are read")]
    Version(u8, u8),
    /// The header is no dict of the three keys.
    #[error("bad .npy header: {0}; write the file again with numpy.save")]
    Header(String),
    /// A type of element that is not read here.
    #[error("elements of type {got}, expected {expected}; convert with `{cure}` before numpy.save")]
    Type {
        /// What is read here.
        expected: &'static str,
        /// The type the header names.
        got: String,
        /// A numpy expression that converts.
        cure: &'static str,
    },
    /// The wrong number of dimensions, or one that is empty.
    #[error("an array of shape {got}, expected {expected}")]
    Shape {
        /// What is read here.
        expected: &'static str,
        /// The shape the header names.
        got: String,
    },
    /// The file is shorter or longer than its header says.
    #[error(
        "shape {shape} takes {expected} bytes of numbers but {got} follow the header; the file is cut short or has something appended: write or copy it again"
    )]
    Length {
        /// The shape the header names.
        shape: String,
        /// Bytes it takes; `more than 2^64` where that overflows.
        expected: String,
        /// Bytes there are.
        got: u64,
    },
    /// An element that is no sample id.
    #[error("element {row} (counting from 0) is no id: {reason}")]
    Id {
        /// The index.
        row: usize,
        /// Why it is none.
        reason: &'static str,
    },
}

impl NpyProblem {
    fn at(self, path: &Path) -> NpyError {
        NpyError { path: path.to_owned(), problem: self }
    }
}
