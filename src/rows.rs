//! A set of catalog rows.
//!
//! ```text
//!   row      0 1 2 … 63 | 64 65 …            one bit per row, 64 rows a word
//!   words    [  u64     ,  u64   , …]        bits at and past `len` are always 0
//! ```

use crate::words::Row;

/// A set of catalog rows below a fixed bound, one bit each: 64 KiB for half a million rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowSet {
    words: Vec<u64>,
    len: usize,
}

impl RowSet {
    /// The empty set over rows `0..len`.
    pub fn new(len: usize) -> RowSet {
        RowSet { words: vec![0; len.div_ceil(64)], len }
    }

    /// All rows `0..len`.
    pub fn full(len: usize) -> RowSet {
        let mut words = vec![u64::MAX; len.div_ceil(64)];
        if let (Some(last), 1..) = (words.last_mut(), len % 64) {
            *last = (1 << (len % 64)) - 1;
        }
        RowSet { words, len }
    }

    /// One more than the greatest row the set may hold.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Is no row in the set?
    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|&w| w == 0)
    }

    /// How many rows are in the set. Counts all words.
    pub fn count(&self) -> usize {
        self.words.iter().map(|w| w.count_ones() as usize).sum()
    }

    /// Is the row in the set? A row at or past the bound is not.
    #[inline]
    pub fn contains(&self, row: Row) -> bool {
        self.words.get(row.index() / 64).is_some_and(|w| w >> (row.0 % 64) & 1 == 1)
    }

    /// Puts a row in; says whether it is new.
    ///
    /// # Panics
    /// If the row is at or past the bound.
    pub fn insert(&mut self, row: Row) -> bool {
        assert!(row.index() < self.len, "row {} in a set of rows below {}", row.0, self.len);
        let (word, bit) = (&mut self.words[row.index() / 64], 1 << (row.0 % 64));
        let new = *word & bit == 0;
        *word |= bit;
        new
    }

    /// Keeps the rows that are also in `other`, whatever its bound.
    pub fn and(&mut self, other: &RowSet) {
        for (i, word) in self.words.iter_mut().enumerate() {
            *word &= other.words.get(i).copied().unwrap_or(0);
        }
    }

    /// The rows in the set, ascending.
    pub fn iter(&self) -> impl Iterator<Item = Row> {
        self.words.iter().enumerate().flat_map(|(i, &word)| {
            let mut left = word;
            std::iter::from_fn(move || {
                let bit = (left != 0).then(|| left.trailing_zeros())?;
                left &= left - 1;
                Some(Row(i as u32 * 64 + bit))
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn behaves_like_a_tree_set(
            len in 0usize..200, a in prop::collection::vec(0u32..200, 0..80), b in prop::collection::vec(0u32..150, 0..80),
        ) {
            let a: Vec<u32> = a.into_iter().filter(|&r| (r as usize) < len).collect();
            let (mut set, mut model) = (RowSet::new(len), BTreeSet::new());
            for &row in &a {
                prop_assert_eq!(set.insert(Row(row)), model.insert(row));
            }
            let same = |set: &RowSet, model: &BTreeSet<u32>| {
                set.count() == model.len()
                    && set.is_empty() == model.is_empty()
                    && set.iter().map(|r| r.0).eq(model.iter().copied())
                    && (0..250).all(|r| set.contains(Row(r)) == model.contains(&r))
            };
            prop_assert!(same(&set, &model));
            let mut other = RowSet::new(150);
            for &row in &b {
                other.insert(Row(row));
            }
            set.and(&other);
            model.retain(|r| b.contains(r));
            prop_assert!(same(&set, &model));
            prop_assert!(same(&RowSet::full(len), &(0..len as u32).collect()));
        }
    }
}
