//! What a run depends on: the same in every part that may stand in one dataset.

use crate::constraints::Split;
use crate::index::Index;
use crate::matcher::run::Settings;
use crate::wire::Checksum;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Everything that decides what a run gives.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Terms {
    /// The program's version.
    pub mispair: String,
    /// The checksum of the index.
    pub index: String,
    /// Chunks, seed, balance, engine.
    pub settings: Settings,
    /// Is there a merged set?
    pub merged: bool,
    /// The splits, waived rules included.
    pub splits: Vec<Split>,
}

impl Terms {
    /// Of a run of this program.
    pub fn new(index: &Index, splits: &[Split], settings: Settings, merged: bool) -> Terms {
        let mispair = env!("CARGO_PKG_VERSION").to_owned();
        Terms { mispair, index: index.checksum.to_string(), settings, merged, splits: splits.to_vec() }
    }

    /// As they stand in a part.
    pub(super) fn bytes(&self) -> Vec<u8> {
        // Numbers, texts and lists only: nothing that cannot be written.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Their hash.
    pub fn hash(&self) -> Checksum {
        Checksum::of(&self.bytes())
    }

    /// The first thing in which two runs differ, for a person; `None` where they are the same.
    pub fn difference(&self, other: &Terms) -> Option<String> {
        let value = |terms: &Terms| serde_json::to_value(terms).unwrap_or_default();
        first_difference("", &value(self), &value(other))
    }
}

fn first_difference(at: &str, a: &Value, b: &Value) -> Option<String> {
    let below = |key: &str| if at.is_empty() { key.to_owned() } else { format!("{at}.{key}") };
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => {
            let mut keys: Vec<&String> = a.keys().collect();
            keys.extend(b.keys().filter(|k| !a.contains_key(*k)));
            let of = |from: &serde_json::Map<String, Value>, key: &str| from.get(key).cloned().unwrap_or_default();
            keys.into_iter().find_map(|key| first_difference(&below(key), &of(a, key), &of(b, key)))
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            let each = a.iter().zip(b).enumerate();
            each.into_iter().find_map(|(i, (a, b))| first_difference(&below(&i.to_string()), a, b))
        }
        _ if a == b => None,
        _ => {
            let short = |v: &Value| match v {
                Value::Array(list) => format!("{} of them", list.len()),
                Value::Object(_) => "something".to_owned(),
                other => other.to_string(),
            };
            Some(format!("{at} is {} in one and {} in the other", short(a), short(b)))
        }
    }
}
