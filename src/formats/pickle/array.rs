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
    /// Each byte spelt as the character of that number: `count` characters, all below U+0100.
    Latin1 { text: &'a str, count: usize },
}

impl ArrayRef<'_> {
    /// How many numbers; at least 1.
    pub fn width(&self) -> usize {
        let bytes = match self.bytes {
            ArrayBytes::Raw(bytes) => bytes.len(),
            ArrayBytes::Latin1 { count, .. } => count,
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
            ArrayBytes::Latin1 { text, .. } => {
                let mut chars = text.chars();
                let mut block = [0; 512];
                let size = self.stored.ty.size();
                for out in out.chunks_mut(block.len() / size) {
                    let block = &mut block[..out.len() * size];
                    for (byte, c) in block.iter_mut().zip(&mut chars) {
                        *byte = c as u8;
                    }
                    self.stored.many(block, out);
                }
            }
        }
    }
}
