//! What selection works on and what it keeps: one split over one chunk, the best candidate so far.

use super::pair::Pair;
use crate::constraints::Bound;
use crate::rows::RowSet;
use crate::words::{Order, Row, Scored};

/// One split over one chunk: who may be pristine, who may be anybody's wrong image.
pub struct Job<'a> {
    /// The split, bound to the index.
    pub bound: &'a Bound<'a>,
    /// The chunk's samples, ascending.
    pub rows: &'a [Row],
    /// Those that may be pristine, ascending.
    pub pristine: Vec<Row>,
    /// Those that may be chosen.
    pub candidates: RowSet,
}

impl<'a> Job<'a> {
    /// Applies the one-sided rules to a chunk.
    pub fn new(bound: &'a Bound<'a>, rows: &'a [Row]) -> Job<'a> {
        let pristine = rows.iter().copied().filter(|&r| bound.refused_as_pristine(r).is_none()).collect();
        Job { bound, rows, pristine, candidates: bound.candidates(rows.iter().copied()) }
    }
}

/// What a pristine caption has found so far: the best from H and, while that is empty, the best from L.
///
/// The result does not depend on the order in which candidates are offered.
#[derive(Debug, Clone)]
pub struct Best {
    order: Order,
    own_cti: f32,
    hard: Option<(Scored, f32)>,
    easy: Option<(Scored, f32)>,
}

impl Best {
    /// For a caption whose own image has this CTI.
    pub fn new(order: Order, own_cti: f32) -> Best {
        Best { order, own_cti, hard: None, easy: None }
    }

    /// Nothing with a worse split score is wanted from anywhere: `None` while a candidate of any score could enter.
    pub fn bar(&self) -> Option<f32> {
        self.hard.map(|(s, _)| s.score)
    }

    /// Nothing from L with a worse split score is wanted.
    pub fn easy_bar(&self) -> f32 {
        self.easy.map_or(self.order.worst(), |(s, _)| s.score)
    }

    /// CTI(p): from here on a candidate is from H.
    pub fn own_cti(&self) -> f32 {
        self.own_cti
    }

    /// Offers a candidate; `admits` is asked only where the candidate would be taken.
    #[inline]
    pub fn offer(&mut self, scored: Scored, cti: f32, admits: impl FnOnce() -> bool) {
        let is_hard = cti >= self.own_cti;
        let held = match (is_hard, self.hard) {
            (false, Some(_)) => return,
            (true, hard) => hard,
            (false, None) => self.easy,
        };
        if held.is_none_or(|(best, _)| scored.beats(&best, self.order)) && admits() {
            *(if is_hard { &mut self.hard } else { &mut self.easy }) = Some((scored, cti));
        }
    }

    /// The pair that was found.
    pub fn pair(&self, pristine: Row) -> Option<Pair> {
        let (found, cti) = self.hard.or(self.easy)?;
        let (score, falsified) = (found.score, found.row);
        Some(Pair { pristine, falsified, score, cti_pristine: self.own_cti, cti_falsified: cti })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// The definition: H before L, then the split's order, then the row.
        #[test]
        fn best_is_the_definition(
            offers in prop::collection::vec((-3i8..3, -2i8..3, prop::bool::ANY), 0..30), lowest: bool, turn in 0usize..30,
        ) {
            let order = if lowest { Order::Lowest } else { Order::Highest };
            let mut all: Vec<_> = offers.iter().enumerate().map(|(i, &(score, cti, admissible))| {
                (Scored { score: f32::from(score), row: Row(i as u32) }, f32::from(cti), admissible)
            }).collect();
            let want = all.iter().filter(|o| o.2)
                .min_by(|a, b| (b.1 >= 1.0).cmp(&(a.1 >= 1.0)).then(a.0.rank(&b.0, order))).map(|o| o.0.row);
            let n = all.len().max(1);
            all.rotate_left(turn % n);
            let mut best = Best::new(order, 1.0);
            for (scored, cti, admissible) in all {
                best.offer(scored, cti, || admissible);
            }
            prop_assert_eq!(best.pair(Row(99)).map(|p| p.falsified), want);
        }
    }
}
