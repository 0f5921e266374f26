//! Samples by the words of their captions: a plain look at every caption.
//!
//! Each word must be the beginning of a word of the caption, whatever its case. It finds somewhere to begin; it does not rank.

use crate::catalog::Catalog;
use crate::words::Row;
use std::time::{Duration, Instant};

/// Samples that are shown.
const MOST: usize = 48;
/// Captions between two looks at the clock.
const STRIDE: u32 = 4096;

/// What was found.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// In the order of the catalog.
    pub rows: Vec<Row>,
    /// Captions that were looked at.
    pub looked: u64,
    /// There may be more.
    pub more: bool,
    /// The time was over before the captions were.
    pub late: bool,
}

/// Looks at the captions of a partition, or at all, until enough is found or `limit` is over.
pub(super) fn find(catalog: &Catalog, words: &str, partition: Option<u16>, limit: Duration) -> Found {
    let start = Instant::now();
    let folded = fold(words, String::new());
    let wanted: Vec<&str> = folded.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).collect();
    let mut found = Found { rows: Vec::new(), looked: 0, more: false, late: false };
    if wanted.is_empty() {
        return found;
    }
    let mut caption = String::new();
    for row in catalog.rows() {
        if row.0.is_multiple_of(STRIDE) && start.elapsed() > limit {
            (found.late, found.more) = (true, true);
            break;
        }
        if partition.is_some() && catalog.partition(row) != partition {
            continue;
        }
        found.looked += 1;
        caption = fold(catalog.caption(row), caption);
        if wanted.iter().all(|word| begins(&caption, word)) {
            if found.rows.len() == MOST {
                found.more = true;
                break;
            }
            found.rows.push(row);
        }
    }
    found
}

/// Lower case, into memory that is used again.
fn fold(text: &str, mut into: String) -> String {
    into.clear();
    if text.is_ascii() {
        into.push_str(text);
        into.make_ascii_lowercase();
    } else {
        into.extend(text.chars().flat_map(char::to_lowercase));
    }
    into
}

/// Does a word of the text begin so?
fn begins(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| !text[..at].ends_with(char::is_alphanumeric))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_by_their_beginnings() {
        let caption = fold("Protesters in Köln’s old town, (Thursday)", String::new());
        for word in ["protest", "köln", "thurs", "in", "old"] {
            assert!(begins(&caption, word), "{word}");
        }
        for word in ["test", "öln", "hursday", "x"] {
            assert!(!begins(&caption, word), "{word}");
        }
        assert!(begins("a pirate in iran", "ira"), "the second of two places");
    }
}
