//! One matrix file: ids and rows, whatever the format.

use super::Error;
use super::corpus::MatrixFile;
use crate::formats::npy::{NpyMatrix, read_ids};
use crate::formats::pickle::{ArrayRef, Dictionary};
use crate::mapped::Mapped;
use crate::words::SampleId;
use std::path::Path;

/// The maps behind a source; they outlive it.
pub(super) struct Maps {
    vectors: Mapped,
    ids: Option<Mapped>,
}

impl Maps {
    pub fn open(file: &MatrixFile) -> Result<Maps, Error> {
        let map = |path: &Path| Mapped::open(path).map_err(|e| Error::file(path, e));
        Ok(Maps { vectors: map(&file.path)?, ids: file.ids.as_deref().map(map).transpose()? })
    }
}

/// Rows with or without ids.
pub(super) struct Source<'a> {
    pub file: &'a MatrixFile,
    rows: Rows<'a>,
    pub ids: Option<Vec<SampleId>>,
    /// Ids that came with `None` instead of a vector.
    pub without: usize,
}

enum Rows<'a> {
    Npy(NpyMatrix<'a>),
    Pickle(Vec<ArrayRef<'a>>),
}

impl<'a> Source<'a> {
    /// Reads headers, ids and shapes; the numbers are read later, a row at a time.
    pub fn read(file: &'a MatrixFile, maps: &'a Maps) -> Result<Source<'a>, Error> {
        let path = file.path.as_path();
        match path.extension().and_then(|e| e.to_str()) {
            Some("npy") => {
                let matrix = NpyMatrix::read(&maps.vectors, path).map_err(|e| Error::file(path, e.problem))?;
                let ids = match (&file.ids, &maps.ids) {
                    (Some(at), Some(map)) => Some(read_ids(map, at).map_err(|e| Error::file(at, e.problem))?),
                    _ => None,
                };
                if let (Some(ids), Some(at)) = (&ids, &file.ids)
                    && ids.len() != matrix.rows()
                {
                    let (ids, rows) = (ids.len(), matrix.rows());
                    return Err(Error::file(at, format!("{ids} ids for {rows} rows of {}", path.display())));
                }
                Ok(Source { file, rows: Rows::Npy(matrix), ids, without: 0 })
            }
            Some("pkl" | "pickle") => {
                if let Some(ids) = &file.ids {
                    return Err(Error::file(ids, format!("{} brings its own ids; remove `ids`", path.display())));
                }
                let dictionary = Dictionary::read(&maps.vectors, path).map_err(|e| Error::file(path, e.problem))?;
                if let Some(&again) = dictionary.duplicates.first() {
                    let id = dictionary.entries.get(again).map(|e| e.0.to_json()).unwrap_or_default();
                    return Err(Error::file(path, format!("entry {again}: id {id} again; each id may stand once")));
                }
                let all = dictionary.entries.len();
                let (ids, rows): (Vec<_>, Vec<_>) =
                    dictionary.entries.into_iter().filter_map(|(id, row)| Some((id, row?))).unzip();
                Ok(Source { file, without: all - rows.len(), rows: Rows::Pickle(rows), ids: Some(ids) })
            }
            _ => Err(Error::file(path, "a matrix is read from .npy or .pkl; name the file so, or convert it")),
        }
    }

    pub fn len(&self) -> usize {
        match &self.rows {
            Rows::Npy(m) => m.rows(),
            Rows::Pickle(r) => r.len(),
        }
    }

    pub fn width(&self, row: usize) -> usize {
        match &self.rows {
            Rows::Npy(m) => m.cols(),
            Rows::Pickle(r) => r.get(row).map_or(0, ArrayRef::width),
        }
    }

    /// `out` is as long as the row is wide.
    pub fn row_into(&self, row: usize, out: &mut [f32]) {
        match &self.rows {
            Rows::Npy(m) => m.row_into(row, out),
            Rows::Pickle(r) => r[row].row_into(out),
        }
    }

    /// How a row is called in an error.
    pub fn row_name(&self, row: usize) -> String {
        match self.ids.as_ref().and_then(|ids| ids.get(row)) {
            Some(id) => format!("row {row} (id {})", id.to_json()),
            None => format!("row {row}"),
        }
    }
}
