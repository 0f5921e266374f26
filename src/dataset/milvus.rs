//! One split of an index for Milvus: a collection's schema, its rows, and for every caption the vector to ask with and the split's rules
//! in Milvus' filter language.
//!
//! ```text
//! DIR/collection.json     fields as Milvus types them, the metric, the rules that no filter can say
//! DIR/samples.parquet     a sample that has the searched vector a row
//! DIR/queries.parquet     a caption that may be pristine a row: row, id, partition, filter, vector
//! ```
//!
//! Milvus knows no missing values (before 2.5): what is unknown is −1, which no filter lets pass. Order "lowest" is asked for with
//! the vector turned round, as Milvus ranks by the highest inner product.

use super::Error;
use crate::catalog::Name;
use crate::constraints::{Bound, Condition, Names, Number, Rule, Subject};
use crate::formats::parquet::{Column, Table};
use crate::matrix::Matrix;
use crate::publish::Staging;
use crate::words::{Order, Row};
use serde::Serialize;
use std::collections::HashSet;
use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

/// What a folder is known by.
const COLLECTION: &str = "collection.json";
/// Rows of a group: their vectors are held in memory.
const GROUP: usize = 8192;
/// Milvus' own limits.
const LONGEST_TEXT: usize = 65_535;
const MOST_NAMES: usize = 4096;
const WIDEST: usize = 32_768;

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    /// Samples that can be found.
    pub samples: usize,
    /// Captions that can ask.
    pub queries: usize,
    /// Rules that are left to be checked on what is found.
    pub left: Vec<Rule>,
}

#[derive(Serialize)]
struct Collection<'a> {
    split: &'a str,
    /// Of the vectors as they are written here.
    metric_type: &'static str,
    /// Are the vectors of queries turned round, and so the scores?
    turned: bool,
    samples: usize,
    queries: usize,
    /// Rules of the split that compare vectors: to be checked on what was found.
    left_to_check: &'a [Rule],
    fields: Vec<Field>,
}

#[derive(Serialize)]
struct Field {
    name: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    is_primary: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    element_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_length: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_capacity: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dim: Option<usize>,
}

impl Field {
    fn new(name: &'static str, kind: &'static str) -> Field {
        Field { name, kind, is_primary: false, element_type: None, max_length: None, max_capacity: None, dim: None }
    }
}

/// Writes the folder. `progress` is told of samples as they are written.
///
/// # Errors
/// A text, a list or a vector longer than Milvus takes; a folder in the way; the system's.
pub fn write_milvus(bound: &Bound<'_>, out: &Path, replace: bool, progress: &dyn Fn(u64)) -> Result<Exported, Error> {
    let catalog = bound.catalog();
    let found: Vec<Row> = catalog.rows().filter(|row| bound.search.has(*row)).collect();
    let asks = |row: &Row| bound.refused_as_pristine(*row).is_none();
    let asking: Vec<Row> = catalog.rows().filter(asks).collect();
    let fields = fields(bound, &found)?;

    let staging = Staging::begin(out, replace, COLLECTION)?;
    table(&staging.folder().join("samples.parquet"), &found, |rows| {
        progress(rows.len() as u64);
        samples(bound, rows)
    })?;
    let turned = bound.order() == Order::Lowest;
    table(&staging.folder().join("queries.parquet"), &asking, |rows| queries(bound, rows, turned))?;
    let left = bound.compares_vectors();
    let collection = Collection {
        split: &bound.split.name,
        metric_type: "IP",
        turned,
        samples: found.len(),
        queries: asking.len(),
        left_to_check: &left,
        fields,
    };
    let path = staging.folder().join(COLLECTION);
    let text = serde_json::to_vec_pretty(&collection).map_err(|e| Error::at(&path)(&e))?;
    std::fs::write(&path, text).map_err(|e| Error::at(&path)(&e))?;
    staging.publish()?;
    Ok(Exported { samples: found.len(), queries: asking.len(), left })
}

fn table(path: &Path, rows: &[Row], columns: impl Fn(&[Row]) -> Vec<(&'static str, Column)>) -> Result<(), Error> {
    let fail = |e: &dyn std::fmt::Display| Error::at(path)(e);
    let file = BufWriter::new(File::create(path).map_err(|e| fail(&e))?);
    let mut table = Table::new(file, "milvus", &columns(&[])).map_err(|e| fail(&e))?;
    for rows in rows.chunks(GROUP) {
        table.group(columns(rows).into_iter().map(|c| c.1).collect()).map_err(|e| fail(&e))?;
    }
    table.finish().map_err(|e| fail(&e))
}

/// The schema; every sample is looked at, so that nothing is refused half way.
fn fields(bound: &Bound<'_>, rows: &[Row]) -> Result<Vec<Field>, Error> {
    let catalog = bound.catalog();
    let fail = |what: String| Error::at(&bound.index.path)(&what);
    let dim = bound.search.dim();
    if dim > WIDEST {
        return Err(fail(format!("vectors of {dim} numbers; Milvus takes {WIDEST}")));
    }
    let text = |name: &'static str, of: &dyn Fn(Row) -> usize| {
        let longest = rows.iter().map(|row| (of(*row), *row)).max_by_key(|l| l.0);
        match longest {
            Some((length, row)) if length > LONGEST_TEXT => Err(fail(format!(
                "the {name} of sample {} has {length} bytes; Milvus takes {LONGEST_TEXT}",
                catalog.id(row)
            ))),
            _ => Ok(Field { max_length: Some(longest.map_or(1, |l| l.0.max(1))), ..Field::new(name, "VARCHAR") }),
        }
    };
    let list = |names: Names| {
        let (mut most, mut longest) = (1, 1);
        for &row in rows {
            let all = bound.names(names, row);
            if all.len() > MOST_NAMES {
                let (id, has) = (catalog.id(row), all.len());
                return Err(fail(format!("sample {id} has {has} {}; Milvus takes {MOST_NAMES}", names.name())));
            }
            most = most.max(all.len());
            longest = all.iter().map(|n| written(catalog.name(*n)).len()).fold(longest, usize::max);
        }
        if longest > LONGEST_TEXT {
            return Err(fail(format!("a name of {longest} bytes; Milvus takes {LONGEST_TEXT}")));
        }
        let (element_type, max_length, max_capacity) = (Some("VARCHAR"), Some(longest), Some(most));
        Ok(Field { element_type, max_length, max_capacity, ..Field::new(names.name(), "ARRAY") })
    };
    let mut fields = vec![
        Field { is_primary: true, ..Field::new("row", "INT64") },
        text("id", &|row| catalog.id(row).to_string().len())?,
        text("partition", &|row| partition(bound, row).len())?,
        text("caption", &|row| catalog.caption(row).len())?,
        text("image_path", &|row| catalog.image_path(row).len())?,
    ];
    fields.extend(Number::ALL.iter().map(|number| Field::new(number.name(), "INT64")));
    fields.push(list(Names::Entities)?);
    fields.push(list(Names::Pictured)?);
    fields.push(Field { dim: Some(dim), ..Field::new("vector", "FLOAT_VECTOR") });
    Ok(fields)
}

