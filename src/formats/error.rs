//! What the readers of records (JSON, JSONL, CSV) say when a file is wrong.

use crate::words::SampleId;
use serde_json::Value;
use std::fmt;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Why a file of records is refused.
#[derive(Debug, Error)]
pub enum RecordError {
    /// The text is not of the format.
    #[error("{at}: {reason}")]
    Syntax {
        /// Where.
        at: Where,
        /// Why, with line and column where known.
        reason: String,
    },
    /// One field of one record is wrong.
    #[error("{at}: {field}")]
    Field {
        /// Where.
        at: Where,
        /// Which field, and why.
        field: Box<FieldError>,
    },
    /// Two settings name one column: which of them is meant cannot be told.
    #[error("{path}: two settings of `columns` name \"{column}\"; leave one out, or write the column twice")]
    SameColumn {
        /// The file.
        path: PathBuf,
        /// The column.
        column: String,
    },
    /// A column that must be there is not.
    #[error("{path}: no column \"{column}\", there are {there}; name the right one in `columns`")]
    NoColumn {
        /// The file.
        path: PathBuf,
        /// The column asked for.
        column: String,
        /// The columns there are.
        there: String,
    },
}

/// One field of one record is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FieldError {
    /// It must be there and is not (or is `null`).
    #[error("field \"{field}\" is missing; if it has another name here, say so in `columns`")]
    Missing {
        /// The field.
        field: String,
    },
    /// It is something else than it should be.
    #[error("field \"{field}\": expected {expected}, got {got}")]
    Wrong {
        /// The field.
        field: String,
        /// What is read here.
        expected: &'static str,
        /// What stands there, shortened.
        got: String,
    },
}

impl FieldError {
    pub(super) fn wrong(field: &str, expected: &'static str, got: &Value) -> FieldError {
        let mut text = got.to_string();
        if text.len() > 80 {
            let cut = (0..=77).rev().find(|&i| text.is_char_boundary(i)).unwrap_or(0);
            text.truncate(cut);
            text.push('…');
        }
        FieldError::Wrong { field: field.to_owned(), expected, got: text }
    }
}

/// A record of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Where {
    /// The file.
    pub path: PathBuf,
    /// The record.
    pub place: Place,
    /// Its id, where that was read before the error.
    pub id: Option<SampleId>,
}

/// How a record is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// An element of an array or an entry of an object, from 0.
    Record(u64),
    /// The line it begins on, from 1.
    Line(u64),
    /// The file as a whole.
    File,
}

impl fmt::Display for Where {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())?;
        match self.place {
            Place::Record(n) => write!(f, ": record {n} (counting from 0)")?,
            Place::Line(n) => write!(f, ": line {n}")?,
            Place::File => {}
        }
        match &self.id {
            Some(id) => write!(f, ", id {}", id.to_json()),
            None => Ok(()),
        }
    }
}

impl Where {
    pub(super) fn new(path: &Path, place: Place) -> Where {
        Where { path: path.to_owned(), place, id: None }
    }

    pub(super) fn with_id(mut self, id: Option<SampleId>) -> Where {
        self.id = id;
        self
    }

    pub(super) fn syntax(self, reason: impl ToString) -> RecordError {
        RecordError::Syntax { at: self, reason: reason.to_string() }
    }

    pub(super) fn field(self, field: FieldError) -> RecordError {
        RecordError::Field { at: self, field: Box::new(field) }
    }
}
