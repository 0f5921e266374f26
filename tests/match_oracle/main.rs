//! The fear: the matcher is fast because it tests rules lazily, in blocks, on interned names and `f32` sums, and one
//! of these shortcuts is wrong. Then datasets are made of second-best pairs, or of pairs that a rule forbids, and
//! nobody notices. So every pair of whole corpora is compared with a scan that takes no shortcut.

mod chunks;
mod handmade;
#[allow(dead_code, reason = "the oracle serves several test files")]
mod oracle;

use handmade::Ids;
use mispair::words::SampleId;
use oracle::compare::{Tally, whole_partition};
use oracle::program::{mispair, newsroom, run_match, scratch, text};
use oracle::raw::{self, Corpus};
use oracle::rules::{Rules, Split, published};
use oracle::select::TOLERANCE;
use oracle::swaps::{all_swaps, maximum};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

const PARTITIONS: [&str; 3] = ["train", "val", "test"];

#[test]
fn every_pair_of_the_demo_newsroom() {
    let dir = scratch("demo");
    let (raw, index) = newsroom(&dir, 6000, 7, &[]);
    let corpus = raw::published(&raw);
    let dataset = run_match(&index, &dir.join("out"), &["--split", "all", "--no-balance"]);
    for split in published() {
        let rules = Rules::new(split, &corpus);
        let mut tally = Tally::default();
        for partition in PARTITIONS {
            tally += whole_partition(&rules, &dataset, Some(partition), TOLERANCE);
        }
        println!("{}: {tally:?}", rules.split.name);
        assert!(tally.pairs > 1000 && tally.hard > 200, "the newsroom is too small to prove anything: {tally:?}");
        assert!(tally.same * 1000 >= tally.pairs * 999, "more near-ties than chance makes: {tally:?}");
    }
    fs::remove_dir_all(dir).unwrap();
}

/// Another world, small enough to be matched in many ways.
struct Small {
    dir: PathBuf,
    raw: PathBuf,
    index: PathBuf,
    corpus: Corpus,
}

static SMALL: LazyLock<Small> = LazyLock::new(|| {
    let dir = scratch("small");
    let (raw, index) = newsroom(&dir, 1800, 20, &[]);
    let corpus = raw::published(&raw);
    Small { dir, raw, index, corpus }
});

#[test]
fn every_pair_with_rules_waived() {
    let sets: [&[&str]; 6] =
        [&[], &["person_box"], &["place"], &["person_box", "place"], &["days", "entities"], &["entity_count", "words"]];
    let mut numbers = Vec::new();
    for waived in sets {
        let mut options = vec!["--split", "all", "--no-balance"];
        waived.iter().for_each(|rule| options.extend(["--waive", rule]));
        let dataset = run_match(&SMALL.index, &SMALL.dir.join(format!("out-{}", waived.join("-"))), &options);
        let mut sum = Tally::default();
        for split in published() {
            let rules = Rules::new(waived.iter().fold(split, |split, rule| split.waive(rule)), &SMALL.corpus);
            // Rules of the person split alone change nothing elsewhere.
            let partitions = if waived.iter().any(|rule| rules.split.rules.contains(rule)) { 0..3 } else { 2..3 };
            for partition in &PARTITIONS[if waived.is_empty() { 0..3 } else { partitions }] {
                sum += whole_partition(&rules, &dataset, Some(partition), TOLERANCE);
            }
        }
        println!("waived {waived:?}: {sum:?}");
        numbers.push(dataset.pairs("person_sbert_text_text").len());
    }
    assert!(numbers[1..].iter().all(|&n| n > numbers[0]), "a waived rule lets more pairs through: {numbers:?}");
}

