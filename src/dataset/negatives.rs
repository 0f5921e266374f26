//! Hard negatives for training, with the settings of sentence-transformers' `mine_hard_negatives` (their names, their meaning),
//! and a split's constraints, which keep false negatives away: same image, same entities, same days.
//!
//! ```text
//! the nearest `range_max` admissible candidates ─ margins and scores ─ without the first `range_min` ─ the top, or some at random ─► a row
//! ```
//!
//! An anchor is a caption, its positive its own image, its negatives others' images; `score` is the one that ranks.

use super::Error;
use crate::catalog::Catalog;
use crate::constraints::Subject;
use crate::formats::parquet::Column;
use crate::index::Index;
use crate::kernels::dot;
use crate::query::{Searcher, Wanted};
use crate::retrieve::Engine;
use crate::words::{Order, Row, SampleId};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use rayon::prelude::*;
use serde_json::{Map, Value, json};

/// The settings; names and defaults as there.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mining {
    /// Skip so many of the nearest that are left.
    pub range_min: usize,
    /// Look at so many of the nearest; `None`: ten a negative where scores are bounded, else as many as are needed.
    pub range_max: Option<usize>,
    /// No negative scores above this.
    pub max_score: Option<f32>,
    /// None below this.
    pub min_score: Option<f32>,
    /// A negative scores at least so much less than the positive.
    pub absolute_margin: Option<f32>,
    /// At least this part of the positive's score (of its magnitude) less.
    pub relative_margin: Option<f32>,
    /// Negatives of an anchor.
    pub num_negatives: usize,
    /// Which of those that are left.
    pub sampling: Sampling,
    /// Seed of the random ones.
    pub seed: u64,
    /// By this engine.
    pub engine: Engine,
}

/// `sampling_strategy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sampling {
    /// The nearest.
    Top,
    /// Any.
    Random,
}

/// `output_format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// anchor, positive, negative: a row a negative.
    Triplet,
    /// anchor, positive, negative_1 …: only anchors that have all of them.
    NTuple,
    /// anchor, positive, label: a row a pair.
    LabeledPair,
    /// anchor, [positive, negatives…], labels.
    LabeledList,
}

/// One anchor and what was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Mined {
    /// The caption.
    pub anchor: Row,
    /// Its score with its own image.
    pub positive: f32,
    /// Samples whose images are the negatives, the nearest first, with their scores.
    pub negatives: Vec<(Row, f32)>,
}

impl Mining {
    /// How many of the nearest are looked at.
    pub fn reach(&self) -> usize {
        let bounded = [self.absolute_margin, self.relative_margin, self.max_score].iter().any(Option::is_some);
        // One more than asked for: the positive's place, which a constraint takes away here.
        let usual = self.range_min + self.num_negatives * if bounded { 10 } else { 1 } + 1;
        self.range_max.unwrap_or(usual)
    }

    /// What is wrong with the settings, if anything.
    pub fn fault(&self) -> Option<String> {
        let reach = self.reach();
        if self.num_negatives == 0 {
            return Some("num-negatives 0 asks for nothing".into());
        }
        if self.range_min + self.num_negatives > reach {
            return Some(format!(
                "{} negatives do not fit between range-min {} and range-max {reach}",
                self.num_negatives, self.range_min
            ));
        }
        None
    }
}

