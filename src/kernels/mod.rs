//! Dot products: one definition, the same bits from every kernel, every shape and every path.
//!
//! ```text
//!            dim          padded(dim), a multiple of 16
//!   row   |x x x x x x … x 0 0 0|
//!   lane   0 1 2 3 4 5 6 7 0 1 2 3 …        lane l adds up elements l, l + 8, l + 16, …
//!
//!   acc_l = fma(a[8i + l], b[8i + l], acc_l)   for i = 0, 1, …, from +0.0       8 lanes
//!   t_l   = acc_l + acc_{l+4}                                                   4
//!   u_l   = t_l + t_{l+2}                                                       2
//!   dot   = u_0 + u_1                                                           1
//! ```
//!
//! Every product of the crate is this one, so a score never has to be computed again to be
//! compared, and no answer depends on how work was cut into tiles or threads. Tiles keep the
//! chain of each product whole: they gain by doing several products side by side.
//! `f16` rows are widened exactly and multiplied as `f32`.
//!
//! | file | responsibility |
//! |---|---|
//! | `view.rs` | [`Rows`], [`Row`]: checked, borrowed, padded rows of `f32` or `f16` |
//! | `block.rs` | [`Block`]: owned, aligned, padded `f32` rows; a reusable buffer |
//! | `operand.rs` | what kernels are generic over: element types, picks of rows |
//! | `scalar.rs` | the definition above, word for word: the oracle |
//! | `code_dots.rs` | 16-bit weights with rows of 8-bit codes; prefetching |
//! | `skim.rs` | which scores reach a bar |
//! | `x86/` | AVX2 and AVX-512: register tiles, prefetch, cache blocking |
//! | `tests.rs` | every kernel against the oracle, bit for bit |
//!
//! A kernel for another instruction set joins as a file in `x86/`, or a folder beside it, and a
//! variant of `Backend`; none is here that was never run.

mod block;
mod code_dots;
mod operand;
mod scalar;
mod skim;
#[cfg(test)]
mod tests;
mod view;
#[cfg(target_arch = "x86_64")]
mod x86;

pub use block::Block;
pub use code_dots::{CODE_PAD, CodeRows, code_dots, code_dots_at, padded_codes, prefetch};
pub use skim::skim;
pub use view::{Elements, Row, Rows};

use operand::{Contiguous, Element, Pick};
use std::ffi::OsStr;
use std::sync::OnceLock;

/// Rows are padded with zeros to a multiple of this many elements (64 bytes of `f32`).
pub const PAD: usize = 16;

/// The elements that a row of `dim` takes up: `dim` rounded up to a multiple of [`PAD`].
pub const fn padded(dim: usize) -> usize {
    dim.next_multiple_of(PAD)
}

/// Vectors whose shape is not what was announced.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A vector without elements.
    #[error("vectors of width 0 cannot be compared: a modality needs at least one column")]
    NoWidth,
    /// A buffer that does not hold whole rows.
    #[error(
        "{got} elements are no whole number of rows of {stride} (width {dim} padded to a multiple of {PAD}): \
         the matrix is cut off, or its width is not {dim}"
    )]
    RaggedRows {
        /// Elements given.
        got: usize,
        /// Elements per padded row.
        stride: usize,
        /// Elements per row.
        dim: usize,
    },
    /// More rows than a `u32` counts.
    #[error("{got} rows in one matrix, at most {} can be addressed: split the corpus", u32::MAX)]
    TooManyRows {
        /// Rows given.
        got: usize,
    },
    /// A vector of another width.
    #[error("a vector of width {got} where width {expected} is needed: was it made by another encoder?")]
    Width {
        /// Elements per row here.
        expected: usize,
        /// Elements given.
        got: usize,
    },
}

/// The dot-product kernels of one instruction set. All give the same bits.
#[derive(Debug, Clone, Copy)]
pub struct Kernels {
    backend: Backend,
}

