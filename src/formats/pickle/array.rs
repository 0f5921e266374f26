//! One array: bytes borrowed from the file, decoded on demand.

use crate::formats::floats::{FloatType, Stored};

/// One vector of a pickled dict.
#[derive(Debug, Clone, Copy)]
pub struct ArrayRef<'a> {
    pub(super) bytes: ArrayBytes<'a>,
    pub(super) stored: Stored,
}

/// Where the numbers of an array lie.
#[derive(Debug, Clone, Copy)]
pub(super) enum ArrayBytes<'a> {
    /// As they are.
    Raw(&'a [u8]),
    /// Each byte spelt as the character of that number.
    Latin1(Latin1<'a>),
}

impl ArrayRef<'_> {
    /// How many numbers; at least 1.
    pub fn width(&self) -> usize {
        let bytes = match self.bytes {
            ArrayBytes::Raw(bytes) => bytes.len(),
            ArrayBytes::Latin1(text) => text.count,
        };
        bytes / self.stored.ty.size()
    }

    /// The width of the stored numbers.
    pub fn float_type(&self) -> FloatType {
        self.stored.ty
    }

    /// The vector as `f32`: `f16` exactly, `f64` rounded (beyond the range of `f32`: infinite).
    ///
    /// # Panics
    /// When `out` is not [`width`](Self::width) long.
    pub fn row_into(&self, out: &mut [f32]) {
        assert_eq!(out.len(), self.width(), "the vector is {} wide", self.width());
        match self.bytes {
            ArrayBytes::Raw(bytes) => self.stored.many(bytes, out),
            ArrayBytes::Latin1(mut text) => {
                let mut block = [0; 512];
                let size = self.stored.ty.size();
                for out in out.chunks_mut(block.len() / size) {
                    let block = &mut block[..out.len() * size];
                    text.decode(block);
                    self.stored.many(block, out);
                }
            }
        }
    }
}

/// Bytes spelt as latin-1 text in UTF-8: below 0x80 as they are, the others as `C2` or `C3` and one byte more.
#[derive(Debug, Clone, Copy)]
pub(super) struct Latin1<'a> {
    utf8: &'a [u8],
    count: usize,
}

/// Does a character of two bytes begin here?
fn leads(byte: u8) -> bool {
    byte >= 0xC0
}

/// Does it end here?
fn follows(byte: u8) -> bool {
    byte & 0xC0 == 0x80
}

impl<'a> Latin1<'a> {
    /// `None` for what is no such text. One pass without branches: whole files of embeddings go through here.
    pub(super) fn new(utf8: &'a [u8]) -> Option<Self> {
        let ends = utf8.first().is_some_and(|&b| follows(b)) | utf8.last().is_some_and(|&b| leads(b));
        let strange = utf8.iter().fold(false, |bad, &b| bad | (b >= 0xC0) & (b & 0xFE != 0xC2));
        let torn = utf8.windows(2).fold(false, |bad, pair| bad | (leads(pair[0]) != follows(pair[1])));
        let count = utf8.iter().filter(|&&b| !follows(b)).count();
        (!(ends | strange | torn)).then_some(Latin1 { utf8, count })
    }

    /// How many bytes are spelt.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// All of them.
    pub(super) fn bytes(mut self) -> Vec<u8> {
        let mut bytes = vec![0; self.count];
        self.decode(&mut bytes);
        bytes
    }

    /// Takes the first `out.len()` bytes off, or fewer if there are no more.
    fn decode(&mut self, out: &mut [u8]) {
        let (mut read, mut written, mut before) = (0, 0, 0);
        while let (Some(&byte), Some(out)) = (self.utf8.get(read), out.get_mut(written)) {
            // Written at a lead byte too, and then once more: cheaper than a branch that random bytes mispredict.
            *out = if follows(byte) { before << 6 | byte & 0x3F } else { byte };
            written += usize::from(!leads(byte));
            before = byte;
            read += 1;
        }
        self.utf8 = &self.utf8[read..];
        self.count -= written;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// The oracle: the standard library's UTF-8.
        #[test]
        fn latin1_is_utf8_below_256(
            bytes in prop::collection::vec(prop::sample::select(&[0u8, 0x41, 0x7F, 0x80, 0xBF, 0xC1, 0xC2, 0xC3, 0xC4, 0xE2, 0xFF][..]), 0..9),
        ) {
            let want = std::str::from_utf8(&bytes).ok().filter(|t| t.chars().all(|c| c < '\u{100}'));
            let got = Latin1::new(&bytes);
            prop_assert_eq!(got.map(|l| l.count()), want.map(|t| t.chars().count()));
            prop_assert_eq!(got.map(Latin1::bytes), want.map(|t| t.chars().map(|c| c as u8).collect()));
        }

        #[test]
        fn any_bytes_come_back_in_any_pieces(bytes in prop::collection::vec(any::<u8>(), 0..200), step in 1usize..50) {
            let text: String = bytes.iter().map(|&b| b as char).collect();
            let mut latin1 = Latin1::new(text.as_bytes()).unwrap();
            for want in bytes.chunks(step) {
                let mut got = vec![0; want.len()];
                latin1.decode(&mut got);
                prop_assert_eq!(&got, want);
            }
            prop_assert_eq!(latin1.count(), 0);
        }
    }
}
