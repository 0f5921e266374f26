//! The best assignment of what was predicted to what is true.

/// True things that are looked at; beyond these the first so many.
const MOST: usize = 14;

/// The highest sum of `score(predicted, truth)` over assignments in which each is used at most once, divided by the number of true
/// things. Scores are not negative. 0 without true things.
///
/// Exact, by going through the sets of true things that are taken already. What is long is cut to the first 14 true things.
pub fn assignment(predicted: usize, truth: usize, score: impl Fn(usize, usize) -> f64) -> f64 {
    if truth == 0 {
        return 0.0;
    }
    let looked_at = truth.min(MOST);
    let mut best = vec![f64::NEG_INFINITY; 1 << looked_at];
    best[0] = 0.0;
    for p in 0..predicted {
        // Downwards, so that a prediction is used once.
        for set in (0..best.len()).rev() {
            for t in (0..looked_at).filter(|t| set >> t & 1 == 1) {
                let without = best[set ^ (1 << t)] + score(p, t);
                best[set] = best[set].max(without);
            }
        }
    }
    best.into_iter().fold(0.0, f64::max) / truth as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn by_hand() {
        let s = [[0.9, 0.8], [0.8, 0.1]];
        // 0.8 + 0.8 beats 0.9 + 0.1.
        assert!((assignment(2, 2, |p, t| s[p][t]) - 0.8).abs() < 1e-12);
        assert!((assignment(1, 2, |p, t| s[p][t]) - 0.45).abs() < 1e-12);
        assert_eq!(assignment(0, 2, |_, _| 1.0), 0.0);
        assert_eq!(assignment(2, 0, |_, _| 1.0), 0.0);
        assert_eq!(assignment(40, 30, |_, _| 1.0), 14.0 / 30.0);
    }

    fn naive(s: &[Vec<f64>], used: &mut Vec<bool>, p: usize) -> f64 {
        if p == s.len() {
            return 0.0;
        }
        let mut best = naive(s, used, p + 1);
        for t in 0..used.len() {
            if !used[t] {
                used[t] = true;
                best = f64::max(best, s[p][t] + naive(s, used, p + 1));
                used[t] = false;
            }
        }
        best
    }

    proptest! {
        #[test]
        fn is_the_best_of_all(s in (1usize..5, 1usize..5).prop_flat_map(|(p, t)| prop::collection::vec(prop::collection::vec(0.0f64..1.0, t), p))) {
            let truth = s[0].len();
            let want = naive(&s, &mut vec![false; truth], 0) / truth as f64;
            prop_assert!((assignment(s.len(), truth, |p, t| s[p][t]) - want).abs() < 1e-9);
        }
    }
}
