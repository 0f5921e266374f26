//! Bodies of requests, as typed. Unknown fields are refused by name; `null` is as good as absence.

use super::encoding::Made;
use super::problem::{Kind, Problem};
use crate::constraints::Rule;
use crate::evidence::{By, Match as Captions};
use crate::retrieve::Engine;
use crate::words::SampleId;
use axum::body::Bytes;
use axum::extract::rejection::QueryRejection;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// `POST /v1/query`, `POST /v1/explain`, an element of a batch, a line of a stream.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Ask {
    pub index: Option<String>,
    pub split: Option<String>,
    pub modality: Option<String>,
    #[serde(deserialize_with = "id")]
    pub id: Option<SampleId>,
    pub vector: Option<Vec<f32>>,
    pub vectors: Option<BTreeMap<String, Vec<f32>>>,
    pub text: Option<String>,
    pub facts: Option<Value>,
    pub from: Option<String>,
    pub k: Option<usize>,
    pub ef: Option<usize>,
    pub engine: Option<Engine>,
    pub adversarial: Option<bool>,
    pub lowest: Option<bool>,
    pub unique: Option<Unique>,
    pub partition: Option<String>,
    pub explain: Option<usize>,
    pub waive: Option<Vec<Rule>>,
    /// Of `POST /v1/match`: repeated in the answer.
    #[serde(skip)]
    pub key: Option<SampleId>,
    /// Of `POST /v1/images:search`: the file.
    #[serde(skip)]
    pub image: Option<Bytes>,
    /// What has been encoded for it.
    #[serde(skip)]
    pub made: Made,
}

/// `POST /v1/images:search?…`: the body is the image.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ImageSearch {
    pub index: Option<String>,
    pub modality: Option<String>,
    pub k: Option<usize>,
    pub ef: Option<usize>,
    pub engine: Option<Engine>,
    pub unique: Option<Unique>,
    pub partition: Option<String>,
}

/// What results are made unique by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Unique {
    Image,
}

/// `POST /v1/query:batch`. Each element is read when its turn comes: one that is wrong does not spoil the others.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Batch {
    pub queries: Vec<Box<RawValue>>,
}

/// `POST /v1/match`: settings for all captions, and the captions.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Match {
    #[serde(default)]
    pub index: Option<String>,
    #[serde(default)]
    pub split: Option<String>,
    #[serde(default)]
    pub ef: Option<usize>,
    #[serde(default)]
    pub engine: Option<Engine>,
    #[serde(default)]
    pub partition: Option<String>,
    #[serde(default)]
    pub explain: Option<usize>,
    #[serde(default)]
    pub waive: Option<Vec<Rule>>,
    pub captions: Vec<Box<RawValue>>,
}

/// A caption of one's own.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Caption {
    #[serde(deserialize_with = "id")]
    pub key: Option<SampleId>,
    pub vectors: Option<BTreeMap<String, Vec<f32>>>,
    pub text: Option<String>,
    pub facts: Option<Value>,
}

/// A line of a stream of captions: caption and settings together.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct MatchLine {
    pub index: Option<String>,
    pub split: Option<String>,
    pub ef: Option<usize>,
    pub engine: Option<Engine>,
    pub partition: Option<String>,
    pub explain: Option<usize>,
    pub waive: Option<Vec<Rule>>,
    #[serde(deserialize_with = "id")]
    pub key: Option<SampleId>,
    pub vectors: Option<BTreeMap<String, Vec<f32>>>,
    pub text: Option<String>,
    pub facts: Option<Value>,
}

/// `POST /v1/vectors:search`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct VectorSearch {
    pub index: Option<String>,
    pub modality: Option<String>,
    #[serde(deserialize_with = "id")]
    pub id: Option<SampleId>,
    pub vector: Option<Vec<f32>>,
    pub vectors: Option<Vec<Vec<f32>>>,
    pub from: Option<String>,
    pub k: Option<usize>,
    pub ef: Option<usize>,
    pub engine: Option<Engine>,
    pub lowest: Option<bool>,
    pub unique: Option<Unique>,
    pub partition: Option<String>,
}

