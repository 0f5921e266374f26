//! A small corpus in which everything that is rare elsewhere is common: ties, copies, names in three spellings, dates
//! at the very border, missing facts and rows, ids of both types that look alike, no partitions.

use crate::oracle::raw::{Corpus, Vector, sample};
use crate::oracle::rules::{Split, published};
use mispair::formats::npy::{NpyWriter, write_ids};
use mispair::formats::pickle::PickleWriter;
use mispair::words::SampleId;
use serde_json::{Value, json};
use std::fs::{self, File};
use std::io::BufWriter;
use std::path::Path;

/// What kind of ids the samples have, and so what files their rows stand in.
#[derive(Clone, Copy, PartialEq)]
pub enum Ids {
    /// Texts; `.npy`, with a file of ids beside it where rows are missing.
    Texts,
    /// Whole numbers and texts that look like them (7 and "7" are two samples); pickles.
    Both,
}

const SAMPLES: usize = 500;
const WIDTHS: [(&str, usize); 4] = [("clip-image", 40), ("clip-text", 40), ("mood", 19), ("place-image", 33)];

/// SplitMix64.
struct Chance(u64);

impl Chance {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % n as u64) as usize
    }

    fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }

    /// Between −1 and 1, with 12 bits: sums of products of a few are the same in any order.
    fn number(&mut self) -> f32 {
        (self.below(4097) as f32 - 2048.0) / 2048.0
    }
}

const NAMES: [(&str, &str); 14] = [
    ("Ada Lovelace", "PERSON"),
    ("ADA  LOVELACE'S", "PERSON"),
    ("Grace Hopper", "PERSON"),
    ("grace hopper’s", "PERSON"),
    ("Ada Lovelace", "ORG"),
    ("Große Straße", "FAC"),
    ("GROSSE STRASSE", "FAC"),
    ("Σίσυφος", "PERSON"),
    ("ΣΊΣΥΦΟΣ", "PERSON"),
    ("Rome", "GPE"),
    ("two", "CARDINAL"),
    ("Monday", "DATE"),
    ("'s", "NORP"),
    ("Lagos", "GPE"),
];
const LINKS: [&str; 4] = ["Ada_Lovelace", "Grace Hopper", "Rome", "Rome, Georgia"];

fn record(row: usize, ids: Ids, chance: &mut Chance) -> Value {
    let words = ["One", "two", "three", "four", "five", "six"];
    let caption: Vec<&str> = (0..2 + chance.below(9)).map(|_| *chance.pick(&words)).collect();
    let n = row / 2;
    let id = match ids {
        Ids::Texts => json!(format!("é {n}\"{}", row % 2)),
        Ids::Both if row.is_multiple_of(2) => json!(n),
        Ids::Both => json!(n.to_string()),
    };
    let mut record = json!({
        "id": id,
        "caption": format!("{}\u{a0}{row}", caption.join(" ")),
        "image_path": format!("images/{}.jpg", chance.below(SAMPLES)),
    });
    if chance.below(20) > 0 {
        let mentions: Vec<Value> = (0..chance.below(4))
            .map(|_| {
                let (text, label) = chance.pick(&NAMES);
                match chance.below(5) {
                    0..3 => json!({"text": text, "label": label, "link": chance.pick(&LINKS)}),
                    _ => json!([text, label]),
                }
            })
            .collect();
        record["entities"] = mentions.into();
        if chance.below(6) == 0 {
            record["links"] = json!([chance.pick(&LINKS)]);
        }
    }
    // Multiples of 15 days, a second more or less, in all spellings.
    let date = ["2016-05-01", "2016-05-31", "2016-05-31T00:00:01Z", "2016-05-30T23:59:59", "2016-05-31T02:00:00+02:00"];
    match chance.below(10) {
        0 => {}
        1..4 => record["timestamp"] = json!(chance.pick(&date)),
        _ => record["timestamp"] = json!(chance.below(40) as f64 * 15.0 * 86_400.0 + [0.0, 1.0, -0.5][chance.below(3)]),
    }
    if chance.below(8) > 0 {
        record["person_boxes"] = json!(chance.below(4));
    }
    match chance.below(8) {
        0 => record["pictured"] = json!([]),
        1..3 => record["pictured"] = json!([chance.pick(&NAMES[..4]).0, chance.pick(&NAMES[7..9]).0]),
        _ => {}
    }
    if chance.below(15) == 0 {
        record["generic"] = json!(true);
    }
    if chance.below(30) == 0 {
        record["corrupted"] = json!(true);
    }
    record
}

