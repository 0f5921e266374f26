//! The fear: a dataset that can be told apart without looking, because an image or a caption, or CLIP's taste, gives the
//! answer away. So every invariant of the balanced files is asserted on made-up corpora.

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

#[test]
#[ignore = "minutes; prints what sizes cost"]
fn scale() {
    for (n, persons, zipf) in
        [(10_000, 6_000, 0.9), (10_000, 6_000, 1.1), (20_000, 12_000, 0.9), (12_000, 200, 0.3), (6_000, 1, 1.0)]
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
