//! A decision tree over a few numbers a row: CART (Breiman et al. 1984) with Gini's impurity, grown to a depth and no further.
//!
//! Nothing is random. Every split is the best of all that leave enough rows on either side; of equally good ones that of the earlier
//! number, at the lower value. Our own because the leaves are needed: a ROC wants the share of falsified rows in them, and smartcore
//! 0.7 gives the label of the majority only.

use super::{Error, Predictions, SIX};

/// Splits from the root to a leaf, at most.
const DEPTH: u32 = 6;
/// Rows that a leaf holds, at least.
const LEAF: usize = 20;

/// What a row is known by.
pub type Numbers = [f32; SIX.len()];

/// The tree.
#[derive(Debug, Clone, PartialEq)]
pub enum Tree {
    /// The share of falsified rows that came here in training.
    Leaf(f32),
    /// Rows whose number is at most the value, and the others.
    Split {
        /// Which number.
        number: usize,
        /// Half-way between two values of training.
        value: f32,
        /// At most the value; above it.
        sides: Box<[Tree; 2]>,
    },
}

/// A split that may be made.
#[derive(Debug, Clone, Copy)]
struct Cut {
    number: usize,
    value: f32,
    /// Rows on either side less their impurity: the more the better.
    purity: f64,
}

/// n · (p² + q²) for shares p and q = 1 − p, which is n less n times Gini's impurity.
fn purity(falsified: usize, rows: usize) -> f64 {
    let (f, p) = (falsified as f64, (rows - falsified) as f64);
    (f * f + p * p) / rows.max(1) as f64
}

impl Tree {
    /// Fits it, at most 6 splits deep, at least 20 rows a leaf.
    ///
    /// # Errors
    /// [`Error::Fit`]: there are no rows, or not as many labels; a number is not finite.
    pub fn fit(rows: &[Numbers], truth: &[bool]) -> Result<Tree, Error> {
        let fail = |what: &str| Err(Error::Fit { probe: "tree", what: what.to_owned() });
        if rows.is_empty() || rows.len() != truth.len() {
            return fail("there are no rows to train on, or not as many labels");
        }
        if rows.iter().flatten().any(|x| !x.is_finite()) {
            return fail("a similarity is not finite");
        }
        Ok(grow(rows, truth, (0..rows.len()).collect(), DEPTH))
    }

    /// The share of falsified rows in the leaf of a row.
    pub fn share(&self, row: &Numbers) -> f32 {
        match self {
            Tree::Leaf(share) => *share,
            Tree::Split { number, value, sides } => sides[usize::from(row[*number] > *value)].share(row),
        }
    }

    /// The same of many rows, beside their labels.
    pub fn predict(&self, rows: &[Numbers], truth: &[bool]) -> Predictions {
        Predictions { truth: truth.to_vec(), scores: rows.iter().map(|row| self.share(row)).collect() }
    }
}

fn grow(rows: &[Numbers], truth: &[bool], own: Vec<usize>, depth: u32) -> Tree {
    let falsified = own.iter().filter(|&&i| truth[i]).count();
    let leaf = || Tree::Leaf(falsified as f32 / own.len().max(1) as f32);
    let pure = falsified == 0 || falsified == own.len();
    if depth == 0 || pure || own.len() < 2 * LEAF {
        return leaf();
    }
    let cuts = (0..SIX.len()).filter_map(|number| cut(rows, truth, &own, number));
    let best = cuts.reduce(|a, b| if b.purity > a.purity { b } else { a });
    // Rounding is no gain.
    let Some(best) = best.filter(|b| b.purity > purity(falsified, own.len()) * (1.0 + 1e-12)) else { return leaf() };
    let (above, below) = own.into_iter().partition(|&i| rows[i][best.number] > best.value);
    let sides = Box::new([below, above].map(|side| grow(rows, truth, side, depth - 1)));
    Tree::Split { number: best.number, value: best.value, sides }
}

