//! Files of vectors, whichever of three formats: `.npy`, `.fvecs`, `.fbin`.
//!
//! ```text
//! .fvecs   every row:  i32 d │ d × f32          (corpus-texmex; all rows of one width)
//! .fbin    once:       u32 n │ u32 d            (big-ann-benchmarks)
//!          then        n × d × f32, row after row
//! ```
//!
//! All of it little-endian. Both hold the numbers at a fixed stride, so that a row is found by a multiplication; what
//! makes this sound (the same width in every row, not a byte too many or too few) is checked when the file is opened.

use super::floats::{ByteOrder, FloatType, Stored};
use super::npy::{NpyError, NpyMatrix};
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Rows of `f32`, read lazily from the bytes of a file.
#[derive(Debug, Clone, Copy)]
pub struct Vectors<'a>(Layout<'a>);

#[derive(Debug, Clone, Copy)]
enum Layout<'a> {
    Npy(NpyMatrix<'a>),
    /// Row `i` is the last `width` numbers of the `i`-th stretch of `stride` bytes.
    Strided {
        bytes: &'a [u8],
        stride: usize,
        rows: usize,
        width: usize,
    },
}

/// Why a file of vectors is refused.
#[derive(Debug, Error)]
pub enum VectorsError {
    /// An `.npy` file.
    #[error(transparent)]
    Npy(#[from] NpyError),
    /// A file of another format.
    #[error("{}: {problem}", path.display())]
    Other {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: VectorsProblem,
    },
}

impl VectorsError {
    /// What is wrong, without the path.
    pub fn problem(&self) -> String {
        match self {
            VectorsError::Npy(e) => e.problem.to_string(),
            VectorsError::Other { problem, .. } => problem.to_string(),
        }
    }
}

/// What is wrong with an `.fvecs` or `.fbin` file. Rows are counted from 0.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum VectorsProblem {
    /// The first bytes are not numpy's, and the name tells of no other format.
    #[error(
        "not an .npy file by its first bytes, and its name ends in neither .fvecs nor .fbin; write it with numpy.save, or rename it"
    )]
    Unknown,
    /// No byte at all.
    #[error("an empty file: the vectors were never written; write it again")]
    Empty,
    /// A width that no vector has.
    #[error(
        "row {row} says that it has {got} numbers, expected 1 or more; is this really an .fvecs file (32-bit floats, little-endian)?"
    )]
    Width {
        /// The row.
        row: usize,
        /// The width it says.
        got: i32,
    },
    /// Rows of different widths.
    #[error(
        "row {row} says that it has {got} numbers, row 0 has {expected}; all rows must have one width: write the file again"
    )]
    Ragged {
        /// The row.
        row: usize,
        /// The width of row 0.
        expected: usize,
        /// The width it says.
        got: i32,
    },
    /// The file ends inside a row.
    #[error(
        "row {row} takes {expected} bytes but {got} are left; the file is cut short (or no .fvecs file): write or copy it again"
    )]
    Cut {
        /// The row.
        row: usize,
        /// Bytes of a row: its width, and its numbers.
        expected: usize,
        /// Bytes left.
        got: usize,
    },
    /// The file ends inside its header.
    #[error("{got} bytes, the header alone takes 8 (rows, width); the file is cut short: write or copy it again")]
    Header {
        /// Bytes there are.
        got: usize,
    },
    /// A header that says there is nothing in a row.
    #[error("{rows} rows of width 0, expected 1 or more; is this really an .fbin file (32-bit floats, little-endian)?")]
    NoWidth {
        /// Rows the header says.
        rows: u32,
    },
    /// The file is shorter or longer than its header says.
    #[error(
        "{rows} rows of {width} numbers take {expected} bytes but {got} follow the header; the file is cut short, has something appended, or is no .fbin file of 32-bit floats: write or copy it again"
    )]
    Length {
        /// Rows the header says.
        rows: u32,
        /// Numbers per row it says.
        width: u32,
        /// Bytes they take.
        expected: u128,
        /// Bytes there are.
        got: usize,
    },
}

