//! Vectors of an index, back to other people's files.
//!
//! ```text
//! DIR/vectors.npy  DIR/ids.npy                                             one modality: rows in catalog order
//! DIR/img_emb/img_emb_0.npy  DIR/text_emb/text_emb_0.npy  DIR/metadata/metadata_0.parquet      a clip-retrieval folder
//! ```
//!
//! Rows are written as they are stored: of unit length under cosine.

use super::Error;
use crate::formats::npy::{NpyWriter, write_ids};
use crate::formats::parquet::{Column, GROUP_ROWS, Table};
use crate::formats::{FOLDERS, METADATA};
use crate::index::{Index, Modality};
use crate::publish::Staging;
use crate::words::{Row, SampleId};
use std::fs::{self, File};
use std::io::BufWriter;
use std::path::Path;

/// Writes one modality; gives the number of rows.
///
/// # Errors
/// Ids of both kinds (numpy holds integers or texts), a folder in the way, the system's.
pub fn write_modality(index: &Index, modality: &Modality, out: &Path, replace: bool) -> Result<usize, Error> {
    let staging = Staging::begin(out, replace, "vectors.npy")?;
    let rows: Vec<Row> = index.catalog.rows().filter(|row| modality.matrix.has(*row)).collect();
    npy(modality, &rows, &staging.folder().join("vectors.npy"))?;
    let path = staging.folder().join("ids.npy");
    let ids: Vec<SampleId> = rows.iter().map(|row| index.catalog.id(*row)).collect();
    let file = File::create(&path).map_err(|e| Error::at(&path)(&e))?;
    write_ids(BufWriter::new(file), &ids).map_err(|e| Error::at(out)(&e))?;
    staging.publish()?;
    Ok(rows.len())
}

/// Writes a clip-retrieval folder of the modalities that its folders stand for, as far as they are there: the samples that have a
/// row in all of them. Gives their number.
///
/// # Errors
/// None of the modalities is there, no sample has rows in all, a folder in the way, the system's.
pub fn write_clip_retrieval(index: &Index, out: &Path, replace: bool) -> Result<usize, Error> {
    let there: Vec<_> = FOLDERS.iter().filter_map(|f| Some((f.0, f.1, index.modality(f.2)?))).collect();
    if there.is_empty() {
        let what = "has neither clip-image nor clip-text; a clip-retrieval folder is made of these";
        return Err(Error::at(&index.path)(&what));
    }
    let all = |row: &Row| there.iter().all(|(.., modality)| modality.matrix.has(*row));
    let rows: Vec<Row> = index.catalog.rows().filter(all).collect();
    if rows.is_empty() {
        return Err(Error::at(&index.path)(&"no sample has a row in every modality"));
    }
    let part = format!("{}0.parquet", METADATA.1);
    let staging = Staging::begin(out, replace, &format!("{}/{part}", METADATA.0))?;
    let folder = |name: &str| {
        let path = staging.folder().join(name);
        fs::create_dir(&path).map_err(|e| Error::at(&path)(&e)).map(|()| path)
    };
    for (name, prefix, modality) in &there {
        npy(modality, &rows, &folder(name)?.join(format!("{prefix}0.npy")))?;
    }
    let path = folder(METADATA.0)?.join(part);
    let fail = |e: &dyn std::fmt::Display| Error::at(&path)(e);
    let catalog = &index.catalog;
    // An integer that is read back is an integer again.
    let integers = rows.iter().all(|row| matches!(catalog.id(*row), SampleId::Int(_)));
    let number = |rows: &[Row]| {
        let one = |row: &Row| if let SampleId::Int(id) = catalog.id(*row) { id } else { 0 };
        Column::Int(rows.iter().map(one).collect())
    };
    let columns = |rows: &[Row]| {
        let text = |of: &dyn Fn(Row) -> String| Column::Text(rows.iter().map(|row| of(*row)).collect());
        vec![
            ("image_path", text(&|row| catalog.image_path(row).to_owned())),
            ("caption", text(&|row| catalog.caption(row).to_owned())),
            ("id", if integers { number(rows) } else { text(&|row| catalog.id(row).to_string()) }),
        ]
    };
    let file = File::create(&path).map_err(|e| fail(&e))?;
    let mut table = Table::new(BufWriter::new(file), "metadata", &columns(&[])).map_err(|e| fail(&e))?;
    for rows in rows.chunks(GROUP_ROWS) {
        table.group(columns(rows).into_iter().map(|c| c.1).collect()).map_err(|e| fail(&e))?;
    }
    table.finish().map_err(|e| fail(&e))?;
    staging.publish()?;
    Ok(rows.len())
}

fn npy(modality: &Modality, rows: &[Row], path: &Path) -> Result<(), Error> {
    let fail = |e: std::io::Error| Error::at(path)(&e);
    let matrix = &modality.matrix;
    let file = BufWriter::new(File::create(path).map_err(fail)?);
    let mut npy = NpyWriter::new(file, rows.len(), matrix.dim()).map_err(fail)?;
    for at in rows.iter().filter_map(|row| matrix.find(*row)) {
        npy.row(&matrix.padded(at)[..matrix.dim()]).map_err(fail)?;
    }
    npy.finish().map_err(fail)?;
    Ok(())
}
