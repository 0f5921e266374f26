//! Named total orders, ties by row, bounded top-k.

use super::Row;
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// Which scores come first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// The most similar first.
    Highest,
    /// The least similar first.
    Lowest,
}

impl Order {
    /// Is score `a` strictly better than `b`?
    #[inline]
    pub fn better(self, a: f32, b: f32) -> bool {
        match self {
            Order::Highest => a > b,
            Order::Lowest => a < b,
        }
    }

    /// A score that every finite score is better than.
    pub fn worst(self) -> f32 {
        match self {
            Order::Highest => f32::NEG_INFINITY,
            Order::Lowest => f32::INFINITY,
        }
    }
}

/// A row with its score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scored {
    /// Finite, in its natural sign.
    pub score: f32,
    /// The catalog row.
    pub row: Row,
}

impl Scored {
    /// The order of every answer: the better score first, and of equal scores the lower row.
    /// `Less` means `self` comes first. -0 and 0 are equal scores.
    #[inline]
    pub fn rank(&self, other: &Scored, order: Order) -> Ordering {
        let by_score = match order {
            Order::Highest => other.score.partial_cmp(&self.score),
            Order::Lowest => self.score.partial_cmp(&other.score),
        };
        by_score.unwrap_or(Ordering::Equal).then(self.row.cmp(&other.row))
    }

    /// Does `self` come before `other`?
    #[inline]
    pub fn beats(&self, other: &Scored, order: Order) -> bool {
        self.rank(other, order) == Ordering::Less
    }
}

/// The best `k` of what is offered, exact under ties; what is offered in any sequence gives the same.
#[derive(Debug, Clone)]
pub struct TopK {
    k: usize,
    order: Order,
    heap: BinaryHeap<Worst>,
}

/// Heap entry: the greatest is the one that comes last.
#[derive(Debug, Clone, Copy)]
struct Worst(Scored, Order);

impl PartialEq for Worst {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl Eq for Worst {}
impl PartialOrd for Worst {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Worst {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.rank(&other.0, self.1)
    }
}

impl TopK {
    /// Room for `k` rows; `k = 0` keeps nothing.
    pub fn new(k: usize, order: Order) -> Self {
        TopK { k, order, heap: BinaryHeap::with_capacity(k.min(4096)) }
    }

    /// The row that would be pushed out next, once `k` are held.
    pub fn last(&self) -> Option<Scored> {
        if self.heap.len() < self.k { None } else { self.heap.peek().map(|w| w.0) }
    }

    /// The score to beat or tie: anything worse cannot enter. Never better than what is held.
    #[inline]
    pub fn bar(&self) -> f32 {
        if self.k == 0 {
            return match self.order {
                Order::Highest => f32::INFINITY,
                Order::Lowest => f32::NEG_INFINITY,
            };
        }
        self.last().map_or(self.order.worst(), |s| s.score)
    }

    /// Would this row enter?
    #[inline]
    pub fn admits(&self, scored: Scored) -> bool {
        self.k > 0 && self.last().is_none_or(|last| scored.beats(&last, self.order))
    }

    /// Offers a row; says whether it entered. Scores must be finite, rows offered once each.
    #[inline]
    pub fn push(&mut self, scored: Scored) -> bool {
        if !self.admits(scored) {
            return false;
        }
        if self.heap.len() == self.k {
            self.heap.pop();
        }
        self.heap.push(Worst(scored, self.order));
        true
    }

    /// How many are held.
    pub fn len(&self) -> usize {
        self.heap.len()
    }

    /// Is nothing held?
    pub fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }

    /// Takes every row that `other` holds.
    pub fn merge(&mut self, other: TopK) {
        for w in other.heap {
            self.push(w.0);
        }
    }

    /// What is held, the best first.
    pub fn into_sorted(self) -> Vec<Scored> {
        self.heap.into_sorted_vec().into_iter().map(|w| w.0).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// The oracle: sort everything, cut.
        #[test]
        fn top_k_is_sort_and_cut(
            scores in prop::collection::vec(-3i8..3, 0..60), k in 0usize..12, lowest: bool, seed: u64,
        ) {
            let order = if lowest { Order::Lowest } else { Order::Highest };
            let all: Vec<Scored> = scores.iter().enumerate()
                .map(|(i, &s)| Scored { score: f32::from(s), row: Row(i as u32) }).collect();
            let mut want = all.clone();
            want.sort_by(|a, b| a.rank(b, order));
            want.truncate(k);
            let mut offered = all;
            let n = offered.len().max(1);
            offered.rotate_left((seed % n as u64) as usize);
            let (mut left, mut right) = (TopK::new(k, order), TopK::new(k, order));
            for (i, s) in offered.into_iter().enumerate() {
                if i % 2 == 0 { left.push(s); } else { right.push(s); }
            }
            left.merge(right);
            prop_assert_eq!(left.into_sorted(), want);
        }
    }
}
