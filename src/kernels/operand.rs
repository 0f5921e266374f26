//! What the kernels are generic over: element types, and which rows of a matrix are meant.

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{__m256, _mm_loadu_si128, _mm256_cvtph_ps, _mm256_loadu_ps};

/// An element type of stored rows. Widening to `f32` is exact.
pub(super) trait Element: Copy {
    fn to_f32(self) -> f32;

    /// Eight elements, widened.
    ///
    /// # Safety
    /// AVX2 and F16C are there; eight elements can be read at `from`, aligned or not.
    #[cfg(target_arch = "x86_64")]
    unsafe fn load8(from: *const Self) -> __m256;
}

impl Element for f32 {
    #[inline]
    fn to_f32(self) -> f32 {
        self
    }

    #[cfg(target_arch = "x86_64")]
    #[inline]
    #[target_feature(enable = "avx2,f16c")]
    unsafe fn load8(from: *const f32) -> __m256 {
        // SAFETY: the caller vouches for eight elements at `from`.
        unsafe { _mm256_loadu_ps(from) }
    }
}

/// The bits of an IEEE half.
impl Element for u16 {
    #[inline]
    fn to_f32(self) -> f32 {
        half::f16::from_bits(self).to_f32()
    }

    #[cfg(target_arch = "x86_64")]
    #[inline]
    #[target_feature(enable = "avx2,f16c")]
    unsafe fn load8(from: *const u16) -> __m256 {
        // SAFETY: the caller vouches for eight elements (16 bytes) at `from`.
        _mm256_cvtph_ps(unsafe { _mm_loadu_si128(from.cast()) })
    }
}

/// Which rows of a matrix stand at the positions `0..len` of an operation.
pub(super) trait Pick: Copy {
    /// Must the hardware be told where the next rows are?
    const SCATTERED: bool;

    fn len(self) -> usize;

    /// The row at a position below `len`.
    fn row(self, position: usize) -> usize;

    /// The row likely to be wanted at a position that may lie past the end; good for
    /// prefetching only, it need not exist.
    fn guess(self, position: usize) -> usize;

    /// One more than the greatest row picked; 0 for none.
    fn end(self) -> usize;
}

/// Rows `0..n`, as they lie.
#[derive(Clone, Copy)]
pub(super) struct Contiguous(pub usize);

impl Pick for Contiguous {
    const SCATTERED: bool = false;

    fn len(self) -> usize {
        self.0
    }

    #[inline]
    fn row(self, position: usize) -> usize {
        position
    }

    /// A scan goes on where this call ends.
    #[inline]
    fn guess(self, position: usize) -> usize {
        position
    }

    fn end(self) -> usize {
        self.0
    }
}

/// Rows by number, in any sequence.
impl Pick for &[u32] {
    const SCATTERED: bool = true;

    fn len(self) -> usize {
        <[u32]>::len(self)
    }

    #[inline]
    fn row(self, position: usize) -> usize {
        self[position] as usize
    }

    #[inline]
    fn guess(self, position: usize) -> usize {
        self.get(position).or(self.last()).map_or(0, |&row| row as usize)
    }

    fn end(self) -> usize {
        self.iter().max().map_or(0, |&row| row as usize + 1)
    }
}
