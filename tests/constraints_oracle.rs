//! The fear: a rule that is fast and wrong. A pair that shares an entity is no falsified pair, and nobody would see it in
//! half a million. So the fast test (interned names, signatures) is held against the slow one (texts), and both against
//! the rules as they are worded, written down a third time here over the raw records, on made-up catalogs in which
//! facts are missing, names nearly alike, and days short of thirty by a millionth of a second.

mod common;

use common::{Chance, Modality, Written};
use mispair::constraints::{Balance, Bound, Condition, Rule, Split, Subject, Verdict, builtin_names};
use mispair::formats::facts_from_json;
use mispair::words::{Row, Timestamp};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeSet;

const LABELS: [&str; 5] = ["PERSON", "GPE", "ORG", "DATE", "CARDINAL"];
const TEXTS: [&str; 18] = [
    "Ada Lane",
    "ADA  lane",
    " Ada Lane's",
    "Ada Lane’s",
    "Ada Lanes",
    "Straße",
    "STRASSE",
    "strasse's",
    "Σίσυφος",
    "ΣΊΣΥΦΟΣ",
    "two",
    "Two",
    "Berlin",
    "berlin\t",
    "'s",
    "",
    "Lagos",
    "Ada-Lane",
];
const LINKS: [&str; 5] = ["Ada Lane", "ada lane", "Berlin", "Lagos, Nigeria", ""];
/// Seconds; 30 days are 2,592,000.
const TIMES: [f64; 7] = [0.0, 2_591_999.999_999, 2_592_000.0, 2_592_000.000_001, 5_184_000.0, -2_592_000.0, 86_400.0];
const CAPTIONS: [&str; 5] =
    ["four words are few", "five words are quite enough", "a b c d e f g", "  a\u{a0}b\tc d \n e ", ""];

fn text(chance: &mut Chance) -> String {
    if chance.happens(30) { format!("Name {}", chance.below(400)) } else { chance.pick(&TEXTS).to_owned() }
}

fn sample(i: usize, chance: &mut Chance) -> Value {
    let image = if chance.happens(15) { chance.below(3) as usize } else { i };
    let mut sample = json!({"id": i, "caption": chance.pick(&CAPTIONS), "image_path": format!("{image}.jpg")});
    let mut entities = Vec::new();
    for _ in 0..chance.below(5) {
        let mut mention = json!({"text": text(chance), "label": chance.pick(&LABELS)});
        if chance.happens(40) {
            mention["link"] = json!(chance.pick(&LINKS));
        }
        entities.push(mention);
    }
    let links: Vec<&str> = (0..chance.below(3)).map(|_| chance.pick(&LINKS)).collect();
    let names: Vec<String> = (0..chance.below(3)).map(|_| text(chance)).collect();
    for (fact, value, percent) in [
        ("entities", json!(entities), 85),
        ("links", json!(links), 30),
        ("timestamp", json!(TIMES[chance.below(7) as usize]), 85),
        ("person_boxes", json!(chance.below(3)), 80),
        ("pictured", json!(names), 30),
        ("generic", json!(chance.happens(50)), 30),
        ("corrupted", json!(chance.happens(50)), 20),
    ] {
        if chance.happens(percent) {
            sample[fact] = value;
        }
    }
    sample
}

/// Small whole numbers: no cosine of two of them is 0.9, 0.61 or 0.47, so none is on the wrong side by rounding.
fn vector(chance: &mut Chance, zero: bool) -> Vec<f32> {
    loop {
        let vector: Vec<f32> = (0..3).map(|_| chance.below(5) as f32 - 2.0).collect();
        if zero || vector.iter().any(|&x| x != 0.0) {
            return vector;
        }
    }
}

fn corpus(seed: u64) -> Written {
    let mut chance = Chance::new(seed);
    let n = 2 + chance.below(12) as usize;
    let mut samples: Vec<Value> = (0..n).map(|i| sample(i, &mut chance)).collect();
    // One caption with many names that nobody shares: beyond 64 names, bits of signatures stand for several.
    samples[0]["entities"] = (0..200).map(|i| json!([format!("{}{i}", chance.below(10)), "ORG"])).collect();
    let mut modality = |name, metric| {
        let rows = (0..n).map(|i| (i == 0 || chance.happens(88)).then(|| vector(&mut chance, metric == "dot")));
        Modality { name, metric, dtype: "f32", encoder: None, graph: false, rows: rows.collect() }
    };
    let modalities = vec![
        modality("clip-image", "cosine"),
        modality("clip-text", "cosine"),
        modality("sbert-text", "cosine"),
        modality("place-image", "dot"),
    ];
    Written { partitions: Vec::new(), samples, modalities }
}