/// Writes `catalog.jsonl`, four matrices and `CORPUS.toml` into `dir`, and says what is in them.
pub fn write(dir: &Path, ids: Ids, seed: u64) -> Corpus {
    let chance = &mut Chance(seed);
    let records: Vec<Value> = (0..SAMPLES).map(|row| record(row, ids, chance)).collect();
    let lines: Vec<String> = records.iter().map(Value::to_string).collect();
    fs::write(dir.join("catalog.jsonl"), lines.join("\n")).unwrap();
    let mut corpus: Corpus = records.iter().map(sample).collect();
    let mut toml =
        "[corpus]\nname = \"handmade\"\n[catalog]\nformat = \"jsonl\"\npath = \"catalog.jsonl\"\n".to_owned();
    for (modality, width) in WIDTHS {
        // A fifth of the rows is a copy of one of few, at another length.
        let few: Vec<Vec<f32>> = (0..12).map(|_| (0..width).map(|_| chance.number()).collect()).collect();
        let mut rows: Vec<(SampleId, Vec<f32>)> = Vec::new();
        for sample in &mut corpus {
            let row: Vec<f32> = match chance.below(25) {
                0 if modality != "clip-text" => continue,
                1..6 => {
                    let length = [0.5, 1.0, 2.0][chance.below(3)];
                    chance.pick(&few).iter().map(|x| x * length).collect()
                }
                // Most captions fit their own image better than nearly all others.
                6..20 if modality == "clip-text" && sample.row("clip-image").is_some() => {
                    let image = &sample.row("clip-image").unwrap().numbers;
                    image.iter().map(|&x| x as f32 + 0.7 * chance.number()).collect()
                }
                _ => (0..width).map(|_| chance.number()).collect(),
            };
            sample.rows.push((modality, Vector::from(row.as_slice())));
            rows.push((sample.id.clone(), row));
        }
        let metric = if modality == "mood" { "dot" } else { "cosine" };
        let (kind, with_ids) = if ids == Ids::Both { ("pkl", false) } else { ("npy", rows.len() < SAMPLES) };
        toml += &format!("[modalities.{modality}]\npath = \"{modality}.{kind}\"\nmetric = \"{metric}\"\n");
        let create = |name: &str| BufWriter::new(File::create(dir.join(name)).unwrap());
        let file = create(&format!("{modality}.{kind}"));
        if with_ids {
            toml += &format!("ids = \"{modality}-ids.npy\"\n");
            // Rows with ids stand in any order.
            rows.reverse();
            let ids: Vec<SampleId> = rows.iter().map(|(id, _)| id.clone()).collect();
            write_ids(create(&format!("{modality}-ids.npy")), &ids).unwrap();
        }
        if kind == "pkl" {
            let mut out = PickleWriter::new(file, width).unwrap();
            rows.iter().for_each(|(id, row)| out.entry(id, Some(row)).unwrap());
            out.finish().unwrap();
        } else {
            let mut out = NpyWriter::new(file, rows.len(), width).unwrap();
            rows.iter().for_each(|(_, row)| out.row(row).unwrap());
            out.finish().unwrap();
        }
    }
    fs::write(dir.join("CORPUS.toml"), toml).unwrap();
    corpus
}

/// Splits of a user's own, with the text of their files.
pub fn splits() -> [(Split, &'static str); 3] {
    let [base, ..] = published();
    let far = Split {
        name: "far",
        highest: false,
        words: (3, 8),
        entity_count: 1,
        days: 15,
        ignore_labels: vec![],
        max_image_similarity: 0.25,
        rules: vec!["words", "entity_count", "days", "entities", "generic", "image_similarity"],
        ..base.clone()
    };
    let far_file = r#"
        name = "far"
        query = "clip-text"
        search = "clip-image"
        order = "lowest"
        max_image_similarity = 0.25
        [rules]
        words = { min = 3, max = 8 }
        entity_count = { min = 1 }
        days = { at_least = 15 }
        entities = { ignore_labels = [] }
        generic = true"#;
    let meeting = Split {
        name: "meeting",
        query: "mood",
        search: "mood",
        cosine: false,
        person_boxes: 2,
        place: ("place-image", 0.3),
        rules: vec!["days", "pictured_person", "person_box", "shared_person", "place"],
        ..base.clone()
    };
    let meeting_file = r#"
        name = "meeting"
        query = "mood"
        search = "mood"
        order = "highest"
        [rules]
        days = { at_least = 30 }
        pictured_person = true
        person_box = { at_least = 2 }
        shared_person = true
        place = { modality = "place-image", below = 0.3 }"#;
    let anything = Split {
        name: "anything",
        query: "place-image",
        search: "place-image",
        clip_text: "clip-image",
        clip_image: "clip-text",
        rules: vec![],
        ..base
    };
    let anything_file = r#"
        name = "anything"
        query = "place-image"
        search = "place-image"
        order = "highest"
        clip_text = "clip-image"
        clip_image = "clip-text""#;
    [(far, far_file), (meeting, meeting_file), (anything, anything_file)]
}
