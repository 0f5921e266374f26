//! What a dataset in the published format promises of itself, checked without an index.
//!
//! | check | promise |
//! |---|---|
//! | `pairing` | every even row is pristine and shows its own image; the next is falsified, of the same caption, with another |
//! | `half_falsified` | as many falsified samples as pristine ones |
//! | `caption_twice` | a caption stands once with its own image and once with a wrong one |
//! | `image_once` | merged sets: in a block no image is pristine twice, or falsified twice |
//! | `image_balance` | splits balanced by swaps: an image is as often pristine as falsified |
//! | `swaps` | splits balanced by swaps: every pair is half of a swap |
//! | `blocks` | merged sets: blocks lie one after the other and have the same size |
//! | `disjoint_blocks` | merged sets: no image and no caption in two blocks |
//! | `disjoint_partitions` | no image and no caption in two partitions, whatever the split |

use super::stats::wrong_images;
use super::{Dataset, Entry, ImageKey, Part};
use crate::words::SampleId;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Offending rows that a check names.
pub const NAMED: usize = 5;

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Kept.
    Holds,
    /// Broken.
    Broken,
    /// Not promised by this split; counted all the same.
    NotPromised,
    /// A fact is missing, so it cannot be told.
    Unknown,
}

/// One check of one file, of one block, or of the whole dataset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Its name, as in the table above.
    pub check: String,
    /// What was looked at: `split/partition`, a block of it, or the whole.
    pub scope: String,
    /// How it ended.
    pub state: State,
    /// Things looked at.
    pub looked_at: u64,
    /// Of these the offending ones.
    pub offending: u64,
    /// The first of them, in words: file row (from 0), id, what is wrong.
    pub examples: Vec<String>,
}

impl Check {
    pub(super) fn new(check: &str, scope: String, looked_at: u64, promised: bool, offenders: Vec<String>) -> Check {
        let offending = offenders.len() as u64;
        let state = match (promised, offending) {
            (_, 0) => State::Holds,
            (true, _) => State::Broken,
            (false, _) => State::NotPromised,
        };
        let examples = offenders.into_iter().take(NAMED).collect();
        Check { check: check.to_owned(), scope, state, looked_at, offending, examples }
    }
}

/// Every check that applies. `by_swaps(split)`: are images of this split balanced by swaps?
pub fn invariants(dataset: &Dataset, by_swaps: &dyn Fn(&str) -> bool) -> Vec<Check> {
    let mut checks = Vec::new();
    for part in &dataset.parts {
        checks.push(pairing(part));
        for (name, entries) in part.groups() {
            let scope = match part.is_merged() {
                true => format!("{}, block {name}", part.name()),
                false => part.name(),
            };
            checks.extend(of_group(&scope, &entries, part.is_merged(), by_swaps(&name)));
        }
        if part.is_merged() {
            checks.push(blocks(part));
            let block = |e: &Entry| e.block.map_or(String::new(), |b| part.blocks[b as usize].clone());
            let groups = part.entries.iter().map(|e| (block(e), e));
            checks.push(disjoint("disjoint_blocks", part.name(), groups));
        }
    }
    if dataset.partitions().len() > 1 {
        let all = dataset.parts.iter().flat_map(|p| p.entries.iter().map(move |e| (p.partition.clone(), e)));
        checks.push(disjoint("disjoint_partitions", "all files".into(), all));
    }
    checks
}

/// In words: the caption's id and the image's.
fn pair(entry: &Entry) -> String {
    format!("id {} with image_id {}", entry.id.to_json(), entry.image_id.to_json())
}

fn pairing(part: &Part) -> Check {
    let mut wrong = Vec::new();
    for (i, two) in part.entries.chunks(2).enumerate() {
        let row = 2 * i;
        let [p, f] = two else {
            wrong.push(format!("row {row}, {}: the last row has no twin", pair(&two[0])));
            continue;
        };
        let what = match () {
            () if p.falsified => format!("row {row}, {}: falsified, where a pristine row belongs", pair(p)),
            () if !f.falsified => format!("row {}, {}: pristine, where a falsified row belongs", row + 1, pair(f)),
            () if p.id != p.image_id => format!("row {row}, {}: pristine, with another image", pair(p)),
            () if p.id != f.id => format!("rows {row} and {}: ids {} and {}", row + 1, p.id.to_json(), f.id.to_json()),
            () if p.image() == f.image() || f.id == f.image_id => {
                format!("row {}, {}: falsified, with its own image", row + 1, pair(f))
            }
            () => continue,
        };
        wrong.push(what);
    }
    Check::new("pairing", part.name(), part.entries.len().div_ceil(2) as u64, true, wrong)
}

