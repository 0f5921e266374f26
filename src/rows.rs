//! A set of catalog rows.
//!
//! ```text
//!   row      0 1 2 … 63 | 64 65 …            one bit per row, 64 rows a word
//!   words    [  u64     ,  u64   , …]        bits at and past `len` are always 0
//!   some     [  u64     , …]                 one bit per word that is not 0: a few rows among many are found at once
//! ```

use crate::words::Row;

/// A set of catalog rows below a fixed bound, one bit each: 64 KiB for half a million rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowSet {
    words: Vec<u64>,
    some: Vec<u64>,
    len: usize,
    count: usize,
}

/// The places of the bits that are set, ascending.
fn bits(word: u64) -> impl Iterator<Item = usize> {
    let mut left = word;
    std::iter::from_fn(move || {
        let bit = (left != 0).then(|| left.trailing_zeros())?;
        left &= left - 1;
        Some(bit as usize)
    })
}

impl RowSet {
    /// The empty set over rows `0..len`.
    pub fn new(len: usize) -> RowSet {
        RowSet::of_words(vec![0; len.div_ceil(64)], len)
    }

    /// All rows `0..len`.
    pub fn full(len: usize) -> RowSet {
        let mut words = vec![u64::MAX; len.div_ceil(64)];
        if let (Some(last), 1..) = (words.last_mut(), len % 64) {
            *last = (1 << (len % 64)) - 1;
        }
        RowSet::of_words(words, len)
    }

    fn of_words(words: Vec<u64>, len: usize) -> RowSet {
        let count = words.iter().map(|w| w.count_ones() as usize).sum();
        let some = |words: &[u64]| (0..).zip(words).fold(0, |some, (i, &word)| some | u64::from(word != 0) << i);
        RowSet { some: words.chunks(64).map(some).collect(), words, len, count }
    }

    /// One more than the greatest row the set may hold.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Is no row in the set?
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// How many rows are in the set.
    pub fn count(&self) -> usize {
        self.count
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
        let at = row.index() / 64;
        let (word, bit) = (&mut self.words[at], 1 << (row.0 % 64));
        let new = *word & bit == 0;
        *word |= bit;
        self.some[at / 64] |= 1 << (at % 64);
        self.count += usize::from(new);
        new
    }

    /// Keeps the rows that are also in `other`, whatever its bound.
    pub fn and(&mut self, other: &RowSet) {
        let mut words = std::mem::take(&mut self.words);
        for (i, word) in words.iter_mut().enumerate() {
            *word &= other.words.get(i).copied().unwrap_or(0);
        }
        *self = RowSet::of_words(words, self.len);
    }

    /// The rows in the set, ascending.
    pub fn iter(&self) -> impl Iterator<Item = Row> {
        let words = self.some.iter().enumerate().flat_map(|(i, &some)| bits(some).map(move |bit| i * 64 + bit));
        words.flat_map(|at| bits(self.words[at]).map(move |bit| Row((at * 64 + bit) as u32)))
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
            len in 0usize..9000, a in prop::collection::vec(0u32..9000, 0..80), b in prop::collection::vec(0u32..6000, 0..80),
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
                    && (0..9100).all(|r| set.contains(Row(r)) == model.contains(&r))
            };
            prop_assert!(same(&set, &model));
            let mut other = RowSet::new(6000);
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
