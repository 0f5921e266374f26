//! What others have found about images and captions, and captions to be checked. JSON array, JSONL, or CSV (TSV where it is named so).
//!
//! **Evidence**, one record a find: `caption` (or `dir_search_caption`) is the caption that was found; `image_id` says by which image,
//! `id` by which caption. `clip_sim` is the cosine of the image that was found and the image that is asked about; or `vector` is that
//! of the found image. `source`, `domain`, `date` and `entities` where they are known.
//!
//! **Captions to be checked**, one record a caption: `id`, `caption`; `image_id`; and `evidence_captions`, captions that the image
//! carried elsewhere.

use super::columns::{Cells, read_columns};
use super::error::{FieldError, RecordError, Where};
use super::record::Record;
use super::stream::{Item, Layout, layout_of, records};
use crate::words::{Mention, SampleId};
use serde_json::Value;
use std::path::Path;

/// One find.
#[derive(Debug, Clone, PartialEq)]
pub struct EvidenceRecord {
    /// Where it stands.
    pub at: Where,
    /// The caption that found it.
    pub id: Option<SampleId>,
    /// The image that found it.
    pub image_id: Option<SampleId>,
    /// The caption that was found; it may be empty.
    pub caption: String,
    /// The cosine of the two images.
    pub similarity: Option<f32>,
    /// The vector of the found image, as given.
    pub vector: Option<Vec<f32>>,
    /// Outlet.
    pub source: Option<String>,
    /// Web domain.
    pub domain: Option<String>,
    /// When, as the source says it.
    pub date: Option<String>,
    /// Entities of the caption.
    pub entities: Option<Vec<Mention>>,
}

/// One caption to be checked.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckRecord {
    /// Where it stands.
    pub at: Where,
    /// Its id; the number of the record, from 0, where it has none.
    pub id: SampleId,
    /// The image's id.
    pub image_id: Option<SampleId>,
    /// The caption; it may be empty.
    pub caption: String,
    /// Captions that the image carried elsewhere; `None`: nobody looked.
    pub evidence_captions: Option<Vec<String>>,
}

const EVIDENCE: [&str; 10] =
    ["id", "image_id", "caption", "dir_search_caption", "clip_sim", "vector", "source", "domain", "date", "entities"];
const CHECK: [&str; 4] = ["id", "image_id", "caption", "evidence_captions"];

/// Hands every record to `each`, whatever the file is.
fn each_record<'w>(
    file: &[u8],
    path: &Path,
    wanted: &[&'w str],
    mut each: impl FnMut(Where, Record<'w>) -> Result<(), RecordError>,
) -> Result<(), RecordError> {
    let extension = path.extension().map(|e| e.to_ascii_lowercase());
    if extension.is_some_and(|e| e == "csv" || e == "tsv") {
        // Columns that are not there are not asked for.
        let first = file.split(|&b| b == b'\n').next().unwrap_or(file);
        let names = String::from_utf8_lossy(first);
        let separator = if path.extension().is_some_and(|e| e.eq_ignore_ascii_case("tsv")) { '\t' } else { ',' };
        let clean = |n: &str| n.trim().trim_start_matches('\u{feff}').trim_matches('"').to_owned();
        let names: Vec<String> = names.split(separator).map(clean).collect();
        let there: Vec<&'w str> = wanted.iter().copied().filter(|w| names.iter().any(|n| n == w)).collect();
        for Cells { at, id, cells } in read_columns(file, path, "id", &there)? {
            let mut record = Record::default();
            for (name, cell) in there.iter().zip(cells) {
                let Some(cell) = cell else { continue };
                let value = match *name {
                    "id" => match &id {
                        SampleId::Int(n) => Value::from(*n),
                        SampleId::Text(text) => Value::from(text.as_str()),
                    },
                    "image_id" => match SampleId::from(cell.as_str()).other_type() {
                        Some(SampleId::Int(n)) => Value::from(n),
                        _ => Value::from(cell),
                    },
                    "vector" | "entities" | "evidence_captions" => {
                        serde_json::from_str(&cell).unwrap_or(Value::from(cell))
                    }
                    _ => Value::from(cell),
                };
                record.push(name, value);
            }
            each(at, record)?;
        }
        return Ok(());
    }
    let layout = match layout_of(file) {
        Layout::Array => Layout::Array,
        _ => Layout::Lines,
    };
    records(file, path, layout, wanted, |item: Item<'w>| each(Where::new(path, item.place), item.record)).map(|_| ())
}

/// Reads a whole file of evidence.
///
/// # Errors
/// A record that is broken, that neither an image nor a caption found, or whose cosine or vector is none.
pub fn read_evidence(file: &[u8], path: &Path) -> Result<Vec<EvidenceRecord>, RecordError> {
    let mut all = Vec::new();
    each_record(file, path, &EVIDENCE, |at, mut record| {
        match evidence(&at, &mut record) {
            Ok(found) => all.push(found),
            Err(field) => return Err(at.field(field)),
        }
        Ok(())
    })?;
    Ok(all)
}

fn evidence(at: &Where, record: &mut Record<'_>) -> Result<EvidenceRecord, FieldError> {
    let (id, image_id) = (record.id("id")?, record.id("image_id")?);
    if id.is_none() && image_id.is_none() {
        return Err(FieldError::Missing { field: "image_id".into() });
    }
    let other = record.text("dir_search_caption")?;
    let own = record.text("caption")?;
    // COVE's table has both: there `caption` is the one that is checked.
    let caption = other.or(own).ok_or_else(|| FieldError::Missing { field: "caption".into() })?;
    let similarity = record.number("clip_sim")?.map(|s| s as f32);
    if let Some(s) = similarity.filter(|s| !(-1.001..=1.001).contains(s)) {
        return Err(FieldError::wrong("clip_sim", "a cosine from -1 to 1", &Value::from(s)));
    }
    let number = |v: Value| v.as_f64().map(|x| x as f32).filter(|x| x.is_finite()).ok_or(v);
    let vector = record.list("vector", "a list of finite numbers", number)?;
    let entities = record.list("entities", "a list of {text, label}", |v| {
        let text = |name: &str, at: usize| v.get(name).or_else(|| v.get(at)).and_then(Value::as_str).map(str::to_owned);
        match (text("text", 0), text("label", 1)) {
            (Some(text), Some(label)) => Ok(Mention { text, label, link: None }),
            _ => Err(v),
        }
    })?;
    Ok(EvidenceRecord {
        at: at.clone(),
        id,
        image_id,
        caption,
        similarity,
        vector,
        source: record.text("source")?,
        domain: record.text("domain")?,
        date: record.text("date")?,
        entities,
    })
}

/// Reads a whole file of captions to be checked.
///
/// # Errors
/// A record that is broken, or lacks its caption.
pub fn read_checks(file: &[u8], path: &Path) -> Result<Vec<CheckRecord>, RecordError> {
    let mut all: Vec<CheckRecord> = Vec::new();
    each_record(file, path, &CHECK, |at, mut record| {
        let number = SampleId::Int(all.len() as i64);
        let fields = || {
            let text = |v: Value| match v {
                Value::String(text) => Ok(text),
                other => Err(other),
            };
            Ok(CheckRecord {
                at: at.clone(),
                id: record.id("id")?.unwrap_or(number),
                image_id: record.id("image_id")?,
                caption: record.required_text("caption")?,
                evidence_captions: record.list("evidence_captions", "a list of texts", text)?,
            })
        };
        match fields() {
            Ok(check) => all.push(check),
            Err(field) => return Err(at.field(field)),
        }
        Ok(())
    })?;
    Ok(all)
}
