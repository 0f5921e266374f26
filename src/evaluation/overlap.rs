//! How much two splits say the same: falsified pairs that stand in both (NewsCLIPpings, Table 13).

use super::Dataset;
use crate::words::SampleId;
use serde::Serialize;
use std::collections::HashSet;

/// The falsified pairs that two splits share in one partition.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Overlap {
    /// The partition.
    pub partition: String,
    /// One split.
    pub a: String,
    /// The other.
    pub b: String,
    /// Falsified pairs of `a`: distinct (caption id, image id).
    pub in_a: u64,
    /// Falsified pairs of `b`.
    pub in_b: u64,
    /// Pairs that stand in both: the same caption id and the same image id.
    pub shared: u64,
    /// `shared / in_a`; null where `a` is empty.
    pub of_a: Option<f64>,
    /// `shared / in_b`; null where `b` is empty.
    pub of_b: Option<f64>,
    /// `shared` / pairs that stand in either (Jaccard); null where both are empty.
    pub of_union: Option<f64>,
}

/// Every pair of splits in every partition, in the order of [`Dataset::splits`]; merged sets beside what they are made of.
pub fn overlaps(dataset: &Dataset) -> Vec<Overlap> {
    let splits = dataset.splits();
    let mut all = Vec::new();
    for partition in dataset.partitions() {
        let pairs = |split: &str| -> Option<HashSet<(&SampleId, &SampleId)>> {
            let part = dataset.part(split, partition)?;
            Some(part.entries.iter().filter(|e| e.falsified).map(|e| (&e.id, &e.image_id)).collect())
        };
        let sets: Vec<_> = splits.iter().filter_map(|s| Some((*s, pairs(s)?))).collect();
        for (i, (a, in_a)) in sets.iter().enumerate() {
            for (b, in_b) in &sets[i + 1..] {
                let shared = in_a.intersection(in_b).count();
                let share = |of: usize| (of > 0).then(|| shared as f64 / of as f64);
                all.push(Overlap {
                    partition: partition.to_owned(),
                    a: (*a).to_owned(),
                    b: (*b).to_owned(),
                    in_a: in_a.len() as u64,
                    in_b: in_b.len() as u64,
                    shared: shared as u64,
                    of_a: share(in_a.len()),
                    of_b: share(in_b.len()),
                    of_union: share(in_a.len() + in_b.len() - shared),
                });
            }
        }
    }
    all
}
