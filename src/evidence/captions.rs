//! When two captions are the same.

use serde::{Deserialize, Serialize};

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
