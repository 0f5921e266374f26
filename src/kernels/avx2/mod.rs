//! AVX2 + FMA + F16C.
//!
//! ```text
//!                     3 rows
//!                  x0   x1   x2          one register each
//!             q0 | ·    ·    · |
//!  4 queries  q1 | ·    ·    · |         12 accumulators of 8 lanes, one register each
//!             q2 | ·    ·    · |
//!             q3 | ·    ·    · |         queries pass one by one through the 16th register
//! ```
//!
//! A step of 8 elements is 7 loads and 12 multiply-adds, which is what two FMA units can do
//! with two loads a cycle. (Four queries loaded first and one row at a time would need 17
//! registers; spilling halves the speed.) [`sum8`] then adds up the lanes of eight
//! accumulators at once. A tile is a [`cell`]; a strip of cells is one group of queries going
//! past a block of rows; [`Avx2::dots`] orders strips so that a block of rows is read from
//! main memory once, while the block after it is prefetched, a few lines per step, hidden
//! behind the arithmetic. (Without prefetch 8 queries past 400 MB of rows took 50 ms, with it
//! 27 ms: the hardware does not follow three rows at a time across pages.)
//!
//! | file | responsibility |
//! |---|---|
//! | `mod.rs` | the order in which queries and rows meet: caches, main memory, prefetching |
//! | `cell.rs` | one tile: the loop of multiply-adds, the sums of lanes |
//! | `codes.rs` | weights with rows of 8-bit codes |

mod cell;
mod codes;

use super::operand::{Element, Pick};
use cell::{add, dot, sum8};
use std::arch::x86_64::*;

/// Proof that the CPU has AVX2, FMA and F16C.
#[derive(Debug, Clone, Copy)]
pub(super) struct Avx2(());

/// Rows of a call that are together at least this long are taken to come from main memory.
const STREAM_BYTES: usize = 8 << 20;
/// Bytes that are asked for ahead then.
const STREAM_AHEAD: usize = 256;
/// Up to this many queries go past the rows together, once.
const FEW: usize = 32;
/// As `FEW`, for rows of halves, which come from the caches too slowly without being asked for.
const FEW_OF_HALVES: usize = 8;
/// Rows per block then: a multiple of 3 and 4; with the queries about as large as the
/// first-level cache.
const FEW_ROWS: usize = 12;
/// Bytes per block of rows that many queries go over: a share of the second-level cache.
const MANY_BYTES: usize = 192 << 10;
/// And at most this many rows: more gain nothing.
const MANY_ROWS: usize = 96;

impl Avx2 {
    /// `Some` if this CPU has what the kernels need.
    pub(super) fn detect() -> Option<Avx2> {
        let all =
            is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") && is_x86_feature_detected!("f16c");
        all.then_some(Avx2(()))
    }

    /// The dot product of two padded rows of one length.
    #[inline]
    pub(super) fn dot(self, a: &[f32], b: &[f32]) -> f32 {
        assert!(a.len() == b.len() && a.len().is_multiple_of(16));
        // SAFETY: `self` proves the CPU features; both slices hold `a.len()` elements, a
        // multiple of 16.
        unsafe { dot(a.as_ptr(), b.as_ptr(), a.len()) }
    }

    /// Every query with every picked row: `out[q * pick.len() + i]`.
    pub(super) fn dots<E: Element>(self, queries: &[f32], x: &[E], stride: usize, pick: impl Pick, out: &mut [f32]) {
        let m = queries.len() / stride;
        // What the unsafe code below rests on, checked here and nowhere else.
        assert!(stride.is_multiple_of(16) && queries.len() == m * stride);
        assert!(out.len() == m * pick.len() && pick.end() * stride <= x.len());
        let job = Job { queries, x, stride, pick, out: out.as_mut_ptr() };
        // SAFETY: `self` proves the CPU features; the asserts prove what `Job` requires.
        unsafe {
            match m {
                0 => {}
                _ if !job.streams() => job.cached(m),
                1 => job.stream::<1>(),
                2 => job.stream::<2>(),
                3 => job.stream::<3>(),
                4 => job.stream::<4>(),
                5 => job.stream::<5>(),
                6 => job.stream::<6>(),
                7 => job.stream::<7>(),
                8 => job.stream::<8>(),
                _ => job.cached(m),
            }
        }
    }
}

/// The operands. Invariants: `queries` is whole rows of `stride`, a multiple of 16; every row
/// of `pick` lies in `x`; `out` has room for one score per query and position.
#[derive(Clone, Copy)]
struct Job<'a, E, P> {
    queries: &'a [f32],
    x: &'a [E],
    stride: usize,
    pick: P,
    out: *mut f32,
}

/// What to prefetch, in the order of the cells that do it: the starts of stretches as long as
/// a stored row. A cell takes `PER`.
type Ahead<'a> = &'a [*const i8];