fn splits(seed: u64) -> Vec<Split> {
    let mut chance = Chance::new(seed ^ 0xABCD);
    let mut all: Vec<Split> = builtin_names().into_iter().map(|n| Split::builtin(n).unwrap()).collect();
    for i in 0..3 {
        let mut toml = format!("name = \"odd{i}\"\norder = \"lowest\"\n");
        let modalities = ["clip-text", "clip-image", "sbert-text", "place-image"];
        toml += &format!("query = {:?}\nsearch = {:?}\n", chance.pick(&modalities), chance.pick(&modalities));
        if chance.happens(50) {
            toml += "max_image_similarity = 0.61\n";
        }
        toml += "[rules]\n";
        for line in [
            "words = { min = 5, max = 5 }",
            "entity_count = { min = 1 }",
            "days = { at_least = 30 }",
            "entities = { ignore_labels = [\"GPE\", \"NONE\"] }",
            "no_person = true",
            "pictured_person = true",
            "person_box = { at_least = 2 }",
            "shared_person = true",
            "place = { modality = \"place-image\", below = 0.47 }",
            "generic = true",
        ] {
            if chance.happens(45) {
                toml += line;
                toml += "\n";
            }
        }
        all.push(Split::parse("odd.toml", &toml).unwrap());
    }
    for split in &mut all {
        for rule in Rule::ALL {
            if rule.can_be_waived() && chance.happens(8) {
                split.waive.insert(rule);
            }
        }
        if !split.asks(Rule::SharedPerson) {
            split.balance_images = Balance::Halves;
        }
    }
    all
}

// ---- the rules as they are worded ----

type Names = BTreeSet<(bool, String)>;

struct Raw<'a> {
    sample: &'a Value,
    /// By modality: the row as it was given.
    rows: Vec<(&'static str, Option<&'a [f32]>)>,
}

fn normal(name: &str) -> String {
    let words: Vec<&str> = name.split_whitespace().collect();
    let folded = words.join(" ").to_lowercase().replace('ß', "ss").replace('ς', "σ");
    let cut = folded.strip_suffix("'s").or_else(|| folded.strip_suffix("’s")).unwrap_or(&folded);
    cut.trim_end().to_owned()
}

impl<'a> Raw<'a> {
    fn row(&self, modality: &str) -> Option<&'a [f32]> {
        self.rows.iter().find(|r| r.0 == modality).and_then(|r| r.1)
    }
    fn mentions(&self) -> Option<Vec<(&'a str, &'a str, Option<&'a str>)>> {
        let list = self.sample.get("entities")?.as_array().unwrap();
        let text = |m: &'a Value, key: &str, at: usize| m.get(key).or(m.get(at)).and_then(Value::as_str);
        Some(
            list.iter()
                .map(|m| (text(m, "text", 0).unwrap(), text(m, "label", 1).unwrap(), text(m, "link", 2)))
                .collect(),
        )
    }
    fn strings(&self, key: &str) -> Option<Vec<&'a str>> {
        Some(self.sample.get(key)?.as_array().unwrap().iter().map(|v| v.as_str().unwrap()).collect())
    }
    fn is(&self, key: &str) -> bool {
        self.sample.get(key).is_some_and(|v| v == true)
    }
    fn micros(&self) -> Option<i64> {
        Some((self.sample.get("timestamp")?.as_f64().unwrap() * 1e6).round() as i64)
    }

    /// The entities and linked titles that count.
    fn names(&self, ignored: &[String]) -> Option<Names> {
        let mut names = Names::new();
        for (text, label, link) in self.mentions()? {
            if !ignored.iter().any(|i| i == label) {
                names.insert((false, normal(text)));
                names.extend(link.map(|l| (true, l.to_owned())));
            }
        }
        names.extend(self.strings("links").unwrap_or_default().into_iter().map(|l| (true, l.to_owned())));
        names.retain(|n| !n.1.is_empty());
        Some(names)
    }

    fn pictured(&self) -> Option<Names> {
        let persons: Vec<_> = self.mentions().unwrap_or_default().into_iter().filter(|m| m.1 == "PERSON").collect();
        let shown: Vec<String> = match (self.strings("pictured"), self.mentions()) {
            (Some(names), _) => names.into_iter().map(normal).collect(),
            (None, Some(_)) => persons.iter().map(|m| normal(m.0)).collect(),
            (None, None) => return None,
        };
        let mut names: Names = shown.iter().map(|s| (false, s.clone())).collect();
        for (text, _, link) in persons {
            if shown.contains(&normal(text)) {
                names.extend(link.map(|l| (true, l.to_owned())));
            }
        }
        names.retain(|n| !n.1.is_empty());
        Some(names)
    }
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum::<f64>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

