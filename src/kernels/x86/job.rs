//! The order in which queries and rows meet.

use super::{Element, Isa, Pick, cell};
use std::arch::x86_64::{_MM_HINT_NTA, _MM_HINT_T0};

/// Rows of a call that are together at least this long are taken to come from main memory.
const STREAM_BYTES: usize = 8 << 20;
/// Bytes that are asked for ahead then.
const STREAM_AHEAD: usize = 256;
/// Up to this many queries go past them then one row at a time.
const STREAM_QUERIES: usize = 8;
/// Up to this many queries go past the rows together, once.
const FEW: usize = 32;
/// As `FEW`, for rows of halves, which come from the caches too slowly without being asked for.
const FEW_OF_HALVES: usize = 8;
/// Rows per block then: a multiple of every tile's; with the queries about as large as the
/// first-level cache.
const FEW_ROWS: usize = 12;
/// Bytes per block of rows that many queries go over: a share of the second-level cache.
const MANY_BYTES: usize = 192 << 10;
/// And at most this many rows: more gain nothing.
const MANY_ROWS: usize = 96;
/// A group of queries is at most this many.
const GROUP: usize = 8;

/// The operands. Invariants: the CPU has the instructions of `isa`; `queries` is whole registers of interleaved rows of
/// `stride`, a multiple of 16, one for every [`Isa::SIDE`] of `m` queries; every row of `pick` lies in `x`; `out` has room for one score
/// per query and position.
#[derive(Clone, Copy)]
pub(super) struct Job<'a, I, E, P> {
    isa: I,
    queries: &'a [f32],
    m: usize,
    x: &'a [E],
    stride: usize,
    pick: P,
    out: *mut f32,
}

/// What to prefetch, in the order of the cells that do it: the starts of stretches as long as
/// a stored row.
type Ahead<'a> = &'a [*const i8];

impl<'a, I: Isa, E: Element, P: Pick> Job<'a, I, E, P> {
    /// `m` queries, interleaved and filled up to whole registers, with every picked row: `out[q * pick.len() + i]`.
    ///
    /// # Panics
    /// Where an invariant is not met.
    pub(super) fn new(
        isa: I,
        (queries, m): (&'a [f32], usize),
        x: &'a [E],
        stride: usize,
        pick: P,
        out: &'a mut [f32],
    ) -> Job<'a, I, E, P> {
        // What the unsafe code below rests on, checked here and nowhere else.
        assert!(stride.is_multiple_of(16) && queries.len() == m.next_multiple_of(I::SIDE) * stride);
        assert!(out.len() == m * pick.len() && pick.end() * stride <= x.len());
        assert!(I::GROUP * I::SIDE <= GROUP && FEW_ROWS.is_multiple_of(I::ROWS));
        Job { isa, queries, m, x, stride, pick, out: out.as_mut_ptr() }
    }

    /// All products.
    pub(super) fn run(self) {
        // SAFETY: the invariants; the numbers of queries are as asked for.
        unsafe {
            match self.m {
                0 => {}
                _ if self.m <= STREAM_QUERIES && self.streams() => self.stream_all(),
                1 => self.single(),
                m if m <= if size_of::<E>() == 4 { FEW } else { FEW_OF_HALVES } => self.few(),
                _ => self.many(),
            }
        }
    }

    /// How many registers the queries take.
    #[inline]
    pub(super) fn registers(self) -> usize {
        self.m.div_ceil(I::SIDE)
    }

    /// Is this a long read of memory in order, on a CPU that is best at that? Only `f32`: halves take so long to widen that
    /// memory is not what is waited for.
    fn streams(self) -> bool {
        self.isa.streams()
            && !P::SCATTERED
            && size_of::<E>() == 4
            && self.pick.len() * self.stride * size_of::<E>() >= STREAM_BYTES
    }

