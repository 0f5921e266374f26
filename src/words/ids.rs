//! Newtypes: a row of one thing cannot index another.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A row of the catalog: 0-based, in the order of the catalog file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Row(pub u32);

/// A row of one embedding matrix. A matrix holds the samples that have a vector,
/// in catalog order, so `MatrixRow` and [`Row`] sort alike but are not equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MatrixRow(pub u32);

impl Row {
    /// As an index into a slice.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl MatrixRow {
    /// As an index into a slice.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// The external id of a sample. Its JSON type is preserved: `5` and `"5"` differ.
///
/// Integers sort before texts. Readers of files whose format turns integer ids into strings
/// (JSON object keys) look an id up as given first, then [`SampleId::other_type`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum SampleId {
    /// A JSON integer.
    Int(i64),
    /// A JSON string.
    Text(String),
}

impl SampleId {
    /// The same id written in the other JSON type: `5` ↔ `"5"`; `None` for a text that is no
    /// canonical integer.
    pub fn other_type(&self) -> Option<SampleId> {
        match self {
            SampleId::Int(n) => Some(SampleId::Text(n.to_string())),
            SampleId::Text(s) => match s.parse::<i64>() {
                Ok(n) if n.to_string() == *s => Some(SampleId::Int(n)),
                _ => None,
            },
        }
    }

    /// The id as a JSON literal: `5` or `"5"`.
    pub fn to_json(&self) -> String {
        match self {
            SampleId::Int(n) => n.to_string(),
            SampleId::Text(s) => serde_json::Value::from(s.as_str()).to_string(),
        }
    }

    /// The inverse of [`SampleId::to_json`]; `None` for any other JSON.
    pub fn from_json(text: &str) -> Option<SampleId> {
        serde_json::from_str(text).ok()
    }
}

impl fmt::Display for SampleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SampleId::Int(n) => write!(f, "{n}"),
            SampleId::Text(s) => f.write_str(s),
        }
    }
}

impl From<i64> for SampleId {
    fn from(n: i64) -> Self {
        SampleId::Int(n)
    }
}

impl From<&str> for SampleId {
    fn from(s: &str) -> Self {
        SampleId::Text(s.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_type_is_preserved() {
        for json in ["5", "-7", "\"5\"", "\"a\\\"b\"", "\"é\""] {
            assert_eq!(SampleId::from_json(json).unwrap().to_json(), json);
        }
        assert_eq!(SampleId::from_json("1.5"), None);
        assert_eq!(SampleId::from_json("null"), None);
    }

    #[test]
    fn other_type_only_for_canonical_integers() {
        assert_eq!(SampleId::from("5").other_type(), Some(SampleId::Int(5)));
        assert_eq!(SampleId::from("05").other_type(), None);
        assert_eq!(SampleId::from("+5").other_type(), None);
        assert_eq!(SampleId::Int(5).other_type(), Some("5".into()));
    }
}
