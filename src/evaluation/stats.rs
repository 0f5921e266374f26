//! How many samples a dataset has, by split and partition: the table that NewsCLIPpings (Table 1) gives of itself.

use super::{Dataset, Entry, ImageKey, Part};
use crate::words::SampleId;
use serde::Serialize;
use std::collections::{BTreeMap, HashMap, HashSet};

/// The counts of a dataset.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Stats {
    /// The partitions, in the order of the columns.
    pub partitions: Vec<String>,
    /// A row a split, merged sets last.
    pub splits: Vec<SplitRow>,
    /// Samples of all splits that are not merged, summed, by partition.
    pub total_sum: Vec<u64>,
    /// The same, with a sample (one caption with one image) that stands in several splits counted once.
    pub total_unique: Vec<u64>,
    /// What is in each file, and in each block of a merged one.
    pub groups: Vec<Group>,
}

/// One split.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SplitRow {
    /// Its name.
    pub split: String,
    /// Is it made of the others?
    pub merged: bool,
    /// Samples (rows, two a pair) by partition; 0 where it has no file.
    pub samples: Vec<u64>,
}

/// What was balanced by itself: a file, or one block of a merged file.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Group {
    /// The split.
    pub split: String,
    /// The partition.
    pub partition: String,
    /// In a merged set: the block's split.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub block: Option<String>,
    /// Samples.
    pub samples: u64,
    /// Of these with a wrong image.
    pub falsified: u64,
    /// Distinct caption ids.
    pub captions: u64,
    /// Distinct texts among the captions, where texts are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caption_texts: Option<u64>,
    /// Distinct images.
    pub images: u64,
    /// Images that stand in pristine samples.
    pub pristine_images: u64,
    /// Images that stand in falsified samples.
    pub falsified_images: u64,
    /// Images that stand in both.
    pub both: u64,
    /// The most falsified samples of one image.
    pub most_falsified: u64,
    /// Pairs of captions that got each other's image.
    pub swaps: u64,
}

/// Counts a dataset.
pub fn stats(dataset: &Dataset) -> Stats {
    let partitions = dataset.partitions();
    let merged = |split: &str| dataset.parts.iter().any(|p| p.split == split && p.is_merged());
    let size = |split: &str, partition: &str| dataset.part(split, partition).map_or(0, |p| p.entries.len() as u64);
    let row = |split: &&str| SplitRow {
        split: (*split).to_owned(),
        merged: merged(split),
        samples: partitions.iter().map(|p| size(split, p)).collect(),
    };
    let splits: Vec<SplitRow> = dataset.splits().iter().map(row).collect();
    let plain = |partition: &str| -> Vec<&Part> {
        dataset.parts.iter().filter(|p| p.partition == partition && !p.is_merged()).collect()
    };
    let unique = |partition: &&str| {
        let all = plain(partition);
        let entries = all.iter().flat_map(|p| &p.entries);
        entries.map(|e| (&e.id, &e.image_id)).collect::<HashSet<_>>().len() as u64
    };
    let sum = |partition: &&str| plain(partition).iter().map(|p| p.entries.len() as u64).sum();
    Stats {
        total_sum: partitions.iter().map(sum).collect(),
        total_unique: partitions.iter().map(unique).collect(),
        groups: dataset.parts.iter().flat_map(groups).collect(),
        partitions: partitions.into_iter().map(str::to_owned).collect(),
        splits,
    }
}

fn groups(part: &Part) -> Vec<Group> {
    let of = |(block, entries): (String, Vec<&Entry>)| Group {
        split: part.split.clone(),
        partition: part.partition.clone(),
        block: part.is_merged().then_some(block),
        ..count(&entries)
    };
    part.groups().into_iter().map(of).collect()
}

/// Falsified samples, caption id → image ids.
pub(super) fn wrong_images<'a>(entries: &[&'a Entry]) -> HashMap<&'a SampleId, Vec<&'a SampleId>> {
    let mut wrong: HashMap<&SampleId, Vec<&SampleId>> = HashMap::new();
    entries.iter().filter(|e| e.falsified).for_each(|e| wrong.entry(&e.id).or_default().push(&e.image_id));
    wrong
}

fn count(entries: &[&Entry]) -> Group {
    let images = |falsified: bool| {
        let mut times: BTreeMap<ImageKey<'_>, u64> = BTreeMap::new();
        entries.iter().filter(|e| e.falsified == falsified).for_each(|e| *times.entry(e.image()).or_default() += 1);
        times
    };
    let (pristine, falsified) = (images(false), images(true));
    let both = pristine.keys().filter(|i| falsified.contains_key(*i)).count() as u64;
    let wrong = wrong_images(entries);
    let gets = |a: &SampleId, b: &SampleId| wrong.get(a).is_some_and(|images| images.contains(&b));
    let halves = entries.iter().filter(|e| e.falsified && e.id != e.image_id && gets(&e.image_id, &e.id)).count();
    let texts: Option<HashSet<&str>> = entries.iter().map(|e| e.caption.as_deref()).collect();
    Group {
        split: String::new(),
        partition: String::new(),
        block: None,
        samples: entries.len() as u64,
        falsified: entries.iter().filter(|e| e.falsified).count() as u64,
        captions: entries.iter().map(|e| &e.id).collect::<HashSet<_>>().len() as u64,
        caption_texts: texts.map(|t| t.len() as u64),
        images: pristine.len() as u64 + falsified.len() as u64 - both,
        pristine_images: pristine.len() as u64,
        falsified_images: falsified.len() as u64,
        both,
        most_falsified: falsified.values().copied().max().unwrap_or(0),
        swaps: halves as u64 / 2,
    }
}