    /// One query: eight rows side by side hide the latency of the additions. Scattered rows are
    /// asked for while the eight before them are multiplied; those of a contiguous block come by
    /// the hardware's own prefetching.
    ///
    /// # Safety
    /// There is a query.
    unsafe fn single(self) {
        let n = self.pick.len();
        let mut from = 0;
        while from < n {
            let to = n.min(from + 8);
            let ahead: [*const i8; 8] = std::array::from_fn(|i| self.guess(to + i));
            // SAFETY: one register of queries; `from..to` are positions.
            unsafe { I::strip::<E, P, 1, 8, 8>(self, 0, from, to, if P::SCATTERED { &ahead } else { &[] }) };
            from = to;
        }
    }

    /// [`Job::stream`] of all queries.
    ///
    /// # Safety
    /// There are one to [`STREAM_QUERIES`] queries.
    unsafe fn stream_all(self) {
        // SAFETY: there are so many; the invariants. The guards keep what cannot be out of the program.
        unsafe {
            match self.registers() {
                1 => I::stream::<E, P, 1>(self),
                2 => I::stream::<E, P, 2>(self),
                3 => I::stream::<E, P, 3>(self),
                4 => I::stream::<E, P, 4>(self),
                5 if I::SIDE == 1 => I::stream::<E, P, 5>(self),
                6 if I::SIDE == 1 => I::stream::<E, P, 6>(self),
                7 if I::SIDE == 1 => I::stream::<E, P, 7>(self),
                8 if I::SIDE == 1 => I::stream::<E, P, 8>(self),
                _ => {}
            }
        }
    }

    /// `M` registers of queries past rows that lie in main memory: one row at a time. Where memory is fastest when
    /// read strictly in order, that is more than the side-by-side chains of [`Job::single`] gain; the
    /// hint keeps rows that will not come again out of the second-level cache.
    ///
    /// # Safety
    /// There are `M` registers of queries.
    #[inline(always)]
    pub(super) unsafe fn stream<const M: usize>(self) {
        for at in 0..self.pick.len() {
            // SAFETY: `at` is a position.
            unsafe {
                let x = self.rows::<1>(at);
                let ahead = [x[0].cast::<i8>().wrapping_add(STREAM_AHEAD)];
                let sums = cell::products::<I, E, M, 1, 1, _MM_HINT_NTA>(self.query(0), x, self.stride, ahead);
                self.put(&sums, 0, at);
            }
        }
    }

