//! Registers of 256 bits: AVX2 + FMA + F16C.

use super::{Element, Isa, Job, Pick, cell, codes, codes::CodeJob, enabling};
use crate::kernels::{CodeRows, operand::Contiguous};
use std::arch::x86_64::*;

/// Proof that the CPU has AVX2, FMA and F16C.
#[derive(Debug, Clone, Copy)]
pub(in crate::kernels) struct Avx2 {
    streams: bool,
}

impl Avx2 {
    /// `Some` if this CPU has what the kernels need.
    pub(in crate::kernels) fn detect() -> Option<Avx2> {
        let all =
            is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") && is_x86_feature_detected!("f16c");
        all.then(|| Avx2 { streams: reads_best_in_order() })
    }

    /// The other way past rows in main memory than this CPU likes.
    #[cfg(test)]
    pub(in crate::kernels) fn otherwise(self) -> Avx2 {
        Avx2 { streams: !self.streams }
    }

    /// The dot product of two padded rows of one length.
    #[inline]
    pub(in crate::kernels) fn dot(self, a: &[f32], b: &[f32]) -> f32 {
        assert!(a.len() == b.len() && a.len().is_multiple_of(16));
        // SAFETY: `self` proves the CPU features; both slices hold `a.len()` elements, a
        // multiple of 16.
        unsafe { dot(a.as_ptr(), b.as_ptr(), a.len()) }
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
        Job::new(self, (queries, queries.len() / stride), x, stride, pick, out).run();
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

/// AMD's cores read memory fastest strictly in order, one row at a time, Intel's several rows side by side. (One query past
/// 40,000 and 200,000 rows of 512 on a Xeon: 12.4 ms in order against 3.3, 53 against 30; eight queries: 18 against 3.8, 84 against 38.)
fn reads_best_in_order() -> bool {
    let leaf = __cpuid(0);
    [leaf.ebx, leaf.edx, leaf.ecx].map(u32::to_le_bytes).as_flattened() == b"AuthenticAMD"
}

impl Isa for Avx2 {
    type Lanes = __m256;
    const SIDE: usize = 1;
    const ROWS: usize = 3;
    const GROUP: usize = 4;
    const ASKS: [usize; 3] = [3, 2, 1];

    fn streams(self) -> bool {
        self.streams
    }

    #[inline(always)]
    unsafe fn zero() -> __m256 {
        // SAFETY: the caller vouches for the CPU features.
        unsafe { _mm256_setzero_ps() }
    }

    #[inline(always)]
    unsafe fn queries(from: *const f32) -> __m256 {
        // SAFETY: as above; eight elements.
        unsafe { _mm256_loadu_ps(from) }
    }

    #[inline(always)]
    unsafe fn row<E: Element>(from: *const E) -> __m256 {
        // SAFETY: as above; eight elements.
        unsafe { E::load8(from) }
    }

    #[inline(always)]
    unsafe fn multiply_add(a: __m256, b: __m256, sum: __m256) -> __m256 {
        // SAFETY: as above.
        unsafe { _mm256_fmadd_ps(a, b, sum) }
    }

    #[inline(always)]
    unsafe fn put<const M: usize, const R: usize>(
        sums: &[[__m256; R]; M],
        _queries: usize,
        out: *mut f32,
        n: usize,
        room: usize,
    ) {
        // SAFETY: as above; each query has `room >= R` places at `out + m * n`. Of four scores written at once, the
        // fourth goes where the caller allows it.
        unsafe {
            if M == 4 && R == 3 && room >= 4 {
                for m in [0, 2] {
                    let (a, b) = (&sums[m], &sums[m + 1]);
                    let s = sum8([a[0], a[1], a[2], a[2], b[0], b[1], b[2], b[2]]);
                    _mm_storeu_ps(out.add(m * n), _mm256_castps256_ps128(s));
                    _mm_storeu_ps(out.add((m + 1) * n), _mm256_extractf128_ps::<1>(s));
                }
                return;
            }
            for (m, sums) in sums.iter().enumerate() {
                let s = sum8(std::array::from_fn(|r| if r < R { sums[r] } else { _mm256_setzero_ps() }));
                let mut scores = [0.0f32; 8];
                _mm256_storeu_ps(scores.as_mut_ptr(), s);
                out.add(m * n).copy_from_nonoverlapping(scores.as_ptr(), R);
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
                2 => Self::strip::<E, P, 2, 4, PER>(job, first, from, to, ahead),
                3 => Self::strip::<E, P, 3, 4, PER>(job, first, from, to, ahead),
                _ => Self::strip::<E, P, 4, 3, PER>(job, first, from, to, ahead),
            }
        }
    }

    enabling!("avx2,fma,f16c");

    type Sums = __m256i;
    const CODES: usize = 16;
    /// One row at a time, in the order of memory: up to eight queries share its bytes, which are what is waited for, and their
    /// widening. (Additions of integers take one cycle, so sums need no company to hide behind. On Zen two rows side by side take
    /// twice as long to come from main memory; tiles of four queries and two rows are slower than eight queries with one, and
    /// tiles of three rows slower still.)
    const CODE_PAIRS: bool = false;

    #[inline(always)]
    unsafe fn no_sums() -> __m256i {
        // SAFETY: the caller vouches for the CPU features.
        unsafe { _mm256_setzero_si256() }
    }

    #[inline(always)]
    unsafe fn widened(from: *const i8) -> __m256i {
        // SAFETY: as above; sixteen codes.
        unsafe { _mm256_cvtepi8_epi16(_mm_loadu_si128(from.cast())) }
    }

    #[inline(always)]
    unsafe fn weights(from: *const i16) -> __m256i {
        // SAFETY: as above; sixteen weights.
        unsafe { _mm256_loadu_si256(from.cast()) }
    }

    #[inline(always)]
    unsafe fn add_products(sums: __m256i, codes: __m256i, weights: __m256i) -> __m256i {
        // SAFETY: as above.
        unsafe { _mm256_add_epi32(sums, _mm256_madd_epi16(codes, weights)) }
    }

    #[inline(always)]
    unsafe fn total(sums: __m256i) -> i32 {
        // SAFETY: as above.
        unsafe {
            let sum = _mm_add_epi32(_mm256_castsi256_si128(sums), _mm256_extracti128_si256::<1>(sums));
            let sum = _mm_add_epi32(sum, _mm_shuffle_epi32::<0b01_00_11_10>(sum));
            let sum = _mm_add_epi32(sum, _mm_shuffle_epi32::<0b10_11_00_01>(sum));
            _mm_cvtsi128_si32(sum)
        }
    }
}

/// # Safety
/// The CPU features; `n` elements, a multiple of 16, at both.
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn dot(a: *const f32, b: *const f32, n: usize) -> f32 {
    let zero = _mm256_setzero_ps();
    // SAFETY: passed on.
    let [[s]] = unsafe { cell::products::<Avx2, f32, 1, 1, 0, _MM_HINT_T0>(a, [b], n, []) };
    _mm256_cvtss_f32(sum8([s, zero, zero, zero, zero, zero, zero, zero]))
}

/// The sums of the lanes of eight accumulators, in the tree order of the definition.
///
/// Taking two accumulators (then four, then eight) into one addition costs a blend and a
/// shuffle per addition; reducing one after the other costs half as much time again as the
/// multiplications of a 128-element tile.
#[inline]
#[target_feature(enable = "avx2")]
fn sum8(a: [__m256; 8]) -> __m256 {
    // [x0+x4 … x3+x7 | y0+y4 … y3+y7]
    let t = |x, y| _mm256_add_ps(_mm256_blend_ps::<0b1111_0000>(x, y), _mm256_permute2f128_ps::<0x21>(x, y));
    // In either half: [x0+x2, x1+x3, y0+y2, y1+y3]
    let u = |x, y| _mm256_add_ps(_mm256_blend_ps::<0b1100_1100>(x, y), _mm256_shuffle_ps::<0b01_00_11_10>(x, y));
    let low = u(t(a[0], a[4]), t(a[1], a[5]));
    let high = u(t(a[2], a[6]), t(a[3], a[7]));
    _mm256_add_ps(_mm256_shuffle_ps::<0b10_00_10_00>(low, high), _mm256_shuffle_ps::<0b11_01_11_01>(low, high))
}
