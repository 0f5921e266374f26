//! The mapped matrix.

use super::*;
use crate::kernels::{self, Elements, Rows};
use crate::wire::{Checksum, File, Kind, Result, Section};
use crate::words::{MatrixRow, Row};
use std::borrow::Cow;
use std::path::Path;

/// One modality's vectors, mapped. Opening checks the header and the sections' lengths; numbers that lead from
/// one row to another are bounds-checked where they are used.
#[derive(Debug)]
pub struct Matrix {
    file: File,
    dim: usize,
    metric: Metric,
    elements: Stored,
    stride: usize,
    norms: Section<f32>,
    to_row: Section<u32>,
    of_row: Section<u32>,
}

#[derive(Debug)]
enum Stored {
    F32(Section<f32>),
    F16(Section<u16>),
}

impl Stored {
    fn rows(&self, dim: usize) -> std::result::Result<Rows<'_>, kernels::Error> {
        match self {
            Stored::F32(e) => Rows::new(Elements::F32(e), dim),
            Stored::F16(e) => Rows::new(Elements::F16(e), dim),
        }
    }
}

/// A vector from outside, ready to be compared with a modality's rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Prepared {
    /// Padded to [`Matrix::stride`].
    pub elements: Vec<f32>,
    /// Its length as it was given.
    pub length: f32,
}

impl Matrix {
    /// Maps the file. `corpus`: how many samples the catalog has.
    pub fn open(path: &Path, corpus: u32) -> Result<Matrix> {
        let file = File::open(path, Kind::Matrix)?;
        let shape = file.section_of::<u64>("shape", 4)?;
        let dim = shape.first().map_or(0, |&d| d as usize);
        let n = shape.get(1).map_or(0, |&n| n as usize);
        if dim == 0 || dim > MAX_DIM || n > corpus as usize {
            return Err(file.damaged(format!("{n} rows of {dim} dimensions over {corpus} samples")));
        }
        let stride = kernels::padded(dim);
        let metric = match shape.get(2) {
            Some(0) => Metric::Cosine,
            Some(1) => Metric::Dot,
            other => return Err(file.damaged(format!("metric {other:?}"))),
        };
        let elements = match shape.get(3) {
            Some(4) => Stored::F32(file.section_of("rows", n * stride)?),
            Some(2) => Stored::F16(file.section_of("rows", n * stride)?),
            other => return Err(file.damaged(format!("element size {other:?}"))),
        };
        Ok(Matrix {
            dim,
            metric,
            elements,
            stride,
            norms: file.section_of("norms", n)?,
            to_row: file.section_of("to.row", n)?,
            of_row: file.section_of("of.row", corpus as usize)?,
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

    /// Elements of a vector, without padding.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Elements of a stored row, with padding: what a query vector must be padded to.
    pub fn stride(&self) -> usize {
        self.stride
    }

    /// How rows are compared.
    pub fn metric(&self) -> Metric {
        self.metric
    }

    /// How elements are stored.
    pub fn dtype(&self) -> Dtype {
        match self.elements {
            Stored::F32(_) => Dtype::F32,
            Stored::F16(_) => Dtype::F16,
        }
    }

    /// How many samples have a vector.
    pub fn len(&self) -> usize {
        self.to_row.len()
    }

    /// No vector at all?
    pub fn is_empty(&self) -> bool {
        self.to_row.is_empty()
    }

    /// All rows, for the kernels.
    pub fn rows(&self) -> Rows<'_> {
        self.elements.rows(self.dim).unwrap_or_else(|_| Rows::empty(self.dim))
    }

    /// Matrix row → catalog row, ascending.
    pub fn catalog_rows(&self) -> &[u32] {
        &self.to_row
    }

    /// The vector of a sample, if it has one.
    pub fn find(&self, row: Row) -> Option<MatrixRow> {
        self.of_row.get(row.index()).copied().filter(|&m| (m as usize) < self.len()).map(MatrixRow)
    }

    /// Has this sample a vector?
    pub fn has(&self, row: Row) -> bool {
        self.find(row).is_some()
    }

    /// The length of the vector as it was given.
    pub fn norm(&self, at: MatrixRow) -> f32 {
        self.norms.get(at.index()).copied().unwrap_or(f32::NAN)
    }

    /// A row as f32, padded with zeros to [`Matrix::stride`]: a query for the kernels. Borrowed where it is stored so.
    pub fn padded(&self, at: MatrixRow) -> Cow<'_, [f32]> {
        let range = at.index() * self.stride..(at.index() + 1) * self.stride;
        let row = match &self.elements {
            Stored::F32(e) => e.get(range).map(Cow::Borrowed),
            Stored::F16(e) => e.get(range).map(|h| h.iter().map(|&b| half::f16::from_bits(b).to_f32()).collect()),
        };
        row.unwrap_or_else(|| vec![0.0; self.stride].into())
    }

    /// The same, owned.
    pub fn vector(&self, at: MatrixRow) -> Vec<f32> {
        self.padded(at).into_owned()
    }

    /// A vector from outside as stored rows are prepared: of the modality's width, finite, of unit length under cosine; then
    /// padded.
    pub fn query(&self, mut vector: Vec<f32>) -> std::result::Result<Prepared, VectorError> {
        if vector.len() != self.dim {
            return Err(VectorError::Width { got: vector.len(), expected: self.dim });
        }
        let length = prepare(&mut vector, self.metric)?;
        vector.resize(self.stride, 0.0);
        Ok(Prepared { elements: vector, length })
    }

    /// The dot product of a padded vector and a row: the score of the whole program, the same bits everywhere.
    pub fn dot(&self, query: &[f32], at: MatrixRow) -> f32 {
        let mut dot = [0.0];
        kernels::dots_at(query, self.rows(), &[at.0], &mut dot);
        dot[0]
    }

    /// Checks checksums, finiteness, padding, lengths and that the two row maps are inverse. Linear in the file.
    pub fn verify(&self) -> Result<()> {
        self.file.verify()?;
        let demand = |holds: bool, what: &str| if holds { Ok(()) } else { Err(self.file.damaged(what.to_owned())) };
        demand(self.to_row.windows(2).all(|w| w[0] < w[1]), "rows are not in catalog order")?;
        let back = |m: usize, &r: &u32| self.of_row.get(r as usize) == Some(&(m as u32));
        let present = self.of_row.iter().filter(|&&m| m != u32::MAX).count();
        demand(
            present == self.len() && self.to_row.iter().enumerate().all(|(m, r)| back(m, r)),
            "the two row maps are not inverse",
        )?;
        demand(self.norms.iter().all(|n| n.is_finite() && *n >= 0.0), "a length is not finite")?;
        for m in 0..self.len() {
            let vector = self.padded(MatrixRow(m as u32));
            let (inside, padding) = vector.split_at(self.dim);
            let length = inside.iter().map(|x| f64::from(*x) * f64::from(*x)).sum::<f64>().sqrt();
            let unit = self.metric == Metric::Dot || (length - 1.0).abs() < 1e-2;
            demand(
                length.is_finite() && unit && padding.iter().all(|&x| x == 0.0),
                &format!("vector {m} is not finite, not of unit length under cosine, or its padding is not zero"),
            )?;
        }
        Ok(())
    }
}
