//! Scores by adding up in `f64`; selection by looking at every candidate.

use super::raw::Vector;
use super::rules::{Rules, Split};
use rayon::prelude::*;
use std::collections::BTreeMap;

/// Two ways of adding up 2,048 products may differ by so much, times the score where that exceeds 1.
pub const TOLERANCE: f64 = 2e-5;

/// Σ aᵢbᵢ in eight sums: the compiler may not reorder additions by itself, and one sum would take minutes.
pub fn dot(a: &Vector, b: &Vector) -> f64 {
    assert_eq!(a.numbers.len(), b.numbers.len());
    let (a, a_rest) = a.numbers.as_chunks::<8>();
    let (b, b_rest) = b.numbers.as_chunks::<8>();
    let mut sums = [0.0; 8];
    for (a, b) in a.iter().zip(b) {
        for i in 0..8 {
            sums[i] += a[i] * b[i];
        }
    }
    sums.iter().sum::<f64>() + a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum::<f64>()
}

pub fn cosine(a: &Vector, b: &Vector) -> f64 {
    dot(a, b) / (a.norm * b.norm)
}

/// A candidate of one caption.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Choice {
    pub row: usize,
    pub score: f64,
    pub cti: f64,
    pub hard: bool,
}

/// What a candidate's image scores under one caption.
#[derive(Debug, Clone, Copy)]
pub struct Scores {
    pub score: f64,
    pub cti: f64,
}

/// What there is to choose from for one caption that fails no rule by itself.
#[derive(Debug, Clone)]
pub struct Options {
    /// CTI of the caption with its own image.
    pub cti: f64,
    /// By definition, in `f64`.
    pub choice: Option<Choice>,
    /// The best score of those admissible beyond doubt whose CTI reaches the bar beyond doubt …
    pub surely_hard: Option<f64>,
    /// … and of the other admissible ones.
    pub others: Option<f64>,
}

impl Rules<'_> {
    fn row(&self, sample: usize, modality: &str) -> &Vector {
        self.corpus[sample].row(modality).expect("whoever lacks a row fails missing_row")
    }

    /// CTI of `text`'s caption with `image`'s image.
    pub fn cti(&self, text: usize, image: usize) -> f64 {
        cosine(self.row(text, self.split.clip_text), self.row(image, self.split.clip_image))
    }

    pub fn score(&self, pristine: usize, candidate: usize) -> f64 {
        let (query, searched) = (self.row(pristine, self.split.query), self.row(candidate, self.split.search));
        if self.split.cosine { cosine(query, searched) } else { dot(query, searched) }
    }

    /// This candidate's scores, whatever the rules say of it.
    pub fn scored(&self, pristine: usize, row: usize) -> Scores {
        let score = self.score(pristine, row);
        Scores { score, cti: if self.score_is_cti() { score } else { self.cti(pristine, row) } }
    }

    /// The same product need not be computed twice.
    fn score_is_cti(&self) -> bool {
        let split = &self.split;
        split.cosine && (split.query, split.search) == (split.clip_text, split.clip_image)
    }

    /// What `pristine` can be given among `among`: ascending rows that fail no rule by themselves.
    pub fn options(&self, pristine: usize, among: &[usize], tolerance: f64) -> Options {
        let cti = self.cti(pristine, pristine);
        let mut options = Options { cti, choice: None, surely_hard: None, others: None };
        for &row in among {
            if self.together_fail(pristine, row, tolerance).is_some() {
                continue;
            }
            let Scores { score, cti: cti_f } = self.scored(pristine, row);
            if self.bars_hold(pristine, row, -tolerance) {
                // Copies of one picture have the same CTI to the last bit, however it is added up.
                let surely = cti_f == cti || cti_f >= cti + tolerance;
                let best = if surely { &mut options.surely_hard } else { &mut options.others };
                if best.is_none_or(|best| self.split.better(score, best)) {
                    *best = Some(score);
                }
            }
            if self.bars_hold(pristine, row, 0.0) {
                let hard = cti_f >= cti;
                // Rows ascend: of equal scores the first stays.
                let wins = |old: Choice| if hard == old.hard { self.split.better(score, old.score) } else { hard };
                if options.choice.is_none_or(wins) {
                    options.choice = Some(Choice { row, score, cti: cti_f, hard });
                }
            }
        }
        options
    }

    /// Rows of the samples of `partition`, ascending; `None`: of the whole corpus.
    pub fn rows_of(&self, partition: Option<&str>) -> Vec<usize> {
        let inside = |row: &usize| partition.is_none() || self.corpus[*row].partition.as_deref() == partition;
        (0..self.corpus.len()).filter(inside).collect()
    }

    /// Those of `rows` whose image fails no rule by itself.
    pub fn given(&self, rows: &[usize]) -> Vec<usize> {
        rows.iter().copied().filter(|&row| self.given_fails(row).is_none()).collect()
    }

    /// The options of every caption of `rows` that fails no rule, among the same rows; and how many fail which rule first.
    pub fn all_options(
        &self,
        rows: &[usize],
        tolerance: f64,
    ) -> (BTreeMap<usize, Options>, BTreeMap<&'static str, u64>) {
        let mut failing = BTreeMap::new();
        let mut captions = Vec::new();
        for &row in rows {
            match self.pristine_fails(row) {
                Some(rule) => *failing.entry(rule).or_insert(0) += 1,
                None => captions.push(row),
            }
        }
        let among = self.given(rows);
        let options = captions.par_iter().map(|&row| (row, self.options(row, &among, tolerance))).collect();
        (options, failing)
    }
}

impl Scores {
    /// Is a candidate with these chosen before one with those, whichever way the scores are added up?
    pub fn surely_precedes(&self, other: &Scores, split: &Split, bar: f64) -> bool {
        let hard = |s: &Scores| s.cti == bar || s.cti >= bar + TOLERANCE;
        let easy = |s: &Scores| s.cti != bar && s.cti < bar - TOLERANCE;
        let apart = (self.score - other.score).abs() > TOLERANCE * other.score.abs().max(1.0);
        let same_set = hard(self) && hard(other) || easy(self) && easy(other);
        hard(self) && easy(other) || same_set && apart && split.better(self.score, other.score)
    }
}

impl Split {
    pub fn better(&self, a: f64, b: f64) -> bool {
        if self.highest { a > b } else { a < b }
    }
}
