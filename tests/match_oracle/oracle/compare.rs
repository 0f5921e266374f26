//! Agreement between the oracle and what the program wrote, with the tolerance that two ways of adding up need.

use super::program::{Dataset, Pair};
use super::rules::Rules;
use super::select::Options;
use mispair::words::SampleId;
use std::collections::{BTreeMap, HashMap};

/// How much was compared.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    pub captions: usize,
    pub pairs: usize,
    /// Pairs with the very candidate that the oracle chose.
    pub same: usize,
    pub hard: usize,
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Tally) {
        self.captions += other.captions;
        self.pairs += other.pairs;
        self.same += other.same;
        self.hard += other.hard;
    }
}

/// Panics at the first disagreement about the pairs of one partition (`None`: the whole corpus), matched without
/// balancing; compares the counts of the summary, too.
pub fn whole_partition(rules: &Rules<'_>, dataset: &Dataset, partition: Option<&str>, tolerance: f64) -> Tally {
    let (options, failing) = rules.all_options(&rules.rows_of(partition), tolerance);
    let name = partition.unwrap_or("all");
    let split = rules.split.name;
    let mut pairs = dataset.pairs(split);
    pairs.retain(|pair| pair.partition == name);
    let tally = selection(rules, &options, &pairs, tolerance);

    let counts = dataset.counts(split, name);
    let ineligible: BTreeMap<&str, u64> =
        counts["ineligible"].as_object().unwrap().iter().map(|(rule, n)| (&rule[..], n.as_u64().unwrap())).collect();
    assert_eq!(ineligible, failing, "{split} {name}: ineligible");
    let count = |what: &str| counts[what].as_u64().unwrap_or_else(|| panic!("{split} {name}: {what}")) as usize;
    assert_eq!(count("samples"), rules.rows_of(partition).len());
    assert_eq!(count("captions"), options.len(), "{split} {name}: captions");
    assert_eq!(count("pairs"), tally.pairs, "{split} {name}: pairs");
    assert_eq!(count("without_candidate"), options.len() - tally.pairs, "{split} {name}: without candidate");
    assert_eq!((count("selected_hard"), count("hard")), (tally.hard, tally.hard), "{split} {name}: H");
    let easy = tally.pairs - tally.hard;
    assert_eq!((count("selected_easy"), count("easy")), (easy, easy), "{split} {name}: L");
    tally
}

/// Panics at the first disagreement between `options`, by catalog row, and `pairs`.
pub fn selection(rules: &Rules<'_>, options: &BTreeMap<usize, Options>, pairs: &[Pair], tolerance: f64) -> Tally {
    let split = &rules.split;
    let row_of: HashMap<&SampleId, usize> = rules.corpus.iter().enumerate().map(|(row, s)| (&s.id, row)).collect();
    let by_row: BTreeMap<usize, &Pair> = pairs.iter().map(|pair| (row_of[&pair.id], pair)).collect();
    assert_eq!(by_row.len(), pairs.len(), "{}: a caption has two pairs", split.name);
    assert!(pairs.iter().map(|p| row_of[&p.id]).is_sorted(), "{}: not in catalog order", split.name);
    for (row, pair) in &by_row {
        assert!(options.contains_key(row), "{}: {} fails {:?}", split.name, pair.id, rules.pristine_fails(*row));
    }
    let mut tally = Tally { captions: options.len(), pairs: pairs.len(), ..Tally::default() };
    for (&row, options) in options {
        let said = || format!("{}, caption {}: {options:?}", split.name, rules.corpus[row].id);
        let Some(pair) = by_row.get(&row) else {
            assert!(options.surely_hard.or(options.others).is_none(), "no pair for {}", said());
            continue;
        };
        let found = row_of[&pair.image_id];
        judge(rules, row, found, pair, options, tolerance).unwrap_or_else(|e| panic!("{e}\n{pair:?}\n{}", said()));
        tally.hard += usize::from(pair.hard);
        tally.same += usize::from(options.choice.is_some_and(|c| c.row == found && c.hard == pair.hard));
    }
    tally
}

/// Is `pair`, which gives `row`'s caption the image of `found`, what the definition asks for?
fn judge(
    rules: &Rules<'_>,
    row: usize,
    found: usize,
    pair: &Pair,
    options: &Options,
    tolerance: f64,
) -> Result<(), String> {
    let (split, corpus) = (&rules.split, rules.corpus);
    if let Some(rule) = rules.given_fails(found).or_else(|| rules.together_fail(row, found, tolerance)) {
        return Err(format!("the candidate fails {rule}"));
    }
    let (score, cti) = (rules.score(row, found), rules.cti(row, found));
    let near = |a: f64, b: f64| (a - b).abs() <= tolerance * b.abs().max(1.0);
    for (what, got, want) in
        [("score", pair.score, score), ("CTI(p)", pair.cti_pristine, options.cti), ("CTI(f)", pair.cti_falsified, cti)]
    {
        if !near(got, want) {
            return Err(format!("{what} is {got}, should be {want}"));
        }
    }
    if pair.hard != (pair.cti_falsified >= pair.cti_pristine) {
        return Err("H/L contradicts the file's own scores".to_owned());
    }
    let to_beat = if pair.hard {
        options.surely_hard
    } else if options.surely_hard.is_some() {
        return Err("from L, though H is not empty".to_owned());
    } else {
        options.others
    };
    if let Some(best) = to_beat.filter(|&best| split.better(best, score) && !near(best, score)) {
        return Err(format!("score {score}, but there is one of {best}"));
    }
    if let Some(choice) = options.choice.filter(|c| c.score == score && c.hard == pair.hard && c.row < found) {
        return Err(format!("row {found}, but row {} has the same score", choice.row));
    }
    let days = corpus[row].time.zip(corpus[found].time).map(|(a, b)| (a - b).abs() as f64 / 86_400e6);
    if days.is_some() != pair.days_apart.is_some() || days.zip(pair.days_apart).is_some_and(|(a, b)| !near(a, b)) {
        return Err(format!("{:?} days apart, should be {days:?}", pair.days_apart));
    }
    let texts = [&pair.caption, &pair.image_path, &pair.falsified_image_path, &pair.falsified_image_caption];
    let wanted = [&corpus[row].caption, &corpus[row].image_path, &corpus[found].image_path, &corpus[found].caption];
    if texts != wanted {
        return Err("captions or paths are not those of the ids".to_owned());
    }
    Ok(())
}