/// Opens the bytes of a file, by the ending of its name (in any case): `.fvecs`, `.fbin`; any other is read as `.npy`
/// if it begins so. See [`NpyMatrix`] for what that may hold.
///
/// Takes time in proportion to the rows of an `.fvecs` file (each states its width), and no time otherwise. The numbers
/// themselves (NaN, infinities) are not looked at.
///
/// # Errors
/// [`VectorsError`], with the file, the row where there is one, and what to do.
pub fn read_vectors<'a>(file: &'a [u8], path: &Path) -> Result<Vectors<'a>, VectorsError> {
    let ending = path.extension().map(|e| e.to_ascii_lowercase());
    let layout = match ending.as_ref().and_then(|e| e.to_str()) {
        Some("fvecs") => fvecs(file),
        Some("fbin") => fbin(file),
        Some("npy") => return Ok(Vectors(Layout::Npy(NpyMatrix::read(file, path)?))),
        _ if file.starts_with(b"\x93NUMPY") => return Ok(Vectors(Layout::Npy(NpyMatrix::read(file, path)?))),
        _ => Err(VectorsProblem::Unknown),
    };
    layout.map(Vectors).map_err(|problem| VectorsError::Other { path: path.to_owned(), problem })
}

fn fvecs(file: &[u8]) -> Result<Layout<'_>, VectorsProblem> {
    let Some(&first) = file.first_chunk::<4>() else {
        return Err(if file.is_empty() {
            VectorsProblem::Empty
        } else {
            VectorsProblem::Cut { row: 0, expected: 4, got: file.len() }
        });
    };
    let width = match i32::from_le_bytes(first) {
        d @ 1.. => d as usize,
        got => return Err(VectorsProblem::Width { row: 0, got }),
    };
    let stride = 4 + 4 * width;
    for (row, bytes) in file.chunks(stride).enumerate() {
        // What a damaged row says of itself is of more use than that it is too short.
        if let Some(&says) = bytes.first_chunk::<4>() {
            let got = i32::from_le_bytes(says);
            if got != width as i32 {
                return Err(VectorsProblem::Ragged { row, expected: width, got });
            }
        }
        if bytes.len() < stride {
            return Err(VectorsProblem::Cut { row, expected: stride, got: bytes.len() });
        }
    }
    Ok(Layout::Strided { bytes: file, stride, rows: file.len() / stride, width })
}

fn fbin(file: &[u8]) -> Result<Layout<'_>, VectorsProblem> {
    let Some((header, numbers)) = file.split_first_chunk::<8>() else {
        return Err(if file.is_empty() { VectorsProblem::Empty } else { VectorsProblem::Header { got: file.len() } });
    };
    let [a, b, c, d, e, f, g, h] = *header;
    let (rows, width) = (u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h]));
    if width == 0 {
        return Err(VectorsProblem::NoWidth { rows });
    }
    let expected = u128::from(rows) * u128::from(width) * 4;
    if expected != numbers.len() as u128 {
        return Err(VectorsProblem::Length { rows, width, expected, got: numbers.len() });
    }
    let width = width as usize;
    Ok(Layout::Strided { bytes: numbers, stride: 4 * width, rows: rows as usize, width })
}

impl Vectors<'_> {
    /// How many rows.
    pub fn rows(&self) -> usize {
        match &self.0 {
            Layout::Npy(matrix) => matrix.rows(),
            Layout::Strided { rows, .. } => *rows,
        }
    }

    /// How many numbers a row has; at least 1.
    pub fn width(&self) -> usize {
        match &self.0 {
            Layout::Npy(matrix) => matrix.cols(),
            Layout::Strided { width, .. } => *width,
        }
    }

    /// Row `row` as `f32` (an `.npy` file of another width is converted as [`NpyMatrix::row_into`] says).
    ///
    /// # Panics
    /// When `row` is not below [`rows`](Self::rows) or `out` is not [`width`](Self::width) long.
    pub fn row_into(&self, row: usize, out: &mut [f32]) {
        match &self.0 {
            Layout::Npy(matrix) => matrix.row_into(row, out),
            Layout::Strided { bytes, stride, rows, width } => {
                assert!(row < *rows && out.len() == *width, "row {row} of {rows}, {} of {width} wide", out.len());
                let numbers = &bytes[row * stride..][stride - 4 * width..*stride];
                Stored { ty: FloatType::F32, order: ByteOrder::Little }.many(numbers, out);
            }
        }
    }
}