/// Half floats move a score by a few units of their last place: pairs agree as far as that lets them.
#[test]
fn half_floats() {
    let dir = scratch("half");
    let index = dir.join("index");
    mispair(&["build", "--newsclippings", text(&SMALL.raw), "--dtype", "f16", "--out", text(&index)]);
    let dataset = run_match(&index, &dir.join("out"), &["--split", "all", "--no-balance"]);
    let mut sum = Tally::default();
    for split in published() {
        let rules = Rules::new(split, &SMALL.corpus);
        for partition in PARTITIONS {
            sum += whole_partition(&rules, &dataset, Some(partition), 4e-4);
        }
    }
    println!("f16: {sum:?}");
    assert!(sum.same * 100 >= sum.pairs * 97, "{sum:?}");
}

#[test]
fn chunks_are_matched_exactly() {
    for (size, seed) in [(300, "1"), (97, "2")] {
        let size_text = size.to_string();
        let out = SMALL.dir.join(format!("chunks-{size}-{seed}"));
        let options = ["--split", "all", "--no-balance", "--chunk-size", &size_text, "--seed", seed];
        let dataset = run_match(&SMALL.index, &out, &options);
        for partition in PARTITIONS {
            chunks::check(&published().map(|split| Rules::new(split, &SMALL.corpus)), &dataset, partition, size);
        }
    }
}

#[test]
fn rare_things_made_common() {
    for (ids, seed) in [(Ids::Texts, 1), (Ids::Both, 2), (Ids::Both, 3)] {
        let dir = scratch(&format!("handmade-{seed}"));
        let corpus = handmade::write(&dir, ids, seed);
        let (toml, index, out) = (dir.join("CORPUS.toml"), dir.join("index"), dir.join("out"));
        mispair(&["build", text(&toml), "--out", text(&index)]);
        let mut options = vec!["--no-balance".to_owned()];
        for (split, file) in handmade::splits() {
            let path = dir.join(format!("{}.toml", split.name));
            fs::write(&path, file).unwrap();
            options.extend(["--split".to_owned(), text(&path).to_owned()]);
        }
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        let dataset = run_match(&index, &out, &options);
        for (split, _) in handmade::splits() {
            let rules = Rules::new(split, &corpus);
            let tally = whole_partition(&rules, &dataset, None, TOLERANCE);
            println!("{} {seed}: {tally:?}", rules.split.name);
            assert!(tally.pairs > 20 && tally.hard > 5 && tally.hard + 5 < tally.pairs, "{tally:?}");
            assert_eq!(tally.same, tally.pairs, "ties are ties of copies: the lowest row is the only right one");
            assert!(out.join(rules.split.name).join("all.json").is_file());
        }
        swaps_of_rare_things(&dir, &corpus, &index);
    }
}

/// The same corpus balanced by swaps: ids of both types, ties, images with many captions.
fn swaps_of_rare_things(dir: &Path, corpus: &Corpus, index: &Path) {
    let [_, (split, file), _] = handmade::splits();
    let split = Split { name: "meeting_swaps", ..split };
    let file = file.replace("\"meeting\"", "\"meeting_swaps\"\nbalance_images = \"swaps\"");
    let path = dir.join("meeting_swaps.toml");
    fs::write(&path, file).unwrap();
    let dataset = run_match(index, &dir.join("swapped"), &["--split", text(&path)]);
    let rules = Rules::new(split, corpus);
    let swaps = all_swaps(&rules, None);
    let chosen = dataset.counts(rules.split.name, "all")["swaps"]["chosen"].as_u64().unwrap() as usize;
    assert_eq!(chosen, maximum(&swaps));
    let admissible: BTreeSet<_> = swaps.iter().map(|s| s.ends).collect();
    let row_of: HashMap<&SampleId, usize> = corpus.iter().enumerate().map(|(row, s)| (&s.id, row)).collect();
    let pairs = dataset.pairs(rules.split.name);
    let given: BTreeMap<usize, usize> = pairs.iter().map(|p| (row_of[&p.id], row_of[&p.image_id])).collect();
    assert!(!given.is_empty() && given.len() == pairs.len());
    for (&a, &b) in &given {
        assert_eq!(given.get(&b), Some(&a));
        assert!(admissible.contains(&(a.min(b), a.max(b))));
    }
    println!("meeting_swaps: {} possible, {chosen} chosen, {} pairs", swaps.len(), pairs.len());
}
