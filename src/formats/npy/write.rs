//! Writes version 1.0, little-endian, C order, as `numpy.save` would.

use crate::words::SampleId;
use std::io::{self, Error, ErrorKind, Write};

/// Writes a matrix of `f32` row by row.
pub struct NpyWriter<W: Write> {
    to: W,
    cols: usize,
    left: usize,
    bytes: Vec<u8>,
}

impl<W: Write> NpyWriter<W> {
    /// Writes the header of a matrix of shape `(rows, cols)`. `to` need not be buffered.
    pub fn new(mut to: W, rows: usize, cols: usize) -> io::Result<Self> {
        header(&mut to, "<f4", &format!("({rows}, {cols})"))?;
        Ok(NpyWriter { to, cols, left: rows, bytes: Vec::with_capacity(cols * 4) })
    }

    /// Writes the next row.
    ///
    /// # Errors
    /// `InvalidInput` for a row of another width, or one more than were announced.
    pub fn row(&mut self, row: &[f32]) -> io::Result<()> {
        if row.len() != self.cols || self.left == 0 {
            let what = format!("row of {} numbers, expected {} rows more of {}", row.len(), self.left, self.cols);
            return Err(Error::new(ErrorKind::InvalidInput, what));
        }
        self.left -= 1;
        self.bytes.clear();
        self.bytes.extend(row.iter().flat_map(|x| x.to_le_bytes()));
        self.to.write_all(&self.bytes)
    }

    /// Flushes, and hands the sink back.
    ///
    /// # Errors
    /// `InvalidInput` when fewer rows were written than announced.
    pub fn finish(mut self) -> io::Result<W> {
        if self.left > 0 {
            return Err(Error::new(ErrorKind::InvalidInput, format!("{} rows are missing", self.left)));
        }
        self.to.flush()?;
        Ok(self.to)
    }
}

/// Writes ids as a 1-d array: `<i8` when all are integers, `<U…` when all are texts.
///
/// # Errors
/// `InvalidInput` when both kinds stand side by side, or a text ends in NUL: the format cannot tell them.
pub fn write_ids(mut to: impl Write, ids: &[SampleId]) -> io::Result<()> {
    let shape = format!("({},)", ids.len());
    let longest = ids.iter().map(|id| if let SampleId::Text(t) = id { t.chars().count() } else { 0 }).max();
    let texts = ids.iter().filter(|id| matches!(id, SampleId::Text(_))).count();
    if texts != 0 && texts != ids.len() {
        return Err(Error::new(ErrorKind::InvalidInput, "integer and text ids cannot share one array"));
    }
    let width = longest.unwrap_or(0).max(1);
    let descr = if texts == 0 { "<i8".to_owned() } else { format!("<U{width}") };
    header(&mut to, &descr, &shape)?;
    let mut bytes = Vec::new();
    for id in ids {
        bytes.clear();
        match id {
            SampleId::Int(n) => bytes.extend(n.to_le_bytes()),
            SampleId::Text(t) if t.ends_with('\0') => {
                return Err(Error::new(ErrorKind::InvalidInput, format!("the id {t:?} ends in NUL")));
            }
            SampleId::Text(t) => {
                bytes.extend(t.chars().flat_map(|c| u32::from(c).to_le_bytes()));
                bytes.resize(width * 4, 0);
            }
        }
        to.write_all(&bytes)?;
    }
    to.flush()
}

/// The numbers begin at a multiple of 64, as numpy has it: a mapped file is then aligned.
fn header(to: &mut impl Write, descr: &str, shape: &str) -> io::Result<()> {
    let dict = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}");
    let len = (10 + dict.len() + 1).next_multiple_of(64) - 10;
    to.write_all(b"\x93NUMPY\x01\x00")?;
    // Three short fields: never near 65,536.
    to.write_all(&(len as u16).to_le_bytes())?;
    writeln!(to, "{dict:<0$}", len - 1)
}
