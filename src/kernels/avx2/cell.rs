//! One tile of products in registers: see the picture in `mod.rs`.

use crate::kernels::operand::Element;
use std::arch::x86_64::*;

/// # Safety
/// The CPU features; `n` elements, a multiple of 16, at both.
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) unsafe fn dot(a: *const f32, b: *const f32, n: usize) -> f32 {
    let zero = _mm256_setzero_ps();
    // SAFETY: passed on.
    let [[s]] = unsafe { add::<f32, 1, 1, 0, _MM_HINT_T0>([[zero]], a, n, [b], (0, n), []) };
    _mm256_cvtss_f32(sum8([s, zero, zero, zero, zero, zero, zero, zero]))
}

/// Adds elements `from..to` of the products of `M` queries and `R` rows to `sums`, in the order
/// of the definition, and asks for `PER` stretches of memory meanwhile.
///
/// # Safety
/// The CPU features; `M` queries `stride` apart at `q`; `to` elements in every query and row;
/// `from` and `to` multiples of 16.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) unsafe fn add<E: Element, const M: usize, const R: usize, const PER: usize, const HINT: i32>(
    mut sums: [[__m256; R]; M],
    q: *const f32,
    stride: usize,
    x: [*const E; R],
    (from, to): (usize, usize),
    ahead: [*const i8; PER],
) -> [[__m256; R]; M] {
    let mut k = from;
    while k < to {
        for a in ahead {
            // It may name any address: a prefetch never faults.
            _mm_prefetch::<HINT>(a.wrapping_add(k * size_of::<E>()));
        }
        for k in [k, k + 8] {
            // SAFETY: `k + 8 <= to` elements in every query and row. The shorter side is loaded
            // first: see the picture above.
            unsafe {
                if M < R {
                    let q: [__m256; M] = std::array::from_fn(|m| _mm256_loadu_ps(q.add(m * stride + k)));
                    for (r, x) in x.iter().enumerate() {
                        let x = E::load8(x.add(k));
                        for (sums, &q) in sums.iter_mut().zip(&q) {
                            sums[r] = _mm256_fmadd_ps(q, x, sums[r]);
                        }
                    }
                } else {
                    let x: [__m256; R] = std::array::from_fn(|r| E::load8(x[r].add(k)));
                    for (m, sums) in sums.iter_mut().enumerate() {
                        let q = _mm256_loadu_ps(q.add(m * stride + k));
                        for (sum, &x) in sums.iter_mut().zip(&x) {
                            *sum = _mm256_fmadd_ps(q, x, *sum);
                        }
                    }
                }
            }
        }
        k += 16;
    }
    sums
}

/// The sums of the lanes of eight accumulators, in the tree order of the definition.
///
/// Taking two accumulators (then four, then eight) into one addition costs a blend and a
/// shuffle per addition; reducing one after the other costs half as much time again as the
/// multiplications of a 128-element tile.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn sum8(a: [__m256; 8]) -> __m256 {
    // [x0+x4 … x3+x7 | y0+y4 … y3+y7]
    let t = |x, y| _mm256_add_ps(_mm256_blend_ps::<0b1111_0000>(x, y), _mm256_permute2f128_ps::<0x21>(x, y));
    // In either half: [x0+x2, x1+x3, y0+y2, y1+y3]
    let u = |x, y| _mm256_add_ps(_mm256_blend_ps::<0b1100_1100>(x, y), _mm256_shuffle_ps::<0b01_00_11_10>(x, y));
    let low = u(t(a[0], a[4]), t(a[1], a[5]));
    let high = u(t(a[2], a[6]), t(a[3], a[7]));
    _mm256_add_ps(_mm256_shuffle_ps::<0b10_00_10_00>(low, high), _mm256_shuffle_ps::<0b11_01_11_01>(low, high))
}
