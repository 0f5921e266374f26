//! Rows that are coded alike: one of each kind is linked by nearness, and the others hang on it in a chain.
//!
//! ```text
//!   o───o──────o       the first of its kind has links like any node …
//!       │╲
//!       c1 → c2 → c3   … and one to the first of its copies; each copy leads to the next, and back to the first of all
//! ```
//! One photo under five captions is five rows with one vector. Linked by nearness, such rows have nothing but each other: a
//! copy at distance nought passes over every other candidate (or, where equals are kept, the copies fill the list). In a chain
//! they cost no link but one; a walk that reaches the first has them all, in the order of rows, which is that of ties.

use super::build::Growing;
use crate::codes::RowCodes;
use rayon::prelude::*;

/// Rows by kind, from codes in the order of rows.
pub(super) struct Kinds {
    /// The first row of each kind, ascending.
    pub firsts: Vec<u32>,
    /// Every other row, with the first of its kind: ascending by the first, then by row.
    pub copies: Vec<(u32, u32)>,
}

impl Kinds {
    /// Sorts the rows by their codes: as good as linear where rows differ early.
    pub fn of(codes: &RowCodes) -> Kinds {
        let row = |at: u32| codes.rows().row(at as usize);
        let mut sorted: Vec<u32> = (0..codes.len() as u32).collect();
        sorted.par_sort_unstable_by(|&a, &b| row(a).cmp(row(b)).then(a.cmp(&b)));
        let (mut firsts, mut copies) = (Vec::new(), Vec::new());
        for kind in sorted.chunk_by(|&a, &b| row(a) == row(b)) {
            firsts.push(kind[0]);
            copies.extend(kind[1..].iter().map(|&copy| (kind[0], copy)));
        }
        firsts.sort_unstable();
        copies.sort_unstable();
        Kinds { firsts, copies }
    }

    /// Adds the copies to the lowest layer, which has all firsts: `order` is place → row, the copies last, as they are here.
    pub fn hang(&self, base: &mut Growing, order: &[u32]) {
        let firsts = base.counts.len();
        let mut place = vec![0u32; order.len()];
        order.iter().enumerate().for_each(|(p, &row)| place[row as usize] = p as u32);
        base.lengthen(self.copies.len());
        let mut before = None;
        for (&(first, _), at) in self.copies.iter().zip(firsts as u32..) {
            let first = place[first as usize];
            let from = match before {
                Some((of, copy)) if of == first => copy,
                _ => first,
            };
            let mut links = base.of(from).to_vec();
            // The last is the farthest.
            links.truncate(base.width - 1);
            links.push(at);
            base.set(from, &links);
            base.set(at, &[first]);
            before = Some((first, at));
        }
    }
}
