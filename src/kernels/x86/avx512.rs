//! Registers of 512 bits: AVX-512 with VNNI. Two queries' lanes side by side, never sixteen lanes of one product.

use super::{Avx2, Element, Isa, Job, Pick, codes, codes::CodeJob, enabling};
use crate::kernels::block::Line;
use crate::kernels::{CodeRows, operand::Contiguous};
use bytemuck::Zeroable;
use std::arch::x86_64::*;

/// Fewer queries are left to [`Avx2`]: loads bind them, not multiply-adds. (AVX2's time over that of these kernels, rows of 512:
/// two queries 0.86 to 1.0, four 1.05 to 1.15, eight 1.3 to 1.5, 32 and more 1.25 to 1.7.)
const WORTH_QUERIES: usize = 4;
/// With fewer rows, too: interleaving the queries costs as much as it gains. (The same with 16 rows: 0.59 for 256 queries of 2,048,
/// 0.93 to 1.1 for others; with 32 rows 0.87, and 1.05 to 1.35; with 48 rows 1.04, and 1.1 to 1.5.)
const WORTH_ROWS: usize = 48;

/// Proof that the CPU has AVX-512 (F, BW, DQ, VL, VNNI), beside all that [`Avx2`] proves.
#[derive(Debug, Clone, Copy)]
pub(in crate::kernels) struct Avx512 {
    avx2: Avx2,
}

impl Avx512 {
    /// `Some` if this CPU has what the kernels need.
    pub(in crate::kernels) fn detect() -> Option<Avx512> {
        let all = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512vnni");
        Avx2::detect().filter(|_| all).map(|avx2| Avx512 { avx2 })
    }

    /// As [`Avx2::otherwise`].
    #[cfg(test)]
    pub(in crate::kernels) fn otherwise(self) -> Avx512 {
        Avx512 { avx2: self.avx2.otherwise() }
    }

    /// The dot product of two padded rows of one length.
    #[inline]
    pub(in crate::kernels) fn dot(self, a: &[f32], b: &[f32]) -> f32 {
        self.avx2.dot(a, b)
    }

    /// Every query with every picked row: `out[q * pick.len() + i]`.
    pub(in crate::kernels) fn dots<E: Element>(
        self,
        queries: &[f32],
        x: &[E],
        stride: usize,
        pick: impl Pick,
        out: &mut [f32],
    ) {
        let m = queries.len() / stride;
        if m < WORTH_QUERIES || pick.len() < WORTH_ROWS {
            return self.avx2.dots(queries, x, stride, pick, out);
        }
        let lines = interleaved(queries, stride);
        Job::new(self, (bytemuck::cast_slice(&lines), m), x, stride, pick, out).run();
    }

    /// As `kernels::code_dots`.
    pub(in crate::kernels) fn code_dots(self, weights: &[i16], rows: CodeRows<'_>, out: &mut [i32]) {
        CodeJob::run(self, weights, rows, Contiguous(rows.len()), out);
    }

    /// As `kernels::code_dots_at`.
    #[inline]
    pub(in crate::kernels) fn code_dots_at(self, weights: &[i16], rows: CodeRows<'_>, at: &[u32], out: &mut [i32]) {
        CodeJob::run(self, weights, rows, at, out);
    }
}

/// Queries in pairs, eight elements of one and eight of the other in turns; zeros beside a last one without company.
fn interleaved(queries: &[f32], stride: usize) -> Vec<Line> {
    let m = queries.len() / stride;
    let mut lines = vec![Line::zeroed(); m.div_ceil(2) * stride / 8];
    for (pair, lines) in queries.chunks(2 * stride).zip(lines.chunks_exact_mut(stride / 8)) {
        for (side, query) in pair.chunks_exact(stride).enumerate() {
            for (line, eight) in lines.iter_mut().zip(query.as_chunks::<8>().0) {
                line.0[8 * side..][..8].copy_from_slice(eight);
            }
        }
    }
    lines
}

impl Isa for Avx512 {
    type Lanes = __m512;
    const SIDE: usize = 2;
    const ROWS: usize = 6;
    const GROUP: usize = 4;
    /// (Not 3 for two groups: the compiler then moves accumulators to memory and back, and AVX2 is faster.)
    const ASKS: [usize; 3] = [6, 6, 2];

    fn streams(self) -> bool {
        self.avx2.streams()
    }

    #[inline(always)]
    unsafe fn zero() -> __m512 {
        // SAFETY: the caller vouches for the CPU features.
        unsafe { _mm512_setzero_ps() }
    }

    #[inline(always)]
    unsafe fn queries(from: *const f32) -> __m512 {
        // SAFETY: as above; eight elements of two queries.
        unsafe { _mm512_loadu_ps(from) }
    }

    #[inline(always)]
    unsafe fn row<E: Element>(from: *const E) -> __m512 {
        // SAFETY: as above; eight elements.
        unsafe { _mm512_broadcast_f32x8(E::load8(from)) }
    }

