//! Writes `{id: ndarray f32 (d,)}`, protocol 4, in constant memory; Python reads it with numpy 1 and 2.

use super::ops::op;
use crate::words::SampleId;
use std::io::{self, Error, ErrorKind, Write};

/// Memo indexes of what every entry shares.
const RECONSTRUCT: u8 = 0;
const RECONSTRUCT_ARGS: u8 = 1;
const SHAPE: u8 = 2;
const DTYPE: u8 = 3;

/// Writes a dict of vectors entry by entry. Ids should be distinct: Python keeps the last of two equal ones.
///
/// ```
/// # use mispair::formats::pickle::{Dictionary, PickleWriter};
/// let mut writer = PickleWriter::new(Vec::new(), 2)?;
/// writer.entry(&7.into(), Some(&[0.5, -1.0]))?;
/// writer.entry(&8.into(), None)?;
/// let file = writer.finish()?;
/// let read = Dictionary::read(&file, "made.pkl".as_ref()).unwrap();
/// assert_eq!(read.entries.len(), 2);
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct PickleWriter<W: Write> {
    to: W,
    width: usize,
    shared_written: bool,
    bytes: Vec<u8>,
}

impl<W: Write> PickleWriter<W> {
    /// Begins a dict of vectors of `width` numbers. `to` need not be buffered.
    ///
    /// # Errors
    /// `InvalidInput` for a width of 0 or one whose vectors take 2 GiB.
    pub fn new(mut to: W, width: usize) -> io::Result<Self> {
        if width == 0 || width >= 1 << 29 {
            return Err(Error::new(ErrorKind::InvalidInput, format!("vectors of {width} numbers")));
        }
        to.write_all(&[op::PROTO, 4, op::EMPTY_DICT])?;
        Ok(PickleWriter { to, width, shared_written: false, bytes: Vec::with_capacity(width * 4 + 256) })
    }

    /// Writes an entry; `None` for a sample without a vector.
    ///
    /// # Errors
    /// `InvalidInput` for a vector of another width or an id of 4 GiB.
    pub fn entry(&mut self, id: &SampleId, vector: Option<&[f32]>) -> io::Result<()> {
        self.bytes.clear();
        match id {
            SampleId::Int(n) => match i32::try_from(*n) {
                Ok(n) => {
                    self.bytes.push(op::BININT);
                    self.bytes.extend(n.to_le_bytes());
                }
                Err(_) => {
                    self.bytes.extend([op::LONG1, 8]);
                    self.bytes.extend(n.to_le_bytes());
                }
            },
            SampleId::Text(text) => {
                let len = u32::try_from(text.len()).map_err(|e| Error::new(ErrorKind::InvalidInput, e))?;
                self.bytes.push(op::BINUNICODE);
                self.bytes.extend(len.to_le_bytes());
                self.bytes.extend(text.as_bytes());
            }
        }
        match vector {
            None => self.bytes.push(op::NONE),
            Some(vector) if vector.len() == self.width => self.vector(vector),
            Some(vector) => {
                let what = format!("vector of {} numbers for id {id}, expected {}", vector.len(), self.width);
                return Err(Error::new(ErrorKind::InvalidInput, what));
            }
        }
        self.bytes.push(op::SETITEM);
        self.to.write_all(&self.bytes)
    }

    /// Ends the dict, flushes, and hands the sink back.
    pub fn finish(mut self) -> io::Result<W> {
        self.to.write_all(&[op::STOP])?;
        self.to.flush()?;
        Ok(self.to)
    }

    /// `_reconstruct(ndarray, (0,), b'b')` with state `(1, (width,), dtype('<f4'), False, bytes)`. What is the same
    /// in every entry is spelt out in the first and fetched from the memo after.
    fn vector(&mut self, vector: &[f32]) {
        let first = !std::mem::replace(&mut self.shared_written, true);
        let bytes = &mut self.bytes;
        if first {
            // numpy 2 still answers to this name, numpy 1 knows no other.
            name(bytes, "numpy.core.multiarray", "_reconstruct");
            bytes.extend([op::BINPUT, RECONSTRUCT]);
            name(bytes, "numpy", "ndarray");
            bytes.extend([op::BININT1, 0, op::TUPLE1, op::SHORT_BINBYTES, 1, b'b', op::TUPLE3]);
            bytes.extend([op::BINPUT, RECONSTRUCT_ARGS]);
        } else {
            bytes.extend([op::BINGET, RECONSTRUCT, op::BINGET, RECONSTRUCT_ARGS]);
        }
        bytes.extend([op::REDUCE, op::MARK, op::BININT1, 1]);
        if first {
            bytes.push(op::BININT);
            // Below 2^29: see `new`.
            bytes.extend((self.width as u32).to_le_bytes());
            bytes.extend([op::TUPLE1, op::BINPUT, SHAPE]);
            name(bytes, "numpy", "dtype");
            text(bytes, "f4");
            bytes.extend([op::NEWFALSE, op::NEWTRUE, op::TUPLE3, op::REDUCE, op::BINPUT, DTYPE]);
            bytes.extend([op::MARK, op::BININT1, 3]);
            text(bytes, "<");
            bytes.extend([op::NONE; 3]);
            for number in [-1i32, -1, 0] {
                bytes.push(op::BININT);
                bytes.extend(number.to_le_bytes());
            }
            bytes.extend([op::TUPLE, op::BUILD]);
        } else {
            bytes.extend([op::BINGET, SHAPE, op::BINGET, DTYPE]);
        }
        bytes.extend([op::NEWFALSE, op::BINBYTES]);
        bytes.extend(((self.width * 4) as u32).to_le_bytes());
        bytes.extend(vector.iter().flat_map(|x| x.to_le_bytes()));
        bytes.extend([op::TUPLE, op::BUILD]);
    }
}

/// A text of less than 256 bytes.
fn text(bytes: &mut Vec<u8>, text: &str) {
    bytes.extend([op::SHORT_BINUNICODE, text.len() as u8]);
    bytes.extend(text.as_bytes());
}

fn name(bytes: &mut Vec<u8>, module: &str, name: &str) {
    text(bytes, module);
    text(bytes, name);
    bytes.push(op::STACK_GLOBAL);
}
