//! k-NN over a modality, without constraints.

use super::{Answer, Error, Hit, Plan, Step, Steps};
use crate::constraints::RuleCounts;
use crate::index::{Index, Modality};
use crate::kernels::Block;
use crate::retrieve::{self, Asked, Candidates, Engine, Ranked};
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
    /// By this engine.
    pub engine: Engine,
    /// Rows that a walk through a graph keeps in sight; `None`: what was measured to be enough.
    pub ef: Option<usize>,
}

/// Answers one query: a vector of the modality's width and, under cosine, of unit length.
pub fn plain(index: &Index, query: &[f32], wanted: Plain<'_>, asked: serde_json::Value) -> Result<Answer, Error> {
    let mut block = Block::new(modality_of(index, wanted.modality)?.matrix.dim())?;
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
    let modality = modality_of(index, wanted.modality)?;
    let catalog = &index.catalog;
    let mut steps = Steps::since(start, Step::Plan);
    let set = wanted.partition.map(|p| {
        let mut set = RowSet::new(catalog.len() as usize);
        // A damaged list may name rows that are not there.
        let rows = catalog.partition_rows(p).iter().filter(|&&r| r < catalog.len()).map(|&r| Row(r));
        rows.filter(|&row| modality.matrix.has(row)).for_each(|row| {
            set.insert(row);
        });
        set
    });
    let eligible = set.as_ref().map_or(modality.matrix.len(), RowSet::count) as u64;
    let among = set.as_ref().map(|rows| Candidates { rows, count: eligible });
    steps.ends(Step::Filter);
    let (mut k, mut before) = (wanted.k, Vec::<Ranked>::new());
    let found = loop {
        let wants =
            Asked { k, order: wanted.order, among, engine: wanted.engine, sight: wanted.ef.into(), likely: 1.0 };
        let mut found = retrieve::plain(modality, queries, wants)?;
        if !wanted.unique_image {
            break found;
        }
        for (found, before) in found.iter_mut().zip(&before) {
            found.follows(before);
        }
        // A longer list loses nothing: it grows until every query has k images, or everything.
        let mut complete = true;
        for list in found.iter_mut().map(|f| &mut f.best) {
            let exhausted = list.len() < k;
            let mut seen = HashSet::new();
            list.retain(|s| seen.insert(catalog.image(s.row)));
            complete &= exhausted || list.len() >= wanted.k;
            list.truncate(wanted.k);
        }
        if complete {
            break found;
        }
        (k, before) = (k.saturating_mul(4), found);
    };
    steps.ends(Step::Search);
    let steps = steps.shared_by(found.len());
    let elapsed_us = start.elapsed().as_micros() as u64 / found.len().max(1) as u64;
    let answers = found.into_iter().zip(asked).map(|(found, asked)| {
        let hydration = Instant::now();
        let mut answer = Answer {
            query: asked,
            split: None,
            short: (found.best.len() < wanted.k).then(|| {
                format!(
                    "{:?} holds only {} {}",
                    wanted.modality,
                    found.best.len(),
                    if wanted.unique_image { "distinct images" } else { "rows" }
                )
            }),
            results: found
                .best
                .iter()
                .zip(1..)
                .map(|(s, rank)| Hit { rank, ..Hit::new(catalog, s.row, s.score, None, None) })
                .collect(),
            plan: Plan {
                strategy: found.strategy,
                reason: found.reason,
                stages: vec!["retrieve".into()],
                visited: found.visited,
                scored: found.scored,
                rejected: RuleCounts::default(),
                eligible,
            },
            explanation: None,
            elapsed_us,
            steps,
        };
        answer.steps.took(Step::Hydrate, hydration.elapsed());
        answer
    });
    Ok(answers.collect())
}

/// The vector of a sample in modality `from`, to ask `modality` with: the two must be one space.
pub fn vector_of(index: &Index, row: Row, from: &str, modality: &str) -> Result<Vec<f32>, Error> {
    let (source, target) = (&modality_of(index, from)?.matrix, &modality_of(index, modality)?.matrix);
    let (from_dim, dim) = (source.dim(), target.dim());
    if from_dim != dim {
        return Err(Error::Widths { from: from.to_owned(), from_dim, modality: modality.to_owned(), dim });
    }
    let Some(at) = source.find(row) else {
        return Err(Error::NoVector { id: index.catalog.id(row).to_string(), modality: from.to_owned() });
    };
    let mut vector = source.vector(at);
    vector.truncate(dim);
    Ok(vector)
}

fn modality_of<'a>(index: &'a Index, modality: &str) -> Result<&'a Modality, Error> {
    index.modality(modality).ok_or_else(|| Error::UnknownModality {
        got: modality.to_owned(),
        have: index.modalities.iter().map(|m| m.name.clone()).collect(),
    })
}
