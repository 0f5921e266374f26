//! Numbers made of ranks.

use serde::Serialize;

/// R@k, MRR and the median rank of a set of queries.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Metrics {
    /// How many queries.
    pub queries: u64,
    /// For each k, in the order asked for: the share of queries whose rank is at most k.
    pub recall: Vec<f64>,
    /// The mean of 1 / rank; a query that was not found counts 0.
    pub mrr: f64,
    /// The median of the ranks, between the two middle ones where their number is even; null where it is not among those found.
    pub median_rank: Option<f64>,
}

impl Metrics {
    /// Of ranks from 1; `None` is not found. Without queries recall and MRR are 0.
    pub fn of(ranks: impl Iterator<Item = Option<u64>>, ks: &[u64]) -> Metrics {
        let mut ranks: Vec<u64> = ranks.map(|r| r.unwrap_or(u64::MAX)).collect();
        ranks.sort_unstable();
        let n = ranks.len();
        let share = |count: usize| if n == 0 { 0.0 } else { count as f64 / n as f64 };
        let found = ranks.iter().filter(|&&r| r != u64::MAX);
        let middle = |i: usize| ranks.get(i).copied().filter(|&r| r != u64::MAX).map(|r| r as f64);
        Metrics {
            queries: n as u64,
            recall: ks.iter().map(|&k| share(ranks.partition_point(|&r| r <= k))).collect(),
            mrr: if n == 0 { 0.0 } else { found.map(|&r| 1.0 / r as f64).sum::<f64>() / n as f64 },
            median_rank: match n {
                0 => None,
                n if n % 2 == 1 => middle(n / 2),
                n => middle(n / 2 - 1).zip(middle(n / 2)).map(|(a, b)| (a + b) / 2.0),
            },
        }
    }
}

/// A number over several draws.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    /// The mean.
    pub mean: f64,
    /// The sample standard deviation (n − 1); 0 for one draw.
    pub sd: f64,
}

/// Mean and standard deviation; `None` of nothing.
pub fn spread(values: &[f64]) -> Option<Spread> {
    let n = values.len() as f64;
    if values.is_empty() {
        return None;
    }
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
    Some(Spread { mean, sd: if n > 1.0 { (squares / (n - 1.0)).sqrt() } else { 0.0 } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        let m = Metrics::of([Some(1), Some(2), Some(4), None].into_iter(), &[1, 2, 10]);
        assert_eq!((m.queries, m.recall), (4, vec![0.25, 0.5, 0.75]));
        assert_eq!(m.mrr, (1.0 + 0.5 + 0.25) / 4.0);
        assert_eq!(m.median_rank, Some(3.0));
        assert_eq!(Metrics::of([Some(5), None, None].into_iter(), &[1]).median_rank, None);
        assert_eq!(Metrics::of([Some(5), Some(3), None].into_iter(), &[1]).median_rank, Some(5.0));
        let empty = Metrics::of(std::iter::empty(), &[1]);
        assert_eq!((empty.recall, empty.mrr, empty.median_rank), (vec![0.0], 0.0, None));
        assert_eq!(spread(&[1.0, 3.0]), Some(Spread { mean: 2.0, sd: 2.0_f64.sqrt() }));
        assert_eq!(spread(&[4.0]), Some(Spread { mean: 4.0, sd: 0.0 }));
        assert_eq!(spread(&[]), None);
    }
}
