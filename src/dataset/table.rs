//! `pairs.parquet`: one row a falsified pair.
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
use crate::formats::parquet::{Column, GROUP_ROWS, Table, TableError};
use crate::matcher::pair::Pair;
use crate::words::{Row, SampleId};
use std::io::Write;

/// One row: the pair, its partition and its split.
pub type Labelled<'a> = (&'a str, &'a str, Pair);

/// Writes the table. The bytes depend on the rows alone.
pub fn write(catalog: &Catalog, rows: &[Labelled<'_>], to: impl Write + Send) -> Result<(), TableError> {
    let whole = catalog.rows().all(|r| matches!(catalog.id(r), SampleId::Int(_)));
    let named = |rows: &[Labelled<'_>]| columns(catalog, rows, whole);
    let mut table = Table::new(to, "pairs", &named(&[]))?;
    for rows in rows.chunks(GROUP_ROWS) {
        table.group(named(rows).into_iter().map(|c| c.1).collect())?;
    }
    table.finish()
}

fn columns(catalog: &Catalog, rows: &[Labelled<'_>], whole: bool) -> Vec<(&'static str, Column)> {
    let text = |value: &dyn Fn(&Labelled<'_>) -> String| Column::Text(rows.iter().map(value).collect());
    let float = |value: &dyn Fn(&Pair) -> f32| Column::Float(rows.iter().map(|r| value(&r.2)).collect());
    let ids = |row: &dyn Fn(&Pair) -> Row| match whole {
        true => Column::Int(rows.iter().filter_map(|r| int(catalog.id(row(&r.2)))).collect()),
        false => text(&|r| catalog.id(row(&r.2)).to_string()),
    };
    vec![
        ("partition", text(&|r| r.0.to_owned())),
        ("split", text(&|r| r.1.to_owned())),
        ("id", ids(&|p| p.pristine)),
        ("image_id", ids(&|p| p.falsified)),
        ("caption", text(&|r| catalog.caption(r.2.pristine).to_owned())),
        ("image_path", text(&|r| catalog.image_path(r.2.pristine).to_owned())),
        ("falsified_image_path", text(&|r| catalog.image_path(r.2.falsified).to_owned())),
        ("falsified_image_caption", text(&|r| catalog.caption(r.2.falsified).to_owned())),
        ("score", float(&|p| p.score)),
        ("cti_pristine", float(&|p| p.cti_pristine)),
        ("cti_falsified", float(&|p| p.cti_falsified)),
        ("set", text(&|r| if r.2.hard() { "H" } else { "L" }.to_owned())),
        ("days_apart", Column::Double(rows.iter().map(|r| days_apart(catalog, &r.2)).collect())),
        ("shared_persons", Column::Texts(rows.iter().map(|r| shared_persons(catalog, &r.2)).collect())),
    ]
}

fn int(id: SampleId) -> Option<i64> {
    match id {
        SampleId::Int(n) => Some(n),
        SampleId::Text(_) => None,
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
