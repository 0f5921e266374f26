//! What a model says of rows, beside what they are.

use serde::Serialize;

/// A model's predictions. A row is called falsified where its score is above 0.5.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Predictions {
    /// Is the row falsified?
    pub truth: Vec<bool>,
    /// How falsified the model thinks it is: 0 to 1 for a probability, any scale for a ROC.
    pub scores: Vec<f32>,
}

/// Shares of rows that were rightly called.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Accuracy {
    /// Of all rows.
    pub all: f64,
    /// Of the pristine ones.
    pub pristine: f64,
    /// Of the falsified ones.
    pub falsified: f64,
}

/// A ROC curve, falsified being positive.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Roc {
    /// The area under it: how often a falsified row scores above a pristine one, ties half.
    pub auc: f64,
    /// (false positive rate, true positive rate), from (0, 0) to (1, 1), at most about 200 of them.
    pub points: Vec<[f64; 2]>,
}

/// Points of a curve that is written down.
const POINTS: usize = 200;

fn share(right: usize, of: usize) -> f64 {
    if of == 0 { 0.0 } else { right as f64 / of as f64 }
}

impl Predictions {
    /// Rows called rightly at 0.5.
    pub fn right(&self) -> impl Iterator<Item = bool> + '_ {
        self.truth.iter().zip(&self.scores).map(|(&truth, &score)| (score > 0.5) == truth)
    }

    /// Accuracy at 0.5.
    pub fn accuracy(&self) -> Accuracy {
        let of = |wanted: Option<bool>| {
            let rows = self.truth.iter().zip(self.right()).filter(|r| wanted.is_none_or(|w| *r.0 == w));
            let (mut n, mut right) = (0, 0);
            rows.for_each(|(_, ok)| {
                n += 1;
                right += usize::from(ok);
            });
            share(right, n)
        };
        Accuracy { all: of(None), pristine: of(Some(false)), falsified: of(Some(true)) }
    }

    /// The curve over all thresholds; `None` where one of the classes is empty.
    pub fn roc(&self) -> Option<Roc> {
        let mut order: Vec<usize> = (0..self.truth.len()).collect();
        order.sort_by(|&a, &b| self.scores[b].total_cmp(&self.scores[a]));
        let positives = self.truth.iter().filter(|t| **t).count() as f64;
        let negatives = self.truth.len() as f64 - positives;
        if positives == 0.0 || negatives == 0.0 {
            return None;
        }
        let (mut tp, mut fp, mut auc) = (0.0, 0.0, 0.0);
        let mut points = vec![[0.0, 0.0]];
        for group in order.chunk_by(|&a, &b| self.scores[a] == self.scores[b]) {
            let more = group.iter().filter(|&&i| self.truth[i]).count() as f64;
            let false_ones = group.len() as f64 - more;
            // A trapezium: rows of one score count half.
            auc += false_ones * (tp + more / 2.0);
            tp += more;
            fp += false_ones;
            points.push([fp / negatives, tp / positives]);
        }
        let step = points.len().div_ceil(POINTS).max(1);
        let last = points.len() - 1;
        let kept = points.iter().enumerate().filter(|(i, _)| i % step == 0 || *i == last);
        Some(Roc { auc: auc / (positives * negatives), points: kept.map(|(_, p)| *p).collect() })
    }
}

/// Two models on the same rows.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Combined {
    /// Rows.
    pub rows: u64,
    /// Accuracy of the first.
    pub a: Accuracy,
    /// Accuracy of the second.
    pub b: Accuracy,
    /// Of the mean of their scores.
    pub average: Accuracy,
    /// Rows that both call rightly.
    pub overlap: f64,
    /// Rows that at least one calls rightly.
    pub union: f64,
}

/// Combines two models' predictions; `None` where they are not of the same rows.
pub fn combine(a: &Predictions, b: &Predictions) -> Option<Combined> {
    if a.truth != b.truth || a.scores.len() != b.scores.len() || a.truth.len() != a.scores.len() {
        return None;
    }
    let both: Vec<(bool, bool)> = a.right().zip(b.right()).collect();
    let mean = a.scores.iter().zip(&b.scores).map(|(a, b)| (a + b) / 2.0).collect();
    Some(Combined {
        rows: both.len() as u64,
        a: a.accuracy(),
        b: b.accuracy(),
        average: Predictions { truth: a.truth.clone(), scores: mean }.accuracy(),
        overlap: share(both.iter().filter(|r| r.0 && r.1).count(), both.len()),
        union: share(both.iter().filter(|r| r.0 || r.1).count(), both.len()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(rows: &[(bool, f32)]) -> Predictions {
        Predictions { truth: rows.iter().map(|r| r.0).collect(), scores: rows.iter().map(|r| r.1).collect() }
    }

    #[test]
    fn by_hand() {
        let a = of(&[(true, 0.9), (true, 0.4), (false, 0.1), (false, 0.5), (false, 0.8)]);
        let acc = a.accuracy();
        assert_eq!((acc.all, acc.pristine, acc.falsified), (0.6, 2.0 / 3.0, 0.5));
        // Of 6 (falsified, pristine) pairs the first falsified row wins 3, the second 1.
        assert!((a.roc().unwrap().auc - 4.0 / 6.0).abs() < 1e-12);
        let tied = of(&[(true, 0.5), (false, 0.5), (true, 0.5), (false, 0.5)]).roc().unwrap();
        assert_eq!((tied.auc, tied.points), (0.5, vec![[0.0, 0.0], [1.0, 1.0]]));
        assert_eq!(of(&[(true, 0.5)]).roc(), None);
        let b = of(&[(true, 0.2), (true, 0.9), (false, 0.1), (false, 0.9), (false, 0.1)]);
        let c = combine(&a, &b).unwrap();
        assert_eq!((c.overlap, c.union), (0.2, 1.0));
        // Means 0.55, 0.65, 0.1, 0.7, 0.45: only the fourth is called wrongly.
        assert!((c.average.all - 0.8).abs() < 1e-12);
        assert_eq!(combine(&a, &of(&[(true, 0.5)])), None);
    }

    #[test]
    fn long_curves_are_thinned_and_keep_their_area() {
        let rows: Vec<(bool, f32)> = (0..5000).map(|i| (i % 3 == 0, i as f32)).collect();
        let roc = of(&rows).roc().unwrap();
        assert!(roc.points.len() <= POINTS + 2 && roc.points[0] == [0.0, 0.0]);
        assert_eq!(roc.points.last(), Some(&[1.0, 1.0]));
        assert!((roc.auc - 0.5).abs() < 0.01);
    }
}
