//! One matrix file: ids and rows, whatever the format.
//!
//! ```text
//! .npy .fvecs .fbin .pkl, .npz stored ──────────────────► read where it lies, mapped
//! .npz compressed, .parquet ──► unpacked beside the index that is being built, mapped, unlinked at once
//! ```

use super::Error;
use super::corpus::MatrixFile;
use crate::formats::npy::read_ids;
use crate::formats::npz::{Npz, NpzError};
use crate::formats::parquet::{ListColumn, ListRows, ParquetError};
use crate::formats::pickle::{ArrayRef, Dictionary};
use crate::formats::{Vectors, read_vectors};
use crate::mapped::Mapped;
use crate::words::SampleId;
use std::cell::Cell;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Where what has to be unpacked is put. Nothing stays there.
pub(super) struct Scratch<'f> {
    folder: &'f Path,
    next: Cell<u32>,
}

impl<'f> Scratch<'f> {
    /// In the folder under construction.
    pub fn new(folder: &'f Path) -> Scratch<'f> {
        Scratch { folder, next: Cell::new(0) }
    }

    /// Maps what `write` writes. The file has no name any more when this returns: whatever happens, its space is given back.
    fn map<T>(&self, write: impl FnOnce(&mut BufWriter<File>) -> Result<T, Error>) -> Result<(Mapped, T), Error> {
        let number = self.next.replace(self.next.get() + 1);
        let path: PathBuf = self.folder.join(format!("unpacked-{number}.tmp"));
        let wrong = |e: std::io::Error| Error::file(&path, e);
        let mut file = BufWriter::new(File::create(&path).map_err(wrong)?);
        let said = write(&mut file)?;
        file.flush().map_err(wrong)?;
        let mapped = Mapped::open(&path).map_err(wrong)?;
        fs::remove_file(&path).map_err(wrong)?;
        Ok((mapped, said))
    }
}

/// The maps behind a source; they outlive it.
pub(super) struct Maps {
    vectors: Mapped,
    /// Of an archive: where in `vectors` the matrix lies.
    range: Option<Range<usize>>,
    /// Of Parquet: how the numbers in `vectors` are cut into rows.
    lists: Option<ListRows>,
    ids: Ids,
}

enum Ids {
    None,
    File(Mapped),
    /// An array of the same archive.
    Array(String, Vec<u8>),
    Read(Vec<SampleId>),
}

impl From<NpzError> for Error {
    fn from(e: NpzError) -> Error {
        Error::file(&e.path, e.problem)
    }
}

impl From<ParquetError> for Error {
    fn from(e: ParquetError) -> Error {
        Error::file(&e.path, e.problem)
    }
}

/// The name's ending.
fn ending(path: &Path) -> &str {
    path.extension().and_then(|e| e.to_str()).unwrap_or_default()
}

impl Maps {
    /// Maps the files of a matrix; unpacks what is not read where it lies.
    pub fn open(file: &MatrixFile, scratch: &Scratch<'_>) -> Result<Maps, Error> {
        let path = file.path.as_path();
        let map = |path: &Path| Mapped::open(path).map_err(|e| Error::file(path, e));
        let ids = match &file.ids {
            Some(ids) => Ids::File(map(ids)?),
            None => Ids::None,
        };
        let inside = ["parquet", "npz"].contains(&ending(path));
        if !inside && (file.column.is_some() || file.id_column.is_some()) {
            let what = "`column` and `id_column` name a part of a .parquet or .npz file; remove them here";
            return Err(Error::file(path, what));
        }
        if let (Some(ids), Some(_)) = (&file.ids, &file.id_column) {
            return Err(Error::file(ids, "`ids` and `id_column` both name the ids; remove one"));
        }
        match ending(path) {
            "parquet" => Maps::of_lists(file, ids, scratch),
            "npz" => Maps::of_archive(file, map(path)?, ids, scratch),
            _ => Ok(Maps { vectors: map(path)?, range: None, lists: None, ids }),
        }
    }

