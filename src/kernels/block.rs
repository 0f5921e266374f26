//! Owned, aligned, padded rows.

use super::{Error, PAD, Row, Rows, padded};
use bytemuck::{Pod, Zeroable};
use std::ops::Range;

/// One cache line of elements.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
pub(super) struct Line(pub [f32; PAD]);

// SAFETY: sixteen f32, 64 bytes, aligned to 64: no padding bytes; all-zero bytes are zeros.
unsafe impl Zeroable for Line {}
// SAFETY: as above; any bit pattern is a valid f32, and Line is Copy and 'static.
unsafe impl Pod for Line {}

/// Owned `f32` rows, padded with zeros and aligned to 64 bytes: queries gathered for a batch,
/// vectors on their way into an index, matrices of tests. `clear` keeps the memory.
#[derive(Debug, Clone)]
pub struct Block {
    lines: Vec<Line>,
    dim: usize,
}

impl Block {
    /// No rows yet, each to have `dim` elements.
    ///
    /// # Errors
    /// [`Error::NoWidth`].
    pub fn new(dim: usize) -> Result<Block, Error> {
        Block::with_capacity(dim, 0)
    }

    /// As [`Block::new`], with room for `rows` rows.
    ///
    /// # Errors
    /// [`Error::NoWidth`].
    pub fn with_capacity(dim: usize, rows: usize) -> Result<Block, Error> {
        if dim == 0 {
            return Err(Error::NoWidth);
        }
        Ok(Block { lines: Vec::with_capacity(rows * (padded(dim) / PAD)), dim })
    }

    /// Appends a vector of `dim` elements, which must be finite.
    ///
    /// # Errors
    /// [`Error::Width`].
    pub fn push(&mut self, vector: &[f32]) -> Result<(), Error> {
        if vector.len() != self.dim {
            return Err(Error::Width { expected: self.dim, got: vector.len() });
        }
        self.append()[..vector.len()].copy_from_slice(vector);
        Ok(())
    }

    /// Appends a stored row, widened exactly.
    ///
    /// # Errors
    /// [`Error::Width`].
    pub fn push_row(&mut self, row: Row<'_>) -> Result<(), Error> {
        if row.dim() != self.dim {
            return Err(Error::Width { expected: self.dim, got: row.dim() });
        }
        let dim = self.dim;
        row.widen(&mut self.append()[..dim]);
        Ok(())
    }

    /// A row of zeros, to be written to.
    fn append(&mut self) -> &mut [f32] {
        let start = self.lines.len();
        self.lines.resize(start + padded(self.dim) / PAD, Line::zeroed());
        bytemuck::cast_slice_mut(&mut self.lines[start..])
    }

    /// Forgets the rows and keeps the memory.
    pub fn clear(&mut self) {
        self.lines.clear();
    }

    /// How many rows.
    pub fn len(&self) -> usize {
        self.lines.len() / (padded(self.dim) / PAD)
    }

    /// Are there no rows?
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Elements per row, without padding.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Elements from one row to the next.
    pub fn stride(&self) -> usize {
        padded(self.dim)
    }

    /// The padded elements of a range of rows: what [`super::dots`] takes as queries.
    ///
    /// # Panics
    /// If the range reaches past the end.
    pub fn padded(&self, range: Range<usize>) -> &[f32] {
        let lines = padded(self.dim) / PAD;
        bytemuck::cast_slice(&self.lines[range.start * lines..range.end * lines])
    }

    /// The padded elements of every row.
    pub fn all(&self) -> &[f32] {
        bytemuck::cast_slice(&self.lines)
    }

    /// As a view.
    pub fn rows(&self) -> Rows<'_> {
        Rows::of_block(self.all(), self.dim)
    }
}
