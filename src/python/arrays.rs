//! Arrays of Python, in and out: copied while the interpreter is held, for it may change them as soon as it goes on.

use super::errors::Fault;
use pyo3::buffer::{Element, PyBuffer};
use pyo3::prelude::*;

/// Vectors of one modality, one a query.
pub(super) struct Vectors {
    /// Empty: of the modality that asks.
    pub modality: String,
    pub rows: Vec<Vec<f32>>,
}

impl Vectors {
    /// Of a two-dimensional array of `f32`, wherever its elements lie.
    pub fn read(modality: String, array: &Bound<'_, PyAny>) -> Result<Vectors, Fault> {
        let refused = |why: String| Fault::Question(format!("vectors of {modality:?}: {why}"));
        let buffer = PyBuffer::<f32>::get(array).map_err(|_| refused("no array of float32".to_owned()))?;
        let &[count, width] = buffer.shape() else {
            return Err(refused(format!("{} dimensions; one row a query is expected", buffer.dimensions())));
        };
        let all = elements(array.py(), &buffer)?;
        let rows = (0..count).map(|i| all[i * width..(i + 1) * width].to_vec()).collect();
        Ok(Vectors { modality, rows })
    }
}

/// The elements of an array, row after row.
pub(super) fn elements<T: Element>(py: Python<'_>, array: &PyBuffer<T>) -> Result<Vec<T>, Fault> {
    array.to_vec(py).map_err(Fault::question)
}

/// Writes all elements of an array.
pub(super) fn fill<T: Element>(py: Python<'_>, array: &PyBuffer<T>, elements: &[T]) -> Result<(), Fault> {
    if array.readonly() || array.item_count() != elements.len() {
        return Err(Fault::Question(format!("a writable array of {} elements is expected", elements.len())));
    }
    array.copy_from_slice(py, elements).map_err(Fault::question)
}