    fn of_lists(file: &MatrixFile, ids: Ids, scratch: &Scratch<'_>) -> Result<Maps, Error> {
        let path = file.path.as_path();
        let column = ListColumn::find(path, file.column.as_deref())?;
        let mut bytes = Vec::new();
        let (vectors, rows) = scratch.map(|out| {
            column.read(|row| {
                bytes.clear();
                bytes.extend(row.iter().flat_map(|x| x.to_le_bytes()));
                out.write_all(&bytes).map_err(|e| Error::file(path, e))
            })
        })?;
        let ids = match ids {
            Ids::None => column.ids(file.id_column.as_deref())?.map_or(Ids::None, Ids::Read),
            given => given,
        };
        Ok(Maps { vectors, range: None, lists: Some(rows), ids })
    }

    fn of_archive(file: &MatrixFile, archive: Mapped, ids: Ids, scratch: &Scratch<'_>) -> Result<Maps, Error> {
        let path = file.path.as_path();
        let mut npz = Npz::read(&archive, path)?;
        let array = npz.matrix(file.column.as_deref())?;
        let ids = match (ids, &file.id_column) {
            (Ids::None, Some(name)) => Some(name.as_str()),
            (Ids::None, None) => npz.has("ids").then_some("ids"),
            (given, _) => return Maps::array(&archive, &mut npz, &array, given, scratch),
        };
        let ids = match ids {
            None => Ids::None,
            Some(name) => {
                let mut bytes = Vec::new();
                npz.unpack(name, &mut bytes)?;
                Ids::Array(name.to_owned(), bytes)
            }
        };
        Maps::array(&archive, &mut npz, &array, ids, scratch)
    }

    fn array(archive: &Mapped, npz: &mut Npz<'_>, array: &str, ids: Ids, scratch: &Scratch<'_>) -> Result<Maps, Error> {
        match npz.stored(array)? {
            Some(range) => Ok(Maps { vectors: archive.clone(), range: Some(range), lists: None, ids }),
            None => {
                let (vectors, ()) = scratch.map(|out| Ok(npz.unpack(array, out)?))?;
                Ok(Maps { vectors, range: None, lists: None, ids })
            }
        }
    }
}

/// Rows with or without ids.
pub(super) struct Source<'a> {
    pub file: &'a MatrixFile,
    rows: Rows<'a>,
    pub ids: Option<Vec<SampleId>>,
    /// Ids (or cells) that came with nothing instead of a vector.
    pub without: usize,
    /// Of what came with nothing here and there and has no ids: which cells had a vector.
    pub kept: Option<&'a [u32]>,
}

