//! k-NN over a modality, without constraints.

use super::{Answer, Error, Hit, Plan};
use crate::constraints::RuleCounts;
use crate::exact::{Exact, Pool};
use crate::index::Index;
use crate::kernels::Block;
use crate::matrix::Matrix;
use crate::rows::RowSet;
use crate::words::{Order, Row};
use std::collections::HashSet;
use std::time::Instant;

/// What is asked of a modality.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plain<'a> {
    /// The modality that is searched.
    pub modality: &'a str,
    /// Which scores come first.
    pub order: Order,
    /// Results: at least 1.
    pub k: usize,
    /// One result an image path, the best.
    pub unique_image: bool,
    /// Only this partition.
    pub partition: Option<u16>,
}

/// Answers one query: a vector of the modality's width and, under cosine, of unit length.
pub fn plain(index: &Index, query: &[f32], wanted: Plain<'_>, asked: serde_json::Value) -> Result<Answer, Error> {
    let matrix = matrix_of(index, wanted.modality)?;
    let mut block = Block::new(matrix.dim())?;
    block.push(query)?;
    let mut answers = plain_batch(index, &block, wanted, vec![asked])?;
    answers.pop().ok_or(Error::ZeroK)
}

/// Answers a batch; `queries` as in [`plain`], one `asked` each.
pub fn plain_batch(
    index: &Index,
    queries: &Block,
    wanted: Plain<'_>,
    asked: Vec<serde_json::Value>,
) -> Result<Vec<Answer>, Error> {
    let start = Instant::now();
    if wanted.k == 0 {
        return Err(Error::ZeroK);
    }
    let matrix = matrix_of(index, wanted.modality)?;
    let catalog = &index.catalog;
    let set = wanted.partition.map(|p| {
        let mut set = RowSet::new(catalog.len() as usize);
        // A damaged list may name rows that are not there.
        catalog.partition_rows(p).iter().filter(|&&r| r < catalog.len()).for_each(|&r| {
            set.insert(Row(r));
        });
        set
    });
    let pool = set.as_ref().map_or(Pool::All, Pool::Set);
    let exact = Exact::new(matrix.rows(), matrix.catalog_rows())?;
    let mut k = wanted.k;
    let (found, scored) = loop {
        let mut found = exact.top_k(queries, k, wanted.order, pool, |_, _| true)?;
        if !wanted.unique_image {
            break (found.best, found.counters.scored);
        }
        // A longer list loses nothing: it grows until every query has k images, or everything.
        let mut complete = true;
        for list in &mut found.best {
            let exhausted = list.len() < k;
            let mut seen = HashSet::new();
            list.retain(|s| seen.insert(catalog.image(s.row)));
            complete &= exhausted || list.len() >= wanted.k;
            list.truncate(wanted.k);
        }
        if complete {
            break (found.best, found.counters.scored);
        }
        k = k.saturating_mul(4);
    };
    let eligible =
        set.as_ref().map_or(matrix.len(), |s| matrix.catalog_rows().iter().filter(|&&r| s.contains(Row(r))).count())
            as u64;
    let each = scored / found.len().max(1) as u64;
    let elapsed_us = start.elapsed().as_micros() as u64 / found.len().max(1) as u64;
    let answers = found.into_iter().zip(asked).map(|(list, asked)| Answer {
        query: asked,
        split: None,
        short: (list.len() < wanted.k).then(|| {
            format!(
                "{:?} holds only {} {}",
                wanted.modality,
                list.len(),
                if wanted.unique_image { "distinct images" } else { "rows" }
            )
        }),
        results: list
            .iter()
            .zip(1..)
            .map(|(s, rank)| Hit { rank, ..Hit::new(catalog, s.row, s.score, None, None) })
            .collect(),
        plan: Plan {
            strategy: "exact_scan",
            reason: "every row is scored".into(),
            stages: vec!["retrieve"],
            visited: each,
            scored: each,
            rejected: RuleCounts::default(),
            eligible,
        },
        explanation: None,
        elapsed_us,
    });
    Ok(answers.collect())
}

fn matrix_of<'a>(index: &'a Index, modality: &str) -> Result<&'a Matrix, Error> {
    index.matrix(modality).ok_or_else(|| Error::UnknownModality {
        got: modality.to_owned(),
        have: index.modalities.iter().map(|m| m.name.clone()).collect(),
    })
}
