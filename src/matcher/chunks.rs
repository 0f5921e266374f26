//! Chunks: the eligible samples of a partition, shuffled, cut into near-equal parts.

use crate::constraints::Bound;
use crate::words::Row;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// The samples among which one pass of matching looks: candidates come from the caption's own chunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// The partition's number; `None` for a corpus without partitions.
    pub partition: Option<u16>,
    /// 0-based, among the partition's chunks.
    pub number: usize,
    /// Its samples, ascending.
    pub rows: Vec<Row>,
}

/// The pools of an index: its partitions, or the whole corpus.
pub fn pools(bound: &Bound<'_>) -> Vec<Option<u16>> {
    match bound.catalog().partitions().len() {
        0 => vec![None],
        n => (0..n as u16).map(Some).collect(),
    }
}

/// The rows of a pool, ascending.
pub fn pool_rows(bound: &Bound<'_>, partition: Option<u16>) -> Vec<Row> {
    match partition {
        None => bound.catalog().rows().collect(),
        Some(p) => bound.catalog().partition_rows(p).iter().map(|&r| Row(r)).collect(),
    }
}

/// Cuts a partition's eligible samples into ⌈n/`size`⌉ parts whose sizes differ by at most one. The shuffle depends
/// on the seed and the partition's number alone, so splits with the same eligible samples share their chunks.
/// Without a size the partition is one chunk. A partition without eligible samples has no chunk.
pub fn chunks(bound: &Bound<'_>, partition: Option<u16>, size: Option<usize>, seed: u64) -> Vec<Chunk> {
    let mut rows = pool_rows(bound, partition);
    rows.retain(|&row| bound.eligible(row));
    let parts = match size {
        _ if rows.is_empty() => return Vec::new(),
        Some(size) => rows.len().div_ceil(size.max(1)),
        None => 1,
    };
    if parts > 1 {
        shuffle(&mut rows, seed, u64::from(partition.map_or(0, |p| p + 1)));
    }
    let (each, more) = (rows.len() / parts, rows.len() % parts);
    let mut rest = rows.as_slice();
    (0..parts)
        .map(|number| {
            let (mine, others) = rest.split_at(each + usize::from(number < more));
            rest = others;
            let mut rows = mine.to_vec();
            rows.sort_unstable();
            Chunk { partition, number, rows }
        })
        .collect()
}

/// Fisher–Yates on the ChaCha8 stream number `stream` of `seed`: the same order on every machine, for good.
pub fn shuffle<T>(items: &mut [T], seed: u64, stream: u64) {
    let mut key = *b"........mispair: chunk shuffle..";
    key[..8].copy_from_slice(&seed.to_le_bytes());
    let mut rng = ChaCha8Rng::from_seed(key);
    rng.set_stream(stream);
    shuffle_by(items, &mut rng);
}

/// Fisher–Yates by whatever comes next from `rng`.
pub(super) fn shuffle_by<T>(items: &mut [T], rng: &mut ChaCha8Rng) {
    for i in (1..items.len()).rev() {
        // A multiplication instead of a remainder: the bias is below 2⁻³² for any number of samples.
        let j = (u128::from(rng.next_u64()) * (i as u128 + 1)) >> 64;
        items.swap(i, j as usize);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shuffle_never_changes() {
        let mut items: Vec<u32> = (0..10).collect();
        shuffle(&mut items, 7, 1);
        let first = items.clone();
        items.sort_unstable();
        assert_eq!(items, (0..10).collect::<Vec<_>>());
        shuffle(&mut items, 7, 1);
        assert_eq!(items, first);
        shuffle(&mut items, 7, 2);
        assert_ne!(items, first);
    }
}
