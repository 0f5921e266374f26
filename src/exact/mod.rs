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
//! | `scan.rs` | the full scan: cutting work for threads, the block loop |
//! | `pruned.rs` | the scan that reads one-byte codes first, and few rows |
//! | `tests.rs` | against sorting everything |
//!
//! Unit rows make the dot product a cosine; the engine knows dot products only.

mod pool;
mod pruned;
mod scan;
#[cfg(test)]
mod tests;

pub use pool::Pool;

use crate::codes::Codes;
use crate::kernels::{Block, Rows};
use crate::words::{Order, Scored};
use pruned::Among;

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
    /// The codes are not the matrix's.
    #[error(
        "codes of {got:?} (rows, width) beside a matrix of {expected:?}: the two come from different builds; rebuild"
    )]
    Codes {
        /// Rows and width of the matrix.
        expected: (usize, usize),
        /// Rows and width of the codes.
        got: (usize, usize),
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
    /// Rows whose codes were looked at, each time. 0 for a full scan.
    pub bounded: u64,
    /// Scores computed. In a full scan queries × rows of the pool; beside codes only what the bounds left.
    pub scored: u64,
    /// Calls of the predicate. In a full scan it depends on how many threads shared the work; answers do not.
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
    codes: Option<&'a Codes>,
}

impl<'a> Exact<'a> {
    /// Matrix row i holds the vector of catalog row `catalog_rows[i]`, strictly ascending. That is not checked here, where it
    /// would cost as much as a search in a short list, but by `Matrix::verify`: in a map that goes back, rows of a pool are
    /// missed, nothing else.
    ///
    /// # Errors
    /// [`Error::MapLength`].
    pub fn new(rows: Rows<'a>, catalog_rows: &'a [u32]) -> Result<Exact<'a>, Error> {
        if rows.len() != catalog_rows.len() {
            return Err(Error::MapLength { expected: rows.len(), got: catalog_rows.len() });
        }
        Ok(Exact { rows, catalog_rows, codes: None })
    }

    /// Reads the codes of these rows first, where that is faster. Answers stay the same, bit for bit. (Beside codes that are not
    /// those of the rows, a damaged file's, they may be wrong; `Codes::verify` tells.)
    ///
    /// # Errors
    /// [`Error::Codes`].
    pub fn with_codes(self, codes: Option<&'a Codes>) -> Result<Exact<'a>, Error> {
        let expected = (self.rows.len(), self.rows.dim());
        match codes.map(|codes| (codes.len(), codes.dim())).filter(|&got| got != expected) {
            Some(got) => Err(Error::Codes { expected, got }),
            None => Ok(Exact { codes, ..self }),
        }
    }

    /// For every query the `k` rows of `pool` that come first in `order` (score, then lower
    /// catalog row) among those that `accept(query, scored)` lets through.
    ///
    /// Runs in the current rayon pool; the answer is the same at any number of threads. The
    /// predicate must depend on its arguments only. It is asked about a row at most once per
    /// query, and only when the row would enter the best k known to the thread that asks.
    /// Rows of the pool without a vector are passed over.
    ///
    /// Beside the answers a full scan takes at most 512 KiB per thread, and 12 k bytes per thread and query of at most 1,024
    /// queries at a time; with codes, 4 bytes per row and query of at most 8 queries at a time.
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
        let wanted = scan::Wanted { k, order, accept: &accept };
        if let (Some(codes), Pool::Set(set)) = (self.codes, pool)
            && pruned::looks_at_all(set.count(), codes.len())
            && pruned::pays(queries.len(), set.count(), codes.len(), k)
        {
            return Ok(pruned::run(self, codes, queries, Among::Most(set), wanted));
        }
        let at = pool.matrix_rows(self.catalog_rows)?;
        let rows = at.as_ref().map_or(self.rows.len(), Vec::len);
        match self.codes {
            Some(codes) if pruned::pays(queries.len(), rows, codes.len(), k) => {
                let among = at.as_deref().map_or(Among::All, Among::Rows);
                Ok(pruned::run(self, codes, queries, among, wanted))
            }
            _ => Ok(scan::run(self, queries, at.as_deref(), wanted)),
        }
    }
}
