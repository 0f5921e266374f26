//! The person split, balanced over images: every image is as often pristine as falsified.
//!
//! The published test split gets there by mutual swaps: A is shown with B's image and B with A's. Whole swaps are
//! edges between samples, and a choice of them is a matching.

pub use super::blossom::Effort;
use super::blossom::maximum_matching;
use super::pair::Pair;
use crate::words::Row;

/// A swap of images that is admissible in both directions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Swap {
    /// One sample.
    pub a: Row,
    /// The other one.
    pub b: Row,
    /// The split's score, the same in both directions: SBERT cosine of the captions, lowest is best.
    pub score: f32,
    /// CTI of a's caption and a's image.
    pub cti_a: f32,
    /// CTI of b's caption and b's image.
    pub cti_b: f32,
    /// CTI of a's caption and b's image.
    pub cti_ab: f32,
    /// CTI of b's caption and a's image.
    pub cti_ba: f32,
}

impl Swap {
    /// The two falsified pairs, the one with a's caption first.
    pub fn pairs(&self) -> [Pair; 2] {
        let pair = |pristine, falsified, cti_pristine, cti_falsified| Pair {
            pristine,
            falsified,
            score: self.score,
            cti_pristine,
            cti_falsified,
        };
        [pair(self.a, self.b, self.cti_a, self.cti_ab), pair(self.b, self.a, self.cti_b, self.cti_ba)]
    }

    /// How many of the two pairs are from H: 0, 1 or 2.
    pub fn hard(&self) -> u8 {
        self.pairs().iter().map(|p| u8::from(p.hard())).sum()
    }

    fn ease(&self) -> f64 {
        let [ab, ba] = self.pairs();
        ab.ease() + ba.ease() + 0.0
    }

    /// With `a < b`: the same swap, seen from the other side.
    fn ordered(self) -> Swap {
        if self.a < self.b {
            return self;
        }
        let Swap { a, b, score, cti_a, cti_b, cti_ab, cti_ba } = self;
        Swap { a: b, b: a, score, cti_a: cti_b, cti_b: cti_a, cti_ab: cti_ba, cti_ba: cti_ab }
    }

    /// The score in units of `1 / scale`, off by half of one at most.
    fn units(&self, scale: f64) -> i64 {
        (f64::from(self.score) * scale).round() as i64
    }
}

/// What [`choose_swaps`] chose.
#[derive(Debug, Clone, PartialEq)]
pub struct Swapped {
    /// Two pairs per swap that was kept, in catalog order of the pristine row.
    pub pairs: Vec<Pair>,
    /// Swaps in the optimal choice.
    pub found: usize,
    /// Of these, swaps dropped to bring #H nearer to #L.
    pub dropped: usize,
    /// Pairs from H that are left.
    pub hard: usize,
    /// Pairs from L that are left.
    pub easy: usize,
    /// What the choice took; depends on the swaps alone.
    pub effort: Effort,
}

/// Chooses whole swaps so that no sample is in two: as many as possible; among those choices the most pairs from H;
/// among those the lowest sum of scores (counted in units of 2⁻³⁰). Then drops swaps for the balance of H and L.
///
/// The choice is exact, proved by dual values that are feasible for every admissible swap. Of several optima the one
/// returned depends on the catalog rows alone, not on the order of `swaps`. Duplicates count once (the best by pairs
/// from H, then score), a swap of a sample with itself not at all.
///
/// The whole swaps are then walked by their sum of CTI(p) − CTI(f) over the two pairs, largest first; of equal sums the
/// one whose lower row is higher comes first. A swap is dropped if that brings |#H − #L| strictly nearer to 0. Since the
/// difference only ever changes by two, and the larger side always has a swap to give, #H = #L in the end.
///
/// Memory: 16 bytes a swap beside the input, and a few kilobytes a sample. Time: seconds for a chunk of 10,000 samples with a
/// million swaps, half a minute for 20,000 with three million (`tests/balance.rs`, `scale`). There is no bound on the
/// work but the algorithm's own, and no approximation behind one.
pub fn choose_swaps(swaps: Vec<Swap>) -> Swapped {
    let (chosen, effort) = match_swaps(swaps);
    Swapped { effort, ..settle_swaps(chosen) }
}