/// `POST /v1/verify`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Verify {
    pub index: Option<String>,
    #[serde(deserialize_with = "id")]
    pub id: Option<SampleId>,
    #[serde(deserialize_with = "id")]
    pub image_id: Option<SampleId>,
    pub caption: Option<String>,
    pub vectors: Option<BTreeMap<String, Vec<f32>>>,
    pub images: Option<String>,
    pub captions: Option<String>,
    pub entities: Option<String>,
    pub evidence: Option<Vec<Find>>,
    pub same_image: Option<f32>,
    pub other_image: Option<f32>,
    pub near_caption: Option<f32>,
    #[serde(rename = "match")]
    pub how: Option<Captions>,
    pub most: Option<usize>,
    /// Of a form: the file of the image.
    #[serde(skip)]
    pub image: Option<Bytes>,
    /// What has been encoded for it.
    #[serde(skip)]
    pub made: Made,
}

/// What others have found.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Find {
    pub by: By,
    pub caption: String,
    #[serde(default)]
    pub from: Option<String>,
    #[serde(default)]
    pub clip_sim: Option<f32>,
    #[serde(default)]
    pub vector: Option<Vec<f32>>,
    #[serde(default)]
    pub source: Option<String>,
    #[serde(default)]
    pub domain: Option<String>,
    #[serde(default)]
    pub date: Option<String>,
    #[serde(default)]
    pub entities: Option<Vec<Mentioned>>,
}

/// `["Oslo", "GPE"]`, or `{"text": "Oslo", "label": "GPE"}`.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Mentioned {
    Pair(String, String),
    Named { text: String, label: String },
}

/// `?index=` of the catalog's pages.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct OfIndex {
    pub index: Option<String>,
}

/// A page that is asked nothing.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {}

impl Match {
    /// One caption with the settings of all.
    pub fn ask(&self, caption: Caption) -> Ask {
        Ask {
            index: self.index.clone(),
            split: self.split.clone(),
            ef: self.ef,
            engine: self.engine,
            partition: self.partition.clone(),
            explain: self.explain,
            waive: self.waive.clone(),
            k: Some(1),
            key: caption.key,
            vectors: caption.vectors,
            text: caption.text,
            facts: caption.facts,
            ..Ask::default()
        }
    }
}

impl ImageSearch {
    /// The same with its image.
    pub fn ask(&self, image: Bytes) -> Ask {
        Ask {
            index: self.index.clone(),
            modality: self.modality.clone(),
            k: self.k,
            ef: self.ef,
            engine: self.engine,
            unique: self.unique,
            partition: self.partition.clone(),
            image: Some(image),
            ..Ask::default()
        }
    }
}

impl From<MatchLine> for Ask {
    fn from(line: MatchLine) -> Ask {
        Ask {
            index: line.index,
            split: line.split,
            ef: line.ef,
            engine: line.engine,
            partition: line.partition,
            explain: line.explain,
            waive: line.waive,
            k: Some(1),
            key: line.key,
            vectors: line.vectors,
            text: line.text,
            facts: line.facts,
            ..Ask::default()
        }
    }
}

/// An integer or a text; its type is kept.
fn id<'de, D: Deserializer<'de>>(from: D) -> Result<Option<SampleId>, D::Error> {
    match Value::deserialize(from)? {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(SampleId::Text(text))),
        Value::Number(n) => match n.as_i64() {
            Some(n) => Ok(Some(SampleId::Int(n))),
            None => Err(D::Error::custom(format!("{n} is no id: an id is an integer of 64 bits or a text"))),
        },
        _ => Err(D::Error::custom("an id is an integer or a text")),
    }
}

/// Reads a body, an element or a line.
pub(super) fn parse<T: DeserializeOwned>(json: &[u8]) -> Result<T, Problem> {
    let mut reader = serde_json::Deserializer::from_slice(json);
    let read = serde_path_to_error::deserialize(&mut reader).map_err(|e| {
        let path = e.path().to_string();
        (e.into_inner(), path)
    });
    let read = read.and_then(|value| reader.end().map(|()| value).map_err(|e| (e, ".".to_owned())));
    // A list would be read as the fields in their order.
    if read.is_ok() && json.trim_ascii_start().first() != Some(&b'{') {
        return Err(Problem::new(Kind::Invalid, "an object is expected"));
    }
    read.map_err(|(e, path)| {
        if !e.is_data() {
            return Problem::new(Kind::Malformed, format!("no JSON: {e}"));
        }
        let mut detail = e.to_string();
        if let Some(at) = detail.rfind(" at line ") {
            detail.truncate(at);
        }
        match field(&path, &detail) {
            Some(field) => Problem::invalid(&field, detail),
            None => Problem::new(Kind::Invalid, detail),
        }
    })
}

