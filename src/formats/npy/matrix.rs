//! Rows of floats, read lazily from the bytes of the file.

use super::header::Header;
use super::{NpyError, NpyProblem};
use crate::formats::floats::{FloatType, Stored};
use std::path::Path;

/// A matrix of floats that borrows the bytes of its file: opening reads the header alone.
#[derive(Debug, Clone, Copy)]
pub struct NpyMatrix<'a> {
    numbers: &'a [u8],
    rows: usize,
    cols: usize,
    stored: Stored,
    fortran: bool,
    one_dimensional: bool,
}

impl<'a> NpyMatrix<'a> {
    /// Opens a file of `f16`, `f32` or `f64`. Shape `(n, d)` gives n rows of d numbers, shape `(d,)` one row.
    ///
    /// # Errors
    /// Anything else, `d = 0`, and a file shorter or longer than its header says. The numbers
    /// themselves (NaN, infinities) are not looked at.
    pub fn read(file: &'a [u8], path: &Path) -> Result<Self, NpyError> {
        Self::parse(file).map_err(|problem| problem.at(path))
    }

    /// Do these first bytes of a file announce a matrix of floats: two dimensions, some width?
    pub(crate) fn is_matrix(head: &[u8]) -> bool {
        Header::read(head).is_ok_and(|(header, _)| {
            let float = header.kind == b'f' && FloatType::of_size(header.size).is_some();
            float && matches!(header.shape.as_slice(), [_, width] if *width > 0)
        })
    }

    fn parse(file: &'a [u8]) -> Result<Self, NpyProblem> {
        let (header, numbers) = Header::read(file)?;
        let ty = match header.kind {
            b'f' => FloatType::of_size(header.size),
            _ => None,
        };
        let Some(ty) = ty else {
            return Err(NpyProblem::Type {
                expected: "16-, 32- or 64-bit floats",
                got: header.descr,
                cure: "a.astype('float32')",
            });
        };
        let (rows, cols) = match header.shape.as_slice() {
            [d] => (1, *d),
            [n, d] => (*n, *d),
            _ => (0, 0),
        };
        if cols == 0 {
            let expected = "(rows, width) or (width,), with a width of at least 1";
            return Err(NpyProblem::Shape { expected, got: header.shape_text() });
        }
        // From here on rows × cols × size is the length of a slice that exists: no product overflows.
        header.check_length(ty.size(), numbers)?;
        Ok(NpyMatrix {
            numbers,
            rows: rows as usize,
            cols: cols as usize,
            stored: Stored { ty, order: header.order },
            fortran: header.fortran,
            one_dimensional: header.shape.len() == 1,
        })
    }

    /// How many rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// How many numbers a row has; at least 1.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// The width of the stored numbers.
    pub fn float_type(&self) -> FloatType {
        self.stored.ty
    }

    /// Was the array of shape `(d,)`: one vector rather than a batch of one?
    pub fn is_one_dimensional(&self) -> bool {
        self.one_dimensional
    }

    /// Row `row` as `f32`: `f16` exactly, `f64` rounded (beyond the range of `f32`: infinite).
    ///
    /// # Panics
    /// When `row` is not below [`rows`](Self::rows) or `out` is not [`cols`](Self::cols) long.
    pub fn row_into(&self, row: usize, out: &mut [f32]) {
        assert!(
            row < self.rows && out.len() == self.cols,
            "row {row} of {}, {} of {} wide",
            self.rows,
            out.len(),
            self.cols
        );
        let size = self.stored.ty.size();
        if self.fortran {
            for (x, bytes) in out.iter_mut().zip(self.numbers[row * size..].chunks(self.rows * size)) {
                *x = self.stored.one(bytes);
            }
        } else {
            let width = self.cols * size;
            self.stored.many(&self.numbers[row * width..][..width], out);
        }
    }
}
