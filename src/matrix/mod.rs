//! Layer 2: one modality's vectors as stored.
//!
//! ```text
//! rows     n × stride elements, f32 or f16, zero-padded from dim to stride; in catalog order
//! norms    n × f32: the length of each vector as it was given
//! to.row   n × u32: matrix row → catalog row, ascending
//! of.row   corpus × u32: catalog row → matrix row, u32::MAX where the sample has no vector
//! ```
//!
//! Under the cosine metric rows are scaled to unit length before they are stored, so that every score is a dot
//! product; under dot they are stored as given.
//!
//! | file | responsibility |
//! |---|---|
//! | `view.rs` | the mapped matrix |
//! | `build.rs` | vectors → the file, validated, in any order of arrival by catalog row |

mod build;
mod view;

pub use build::{MatrixSettings, MatrixWriter, VectorError, WriteError, prepare};
pub use view::{Matrix, Prepared};

use serde::{Deserialize, Serialize};

/// How two rows of a modality are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Metric {
    /// Cosine: rows are stored with unit length.
    #[default]
    Cosine,
    /// Dot product: rows are stored as given.
    Dot,
}

/// The element type of stored rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dtype {
    /// 4 bytes, exact.
    #[default]
    F32,
    /// 2 bytes, 11 bits of precision.
    F16,
}

impl Dtype {
    /// Bytes of one element.
    pub fn size(self) -> usize {
        match self {
            Dtype::F32 => 4,
            Dtype::F16 => 2,
        }
    }
}

/// Dimensions beyond this are refused: the product kernels are tested up to here.
pub const MAX_DIM: usize = 8192;
