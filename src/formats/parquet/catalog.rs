//! Catalogs in Parquet: one row a sample, its fields named by [`Columns`].

use super::cells::{Unit, value};
use super::open::{Opened, whole};
use super::{ParquetError, ParquetProblem};
use crate::formats::catalog_json::sample;
use crate::formats::error::{Place, RecordError, Where};
use crate::formats::facts::Columns;
use crate::formats::record::Record;
use crate::formats::stream::Item;
use crate::words::{Sample, SampleId};
use parquet::record::reader::RowIter;
use serde_json::Value;
use std::path::Path;

/// Streams a Parquet catalog: one call of `each` a row, in file order. Gives the number of rows.
///
/// A missing cell is unknown; a missing caption or image path is empty. `entities` and the other lists may be lists, or texts
/// that hold JSON. Without an id column samples have `id: None`. With `captions_may_lack`, so may the column of captions.
///
/// # Errors
/// A file that is damaged or cannot be decoded, no column of captions or image paths, a cell that cannot be read as its fact;
/// and whatever `each` returns. They name the row.
pub fn read_parquet<E: From<RecordError>>(
    path: &Path,
    columns: &Columns,
    captions_may_lack: bool,
    mut each: impl FnMut(Sample) -> Result<(), E>,
) -> Result<u64, E> {
    let wanted = columns.of_catalog();
    Columns::check(&wanted, path)?;
    let file = Opened::new(path).map_err(record_error)?;
    for name in [&columns.caption, &columns.image_path] {
        let may_lack = captions_may_lack && *name == columns.caption;
        if file.column(name).is_none() && !may_lack {
            let (column, there) = (name.clone(), file.names());
            return Err(RecordError::NoColumn { path: path.to_owned(), column, there }.into());
        }
    }
    let is_list = |name: &str| {
        let lists = [
            &columns.entities,
            &columns.links,
            &columns.pictured,
            &columns.caption_entities_spacy,
            &columns.caption_entities_rel,
        ];
        lists.iter().any(|l| *l == name)
    };
    let projection = file.projection(&wanted).map_err(record_error)?;
    let kinds: Vec<(&str, Unit, bool)> = projection
        .get_fields()
        .iter()
        .filter_map(|c| {
            let name = *wanted.iter().find(|w| **w == c.name())?;
            Some((name, Unit::of(c), is_list(name)))
        })
        .collect();
    let mut rows = whole(|| RowIter::from_file(Some(projection), &file.reader)).map_err(|p| at_file(path, &p))?;
    let mut count = 0;
    loop {
        let place = Place::Record(count);
        let row = match whole(|| rows.next().transpose()) {
            Ok(Some(row)) => row,
            Ok(None) => break,
            Err(problem) => return Err(Where::new(path, place).syntax(problem).into()),
        };
        let mut record = Record::default();
        for ((_, field), (name, unit, is_list)) in row.get_column_iter().zip(&kinds) {
            let cell = match value(field, *unit) {
                Value::String(text) if *is_list => serde_json::from_str(&text).unwrap_or(Value::String(text)),
                Value::Null if *name == columns.caption || *name == columns.image_path => Value::from(""),
                cell => cell,
            };
            record.push(name, cell);
        }
        if captions_may_lack && !kinds.iter().any(|k| k.0 == columns.caption) {
            record.push(&columns.caption, Value::from(""));
        }
        each(sample(Item { place, key: None, record }, path, columns)?)?;
        count += 1;
    }
    if count != file.rows() {
        let what = ParquetProblem::Broken(format!("{count} rows where its footer says {}", file.rows()));
        return Err(at_file(path, &what).into());
    }
    Ok(count)
}

/// The ids in a column of texts or whole numbers.
pub(super) fn read_ids(file: &Opened, column: &str) -> Result<Vec<SampleId>, ParquetError> {
    let projection = file.projection(&[column])?;
    let rows = whole(|| RowIter::from_file(Some(projection), &file.reader)).map_err(|p| file.fail(p))?;
    let mut rows = rows;
    let mut ids = Vec::new();
    while let Some(row) = whole(|| rows.next().transpose()).map_err(|p| file.fail(p))? {
        let cell = row.get_column_iter().next().map(|(_, field)| value(field, Unit::Plain));
        let id = match cell {
            Some(Value::String(text)) => SampleId::Text(text),
            Some(Value::Number(n)) if n.is_i64() => SampleId::Int(n.as_i64().unwrap_or_default()),
            Some(Value::Null) | None => {
                let what = "no id; give every row one, or name another column: id_column = \"…\"";
                return Err(file.fail(ParquetProblem::Hole { column: column.to_owned(), row: ids.len() as u64, what }));
            }
            Some(other) => {
                let (expected, got) = ("64-bit integers or texts", other.to_string());
                return Err(file.fail(ParquetProblem::Type { column: column.to_owned(), expected, got }));
            }
        };
        ids.push(id);
    }
    Ok(ids)
}

fn at_file(path: &Path, problem: &ParquetProblem) -> RecordError {
    Where::new(path, Place::File).syntax(problem)
}

fn record_error(error: ParquetError) -> RecordError {
    at_file(&error.path, &error.problem)
}
