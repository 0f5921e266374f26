//! What the chunks of a partition gave, put together: balance and swaps, and the counts of `summary.json`.

use super::balance::balance;
use super::chunks::{Chunk, pool_rows, shuffle};
use super::pair::{Pair, hard_and_easy};
use super::run::Settings;
use super::swaps::{Swap, settle_swaps};
use super::units::ChunkPairs;
use super::walk::{Agreement, Selection};
use crate::constraints::{Balance, Bound, Rule, RuleCounts, Subject};
use crate::words::Row;
use rayon::prelude::*;
use serde::Serialize;
use std::collections::BTreeMap;

/// One split over one partition.
#[derive(Debug, Clone, PartialEq)]
pub struct PartitionPairs {
    /// The partition's name; `all` for a corpus without partitions.
    pub name: String,
    /// In catalog order.
    pub pairs: Vec<Pair>,
    /// How they came about.
    pub summary: PartitionSummary,
}

/// How the pairs of a split and partition came about: a part of `summary.json`.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct PartitionSummary {
    /// Samples in the partition.
    pub samples: usize,
    /// Samples that cannot be pristine, by the first rule that says so.
    pub ineligible: RuleCounts,
    /// Captions for which a candidate was looked for.
    pub captions: usize,
    /// Chunks they were cut into.
    pub chunks: usize,
    /// Captions without an admissible candidate.
    pub without_candidate: usize,
    /// Pairs selected from H (before balancing; of a split balanced by swaps, pairs in the chosen swaps).
    pub selected_hard: usize,
    /// Pairs selected from L.
    pub selected_easy: usize,
    /// Pairs from H that balancing dropped.
    pub trimmed_hard: usize,
    /// Pairs from L that balancing dropped.
    pub trimmed_easy: usize,
    /// How pairs were selected, in captions.
    pub selection: Selection,
    /// How often a full scan chooses the same pair, where graphs chose any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agreement: Option<Agreement>,
    /// How swaps were chosen, for a split balanced by swaps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub swaps: Option<SwapSummary>,
    /// Pairs written.
    pub pairs: usize,
    /// Of these, from H.
    pub hard: usize,
    /// Of these, from L.
    pub easy: usize,
    /// Pairs written that a waived rule would have rejected, by rule.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub waived: BTreeMap<Rule, usize>,
    /// Pairs written whose two images have a clip-image cosine of 0.95 or more.
    pub near_duplicate_images: usize,
    /// What rejects candidates: a seeded sample of captions against every sample of their chunk.
    pub rejections: Rejections,
}

/// How swaps were chosen: in each chunk the optimum of as many swaps as possible, then most pairs from H, then the lowest
/// sum of scores.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct SwapSummary {
    /// Couples of samples whose two directions are both admissible.
    pub possible: usize,
    /// Swaps chosen, before any is dropped for balance.
    pub chosen: usize,
    /// Swaps dropped because that brings #H nearer to #L.
    pub dropped: usize,
    /// Captions with a candidate that are in no chosen swap.
    pub lost_to_swaps: usize,
}

/// Rejections by rule over a sample.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Rejections {
    /// Captions sampled.
    pub captions: usize,
    /// Candidates tested, over all of them.
    pub tested: u64,
    /// Rejected, by the first rule that failed.
    pub by_rule: RuleCounts,
}

/// Captions sampled for [`Rejections`], per split and partition.
const SAMPLED: usize = 50;
/// Two images this similar or more are near-duplicates to anybody who looks.
const NEAR_DUPLICATE: f32 = 0.95;

