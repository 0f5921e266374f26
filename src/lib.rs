//! `mispair` finds, for a news caption, the most convincing *wrong* image.

pub mod matcher;
pub mod words;
