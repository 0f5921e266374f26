//! CLIP as it is: which of two images it prefers, which of five, and how its scores lie.

use super::Pairs;
use crate::matcher::chunks::shuffle;
use serde::Serialize;
use std::collections::HashSet;

/// The ranking task: the caption with its own image, and with the wrong one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Ranking {
    /// Pairs.
    pub pairs: u64,
    /// Pairs in which CTI of the right image is higher.
    pub prefers_right: u64,
    /// Pairs with equal CTIs: the wrong image is as good.
    pub ties: u64,
    /// `prefers_right / pairs`: 0.5 by design where a split is balanced.
    pub share: f64,
}

/// Counts.
pub fn ranking<'p>(ctis: impl Iterator<Item = (&'p f32, &'p f32)>) -> Ranking {
    let (mut pairs, mut prefers_right, mut ties) = (0, 0, 0);
    for (right, wrong) in ctis {
        pairs += 1;
        prefers_right += u64::from(right > wrong);
        ties += u64::from(right == wrong);
    }
    Ranking { pairs, prefers_right, ties, share: prefers_right as f64 / f64::max(pairs as f64, 1.0) }
}

/// The caption's own image among four random ones: what the task would be without matching (the paper: 97.39%).
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct OneOfFive {
    /// Captions.
    pub captions: u64,
    /// Captions whose own image has a higher CTI than all four others.
    pub share: f64,
}

/// Four others each, distinct and none of them the caption's own, drawn from the right images of the file's other pairs with the
/// seed. `None` for fewer than five images.
pub fn one_of_five(pairs: &Pairs<'_>, seed: u64) -> Option<OneOfFive> {
    let n = pairs.pairs.len();
    let images: HashSet<u32> = pairs.pairs.iter().map(|p| p.right_image).collect();
    if images.len() < 5 {
        return None;
    }
    // A shuffled ring: the four next images on it. Many captions may have one image, which is then passed over.
    let mut ring: Vec<usize> = (0..n).collect();
    shuffle(&mut ring, seed, 8_000);
    let first = ring.iter().enumerate().filter(|&(place, &i)| {
        let pair = &pairs.pairs[i];
        let query = pairs.text.padded(pair.text);
        let mut seen = vec![pair.right_image];
        let others = (1..n).map(|step| &pairs.pairs[ring[(place + step) % n]]);
        let mut others = others.filter(|other| {
            let is_new = !seen.contains(&other.right_image);
            if is_new {
                seen.push(other.right_image);
            }
            is_new
        });
        others.by_ref().take(4).all(|other| pairs.image.dot(&query, other.right) < pair.cti_right)
    });
    Some(OneOfFive { captions: n as u64, share: first.count() as f64 / n as f64 })
}

/// How scores are distributed: counts of equally wide bins.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Histogram {
    /// Where the first bin begins.
    pub from: f64,
    /// Where the last bin ends.
    pub to: f64,
    /// Scores in each bin; the last one holds `to`, too.
    pub counts: Vec<u64>,
    /// The mean of the scores.
    pub mean: f64,
    /// Their standard deviation (n − 1).
    pub sd: f64,
}

/// A histogram over [from, to]; scores outside fall into the bin at that end. `None` of nothing.
pub fn histogram(scores: impl Iterator<Item = f32> + Clone, from: f64, to: f64, bins: usize) -> Option<Histogram> {
    let values: Vec<f64> = scores.map(f64::from).collect();
    let spread = super::super::retrieval::spread(&values)?;
    let mut counts = vec![0; bins.max(1)];
    let width = (to - from).max(f64::MIN_POSITIVE);
    for value in values {
        let bin = ((value - from) / width * counts.len() as f64).floor().max(0.0) as usize;
        let last = counts.len() - 1;
        counts[bin.min(last)] += 1;
    }
    Some(Histogram { from, to, counts, mean: spread.mean, sd: spread.sd })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        let (right, wrong) = ([0.3, 0.2, 0.4, 0.1], [0.2, 0.2, 0.5, 0.0]);
        let r = ranking(right.iter().zip(&wrong));
        assert_eq!((r.pairs, r.prefers_right, r.ties, r.share), (4, 2, 1, 0.5));
        assert_eq!(ranking([].iter().zip(&[])).share, 0.0);
        let h = histogram([-1.0, 0.0, 0.24, 0.25, 1.0, 7.0].into_iter(), 0.0, 1.0, 4).unwrap();
        assert_eq!(h.counts, [3, 1, 0, 2]);
        assert!((h.mean - 7.49 / 6.0).abs() < 1e-6);
        assert_eq!(histogram(std::iter::empty(), 0.0, 1.0, 4), None);
    }
}
