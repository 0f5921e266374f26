//! Captions with a right and a wrong image, in other layouts than the published one. JSON array or JSONL, told from the first
//! byte; the layout of the records, from the first of them.
//!
//! **Pairs**, one record a caption, with the names of [`PairColumns`]:
//!
//! ```text
//! {"caption": "…", "pristine_image": "bbc/1.jpg", "falsified_image": "bbc/2.jpg", "block": 0, "id": 9, "falsified_id": 4}
//! ```
//!
//! `block` (the split it comes from: a text or a whole number) and the two ids may be absent: an image's path then stands for
//! its sample.
//!
//! **Rows**, one record a caption with one image, as `mispair export --hydrate` writes them: `id`, `image_id`, `falsified`, and
//! `caption`, `image_path`, `similarity_score`, `source_dataset` (a text), `split`, `partition` where they are known.

use super::error::{FieldError, RecordError, Where};
use super::record::Record;
use super::stream::{Item, Layout, layout_of, records};
use crate::words::SampleId;
use serde_json::Value;
use std::path::Path;

/// The names of the fields of a file of pairs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PairColumns {
    /// The caption.
    pub caption: String,
    /// Its own image.
    pub pristine_image: String,
    /// A wrong one.
    pub falsified_image: String,
    /// The split it comes from.
    pub block: String,
    /// The caption's id.
    pub id: String,
    /// The wrong image's id.
    pub falsified_id: String,
}

impl Default for PairColumns {
    fn default() -> Self {
        PairColumns {
            caption: "caption".into(),
            pristine_image: "pristine_image".into(),
            falsified_image: "falsified_image".into(),
            block: "block".into(),
            id: "id".into(),
            falsified_id: "falsified_id".into(),
        }
    }
}

impl PairColumns {
    /// Gives a field another name: `set("caption", "text")`. `Err`: the fields there are.
    pub fn set(&mut self, field: &str, name: &str) -> Result<(), String> {
        let names = ["caption", "pristine_image", "falsified_image", "block", "id", "falsified_id"];
        let place = match field {
            "caption" => &mut self.caption,
            "pristine_image" => &mut self.pristine_image,
            "falsified_image" => &mut self.falsified_image,
            "block" => &mut self.block,
            "id" => &mut self.id,
            "falsified_id" => &mut self.falsified_id,
            _ => return Err(names.join(", ")),
        };
        name.clone_into(place);
        Ok(())
    }
}

/// One caption with one image, as a file of pairs or of rows gives it.
#[derive(Debug, Clone, PartialEq)]
pub struct LabelledRow {
    /// The sample whose caption it is.
    pub id: SampleId,
    /// The sample whose image it is.
    pub image_id: SampleId,
    /// The image is not the caption's own.
    pub falsified: bool,
    /// The caption.
    pub caption: Option<String>,
    /// The image's path.
    pub image_path: Option<String>,
    /// The split's score.
    pub score: Option<f32>,
    /// In a merged set: the split it comes from.
    pub block: Option<String>,
    /// The split.
    pub split: Option<String>,
    /// The partition.
    pub partition: Option<String>,
}

/// Streams a file of pairs or of rows: one call of `each` a row (two a pair, the pristine one first). Gives their number.
///
/// # Errors
/// A record that is broken, lacks a field, or has one of the wrong type; and whatever `each` returns.
pub fn read_labelled<E: From<RecordError>>(
    file: &[u8],
    path: &Path,
    columns: &PairColumns,
    mut each: impl FnMut(LabelledRow) -> Result<(), E>,
) -> Result<u64, E> {
    let of_pairs = [
        &columns.caption,
        &columns.pristine_image,
        &columns.falsified_image,
        &columns.block,
        &columns.id,
        &columns.falsified_id,
    ];
    let mut wanted: Vec<&str> = of_pairs.map(String::as_str).to_vec();
    for name in
        ["image_id", "falsified", "image_path", "caption", "similarity_score", "source_dataset", "split", "partition"]
    {
        if !wanted.contains(&name) {
            wanted.push(name);
        }
    }
    let layout = match layout_of(file) {
        Layout::Array => Layout::Array,
        _ => Layout::Lines,
    };
    let mut count = 0;
    records(file, path, layout, &wanted, |item: Item<'_>| {
        let mut record = item.record;
        let at = Where::new(path, item.place);
        // A record that has neither shape is told what a pair lacks.
        let is_row = record.has("image_id") && record.has("falsified");
        let rows = if is_row { row(&mut record).map(|r| vec![r]) } else { pair(&mut record, columns) };
        let rows = rows.map_err(|field| at.field(field))?;
        count += rows.len() as u64;
        rows.into_iter().try_for_each(&mut each)
    })?;
    Ok(count)
}

fn row(record: &mut Record<'_>) -> Result<LabelledRow, FieldError> {
    let missing = |field: &str| FieldError::Missing { field: field.to_owned() };
    Ok(LabelledRow {
        id: record.required_id("id")?,
        image_id: record.required_id("image_id")?,
        falsified: record.flag("falsified")?.ok_or_else(|| missing("falsified"))?,
        caption: record.text("caption")?,
        image_path: record.text("image_path")?,
        score: record.number("similarity_score")?.map(|s| s as f32),
        block: label(record, "source_dataset")?,
        split: record.text("split")?,
        partition: record.text("partition")?,
    })
}

fn pair(record: &mut Record<'_>, columns: &PairColumns) -> Result<Vec<LabelledRow>, FieldError> {
    let caption = record.required_text(&columns.caption)?;
    let pristine = record.required_text(&columns.pristine_image)?;
    let falsified = record.required_text(&columns.falsified_image)?;
    let id = record.id(&columns.id)?.unwrap_or_else(|| SampleId::Text(pristine.clone()));
    let image_id = record.id(&columns.falsified_id)?.unwrap_or_else(|| SampleId::Text(falsified.clone()));
    let first = LabelledRow {
        image_id: id.clone(),
        id,
        falsified: false,
        caption: Some(caption),
        image_path: Some(pristine),
        score: None,
        block: label(record, &columns.block)?,
        split: record.text("split")?,
        partition: record.text("partition")?,
    };
    let twin = LabelledRow { image_id, falsified: true, image_path: Some(falsified), ..first.clone() };
    Ok(vec![first, twin])
}

/// A text or a whole number, as a text.
fn label(record: &mut Record<'_>, name: &str) -> Result<Option<String>, FieldError> {
    match record.take(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(Value::Number(n)) if n.is_i64() || n.is_u64() => Ok(Some(n.to_string())),
        Some(other) => Err(FieldError::wrong(name, "a text or a whole number", &other)),
    }
}