/// Mines for every sample of the corpus that may be a pristine one, in catalog order. `progress` is told of each.
///
/// # Errors
/// A split that ranks by the lowest score; the engine's.
pub fn mine(
    index: &Index,
    searcher: &Searcher<'_>,
    mining: &Mining,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Vec<Mined>, Error> {
    let bound = searcher.bound();
    let fail = |e: &dyn std::fmt::Display| Error::at(&index.path)(e);
    if bound.split.order != Order::Highest {
        return Err(fail(&format!(
            "split {} ranks by the lowest score: its best are not hard negatives",
            bound.split.name
        )));
    }
    if bound.split.query == bound.split.search && (mining.absolute_margin.or(mining.relative_margin)).is_some() {
        return Err(fail(&format!(
            "split {} compares {} with itself: an anchor's own score is 1 there, so a margin below it keeps nothing away; set a highest \
             score (--max-score), or take a split from captions to images",
            bound.split.name, bound.split.query
        )));
    }
    let rows: Vec<Row> = index.catalog.rows().collect();
    let mined: Vec<Option<Mined>> = rows
        .par_iter()
        .map(|&row| {
            progress(1);
            let (Some(query), Some(own)) = (bound.query.find(row), bound.search.find(row)) else { return Ok(None) };
            if bound.refused_as_pristine(row).is_some() {
                return Ok(None);
            }
            let positive = dot(&bound.query.padded(query), &bound.search.padded(own));
            let wanted = Wanted {
                k: mining.reach(),
                adversarial: false,
                unique_image: true,
                explain: 0,
                engine: mining.engine,
                ef: None,
            };
            let pool = index.catalog.partition(row);
            let answer =
                searcher.answer(&Subject::of_row(bound, row), pool, wanted, Value::Null).map_err(|e| fail(&e))?;
            let found = answer.results.iter().map(|hit| (hit.row, hit.score));
            Ok(Some(Mined { anchor: row, positive, negatives: choose(found, row, positive, mining) }))
        })
        .collect::<Result<_, Error>>()?;
    Ok(mined.into_iter().flatten().collect())
}

fn choose(found: impl Iterator<Item = (Row, f32)>, anchor: Row, positive: f32, mining: &Mining) -> Vec<(Row, f32)> {
    let fits = |&(_, score): &(Row, f32)| {
        mining.absolute_margin.is_none_or(|margin| score + margin <= positive)
            && mining.relative_margin.is_none_or(|margin| score <= positive - positive.abs() * margin)
            && mining.max_score.is_none_or(|most| score <= most)
            && mining.min_score.is_none_or(|least| score >= least)
    };
    let mut left: Vec<(Row, f32)> = found.filter(fits).skip(mining.range_min).collect();
    match mining.sampling {
        Sampling::Top => left.truncate(mining.num_negatives),
        Sampling::Random => {
            // Of each anchor its own stream: no result depends on the threads. Kept in their order.
            let mut rng = ChaCha8Rng::seed_from_u64(mining.seed ^ (u64::from(anchor.0) << 32));
            while left.len() > mining.num_negatives {
                // Below the length, without bias worth the name: 64 bits over a list of thousands.
                let at = ((u128::from(rng.next_u64()) * left.len() as u128) >> 64) as usize;
                left.remove(at);
            }
        }
    }
    left
}

/// Rows of a table, as JSON objects: what `output_format` makes of what was mined.
pub fn shaped<'a>(
    catalog: &'a Catalog,
    mined: &'a Mined,
    shape: Shape,
    num_negatives: usize,
) -> impl Iterator<Item = Map<String, Value>> + 'a {
    let image = |row: Row| json!(catalog.image_path(row));
    let (anchor, positive) = (json!(catalog.caption(mined.anchor)), image(mined.anchor));
    let id = json!(catalog.id(mined.anchor));
    let object = |fields: Vec<(&str, Value)>| -> Map<String, Value> {
        let start = [("anchor", anchor.clone()), ("anchor_id", id.clone())];
        start.into_iter().chain(fields).map(|(name, value)| (name.to_owned(), value)).collect()
    };
    let negatives = &mined.negatives;
    let rows: Vec<Map<String, Value>> = match shape {
        Shape::Triplet => negatives
            .iter()
            .map(|&(row, score)| {
                object(vec![
                    ("positive", positive.clone()),
                    ("negative", image(row)),
                    ("negative_id", json!(catalog.id(row))),
                    ("scores", json!([mined.positive, score])),
                ])
            })
            .collect(),
        Shape::NTuple if negatives.len() < num_negatives => Vec::new(),
        Shape::NTuple => {
            let mut row = object(vec![("positive", positive.clone())]);
            for (number, (negative, _)) in negatives.iter().enumerate() {
                row.insert(format!("negative_{}", number + 1), image(*negative));
            }
            let scores = std::iter::once(mined.positive).chain(negatives.iter().map(|n| n.1));
            row.insert("scores".into(), scores.map(|s| json!(s)).collect());
            vec![row]
        }
        Shape::LabeledPair => {
            let pair = |path: Value, label: i64, score: f32| {
                object(vec![("positive", path), ("label", json!(label)), ("score", json!(score))])
            };
            let own = std::iter::once(pair(positive.clone(), 1, mined.positive));
            own.chain(negatives.iter().map(|&(row, score)| pair(image(row), 0, score))).collect()
        }
        Shape::LabeledList if negatives.is_empty() => Vec::new(),
        Shape::LabeledList => {
            let all = std::iter::once(positive.clone()).chain(negatives.iter().map(|n| image(n.0)));
            let labels = std::iter::once(1).chain(negatives.iter().map(|_| 0));
            let scores = std::iter::once(mined.positive).chain(negatives.iter().map(|n| n.1));
            vec![object(vec![
                ("positive", all.collect()),
                ("labels", labels.map(|l| json!(l)).collect()),
                ("scores", scores.map(|s| json!(s)).collect()),
            ])]
        }
    };
    rows.into_iter()
}

/// A column of ids: integers where the whole catalog has such, else texts.
pub(super) fn id_column(catalog: &Catalog, rows: impl Iterator<Item = Row>) -> Column {
    let whole = catalog.rows().all(|row| matches!(catalog.id(row), SampleId::Int(_)));
    let ids = rows.map(|row| catalog.id(row));
    match whole {
        true => {
            let int = |id| if let SampleId::Int(n) = id { Some(n) } else { None };
            Column::Int(ids.filter_map(int).collect())
        }
        false => Column::Text(ids.map(|id| id.to_string()).collect()),
    }
}