/// The best cut by one number, if there is any.
fn cut(rows: &[Numbers], truth: &[bool], own: &[usize], number: usize) -> Option<Cut> {
    let mut order: Vec<(f32, bool)> = own.iter().map(|&i| (rows[i][number], truth[i])).collect();
    order.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let all = order.iter().filter(|r| r.1).count();
    let (mut best, mut falsified): (Option<Cut>, usize) = (None, 0);
    for below in 1..order.len() {
        falsified += usize::from(order[below - 1].1);
        let (left, right) = (order[below - 1].0, order[below].0);
        // -0 and 0 are one value.
        if left == right || below < LEAF || order.len() - below < LEAF {
            continue;
        }
        let purity = purity(falsified, below) + purity(all - falsified, order.len() - below);
        if best.is_none_or(|b| purity > b.purity) {
            let middle = left + (right - left) / 2.0;
            let value = if middle < right { middle } else { left };
            best = Some(Cut { number, value, purity });
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::{Rng, SeedableRng};

    /// Few values, so that many rows are equal; some labels follow the numbers, some do not.
    fn rows(seed: u64, n: usize) -> (Vec<Numbers>, Vec<bool>) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut below = |n: u32| rng.next_u32() % n;
        let rows: Vec<Numbers> = (0..n).map(|_| std::array::from_fn(|_| below(12) as f32 / 8.0 - 0.5)).collect();
        let label = |r: &Numbers, noise: u32| ((r[1] > 0.3) != (r[4] <= 0.1)) != (noise == 0);
        let truth = rows.iter().map(|r| label(r, below(5))).collect();
        (rows, truth)
    }

    /// The same tree by trying everything: each number, each value of it, all rows counted anew.
    fn naive(rows: &[(Numbers, bool)], depth: u32) -> Tree {
        let count = |of: &[(Numbers, bool)]| (of.iter().filter(|r| r.1).count(), of.len());
        let gini = |of: &[(Numbers, bool)]| {
            let (f, n) = count(of);
            let p = f as f64 / n as f64;
            n as f64 * 2.0 * p * (1.0 - p)
        };
        let mut best: Option<(f64, usize, f32)> = None;
        for number in 0..SIX.len() {
            let mut values: Vec<f32> = rows.iter().map(|r| r.0[number]).collect();
            values.sort_by(f32::total_cmp);
            values.dedup();
            for pair in values.windows(2) {
                let value = (pair[0] + pair[1]) / 2.0;
                let (below, above): (Vec<_>, Vec<_>) = rows.iter().partition(|r| r.0[number] <= value);
                let left = gini(&below) + gini(&above);
                if below.len() >= LEAF && above.len() >= LEAF && best.is_none_or(|b| left < b.0 - 1e-9) {
                    best = Some((left, number, value));
                }
            }
        }
        let (f, n) = count(rows);
        match best.filter(|b| depth > 0 && b.0 < gini(rows) - 1e-9) {
            None => Tree::Leaf(f as f32 / n as f32),
            Some((_, number, value)) => {
                let (below, above): (Vec<_>, Vec<_>) = rows.iter().partition(|r| r.0[number] <= value);
                Tree::Split { number, value, sides: Box::new([naive(&below, depth - 1), naive(&above, depth - 1)]) }
            }
        }
    }

    #[test]
    fn every_split_is_the_best_of_all() {
        let mut splits = 0;
        for seed in 0..30 {
            let (rows, truth) = rows(seed, 60 + 20 * seed as usize);
            let all: Vec<_> = rows.iter().copied().zip(truth.iter().copied()).collect();
            let tree = Tree::fit(&rows, &truth).unwrap();
            assert_eq!(tree, naive(&all, DEPTH), "seed {seed}");
            splits += usize::from(matches!(tree, Tree::Split { .. }));
        }
        assert!(splits > 20);
    }

    #[test]
    fn what_can_be_learnt_is_learnt_and_leaves_hold_shares() {
        let (train, labels) = rows(100, 4000);
        let tree = Tree::fit(&train, &labels).unwrap();
        let (test, truth) = rows(101, 4000);
        let said = tree.predict(&test, &truth);
        // A fifth of the labels is noise.
        assert!((said.accuracy().all - 0.8).abs() < 0.03, "{:?}", said.accuracy());
        assert!(said.scores.iter().any(|&s| s > 0.0 && s < 1.0) && said.roc().unwrap().points.len() > 3);
    }

    #[test]
    fn what_cannot_be_split_is_a_leaf() {
        let leaf = |rows: &[Numbers], truth: &[bool]| Tree::fit(rows, truth).unwrap();
        // Too few rows; equal rows; equal labels.
        let mixed: Vec<bool> = (0..80).map(|i| i % 4 == 0).collect();
        assert_eq!(leaf(&rows(1, 39).0, &mixed[..39]), Tree::Leaf(10.0 / 39.0));
        assert_eq!(leaf(&[[0.5; SIX.len()]; 80], &mixed), Tree::Leaf(0.25));
        assert_eq!(leaf(&rows(1, 80).0, &[true; 80]), Tree::Leaf(1.0));
        for (rows, truth) in [(vec![], vec![]), (vec![[0.0; 6]], vec![]), (vec![[f32::NAN; 6]], vec![true])] {
            assert!(Tree::fit(&rows, &truth).is_err());
        }
        // Neighbouring numbers have nothing between them.
        let next = f32::from_bits(1.0f32.to_bits() + 1);
        let close: Vec<Numbers> = (0..80).map(|i| [if i < 40 { 1.0 } else { next }; 6]).collect();
        let truth: Vec<bool> = (0..80).map(|i| i >= 40).collect();
        assert_eq!(leaf(&close, &truth).predict(&close, &truth).accuracy().all, 1.0);
    }
}
