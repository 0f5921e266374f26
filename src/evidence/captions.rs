//! When two captions are the same.

use crate::catalog::Catalog;
use crate::words::Row;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

/// How captions are compared, after both are lower-cased and everything but letters and digits is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Match {
    /// They are equal (COVE's paper).
    #[default]
    Equal,
    /// The asked caption stands in the evidence (COVE's code).
    Within,
}

/// Letters and digits, in lower case.
pub fn same_words(caption: &str) -> String {
    caption.chars().flat_map(char::to_lowercase).filter(|c| c.is_alphanumeric()).collect()
}

impl Match {
    /// Does the evidence say what the caption says? Both as [`same_words`] gives them. An empty text matches nothing.
    pub fn holds(self, caption: &str, evidence: &str) -> bool {
        match self {
            _ if caption.is_empty() || evidence.is_empty() => false,
            Match::Equal => caption == evidence,
            Match::Within => evidence.contains(caption),
        }
    }
}

/// The captions of an archive, by what they say: made once, asked by every question. 16 bytes a caption.
#[derive(Debug, Clone)]
pub struct Captions {
    /// Hash of [`same_words`] and row, ascending; empty captions are left out.
    by_words: Vec<(u64, Row)>,
}

impl Captions {
    /// Reads every caption once.
    pub fn of(catalog: &Catalog) -> Captions {
        let keyed = |row: Row| {
            Some(same_words(catalog.caption(row))).filter(|words| !words.is_empty()).map(|words| key(&words))
        };
        let mut by_words: Vec<(u64, Row)> = catalog.rows().filter_map(|row| Some((keyed(row)?, row))).collect();
        by_words.sort_unstable();
        Captions { by_words }
    }

    /// Rows whose captions match `words` (as [`same_words`] gives them), ascending. [`Match::Within`] reads every caption again.
    pub fn matching(&self, catalog: &Catalog, words: &str, how: Match) -> Vec<Row> {
        let says = |row: &Row| how.holds(words, &same_words(catalog.caption(*row)));
        match how {
            Match::Equal => {
                let key = key(words);
                let from = self.by_words.partition_point(|known| known.0 < key);
                // Two texts may share a hash: the captions themselves decide.
                let like = self.by_words[from..].iter().take_while(|known| known.0 == key);
                like.map(|known| known.1).filter(says).collect()
            }
            Match::Within => catalog.rows().filter(says).collect(),
        }
    }
}

fn key(words: &str) -> u64 {
    xxh3_64(words.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_matches() {
        let holds = |m: Match, a: &str, b: &str| m.holds(&same_words(a), &same_words(b));
        assert!(holds(Match::Equal, "A man, in Oslo.", "a MAN in_Oslo"));
        assert!(holds(Match::Equal, "Ärzte in Köln", "ärzte in köln!"));
        assert!(!holds(Match::Equal, "A man in Oslo", "A man in Oslo, 2016"));
        assert!(holds(Match::Within, "A man in Oslo", "A man in Oslo, 2016"));
        assert!(!holds(Match::Within, "A man in Oslo, 2016", "A man in Oslo"));
        for m in [Match::Equal, Match::Within] {
            assert!(!holds(m, "", "anything") && !holds(m, "…", "!?") && !holds(m, "a", ""));
        }
    }
}