    #[inline(always)]
    unsafe fn multiply_add(a: __m512, b: __m512, sum: __m512) -> __m512 {
        // SAFETY: as above.
        unsafe { _mm512_fmadd_ps(a, b, sum) }
    }

    #[inline(always)]
    unsafe fn put<const M: usize, const R: usize>(
        sums: &[[__m512; R]; M],
        queries: usize,
        out: *mut f32,
        n: usize,
        room: usize,
    ) {
        // SAFETY: as above; each query has `room >= R` places at `out + i * n`. Of eight scores written at once, those
        // beyond `R` go where the caller allows it.
        unsafe {
            for (m, sums) in sums.iter().enumerate() {
                let pair = sum8(std::array::from_fn(|r| if r < R { sums[r] } else { _mm512_setzero_ps() }));
                let sides = [_mm512_castps512_ps256(pair), _mm512_extractf32x8_ps::<1>(pair)];
                for (i, &scores) in (2 * m..queries).zip(&sides) {
                    if R > 4 && room >= 8 {
                        _mm256_storeu_ps(out.add(i * n), scores);
                    } else {
                        _mm256_mask_storeu_ps(out.add(i * n), ((1 << R) - 1) as __mmask8, scores);
                    }
                }
            }
        }
    }

    unsafe fn group<E: Element, P: Pick, const PER: usize>(
        job: Job<'_, Self, E, P>,
        first: usize,
        from: usize,
        to: usize,
        ahead: &[*const i8],
    ) {
        // SAFETY: so many registers of queries are left.
        unsafe {
            match job.registers() - first {
                1 => Self::strip::<E, P, 1, 8, PER>(job, first, from, to, ahead),
                2 => Self::strip::<E, P, 2, 8, PER>(job, first, from, to, ahead),
                3 => Self::strip::<E, P, 3, 6, PER>(job, first, from, to, ahead),
                _ => Self::strip::<E, P, 4, 6, PER>(job, first, from, to, ahead),
            }
        }
    }

    enabling!("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c");

    type Sums = __m512i;
    const CODES: usize = 32;
    /// One row at a time took 80 ns where two take 76 (512 codes anywhere in 100 MB), and 10.9 where they take 7.8 (in the
    /// first-level cache); AVX2 102 and 14.
    const CODE_PAIRS: bool = true;

    #[inline(always)]
    unsafe fn no_sums() -> __m512i {
        // SAFETY: the caller vouches for the CPU features.
        unsafe { _mm512_setzero_si512() }
    }

    #[inline(always)]
    unsafe fn widened(from: *const i8) -> __m512i {
        // SAFETY: as above; 32 codes.
        unsafe { _mm512_cvtepi8_epi16(_mm256_loadu_si256(from.cast())) }
    }

    #[inline(always)]
    unsafe fn weights(from: *const i16) -> __m512i {
        // SAFETY: as above; 32 weights.
        unsafe { _mm512_loadu_si512(from.cast()) }
    }

    #[inline(always)]
    unsafe fn add_products(sums: __m512i, codes: __m512i, weights: __m512i) -> __m512i {
        // SAFETY: as above. It does not saturate.
        unsafe { _mm512_dpwssd_epi32(sums, codes, weights) }
    }

    #[inline(always)]
    unsafe fn total(sums: __m512i) -> i32 {
        // SAFETY: as above.
        unsafe { Avx2::total(_mm256_add_epi32(_mm512_castsi512_si256(sums), _mm512_extracti64x4_epi64::<1>(sums))) }
    }
}

/// The sums of the lanes of eight pairs of accumulators, in the tree order of the definition: eight of the first query, eight
/// of the second.
#[inline]
#[target_feature(enable = "avx512f,avx512dq")]
fn sum8(a: [__m512; 8]) -> __m512 {
    // x's first half is the lanes of one query, the second half those of the other.
    // By quarters: [x0+x4 … x3+x7 of the first | of the second | y's first | y's second]
    let t = |x, y| {
        let (low, high) = (_mm512_shuffle_f32x4::<0b10_00_10_00>(x, y), _mm512_shuffle_f32x4::<0b11_01_11_01>(x, y));
        _mm512_add_ps(low, high)
    };
    // In each quarter: [x0+x2, x1+x3, y0+y2, y1+y3]
    let u = |x, y| {
        let swapped = _mm512_shuffle_ps::<0b01_00_11_10>(x, y);
        _mm512_add_ps(_mm512_mask_blend_ps(0b1100_1100_1100_1100, x, y), swapped)
    };
    let low = u(t(a[0], a[4]), t(a[1], a[5]));
    let high = u(t(a[2], a[6]), t(a[3], a[7]));
    let (even, odd) = (_mm512_shuffle_ps::<0b10_00_10_00>(low, high), _mm512_shuffle_ps::<0b11_01_11_01>(low, high));
    // By quarters: rows 0–3 of the first query, 0–3 of the second, 4–7 of the first, 4–7 of the second.
    let sums = _mm512_add_ps(even, odd);
    _mm512_shuffle_f32x4::<0b11_01_10_00>(sums, sums)
}
