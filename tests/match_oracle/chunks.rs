//! Chunks: nobody says which samples stand together, but the pairs give it away.
//!
//! A caption and the image it got share a chunk: each chunk falls apart into a few groups. A candidate that would have
//! been chosen before the one that was stands in another chunk. That settles for nearly all groups which stand
//! together, and then the sizes of the chunks are known.

use crate::oracle::program::Dataset;
use crate::oracle::rules::Rules;
use crate::oracle::select::TOLERANCE;
use mispair::words::SampleId;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Panics unless the pairs of `partition` can be those of chunks of at most `chunk_size`, the same for all `splits`, each
/// matched exactly.
pub fn check(splits: &[Rules<'_>], dataset: &Dataset, partition: &str, chunk_size: usize) {
    // The common rules are those of every split.
    let rules = &splits[0];
    let eligible: Vec<usize> = rules.rows_of(Some(partition)).into_iter().filter(|&row| rules.eligible(row)).collect();
    let chunks = eligible.len().div_ceil(chunk_size);
    let row_of: HashMap<&SampleId, usize> = rules.corpus.iter().enumerate().map(|(row, s)| (&s.id, row)).collect();
    let mut chosen: Vec<(&Rules<'_>, usize, usize)> = Vec::new();
    for rules in splits {
        let counts = dataset.counts(rules.split.name, partition);
        assert_eq!(counts["chunks"].as_u64(), Some(chunks as u64), "{} {partition}", rules.split.name);
        let pairs = dataset.pairs(rules.split.name).into_iter().filter(|p| p.partition == partition);
        chosen.extend(pairs.map(|p| (rules, row_of[&p.id], row_of[&p.image_id])));
    }
    let edges: Vec<(usize, usize)> = chosen.iter().map(|&(_, row, found)| (row, found)).collect();
    let group = groups(rules.corpus.len(), &edges);

    // Groups that cannot stand together.
    let mut apart: BTreeSet<(usize, usize)> = BTreeSet::new();
    let mut members: BTreeMap<usize, usize> = BTreeMap::new();
    for rules in splits {
        let name = rules.split.name;
        let given = rules.given(&eligible);
        for &(_, row, found) in chosen.iter().filter(|(of, ..)| of.split.name == name) {
            assert!(rules.eligible(row) && given.contains(&found), "{name} {partition}");
            assert_eq!(rules.together_fail(row, found, TOLERANCE), None, "{name} {partition}");
            members.insert(group[row], 0);
            let (found, bar) = (rules.scored(row, found), rules.cti(row, row));
            for &other in &given {
                let open = rules.together_fail(row, other, -TOLERANCE).is_none();
                if open && rules.scored(row, other).surely_precedes(&found, &rules.split, bar) {
                    let (a, b) = (group[row], group[other]);
                    assert_ne!(a, b, "{name} {partition}: caption {row} got {found:?} where its own chunk has {other}");
                    apart.extend([(a, b), (b, a)]);
                }
            }
        }
    }
    for &row in &eligible {
        members.entry(group[row]).and_modify(|n| *n += 1);
    }
    let mut by_size: Vec<(usize, usize)> = members.into_iter().map(|(group, n)| (n, group)).collect();
    by_size.sort_unstable_by(|a, b| b.cmp(a));

    // One group for each chunk, all apart from each other; then the others, as soon as they have but one place left.
    let is_apart = |group: usize, home: &[(usize, usize)]| home.iter().any(|&(_, h)| apart.contains(&(group, h)));
    let mut homes: Vec<Vec<(usize, usize)>> = Vec::new();
    by_size.retain(|&(n, group)| {
        let founds = homes.len() < chunks && homes.iter().all(|home| is_apart(group, home));
        if founds {
            homes.push(vec![(n, group)]);
        }
        !founds
    });
    assert_eq!(homes.len(), chunks, "{partition}: these pairs could be of fewer chunks");
    loop {
        let before = by_size.len();
        by_size.retain(|&(n, group)| {
            let open: Vec<usize> = (0..chunks).filter(|&i| !is_apart(group, &homes[i])).collect();
            assert!(!open.is_empty(), "{partition}: a group of {n} fits no chunk");
            if let [only] = open[..] {
                homes[only].push((n, group));
            }
            open.len() > 1
        });
        if by_size.len() == before {
            break;
        }
    }
    let sizes: Vec<usize> = homes.iter().map(|home| home.iter().map(|(n, _)| n).sum()).collect();
    let free = eligible.len() - sizes.iter().sum::<usize>();
    println!("{partition}: {} groups left, {free} samples free, sizes {sizes:?}", by_size.len());
    let (least, most) = (eligible.len() / chunks, eligible.len().div_ceil(chunks));
    assert!(most <= chunk_size);
    for &size in &sizes {
        assert!(size <= most && size + free >= least, "{partition}: {sizes:?}, {least} to {most} expected");
    }
}

/// For each sample the lowest row that pairs connect it with.
fn groups(samples: usize, pairs: &[(usize, usize)]) -> Vec<usize> {
    let mut group: Vec<usize> = (0..samples).collect();
    let mut changed = true;
    while changed {
        changed = false;
        for &(a, b) in pairs {
            let lowest = group[a].min(group[b]);
            changed |= group[a] != group[b];
            (group[a], group[b]) = (lowest, lowest);
        }
    }
    group
}