fn known<T>(fact: Option<T>, holds: impl FnOnce(T) -> bool) -> Verdict {
    fact.map_or(Verdict::Unknown, |f| holds(f).into())
}

/// The first verdict that is not "holds", of the caption's side, the candidate's side, and the two together.
fn both(sides: [Verdict; 2], together: impl FnOnce() -> bool) -> Verdict {
    sides.into_iter().find(|v| *v != Verdict::Holds).unwrap_or_else(|| together().into())
}

fn verdict(rule: Rule, split: &Split, p: &Raw<'_>, c: &Raw<'_>, same: bool) -> Verdict {
    let rules = &split.rules;
    let each = |f: &dyn Fn(&Raw<'_>) -> Verdict| both([f(p), f(c)], || true);
    match rule {
        Rule::MissingRow => {
            let has = |raw: &Raw<'_>, modalities: &[&String]| {
                known(modalities.iter().all(|m| raw.row(m).is_some()).then_some(()), |()| true)
            };
            both(
                [
                    has(p, &[&split.query, &split.clip_text, &split.clip_image]),
                    has(c, &[&split.search, &split.clip_image]),
                ],
                || true,
            )
        }
        Rule::Corrupted => each(&|r| (!r.is("corrupted")).into()),
        Rule::Words => {
            let asked = rules.words.unwrap();
            each(&|r| {
                let words = r.sample["caption"].as_str().unwrap().split_whitespace().count() as u32;
                (asked.min <= words && words <= asked.max).into()
            })
        }
        Rule::EntityCount => each(&|r| known(r.mentions(), |m| m.len() as u32 >= rules.entity_count.unwrap().min)),
        Rule::SameImage => (!same && p.sample["image_path"] != c.sample["image_path"]).into(),
        Rule::Days => {
            let apart = || {
                (p.micros().unwrap() - c.micros().unwrap()).abs()
                    >= i64::from(rules.days.unwrap().at_least) * 86_400_000_000
            };
            both([known(p.micros(), |_| true), known(c.micros(), |_| true)], apart)
        }
        Rule::Entities => {
            let names = |r: &Raw<'_>| r.names(&rules.entities.as_ref().unwrap().ignore_labels);
            both([known(names(p), |_| true), known(names(c), |_| true)], || {
                names(p).unwrap().is_disjoint(&names(c).unwrap())
            })
        }
        Rule::NoPerson => each(&|r| known(r.mentions(), |m| m.iter().all(|m| m.1 != "PERSON"))),
        Rule::PicturedPerson => each(&|r| known(r.pictured(), |p| !p.is_empty())),
        Rule::PersonBox => each(&|r| {
            known(r.sample.get("person_boxes"), |b| {
                b.as_u64().unwrap() >= u64::from(rules.person_box.unwrap().at_least)
            })
        }),
        Rule::SharedPerson => {
            let sides = [known(p.pictured(), |_| true), known(c.pictured(), |_| true)];
            both(sides, || !p.pictured().unwrap().is_disjoint(&c.pictured().unwrap()))
        }
        Rule::Place => {
            let place = rules.place.as_ref().unwrap();
            let (a, b) = (p.row(&place.modality), c.row(&place.modality));
            both([known(a, |_| true), known(b, |_| true)], || cosine(a.unwrap(), b.unwrap()) < f64::from(place.below))
        }
        Rule::Generic => each(&|r| (!r.is("generic")).into()),
        Rule::ImageSimilarity => {
            let (a, b) = (p.row(&split.clip_image), c.row(&split.clip_image));
            let below = f64::from(split.max_image_similarity.unwrap());
            both([known(a, |_| true), known(b, |_| true)], || cosine(a.unwrap(), b.unwrap()) < below)
        }
    }
}

