//! The fear: a dataset that can be told apart without looking, because an image or a caption, or CLIP's taste, gives the
//! answer away. So every invariant of the balanced files is asserted on made-up corpora.

use mispair::matcher::balance::balance;
use mispair::matcher::merge::{Source, merge};
use mispair::matcher::pair::{Pair, hard_and_easy};
use mispair::matcher::swaps::{Swap, choose_swaps};
use mispair::words::Row;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use std::collections::BTreeSet;

fn unit(rng: &mut ChaCha8Rng) -> f32 {
    (rng.next_u32() >> 8) as f32 / (1 << 24) as f32
}

/// A vector of `d` roughly normal numbers.
fn noise(rng: &mut ChaCha8Rng, d: usize) -> Vec<f32> {
    (0..d).map(|_| (0..6).map(|_| unit(rng)).sum::<f32>() - 3.0).collect()
}

fn cosine(x: &[f32], y: &[f32]) -> f32 {
    let dot = |x: &[f32], y: &[f32]| x.iter().zip(y).map(|(a, b)| a * b).sum::<f32>();
    dot(x, y) / (dot(x, x) * dot(y, y)).sqrt()
}

/// A made-up chunk: `n` samples, each showing one to three persons whose fame follows Zipf's law; those who share a
/// person and are 30 of 2,000 days apart may swap, but for a part whose places look too much alike.
fn newsroom(n: u32, persons: u32, zipf: f64, seed: u64) -> Vec<Swap> {
    let rng = &mut ChaCha8Rng::seed_from_u64(seed);
    let weights: Vec<f64> = (1..=persons)
        .scan(0.0, |sum, r| {
            *sum += f64::from(r).powf(-zipf);
            Some(*sum)
        })
        .collect();
    let faces: Vec<Vec<f32>> = (0..persons).map(|_| noise(rng, 16)).collect();
    struct Sample {
        shown: BTreeSet<u32>,
        day: u32,
        text: Vec<f32>,
        image: Vec<f32>,
    }
    let samples: Vec<Sample> = (0..n)
        .map(|_| {
            let mut shown = BTreeSet::new();
            for _ in 0..1 + (rng.next_u32() % 4) / 2 {
                let x = f64::from(unit(rng)) * weights[persons as usize - 1];
                shown.insert(weights.partition_point(|&w| w < x) as u32);
            }
            let mut text = noise(rng, 16);
            let image = noise(rng, 16);
            for &p in &shown {
                for (t, f) in text.iter_mut().zip(&faces[p as usize]) {
                    *t += f;
                }
            }
            Sample { shown, day: rng.next_u32() % 2000, text, image }
        })
        .collect();
    let mut groups = vec![Vec::new(); persons as usize];
    for (i, s) in samples.iter().enumerate() {
        for &p in &s.shown {
            groups[p as usize].push(i);
        }
    }
    let mut swaps = Vec::new();
    for (p, group) in groups.iter().enumerate() {
        for (k, &i) in group.iter().enumerate() {
            for &j in &group[k + 1..] {
                let (x, y) = (&samples[i], &samples[j]);
                let first = x.shown.intersection(&y.shown).next();
                if first != Some(&(p as u32)) || x.day.abs_diff(y.day) < 30 || cosine(&x.image, &y.image) > 0.6 {
                    continue;
                }
                swaps.push(Swap {
                    a: Row(i as u32),
                    b: Row(j as u32),
                    score: cosine(&x.text, &y.text),
                    cti_a: 0.25 + 0.1 * cosine(&x.text, &x.image),
                    cti_b: 0.25 + 0.1 * cosine(&y.text, &y.image),
                    cti_ab: 0.22 + 0.1 * cosine(&x.text, &y.image),
                    cti_ba: 0.22 + 0.1 * cosine(&y.text, &x.image),
                });
            }
        }
    }
    swaps
}

