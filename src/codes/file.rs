//! The mapped file; writing, checking.

use super::memory::length_at_most;
use super::{CodeQuery, Codebook, RowCodes};
use crate::kernels::{CodeRows, Rows, padded_codes};
use crate::matrix::{MAX_DIM, Matrix};
use crate::wire::{Checksum, File, FileWriter, Kind, Result, Section, Written};
use rayon::prelude::*;
use std::path::Path;

/// The codes of a modality, mapped. Opening checks the header and the sections' lengths; slots and rows are checked where they
/// are used.
#[derive(Debug)]
pub struct Codes {
    file: File,
    book: Codebook,
    codes: Section<i8>,
    errors: Section<f32>,
    limits: Section<f32>,
    row: Section<u32>,
    slot: Section<u32>,
}

/// Writes the codes of all rows. `places`: slot → place in `codes`, each once.
pub fn write(path: &Path, codes: &RowCodes, places: &[u32]) -> Result<Written> {
    let row: Vec<u32> = places.iter().map(|&place| codes.order[place as usize]).collect();
    let mut slot = vec![0u32; row.len()];
    row.iter().enumerate().for_each(|(s, &row)| slot[row as usize] = s as u32);
    let mut out = FileWriter::create(path, Kind::Codes, 8)?;
    out.section("shape", &[codes.book.dim() as u64, row.len() as u64])?;
    out.section("mean", &codes.book.mean)?;
    out.section("step", &codes.book.step)?;
    out.begin("codes")?;
    for &place in places {
        out.write(codes.rows().row(place as usize))?;
    }
    let errors: Vec<f32> = places.iter().map(|&place| codes.errors[place as usize]).collect();
    out.section("errors", &errors)?;
    out.section("limits", &[errors.iter().copied().fold(0.0, f32::max), codes.longest])?;
    out.section("row", &row)?;
    out.section("slot", &slot)?;
    out.finish()
}

impl Codes {
    /// Maps the codes of a matrix with this many rows of this width.
    pub fn open(path: &Path, dim: usize, rows: usize) -> Result<Codes> {
        let file = File::open(path, Kind::Codes)?;
        let shape = file.section_of::<u64>("shape", 2)?;
        if shape[..] != [dim as u64, rows as u64] || dim == 0 || dim > MAX_DIM {
            return Err(file.damaged(format!("shape {:?}, its matrix has {rows} rows of {dim}", &shape[..])));
        }
        // The only part that is read: some kilobytes, whatever the corpus.
        let book = Codebook {
            mean: file.section_of::<f32>("mean", dim)?.to_vec(),
            step: file.section_of::<f32>("step", dim)?.to_vec(),
        };
        let usable = |v: &f32| v.is_finite() && v.abs() < 1e18;
        if !book.mean.iter().all(usable) || !book.step.iter().all(|s| usable(s) && *s >= 0.0) {
            return Err(file.damaged("a column's mean or step is no finite number".into()));
        }
        Ok(Codes {
            book,
            codes: file.section_of("codes", rows * padded_codes(dim))?,
            errors: file.section_of("errors", rows)?,
            limits: file.section_of("limits", 2)?,
            row: file.section_of("row", rows)?,
            slot: file.section_of("slot", rows)?,
            file,
        })
    }

    /// The file's identity.
    pub fn checksum(&self) -> Checksum {
        self.file.checksum
    }

    /// The file's length in bytes.
    pub fn bytes(&self) -> u64 {
        self.file.bytes()
    }

    /// The codes, slot by slot.
    #[inline]
    pub fn rows(&self) -> CodeRows<'_> {
        CodeRows::new(&self.codes, self.book.dim())
    }

    /// Elements of a row.
    pub fn dim(&self) -> usize {
        self.book.dim()
    }

    /// How many rows.
    pub fn len(&self) -> usize {
        self.row.len()
    }

    /// No row?
    pub fn is_empty(&self) -> bool {
        self.row.is_empty()
    }

    /// How far a slot's codes are from its row.
    pub fn errors(&self) -> &[f32] {
        &self.errors
    }

    /// Slot → matrix row. A damaged file may name a row that is not there.
    #[inline]
    pub fn rows_of_slots(&self) -> &[u32] {
        &self.row
    }

    /// Matrix row → slot. A damaged file may name a slot that is not there.
    #[inline]
    pub fn slots_of_rows(&self) -> &[u32] {
        &self.slot
    }

    /// A query vector of the matrix's width; padding is passed over.
    pub fn query(&self, vector: &[f32]) -> CodeQuery {
        self.book.query(vector, self.limits[1])
    }

    /// Checks checksums, that slots and rows are each other's inverse, and every code and error against the rows. Linear in the
    /// file and the matrix.
    pub fn verify(&self, matrix: &Matrix) -> Result<()> {
        self.file.verify()?;
        let inverse = |(slot, &row): (usize, &u32)| self.slot.get(row as usize) == Some(&(slot as u32));
        if !self.row.iter().enumerate().all(inverse) {
            return Err(self.file.damaged("slots and rows are not inverse".into()));
        }
        let rows: Rows<'_> = matrix.rows();
        let stride = padded_codes(self.book.dim());
        let wrong = (0..self.len()).into_par_iter().find_any(|&slot| {
            let mut codes = vec![0; stride];
            let error = rows.row(self.row[slot] as usize).map(|row| self.book.encode(row, &mut codes));
            error != Some(self.errors[slot]) || codes != self.rows().row(slot)
        });
        if let Some(slot) = wrong {
            return Err(self.file.damaged(format!("the codes in slot {slot} are not those of its row")));
        }
        let error = self.errors.iter().copied().fold(0.0, f32::max);
        let length = (0..rows.len()).into_par_iter().filter_map(|r| rows.row(r)).map(length_at_most);
        let length = length.reduce(|| 0.0, f32::max);
        match self.limits[..] == [error, length] {
            true => Ok(()),
            false => {
                Err(self.file.damaged(format!("limits {:?}; the rows have {:?}", &self.limits[..], [error, length])))
            }
        }
    }
}
