//! Vectors → the file.

use super::*;
use crate::kernels;
use crate::wire::{self, FileWriter, Kind, Written};
use std::path::Path;

/// How a modality is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MatrixSettings {
    /// Elements of a vector: 1 to [`MAX_DIM`].
    pub dim: usize,
    /// How rows are compared.
    pub metric: Metric,
    /// How elements are stored.
    pub dtype: Dtype,
}

/// Writes a matrix row by row, in catalog order; memory does not grow with the rows' width.
pub struct MatrixWriter {
    out: FileWriter,
    settings: MatrixSettings,
    row: Vec<f32>,
    halves: Vec<u16>,
    norms: Vec<f32>,
    to_row: Vec<u32>,
}

/// Why a vector cannot be stored.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum VectorError {
    /// NaN or infinity.
    #[error("element {at} is {value}; vectors must be finite")]
    NotFinite {
        /// 0-based element.
        at: usize,
        /// NaN or ±inf.
        value: f32,
    },
    /// Nothing to compare by cosine.
    #[error("all elements are zero, and cosine needs a direction; leave the row out, or set metric = \"dot\"")]
    Zero,
    /// Another width than the rows before.
    #[error("{got} elements, expected {expected}")]
    Width {
        /// Elements given.
        got: usize,
        /// Elements expected.
        expected: usize,
    },
    /// The value does not fit f16.
    #[error("element {at} is {value}, beyond what f16 holds (65,504); store this modality as f32")]
    BeyondF16 {
        /// 0-based element.
        at: usize,
        /// Its value.
        value: f32,
    },
    /// Its length, or a score, would not be finite.
    #[error(
        "its length is too much for f32 (1e18 under dot, so that scores stay finite; 3.4e38 under cosine); scale the vectors down"
    )]
    TooLong,
}

/// The file, or a vector.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The file.
    #[error(transparent)]
    File(#[from] wire::Error),
    /// A vector.
    #[error(transparent)]
    Vector(#[from] VectorError),
}

/// Checks one vector for a metric and scales it to what is stored (before any rounding to f16). Returns its length.
/// The length is summed in f64, in order.
pub fn prepare(vector: &mut [f32], metric: Metric) -> Result<f32, VectorError> {
    if let Some((at, &value)) = vector.iter().enumerate().find(|(_, v)| !v.is_finite()) {
        return Err(VectorError::NotFinite { at, value });
    }
    let length = vector.iter().map(|v| f64::from(*v) * f64::from(*v)).sum::<f64>().sqrt();
    // Rows as given: the product of two lengths bounds every score, which must stay finite.
    let longest = if metric == Metric::Dot { 1e18 } else { f64::from(f32::MAX) };
    if length > longest {
        return Err(VectorError::TooLong);
    }
    if metric == Metric::Cosine {
        if length == 0.0 {
            return Err(VectorError::Zero);
        }
        vector.iter_mut().for_each(|v| *v = (f64::from(*v) / length) as f32);
    }
    Ok(length as f32)
}

impl MatrixWriter {
    /// Begins the file.
    pub fn create(path: &Path, settings: MatrixSettings) -> Result<MatrixWriter, WriteError> {
        let mut out = FileWriter::create(path, Kind::Matrix, 5)?;
        out.begin("rows")?;
        let stride = kernels::padded(settings.dim);
        Ok(MatrixWriter {
            out,
            settings,
            row: vec![0.0; stride],
            halves: vec![0; stride],
            norms: Vec::new(),
            to_row: Vec::new(),
        })
    }

    /// Appends the vector of a catalog row; rows must come in ascending order.
    pub fn push(&mut self, row: u32, vector: &[f32]) -> Result<(), WriteError> {
        debug_assert!(self.to_row.last().is_none_or(|&last| last < row), "rows come in catalog order");
        let dim = self.settings.dim;
        if vector.len() != dim {
            return Err(VectorError::Width { got: vector.len(), expected: dim }.into());
        }
        self.row[..dim].copy_from_slice(vector);
        let norm = prepare(&mut self.row[..dim], self.settings.metric)?;
        match self.settings.dtype {
            Dtype::F32 => self.out.write(&self.row)?,
            Dtype::F16 => {
                for (at, (half, &value)) in self.halves.iter_mut().zip(&self.row).enumerate() {
                    let rounded = half::f16::from_f32(value);
                    if !rounded.is_finite() {
                        return Err(VectorError::BeyondF16 { at, value }.into());
                    }
                    *half = rounded.to_bits();
                }
                self.out.write(&self.halves)?;
            }
        }
        self.norms.push(norm);
        self.to_row.push(row);
        Ok(())
    }

    /// Ends the file. `corpus`: how many samples the catalog has.
    pub fn finish(mut self, corpus: u32) -> Result<Written, WriteError> {
        let mut of_row = vec![u32::MAX; corpus as usize];
        for (m, &row) in self.to_row.iter().enumerate() {
            if let Some(slot) = of_row.get_mut(row as usize) {
                *slot = m as u32;
            }
        }
        let MatrixSettings { dim, metric, dtype } = self.settings;
        self.out.section("norms", &self.norms)?;
        self.out.section("to.row", &self.to_row)?;
        self.out.section("of.row", &of_row)?;
        self.out.section("shape", &[dim as u64, self.to_row.len() as u64, metric as u64, dtype.size() as u64])?;
        Ok(self.out.finish()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_stay_finite() {
        let long = [1e19f32, 0.0];
        assert_eq!(prepare(&mut long.clone(), Metric::Dot), Err(VectorError::TooLong));
        let mut unit = long;
        assert_eq!(prepare(&mut unit, Metric::Cosine), Ok(1e19));
        assert_eq!(unit, [1.0, 0.0]);
        assert_eq!(prepare(&mut [f32::MAX; 3], Metric::Cosine), Err(VectorError::TooLong));
        assert_eq!(prepare(&mut [0.0; 2], Metric::Cosine), Err(VectorError::Zero));
        assert_eq!(prepare(&mut [0.0; 2], Metric::Dot), Ok(0.0));
    }
}
