//! Searching a mapped graph: by codes, then by the rows themselves.

use super::Error;
use super::beam::{Reached, Scratch};
use super::file::{Graph, same_width};
use crate::codes::Codes;
use crate::kernels::{Rows, dots_at, padded};
use crate::words::{Order, Row, Scored, TopK};
use std::cell::Cell;

/// A graph with what it was built over.
#[derive(Debug, Clone, Copy)]
pub struct Navigator<'a> {
    graph: &'a Graph,
    codes: &'a Codes,
    rows: Rows<'a>,
    catalog_rows: &'a [u32],
}

/// How closely to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Effort {
    /// Results.
    pub k: usize,
    /// Rows kept in sight while walking: at least k. More find more, and cost more.
    pub ef: usize,
    /// Rows to look at before giving up; for filtered walks.
    pub budget: u64,
}

/// What a walk did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Rows whose codes were looked at.
    pub visited: u64,
    /// Rows whose score was computed.
    pub scored: u64,
    /// Calls of the predicate.
    pub tested: u64,
}

/// An answer of a graph.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// The best first, with the scores of a full scan.
    pub best: Vec<Scored>,
    /// What it took.
    pub counters: Counters,
    /// The walk ended of itself. If not, its budget was spent first: a scan is cheaper.
    pub finished: bool,
}

thread_local! {
    /// One a thread: some hundred kilobytes for a million rows.
    static SCRATCH: Cell<Scratch> = Cell::default();
}

/// Runs with this thread's scratch; a call within a call has a fresh one.
fn with_scratch<T>(f: impl FnOnce(&mut Scratch) -> T) -> T {
    let mut scratch = SCRATCH.take();
    let result = f(&mut scratch);
    SCRATCH.set(scratch);
    result
}

impl<'a> Navigator<'a> {
    /// Matrix row i holds the vector of catalog row `catalog_rows[i]`; graph and codes were built from these rows.
    pub fn new(graph: &'a Graph, codes: &'a Codes, rows: Rows<'a>, catalog_rows: &'a [u32]) -> Navigator<'a> {
        Navigator { graph, codes, rows, catalog_rows }
    }

    /// The rows nearest to a query, which is padded as rows are; the greatest dot product first. At most k, and all of them
    /// only probably the true ones.
    ///
    /// # Errors
    /// [`Error::Width`].
    pub fn top_k(&self, query: &[f32], effort: Effort) -> Result<Found, Error> {
        same_width(padded(self.rows.dim()), query.len())?;
        let weights = self.codes.query(&query[..self.rows.dim()]);
        Ok(with_scratch(|scratch| {
            let Some((entry, climbed)) = self.graph.descend(self.codes.rows(), weights.weights(), scratch) else {
                return Found { best: Vec::new(), counters: Counters::default(), finished: true };
            };
            let Some(layer) = self.graph.layer(0, self.codes.rows()) else {
                return Found { best: Vec::new(), counters: Counters::default(), finished: true };
            };
            let visited = climbed + layer.beam(weights.weights(), entry, effort.ef.max(effort.k), scratch);
            let counters = Counters { visited, ..Counters::default() };
            self.rescore(query, effort.k, &scratch.beam, counters, true)
        }))
    }

    /// As [`Navigator::top_k`], among the rows that `accept` takes; the others are walked through. `accept` is asked about a
    /// row at most once, and only when the row would be kept in sight.
    ///
    /// # Errors
    /// [`Error::Width`].
    pub fn top_k_where(
        &self,
        query: &[f32],
        effort: Effort,
        mut accept: impl FnMut(Row) -> bool,
    ) -> Result<Found, Error> {
        same_width(padded(self.rows.dim()), query.len())?;
        let weights = self.codes.query(&query[..self.rows.dim()]);
        Ok(with_scratch(|scratch| {
            let nothing = Found { best: Vec::new(), counters: Counters::default(), finished: true };
            let Some((entry, climbed)) = self.graph.descend(self.codes.rows(), weights.weights(), scratch) else {
                return nothing;
            };
            let Some(layer) = self.graph.layer(0, self.codes.rows()) else { return nothing };
            let mut tested = 0;
            let taken = |reached: Reached| {
                tested += 1;
                self.row(reached.node()).is_some_and(|(_, row)| accept(row))
            };
            let ef = effort.ef.max(effort.k);
            let (walked, finished) = layer.filtered(weights.weights(), entry, ef, effort.budget, taken, scratch);
            let counters = Counters { visited: climbed + walked, scored: 0, tested };
            self.rescore(query, effort.k, &scratch.beam, counters, finished)
        }))
    }

    /// A slot's matrix row and catalog row; `None` where a damaged file names rows that are not there.
    #[inline]
    fn row(&self, slot: u32) -> Option<(u32, Row)> {
        let at = *self.codes.rows_of_slots().get(slot as usize)?;
        Some((at, Row(*self.catalog_rows.get(at as usize)?)))
    }

    /// Codes order rows nearly right: the best of them, and as many again, are scored as a scan would.
    fn rescore(&self, query: &[f32], k: usize, beam: &[Reached], counters: Counters, finished: bool) -> Found {
        let likely = beam.iter().take((2 * k).max(k + 22));
        let rows: Vec<(u32, Row)> =
            likely.filter_map(|r| self.row(r.node())).filter(|r| (r.0 as usize) < self.rows.len()).collect();
        let at: Vec<u32> = rows.iter().map(|r| r.0).collect();
        let mut scores = vec![0.0; at.len()];
        dots_at(query, self.rows, &at, &mut scores);
        let mut top = TopK::new(k, Order::Highest);
        for (&(_, row), &score) in rows.iter().zip(&scores) {
            top.push(Scored { score, row });
        }
        Found { best: top.into_sorted(), counters: Counters { scored: at.len() as u64, ..counters }, finished }
    }
}