    /// A few queries: small blocks of rows, each gone over by every group of queries while the
    /// next block arrives.
    ///
    /// # Safety
    /// There is a query.
    unsafe fn few(self) {
        let n = self.pick.len();
        let groups = self.registers().div_ceil(I::GROUP);
        // The groups share the work of asking.
        let per = I::ASKS[groups.min(I::ASKS.len()) - 1];
        let mut ahead = [std::ptr::null(); FEW_ROWS];
        let mut from = 0;
        while from < n {
            let to = n.min(from + FEW_ROWS);
            for (i, slot) in ahead.iter_mut().enumerate() {
                *slot = self.guess(to + i);
            }
            for g in 0..groups {
                let share = ahead.get(g * per * FEW_ROWS / I::ROWS..).unwrap_or_default();
                // SAFETY: there is a group `g` of queries; `from..to` are positions.
                unsafe { self.group(per, g * I::GROUP, from, to, share) };
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
    /// There is a query.
    unsafe fn many(self) {
        let n = self.pick.len();
        let block = (MANY_BYTES / (self.stride * size_of::<E>()) / I::ROWS * I::ROWS).clamp(FEW_ROWS, MANY_ROWS);
        let mut from = 0;
        while from < n {
            let to = n.min(from + block);
            let rows: [*const i8; MANY_ROWS] = std::array::from_fn(|i| self.guess(from + I::ROWS + i));
            for first in (0..self.registers()).step_by(I::GROUP) {
                let next = (first + I::GROUP) * I::SIDE;
                let next: [*const i8; GROUP] =
                    std::array::from_fn(|i| self.queries.as_ptr().wrapping_add((next + i) * self.stride).cast());
                // SAFETY: there is a group at `first`; `from..to` are positions.
                unsafe {
                    if size_of::<E>() == 2 {
                        self.group(I::ROWS, first, from, to, &rows);
                    } else {
                        self.group(1, first, from, to, &next[..I::GROUP * I::SIDE]);
                    }
                }
            }
            from = to;
        }
    }

    /// The group of queries from register `first` past positions `from..to`, each cell asking for `per` stretches.
    ///
    /// # Safety
    /// There is a register of queries `first`, and positions `from..to`.
    unsafe fn group(self, per: usize, first: usize, from: usize, to: usize, ahead: Ahead<'_>) {
        // SAFETY: passed on; the invariants. The guard keeps what cannot be out of the program.
        unsafe {
            match per {
                2 => I::group::<E, P, 2>(self, first, from, to, ahead),
                3 if I::ROWS == 3 => I::group::<E, P, 3>(self, first, from, to, ahead),
                6 if I::ROWS == 6 => I::group::<E, P, 6>(self, first, from, to, ahead),
                _ => I::group::<E, P, 1>(self, first, from, to, ahead),
            }
        }
    }

    /// `M` registers of queries past positions `from..to`, `R` rows at a time, each cell asking for `PER` stretches.
    ///
    /// # Safety
    /// There are `M` registers of queries from `first`, and positions `from..to`.
    #[inline(always)]
    pub(super) unsafe fn strip<const M: usize, const R: usize, const PER: usize>(
        self,
        first: usize,
        from: usize,
        to: usize,
        ahead: Ahead<'_>,
    ) {
        const { assert!(R <= 8) }
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
            // Fewer than `R`: the guards keep shapes that cannot be out of the program.
            match to - at {
                1 if R > 1 => self.cell::<M, 1, 0>(first, at, []),
                2 if R > 2 => self.cell::<M, 2, 0>(first, at, []),
                3 if R > 3 => self.cell::<M, 3, 0>(first, at, []),
                4 if R > 4 => self.cell::<M, 4, 0>(first, at, []),
                5 if R > 5 => self.cell::<M, 5, 0>(first, at, []),
                6 if R > 6 => self.cell::<M, 6, 0>(first, at, []),
                7 if R > 7 => self.cell::<M, 7, 0>(first, at, []),
                _ => {}
            }
        }
    }

    /// The products of `M` registers of queries with the `R` rows from position `at`.
    ///
    /// # Safety
    /// As [`Job::strip`]; `at + R` positions at least.
    #[inline(always)]
    unsafe fn cell<const M: usize, const R: usize, const PER: usize>(
        self,
        first: usize,
        at: usize,
        ahead: [*const i8; PER],
    ) {
        // SAFETY: passed on.
        unsafe {
            let (q, x) = (self.query(first), self.rows::<R>(at));
            let sums = cell::products::<I, E, M, R, PER, _MM_HINT_T0>(q, x, self.stride, ahead);
            self.put(&sums, first, at);
        }
    }

    /// Adds up the lanes of every sum and writes the scores.
    ///
    /// # Safety
    /// As [`Job::cell`].
    #[inline(always)]
    unsafe fn put<const M: usize, const R: usize>(self, sums: &[[I::Lanes; R]; M], first: usize, at: usize) {
        let (n, first) = (self.pick.len(), first * I::SIDE);
        // SAFETY: queries from `first` and positions `at..at + R` exist, so does their place in `out`. What is written
        // beyond them lands on a position of the same query, whose turn comes after.
        unsafe { I::put(sums, (self.m - first).min(M * I::SIDE), self.out.add(first * n + at), n, n - at) }
    }

    /// # Safety
    /// There is a register of queries `first`.
    #[inline(always)]
    unsafe fn query(self, first: usize) -> *const f32 {
        // SAFETY: within `queries`.
        unsafe { self.queries.as_ptr().add(first * I::SIDE * self.stride) }
    }

    /// # Safety
    /// There are positions `at..at + R`.
    #[inline(always)]
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
