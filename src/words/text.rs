//! Normalisation of names, counting of words.

use unicase::UniCase;

/// A name in the form in which two captions share it: Unicode case-folded, white space collapsed,
/// one trailing `'s` or `’s` dropped. May be empty; an empty name is shared with nothing.
pub fn normalise_name(name: &str) -> String {
    let collapsed = name.split_whitespace().collect::<Vec<_>>().join(" ");
    // Folding first would be wrong for nothing here, but the suffix test then needs one case only.
    let mut folded = UniCase::unicode(collapsed).to_folded_case();
    for suffix in ["'s", "\u{2019}s"] {
        if let Some(rest) = folded.strip_suffix(suffix) {
            folded.truncate(rest.trim_end().len());
            break;
        }
    }
    folded
}

/// Whitespace-separated words.
pub fn count_words(caption: &str) -> usize {
    caption.split_whitespace().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        assert_eq!(normalise_name("  Barack \t Obama's "), "barack obama");
        assert_eq!(normalise_name("Barack Obama’s"), "barack obama");
        assert_eq!(normalise_name("BARACK OBAMA'S"), "barack obama");
        assert_eq!(normalise_name("STRASSE"), normalise_name("Straße"));
        assert_eq!(normalise_name("ΣΊΣΥΦΟΣ"), normalise_name("Σίσυφος"));
        assert_eq!(normalise_name("James"), "james");
        assert_eq!(normalise_name("'s"), "");
        assert_eq!(normalise_name(""), "");
    }

    #[test]
    fn words() {
        assert_eq!(count_words("  one two\u{a0}three\nfour "), 4);
        assert_eq!(count_words(""), 0);
    }
}
