//! `mispair` finds, for a news caption, the most convincing *wrong* image.

pub mod catalog;
pub mod cli;
pub mod constraints;
pub mod dataset;
pub mod exact;
pub mod formats;
pub mod import;
pub mod index;
pub mod kernels;
pub mod mapped;
pub mod matcher;
pub mod matrix;
pub mod newsroom;
pub mod publish;
pub mod query;
pub mod rows;
pub mod wire;
pub mod words;
