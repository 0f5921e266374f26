//! Two encoders on the same queries: is one better, or was it luck?

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde::Serialize;

/// The difference of a mean between two systems, with its interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Difference {
    /// The mean of the first.
    pub a: f64,
    /// The mean of the second.
    pub b: f64,
    /// b − a.
    pub difference: f64,
    /// The 2.5% and the 97.5% percentile of the difference over the resamples.
    pub interval: [f64; 2],
    /// Resamples.
    pub resamples: u32,
}

/// The paired bootstrap: queries are drawn with repetition, each with its value under both systems. `None` for lists of different
/// lengths, or empty ones.
pub fn paired(a: &[f64], b: &[f64], resamples: u32, seed: u64) -> Option<Difference> {
    let n = a.len();
    if n == 0 || n != b.len() || resamples == 0 {
        return None;
    }
    let each: Vec<f64> = a.iter().zip(b).map(|(a, b)| b - a).collect();
    let mean = |values: &[f64]| values.iter().sum::<f64>() / n as f64;
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut pick = || each[((u128::from(rng.next_u64()) * n as u128) >> 64) as usize];
    let mut means: Vec<f64> = (0..resamples).map(|_| (0..n).map(|_| pick()).sum::<f64>() / n as f64).collect();
    means.sort_by(f64::total_cmp);
    let at = |share: f64| means[((share * f64::from(resamples)) as usize).min(means.len() - 1)];
    Some(Difference { a: mean(a), b: mean(b), difference: mean(&each), interval: [at(0.025), at(0.975)], resamples })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals() {
        // No difference in any query: none in any resample.
        let same = paired(&[0.0, 1.0, 0.5], &[0.0, 1.0, 0.5], 100, 1).unwrap();
        assert_eq!((same.difference, same.interval), (0.0, [0.0, 0.0]));
        // 60 of 100 gain 1, 40 lose 1: the mean is 0.2, its standard error 0.098.
        let (a, b): (Vec<f64>, Vec<f64>) = (0..100).map(|i| if i < 60 { (0.0, 1.0) } else { (1.0, 0.0) }).unzip();
        let d = paired(&a, &b, 4000, 1).unwrap();
        assert!((d.difference - 0.2).abs() < 1e-12 && (d.a, d.b) == (0.4, 0.6));
        assert!((d.interval[0] - 0.008).abs() < 0.03 && (d.interval[1] - 0.392).abs() < 0.03, "{d:?}");
        assert_eq!(paired(&a, &b, 4000, 1), Some(d), "seeded");
        assert_eq!(paired(&[], &[], 10, 1), None);
        assert_eq!(paired(&[1.0], &[], 10, 1), None);
    }
}
