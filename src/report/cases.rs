//! What is asked of an index: sampled captions, their exact answers.
//!
//! A case owns its queries; [`Case`] (what is right) and [`Engine`]s (how it is found) borrow from it. The exact engine
//! is built here; another one is made with [`Engine::over_ef`] from [`PlainCase::queries`] or [`SplitCase::subjects`].

use super::Error;
use super::sweep::{Answered, Case, Engine};
use crate::constraints::{Bound, Subject};
use crate::index::Modality;
use crate::kernels::Block;
use crate::matcher::chunks::shuffle;
use crate::matrix::Matrix;
use crate::query::{self, Searcher, Wanted};
use crate::retrieve::{self, Asked, Ranked, Retriever};
use crate::words::{Order, Row, Scored};
use rayon::prelude::*;

/// Queries whose share of admitted rows is counted: every row of the pool is tested for each.
const COUNTED: usize = 64;
/// The stream of the seed that queries are drawn from: none of those that chunks use.
const STREAM: u64 = u64::MAX;

/// `n` of `rows` (all, if there are fewer), drawn by `seed`: the same on every machine, for good.
pub fn sample(mut rows: Vec<Row>, n: usize, seed: u64) -> Vec<Row> {
    shuffle(&mut rows, seed, STREAM);
    rows.truncate(n);
    rows
}

/// k-NN over a modality, without constraints; the most similar first.
#[derive(Debug)]
pub struct PlainCase<'a> {
    modality: &'a Modality,
    from: String,
    queries: Block,
    k: usize,
}

impl<'a> PlainCase<'a> {
    /// `queries`: of the modality's width and, under cosine, of unit length; `from` says where they come from.
    pub fn new(modality: &'a Modality, from: String, queries: Block, k: usize) -> PlainCase<'a> {
        PlainCase { modality, from, queries, k }
    }

    /// The vectors that are asked with.
    pub fn queries(&self) -> &Block {
        &self.queries
    }

    /// The matrix that is searched.
    pub fn matrix(&self) -> &'a Matrix {
        &self.modality.matrix
    }

    /// What is right: found by a full scan, all threads.
    pub fn case(&self) -> Result<Case<'_>, Error> {
        let truth = self.scan(&self.queries)?.into_iter().map(|a| a.rows).collect();
        let score = |query: usize, row: Row| {
            Some(self.matrix().dot(self.queries.padded(query..query + 1), self.matrix().find(row)?))
        };
        Ok(Case {
            search: self.modality.name.clone(),
            from: self.from.clone(),
            k: self.k,
            order: Order::Highest,
            truth,
            selectivity: None,
            score: Box::new(score),
        })
    }

    /// The full scan, so many queries a call.
    pub fn exact(&self, batches: &[usize]) -> Engine<'_> {
        Engine::in_batches("exact", batches, |range| {
            let mut queries = Block::with_capacity(self.matrix().dim(), range.len())?;
            for query in range {
                queries.push(&self.queries.padded(query..query + 1)[..self.matrix().dim()])?;
            }
            self.scan(&queries)
        })
    }

    /// The modality's graph at each ef, one query a call; `None` without a graph.
    pub fn graph(&self, efs: &[usize]) -> Option<Engine<'_>> {
        self.modality.graph.as_ref()?;
        let ask = |ef: usize, query: usize| {
            let mut one = Block::with_capacity(self.matrix().dim(), 1)?;
            one.push(&self.queries.padded(query..query + 1)[..self.matrix().dim()])?;
            let found = retrieve::plain(self.modality, &one, self.wanted(retrieve::Engine::Graph, Some(ef)))?;
            Ok(found.into_iter().next().map(answered).unwrap_or_default())
        };
        Some(Engine::over_ef("graph", efs, ask))
    }

    fn wanted(&self, engine: retrieve::Engine, ef: Option<usize>) -> Asked<'static> {
        Asked { k: self.k, order: Order::Highest, among: None, engine, sight: ef.into(), likely: 1.0 }
    }

    fn scan(&self, queries: &Block) -> Result<Vec<Answered>, query::Error> {
        let found = retrieve::plain(self.modality, queries, self.wanted(retrieve::Engine::Exact, None))?;
        Ok(found.into_iter().map(answered).collect())
    }
}

fn answered(found: Ranked) -> Answered {
    Answered { rows: found.best, visited: found.visited, scored: found.scored }
}

/// Who of these may be asked with fairly, and what they are called. Queries that a graph was built with are easier for it than others.
fn askable(bound: &Bound<'_>, eligible: Vec<Row>) -> (Vec<Row>, String) {
    let modality = |name: &str| bound.index.modality(name);
    let (query, graph) = (modality(&bound.split.query), modality(&bound.split.search).and_then(|m| m.graph.as_ref()));
    let from = bound.split.query.clone();
    let Some(held_out) = query.zip(graph).and_then(|(query, graph)| graph.held_out(query)) else {
        return (eligible, from);
    };
    let (strangers, known): (Vec<Row>, Vec<Row>) =
        eligible.into_iter().partition(|row| held_out.binary_search(row).is_ok());
    match strangers.is_empty() {
        true => (known, format!("{from} (known to the graph)")),
        false => (strangers, from),
    }
}

