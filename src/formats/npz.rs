//! `.npz`: several `.npy` files in one zip archive, as `numpy.savez` (stored) and `numpy.savez_compressed` (deflate) write.
//!
//! ```text
//! zip archive:  clip_image.npy   arr_0.npy   ids.npy   …      an array's name is its entry's, without `.npy`
//! ```
//!
//! A stored array is read where it lies, from the mapped bytes; a deflated one has to be unpacked first.

use super::npy::NpyMatrix;
use std::io::{self, Cursor, Read, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use thiserror::Error;
use zip::{CompressionMethod, ZipArchive};

/// An archive; its directory has been read.
pub struct Npz<'a> {
    path: PathBuf,
    bytes: &'a [u8],
    archive: ZipArchive<Cursor<&'a [u8]>>,
    names: Vec<String>,
}

/// Why an `.npz` file is refused.
#[derive(Debug, Error)]
#[error("{}: {problem}", path.display())]
pub struct NpzError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub problem: NpzProblem,
}

/// What is wrong with an `.npz` file.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum NpzProblem {
    /// The bytes are no whole zip archive.
    #[error("not a whole .npz file: {0}; write it again with numpy.savez")]
    Broken(String),
    /// An array that must be there is not.
    #[error("no array \"{array}\", there are {there}")]
    NoArray {
        /// The array asked for.
        array: String,
        /// The arrays there are.
        there: String,
    },
    /// No matrix, or more than one, could be meant.
    #[error("{matrices} arrays are matrices of floats, of all there are ({there}), so name one: column = \"…\"")]
    WhichArray {
        /// How many.
        matrices: usize,
        /// All arrays.
        there: String,
    },
}

/// Bytes that begin every array: enough for the header of a matrix.
const HEAD: u64 = 4096;

impl<'a> Npz<'a> {
    /// Reads the directory of the archive.
    ///
    /// # Errors
    /// No zip archive, or one that is cut short.
    pub fn read(bytes: &'a [u8], path: &Path) -> Result<Npz<'a>, NpzError> {
        let broken =
            |e: zip::result::ZipError| NpzError { path: path.to_owned(), problem: NpzProblem::Broken(e.to_string()) };
        let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(broken)?;
        let mut names = Vec::with_capacity(archive.len());
        for i in 0..archive.len() {
            let name = archive.by_index_raw(i).and_then(|entry| Ok(entry.name()?.into_owned())).map_err(broken)?;
            names.push(name.strip_suffix(".npy").map(str::to_owned).unwrap_or(name));
        }
        Ok(Npz { path: path.to_owned(), bytes, archive, names })
    }

    /// Is there an array of this name?
    pub fn has(&self, array: &str) -> bool {
        self.names.iter().any(|n| n == array)
    }

    /// The matrix meant: the array named, else the only one that is a matrix of floats.
    ///
    /// # Errors
    /// None of that name; several to choose from; a damaged archive.
    pub fn matrix(&mut self, name: Option<&str>) -> Result<String, NpzError> {
        if let Some(name) = name {
            return self.index(name).map(|_| name.to_owned());
        }
        let mut matrices = Vec::new();
        for i in 0..self.names.len() {
            let mut head = Vec::new();
            // That the numbers are missing behind the head is no fault here: the shape is all that is asked.
            if self.entry(i)?.take(HEAD).read_to_end(&mut head).is_ok() && NpyMatrix::is_matrix(&head) {
                matrices.push(self.names[i].clone());
            }
        }
        match matrices.pop() {
            Some(one) if matrices.is_empty() => Ok(one),
            last => {
                let matrices = matrices.len() + usize::from(last.is_some());
                Err(self.fail(NpzProblem::WhichArray { matrices, there: self.there() }))
            }
        }
    }

    /// Where the `.npy` bytes of an array lie in the archive; `None`: they are compressed.
    ///
    /// # Errors
    /// No such array; a damaged archive.
    pub fn stored(&mut self, array: &str) -> Result<Option<Range<usize>>, NpzError> {
        let index = self.index(array)?;
        let len = self.bytes.len();
        let entry = self.entry(index)?;
        if entry.compression() != CompressionMethod::Stored {
            return Ok(None);
        }
        let range = entry.data_start().zip(Some(entry.size())).and_then(|(start, size)| {
            let range = usize::try_from(start).ok()?..usize::try_from(start.checked_add(size)?).ok()?;
            (range.end <= len).then_some(range)
        });
        drop(entry);
        range.map(Some).ok_or_else(|| self.broken("an array lies beyond its end"))
    }

    /// Unpacks the `.npy` bytes of an array.
    ///
    /// # Errors
    /// No such array; bytes that do not unpack to the length and the checksum that the archive states; the sink's.
    pub fn unpack(&mut self, array: &str, to: &mut impl Write) -> Result<(), NpzError> {
        let index = self.index(array)?;
        let mut entry = self.entry(index)?;
        let size = entry.size();
        let copied = io::copy(&mut (&mut entry).take(size.saturating_add(1)), to);
        drop(entry);
        match copied {
            Ok(n) if n == size => Ok(()),
            Ok(n) => Err(self.broken(&format!("array \"{array}\" unpacks to {n} bytes, expected {size}"))),
            Err(e) => Err(self.broken(&format!("array \"{array}\": {e}"))),
        }
    }

    fn index(&self, array: &str) -> Result<usize, NpzError> {
        let found = self.names.iter().position(|n| n == array);
        found.ok_or_else(|| self.fail(NpzProblem::NoArray { array: array.to_owned(), there: self.there() }))
    }

    fn entry(&mut self, index: usize) -> Result<zip::read::ZipFile<'_, Cursor<&'a [u8]>>, NpzError> {
        let path = &self.path;
        let opened = self.archive.by_index(index);
        opened.map_err(|e| NpzError { path: path.clone(), problem: NpzProblem::Broken(e.to_string()) })
    }

    fn there(&self) -> String {
        let names: Vec<String> = self.names.iter().map(|n| format!("\"{n}\"")).collect();
        if names.is_empty() { "none".to_owned() } else { names.join(", ") }
    }

    fn broken(&self, what: &str) -> NpzError {
        self.fail(NpzProblem::Broken(what.to_owned()))
    }

    fn fail(&self, problem: NpzProblem) -> NpzError {
        NpzError { path: self.path.clone(), problem }
    }
}
