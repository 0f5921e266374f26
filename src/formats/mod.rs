//! Layer 5, other people's files: read and written. The head of each file states its format.

mod floats;
pub mod npy;
pub mod pickle;

pub use floats::{ByteOrder, FloatType};
