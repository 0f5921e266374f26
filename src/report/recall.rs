//! Recall@k with ties by score.

use crate::words::{Order, Row, Scored};

/// The share of the exact answer that was found, 0 to 1.
///
/// `truth` is the exact answer: the best `k` rows, or all there are. A found row counts if its exact score reaches that
/// of the last row of `truth`: among rows of that score it is arbitrary which are "the" nearest, so an engine that
/// returns others of them has missed nothing. Of rows that tie with the last no more count than `truth` has, so that
/// they do not make up for a better row that was missed. `score` gives the exact score of a row, in the same bits as in
/// `truth` (every score of this program is one canonical dot product), or `None` for a row that may not be found at all.
/// What the engine itself says of scores is not asked. Of `found` the first `truth.len()` rows count, a repeated row once.
///
/// Where there is nothing to find recall is 1.
pub fn recall_at_k(found: &[Row], truth: &[Scored], order: Order, score: impl Fn(Row) -> Option<f32>) -> f64 {
    let Some(last) = truth.last().map(|s| s.score) else { return 1.0 };
    let first = &found[..found.len().min(truth.len())];
    let distinct = first.iter().enumerate().filter(|&(i, row)| !first[..i].contains(row));
    let (mut better, mut tied) = (0, 0);
    for score in distinct.filter_map(|(_, &row)| score(row)) {
        better += usize::from(order.better(score, last));
        tied += usize::from(score == last);
    }
    let places = truth.iter().filter(|s| s.score == last).count();
    (better + tied.min(places)) as f64 / truth.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn truth(scores: &[f32], k: usize, order: Order) -> Vec<Scored> {
        let mut all: Vec<Scored> =
            scores.iter().zip(0..).map(|(&score, row)| Scored { score, row: Row(row) }).collect();
        all.sort_by(|a, b| a.rank(b, order));
        all.truncate(k);
        all
    }

    #[test]
    fn ties_count_and_repetitions_do_not() {
        let scores = [0.9, 0.5, 0.5, 0.5, 0.1];
        let truth = truth(&scores, 2, Order::Highest);
        let recall = |found: &[u32]| {
            let found: Vec<Row> = found.iter().map(|&r| Row(r)).collect();
            recall_at_k(&found, &truth, Order::Highest, |r| scores.get(r.index()).copied())
        };
        assert_eq!(recall(&[0, 1]), 1.0);
        assert_eq!(recall(&[3, 0]), 1.0, "row 3 scores what row 1 does");
        assert_eq!(recall(&[1, 2]), 0.5, "two of the second place do not make up for the first");
        assert_eq!(recall(&[0, 4]), 0.5);
        assert_eq!(recall(&[0, 0]), 0.5);
        assert_eq!(recall(&[0]), 0.5);
        assert_eq!(recall(&[4, 3, 0]), 0.5, "only the first two count");
        assert_eq!(recall(&[0, 77]), 0.5, "no such row");
        assert_eq!(recall(&[]), 0.0);
        assert_eq!(recall_at_k(&[], &[], Order::Highest, |_| None), 1.0);
    }

    proptest! {
        /// The oracle: the multiset of scores found, intersected with the true one.
        #[test]
        fn is_the_share_of_the_true_scores(
            scores in prop::collection::vec(-2i8..3, 1..20),
            found in prop::collection::vec(0u32..20, 0..12),
            k in 1usize..8,
            lowest: bool,
        ) {
            let order = if lowest { Order::Lowest } else { Order::Highest };
            let scores: Vec<f32> = scores.into_iter().map(f32::from).collect();
            let truth = truth(&scores, k, order);
            let found: Vec<Row> = found.into_iter().filter(|&r| (r as usize) < scores.len()).map(Row).collect();
            let distinct: BTreeSet<Row> = found.iter().take(truth.len()).copied().collect();
            let mut want = 0;
            for score in [-2.0, -1.0, 0.0, 1.0, 2.0] {
                let of_truth = truth.iter().filter(|s| s.score == score).count();
                want += of_truth.min(distinct.iter().filter(|r| scores[r.index()] == score).count());
            }
            let got = recall_at_k(&found, &truth, order, |r| Some(scores[r.index()]));
            prop_assert!((got - want as f64 / truth.len() as f64).abs() < 1e-12);
            prop_assert!(got <= 1.0);
        }
    }
}
