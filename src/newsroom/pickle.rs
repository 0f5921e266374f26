//! A pickle `{int: numpy.ndarray}` of float32 vectors, written row by row.
//!
//! Protocol 4, the same objects in the same order as Python writes such a dictionary. Shorter forms
//! of small numbers are not used, and only what is needed again is memoised: a loader sees no
//! difference, and every row has the same length.
//!
//! ```text
//! PROTO 4 · frames of [ MARK · (key · array)… · SETITEMS ] · STOP
//! array = _reconstruct(ndarray, (0,), b'b') REDUCE · (1, (width,), dtype('<f4'), False, bytes) BUILD
//! ```
//!
//! The first array spells out the three names and the dtype; the others fetch them by number.

use std::io::{self, Write};

/// Rows in a frame: a loader holds one frame in memory.
const ROWS_PER_FRAME: usize = 64;

/// Numbers of memoised objects, in the order in which [`RowWriter`] writes them.
const RECONSTRUCT: u8 = 1;
const NDARRAY: u8 = 2;
const EMPTY_SHAPE: u8 = 3;
const ORDER: u8 = 4;
const SHAPE: u8 = 5;
const DTYPE: u8 = 6;

/// Writes one file; [`RowWriter::finish`] completes it.
#[derive(Debug)]
pub(super) struct RowWriter<W> {
    out: W,
    width: u16,
    frame: Vec<u8>,
    rows_in_frame: usize,
    first: bool,
}

impl<W: Write> RowWriter<W> {
    pub(super) fn new(mut out: W, width: u16) -> io::Result<Self> {
        out.write_all(b"\x80\x04")?;
        Ok(RowWriter { out, width, frame: b"}\x94".to_vec(), rows_in_frame: 0, first: true })
    }

    /// `data`: the row's `width` values as little-endian f32.
    pub(super) fn row(&mut self, key: i32, data: &[u8]) -> io::Result<()> {
        debug_assert_eq!(data.len(), usize::from(self.width) * 4);
        if self.rows_in_frame == 0 {
            self.frame.push(b'(');
        }
        self.frame.push(b'J');
        self.frame.extend_from_slice(&key.to_le_bytes());
        if self.first {
            self.first_head()
        } else {
            self.other_head()
        }
        // BINBYTES, TUPLE of everything since the mark, BUILD.
        self.frame.push(b'B');
        self.frame.extend_from_slice(&(data.len() as u32).to_le_bytes());
        self.frame.extend_from_slice(data);
        self.frame.extend_from_slice(b"tb");
        self.first = false;
        self.rows_in_frame += 1;
        if self.rows_in_frame == ROWS_PER_FRAME {
            self.end_batch();
            self.flush_frame()?;
        }
        Ok(())
    }

    pub(super) fn finish(mut self) -> io::Result<()> {
        if self.rows_in_frame > 0 {
            self.end_batch();
        }
        self.frame.push(b'.');
        self.flush_frame()?;
        self.out.flush()
    }

    fn first_head(&mut self) {
        let width = self.width.to_le_bytes();
        let shape = [b'M', width[0], width[1]];
        for part in [
            &global("numpy.core.multiarray", "_reconstruct")[..],
            &global("numpy", "ndarray"),
            b"K\x00\x85\x94C\x01b\x94\x87R(K\x01",
            &shape,
            b"\x85\x94",
            // dtype('f4', False, True), then its state: little-endian, no fields, no flags.
            b"\x8c\x05numpy\x8c\x05dtype\x93\x8c\x02f4\x89\x88\x87R\x94",
            b"(K\x03\x8c\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89",
        ] {
            self.frame.extend_from_slice(part);
        }
    }

    fn other_head(&mut self) {
        let get = |number: u8| [b'h', number];
        for part in [
            &get(RECONSTRUCT)[..],
            &get(NDARRAY),
            &get(EMPTY_SHAPE),
            &get(ORDER),
            b"\x87R(K\x01",
            &get(SHAPE),
            &get(DTYPE),
            b"\x89",
        ] {
            self.frame.extend_from_slice(part);
        }
    }

    fn end_batch(&mut self) {
        self.frame.push(b'u');
        self.rows_in_frame = 0;
    }

    fn flush_frame(&mut self) -> io::Result<()> {
        // FRAME: a reader may take the next so many bytes in one go. Shorter ones have no frame.
        if self.frame.len() >= 4 {
            self.out.write_all(b"\x95")?;
            self.out.write_all(&(self.frame.len() as u64).to_le_bytes())?;
        }
        self.out.write_all(&self.frame)?;
        self.frame.clear();
        Ok(())
    }
}

/// A memoised global; names shorter than 256 bytes.
fn global(module: &str, name: &str) -> Vec<u8> {
    let mut out = Vec::new();
    for text in [module, name] {
        out.extend_from_slice(&[0x8c, text.len() as u8]);
        out.extend_from_slice(text.as_bytes());
    }
    out.extend_from_slice(b"\x93\x94");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Written out by hand; `tests/newsroom.rs` lets numpy read whole files.
    #[test]
    fn two_rows_byte_for_byte() {
        let mut out = Vec::new();
        let mut writer = RowWriter::new(&mut out, 1).unwrap();
        writer.row(7, &1f32.to_le_bytes()).unwrap();
        writer.row(-2, &2f32.to_le_bytes()).unwrap();
        writer.finish().unwrap();
        let body: &[u8] = b"}\x94(J\x07\0\0\0\
            \x8c\x15numpy.core.multiarray\x8c\x0c_reconstruct\x93\x94\x8c\x05numpy\x8c\x07ndarray\x93\x94\
            K\0\x85\x94C\x01b\x94\x87R(K\x01M\x01\0\x85\x94\
            \x8c\x05numpy\x8c\x05dtype\x93\x8c\x02f4\x89\x88\x87R\x94\
            (K\x03\x8c\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb\x89B\x04\0\0\0\0\0\x80?tb\
            J\xfe\xff\xff\xffh\x01h\x02h\x03h\x04\x87R(K\x01h\x05h\x06\x89B\x04\0\0\0\0\0\0@tbu.";
        let mut want = b"\x80\x04\x95".to_vec();
        want.extend_from_slice(&(body.len() as u64).to_le_bytes());
        want.extend_from_slice(body);
        assert_eq!(out, want);
    }
}
