//! x86-64: AVX2 + FMA + F16C, and AVX-512 where it is faster. One order of work and one tile, generic over the registers.
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
//! registers; spilling halves the speed.) A register of 512 bits carries the same 8 elements
//! of two queries side by side, so that no product's lanes change:
//!
//! ```text
//!                     6 rows
//!                  x0x0 x1x1 … x5x5      8 elements of a row, twice: one broadcasting load
//!           q0q1 |  ·    ·       ·  |
//!  8        q2q3 |  ·    ·       ·  |    24 accumulators of 2 × 8 lanes
//!  queries  q4q5 |  ·    ·       ·  |
//!           q6q7 |  ·    ·       ·  |    queries are interleaved once per call: one load for two
//! ```
//!
//! [`Isa::put`] then adds up the lanes of eight
//! accumulators at once. A tile is a [`cell`]; a strip of cells is one group of queries going
//! past a block of rows; [`Job`] orders strips so that a block of rows is read from
//! main memory once, while the block after it is prefetched, a few lines per step, hidden
//! behind the arithmetic. (Without prefetch 8 queries past 400 MB of rows took 50 ms, with it
//! 27 ms: the hardware does not follow three rows at a time across pages.)
//!
//! | file | responsibility |
//! |---|---|
//! | `mod.rs` | what is asked of an instruction set |
//! | `job.rs` | the order in which queries and rows meet: caches, main memory, prefetching |
//! | `cell.rs` | one tile: the loop of multiply-adds |
//! | `codes.rs` | weights with rows of 8-bit codes |
//! | `avx2.rs` | registers of 256 bits |
//! | `avx512.rs` | registers of 512 bits, for what they make faster |

mod avx2;
mod avx512;
mod cell;
mod codes;
mod job;

use super::operand::{Element, Pick};
use job::Job;

pub(super) use avx2::Avx2;
pub(super) use avx512::Avx512;

/// An instruction set, and the proof that the CPU has it: what tiles are generic over.
///
/// Functions that are generic over registers, and closures in them, cannot `enable` instructions themselves: they are inlined
/// into [`Isa::strip`], [`Isa::stream`] and [`Isa::code_products`], which do.
///
/// # Safety
/// of every function: the CPU has the instructions.
trait Isa: Copy {
    /// Eight lanes for each of [`Isa::SIDE`] queries.
    type Lanes: Copy;
    /// Queries side by side in a register.
    const SIDE: usize;
    /// Rows of the tile for a full group of queries.
    const ROWS: usize;
    /// Registers of queries in a full group.
    const GROUP: usize;
    /// Stretches of memory that a cell asks for where few queries go past rows in one, two and more groups.
    const ASKS: [usize; 3];

    /// Is memory read fastest one row at a time?
    fn streams(self) -> bool;

    unsafe fn zero() -> Self::Lanes;

    /// # Safety
    /// Eight elements of each query, interleaved, at `from`.
    unsafe fn queries(from: *const f32) -> Self::Lanes;

    /// Eight elements of a row, once for each query.
    ///
    /// # Safety
    /// Eight elements at `from`.
    unsafe fn row<E: Element>(from: *const E) -> Self::Lanes;

    /// `a * b + sum`, rounded once.
    unsafe fn multiply_add(a: Self::Lanes, b: Self::Lanes, sum: Self::Lanes) -> Self::Lanes;

    /// Adds up the lanes of every sum, in the tree order of the definition, and writes the scores: those of the
    /// `i`-th of `queries` queries go to `out[i * n..][..R]`, or to the first `room` places there, if that is more.
    ///
    /// # Safety
    /// These places exist.
    unsafe fn put<const M: usize, const R: usize>(
        sums: &[[Self::Lanes; R]; M],
        queries: usize,
        out: *mut f32,
        n: usize,
        room: usize,
    );

    /// [`Isa::strip`] of the tile that suits the queries from `first`, at most [`Isa::GROUP`] registers.
    ///
    /// # Safety
    /// As [`Job::strip`].
    unsafe fn group<E: Element, P: Pick, const PER: usize>(
        job: Job<'_, Self, E, P>,
        first: usize,
        from: usize,
        to: usize,
        ahead: &[*const i8],
    );

    /// # Safety
    /// As [`Job::strip`].
    unsafe fn strip<E: Element, P: Pick, const M: usize, const R: usize, const PER: usize>(
        job: Job<'_, Self, E, P>,
        first: usize,
        from: usize,
        to: usize,
        ahead: &[*const i8],
    );

    /// # Safety
    /// As [`Job::stream`].
    unsafe fn stream<E: Element, P: Pick, const M: usize>(job: Job<'_, Self, E, P>);

    /// Sums of products of weights and codes.
    type Sums: Copy;
    /// Codes that a register takes, widened.
    const CODES: usize;
    /// Are two rows of codes gone over side by side?
    const CODE_PAIRS: bool;

    unsafe fn no_sums() -> Self::Sums;

    /// # Safety
    /// [`Isa::CODES`] codes at `from`.
    unsafe fn widened(from: *const i8) -> Self::Sums;

    /// # Safety
    /// [`Isa::CODES`] weights at `from`.
    unsafe fn weights(from: *const i16) -> Self::Sums;

    /// Adds products of pairs, modulo 2³².
    unsafe fn add_products(sums: Self::Sums, codes: Self::Sums, weights: Self::Sums) -> Self::Sums;

    /// All sums of a register, modulo 2³².
    unsafe fn total(sums: Self::Sums) -> i32;

    /// # Safety
    /// As [`codes::products`].
    unsafe fn code_products<const M: usize, const R: usize>(
        weights: [*const i16; M],
        rows: [*const i8; R],
        n: usize,
    ) -> [[i32; R]; M];
}

/// The functions of [`Isa`] that `enable` the instructions, for those of one set.
macro_rules! enabling {
    ($instructions:literal) => {
        #[target_feature(enable = $instructions)]
        unsafe fn strip<E: Element, P: Pick, const M: usize, const R: usize, const PER: usize>(
            job: Job<'_, Self, E, P>,
            first: usize,
            from: usize,
            to: usize,
            ahead: &[*const i8],
        ) {
            // SAFETY: passed on.
            unsafe { job.strip::<M, R, PER>(first, from, to, ahead) }
        }

        #[target_feature(enable = $instructions)]
        unsafe fn stream<E: Element, P: Pick, const M: usize>(job: Job<'_, Self, E, P>) {
            // SAFETY: passed on.
            unsafe { job.stream::<M>() }
        }

        #[target_feature(enable = $instructions)]
        unsafe fn code_products<const M: usize, const R: usize>(
            weights: [*const i16; M],
            rows: [*const i8; R],
            n: usize,
        ) -> [[i32; R]; M] {
            // SAFETY: passed on.
            unsafe { codes::products::<Self, M, R>(weights, rows, n) }
        }
    };
}
use enabling;
