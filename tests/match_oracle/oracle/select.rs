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
            sums[i] += f64::from(a[i]) * f64::from(b[i]);
        }
    }
    sums.iter().sum::<f64>() + a_rest.iter().zip(b_rest).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum::<f64>()
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
    /// CTI of `text`'s caption with `image`'s image.
    pub fn cti(&self, text: usize, image: usize) -> f64 {
        cosine(&self.corpus[text].rows[self.split.clip_text], &self.corpus[image].rows[self.split.clip_image])
    }

    pub fn score(&self, pristine: usize, candidate: usize) -> f64 {
        let (q, s) =
            (&self.corpus[pristine].rows[self.split.query], &self.corpus[candidate].rows[self.split.search]);
        if self.split.cosine { cosine(q, s) } else { dot(q, s) }
    }

    /// What `pristine` can be given among `among`: ascending rows that fail no rule by themselves.
    pub fn options(&self, pristine: usize, among: &[usize], tolerance: f64) -> Options {
        let cti = self.cti(pristine, pristine);
        let mut options = Options { cti, choice: None, surely_hard: None, others: None };
        // The same product need not be computed twice.
        let score_is_cti = self.split.cosine
            && (self.split.query, self.split.search) == (self.split.clip_text, self.split.clip_image);
        for &row in among {
            if self.together_fail(pristine, row, tolerance).is_some() {
                continue;
            }
            let score = self.score(pristine, row);
            let cti_f = if score_is_cti { score } else { self.cti(pristine, row) };
            if self.place_holds(pristine, row, -tolerance) {
                let best = if cti_f >= cti + tolerance { &mut options.surely_hard } else { &mut options.others };
                if best.is_none_or(|best| self.split.better(score, best)) {
                    *best = Some(score);
                }
            }
            if self.place_holds(pristine, row, 0.0) {
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
        let among: Vec<usize> = rows.iter().copied().filter(|&row| self.given_fails(row).is_none()).collect();
        let options = captions.par_iter().map(|&row| (row, self.options(row, &among, tolerance))).collect();
        (options, failing)
    }
}

impl Split {
    pub fn better(&self, a: f64, b: f64) -> bool {
        if self.highest { a > b } else { a < b }
    }
}
