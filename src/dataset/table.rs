//! `pairs.parquet`: one row a falsified pair. The only place that names parquet.
//!
//! | column | type | |
//! |---|---|---|
//! | `partition` | text | |
//! | `split` | text | of a merged set: the split the pair comes from |
//! | `id`, `image_id` | int64, or text where an id is one | the caption's sample; the sample whose image is shown |
//! | `caption`, `image_path` | text | of the caption's sample |
//! | `falsified_image_path`, `falsified_image_caption` | text | the image shown, and its own caption |
//! | `score` | float | the split's score in its natural sign |
//! | `cti_pristine`, `cti_falsified` | float | CTI(p), CTI(f) |
//! | `set` | text | `H` or `L` |
//! | `days_apart` | double, optional | |
//! | `shared_persons` | list of text | pictured in both |

use crate::catalog::Catalog;
use crate::matcher::pair::Pair;
use crate::words::{Row, SampleId};
use parquet::data_type::{ByteArray, ByteArrayType, DataType, DoubleType, FloatType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;
use std::io::Write;
use std::sync::Arc;

/// One row: the pair, its partition and its split.
pub(super) type Labelled<'a> = (&'a str, &'a str, Pair);

/// Rows of a group: what is held in memory at a time.
const GROUP: usize = 1 << 16;

/// Writes the table. The bytes depend on the rows alone.
pub(super) fn write(catalog: &Catalog, rows: &[Labelled<'_>], to: impl Write + Send) -> Result<(), ParquetError> {
    let whole = catalog.rows().all(|r| matches!(catalog.id(r), SampleId::Int(_)));
    let id = if whole {
        "required int64 id; required int64 image_id;"
    } else {
        "required binary id (UTF8); required binary image_id (UTF8);"
    };
    let schema = parse_message_type(&format!(
        "message pairs {{
            required binary partition (UTF8); required binary split (UTF8); {id}
            required binary caption (UTF8); required binary image_path (UTF8);
            required binary falsified_image_path (UTF8); required binary falsified_image_caption (UTF8);
            required float score; required float cti_pristine; required float cti_falsified;
            required binary set (UTF8); optional double days_apart;
            required group shared_persons (LIST) {{ repeated group list {{ required binary element (UTF8); }} }}
        }}"
    ))?;
    let properties = WriterProperties::builder().set_created_by("mispair".to_owned()).build();
    let mut file = SerializedFileWriter::new(to, Arc::new(schema), Arc::new(properties))?;
    for rows in rows.chunks(GROUP) {
        let mut group = Group { out: file.next_row_group()?, rows };
        group.text(|r| r.0.to_owned())?;
        group.text(|r| r.1.to_owned())?;
        for row in [|p: &Pair| p.pristine, |p: &Pair| p.falsified] {
            if whole {
                let int = |r: &Labelled<'_>| match catalog.id(row(&r.2)) {
                    SampleId::Int(n) => n,
                    SampleId::Text(_) => 0,
                };
                group.column::<Int64Type>(rows.iter().map(int).collect())?;
            } else {
                group.text(|r| catalog.id(row(&r.2)).to_string())?;
            }
        }
        group.text(|r| catalog.caption(r.2.pristine).to_owned())?;
        group.text(|r| catalog.image_path(r.2.pristine).to_owned())?;
        group.text(|r| catalog.image_path(r.2.falsified).to_owned())?;
        group.text(|r| catalog.caption(r.2.falsified).to_owned())?;
        for value in [|p: &Pair| p.score, |p: &Pair| p.cti_pristine, |p: &Pair| p.cti_falsified] {
            group.column::<FloatType>(rows.iter().map(|r| value(&r.2)).collect())?;
        }
        group.text(|r| if r.2.hard() { "H" } else { "L" }.to_owned())?;
        let days: Vec<Option<f64>> = rows.iter().map(|r| days_apart(catalog, &r.2)).collect();
        let known: Vec<i16> = days.iter().map(|d| i16::from(d.is_some())).collect();
        group.levels::<DoubleType>(days.into_iter().flatten().collect(), Some(&known), None)?;
        group.lists(rows.iter().map(|r| shared_persons(catalog, &r.2)))?;
        group.out.close()?;
    }
    file.close()?;
    Ok(())
}

struct Group<'r, 'f, W: Write + Send> {
    out: SerializedRowGroupWriter<'f, W>,
    rows: &'r [Labelled<'r>],
}

impl<W: Write + Send> Group<'_, '_, W> {
    fn levels<T: DataType>(
        &mut self,
        values: Vec<T::T>,
        defined: Option<&[i16]>,
        repeated: Option<&[i16]>,
    ) -> Result<(), ParquetError> {
        let mut column =
            self.out.next_column()?.ok_or_else(|| ParquetError::General("more columns than the schema has".into()))?;
        column.typed::<T>().write_batch(&values, defined, repeated)?;
        column.close()
    }

    fn column<T: DataType>(&mut self, values: Vec<T::T>) -> Result<(), ParquetError> {
        self.levels::<T>(values, None, None)
    }

    fn text(&mut self, value: impl Fn(&Labelled<'_>) -> String) -> Result<(), ParquetError> {
        let values = self.rows.iter().map(|r| ByteArray::from(value(r).into_bytes())).collect();
        self.column::<ByteArrayType>(values)
    }

    /// Level 0: an empty list; 1: an element. A repeated 1 goes on with the list before.
    fn lists(&mut self, lists: impl Iterator<Item = Vec<String>>) -> Result<(), ParquetError> {
        let (mut values, mut defined, mut repeated) = (Vec::new(), Vec::new(), Vec::new());
        for list in lists {
            if list.is_empty() {
                defined.push(0);
                repeated.push(0);
            }
            for (i, text) in list.into_iter().enumerate() {
                values.push(ByteArray::from(text.into_bytes()));
                defined.push(1);
                repeated.push(i16::from(i > 0));
            }
        }
        self.levels::<ByteArrayType>(values, Some(&defined), Some(&repeated))
    }
}

fn days_apart(catalog: &Catalog, pair: &Pair) -> Option<f64> {
    Some(catalog.timestamp(pair.pristine)?.days_apart(catalog.timestamp(pair.falsified)?))
}

/// Names as first written; a linked title only where no surface text is shared.
fn shared_persons(catalog: &Catalog, pair: &Pair) -> Vec<String> {
    let pictured = |row: Row| catalog.pictured(row).unwrap_or(&[]);
    let theirs = pictured(pair.falsified);
    let shared = pictured(pair.pristine).iter().filter(|n| theirs.binary_search(n).is_ok()).map(|&n| catalog.name(n));
    let (links, surfaces): (Vec<_>, Vec<_>) = shared.partition(|n| n.is_link);
    let names = if surfaces.is_empty() { links } else { surfaces };
    names.into_iter().map(|n| n.text.to_owned()).collect()
}