fn samples(bound: &Bound<'_>, rows: &[Row]) -> Vec<(&'static str, Column)> {
    let catalog = bound.catalog();
    let text = |of: &dyn Fn(Row) -> String| Column::Text(rows.iter().map(|row| of(*row)).collect());
    let names = |names: Names| {
        let of = |row: &Row| bound.names(names, *row).iter().map(|n| written(catalog.name(*n))).collect();
        Column::Texts(rows.iter().map(of).collect())
    };
    let mut columns = vec![
        ("row", Column::Int(rows.iter().map(|row| i64::from(row.0)).collect())),
        ("id", text(&|row| catalog.id(row).to_string())),
        ("partition", text(&|row| partition(bound, row).to_owned())),
        ("caption", text(&|row| catalog.caption(row).to_owned())),
        ("image_path", text(&|row| catalog.image_path(row).to_owned())),
    ];
    for number in Number::ALL {
        columns.push((number.name(), Column::Int(rows.iter().map(|row| bound.number(number, *row)).collect())));
    }
    for list in [Names::Entities, Names::Pictured] {
        columns.push((list.name(), names(list)));
    }
    columns.push(("vector", vectors(bound.search, rows, false)));
    columns
}

fn queries(bound: &Bound<'_>, rows: &[Row], turned: bool) -> Vec<(&'static str, Column)> {
    let catalog = bound.catalog();
    let text = |of: &dyn Fn(Row) -> String| Column::Text(rows.iter().map(|row| of(*row)).collect());
    vec![
        ("row", Column::Int(rows.iter().map(|row| i64::from(row.0)).collect())),
        ("id", text(&|row| catalog.id(row).to_string())),
        ("partition", text(&|row| partition(bound, row).to_owned())),
        ("filter", text(&|row| filter(bound, row))),
        ("vector", vectors(bound.query, rows, turned)),
    ]
}

fn partition<'a>(bound: &Bound<'a>, row: Row) -> &'a str {
    bound.catalog().partition(row).map_or("", |p| bound.catalog().partition_name(p))
}

fn vectors(matrix: &Matrix, rows: &[Row], turned: bool) -> Column {
    let width = matrix.dim();
    let mut numbers = Vec::with_capacity(width * rows.len());
    for at in rows.iter().filter_map(|row| matrix.find(*row)) {
        let vector = &matrix.padded(at)[..width];
        numbers.extend(vector.iter().map(|x| if turned { -x } else { *x }));
    }
    Column::Vectors { width, numbers }
}

/// A name as it stands in the lists: links and surface texts never meet.
fn written(name: Name<'_>) -> String {
    format!("{}:{}", if name.is_link { "link" } else { "text" }, name.key)
}

/// A caption's conditions, and its partition, in Milvus' language.
fn filter(bound: &Bound<'_>, row: Row) -> String {
    let mut parts = vec![format!("partition == {}", quoted(partition(bound, row)))];
    for condition in bound.conditions(&Subject::of_row(bound, row)) {
        parts.push(match condition {
            Condition::Within(number, from, to) if from == to => format!("{} == {from}", number.name()),
            Condition::Within(number, from, i64::MAX) => format!("{} >= {from}", number.name()),
            Condition::Within(number, from, to) => format!("{0} >= {from} and {0} <= {to}", number.name()),
            Condition::Not(number, this) => format!("{} != {this}", number.name()),
            Condition::Outside(number, most, least) => format!("({0} <= {most} or {0} >= {least})", number.name()),
            Condition::HasNone(names, these) => format!("not {}", any_of(bound, names, &these)),
            // Of no names none can be had: a condition that no sample meets.
            Condition::HasOne(_, these) if these.is_empty() => "row < 0".to_owned(),
            Condition::HasOne(names, these) => any_of(bound, names, &these),
        });
    }
    // The same condition may be asked for by two rules.
    let mut seen = HashSet::new();
    parts.retain(|part| seen.insert(part.clone()));
    parts.join(" and ")
}

fn any_of(bound: &Bound<'_>, names: Names, these: &[u32]) -> String {
    let list: Vec<String> = these.iter().map(|n| quoted(&written(bound.catalog().name(*n)))).collect();
    format!("array_contains_any({}, [{}])", names.name(), list.join(", "))
}

/// As JSON quotes, which Milvus reads.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
