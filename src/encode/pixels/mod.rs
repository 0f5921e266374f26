//! Files of images → pixels → what a tower sees.
//!
//! ```text
//! bytes ─ decode ─► RGB, 8 bits ─ shortest side to 224, bicubic as Pillow does it ─ centre 224 × 224 ─ (x / 255 − mean) / std ─► planes
//! ```
//!
//! | file | responsibility |
//! |---|---|
//! | `decode.rs` | JPEG, PNG, WebP → RGB |
//! | `resize.rs` | Pillow's resampling, bit for bit |
//! | `preprocess.rs` | cut, scaled, as planes of `f32` |

mod decode;
mod preprocess;
mod resize;

pub use decode::{DecodeError, decode, decode_within, is_image, is_image_name};
pub use preprocess::Preprocess;
pub use resize::resize;

/// An image: RGB, 8 bits each, row after row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pixels {
    /// Pixels in a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// 3 × width × height.
    pub rgb: Vec<u8>,
}
