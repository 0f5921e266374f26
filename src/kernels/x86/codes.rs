//! 16-bit weights with rows of 8-bit codes: codes are widened as they are loaded, multiplied and added in pairs.

use super::{Isa, Pick};
use crate::kernels::{CodeRows, prefetch};

/// Queries that go past the rows together: a register each for their sums, at least.
const TOGETHER: usize = 8;
/// Scattered rows that are asked for ahead of their turn.
const AHEAD: usize = 4;
/// Bytes that are asked for ahead where rows come in sequence: across the pages that the hardware's own prefetching ends at.
const AHEAD_BYTES: usize = 4096;

/// At most [`TOGETHER`] queries past picked rows. Invariants: the CPU has the instructions of `isa`; `weights` is whole rows of
/// `rows.stride()`, a multiple of 64; `out` has one place per query and position.
pub(super) struct CodeJob<'a, I, P> {
    #[expect(dead_code, reason = "the proof that the CPU has the instructions")]
    isa: I,
    weights: &'a [i16],
    rows: CodeRows<'a>,
    pick: P,
    out: &'a mut [i32],
}

impl<I: Isa, P: Pick> CodeJob<'_, I, P> {
    /// Every query's weights with every picked row: `out[q * pick.len() + i]`.
    #[inline]
    pub(super) fn run(isa: I, weights: &[i16], rows: CodeRows<'_>, pick: P, out: &mut [i32]) {
        let (stride, n) = (rows.stride(), pick.len());
        assert!(stride.is_multiple_of(64) && weights.len() * n == out.len() * stride);
        if n == 0 {
            return;
        }
        let groups = weights.chunks(TOGETHER * stride).zip(out.chunks_mut(TOGETHER * n));
        for (weights, out) in groups {
            let job = CodeJob { isa, weights, rows, pick, out };
            match weights.len() / stride {
                1 => job.rows::<1>(),
                2 => job.rows::<2>(),
                3 => job.rows::<3>(),
                4 => job.rows::<4>(),
                5 => job.rows::<5>(),
                6 => job.rows::<6>(),
                7 => job.rows::<7>(),
                _ => job.rows::<8>(),
            }
        }
    }

    /// `M` queries past the rows.
    ///
    /// # Panics
    /// If there are not `M` queries.
    #[inline(always)]
    fn rows<const M: usize>(mut self) {
        let (rows, pick) = (self.rows, self.pick);
        let (n, stride) = (pick.len(), rows.stride());
        assert!(self.weights.len() == M * stride && stride.is_multiple_of(64));
        let ahead = if P::SCATTERED { AHEAD } else { AHEAD_BYTES / stride + 1 };
        let ask = |i: usize| {
            if i < n {
                prefetch(rows.codes(), pick.row(i) * stride, stride);
            }
        };
        (0..ahead).for_each(ask);
        let mut at = 0;
        while I::CODE_PAIRS && at + 2 <= n {
            (at + ahead..at + ahead + 2).for_each(ask);
            self.tile::<M, 2>(at);
            at += 2;
        }
        while at < n {
            ask(at + ahead);
            self.tile::<M, 1>(at);
            at += 1;
        }
    }

    /// `M` queries, as [`CodeJob::rows`] asserts, with the `R` rows from position `at`.
    ///
    /// # Panics
    /// If there is no such row or position.
    #[inline(always)]
    fn tile<const M: usize, const R: usize>(&mut self, at: usize) {
        let n = self.pick.len();
        // Checks that the rows are there.
        let rows = std::array::from_fn(|r| self.rows.row(self.pick.row(at + r)).as_ptr());
        // SAFETY: `isa` proves that the CPU has the instructions; rows and `M` queries are `stride` long, a multiple of 64.
        let products = unsafe {
            // (Computed here: where the compiler may compute them again at each step, eight queries take 15% longer.)
            let weights = std::array::from_fn(|m| self.weights.as_ptr().add(m * self.rows.stride()));
            I::code_products::<M, R>(weights, rows, self.rows.stride())
        };
        for (m, products) in products.iter().enumerate() {
            self.out[m * n + at..][..R].copy_from_slice(products);
        }
    }
}

/// The products of `M` queries with `R` rows.
///
/// # Safety
/// The CPU has the instructions; `n` weights of every query and `n` codes of every row, a multiple of 64.
#[inline(always)]
pub(super) unsafe fn products<I: Isa, const M: usize, const R: usize>(
    weights: [*const i16; M],
    rows: [*const i8; R],
    n: usize,
) -> [[i32; R]; M] {
    // SAFETY: `i + CODES <= n`, as `CODES` divides 64.
    unsafe {
        let mut sums = [[I::no_sums(); R]; M];
        for i in (0..n).step_by(I::CODES) {
            let codes: [I::Sums; R] = std::array::from_fn(|r| I::widened(rows[r].add(i)));
            for (sums, &weights) in sums.iter_mut().zip(&weights) {
                let weights = I::weights(weights.add(i));
                for (sum, &codes) in sums.iter_mut().zip(&codes) {
                    *sum = I::add_products(*sum, codes, weights);
                }
            }
        }
        // (No closure: the compiler would leave it without the instructions.)
        let mut totals = [[0; R]; M];
        for (totals, sums) in totals.iter_mut().zip(&sums) {
            for (total, &sums) in totals.iter_mut().zip(sums) {
                *total = I::total(sums);
            }
        }
        totals
    }
}