impl<E: Element, P: Pick> Job<'_, E, P> {
    /// Is this a long read of memory in order? Only `f32`: halves take so long to widen that
    /// memory is not what is waited for.
    fn streams(self) -> bool {
        !P::SCATTERED && size_of::<E>() == 4 && self.pick.len() * self.stride * size_of::<E>() >= STREAM_BYTES
    }

    /// # Safety
    /// The CPU features and the invariants of [`Job`]; `m` queries.
    #[target_feature(enable = "avx2,fma,f16c")]
    unsafe fn cached(self, m: usize) {
        // SAFETY: passed on.
        unsafe {
            match m {
                1 => self.single(),
                _ if m <= if size_of::<E>() == 4 { FEW } else { FEW_OF_HALVES } => self.few(m),
                _ => self.many(m),
            }
        }
    }

    /// One query: eight rows side by side hide the latency of the additions. Scattered rows are
    /// asked for while the eight before them are multiplied; those of a contiguous block come by
    /// the hardware's own prefetching.
    ///
    /// # Safety
    /// The CPU features and the invariants of [`Job`].
    #[target_feature(enable = "avx2,fma,f16c")]
    unsafe fn single(self) {
        let n = self.pick.len();
        let mut from = 0;
        while from < n {
            let to = n.min(from + 8);
            let ahead: [*const i8; 8] = std::array::from_fn(|i| self.guess(to + i));
            // SAFETY: one query; `from..to` are positions.
            unsafe { self.strip::<1, 8, 8>(0, from, to, if P::SCATTERED { &ahead } else { &[] }) };
            from = to;
        }
    }

    /// `M` queries past rows that lie in main memory: one row at a time. Memory is fastest when
    /// read strictly in order, by more than the side-by-side chains of [`Job::single`] gain; the
    /// hint keeps rows that will not come again out of the second-level cache.
    ///
    /// # Safety
    /// As [`Job::single`]; `M` queries.
    #[target_feature(enable = "avx2,fma,f16c")]
    unsafe fn stream<const M: usize>(self) {
        for at in 0..self.pick.len() {
            // SAFETY: `at` is a position; whole rows are added up.
            unsafe {
                let x = self.rows::<1>(at);
                let ahead = [x[0].cast::<i8>().wrapping_add(STREAM_AHEAD)];
                let zero = [[_mm256_setzero_ps(); 1]; M];
                let sums =
                    add::<E, M, 1, 1, _MM_HINT_NTA>(zero, self.query(0), self.stride, x, (0, self.stride), ahead);
                self.put(&sums, 0, at);
            }
        }
    }

    /// A few queries: small blocks of rows, each gone over by every group of queries while the
    /// next block arrives.
    ///
    /// # Safety
    /// As [`Job::single`]; `m` queries.
    #[target_feature(enable = "avx2,fma,f16c")]
    unsafe fn few(self, m: usize) {
        let n = self.pick.len();
        let groups = m.div_ceil(4);
        let mut ahead = [std::ptr::null(); FEW_ROWS];
        let mut from = 0;
        while from < n {
            let to = n.min(from + FEW_ROWS);
            for (i, slot) in ahead.iter_mut().enumerate() {
                *slot = self.guess(to + i);
            }
            for g in 0..groups {
                // The groups share the work: as evenly as whole stretches per cell allow.
                let share = |per: usize| ahead.get(g * per * FEW_ROWS / 3..).unwrap_or_default();
                // SAFETY: group `g` of `m` queries; `from..to` are positions.
                unsafe {
                    match groups {
                        1 => self.group::<3>(g * 4, m, from, to, share(3)),
                        2 => self.group::<2>(g * 4, m, from, to, share(2)),
                        _ => self.group::<1>(g * 4, m, from, to, share(1)),
                    }
                }
            }
            from = to;
        }
    }

    /// Many queries: blocks of rows that stay in the second-level cache while group after group
    /// of queries goes over them, each asking for the next group. Rows of halves come from that
    /// cache too slowly by themselves, so there each cell asks for the next (72 → 95 GFLOP/s);
    /// done for `f32`, this crowds the first-level cache.
    ///
    /// Rows of 2,048 leave a quarter of the speed of shorter ones unused, as four queries fill
    /// the first-level cache. Cutting rows into parts and carrying the sums along was no faster;
    /// packing the queries' parts as well gained 5%, less than it complicates.
    ///
    /// # Safety
    /// As [`Job::few`].
    #[target_feature(enable = "avx2,fma,f16c")]
    unsafe fn many(self, m: usize) {
        let n = self.pick.len();
        let block = (MANY_BYTES / (self.stride * size_of::<E>()) / 3 * 3).clamp(FEW_ROWS, MANY_ROWS);
        let mut from = 0;
        while from < n {
            let to = n.min(from + block);
            let rows: [*const i8; MANY_ROWS] = std::array::from_fn(|i| self.guess(from + 3 + i));
            for first in (0..m).step_by(4) {
                let next: [*const i8; 4] =
                    std::array::from_fn(|i| self.queries.as_ptr().wrapping_add((first + 4 + i) * self.stride).cast());
                // SAFETY: a group of `m` queries; `from..to` are positions.
                unsafe {
                    if size_of::<E>() == 2 {
                        self.group::<3>(first, m, from, to, &rows);
                    } else {
                        self.group::<1>(first, m, from, to, &next);
                    }
                }
            }
            from = to;
        }
    }

    /// Up to four queries, from `first`, past positions `from..to`.
    ///
    /// # Safety
    /// As [`Job::few`]; `first < m` queries, `from..to` are positions.
    #[target_feature(enable = "avx2,fma,f16c")]
    unsafe fn group<const PER: usize>(self, first: usize, m: usize, from: usize, to: usize, ahead: Ahead<'_>) {
        // SAFETY: passed on.
        unsafe {
            match m - first {
                1 => self.strip::<1, 8, PER>(first, from, to, ahead),
                2 => self.strip::<2, 4, PER>(first, from, to, ahead),
                3 => self.strip::<3, 4, PER>(first, from, to, ahead),
                _ => self.strip::<4, 3, PER>(first, from, to, ahead),
            }
        }
    }

    /// `M` queries past positions `from..to`, `R` rows at a time.
    ///
    /// # Safety
    /// As [`Job::group`]; `M` queries from `first`.
    #[target_feature(enable = "avx2,fma,f16c")]
    unsafe fn strip<const M: usize, const R: usize, const PER: usize>(
        self,
        first: usize,
        from: usize,
        to: usize,
        ahead: Ahead<'_>,
    ) {
        let mut ahead = ahead.chunks_exact(PER);
        let mut at = from;
        // SAFETY: cells stay within `from..to`.
        unsafe {
            while at + R <= to {
                match ahead.next() {
                    Some(a) => self.cell::<M, R, PER>(first, at, std::array::from_fn(|i| a[i])),
                    None => self.cell::<M, R, 0>(first, at, []),
                }
                at += R;
            }
            match to - at {
                0 => {}
                1 => self.cell::<M, 1, 0>(first, at, []),
                2 => self.cell::<M, 2, 0>(first, at, []),
                3 => self.cell::<M, 3, 0>(first, at, []),
                // Only reached where R = 8, so M = 1.
                4 => self.cell::<1, 4, 0>(first, at, []),
                5 => self.cell::<1, 5, 0>(first, at, []),
                6 => self.cell::<1, 6, 0>(first, at, []),
                _ => self.cell::<1, 7, 0>(first, at, []),
            }
        }
    }

    /// The products of `M` queries with the `R` rows from position `at`.
    ///
    /// # Safety
    /// As [`Job::strip`]; `at + R` positions at least.
    #[inline]
    #[target_feature(enable = "avx2,fma,f16c")]
    unsafe fn cell<const M: usize, const R: usize, const PER: usize>(
        self,
        first: usize,
        at: usize,
        ahead: [*const i8; PER],
    ) {
        // SAFETY: passed on.
        unsafe {
            let zero = [[_mm256_setzero_ps(); R]; M];
            let (q, x) = (self.query(first), self.rows::<R>(at));
            let sums = add::<E, M, R, PER, _MM_HINT_T0>(zero, q, self.stride, x, (0, self.stride), ahead);
            self.put(&sums, first, at);
        }
    }

    /// Adds up the lanes of every sum and writes the scores.
    ///
    /// # Safety
    /// As [`Job::cell`].
    #[inline]
    #[target_feature(enable = "avx2,fma,f16c")]
    unsafe fn put<const M: usize, const R: usize>(self, sums: &[[__m256; R]; M], first: usize, at: usize) {
        let n = self.pick.len();
        // SAFETY: queries `first..first + M` and positions `at..at + R` exist, so does their
        // place in `out`; of the four scores written at once, the fourth lands on a position
        // of the same query, whose turn comes after.
        unsafe {
            let out = self.out.add(first * n + at);
            if M == 4 && R == 3 && at + 4 <= n {
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

    /// # Safety
    /// There is a query `first`.
    #[inline]
    unsafe fn query(self, first: usize) -> *const f32 {
        // SAFETY: within `queries`.
        unsafe { self.queries.as_ptr().add(first * self.stride) }
    }

    /// # Safety
    /// There are positions `at..at + R`.
    #[inline]
    unsafe fn rows<const R: usize>(self, at: usize) -> [*const E; R] {
        // SAFETY: every picked row lies within `x`.
        std::array::from_fn(|i| unsafe { self.x.as_ptr().add(self.pick.row(at + i) * self.stride) })
    }

    /// Where the row of a position will probably be; maybe outside of any memory.
    #[inline]
    fn guess(self, position: usize) -> *const i8 {
        self.x.as_ptr().wrapping_add(self.pick.guess(position).wrapping_mul(self.stride)).cast()
    }
}
