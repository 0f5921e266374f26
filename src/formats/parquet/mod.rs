//! Parquet: the column files that pandas, polars, pyarrow and DuckDB write. The only place that names the crate.
//!
//! ```text
//!   one row a sample ──► columns by name ──► the JSON of a record ──► Sample           catalogs, metadata
//!   list<float> ──► numbers and levels ──► rows of f32, one call each                  matrices
//!   columns of texts, numbers, lists ──► a file                                        what is exported
//! ```
//!
//! Read: plain, Snappy, gzip and LZ4 pages; nested lists and structs; timestamps of any unit. Numbers of a list may be f16, f32
//! or f64. Written: plain pages, a row group for every 65,536 rows, bytes that depend on the rows alone.
//!
//! | file | responsibility |
//! |---|---|
//! | `open.rs` | a file and its schema; which columns are there |
//! | `cells.rs` | a cell as JSON |
//! | `catalog.rs` | samples, facts by id, columns of ids |
//! | `lists.rs` | columns of lists of floats: rows of `f32` |
//! | `write.rs` | tables out |

mod catalog;
mod cells;
mod lists;
mod open;
mod write;

pub use catalog::read_parquet;
pub use lists::{ListColumn, ListRows};
pub use write::{Column, GROUP_ROWS, Table, TableError};

use std::path::PathBuf;
use thiserror::Error;

/// Why a Parquet file is refused.
#[derive(Debug, Error)]
#[error("{}: {problem}", path.display())]
pub struct ParquetError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub problem: ParquetProblem,
}

/// What is wrong with a Parquet file. Rows are counted from 0.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum ParquetProblem {
    /// The file cannot be opened, or its bytes are not what the format says.
    #[error("not a whole Parquet file: {0}; write or copy it again")]
    Broken(String),
    /// A compression that is not built in.
    #[error(
        "column \"{column}\" is compressed with {codec}; plain, Snappy, gzip and LZ4 are read: write it again, for example with compression=\"snappy\""
    )]
    Codec {
        /// The column.
        column: String,
        /// Its compression.
        codec: String,
    },
    /// A column that must be there is not.
    #[error("no column \"{column}\", there are {there}")]
    NoColumn {
        /// The column asked for.
        column: String,
        /// The columns there are.
        there: String,
    },
    /// No column, or more than one, could be meant.
    #[error("{lists} columns hold lists of floats ({names}), so name one: column = \"…\"")]
    WhichList {
        /// How many.
        lists: usize,
        /// Their names; `none` where there is none.
        names: String,
    },
    /// A column of another type.
    #[error("column \"{column}\" holds {got}, expected {expected}")]
    Type {
        /// The column.
        column: String,
        /// What is read here.
        expected: &'static str,
        /// What it holds.
        got: String,
    },
    /// A row of another width than the first.
    #[error(
        "column \"{column}\", row {row}: {got} numbers, the first row has {expected}; all rows must have one width"
    )]
    Width {
        /// The column.
        column: String,
        /// The row.
        row: u64,
        /// Its width.
        got: usize,
        /// The first row's.
        expected: usize,
    },
    /// A row with a hole in it.
    #[error("column \"{column}\", row {row}: {what}")]
    Hole {
        /// The column.
        column: String,
        /// The row.
        row: u64,
        /// What is missing.
        what: &'static str,
    },
}