/// What is wrong with what comes after the question mark of a path.
pub(super) fn query_problem(rejection: &QueryRejection) -> Problem {
    let detail = rejection.body_text();
    let cause = LEADS.iter().find_map(|lead| detail.find(lead)).map_or(detail.as_str(), |at| &detail[at..]);
    let problem = Problem::new(Kind::Invalid, cause);
    match field("", cause) {
        Some(field) => problem.at(&field),
        None => problem,
    }
}

/// What serde says of a name, before the name.
const LEADS: [&str; 3] = ["unknown field `", "missing field `", "duplicate field `"];

/// Which field: where the reader was, and the name that it did not know or did not find there.
fn field(path: &str, detail: &str) -> Option<String> {
    let path = path.trim_start_matches('.').trim_end_matches(".?").trim_end_matches('?');
    let named = LEADS.iter().find_map(|lead| detail.strip_prefix(lead)?.split('`').next());
    match (path, named) {
        ("", None) => None,
        (path, None) => Some(path.to_owned()),
        ("", Some(name)) => Some(name.to_owned()),
        (path, Some(name)) if path == name || path.ends_with(&format!(".{name}")) => Some(path.to_owned()),
        (path, Some(name)) => Some(format!("{path}.{name}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_field_at_fault_is_named() {
        for (body, field) in [
            (r#"{"kk": 5}"#, "kk"),
            (r#"{"k": -1}"#, "k"),
            (r#"{"k": 1.5}"#, "k"),
            (r#"{"k": 1, "k": 2}"#, "k"),
            (r#"{"id": 1.5}"#, "id"),
            (r#"{"id": 99999999999999999999}"#, "id"),
            (r#"{"id": [5]}"#, "id"),
            (r#"{"vector": [1, "two"]}"#, "vector[1]"),
            (r#"{"vectors": {"clip-text": [null]}}"#, "vectors.clip-text[0]"),
            (r#"{"engine": "fast"}"#, "engine"),
            (r#"{"unique": "caption"}"#, "unique"),
            (r#"{"waive": ["days", "colour"]}"#, "waive[1]"),
        ] {
            let problem = parse::<Ask>(body.as_bytes()).unwrap_err();
            assert_eq!((problem.kind, problem.field.as_deref()), (Kind::Invalid, Some(field)), "{body}: {problem:?}");
            assert!(!problem.detail.contains("line 1"), "{problem:?}");
        }
        let problem = parse::<Match>(br#"{"split": "x"}"#).unwrap_err();
        assert_eq!(problem.field.as_deref(), Some("captions"));
        for body in ["", "{", "nul", "{} {}", "{\"k\": 1e999}", "\"\u{1}\""] {
            assert_eq!(parse::<Ask>(body.as_bytes()).unwrap_err().kind, Kind::Malformed, "{body}");
        }
        for body in ["[1]", "[]", " []", "5", "null"] {
            assert_eq!(parse::<Ask>(body.as_bytes()).unwrap_err().kind, Kind::Invalid, "{body}");
        }
        let deep = "[".repeat(100_000);
        assert_eq!(parse::<Ask>(format!("{{\"facts\": {deep}").as_bytes()).unwrap_err().kind, Kind::Malformed);
    }

    #[test]
    fn ids_keep_their_type() {
        let id = |json: &str| parse::<Ask>(json.as_bytes()).unwrap().id;
        assert_eq!(id(r#"{"id": 5}"#), Some(SampleId::Int(5)));
        assert_eq!(id(r#"{"id": "5"}"#), Some(SampleId::Text("5".into())));
        assert_eq!(id(r#"{"id": null}"#), None);
    }
}