/// One falsified image for most captions, as a split balanced by CTI selects them.
fn selected(rows: u32, share: f32, hard: f32, seed: u64) -> Vec<Pair> {
    let rng = &mut ChaCha8Rng::seed_from_u64(seed);
    let mut pairs = Vec::new();
    for row in 0..rows {
        if unit(rng) < share {
            let falsified = Row((row + 1 + rng.next_u32() % (rows - 1)) % rows);
            let (cti_pristine, easier) = (0.3 + 0.1 * unit(rng), 0.1 * unit(rng));
            let cti_falsified = if unit(rng) < hard { cti_pristine + easier } else { cti_pristine - 0.001 - easier };
            pairs.push(Pair { pristine: Row(row), falsified, score: unit(rng), cti_pristine, cti_falsified });
        }
    }
    pairs
}

/// CLIP picks the pristine image in half of the pairs, counted from the scores.
fn assert_halves(pairs: &[Pair]) {
    let picked = pairs.iter().filter(|p| p.cti_pristine > p.cti_falsified).count();
    assert_eq!(2 * picked, pairs.len());
}

#[test]
fn from_selected_pairs_to_the_merged_set() {
    for seed in 0..4 {
        let rows = 3_000;
        let swaps = newsroom(600, 200, 0.9, seed);
        let offered: BTreeSet<(Row, Row)> =
            swaps.iter().flat_map(Swap::pairs).map(|p| (p.pristine, p.falsified)).collect();
        let person = choose_swaps(swaps);
        assert!(person.pairs.len() > 100, "the made-up newsroom has swaps");
        assert_halves(&person.pairs);
        let pristine: Vec<Row> = person.pairs.iter().map(|p| p.pristine).collect();
        let mut falsified: Vec<Row> = person.pairs.iter().map(|p| p.falsified).collect();
        falsified.sort_unstable();
        assert_eq!(pristine, falsified, "each image as often pristine as falsified");
        assert!(person.pairs.iter().all(|p| offered.contains(&(p.pristine, p.falsified))));

        let by_cti: Vec<Vec<Pair>> = [(0.9, 0.6), (0.9, 0.3), (0.7, 0.5)]
            .iter()
            .zip(1..)
            .map(|(&(share, hard), i)| balance(selected(rows, share, hard, 10 * seed + i)).pairs)
            .collect();
        by_cti.iter().for_each(|pairs| assert_halves(pairs));
        let source = |name, pairs, swaps| Source { name, pairs, swaps };
        let splits = [
            source("semantics_clip_text_image", &by_cti[0][..], false),
            source("person_sbert_text_text", &person.pairs[..], true),
            source("semantics_clip_text_text", &by_cti[1][..], false),
            source("scene_resnet_place", &by_cti[2][..], false),
        ];
        // Two samples in ten share their picture with the next one.
        let image_of = |row: Row| if row.0 % 10 < 2 { row.0 / 10 * 10 } else { row.0 };
        let merged = merge(&splits, image_of, seed).expect("whole swaps");
        assert!(merged.quota > 0 && merged.quota <= merged.ceiling);
        let mut seen: BTreeSet<u32> = BTreeSet::new();
        for (block, split) in merged.blocks.iter().zip(&splits) {
            assert_eq!((block.name.as_str(), block.pairs.len()), (split.name, merged.quota));
            assert_eq!(block.hard, hard_and_easy(&block.pairs).0);
            if !split.swaps {
                assert_halves(&block.pairs);
            }
            let images: BTreeSet<u32> =
                block.pairs.iter().flat_map(|p| [image_of(p.pristine), image_of(p.falsified)]).collect();
            assert!(seen.is_disjoint(&images), "an image in two blocks");
            seen.extend(images);
        }
    }
}

#[test]
#[ignore = "minutes; prints what sizes cost"]
fn scale() {
    for (n, persons, zipf) in
        [(5_000, 3_000, 0.9), (10_000, 6_000, 0.9), (10_000, 6_000, 1.1), (20_000, 12_000, 0.9), (6_000, 1, 1.0)]
    {
        let swaps = newsroom(n, persons, zipf, 1);
        let edges = swaps.len();
        let clock = std::time::Instant::now();
        let got = choose_swaps(swaps);
        println!(
            "n {n} edges {edges} {:.2?} found {} dropped {} left {} {} {:?}",
            clock.elapsed(),
            got.found,
            got.dropped,
            got.hard,
            got.easy,
            got.effort
        );
    }
}
