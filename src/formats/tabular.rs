//! Catalogs in CSV (RFC 4180: quoted fields may hold commas, quotes and newlines), or TSV where the file is named so.
//!
//! The first line names the columns. An empty cell is unknown, except for the caption and the image path.
//! Cells of `entities`, `links`, `pictured`, `caption_entities_spacy` and `caption_entities_rel` hold JSON.

use super::catalog_json::sample;
use super::error::{Place, RecordError, Where};
use super::facts::Columns;
use super::record::Record;
use super::stream::Item;
use crate::words::{Sample, SampleId, Timestamp};
use serde_json::Value;
use std::path::Path;

/// Streams a CSV catalog: one call of `each` a row, in file order. Gives the number of rows.
///
/// Ids that are canonical decimal integers become [`SampleId::Int`], all others texts. Without an id column
/// samples have `id: None`; `columns.id = ""` takes an unnamed column (as pandas writes its row numbers).
/// The separator is a tab where `path` ends in `.tsv`.
///
/// # Errors
/// A missing caption or image path column, one that stands twice, rows of another number of cells, text that is not
/// UTF-8, a cell that cannot be read as its fact; and whatever `each` returns. They name the line a row begins on.
pub fn read_csv<E: From<RecordError>>(
    file: &[u8],
    path: &Path,
    columns: &Columns,
    mut each: impl FnMut(Sample) -> Result<(), E>,
) -> Result<u64, E> {
    let tabs = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("tsv"));
    let mut csv = csv::ReaderBuilder::new().delimiter(if tabs { b'\t' } else { b',' }).from_reader(file);
    let fail = |error: csv::Error| -> RecordError {
        let line = error.position().map_or(1, csv::Position::line);
        let what = error.to_string();
        match error.kind() {
            csv::ErrorKind::UnequalLengths { expected_len, len, .. } => Where::new(path, Place::Line(line))
                .syntax(format!("{len} cells, the first line names {expected_len}; is a comma or a quote unquoted?")),
            _ => Where::new(path, Place::Line(line)).syntax(what),
        }
    };
    let header = csv.headers().map_err(fail)?.clone();
    let cells = cells(&header, path, columns)?;
    let (mut row, mut count) = (csv::StringRecord::new(), 0);
    loop {
        match csv.read_record(&mut row) {
            Ok(true) => {}
            Ok(false) => return Ok(count),
            Err(error) => return Err(fail(error).into()),
        }
        let place = Place::Line(row.position().map_or(0, csv::Position::line));
        let mut record = Record::default();
        for &(index, name, kind) in &cells {
            match value(&row[index], kind) {
                Some(value) => record.push(name, value),
                None if kind == Cell::Required => record.push(name, Value::String(String::new())),
                None => {}
            }
        }
        each(sample(Item { place, key: None, record }, path, columns)?)?;
        count += 1;
    }
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cell {
    Id,
    Required,
    Text,
    Moment,
    Scalar,
    Json,
}

/// The columns there are: index, name, kind.
fn cells<'c>(
    header: &csv::StringRecord,
    path: &Path,
    columns: &'c Columns,
) -> Result<Vec<(usize, &'c str, Cell)>, RecordError> {
    let mut cells = Vec::new();
    let names = columns.of_catalog();
    Columns::check(&names, path)?;
    for name in names {
        let kind = match name {
            _ if name == columns.id => Cell::Id,
            _ if name == columns.caption || name == columns.image_path => Cell::Required,
            _ if name == columns.timestamp => Cell::Moment,
            _ if [&columns.person_boxes, &columns.generic, &columns.corrupted].iter().any(|c| *c == name) => {
                Cell::Scalar
            }
            _ if [&columns.entities, &columns.links, &columns.pictured].iter().any(|c| *c == name) => Cell::Json,
            _ if name == columns.caption_entities_spacy || name == columns.caption_entities_rel => Cell::Json,
            _ => Cell::Text,
        };
        // Excel puts a byte-order mark in front of the first name.
        let mut there = header.iter().map(|h| h.trim_start_matches('\u{feff}')).enumerate().filter(|(_, h)| *h == name);
        match (there.next(), there.next()) {
            (Some(_), Some(_)) => {
                return Err(Where::new(path, Place::Line(1)).syntax(format!("column \"{name}\" stands twice")));
            }
            (Some((index, _)), None) => cells.push((index, name, kind)),
            (None, _) if kind == Cell::Required => {
                let there = header.iter().map(|h| format!("\"{h}\"")).collect::<Vec<_>>().join(", ");
                return Err(RecordError::NoColumn { path: path.to_owned(), column: name.to_owned(), there });
            }
            (None, _) => {}
        }
    }
    Ok(cells)
}

/// A cell as the JSON that the interpreters of fields read. What is not understood stays a text, for them to refuse.
fn value(cell: &str, kind: Cell) -> Option<Value> {
    if cell.is_empty() {
        return None;
    }
    let text = || Value::String(cell.to_owned());
    Some(match kind {
        Cell::Required | Cell::Text => text(),
        Cell::Id => match SampleId::from(cell).other_type() {
            Some(SampleId::Int(n)) => n.into(),
            _ => text(),
        },
        Cell::Moment if Timestamp::parse(cell).is_some() => text(),
        Cell::Scalar if cell.eq_ignore_ascii_case("true") => true.into(),
        Cell::Scalar if cell.eq_ignore_ascii_case("false") => false.into(),
        Cell::Moment | Cell::Scalar => cell.trim().parse::<f64>().ok().and_then(number).unwrap_or_else(text),
        Cell::Json => serde_json::from_str(cell).unwrap_or_else(|_| text()),
    })
}

/// Whole numbers as such: a flag is 0 or 1, not 0.0.
fn number(x: f64) -> Option<Value> {
    if x.fract() == 0.0 && x.abs() < 9e15 {
        Some(Value::from(x as i64))
    } else {
        serde_json::Number::from_f64(x).map(Value::Number)
    }
}