/// Balances what the chunks of a partition gave, and counts.
pub(super) fn finish_partition(
    bound: &Bound<'_>,
    partition: Option<u16>,
    cut: &[&Chunk],
    found: Vec<ChunkPairs>,
    settings: Settings,
) -> PartitionPairs {
    let rows = pool_rows(bound, partition);
    let mut summary = PartitionSummary {
        samples: rows.len(),
        ineligible: bound.refused_counts(rows.iter().copied()),
        captions: found.iter().map(|c| c.captions).sum(),
        chunks: cut.len(),
        without_candidate: found.iter().map(|c| c.without_candidate).sum(),
        selection: found.iter().map(|c| c.selection).fold(Selection::default(), Selection::and),
        agreement: found
            .iter()
            .filter_map(|c| c.agreement)
            .reduce(|a, b| Agreement { captions: a.captions + b.captions, same: a.same + b.same }),
        rejections: sample_rejections(bound, cut, settings.seed),
        ..PartitionSummary::default()
    };
    let by_swaps = settings.balance && bound.split.balance_images == Balance::Swaps;
    let pairs = if by_swaps {
        settle(found, &mut summary)
    } else {
        let mut pairs: Vec<Pair> = found.into_iter().flat_map(|c| c.pairs).collect();
        pairs.sort_unstable_by_key(|p| p.pristine);
        (summary.selected_hard, summary.selected_easy) = hard_and_easy(&pairs);
        if settings.balance {
            let kept = balance(pairs);
            (summary.trimmed_hard, summary.trimmed_easy) = (kept.trimmed_hard, kept.trimmed_easy);
            kept.pairs
        } else {
            pairs
        }
    };
    summary.pairs = pairs.len();
    (summary.hard, summary.easy) = hard_and_easy(&pairs);
    let looks: Vec<(bool, Vec<Rule>)> = pairs.par_iter().map(|pair| look_at(bound, pair)).collect();
    summary.near_duplicate_images = looks.iter().filter(|l| l.0).count();
    for rule in looks.into_iter().flat_map(|l| l.1) {
        *summary.waived.entry(rule).or_default() += 1;
    }
    let name = partition.map_or("all", |p| bound.catalog().partition_name(p)).to_owned();
    PartitionPairs { name, pairs, summary }
}

fn look_at(bound: &Bound<'_>, pair: &Pair) -> (bool, Vec<Rule>) {
    let subject = Subject::of_row(bound, pair.pristine);
    let near = bound.image_cosine(&subject, pair.falsified).is_some_and(|c| c >= NEAR_DUPLICATE);
    (near, bound.waived_failures(&subject, pair.falsified))
}

/// Swaps are chosen chunk by chunk; what is dropped for balance is dropped over the partition.
fn settle(found: Vec<ChunkPairs>, summary: &mut PartitionSummary) -> Vec<Pair> {
    let possible = found.iter().map(|c| c.possible_swaps).sum();
    let chosen: Vec<Swap> = found.into_iter().flat_map(|c| c.swaps).collect();
    let before: Vec<Pair> = chosen.iter().flat_map(Swap::pairs).collect();
    (summary.selected_hard, summary.selected_easy) = hard_and_easy(&before);
    let settled = settle_swaps(chosen);
    summary.trimmed_hard = summary.selected_hard - settled.hard;
    summary.trimmed_easy = summary.selected_easy - settled.easy;
    summary.swaps = Some(SwapSummary {
        possible,
        chosen: settled.found,
        dropped: settled.dropped,
        // Only a damaged index has more.
        lost_to_swaps: summary.captions.saturating_sub(summary.without_candidate + before.len()),
    });
    settled.pairs
}

/// A full scan for a few captions: which rule rejects how many of the samples of their chunk.
fn sample_rejections(bound: &Bound<'_>, cut: &[&Chunk], seed: u64) -> Rejections {
    let mut captions: Vec<(&Chunk, Row)> = cut
        .iter()
        .flat_map(|&chunk| chunk.rows.iter().map(move |&row| (chunk, row)))
        .filter(|&(_, row)| bound.refused_as_pristine(row).is_none())
        .collect();
    // Streams 1..=65,536 shuffle chunks.
    shuffle(&mut captions, seed, 1 << 32);
    captions.truncate(SAMPLED);
    let each = captions.par_iter().map(|&(chunk, row)| {
        let subject = Subject::of_row(bound, row);
        let mut counts = RuleCounts::default();
        chunk.rows.iter().filter_map(|&c| bound.first_failure(&subject, c)).for_each(|rule| counts.add(rule));
        (chunk.rows.len() as u64, counts)
    });
    let each: Vec<_> = each.collect();
    let mut sum = Rejections { captions: each.len(), ..Rejections::default() };
    for (tested, counts) in each {
        sum.tested += tested;
        sum.by_rule.merge(&counts);
    }
    sum
}
