//! 16-bit weights with rows of 8-bit codes: codes are widened as they are loaded, multiplied and added in pairs.

use super::Avx2;
use crate::kernels::CodeRows;
use std::arch::x86_64::*;

/// Rows that are asked for ahead of their turn: one pair is being multiplied, two are on their way.
const AHEAD: usize = 4;

impl Avx2 {
    /// As `kernels::code_dots`.
    pub(in crate::kernels) fn code_dots(self, weights: &[i16], rows: CodeRows<'_>, out: &mut [i32]) {
        let stride = rows.stride();
        assert!(weights.len() == stride && stride.is_multiple_of(64) && out.len() == rows.len());
        let start = rows.codes().as_ptr();
        let (pairs, last) = out.as_chunks_mut::<2>();
        for (i, pair) in pairs.iter_mut().enumerate() {
            // SAFETY: `self` proves AVX2; rows 2i and 2i + 1 lie inside, each `stride` codes long, as weights are.
            *pair = unsafe { dots(weights, [start.add(2 * i * stride), start.add((2 * i + 1) * stride)]) };
        }
        if let [one] = last {
            // SAFETY: the last row, as above.
            [*one] = unsafe { dots(weights, [start.add((rows.len() - 1) * stride)]) };
        }
    }

    /// As `kernels::code_dots_at`.
    #[inline]
    pub(in crate::kernels) fn code_dots_at(self, weights: &[i16], rows: CodeRows<'_>, at: &[u32], out: &mut [i32]) {
        let stride = rows.stride();
        assert!(weights.len() == stride && stride.is_multiple_of(64) && out.len() == at.len());
        let ask = |rows: CodeRows<'_>, i: usize| {
            if let Some(&row) = at.get(i) {
                crate::kernels::prefetch(rows.codes(), row as usize * stride, stride);
            }
        };
        (0..AHEAD).for_each(|i| ask(rows, i));
        let (pairs, last) = out.as_chunks_mut::<2>();
        for (i, pair) in pairs.iter_mut().enumerate() {
            ask(rows, 2 * i + AHEAD);
            ask(rows, 2 * i + AHEAD + 1);
            // `row` checks that the rows are there.
            let (a, b) = (rows.row(at[2 * i] as usize), rows.row(at[2 * i + 1] as usize));
            // SAFETY: `self` proves AVX2; both rows are `stride` codes long, as weights are.
            *pair = unsafe { dots(weights, [a.as_ptr(), b.as_ptr()]) };
        }
        if let ([one], Some(&row)) = (last, at.last()) {
            // SAFETY: as above.
            [*one] = unsafe { dots(weights, [rows.row(row as usize).as_ptr()]) };
        }
    }
}

/// `R` rows side by side share the loads of the weights.
///
/// # Safety
/// AVX2; each row is `weights.len()` codes long, a multiple of 64.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn dots<const R: usize>(weights: &[i16], rows: [*const i8; R]) -> [i32; R] {
    let mut sums = [[_mm256_setzero_si256(); 2]; R];
    for i in (0..weights.len()).step_by(32) {
        for (half, at) in [i, i + 16].into_iter().enumerate() {
            // SAFETY: at + 16 <= weights.len().
            let weight = unsafe { _mm256_loadu_si256(weights.as_ptr().add(at).cast()) };
            for (row, sums) in rows.iter().zip(&mut sums) {
                // SAFETY: the row is as long as the weights.
                let codes = unsafe { _mm_loadu_si128(row.add(at).cast()) };
                let products = _mm256_madd_epi16(_mm256_cvtepi8_epi16(codes), weight);
                sums[half] = _mm256_add_epi32(sums[half], products);
            }
        }
    }
    std::array::from_fn(|r| {
        let sum = _mm256_add_epi32(sums[r][0], sums[r][1]);
        let sum = _mm_add_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256::<1>(sum));
        let sum = _mm_add_epi32(sum, _mm_shuffle_epi32::<0b01_00_11_10>(sum));
        let sum = _mm_add_epi32(sum, _mm_shuffle_epi32::<0b10_11_00_01>(sum));
        _mm_cvtsi128_si32(sum)
    })
}
