//! Any file with one record a sample, for the columns that it has: CSV (TSV where it is named so), JSONL, a JSON array.
//!
//! A cell is a text; in JSON, numbers and flags are written out, lists and objects stay JSON. An empty cell and `null` are absent.

use super::error::{Place, RecordError, Where};
use super::stream::{Item, Layout, layout_of, records};
use crate::words::SampleId;
use serde_json::Value;
use std::path::Path;

/// One record: its id, and the cells of the wanted columns in their order.
#[derive(Debug, Clone, PartialEq)]
pub struct Cells {
    /// Where it stands.
    pub at: Where,
    /// Its id; the number of the record, from 0, where the file has no id column.
    pub id: SampleId,
    /// A cell a wanted column.
    pub cells: Vec<Option<String>>,
}

/// Reads the columns `wanted`, and ids from the column `id` (in CSV, `""` names an unnamed column), of the whole file.
///
/// # Errors
/// A record that is broken; in CSV a wanted column that is not there; in JSON one that no record has.
pub fn read_columns(file: &[u8], path: &Path, id: &str, wanted: &[&str]) -> Result<Vec<Cells>, RecordError> {
    let extension = path.extension().map(|e| e.to_ascii_lowercase().to_string_lossy().into_owned());
    match extension.as_deref() {
        Some("csv") => of_csv(file, path, b',', id, wanted),
        Some("tsv") => of_csv(file, path, b'\t', id, wanted),
        _ => of_json(file, path, id, wanted),
    }
}

fn missing(path: &Path, column: &str, there: &str) -> RecordError {
    RecordError::NoColumn { path: path.to_owned(), column: column.to_owned(), there: there.to_owned() }
}

/// A text that is an integer in its usual form is one.
fn id_of(cell: &str) -> SampleId {
    let text = SampleId::from(cell);
    text.other_type().unwrap_or(text)
}

fn of_csv(file: &[u8], path: &Path, delimiter: u8, id: &str, wanted: &[&str]) -> Result<Vec<Cells>, RecordError> {
    let mut csv = csv::ReaderBuilder::new().delimiter(delimiter).from_reader(file);
    let fail = |e: csv::Error| {
        let line = e.position().map_or(1, csv::Position::line);
        Where::new(path, Place::Line(line)).syntax(e.to_string())
    };
    let header = csv.headers().map_err(fail)?.clone();
    let names: Vec<&str> = header.iter().map(|h| h.trim_start_matches('\u{feff}')).collect();
    let there = || names.iter().map(|n| format!("{n:?}")).collect::<Vec<_>>().join(", ");
    let find = |name: &str| names.iter().position(|n| *n == name);
    let at: Vec<usize> =
        wanted.iter().map(|w| find(w).ok_or_else(|| missing(path, w, &there()))).collect::<Result<_, _>>()?;
    let id = find(id);
    let mut all = Vec::new();
    for (number, row) in csv.records().enumerate() {
        let row = row.map_err(fail)?;
        let line = row.position().map_or(0, csv::Position::line);
        let cell = |i: usize| row.get(i).filter(|c| !c.is_empty());
        all.push(Cells {
            at: Where::new(path, Place::Line(line)),
            id: id.map_or(SampleId::Int(number as i64), |i| id_of(row.get(i).unwrap_or(""))),
            cells: at.iter().map(|&i| cell(i).map(str::to_owned)).collect(),
        });
    }
    Ok(all)
}

fn of_json(file: &[u8], path: &Path, id: &str, wanted: &[&str]) -> Result<Vec<Cells>, RecordError> {
    let layout = match layout_of(file) {
        Layout::Array => Layout::Array,
        _ => Layout::Lines,
    };
    let mut fields = wanted.to_vec();
    if !fields.contains(&id) {
        fields.push(id);
    }
    let mut all: Vec<Cells> = Vec::new();
    let mut seen = vec![false; wanted.len()];
    records(file, path, layout, &fields, |item: Item<'_>| {
        let mut record = item.record;
        let at = Where::new(path, item.place);
        let values: Vec<Option<Value>> = fields.iter().map(|f| record.take(f)).collect();
        let own = fields.iter().position(|f| *f == id).and_then(|i| values[i].as_ref());
        let own = match own {
            None => SampleId::Int(all.len() as i64),
            Some(Value::String(text)) => SampleId::Text(text.clone()),
            Some(Value::Number(n)) if n.is_i64() => SampleId::Int(n.as_i64().unwrap_or_default()),
            Some(other) => return Err(at.field(super::FieldError::wrong(id, "a 64-bit integer or a text", other))),
        };
        let mut cells = Vec::with_capacity(wanted.len());
        for (i, value) in values.into_iter().take(wanted.len()).enumerate() {
            seen[i] |= value.is_some();
            cells.push(value.map(|v| match v {
                Value::String(text) => text,
                other => other.to_string(),
            }));
        }
        all.push(Cells { at, id: own, cells });
        Ok(())
    })?;
    match seen.iter().position(|s| !s).filter(|_| !all.is_empty()) {
        Some(absent) => Err(missing(path, wanted[absent], "others")),
        None => Ok(all),
    }
}
