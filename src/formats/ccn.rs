//! The web evidence of CCN (Abdelnabi, Hasan and Fritz, CVPR 2022) for NewsCLIPpings, as it was published and as COVE reads it.
//!
//! ```text
//! direct_search/<split>/<index>.json     {"KEY": {"image_id_in_visualNews": 9, "text_id_in_visualNews": 4, "folder_path": …}, …}
//! direct_search/<split>/KEY/direct_annotation.json     {"images_with_captions": [{"page_link", "caption": {"alt_node": …}}, …]}
//! inverse_search/<split>/KEY/inverse_annotation.json   {"all_fully_matched_captions": [{"page_link", "title", "caption": {…}}, …]}
//! ```
//!
//! What a caption found (direct) is joined by the caption's id, what an image found (inverse) by the image's. The keys are positions
//! in the annotation files of NewsCLIPpings; they are used as names of folders alone. Only full matches of an image are its evidence.

use super::error::{Place, RecordError, Where};
use super::evidence::EvidenceRecord;
use crate::words::SampleId;
use serde_json::Value;
use std::path::Path;

/// One entry of an index file.
#[derive(Debug, Clone, PartialEq)]
pub struct CcnEntry {
    /// The name of its folder.
    pub key: String,
    /// The image's id.
    pub image_id: SampleId,
    /// The caption's id.
    pub text_id: SampleId,
}

fn parsed(file: &[u8], path: &Path) -> Result<Value, RecordError> {
    serde_json::from_slice(file).map_err(|e| Where::new(path, Place::File).syntax(e))
}

/// Reads an index file; `None` where the object is none.
///
/// # Errors
/// Broken JSON; an entry with one of the two ids alone.
pub fn read_ccn_index(file: &[u8], path: &Path) -> Result<Option<Vec<CcnEntry>>, RecordError> {
    let Value::Object(entries) = parsed(file, path)? else { return Ok(None) };
    let mut all = Vec::new();
    for (number, (key, entry)) in entries.into_iter().enumerate() {
        let id = |field: &str| -> Option<SampleId> { serde_json::from_value(entry.get(field)?.clone()).ok() };
        match (id("image_id_in_visualNews"), id("text_id_in_visualNews")) {
            (Some(image_id), Some(text_id)) => all.push(CcnEntry { key, image_id, text_id }),
            (None, None) => return Ok(None),
            _ => {
                let at = Where::new(path, Place::Record(number as u64));
                let field =
                    super::FieldError::Missing { field: "image_id_in_visualNews or text_id_in_visualNews".into() };
                return Err(at.field(field));
            }
        }
    }
    Ok((!all.is_empty()).then_some(all))
}

/// A page's texts: the values of its `caption`, each once.
fn captions(page: &Value) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut add = |text: &Value| {
        if let Some(text) = text.as_str().map(str::trim).filter(|t| !t.is_empty())
            && found.iter().all(|f| f != text)
        {
            found.push(text.to_owned());
        }
    };
    match page.get("caption") {
        Some(Value::Object(by_node)) => by_node.values().for_each(&mut add),
        Some(text) => add(text),
        None => {}
    }
    found
}

fn record(at: Where, page: &Value, caption: String) -> EvidenceRecord {
    let link = page.get("page_link").and_then(Value::as_str).unwrap_or("");
    let host = link.split("//").nth(1).and_then(|rest| rest.split('/').next()).filter(|h| !h.is_empty());
    EvidenceRecord {
        at,
        id: None,
        image_id: None,
        caption,
        similarity: None,
        vector: None,
        source: None,
        domain: host.map(str::to_owned),
        date: page.get("date").and_then(Value::as_str).map(str::to_owned),
        entities: None,
    }
}

fn pages<'v>(document: &'v Value, list: &str) -> &'v [Value] {
    document.get(list).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// What a caption found: one record an image with captions, in file order, its first text the caption (as COVE takes it).
/// `vectors(i)`: the vector of image i, where they were computed.
///
/// # Errors
/// Broken JSON.
pub fn read_ccn_direct(
    file: &[u8],
    path: &Path,
    entry: &CcnEntry,
    vectors: impl Fn(usize) -> Option<Vec<f32>>,
) -> Result<Vec<EvidenceRecord>, RecordError> {
    let document = parsed(file, path)?;
    let each = pages(&document, "images_with_captions").iter().enumerate().map(|(i, page)| {
        let caption = captions(page).into_iter().next().unwrap_or_default();
        let found = record(Where::new(path, Place::Record(i as u64)), page, caption);
        EvidenceRecord { id: Some(entry.text_id.clone()), vector: vectors(i), ..found }
    });
    Ok(each.collect())
}

/// What an image found: the title and the captions of every page with a full match.
///
/// # Errors
/// Broken JSON.
pub fn read_ccn_inverse(file: &[u8], path: &Path, entry: &CcnEntry) -> Result<Vec<EvidenceRecord>, RecordError> {
    let document = parsed(file, path)?;
    let mut all = Vec::new();
    for (i, page) in pages(&document, "all_fully_matched_captions").iter().enumerate() {
        let title = page.get("title").and_then(Value::as_str).map(|t| t.trim().to_owned()).filter(|t| !t.is_empty());
        for caption in captions(page).into_iter().chain(title) {
            let found = record(Where::new(path, Place::Record(i as u64)), page, caption);
            all.push(EvidenceRecord { image_id: Some(entry.image_id.clone()), ..found });
        }
    }
    Ok(all)
}
