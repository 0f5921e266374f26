//! A whole corpus: every unit of work, then what couples chunks: balancing, swaps, the merged set.

use super::chunks::{Chunk, pools};
use super::merge::{MergeError, Merged, Source, merge};
use super::summary::finish_partition;
pub use super::summary::{PartitionPairs, PartitionSummary, Rejections, SwapSummary};
pub use super::units::{ChunkPairs, Unit, match_chunk, match_unit, units};
use crate::constraints::{Balance, Bound};
use crate::retrieve::Engine;
use serde::{Deserialize, Serialize};

/// What a run depends on, beside the index and the splits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Samples in a chunk; `None`: a partition is one chunk.
    pub chunk_size: Option<usize>,
    /// Seed of the chunks, the merged set and the sampled rejections.
    pub seed: u64,
    /// Balance the splits, and merge them.
    pub balance: bool,
    /// All with all, or through graphs.
    pub engine: Engine,
}

/// Everything a run gives.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// By split, in the order asked for: one entry a partition.
    pub splits: Vec<(String, Vec<PartitionPairs>)>,
    /// One entry a partition, if splits were merged.
    pub merged: Option<Vec<(String, Merged)>>,
}

/// Matches a whole corpus. `progress` is told of every caption done; `merged`: make the merged set, too.
pub fn run(
    bounds: &[Bound<'_>],
    settings: Settings,
    merged: bool,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Outcome, MergeError> {
    let units = units(bounds, settings);
    let found = units.iter().map(|unit| match_unit(bounds, unit, settings, progress)).collect();
    join(bounds, settings, merged, &units, found)
}

/// Puts together what the units gave: `found[u]` is what [`match_unit`] gave for `units[u]`, and `units` all of [`units`].
/// Balancing, swaps dropped for balance, the merged set and the counts come about here, over whole partitions.
pub fn join(
    bounds: &[Bound<'_>],
    settings: Settings,
    merged: bool,
    units: &[Unit],
    found: Vec<Vec<ChunkPairs>>,
) -> Result<Outcome, MergeError> {
    let mut splits: Vec<(String, Vec<PartitionPairs>)> =
        bounds.iter().map(|b| (b.split.name.clone(), Vec::new())).collect();
    let mut sets = Vec::new();
    let mut work: Vec<(&Unit, Vec<ChunkPairs>)> = units.iter().zip(found).collect();
    for partition in bounds.first().map_or(Vec::new(), pools) {
        let (here, rest) = work.into_iter().partition(|(unit, _)| unit.chunk.partition == partition);
        work = rest;
        let done = join_partition(bounds, partition, here, settings);
        let name = done.first().map_or(String::new(), |p| p.name.clone());
        if merged && settings.balance {
            let stream = settings.seed.wrapping_add(u64::from(partition.map_or(0, |p| p + 1)) << 48);
            sets.push((name, merge_partition(bounds, &done, stream)?));
        }
        splits.iter_mut().zip(done).for_each(|(split, pairs)| split.1.push(pairs));
    }
    Ok(Outcome { splits, merged: (merged && settings.balance).then_some(sets) })
}

/// Hands each split its own chunks.
fn join_partition(
    bounds: &[Bound<'_>],
    partition: Option<u16>,
    work: Vec<(&Unit, Vec<ChunkPairs>)>,
    settings: Settings,
) -> Vec<PartitionPairs> {
    let mut each: Vec<(Vec<&Chunk>, Vec<ChunkPairs>)> = bounds.iter().map(|_| Default::default()).collect();
    for (unit, found) in work {
        for (&b, found) in unit.splits.iter().zip(found) {
            each[b].0.push(&unit.chunk);
            each[b].1.push(found);
        }
    }
    let each = bounds.iter().zip(each);
    each.map(|(bound, (cut, found))| finish_partition(bound, partition, &cut, found, settings)).collect()
}

fn merge_partition(bounds: &[Bound<'_>], done: &[PartitionPairs], seed: u64) -> Result<Merged, MergeError> {
    let each = bounds.iter().zip(done);
    let sources: Vec<Source<'_>> = each
        .map(|(bound, done)| Source {
            name: &bound.split.name,
            pairs: &done.pairs,
            swaps: bound.split.balance_images == Balance::Swaps,
        })
        .collect();
    merge(&sources, |row| bounds[0].catalog().image(row), seed)
}