/// The second half of [`choose_swaps`], for swaps chosen chunk by chunk with [`match_swaps`]: drops for balance what is
/// to be dropped over all of them. `effort` is that of no choice.
pub fn settle_swaps(chosen: Vec<Swap>) -> Swapped {
    let found = chosen.len();
    let kept = drop_for_balance(chosen);
    let dropped = found - kept.len();
    let hard = kept.iter().map(|s| usize::from(s.hard())).sum();
    let mut pairs: Vec<Pair> = kept.iter().flat_map(Swap::pairs).collect();
    pairs.sort_unstable_by_key(|p| p.pristine);
    Swapped { easy: pairs.len() - hard, pairs, found, dropped, hard, effort: Effort::default() }
}

/// 2³⁰ for cosines: then scores are exact from 2⁻⁷ in magnitude up, else off by at most 2⁻³¹. Of greater scores (dot
/// products) the largest takes 31 bits, too.
fn scale(swaps: &[Swap]) -> f64 {
    let largest = swaps.iter().map(|s| f64::from(s.score).abs()).fold(2.0, f64::max);
    let mut scale = f64::from(1 << 30);
    while largest * scale > f64::from(1u32 << 31) {
        scale /= 2.0;
    }
    scale
}

/// The optimal choice, before anything is dropped; `a < b` in every swap, in order of `a`.
pub fn match_swaps(swaps: Vec<Swap>) -> (Vec<Swap>, Effort) {
    let mut swaps: Vec<Swap> = swaps.into_iter().filter(|s| s.a != s.b).map(Swap::ordered).collect();
    let scale = scale(&swaps);
    swaps.sort_unstable_by(|x, y| {
        let by_ctis = || {
            [x.cti_a, x.cti_b, x.cti_ab, x.cti_ba]
                .iter()
                .zip([y.cti_a, y.cti_b, y.cti_ab, y.cti_ba])
                .fold(std::cmp::Ordering::Equal, |o, (p, q)| o.then(p.total_cmp(&q)))
        };
        (x.a, x.b, y.hard(), x.units(scale)).cmp(&(y.a, y.b, x.hard(), y.units(scale))).then_with(by_ctis)
    });
    swaps.dedup_by_key(|s| (s.a, s.b));
    let mut rows: Vec<Row> = swaps.iter().flat_map(|s| [s.a, s.b]).collect();
    rows.sort_unstable();
    rows.dedup();
    let vertex = |row: Row| rows.partition_point(|&r| r < row) as u32;
    let ends: Vec<(u32, u32)> = swaps.iter().map(|s| (vertex(s.a), vertex(s.b))).collect();
    let (low, high) =
        swaps.iter().fold((i64::MAX, i64::MIN), |(l, h), s| (l.min(s.units(scale)), h.max(s.units(scale))));
    // One pair more from H outweighs all that the scores of n/2 swaps can differ in.
    let per_hard = if swaps.is_empty() { 0 } else { (rows.len() as i128 / 2) * i128::from(high - low) + 1 };
    let value = |e: usize| i128::from(swaps[e].hard()) * per_hard - i128::from(swaps[e].units(scale));
    let (mates, effort) = maximum_matching(rows.len() as u32, &ends, value);
    let chosen = ends.iter().zip(swaps).filter(|((a, b), _)| mates[*a as usize] == Some(*b)).map(|(_, s)| s).collect();
    (chosen, effort)
}