/// A split: captions of the archive, each over its own partition, under the split's constraints.
pub struct SplitCase<'a> {
    searcher: Searcher<'a>,
    subjects: Vec<(Row, Subject)>,
    from: String,
    k: usize,
}

impl<'a> SplitCase<'a> {
    /// A seeded sample of `n` of the captions that may be pristine: of those that were held out, if the graph that is searched was
    /// built with captions as known queries. If no such caption may be pristine, the case's `from` says so.
    ///
    /// # Errors
    /// [`Error::NoQueries`].
    pub fn new(bound: Bound<'a>, n: usize, seed: u64, k: usize) -> Result<SplitCase<'a>, Error> {
        let eligible: Vec<Row> = bound.catalog().rows().filter(|&r| bound.refused_as_pristine(r).is_none()).collect();
        if eligible.is_empty() {
            let name = &bound.split.name;
            let why = bound.refused_counts(bound.catalog().rows());
            let why: Vec<_> = why.iter().map(|(rule, n)| format!("{rule} {n}")).collect();
            return Err(Error::NoQueries(format!(
                "{name}: no caption may be asked with (failing or unknown: {}); add the facts and rebuild, or bench another split",
                why.join(", ")
            )));
        }
        let (asked, from) = askable(&bound, eligible);
        let subjects = sample(asked, n, seed).into_iter().map(|row| (row, Subject::of_row(&bound, row))).collect();
        Ok(SplitCase { searcher: Searcher::new(bound), subjects, from, k })
    }

    /// The captions that are asked with.
    pub fn subjects(&self) -> &[(Row, Subject)] {
        &self.subjects
    }

    /// The split and its index.
    pub fn searcher(&self) -> &Searcher<'a> {
        &self.searcher
    }

    /// What is right, found by the exact engine, all threads.
    pub fn case(&self) -> Result<Case<'_>, Error> {
        let bound = self.searcher.bound();
        let answers: Vec<Result<Answered, query::Error>> =
            (0..self.subjects.len()).into_par_iter().map(|q| self.ask(q, retrieve::Engine::Exact, None)).collect();
        let mut truth = Vec::with_capacity(answers.len());
        for answer in answers {
            truth.push(answer?.rows);
        }
        let score = |query: usize, row: Row| {
            let (own, subject) = &self.subjects[query];
            let catalog = bound.catalog();
            let may = catalog.partition(row) == catalog.partition(*own) && bound.first_failure(subject, row).is_none();
            may.then(|| bound.score(subject, row)).flatten()
        };
        Ok(Case {
            search: bound.split.name.clone(),
            from: self.from.clone(),
            k: self.k,
            order: bound.order(),
            truth,
            selectivity: self.selectivity(),
            score: Box::new(score),
        })
    }

    /// The exact engine, one query a call. A call makes the whole answer, captions and paths included.
    pub fn exact(&self) -> Engine<'_> {
        Engine::in_batches("exact", &[1], |range| range.map(|q| self.ask(q, retrieve::Engine::Exact, None)).collect())
    }

    /// Whichever engine the planner chooses, at each ef, one query a call; `None` where no graph serves the split.
    pub fn planned(&self, efs: &[usize]) -> Option<Engine<'_>> {
        let walkable = Retriever::new(self.searcher.bound()).no_graph().is_none();
        walkable.then(|| Engine::over_ef("planned", efs, |ef, q| self.ask(q, retrieve::Engine::Auto, Some(ef))))
    }

    fn ask(&self, query: usize, engine: retrieve::Engine, ef: Option<usize>) -> Result<Answered, query::Error> {
        let (row, subject) = &self.subjects[query];
        let catalog = self.searcher.bound().catalog();
        let wanted = Wanted { k: self.k, adversarial: false, unique_image: false, explain: 0, engine, ef };
        let answer = self.searcher.answer(subject, catalog.partition(*row), wanted, serde_json::Value::Null)?;
        let scored = |hit: &query::Hit| Scored { score: hit.score, row: hit.row };
        Ok(Answered {
            rows: answer.results.iter().map(scored).collect(),
            visited: answer.plan.visited,
            scored: answer.plan.scored,
        })
    }

    /// The share of a query's partition that its constraints admit: the mean over the first queries.
    fn selectivity(&self) -> Option<f64> {
        let bound = self.searcher.bound();
        let catalog = bound.catalog();
        let shares: Vec<f64> = self.subjects[..self.subjects.len().min(COUNTED)]
            .par_iter()
            .map(|(own, subject)| {
                let pool: Vec<Row> = match catalog.partition(*own) {
                    Some(p) => catalog.partition_rows(p).iter().map(|&r| Row(r)).collect(),
                    None => catalog.rows().collect(),
                };
                let admitted = pool.iter().filter(|&&row| bound.first_failure(subject, row).is_none()).count();
                admitted as f64 / pool.len().max(1) as f64
            })
            .collect();
        (!shares.is_empty()).then(|| shares.iter().sum::<f64>() / shares.len() as f64)
    }
}