enum Rows<'a> {
    File(Vectors<'a>),
    Pickle(Vec<ArrayRef<'a>>),
    /// Little-endian `f32`, row after row.
    Unpacked {
        numbers: &'a [u8],
        width: usize,
    },
}

impl<'a> Source<'a> {
    /// Reads headers, ids and shapes; the numbers are read later, a row at a time.
    pub fn read(file: &'a MatrixFile, maps: &'a Maps) -> Result<Source<'a>, Error> {
        let path = file.path.as_path();
        if let Some(lists) = &maps.lists {
            return Source::lists(file, maps, lists);
        }
        let bytes = match &maps.range {
            Some(range) => &maps.vectors[range.clone()],
            None => &maps.vectors[..],
        };
        match ending(path) {
            "npy" | "fvecs" | "fbin" | "npz" => {
                let matrix = read_vectors(bytes, path).map_err(|e| Error::file(path, e.problem()))?;
                let ids = read_given_ids(file, &maps.ids, matrix.rows())?;
                Ok(Source { file, rows: Rows::File(matrix), ids, without: 0, kept: None })
            }
            "pkl" | "pickle" => {
                if let Some(ids) = &file.ids {
                    return Err(Error::file(ids, format!("{} brings its own ids; remove `ids`", path.display())));
                }
                let dictionary = Dictionary::read(bytes, path).map_err(|e| Error::file(path, e.problem))?;
                if let Some(&again) = dictionary.duplicates.first() {
                    let id = dictionary.entries.get(again).map(|e| e.0.to_json()).unwrap_or_default();
                    return Err(Error::file(path, format!("entry {again}: id {id} again; each id may stand once")));
                }
                let all = dictionary.entries.len();
                let (ids, rows): (Vec<_>, Vec<_>) =
                    dictionary.entries.into_iter().filter_map(|(id, row)| Some((id, row?))).unzip();
                Ok(Source { file, without: all - rows.len(), rows: Rows::Pickle(rows), ids: Some(ids), kept: None })
            }
            _ => Err(Error::file(
                path,
                "a matrix is read from .npy, .npz, .parquet, .pkl, .fvecs or .fbin; name the file so, or convert it",
            )),
        }
    }

    fn lists(file: &'a MatrixFile, maps: &'a Maps, lists: &'a ListRows) -> Result<Source<'a>, Error> {
        let cells = usize::try_from(lists.cells).unwrap_or(usize::MAX);
        let mut ids = read_given_ids(file, &maps.ids, cells)?;
        let mut source = Source {
            file,
            rows: Rows::Unpacked { numbers: &maps.vectors, width: lists.width },
            ids: None,
            without: 0,
            kept: None,
        };
        if let Some(kept) = &lists.kept {
            source.without = cells.saturating_sub(kept.len());
            match &mut ids {
                Some(ids) => *ids = kept.iter().filter_map(|&cell| ids.get(cell as usize).cloned()).collect(),
                None => source.kept = Some(kept),
            }
        }
        Ok(Source { ids, ..source })
    }

    /// Rows that hold a vector.
    pub fn len(&self) -> usize {
        match &self.rows {
            Rows::File(m) => m.rows(),
            Rows::Pickle(r) => r.len(),
            Rows::Unpacked { numbers, width } => numbers.len() / (4 * width),
        }
    }

    /// Rows, with those that hold none.
    pub fn cells(&self) -> usize {
        self.len() + self.without
    }

    pub fn width(&self, row: usize) -> usize {
        match &self.rows {
            Rows::File(m) => m.width(),
            Rows::Pickle(r) => r.get(row).map_or(0, ArrayRef::width),
            Rows::Unpacked { width, .. } => *width,
        }
    }

    /// `out` is as long as the row is wide.
    pub fn row_into(&self, row: usize, out: &mut [f32]) {
        match &self.rows {
            Rows::File(m) => m.row_into(row, out),
            Rows::Pickle(r) => r[row].row_into(out),
            Rows::Unpacked { numbers, width } => {
                let bytes = numbers[row * width * 4..].as_chunks::<4>().0;
                out.iter_mut().zip(bytes).for_each(|(x, b)| *x = f32::from_le_bytes(*b));
            }
        }
    }

    /// How a row is called in an error.
    pub fn row_name(&self, row: usize) -> String {
        match self.ids.as_ref().and_then(|ids| ids.get(row)) {
            Some(id) => format!("row {row} (id {})", id.to_json()),
            None => format!("row {}", self.kept.and_then(|kept| kept.get(row)).map_or(row, |&cell| cell as usize)),
        }
    }
}

/// The ids that stand beside a matrix of so many rows.
fn read_given_ids(file: &MatrixFile, ids: &Ids, rows: usize) -> Result<Option<Vec<SampleId>>, Error> {
    let at = file.ids.as_deref().unwrap_or(&file.path);
    let read = |bytes: &[u8]| read_ids(bytes, at).map_err(|e| Error::file(at, e.problem));
    let ids = match ids {
        Ids::None => return Ok(None),
        Ids::File(bytes) => read(bytes)?,
        Ids::Array(name, bytes) => {
            read_ids(bytes, at).map_err(|e| Error::file(at, format!("array \"{name}\": {}", e.problem)))?
        }
        Ids::Read(ids) => ids.clone(),
    };
    if ids.len() != rows {
        return Err(Error::file(at, format!("{} ids for {rows} rows of {}", ids.len(), file.path.display())));
    }
    Ok(Some(ids))
}