/// Drops swaps for the balance of H and L, as [`choose_swaps`] says.
fn drop_for_balance(mut swaps: Vec<Swap>) -> Vec<Swap> {
    // #H − #L over both pairs of every swap.
    let mut lead: i64 = swaps.iter().map(|s| 2 * i64::from(s.hard()) - 2).sum();
    swaps.sort_unstable_by(|x, y| y.ease().total_cmp(&x.ease()).then(y.a.cmp(&x.a)));
    swaps.retain(|s| {
        let after = lead - (2 * i64::from(s.hard()) - 2);
        let nearer = after.abs() < lead.abs();
        if nearer {
            lead = after;
        }
        !nearer
    });
    swaps
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The scale of scores that are cosines.
    const COSINES: f64 = (1 << 30) as f64;

    /// A swap among `n` rows from a few small numbers: many ties.
    fn swap(n: u32) -> impl Strategy<Value = Swap> {
        (0..n, 0..n, 0i8..6, [0u8..4, 0u8..4, 0u8..4, 0u8..4]).prop_map(|(a, b, score, ctis)| {
            let [cti_a, cti_b, cti_ab, cti_ba] = ctis.map(|x| f32::from(x) / 8.0);
            Swap { a: Row(a), b: Row(b), score: f32::from(score - 2) / 4.0, cti_a, cti_b, cti_ab, cti_ba }
        })
    }

    /// (swaps, pairs from H, −score sum) of the best choice among `swaps`, by trying everything.
    fn brute(swaps: &[Swap], used: u32) -> (usize, usize, i64) {
        let Some((s, rest)) = swaps.split_first() else { return (0, 0, 0) };
        let without = brute(rest, used);
        let both = 1 << s.a.0 | 1 << s.b.0;
        if s.a == s.b || used & both != 0 {
            return without;
        }
        let (count, hard, low) = brute(rest, used | both);
        without.max((count + 1, hard + usize::from(s.hard()), low - s.units(COSINES)))
    }

    fn worth(swaps: &[Swap]) -> (usize, usize, i64) {
        let hard = swaps.iter().map(|s| usize::from(s.hard())).sum();
        (swaps.len(), hard, -swaps.iter().map(|s| s.units(COSINES)).sum::<i64>())
    }

    /// The rule of dropping as it is worded.
    fn drop_obviously(swaps: &[Swap]) -> Vec<Swap> {
        let lead = |swaps: &[Swap]| {
            let (count, hard, _) = worth(swaps);
            (hard as i64) - (2 * count as i64 - hard as i64)
        };
        let mut walk = swaps.to_vec();
        walk.sort_by(|x, y| {
            let sum = |s: &Swap| s.pairs().iter().map(Pair::ease).sum::<f64>();
            sum(y).partial_cmp(&sum(x)).unwrap().then(y.a.cmp(&x.a))
        });
        let mut left = walk.clone();
        for s in walk {
            let without: Vec<Swap> = left.iter().copied().filter(|x| x != &s).collect();
            if lead(&without).abs() < lead(&left).abs() {
                left = without;
            }
        }
        left
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(3000))]
        #[test]
        fn small_choices_by_brute_force(swaps in prop::collection::vec(swap(9), 0..16), turn in 0usize..16) {
            let (chosen, _) = match_swaps(swaps.clone());
            prop_assert_eq!(worth(&chosen), brute(&swaps, 0));
            let mut turned: Vec<Swap> = swaps.clone();
            let n = swaps.len().max(1);
            turned.rotate_left(turn % n);
            for s in turned.iter_mut().step_by(2) {
                *s = Swap { a: s.b, b: s.a, cti_a: s.cti_b, cti_b: s.cti_a, cti_ab: s.cti_ba, cti_ba: s.cti_ab, ..*s };
            }
            prop_assert_eq!(&match_swaps(turned).0, &chosen);
            let mut kept: Vec<Swap> = drop_for_balance(chosen.clone());
            let mut want = drop_obviously(&chosen);
            kept.sort_by_key(|s| s.a);
            want.sort_by_key(|s| s.a);
            prop_assert_eq!(kept, want);
        }

        #[test]
        fn pairs_come_in_swaps_and_halves(swaps in prop::collection::vec(swap(200), 0..600)) {
            let got = choose_swaps(swaps.clone());
            prop_assert_eq!(got.hard, got.easy);
            prop_assert_eq!(got.pairs.len(), 2 * (got.found - got.dropped));
            prop_assert!(got.pairs.is_sorted_by_key(|p| p.pristine));
            for p in &got.pairs {
                prop_assert_eq!(got.pairs.iter().filter(|q| q.pristine == p.pristine).count(), 1);
                prop_assert_eq!(got.pairs.iter().filter(|q| q.falsified == p.pristine).count(), 1);
                prop_assert!(got.pairs.iter().any(|q| (q.pristine, q.falsified) == (p.falsified, p.pristine)));
                prop_assert!(swaps.iter().any(|s| s.pairs().contains(p)));
            }
        }
    }
}
