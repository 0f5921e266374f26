//! Exact search: the ground truth of everything else.
//!
//! ```text
//!   queries ─┐                       rows of one matrix, or those of a pool
//!            │      ┌──────────────┬──────────────┬───┬──────────────┐
//!            └────▶ │ block        │ block        │ … │ block        │  kernels::dots(_at)
//!                   └──────┬───────┴──────────────┴───┴──────────────┘
//!                          ▼ scores of one block
//!                   skim: at or above the running k-th score?   (nearly all end here)
//!                          ▼
//!                   tie by row, then `accept`, tested last and only here
//!                          ▼
//!                   TopK per query and span of rows ── merged ──▶ answer
//! ```
//!
//! | file | responsibility |
//! |---|---|
//! | `mod.rs` | [`Exact`], what is asked and answered |
//! | `pool.rs` | [`Pool`]: which rows may be found; catalog rows ↔ matrix rows |
//! | `scan.rs` | cutting work for threads, the block loop |
//! | `tests.rs` | against sorting everything |
//!
//! Unit rows make the dot product a cosine; the engine knows dot products only.

mod pool;
mod scan;
#[cfg(test)]
mod tests;

pub use pool::Pool;

use crate::kernels::{Block, Rows};
use crate::words::{Order, Scored};

/// Why a search was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The two sides have different widths.
    #[error("queries of width {got} against a matrix of width {expected}: was the query made by another encoder?")]
    Width {
        /// Elements per row of the matrix.
        expected: usize,
        /// Elements per query.
        got: usize,
    },
    /// The map of rows is not the matrix's.
    #[error(
        "a matrix of {expected} rows beside the catalog rows of {got}: the two come from different builds; rebuild"
    )]
    MapLength {
        /// Rows of the matrix.
        expected: usize,
        /// Entries of the map.
        got: usize,
    },
    /// The map of rows goes back.
    #[error("matrix row {at} stands for catalog row {row}, not above the row before it: the index is damaged; rebuild")]
    MapOrder {
        /// The matrix row.
        at: usize,
        /// Its catalog row.
        row: u32,
    },
    /// A posting list goes back.
    #[error("entry {at} of a list of candidate rows is row {row}, not above the entry before it: sort and deduplicate")]
    ListOrder {
        /// The entry.
        at: usize,
        /// The row it names.
        row: u32,
    },
}

/// What a search did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Scores computed: queries × rows of the pool.
    pub scored: u64,
    /// Calls of the predicate. Depends on how many threads shared the work; answers do not.
    pub tested: u64,
}

/// The answers to a batch of queries.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// Per query the best accepted rows, the best first; fewer than k only where fewer exist.
    pub best: Vec<Vec<Scored>>,
    /// What it took.
    pub counters: Counters,
}

/// Exact search over one matrix.
#[derive(Debug, Clone, Copy)]
pub struct Exact<'a> {
    rows: Rows<'a>,
    catalog_rows: &'a [u32],
}

impl<'a> Exact<'a> {
    /// Matrix row i holds the vector of catalog row `catalog_rows[i]`, strictly ascending.
    ///
    /// # Errors
    /// [`Error::MapLength`], [`Error::MapOrder`].
    pub fn new(rows: Rows<'a>, catalog_rows: &'a [u32]) -> Result<Exact<'a>, Error> {
        if rows.len() != catalog_rows.len() {
            return Err(Error::MapLength { expected: rows.len(), got: catalog_rows.len() });
        }
        if let Some(i) = catalog_rows.windows(2).position(|w| w[0] >= w[1]) {
            return Err(Error::MapOrder { at: i + 1, row: catalog_rows[i + 1] });
        }
        Ok(Exact { rows, catalog_rows })
    }

    /// For every query the `k` rows of `pool` that come first in `order` (score, then lower
    /// catalog row) among those that `accept(query, scored)` lets through.
    ///
    /// Runs in the current rayon pool; the answer is the same at any number of threads. The
    /// predicate must depend on its arguments only. It is asked about a row at most once per
    /// query, and only when the row would enter the best k known to the thread that asks.
    /// Rows of the pool without a vector are passed over.
    ///
    /// Beside the answers it takes at most 512 KiB per thread, and 12 k bytes per thread and query
    /// of at most 1,024 queries at a time.
    ///
    /// # Errors
    /// [`Error::Width`], [`Error::ListOrder`].
    pub fn top_k(
        &self,
        queries: &Block,
        k: usize,
        order: Order,
        pool: Pool<'_>,
        accept: impl Fn(usize, Scored) -> bool + Sync,
    ) -> Result<Found, Error> {
        if queries.dim() != self.rows.dim() {
            return Err(Error::Width { expected: self.rows.dim(), got: queries.dim() });
        }
        let at = pool.matrix_rows(self.catalog_rows)?;
        Ok(scan::run(self, queries, at.as_deref(), scan::Wanted { k, order, accept: &accept }))
    }
}