/// What a run of cases has met: a test that never sees a collision proves nothing about it.
#[derive(Default, Debug)]
struct Met {
    pairs: u64,
    admitted: u64,
    collisions: u64,
    shared: u64,
    by_rule: [[u64; 3]; Rule::ALL.len()],
    by_columns: [u64; 2],
    left: u64,
}

/// A condition as it is worded, over the columns.
fn meets(bound: &Bound<'_>, condition: &Condition, row: Row) -> bool {
    match condition {
        Condition::Within(number, from, to) => (*from..=*to).contains(&bound.number(*number, row)),
        Condition::Not(number, this) => bound.number(*number, row) != *this,
        Condition::Outside(number, most, least) => {
            let value = bound.number(*number, row);
            value <= *most || value >= *least
        }
        Condition::HasNone(names, these) => !these.iter().any(|n| bound.names(*names, row).contains(n)),
        Condition::HasOne(names, these) => these.iter().any(|n| bound.names(*names, row).contains(n)),
    }
}

fn check(seed: u64, met: &mut Met) -> Result<(), TestCaseError> {
    let (dir, corpus) = (tempfile::tempdir().unwrap(), corpus(seed));
    let index = corpus.build(dir.path());
    let raw: Vec<Raw<'_>> = corpus
        .samples
        .iter()
        .enumerate()
        .map(|(i, sample)| Raw {
            sample,
            rows: corpus.modalities.iter().map(|m| (m.name, m.rows[i].as_deref())).collect(),
        })
        .collect();
    for split in splits(seed) {
        let bound = Bound::new(&index, split.clone()).unwrap();
        let asked: Vec<Rule> = Rule::ALL.into_iter().filter(|&r| split.asks(r)).collect();
        for (i, p) in raw.iter().enumerate() {
            let (row, facts) = (Row(i as u32), facts_from_json(p.sample).unwrap());
            let subject = Subject::of_row(&bound, row);
            let caption = p.sample["caption"].as_str();
            let outside = Subject::from_outside(&bound, caption, &facts, subject.vectors.clone());
            for (j, c) in raw.iter().enumerate() {
                let candidate = Row(j as u32);
                let want: Vec<(Rule, Verdict)> = asked.iter().map(|&r| (r, verdict(r, &split, p, c, i == j))).collect();
                let outcomes = bound.outcomes(&subject, candidate);
                let slow: Vec<(Rule, Verdict)> = outcomes.iter().map(|o| (o.rule, o.verdict)).collect();
                prop_assert_eq!(&slow, &want, "{} {} {}\n{:?}", split.name, p.sample, c.sample, outcomes);

                let first = want.iter().find(|w| w.1 != Verdict::Holds).map(|w| w.0);
                prop_assert_eq!(bound.first_failure(&subject, candidate), first);
                let listed: Vec<Rule> = bound.failures(&subject, candidate).iter().map(|o| o.rule).collect();
                let failing: Vec<Rule> = want.iter().filter(|w| w.1 != Verdict::Holds).map(|w| w.0).collect();
                prop_assert_eq!(&listed, &failing);
                let one_sided = bound.refused(&subject).is_none() && bound.refused_as_candidate(candidate).is_none();
                prop_assert_eq!(one_sided && bound.admits(&subject, candidate), first.is_none(), "admits");
                let waived: Vec<Rule> =
                    split.waived().filter(|&r| verdict(r, &split, p, c, i == j) != Verdict::Holds).collect();
                prop_assert_eq!(bound.waived_failures(&subject, candidate), waived);

                // A store that filters by columns finds the same, but for what compares two vectors.
                if bound.refused(&subject).is_none() {
                    let compares = bound.compares_vectors();
                    let left = |w: &(Rule, Verdict)| w.1 == Verdict::Fails && compares.contains(&w.0);
                    let by_columns = bound.conditions(&subject).iter().all(|c| meets(&bound, c, candidate));
                    prop_assert_eq!(by_columns, want.iter().all(|w| w.1 == Verdict::Holds || left(w)), "by columns");
                    met.by_columns[usize::from(by_columns)] += 1;
                    met.left += u64::from(by_columns && first.is_some());
                }

                // The same caption from outside: it is no sample of the archive, all else is as it was.
                if bound.refused(&subject).is_none_or(|(rule, _)| rule != Rule::MissingRow) {
                    let from_outside = bound.outcomes(&outside, candidate);
                    let differ =
                        from_outside.iter().zip(&want).find(|(o, w)| o.rule != Rule::SameImage && o.verdict != w.1);
                    prop_assert!(differ.is_none(), "{}: from outside {:?}", p.sample, differ);
                }

                met.pairs += 1;
                met.admitted += u64::from(first.is_none());
                want.iter().for_each(|(rule, v)| met.by_rule[*rule as usize][*v as usize] += 1);
                let (mine, theirs) = (p.names(&[]).unwrap_or_default(), c.names(&[]).unwrap_or_default());
                let touch = index.catalog.signature(row) & index.catalog.signature(candidate) != 0;
                prop_assert!(touch || mine.is_disjoint(&theirs), "a signature hides a shared name");
                met.collisions += u64::from(touch && mine.is_disjoint(&theirs));
                met.shared += u64::from(!mine.is_disjoint(&theirs));
            }
            prop_assert_eq!(bound.refused_as_pristine(row), bound.refused(&subject));
        }
    }
    Ok(())
}