#[derive(Debug, Clone, Copy)]
enum Backend {
    Scalar,
    #[cfg(target_arch = "x86_64")]
    Avx2(x86::Avx2),
    #[cfg(target_arch = "x86_64")]
    Avx512(x86::Avx512),
}

impl Kernels {
    /// The fastest kernels this CPU runs, found once. The environment variable
    /// `MISPAIR_KERNELS`, read at the same time, may name others of [`Kernels::all`], for
    /// comparison: the answers are the same, only slower. Any other value changes nothing.
    pub fn best() -> Kernels {
        static BEST: OnceLock<Kernels> = OnceLock::new();
        *BEST.get_or_init(|| Kernels::wished(std::env::var_os("MISPAIR_KERNELS").as_deref()))
    }

    fn wished(name: Option<&OsStr>) -> Kernels {
        let all = Kernels::all();
        let wished = all.iter().find(|kernels| name.is_some_and(|name| name == kernels.name()));
        wished.or(all.last()).copied().unwrap_or(Kernels::scalar())
    }

    /// All kernels that this CPU runs, the slowest first.
    pub fn all() -> Vec<Kernels> {
        #[cfg_attr(not(target_arch = "x86_64"), allow(unused_mut))]
        let mut all = vec![Kernels::scalar()];
        #[cfg(target_arch = "x86_64")]
        {
            all.extend(x86::Avx2::detect().map(|avx2| Kernels { backend: Backend::Avx2(avx2) }));
            all.extend(x86::Avx512::detect().map(|avx512| Kernels { backend: Backend::Avx512(avx512) }));
        }
        all
    }

    /// The same kernels, going the other way past rows in main memory.
    #[cfg(test)]
    fn otherwise(self) -> Kernels {
        let backend = match self.backend {
            Backend::Scalar => Backend::Scalar,
            #[cfg(target_arch = "x86_64")]
            Backend::Avx2(avx2) => Backend::Avx2(avx2.otherwise()),
            #[cfg(target_arch = "x86_64")]
            Backend::Avx512(avx512) => Backend::Avx512(avx512.otherwise()),
        };
        Kernels { backend }
    }

    /// The plain kernels: the definition of the dot product, written down.
    pub fn scalar() -> Kernels {
        Kernels { backend: Backend::Scalar }
    }

