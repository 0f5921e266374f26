//! Numbers as other people's files store them: three widths, two byte orders, any alignment.

use half::f16;
use half::slice::HalfFloatSliceExt;

/// The width of a stored floating-point number (IEEE 754).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FloatType {
    /// Two bytes; widened to `f32` exactly.
    F16,
    /// Four bytes.
    F32,
    /// Eight bytes; rounded to the nearest `f32`, ties to even; what is beyond its range becomes infinite.
    F64,
}

impl FloatType {
    /// Bytes a number takes.
    pub fn size(self) -> usize {
        match self {
            FloatType::F16 => 2,
            FloatType::F32 => 4,
            FloatType::F64 => 8,
        }
    }

    /// From the size in bytes.
    pub(super) fn of_size(size: usize) -> Option<FloatType> {
        [FloatType::F16, FloatType::F32, FloatType::F64].into_iter().find(|t| t.size() == size)
    }
}

/// The order of the bytes of a stored number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ByteOrder {
    /// The least significant first (numpy's `<`).
    Little,
    /// The most significant first (numpy's `>`).
    Big,
}

impl ByteOrder {
    /// From numpy's sign. `=` and `|` mean the machine's own order.
    pub(super) fn of_sign(sign: u8) -> Option<ByteOrder> {
        match sign {
            b'<' => Some(ByteOrder::Little),
            b'>' => Some(ByteOrder::Big),
            b'=' | b'|' if cfg!(target_endian = "little") => Some(ByteOrder::Little),
            b'=' | b'|' => Some(ByteOrder::Big),
            _ => None,
        }
    }
}

/// How the numbers of one array are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stored {
    pub ty: FloatType,
    pub order: ByteOrder,
}

/// Bytes to array, where the length is known to fit.
fn fixed<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&bytes[..N]);
    out
}

impl Stored {
    /// One number from the first bytes of `bytes`, which hold at least one.
    pub(super) fn one(self, bytes: &[u8]) -> f32 {
        match (self.ty, self.order) {
            (FloatType::F16, ByteOrder::Little) => f16::from_le_bytes(fixed(bytes)).to_f32(),
            (FloatType::F16, ByteOrder::Big) => f16::from_be_bytes(fixed(bytes)).to_f32(),
            (FloatType::F32, ByteOrder::Little) => f32::from_le_bytes(fixed(bytes)),
            (FloatType::F32, ByteOrder::Big) => f32::from_be_bytes(fixed(bytes)),
            (FloatType::F64, ByteOrder::Little) => f64::from_le_bytes(fixed(bytes)) as f32,
            (FloatType::F64, ByteOrder::Big) => f64::from_be_bytes(fixed(bytes)) as f32,
        }
    }

    /// Numbers that lie side by side: `bytes.len()` is `out.len()` × the size.
    pub(super) fn many(self, bytes: &[u8], out: &mut [f32]) {
        debug_assert_eq!(bytes.len(), out.len() * self.ty.size());
        match (self.ty, self.order) {
            // The one layout that is everywhere: compiles to a plain copy.
            (FloatType::F32, ByteOrder::Little) => {
                for (x, b) in out.iter_mut().zip(bytes.chunks_exact(4)) {
                    *x = f32::from_le_bytes(fixed(b));
                }
            }
            // `half` converts slices in hardware where it can, single numbers only at a cost per call.
            (FloatType::F16, order) => {
                let mut halves = [f16::ZERO; 128];
                for (out, bytes) in out.chunks_mut(128).zip(bytes.chunks(256)) {
                    for (h, b) in halves.iter_mut().zip(bytes.chunks_exact(2)) {
                        *h = match order {
                            ByteOrder::Little => f16::from_le_bytes(fixed(b)),
                            ByteOrder::Big => f16::from_be_bytes(fixed(b)),
                        };
                    }
                    halves[..out.len()].convert_to_f32_slice(out);
                }
            }
            _ => {
                for (x, b) in out.iter_mut().zip(bytes.chunks_exact(self.ty.size())) {
                    *x = self.one(b);
                }
            }
        }
    }
}

/// UTF-32 text as numpy pads it: trailing NULs are not part of it. `None`: no Unicode text.
pub(super) fn utf32(bytes: &[u8], order: ByteOrder) -> Option<String> {
    let words: Vec<u32> = bytes
        .chunks_exact(4)
        .map(|b| match order {
            ByteOrder::Little => u32::from_le_bytes(fixed(b)),
            ByteOrder::Big => u32::from_be_bytes(fixed(b)),
        })
        .collect();
    let len = words.iter().rposition(|&c| c != 0).map_or(0, |last| last + 1);
    words[..len].iter().map(|&c| char::from_u32(c)).collect()
}

/// A whole number of 1, 2, 4 or 8 bytes. `None`: another width, or beyond `i64`.
pub(super) fn integer(bytes: &[u8], signed: bool, order: ByteOrder) -> Option<i64> {
    if !matches!(bytes.len(), 1 | 2 | 4 | 8) {
        return None;
    }
    let mut n = 0u64;
    let mut push = |b: &u8| n = n << 8 | u64::from(*b);
    match order {
        ByteOrder::Little => bytes.iter().rev().for_each(&mut push),
        ByteOrder::Big => bytes.iter().for_each(&mut push),
    }
    if signed {
        let unused = 64 - 8 * bytes.len() as u32;
        Some((n << unused) as i64 >> unused)
    } else {
        i64::try_from(n).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn integers_of_every_width() {
        use ByteOrder::*;
        assert_eq!(integer(&[0xFE], true, Little), Some(-2));
        assert_eq!(integer(&[0xFE], false, Little), Some(254));
        assert_eq!(integer(&(-300i16).to_be_bytes(), true, Big), Some(-300));
        assert_eq!(integer(&i64::MIN.to_le_bytes(), true, Little), Some(i64::MIN));
        assert_eq!(integer(&u64::MAX.to_le_bytes(), false, Little), None);
        assert_eq!(integer(&[0; 3], true, Little), None);
    }

    #[test]
    fn text() {
        let raw: Vec<u8> = "né\0x\0\0".chars().flat_map(|c| (c as u32).to_be_bytes()).collect();
        assert_eq!(utf32(&raw, ByteOrder::Big).as_deref(), Some("né\0x"));
        assert_eq!(utf32(&0xD800u32.to_le_bytes(), ByteOrder::Little), None);
    }

    proptest! {
        /// The oracle: one number at a time; lengths around the block of 128.
        #[test]
        fn many_is_one_by_one(numbers in prop::collection::vec(any::<u64>(), 0..300), width in 0usize..3, big: bool) {
            let ty = [FloatType::F16, FloatType::F32, FloatType::F64][width];
            let order = if big { ByteOrder::Big } else { ByteOrder::Little };
            let stored = Stored { ty, order };
            let bytes: Vec<u8> = numbers.iter().flat_map(|n| n.to_le_bytes()[..ty.size()].to_vec()).collect();
            let mut got = vec![0.0; numbers.len()];
            stored.many(&bytes, &mut got);
            for (x, b) in got.iter().zip(bytes.chunks(ty.size())) {
                let want = stored.one(b);
                prop_assert!(x.to_bits() == want.to_bits() || x.is_nan() && want.is_nan());
            }
        }
    }
}
