//! The fear: the matcher is fast because it tests rules lazily, in blocks, on interned names and `f32` sums, and one
//! of these shortcuts is wrong. Then datasets are made of second-best pairs, or of pairs that a rule forbids, and
//! nobody notices. So every pair of whole corpora is compared with a scan that takes no shortcut.

mod oracle;

use oracle::compare::{Tally, whole_partition};
use oracle::program::{newsroom, run_match, scratch};
use oracle::raw;
use oracle::rules::{Rules, published};
use oracle::select::TOLERANCE;

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
}
