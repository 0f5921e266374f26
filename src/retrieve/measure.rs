//! How much a graph finds of what a full scan finds.

use crate::exact::{Error, Exact, Pool};
use crate::graph::{Effort, Navigator};
use crate::kernels::Block;
use crate::matrix::Matrix;
use crate::wire::{Measured, MeasuredStep};
use crate::words::{Order, Row};
use rayon::prelude::*;

/// Neighbours wanted of each query …
const K: usize = 10;
/// … at these ef, until all but one in two hundred are found.
const EFS: [usize; 11] = [16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512];
const ENOUGH: f64 = 0.995;

/// Asks the graph and a full scan. `own`: the sample that is a query itself, and is not to be found. Neighbours that tie with
/// the last count as found. Counts only, so the same on every machine.
///
/// # Errors
/// Queries of another width.
pub fn measure(
    matrix: &Matrix,
    navigator: &Navigator<'_>,
    queries: &Block,
    own: impl Fn(usize) -> Option<Row> + Sync,
) -> Result<Measured, Error> {
    let exact = Exact::new(matrix.rows(), matrix.catalog_rows())?;
    let truth = exact.top_k(queries, K, Order::Highest, Pool::All, |q, s| Some(s.row) != own(q))?.best;
    let wanted = truth.iter().map(Vec::len).sum::<usize>() as u32;
    let mut measured = Measured { queries: queries.len() as u32, k: K as u32, wanted, steps: Vec::new() };
    let width = |_| Error::Width { expected: matrix.dim(), got: queries.dim() };
    for ef in EFS {
        let each = (0..truth.len()).into_par_iter().map(|q| {
            let effort = Effort { k: K + usize::from(own(q).is_some()), ef, budget: u64::MAX };
            let found = navigator.top_k(queries.padded(q..q + 1), effort).map_err(width)?;
            let bar = truth[q].last().map_or(f32::INFINITY, |s| s.score);
            let hits = found.best.iter().filter(|s| Some(s.row) != own(q) && s.score >= bar).count();
            Ok((hits.min(truth[q].len()) as u32, found.counters.visited))
        });
        let each: Vec<(u32, u64)> = each.collect::<Result<_, Error>>()?;
        let (found, visited) = each.iter().fold((0, 0), |sum, e| (sum.0 + e.0, sum.1 + e.1));
        let step = MeasuredStep { ef: ef as u32, found, visited };
        measured.steps.push(step);
        if measured.recall(&step) >= ENOUGH {
            break;
        }
    }
    Ok(measured)
}
