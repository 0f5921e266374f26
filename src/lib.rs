//! `mispair` finds, for a news caption, the most convincing *wrong* image.

pub mod formats;
pub mod words;