fn of_group(scope: &str, entries: &[&Entry], merged: bool, by_swaps: bool) -> Vec<Check> {
    let falsified = entries.iter().filter(|e| e.falsified).count();
    let pristine = entries.len() - falsified;
    let uneven = (falsified != pristine).then(|| format!("{pristine} pristine and {falsified} falsified samples"));
    let half = Check::new("half_falsified", scope.to_owned(), entries.len() as u64, true, uneven.into_iter().collect());

    // Of a caption, and of an image: how often pristine, how often falsified.
    let mut captions: BTreeMap<&SampleId, [u64; 2]> = BTreeMap::new();
    let mut images: BTreeMap<ImageKey<'_>, [u64; 2]> = BTreeMap::new();
    for entry in entries {
        captions.entry(&entry.id).or_default()[usize::from(entry.falsified)] += 1;
        images.entry(entry.image()).or_default()[usize::from(entry.falsified)] += 1;
    }
    let times = |[p, f]: [u64; 2]| format!("{p} times pristine, {f} times falsified");
    let odd = captions.iter().filter(|c| *c.1 != [1, 1]);
    let odd = odd.map(|(id, &n)| format!("id {}: {}", id.to_json(), times(n))).collect();
    let twice = Check::new("caption_twice", scope.to_owned(), captions.len() as u64, true, odd);
    let which = |test: &dyn Fn(&[u64; 2]) -> bool| -> Vec<String> {
        images.iter().filter(|i| test(i.1)).map(|(image, &n)| format!("{image}: {}", times(n))).collect()
    };
    let looked_at = images.len() as u64;
    let once = which(&|n| n[0] > 1 || n[1] > 1);
    let balance = which(&|n| n[0] != n[1]);
    let mut checks = vec![half, twice];
    checks.push(Check::new("image_once", scope.to_owned(), looked_at, merged, once));
    if by_swaps {
        checks.push(Check::new("image_balance", scope.to_owned(), looked_at, true, balance));
        let wrong = wrong_images(entries);
        let half_of_swap = |e: &&&Entry| {
            let gives_back = wrong.get(&e.image_id).is_some_and(|images| images.contains(&&e.id));
            e.falsified && !gives_back
        };
        let alone = entries.iter().filter(half_of_swap).map(|e| format!("{}: not given back", pair(e))).collect();
        checks.push(Check::new("swaps", scope.to_owned(), falsified as u64, true, alone));
    }
    checks
}

fn blocks(part: &Part) -> Check {
    let mut wrong = Vec::new();
    for (row, two) in part.entries.windows(2).enumerate() {
        if two[1].block < two[0].block || (row % 2 == 0 && two[1].block != two[0].block) {
            wrong.push(format!("row {}, {}: begins a block in the middle of another", row + 1, pair(&two[1])));
        }
    }
    let sizes: Vec<(String, usize)> = part.groups().into_iter().map(|(name, e)| (name, e.len())).collect();
    if sizes.windows(2).any(|w| w[0].1 != w[1].1) {
        let said: Vec<String> = sizes.iter().map(|(name, n)| format!("{name} {n}")).collect();
        wrong.push(format!("blocks of different sizes: {}", said.join(", ")));
    }
    let unnamed = part.entries.iter().enumerate().filter(|(_, e)| e.block.is_none());
    wrong.extend(unnamed.map(|(row, e)| format!("row {row}, {}: no source_dataset", pair(e))));
    Check::new("blocks", part.name(), part.entries.len() as u64, true, wrong)
}

/// No image and no caption in two groups.
fn disjoint<'a>(check: &str, scope: String, entries: impl Iterator<Item = (String, &'a Entry)>) -> Check {
    let mut groups: BTreeMap<ImageKey<'a>, BTreeSet<String>> = BTreeMap::new();
    let mut captions: BTreeMap<&SampleId, BTreeSet<String>> = BTreeMap::new();
    for (group, entry) in entries {
        captions.entry(&entry.id).or_default().insert(group.clone());
        groups.entry(entry.image()).or_default().insert(group);
    }
    let looked_at = (groups.len() + captions.len()) as u64;
    let list = |set: &BTreeSet<String>| set.iter().cloned().collect::<Vec<_>>().join(", ");
    let both = captions.iter().filter(|c| c.1.len() > 1);
    let mut wrong: Vec<String> = both.map(|(id, set)| format!("id {}: in {}", id.to_json(), list(set))).collect();
    wrong.extend(groups.iter().filter(|g| g.1.len() > 1).map(|(image, set)| format!("{image}: in {}", list(set))));
    Check::new(check, scope, looked_at, true, wrong)
}