#[test]
fn fast_slow_and_worded_agree() {
    let met = std::cell::RefCell::new(Met::default());
    let config = ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() };
    let mut runner = proptest::test_runner::TestRunner::new_with_rng(
        config,
        proptest::test_runner::TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha),
    );
    runner.run(&any::<u64>(), |seed| check(seed, &mut met.borrow_mut())).unwrap();
    let met = met.into_inner();
    assert!(met.pairs > 10_000 && met.admitted > 50 && met.collisions > 50 && met.shared > 500, "{met:?}");
    assert!(met.by_columns.iter().all(|&n| n > 300) && met.left > 20, "{met:?}");
    for rule in Rule::ALL {
        let [holds, fails, _] = met.by_rule[rule as usize];
        let can_fail = rule != Rule::MissingRow;
        assert!(holds > 50 && (fails > 50 || !can_fail), "{rule}: {:?}", met.by_rule[rule as usize]);
    }
}

#[test]
fn names_under_two_labels_and_days_to_the_microsecond() {
    let sample = |id: u32, seconds: f64, entities: Value| json!({"id": id, "caption": "five words are quite enough", "image_path": format!("{id}"), "timestamp": seconds, "entities": entities});
    let month = 30.0 * 86_400.0;
    let samples = vec![
        sample(0, 0.0, json!([["two", "CARDINAL"], ["Rome", "GPE"]])),
        sample(1, month, json!([["two", "CARDINAL"], ["Bonn", "GPE"]])),
        sample(2, month, json!([["two", "CARDINAL"], ["TWO", "WORK_OF_ART"]])),
        sample(3, month - 0.000_001, json!([["Oslo", "GPE"], ["Bern", "GPE"]])),
        sample(4, month, json!([["x", "DATE"], {"text": "y", "label": "ORG", "link": "Rome"}])),
    ];
    let modality = |name| Modality {
        name,
        metric: "cosine",
        dtype: "f32",
        encoder: None,
        graph: false,
        rows: vec![Some(vec![1.0, 0.5]); 5],
    };
    let modalities = vec![modality("clip-image"), modality("clip-text")];
    let dir = tempfile::tempdir().unwrap();
    let index = Written { partitions: Vec::new(), samples, modalities }.build(dir.path());
    let bound = Bound::new(&index, Split::builtin("semantics_clip_text_image").unwrap()).unwrap();
    let first = |p: u32, c: u32| bound.first_failure(&Subject::of_row(&bound, Row(p)), Row(c));
    assert_eq!(first(0, 1), None, "a cardinal alone is no entity in common");
    assert_eq!(first(0, 2), None, "the other side ignores its cardinal");
    assert_eq!(first(2, 1), Some(Rule::Days));
    assert_eq!(first(0, 3), Some(Rule::Days), "a millionth of a second short of thirty days");
    assert_eq!(first(0, 4), None, "a link is no surface text");
    assert!(Timestamp(0).at_least_days_apart(Timestamp(30 * 86_400_000_000), 30));
    let counted = |p: u32, c: u32| {
        bound.outcomes(&Subject::of_row(&bound, Row(p)), Row(c)).into_iter().find(|o| o.rule == Rule::Entities).unwrap()
    };
    assert_eq!(counted(1, 2).verdict, Verdict::Holds);
    assert!(counted(2, 2).why.contains("\"two\""), "under a label that counts it counts: {:?}", counted(2, 2));
}
