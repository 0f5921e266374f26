//! The nearest rows of a modality for many queries, without constraints.

use super::Strategy;
use super::ranked::{Asked, Ranked, ranked};
use crate::exact::{Error, Exact, Pool};
use crate::index::Modality;
use crate::kernels::Block;
use rayon::prelude::*;

/// The best rows for every query. Queries are shared out among the threads of the current pool; where all are to be scanned,
/// they are scanned together.
///
/// # Errors
/// Queries of another width.
pub fn plain(modality: &Modality, queries: &Block, asked: Asked<'_>) -> Result<Vec<Ranked>, Error> {
    let matrix = &modality.matrix;
    if queries.dim() != matrix.dim() {
        return Err(Error::Width { expected: matrix.dim(), got: queries.dim() });
    }
    let reason = match asked.plan(modality) {
        Err(reason) => reason,
        Ok(_) => {
            let one = |q: usize| ranked(modality, queries.padded(q..q + 1), asked, |_| true);
            return (0..queries.len()).into_par_iter().map(one).collect();
        }
    };
    let exact = Exact::new(matrix.rows(), matrix.catalog_rows())?.with_codes(modality.codes.as_ref())?;
    let pool = asked.among.map_or(Pool::All, |a| Pool::Set(a.rows));
    let found = exact.top_k(queries, asked.k, asked.order, pool, |_, _| true)?;
    let scored = found.counters.scored / queries.len().max(1) as u64;
    let each = found.best.into_iter().map(|best| Ranked {
        best,
        strategy: Strategy::ExactScan,
        reason: reason.clone(),
        visited: asked.count(modality),
        scored,
    });
    Ok(each.collect())
}
