//! Catalogs in JSON: VisualNews' `data.json` and JSONL.
//!
//! **VisualNews `data.json`** (Liu et al. 2021): one array of 1.26 million objects, 356 MB, with `id` (an integer),
//! `caption`, `topic`, `source`, `image_path` (`./<outlet>/images/GGGG/NNN.jpg`) and `article_path`; no dates.
//!
//! **JSONL**: one object a line, its fields named by [`Columns`]; it may carry every fact. Blank lines are skipped.

use super::error::{RecordError, Where};
use super::facts::Columns;
use super::stream::{Item, Layout, records};
use crate::words::Sample;
use std::path::Path;

/// Streams VisualNews' `data.json`: one call of `each` a record, in file order. Gives the number of records.
/// `path` is for error texts. Unknown fields are skipped.
///
/// # Errors
/// The first record that is broken, lacks `id`, `caption` or `image_path`, or has one of the wrong type; and
/// whatever `each` returns.
pub fn read_visual_news<E: From<RecordError>>(
    file: &[u8],
    path: &Path,
    mut each: impl FnMut(Sample) -> Result<(), E>,
) -> Result<u64, E> {
    let columns = Columns::default();
    // No facts: there are none, and a field of that name would be news to us.
    let wanted =
        [&columns.id, &columns.caption, &columns.image_path, &columns.source, &columns.topic].map(String::as_str);
    records(file, path, Layout::Array, &wanted, |item| {
        let place = item.place;
        let sample = sample(item, path, &columns)?;
        match sample.id {
            Some(_) => each(sample),
            None => {
                let field = super::FieldError::Missing { field: columns.id.clone() };
                Err(Where::new(path, place).field(field).into())
            }
        }
    })
}

/// Streams a JSONL catalog: one call of `each` a line, in file order. Gives the number of samples. A record without
/// an id has `id: None`.
///
/// # Errors
/// The first line that is broken, lacks caption or image path, or has a field of the wrong type; and whatever `each`
/// returns.
pub fn read_jsonl<E: From<RecordError>>(
    file: &[u8],
    path: &Path,
    columns: &Columns,
    mut each: impl FnMut(Sample) -> Result<(), E>,
) -> Result<u64, E> {
    let wanted = columns.of_catalog();
    Columns::check(&wanted, path)?;
    records(file, path, Layout::Lines, &wanted, |item| each(sample(item, path, columns)?))
}

/// A catalog record as a sample; for CSV and Parquet, too.
pub(super) fn sample(item: Item<'_>, path: &Path, columns: &Columns) -> Result<Sample, RecordError> {
    let mut record = item.record;
    let at = Where::new(path, item.place);
    let id = match record.id(&columns.id) {
        Ok(id) => id,
        Err(field) => return Err(at.field(field)),
    };
    let mut sample = || {
        Ok(Sample {
            id: None,
            caption: record.required_text(&columns.caption)?,
            image_path: record.required_text(&columns.image_path)?,
            source: record.text(&columns.source)?,
            topic: record.text(&columns.topic)?,
            facts: columns.facts(&mut record)?,
        })
    };
    match sample() {
        Ok(sample) => Ok(Sample { id, ..sample }),
        Err(field) => Err(at.with_id(id).field(field)),
    }
}
