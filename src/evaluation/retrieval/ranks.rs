//! At which place the first right one comes: by scan, and by graph.

use super::{Direction, Error, Pool, Space};
use crate::kernels::{Block, dots_at};
use crate::retrieve::{self, Asked, Engine};
use crate::words::{Order, Row, Scored};
use rayon::prelude::*;
use std::collections::HashSet;

/// Queries that are ranked together.
const TOGETHER: usize = 32;
/// Candidates that are scored at a time.
const AT_A_TIME: usize = 8192;

/// For every query of the pool the place, from 1, of the best placed of those that belong to it, among the pool's candidates.
/// Every query of a [`Pool`] has one.
///
/// # Errors
/// [`Error::Search`]: a damaged index.
pub fn ranks(space: &Space<'_>, direction: Direction, pool: &Pool) -> Result<Vec<u64>, Error> {
    let (from, to) = space.side(direction);
    let mut inside = vec![false; to.at.len()];
    pool.candidates.iter().for_each(|&c| inside[c as usize] = true);
    let at: Vec<u32> = pool.candidates.iter().map(|&c| to.at[c as usize].0).collect();
    let each = pool.queries.par_chunks(TOGETHER).map(|queries| {
        let dim = from.modality.matrix.dim();
        let width = |_| crate::exact::Error::Width { expected: to.modality.matrix.dim(), got: dim };
        let mut block = Block::with_capacity(dim, queries.len()).map_err(width)?;
        let mut best = Vec::with_capacity(queries.len());
        for &q in queries {
            let vector = from.modality.matrix.padded(from.at[q as usize]);
            block.push(&vector[..dim]).map_err(width)?;
            let right = space.right(direction, q).iter().filter(|&&c| inside[c as usize]);
            let scored =
                right.map(|&c| Scored { score: to.modality.matrix.dot(&vector, to.at[c as usize]), row: Row(c) });
            best.push(scored.reduce(|a, b| if b.beats(&a, Order::Highest) { b } else { a }));
        }
        let mut before = vec![0_u64; queries.len()];
        let mut scores = Vec::new();
        for (candidates, at) in pool.candidates.chunks(AT_A_TIME).zip(at.chunks(AT_A_TIME)) {
            scores.resize(queries.len() * at.len(), 0.0);
            dots_at(block.all(), to.modality.matrix.rows(), at, &mut scores);
            for (q, best) in best.iter().enumerate() {
                let Some(best) = best else { continue };
                let own = &scores[q * at.len()..(q + 1) * at.len()];
                let beats = |(&score, &c): (&f32, &u32)| Scored { score, row: Row(c) }.beats(best, Order::Highest);
                before[q] += own.iter().zip(candidates).filter(|&x| beats(x)).count() as u64;
            }
        }
        // A query without a right one does not stand in a pool; it would come last.
        let places = before.iter().zip(&best).map(|(n, b)| if b.is_some() { n + 1 } else { at.len() as u64 + 1 });
        Ok(places.collect::<Vec<u64>>())
    });
    Ok(each.collect::<Result<Vec<Vec<u64>>, Error>>()?.concat())
}

/// The same through the searched modality's graph, which holds every row of the index: of each query the place of the first right
/// one among the first `k` distinct items; `None` where it is not among these. The whole is `None` where there is no graph.
///
/// # Errors
/// As [`ranks`].
pub fn graph_ranks(
    space: &Space<'_>,
    direction: Direction,
    queries: &[u32],
    k: usize,
    ef: Option<usize>,
) -> Result<Option<Vec<Option<u64>>>, Error> {
    let (from, to) = space.side(direction);
    if to.modality.graph.is_none() {
        return Ok(None);
    }
    let dim = from.modality.matrix.dim();
    let one = |&q: &u32| {
        let width = |_| crate::exact::Error::Width { expected: to.modality.matrix.dim(), got: dim };
        let mut block = Block::with_capacity(dim, 1).map_err(width)?;
        block.push(&from.modality.matrix.padded(from.at[q as usize])[..dim]).map_err(width)?;
        let right = space.right(direction, q);
        let mut rows = k;
        loop {
            let asked = Asked {
                k: rows,
                order: Order::Highest,
                among: None,
                engine: Engine::Graph,
                sight: ef.into(),
                likely: 1.0,
            };
            let found = retrieve::plain(to.modality, &block, asked)?.pop().map_or_else(Vec::new, |r| r.best);
            let mut seen = HashSet::new();
            let distinct = found.iter().filter_map(|s| to.item(s.row)).filter(|&item| seen.insert(item)).take(k);
            let (first, looked_at) = place(distinct, right);
            // Rows of one image come together: a longer list until there are k images, or everything.
            if first.is_some() || looked_at >= k || found.len() < rows {
                return Ok(first);
            }
            rows = rows.saturating_mul(4);
        }
    };
    Ok(Some(queries.par_iter().map(one).collect::<Result<_, Error>>()?))
}

/// The place, from 1, of the first that is right, and how many were looked at.
fn place(items: impl Iterator<Item = u32>, right: &[u32]) -> (Option<u64>, usize) {
    let mut n = 0;
    for item in items {
        n += 1;
        if right.binary_search(&item).is_ok() {
            return (Some(n as u64), n);
        }
    }
    (None, n)
}
