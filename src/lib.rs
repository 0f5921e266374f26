//! `mispair` finds, for a news caption, the most convincing *wrong* image.

// kernels
pub mod words;
