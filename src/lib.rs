//! `mispair` finds, for a news caption, the most convincing *wrong* image.

pub mod exact;
pub mod kernels;
pub mod rows;
pub mod words;
