//! 16-bit weights with rows of 8-bit codes: codes are widened as they are loaded, multiplied and added in pairs.
//!
//! One row at a time, in the order of memory: up to eight queries share its bytes, which are what is waited for, and their
//! widening. (Additions of integers take one cycle, so sums need no company to hide behind. Two rows side by side take twice as
//! long to come from main memory; tiles of four queries and two rows are slower than eight queries with one, and tiles of three
//! rows slower still.)

use super::Avx2;
use crate::kernels::{CodeRows, prefetch};
use std::arch::x86_64::*;

/// Queries that go past the rows together: a register each for their sums.
const TOGETHER: usize = 8;
/// Scattered rows that are asked for ahead of their turn.
const AHEAD: usize = 4;
/// Bytes that are asked for ahead where rows come in sequence: across the pages that the hardware's own prefetching ends at.
const AHEAD_BYTES: usize = 4096;

impl Avx2 {
    /// As `kernels::code_dots`.
    pub(in crate::kernels) fn code_dots(self, weights: &[i16], rows: CodeRows<'_>, out: &mut [i32]) {
        let ahead = AHEAD_BYTES / rows.stride() + 1;
        self.code_dots_of(weights, rows, rows.len(), |i| i, ahead, out);
    }

    /// As `kernels::code_dots_at`.
    #[inline]
    pub(in crate::kernels) fn code_dots_at(self, weights: &[i16], rows: CodeRows<'_>, at: &[u32], out: &mut [i32]) {
        self.code_dots_of(weights, rows, at.len(), |i| at[i] as usize, AHEAD, out);
    }

    /// The rows `row(0)`, `row(1)`, …, `row(n - 1)`.
    #[inline]
    fn code_dots_of(
        self,
        weights: &[i16],
        rows: CodeRows<'_>,
        n: usize,
        row: impl Fn(usize) -> usize + Copy,
        ahead: usize,
        out: &mut [i32],
    ) {
        let stride = rows.stride();
        assert!(stride.is_multiple_of(64) && weights.len() * n == out.len() * stride);
        if n == 0 {
            return;
        }
        let ask = |i: usize| {
            if i < n {
                prefetch(rows.codes(), row(i) * stride, stride);
            }
        };
        let groups = weights.chunks(TOGETHER * stride).zip(out.chunks_mut(TOGETHER * n));
        for (weights, out) in groups {
            (0..ahead).for_each(ask);
            for i in 0..n {
                ask(i + ahead);
                // Checks that the row is there.
                let codes = rows.row(row(i));
                let out = &mut out[i..];
                // SAFETY: `self` proves AVX2.
                unsafe {
                    match weights.len() / stride {
                        1 => dots::<1>(weights, codes, out, n),
                        2 => dots::<2>(weights, codes, out, n),
                        3 => dots::<3>(weights, codes, out, n),
                        4 => dots::<4>(weights, codes, out, n),
                        5 => dots::<5>(weights, codes, out, n),
                        6 => dots::<6>(weights, codes, out, n),
                        7 => dots::<7>(weights, codes, out, n),
                        _ => dots::<8>(weights, codes, out, n),
                    }
                }
            }
        }
    }
}

/// `M` queries with one row; their products go to every `n`-th place of `out`.
///
/// # Panics
/// If there are fewer weights than `M` queries of the row's length, a length that is no multiple of 16, or too few places.
#[inline]
#[target_feature(enable = "avx2")]
fn dots<const M: usize>(weights: &[i16], row: &[i8], out: &mut [i32], n: usize) {
    assert!(weights.len() == M * row.len() && row.len().is_multiple_of(16) && out.len() > (M - 1) * n);
    let mut sums = [_mm256_setzero_si256(); M];
    for i in (0..row.len()).step_by(16) {
        // SAFETY: i + 16 <= row.len().
        let codes = _mm256_cvtepi8_epi16(unsafe { _mm_loadu_si128(row.as_ptr().add(i).cast()) });
        for (m, sum) in sums.iter_mut().enumerate() {
            // SAFETY: query m < M has row.len() weights, as asserted.
            let weight = unsafe { _mm256_loadu_si256(weights.as_ptr().add(m * row.len() + i).cast()) };
            *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(codes, weight));
        }
    }
    for (m, &sum) in sums.iter().enumerate() {
        let sum = _mm_add_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256::<1>(sum));
        let sum = _mm_add_epi32(sum, _mm_shuffle_epi32::<0b01_00_11_10>(sum));
        let sum = _mm_add_epi32(sum, _mm_shuffle_epi32::<0b10_11_00_01>(sum));
        out[m * n] = _mm_cvtsi128_si32(sum);
    }
}
