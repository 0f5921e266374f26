//! Dot products of 16-bit weights with rows of 8-bit codes, and asking memory for rows ahead of time.
//!
//! ```text
//!   weights   i16 i16 i16 …          a query, `stride` of them; queries one after the other
//!   codes     i8  i8  i8  …          one row, `stride` of them
//!   dot       Σ weight · code        modulo 2³², so every order of addition gives the same bits
//! ```

use super::Kernels;

/// Codes of a row are padded with zeros to a multiple of this: one cache line.
pub const CODE_PAD: usize = 64;

/// The codes that a row of `dim` takes up.
pub const fn padded_codes(dim: usize) -> usize {
    dim.next_multiple_of(CODE_PAD)
}

/// Rows of codes, one after the other.
#[derive(Debug, Clone, Copy)]
pub struct CodeRows<'a> {
    codes: &'a [i8],
    stride: usize,
}

impl<'a> CodeRows<'a> {
    /// Rows of [`padded_codes`]`(dim)` codes; what is left over at the end is no row.
    pub fn new(codes: &'a [i8], dim: usize) -> CodeRows<'a> {
        let stride = padded_codes(dim.max(1));
        CodeRows { codes: &codes[..codes.len() / stride * stride], stride }
    }

    /// How many rows.
    #[inline]
    pub fn len(&self) -> usize {
        self.codes.len() / self.stride
    }

    /// No row?
    pub fn is_empty(&self) -> bool {
        self.codes.is_empty()
    }

    /// Codes from one row to the next.
    #[inline]
    pub fn stride(&self) -> usize {
        self.stride
    }

    /// One row.
    ///
    /// # Panics
    /// Past the end.
    #[inline]
    pub fn row(&self, row: usize) -> &'a [i8] {
        &self.codes[row * self.stride..][..self.stride]
    }

    /// The rows of a range.
    ///
    /// # Panics
    /// Past the end.
    pub fn slice(&self, range: std::ops::Range<usize>) -> CodeRows<'a> {
        CodeRows { codes: &self.codes[range.start * self.stride..range.end * self.stride], stride: self.stride }
    }

    pub(super) fn codes(&self) -> &'a [i8] {
        self.codes
    }
}

/// The dot products of every query's weights with every row: `out[q * rows.len() + r]`. Several queries share the reading and
/// the widening of the codes.
///
/// # Panics
/// If `weights` is no whole number of strides, or `out` has not one place for a query and a row.
pub fn code_dots(weights: &[i16], rows: CodeRows<'_>, out: &mut [i32]) {
    Kernels::best().code_dots(weights, rows, out);
}

/// The dot products of every query's weights with the rows `at`, in any sequence; rows are prefetched:
/// `out[q * at.len() + i]`.
///
/// # Panics
/// As [`code_dots`]; and if a row is not below `rows.len()`.
#[inline]
pub fn code_dots_at(weights: &[i16], rows: CodeRows<'_>, at: &[u32], out: &mut [i32]) {
    Kernels::best().code_dots_at(weights, rows, at, out);
}

/// Asks memory for the values `from..from + len` of a slice, without waiting. Harmless anywhere: values past the end
/// are not asked for.
#[inline]
pub fn prefetch<T>(values: &[T], from: usize, len: usize) {
    #[cfg(target_arch = "x86_64")]
    if from < values.len() {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        let bytes = len.min(values.len() - from) * size_of::<T>();
        for line in (0..bytes).step_by(64) {
            // SAFETY: the address lies inside the slice; a prefetch reads nothing that the program sees.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(values.as_ptr().add(from).cast::<i8>().add(line)) }
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (values, from, len);
}

/// The definition, for every query and row.
pub(super) fn scalar_all<'a>(
    weights: &[i16],
    stride: usize,
    rows: impl Iterator<Item = &'a [i8]> + Clone,
    out: &mut [i32],
) {
    let pairs = weights.chunks_exact(stride).flat_map(|query| rows.clone().map(move |row| scalar(query, row)));
    out.iter_mut().zip(pairs).for_each(|(dot, product)| *dot = product);
}

/// The definition.
fn scalar(weights: &[i16], row: &[i8]) -> i32 {
    weights.iter().zip(row).fold(0, |sum: i32, (&w, &c)| sum.wrapping_add(i32::from(w) * i32::from(c)))
}
