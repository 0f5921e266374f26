//! Samples as the files say: no interning, no clean-up.

use mispair::formats::pickle::Dictionary;
use mispair::words::SampleId;
use serde_json::Value;
use std::collections::HashMap;
use std::fs;
use std::path::Path;

pub struct Mention {
    pub text: String,
    pub label: String,
    pub link: Option<String>,
}

pub struct Sample {
    pub id: SampleId,
    pub caption: String,
    pub image_path: String,
    pub partition: Option<String>,
    /// Microseconds since 1970.
    pub time: Option<i64>,
    pub mentions: Option<Vec<Mention>>,
    /// Linked titles that belong to no mention.
    pub links: Vec<String>,
    pub person_boxes: Option<u64>,
    pub pictured: Option<Vec<String>>,
    pub generic: bool,
    pub corrupted: bool,
    /// By modality; see [`Sample::row`].
    pub rows: Vec<(&'static str, Vector)>,
}

impl Sample {
    pub fn row(&self, modality: &str) -> Option<&Vector> {
        self.rows.iter().find(|(name, _)| *name == modality).map(|(_, row)| row)
    }
}

/// A row as stored in the file: not normalised.
pub struct Vector {
    pub numbers: Vec<f64>,
    /// Its length, in space.
    pub norm: f64,
}

impl From<&[f32]> for Vector {
    fn from(row: &[f32]) -> Vector {
        let numbers: Vec<f64> = row.iter().copied().map(f64::from).collect();
        let norm = numbers.iter().map(|x| x * x).sum::<f64>().sqrt();
        Vector { numbers, norm }
    }
}

/// In catalog order.
pub type Corpus = Vec<Sample>;

pub const MODALITIES: [(&str, &str); 4] = [
    ("clip-image", "clip_image_embeddings"),
    ("clip-text", "clip_text_embeddings"),
    ("sbert-text", "sbert_embeddings"),
    ("place-image", "places_resnet50"),
];

/// The published layout.
pub fn published(dir: &Path) -> Corpus {
    let json = |path: &str| -> Value { serde_json::from_slice(&fs::read(dir.join(path)).unwrap()).unwrap() };
    let mut corpus: Corpus = json("visual_news/origin/data.json").as_array().unwrap().iter().map(sample).collect();
    let at: HashMap<SampleId, usize> = corpus.iter().enumerate().map(|(row, s)| (s.id.clone(), row)).collect();
    for partition in ["train", "val", "test"] {
        for (key, entry) in json(&format!("news_clippings/metadata/{partition}.json")).as_object().unwrap() {
            // Keys of a JSON object are texts even where ids are numbers.
            let row = at[&SampleId::Int(key.parse().unwrap())];
            facts(&mut corpus[row], entry);
            corpus[row].partition = Some(partition.to_owned());
        }
        for (modality, name) in MODALITIES {
            let path = dir.join(format!("news_clippings/embeddings/{name}/{name}_{partition}.pkl"));
            let bytes = fs::read(&path).unwrap();
            for (id, array) in Dictionary::read(&bytes, &path).unwrap().entries {
                let array = array.unwrap();
                let mut row = vec![0.0; array.width()];
                array.row_into(&mut row);
                let sample = &mut corpus[at[&id]];
                sample.rows.push((modality, row.as_slice().into()));
                sample.partition = Some(partition.to_owned());
            }
        }
    }
    corpus
}

/// A sample and its facts from one record; it has no rows yet.
pub fn sample(record: &Value) -> Sample {
    let text = |field: &str| record[field].as_str().unwrap().to_owned();
    let mut sample = Sample {
        id: serde_json::from_value(record["id"].clone()).unwrap(),
        caption: text("caption"),
        image_path: text("image_path"),
        partition: None,
        time: None,
        mentions: None,
        links: Vec::new(),
        person_boxes: None,
        pictured: None,
        generic: false,
        corrupted: false,
        rows: Vec::new(),
    };
    facts(&mut sample, record);
    sample
}

/// Everything a metadata entry says. Absent and null: unknown.
pub fn facts(sample: &mut Sample, entry: &Value) {
    let list = |field: &str| entry[field].as_array();
    let texts = |list: &Vec<Value>| list.iter().map(|v| v.as_str().unwrap().to_owned()).collect();
    sample.time = match &entry["timestamp"] {
        Value::Null => sample.time,
        Value::Number(seconds) => Some((seconds.as_f64().unwrap() * 1e6).round() as i64),
        text => Some(microseconds(text.as_str().unwrap())),
    };
    if let Some(mentions) = list("entities").or(list("caption_entities_spacy")) {
        let mention = |m: &Value| {
            let [text, label, link] =
                if m.is_array() { [&m[0], &m[1], &m[2]] } else { [&m["text"], &m["label"], &m["link"]] };
            let text_of = |v: &Value| v.as_str().unwrap().to_owned();
            Mention { text: text_of(text), label: text_of(label), link: link.as_str().map(String::from) }
        };
        sample.mentions = Some(mentions.iter().map(mention).collect());
    }
    if let Some(links) = list("links") {
        sample.links = texts(links);
    } else if let Some(links) = list("caption_entities_rel") {
        // The made-up newsroom writes [title, confidence].
        sample.links = links.iter().map(|link| link[0].as_str().unwrap().to_owned()).collect();
    }
    sample.person_boxes = entry["person_boxes"].as_u64().or(sample.person_boxes);
    sample.pictured = list("pictured").map(texts).or(sample.pictured.take());
    sample.generic = entry["generic"].as_bool().unwrap_or(sample.generic);
    sample.corrupted = entry["corrupted"].as_bool().unwrap_or(sample.corrupted);
}

/// `2016-05-04`, `2016-05-04T10:11:12`, with `Z` or `+02:00` behind it.
fn microseconds(text: &str) -> i64 {
    let number = |from: usize, to: usize| text[from..to].parse::<i64>().unwrap();
    let (year, month, day) = (number(0, 4), number(5, 7), number(8, 10));
    let leap = |y: i64| y % 4 == 0 && (y % 100 != 0 || y % 400 == 0);
    let lengths = [31, if leap(year) { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let years: i64 = (1970..year).map(|y| if leap(y) { 366 } else { 365 }).sum();
    let days = years + lengths[..month as usize - 1].iter().sum::<i64>() + day - 1;
    let mut seconds = days * 86_400;
    if text.len() > 10 {
        seconds += number(11, 13) * 3600 + number(14, 16) * 60 + number(17, 19);
        let zone = &text[19..];
        if !zone.is_empty() && zone != "Z" {
            let east = number(20, 22) * 3600 + number(23, 25) * 60;
            seconds -= if zone.starts_with('-') { -east } else { east };
        }
    }
    seconds * 1_000_000
}
