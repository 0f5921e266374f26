//! The best rows of one modality for one query: a walk through its graph, a scan, or one after the other.

use super::plan::{accepted_ef, scan_cost, walk_cost};
use super::{Candidates, Engine, Sight, Strategy, then};
use crate::exact::{Error, Exact, Pool};
use crate::graph::Effort;
use crate::index::Modality;
use crate::kernels::Block;
use crate::matrix::Metric;
use crate::words::{Order, Row, Scored};

/// What is wanted of a query.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'e> {
    /// How many: at least 1.
    pub k: usize,
    /// Which scores come first.
    pub order: Order,
    /// Only these samples; `None`: all that have a vector.
    pub among: Option<Candidates<'e>>,
    /// By this engine.
    pub engine: Engine,
    /// How closely a walk looks.
    pub sight: Sight,
    /// The share of these samples that the predicate takes, as far as is known beforehand: 1 if nothing is. It decides how a walk
    /// is planned, never what is right.
    pub likely: f64,
}

/// What was found, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct Ranked {
    /// The best first; fewer than k only where fewer exist.
    pub best: Vec<Scored>,
    /// How.
    pub strategy: Strategy,
    /// Why so.
    pub reason: String,
    /// Rows looked at, by their codes or their scores.
    pub visited: u64,
    /// Rows whose score was computed.
    pub scored: u64,
}

impl Ranked {
    /// It was found after `before`, which asked for fewer: the work of both, and both reasons.
    pub fn follows(&mut self, before: &Ranked) {
        self.visited += before.visited;
        self.scored += before.scored;
        self.reason = then(&before.reason, before.strategy, &self.reason, self.strategy);
    }
}

/// Why no graph serves this order; `None` where one does.
pub(super) fn no_graph(modality: &Modality, order: Order) -> Option<&'static str> {
    match () {
        () if order == Order::Lowest => Some("the lowest scores are wanted, and a graph leads to the highest"),
        () if modality.matrix.metric() == Metric::Dot => {
            Some("scores are dot products of vectors of any length, which a graph cannot serve")
        }
        () if modality.graph.is_none() => Some("the index has no graph of this modality"),
        () => None,
    }
}

impl Asked<'_> {
    pub(super) fn count(&self, modality: &Modality) -> u64 {
        self.among.map_or(modality.matrix.len() as u64, |a| a.count)
    }

    /// Why a walk is not even begun; else how many rows it is to find, and how many it may visit.
    pub(super) fn plan(&self, modality: &Modality) -> Result<Effort, String> {
        if self.engine == Engine::Exact {
            return Err("an exact answer was asked for".to_owned());
        }
        let graph = match (no_graph(modality, self.order), &modality.graph) {
            (None, Some(graph)) => graph,
            (why, _) => return Err(why.unwrap_or_default().to_owned()),
        };
        let count = self.count(modality);
        let share = count as f64 * self.likely / modality.matrix.len().max(1) as f64;
        let ef = accepted_ef(self.k, self.sight.ef(graph), share);
        if self.engine == Engine::Graph {
            return Ok(Effort { k: self.k, ef, budget: u64::MAX });
        }
        let (walk, scan) = (walk_cost(graph, ef, share), scan_cost(count));
        if walk > scan {
            // Wide beams are judged by measured ones, which knows no end; a walk has one.
            let (ef, walk) = ((ef as u64).min(count), walk.min(modality.matrix.len() as u64));
            return Err(format!(
                "{:.4}% of the rows may be taken: a walk to {ef} of them would visit about {walk} rows, and a scan costs as much \
                 as visiting {scan}",
                share * 100.0
            ));
        }
        Ok(Effort { k: self.k, ef, budget: scan })
    }
}

/// The best rows that `accept` takes. `query` is padded as rows are. `accept` must depend on the row alone.
///
/// # Errors
/// A query of another width.
pub fn ranked(
    modality: &Modality,
    query: &[f32],
    asked: Asked<'_>,
    accept: impl Fn(Row) -> bool + Sync,
) -> Result<Ranked, Error> {
    let (mut walked, mut reason) = (None, String::new());
    match (asked.plan(modality), modality.navigator()) {
        (Ok(effort), Some(navigator)) => {
            let found = match asked.among {
                Some(among) => navigator.top_k_where(query, effort, |row| among.rows.contains(row) && accept(row)),
                None => navigator.top_k_where(query, effort, &accept),
            };
            if let Ok(found) = found {
                if found.finished && found.best.len() == asked.k {
                    return Ok(Ranked {
                        best: found.best,
                        strategy: Strategy::Graph,
                        reason: format!("a walk to the nearest {} that may be taken", effort.ef),
                        visited: found.counters.visited,
                        scored: found.counters.scored,
                    });
                }
                reason = match found.finished {
                    false => format!(
                        "a walk had visited {} rows without ending: as much as a scan costs",
                        found.counters.visited
                    ),
                    true => format!("a walk found only {}, and a scan makes sure", found.best.len()),
                };
                walked = Some(found.counters);
            }
        }
        (Err(why), _) => reason = why,
        (Ok(_), None) => {}
    }
    let matrix = &modality.matrix;
    let width = |_| Error::Width { expected: matrix.stride(), got: query.len() };
    let mut queries = Block::with_capacity(matrix.dim(), 1).map_err(width)?;
    queries.push(query.get(..matrix.dim()).unwrap_or(query)).map_err(width)?;
    let exact = Exact::new(matrix.rows(), matrix.catalog_rows())?.with_codes(modality.codes.as_ref())?;
    let pool = asked.among.map_or(Pool::All, |a| Pool::Set(a.rows));
    let mut found = exact.top_k(&queries, asked.k, asked.order, pool, |_, s| accept(s.row))?;
    Ok(Ranked {
        best: found.best.pop().unwrap_or_default(),
        strategy: if walked.is_some() { Strategy::GraphThenScan } else { Strategy::ExactScan },
        reason,
        visited: walked.map_or(0, |w| w.visited) + asked.count(modality),
        scored: walked.map_or(0, |w| w.scored) + found.counters.scored,
    })
}
