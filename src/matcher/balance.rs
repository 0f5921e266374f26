//! 50–50 balance of a split: CLIP alone picks the pristine image in exactly half of the pairs.

use super::pair::{Pair, hard_and_easy};

/// What [`balance`] keeps.
#[derive(Debug, Clone, PartialEq)]
pub struct Balanced {
    /// As many from H as from L, in catalog order of the pristine row.
    pub pairs: Vec<Pair>,
    /// Pairs from H that were dropped. One of the two counts is 0.
    pub trimmed_hard: usize,
    /// Pairs from L that were dropped.
    pub trimmed_easy: usize,
}

/// Trims the larger of {from H, from L} until they are equal in number (NewsCLIPpings, §3: in half of
/// the pairs CLIP prefers the pristine image, in half the falsified one).
///
/// The pairs with the largest CTI(p) − CTI(f) go first: those that CLIP sees through most easily, or is fooled by
/// least. Among equal differences the higher pristine row goes first, then the higher falsified row. The difference
/// is taken in `f64`.
pub fn balance(mut pairs: Vec<Pair>) -> Balanced {
    let (hard, easy) = hard_and_easy(&pairs);
    let keep = hard.min(easy);
    // The pairs that stay come first.
    pairs.sort_unstable_by(|x, y| {
        x.ease().total_cmp(&y.ease()).then(x.pristine.cmp(&y.pristine)).then(x.falsified.cmp(&y.falsified))
    });
    let mut kept = [0usize; 2];
    pairs.retain(|p| {
        let seen = &mut kept[usize::from(p.hard())];
        *seen += 1;
        *seen <= keep
    });
    pairs.sort_unstable_by_key(|p| (p.pristine, p.falsified));
    Balanced { pairs, trimmed_hard: hard - keep, trimmed_easy: easy - keep }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::Row;
    use proptest::prelude::*;

    fn pair(row: u32, p: f32, f: f32) -> Pair {
        Pair { pristine: Row(row), falsified: Row(row + 1000), score: 0.5, cti_pristine: p, cti_falsified: f }
    }

    /// The rule as it is worded: while one side is larger, find its easiest pair and remove it.
    fn obvious(mut pairs: Vec<Pair>) -> Vec<Pair> {
        loop {
            let (hard, easy) = hard_and_easy(&pairs);
            if hard == easy {
                pairs.sort_by_key(|p| p.pristine);
                return pairs;
            }
            let victim = (0..pairs.len())
                .filter(|&i| pairs[i].hard() == (hard > easy))
                .max_by(|&i, &j| {
                    let (x, y) = (&pairs[i], &pairs[j]);
                    x.ease().total_cmp(&y.ease()).then(x.pristine.cmp(&y.pristine))
                })
                .unwrap();
            pairs.remove(victim);
        }
    }

    #[test]
    fn of_equal_differences_the_higher_row_goes() {
        let kept = balance(vec![pair(7, 0.5, 0.25), pair(3, 0.5, 0.25), pair(5, 0.25, 0.5)]);
        assert_eq!(kept.pairs.iter().map(|p| p.pristine.0).collect::<Vec<_>>(), [3, 5]);
        assert_eq!((kept.trimmed_hard, kept.trimmed_easy), (0, 1));
    }

    #[test]
    fn one_sided_input_leaves_nothing() {
        let kept = balance(vec![pair(1, 0.5, 0.5), pair(2, 0.1, 0.2)]);
        assert!(kept.pairs.is_empty());
        assert_eq!(kept.trimmed_hard, 2);
        assert!(balance(Vec::new()).pairs.is_empty());
    }

    proptest! {
        #[test]
        fn trims_as_the_rule_is_worded(ctis in prop::collection::vec((0u8..6, 0u8..6), 0..40), turn in 0usize..40) {
            let mut pairs: Vec<Pair> = ctis.iter().enumerate()
                .map(|(i, &(p, f))| pair(i as u32, f32::from(p) / 10.0, f32::from(f) / 10.0)).collect();
            let want = obvious(pairs.clone());
            let n = pairs.len().max(1);
            pairs.rotate_left(turn % n);
            let got = balance(pairs);
            prop_assert_eq!(got.pairs.len() + got.trimmed_hard + got.trimmed_easy, ctis.len());
            prop_assert_eq!(got.pairs, want);
        }
    }
}
