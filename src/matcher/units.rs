//! The work cut into units that know nothing of each other: one chunk, for all the splits that have it.
//!
//! Matching a unit is a pure function of (index, splits, settings, the unit's number): it can be done anywhere, and again.

use super::best::Job;
use super::chunks::{Chunk, chunks, pools};
use super::edges::edges;
use super::pair::Pair;
use super::run::Settings;
use super::select::select;
use super::swaps::{Swap, match_swaps};
use super::walk::{Agreement, Selection, agreement, by_graph, select_by_graph};
use crate::constraints::{Balance, Bound};

/// A chunk, and the splits that are matched in it together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// Places of the splits in the list asked for, ascending.
    pub splits: Vec<usize>,
    /// Among whom.
    pub chunk: Chunk,
}

/// All units of a run, partition by partition. Splits that agree on who is eligible have the same chunks, and share their
/// products; others have units of their own.
pub fn units(bounds: &[Bound<'_>], settings: Settings) -> Vec<Unit> {
    let mut all = Vec::new();
    for partition in bounds.first().map_or(Vec::new(), pools) {
        let mut waiting: Vec<(usize, Vec<Chunk>)> =
            bounds.iter().map(|b| chunks(b, partition, settings.chunk_size, settings.seed)).enumerate().collect();
        while let Some((_, first)) = waiting.first() {
            let first = first.clone();
            let (together, rest): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|(_, cut)| *cut == first);
            let splits: Vec<usize> = together.into_iter().map(|(b, _)| b).collect();
            all.extend(first.into_iter().map(|chunk| Unit { splits: splits.clone(), chunk }));
            waiting = rest;
        }
    }
    all
}

/// Matches one unit: what it gives for each of its splits, in their order.
pub fn match_unit(
    bounds: &[Bound<'_>],
    unit: &Unit,
    settings: Settings,
    progress: &(dyn Fn(u64) + Sync),
) -> Vec<ChunkPairs> {
    let members: Vec<&Bound<'_>> = unit.splits.iter().filter_map(|&b| bounds.get(b)).collect();
    match_chunk(&members, &unit.chunk, settings, progress)
}

/// What one chunk gives for one split.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ChunkPairs {
    /// Captions that could be pristine.
    pub captions: usize,
    /// Of these, those with no admissible candidate.
    pub without_candidate: usize,
    /// The selected pairs, in catalog order. Empty where swaps are to be chosen instead.
    pub pairs: Vec<Pair>,
    /// The best set of swaps, where swaps are to be chosen.
    pub swaps: Vec<Swap>,
    /// Couples of samples that could be swapped.
    pub possible_swaps: usize,
    /// How they were selected.
    pub selection: Selection,
    /// How often a full scan chooses the same, where graphs chose.
    pub agreement: Option<Agreement>,
}

/// Matches one chunk for several splits with the same eligible samples. Where settings ask for balance, a split balanced by
/// swaps gives swaps instead of pairs.
pub fn match_chunk(
    bounds: &[&Bound<'_>],
    chunk: &Chunk,
    settings: Settings,
    progress: &(dyn Fn(u64) + Sync),
) -> Vec<ChunkPairs> {
    let (swaps, engine) = (settings.balance, settings.engine);
    let jobs: Vec<Job<'_>> = bounds.iter().map(|b| Job::new(b, &chunk.rows)).collect();
    let (swapped, selected): (Vec<usize>, Vec<usize>) =
        (0..jobs.len()).partition(|&j| swaps && bounds[j].split.balance_images == Balance::Swaps);
    let mut found = vec![ChunkPairs::default(); jobs.len()];
    for j in swapped {
        let (edges, without_candidate) = edges(&jobs[j], progress);
        found[j] = ChunkPairs {
            captions: jobs[j].pristine.len(),
            selection: Selection::all_with_all(jobs[j].pristine.len()),
            without_candidate,
            pairs: Vec::new(),
            possible_swaps: edges.len(),
            swaps: match_swaps(edges).0,
            ..ChunkPairs::default()
        };
    }
    let (walked, selected): (Vec<usize>, Vec<usize>) = selected.into_iter().partition(|&j| by_graph(&jobs[j], engine));
    for j in walked {
        let (pairs, selection) = select_by_graph(&jobs[j], engine, progress);
        // Where all were scanned, a scan would be compared with a scan.
        let agreement = (selection.walked() > 0).then(|| agreement(&jobs[j], &pairs));
        found[j] = ChunkPairs { selection, agreement, ..ChunkPairs::of(pairs) };
    }
    let (numbers, jobs): (Vec<usize>, Vec<Job<'_>>) =
        jobs.into_iter().enumerate().filter(|(j, _)| selected.contains(j)).unzip();
    for (j, pairs) in numbers.into_iter().zip(select(&jobs, progress)) {
        let selection = Selection::all_with_all(pairs.len());
        found[j] = ChunkPairs { selection, ..ChunkPairs::of(pairs) };
    }
    found
}

impl ChunkPairs {
    fn of(pairs: Vec<Option<Pair>>) -> ChunkPairs {
        let captions = pairs.len();
        let pairs: Vec<Pair> = pairs.into_iter().flatten().collect();
        ChunkPairs { captions, without_candidate: captions - pairs.len(), pairs, ..ChunkPairs::default() }
    }
}