    /// `scalar`, `avx2` or `avx512`.
    pub fn name(self) -> &'static str {
        match self.backend {
            Backend::Scalar => "scalar",
            #[cfg(target_arch = "x86_64")]
            Backend::Avx2(_) => "avx2",
            #[cfg(target_arch = "x86_64")]
            Backend::Avx512(_) => "avx512",
        }
    }

    /// As [`dot`].
    ///
    /// # Panics
    /// As [`dot`].
    #[inline]
    pub fn dot(self, a: &[f32], b: &[f32]) -> f32 {
        assert!(a.len() == b.len() && a.len().is_multiple_of(PAD), "dot takes two padded rows of one width");
        match self.backend {
            Backend::Scalar => scalar::dot(a, b),
            #[cfg(target_arch = "x86_64")]
            Backend::Avx2(avx2) => avx2.dot(a, b),
            #[cfg(target_arch = "x86_64")]
            Backend::Avx512(avx512) => avx512.dot(a, b),
        }
    }

    /// As [`dots`].
    ///
    /// # Panics
    /// As [`dots`].
    pub fn dots(self, queries: &[f32], rows: Rows<'_>, out: &mut [f32]) {
        self.run(queries, rows, Contiguous(rows.len()), out);
    }

    /// As [`dots_at`].
    ///
    /// # Panics
    /// As [`dots_at`].
    pub fn dots_at(self, queries: &[f32], rows: Rows<'_>, at: &[u32], out: &mut [f32]) {
        self.run(queries, rows, at, out);
    }

    /// As [`code_dots`].
    ///
    /// # Panics
    /// As [`code_dots`].
    pub fn code_dots(self, weights: &[i16], rows: CodeRows<'_>, out: &mut [i32]) {
        let stride = rows.stride();
        assert!(weights.len().is_multiple_of(stride), "queries are not padded as the codes are");
        assert_eq!(out.len(), weights.len() / stride * rows.len(), "one product per query and row");
        match self.backend {
            Backend::Scalar => {
                code_dots::scalar_all(weights, stride, (0..rows.len()).map(|r| rows.row(r)), out);
            }
            #[cfg(target_arch = "x86_64")]
            Backend::Avx2(avx2) => avx2.code_dots(weights, rows, out),
            #[cfg(target_arch = "x86_64")]
            Backend::Avx512(avx512) => avx512.code_dots(weights, rows, out),
        }
    }

    /// As [`code_dots_at`].
    ///
    /// # Panics
    /// As [`code_dots_at`].
    #[inline]
    pub fn code_dots_at(self, weights: &[i16], rows: CodeRows<'_>, at: &[u32], out: &mut [i32]) {
        let stride = rows.stride();
        assert!(weights.len().is_multiple_of(stride), "queries are not padded as the codes are");
        assert_eq!(out.len(), weights.len() / stride * at.len(), "one product per query and row");
        match self.backend {
            Backend::Scalar => {
                code_dots::scalar_all(weights, stride, at.iter().map(|&r| rows.row(r as usize)), out);
            }
            #[cfg(target_arch = "x86_64")]
            Backend::Avx2(avx2) => avx2.code_dots_at(weights, rows, at, out),
            #[cfg(target_arch = "x86_64")]
            Backend::Avx512(avx512) => avx512.code_dots_at(weights, rows, at, out),
        }
    }

    fn run(self, queries: &[f32], rows: Rows<'_>, pick: impl Pick, out: &mut [f32]) {
        let stride = rows.stride();
        assert!(queries.len().is_multiple_of(stride), "queries are not padded as the rows are");
        assert_eq!(out.len(), queries.len() / stride * pick.len(), "one score per query and row");
        assert!(pick.end() <= rows.len(), "a row past the end of the matrix");
        match rows.elements() {
            Elements::F32(x) => self.run_on(queries, x, stride, pick, out),
            Elements::F16(x) => self.run_on(queries, x, stride, pick, out),
        }
    }

    fn run_on<E: Element>(self, queries: &[f32], x: &[E], stride: usize, pick: impl Pick, out: &mut [f32]) {
        match self.backend {
            Backend::Scalar => scalar::dots(queries, x, stride, pick, out),
            #[cfg(target_arch = "x86_64")]
            Backend::Avx2(avx2) => avx2.dots(queries, x, stride, pick, out),
            #[cfg(target_arch = "x86_64")]
            Backend::Avx512(avx512) => avx512.dots(queries, x, stride, pick, out),
        }
    }
}

/// The dot product of two rows of one width, both padded.
///
/// # Panics
/// If the lengths differ or are no multiple of [`PAD`].
#[inline]
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    Kernels::best().dot(a, b)
}

/// The dot products of every query with every row: `out[q * rows.len() + r]`.
///
/// `queries`: m × [`Rows::stride`], one or many padded rows one after the other. Up to 32
/// queries are carried past the rows together, which are read once and may come from main
/// memory; for more, blocks of rows that fit the second-level cache are gone over again
/// and again.
///
/// # Panics
/// If `queries` is no whole number of padded rows, or `out` is not m × n.
pub fn dots(queries: &[f32], rows: Rows<'_>, out: &mut [f32]) {
    Kernels::best().dots(queries, rows, out);
}

/// The dot products of every query with the rows `at`: `out[q * at.len() + i]` belongs to row
/// `at[i]`. Rows may stand in any sequence and more than once; they are prefetched.
///
/// # Panics
/// As [`dots`]; and if a row is not below `rows.len()`.
pub fn dots_at(queries: &[f32], rows: Rows<'_>, at: &[u32], out: &mut [f32]) {
    Kernels::best().dots_at(queries, rows, at, out);
}

/// The kernels in use: `scalar`, `avx2` or `avx512`.
pub fn backend_name() -> &'static str {
    Kernels::best().name()
}
