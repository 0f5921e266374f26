//! One tile of products in registers: see the pictures in `mod.rs`.

use super::Isa;
use crate::kernels::operand::Element;
use std::arch::x86_64::_mm_prefetch;

/// Adds elements `0..n` of the products of `M` registers of queries and `R` rows, in the order of the definition, and asks for
/// `PER` stretches of memory meanwhile.
///
/// # Safety
/// The CPU has the instructions; `M` times `n` elements of interleaved queries at `q`; `n` elements, a multiple of 16, in
/// every row.
#[inline(always)]
pub(super) unsafe fn products<I: Isa, E: Element, const M: usize, const R: usize, const PER: usize, const HINT: i32>(
    q: *const f32,
    x: [*const E; R],
    n: usize,
    ahead: [*const i8; PER],
) -> [[I::Lanes; R]; M] {
    // SAFETY: the CPU has the instructions.
    let mut sums = unsafe { [[I::zero(); R]; M] };
    let mut k = 0;
    while k < n {
        for a in ahead {
            // SAFETY: it may name any address: a prefetch never faults.
            unsafe { _mm_prefetch::<HINT>(a.wrapping_add(k * size_of::<E>())) };
        }
        for k in [k, k + 8] {
            // SAFETY: `k + 8 <= n` elements in every query and row. The shorter side is loaded
            // first: see the pictures in `mod.rs`.
            unsafe {
                let query = |m: usize| I::queries(q.add((m * n + k) * I::SIDE));
                if M < R {
                    let q: [I::Lanes; M] = std::array::from_fn(query);
                    for (r, x) in x.iter().enumerate() {
                        let x = I::row(x.add(k));
                        for (sums, &q) in sums.iter_mut().zip(&q) {
                            sums[r] = I::multiply_add(q, x, sums[r]);
                        }
                    }
                } else {
                    let x: [I::Lanes; R] = std::array::from_fn(|r| I::row(x[r].add(k)));
                    for (m, sums) in sums.iter_mut().enumerate() {
                        let q = query(m);
                        for (sum, &x) in sums.iter_mut().zip(&x) {
                            *sum = I::multiply_add(q, x, *sum);
                        }
                    }
                }
            }
        }
        k += 16;
    }
    sums
}
