//! Checked, borrowed, padded rows.

use super::{Error, padded};
use std::ops::Range;

/// The elements of rows, in either stored type.
#[derive(Debug, Clone, Copy)]
pub enum Elements<'a> {
    /// IEEE single precision.
    F32(&'a [f32]),
    /// The bits of IEEE half precision.
    F16(&'a [u16]),
}

impl<'a> Elements<'a> {
    fn len(self) -> usize {
        match self {
            Elements::F32(x) => x.len(),
            Elements::F16(x) => x.len(),
        }
    }

    fn slice(self, range: Range<usize>) -> Elements<'a> {
        match self {
            Elements::F32(x) => Elements::F32(&x[range]),
            Elements::F16(x) => Elements::F16(&x[range]),
        }
    }
}

/// `len` rows of `dim` elements, each padded with zeros to `stride` = [`padded`]`(dim)`.
///
/// Padding that is not zero is harmless beside queries padded with zeros (as [`super::Block`]
/// does), as long as it is finite.
#[derive(Debug, Clone, Copy)]
pub struct Rows<'a> {
    elements: Elements<'a>,
    dim: usize,
}

/// One padded row.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    elements: Elements<'a>,
    dim: usize,
}

impl<'a> Rows<'a> {
    /// A view of padded rows that lie one after the other.
    ///
    /// # Errors
    /// [`Error::NoWidth`], [`Error::RaggedRows`], [`Error::TooManyRows`].
    pub fn new(elements: Elements<'a>, dim: usize) -> Result<Rows<'a>, Error> {
        if dim == 0 {
            return Err(Error::NoWidth);
        }
        let (stride, got) = (padded(dim), elements.len());
        if !got.is_multiple_of(stride) {
            return Err(Error::RaggedRows { got, stride, dim });
        }
        if got / stride > u32::MAX as usize {
            return Err(Error::TooManyRows { got: got / stride });
        }
        Ok(Rows { elements, dim })
    }

    /// The rows of a block, which are whole and padded.
    pub(super) fn of_block(elements: &'a [f32], dim: usize) -> Rows<'a> {
        Rows { elements: Elements::F32(elements), dim }
    }

    /// No rows, of this width (at least 1).
    pub fn empty(dim: usize) -> Rows<'a> {
        Rows { elements: Elements::F32(&[]), dim: dim.max(1) }
    }

    /// How many rows.
    pub fn len(&self) -> usize {
        self.elements.len() / self.stride()
    }

    /// Are there no rows?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Elements per row, without padding.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Elements from one row to the next.
    pub fn stride(&self) -> usize {
        padded(self.dim)
    }

    /// All elements, padding included.
    pub fn elements(&self) -> Elements<'a> {
        self.elements
    }

    /// One row; `None` past the end.
    pub fn row(&self, row: usize) -> Option<Row<'a>> {
        if row >= self.len() {
            return None;
        }
        let start = row * self.stride();
        Some(Row { elements: self.elements.slice(start..start + self.stride()), dim: self.dim })
    }

    /// The rows of a range.
    ///
    /// # Panics
    /// If the range reaches past the end.
    pub fn slice(&self, range: Range<usize>) -> Rows<'a> {
        let stride = self.stride();
        Rows { elements: self.elements.slice(range.start * stride..range.end * stride), dim: self.dim }
    }
}

impl<'a> Row<'a> {
    /// Elements, without padding.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// The padded elements.
    pub fn elements(&self) -> Elements<'a> {
        self.elements
    }

    /// The vector itself, without padding, widened exactly where it is stored as `f16`.
    pub fn to_vec(&self) -> Vec<f32> {
        let mut vector = vec![0.0; self.dim];
        self.widen(&mut vector);
        vector
    }

    /// Writes the first `out.len()` elements as `f32`.
    pub(super) fn widen(&self, out: &mut [f32]) {
        match self.elements {
            Elements::F32(x) => out.copy_from_slice(&x[..out.len()]),
            Elements::F16(x) => {
                for (to, &bits) in out.iter_mut().zip(x) {
                    *to = half::f16::from_bits(bits).to_f32();
                }
            }
        }
    }
}
