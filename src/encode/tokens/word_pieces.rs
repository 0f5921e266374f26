//! BERT's tokenizer: words, then the longest pieces that are known.

use super::files::Normal;
use std::collections::HashMap;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::decompose_canonical;
use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeGeneralCategory};

/// The vocabulary; pieces inside a word stand under `##…`.
pub(super) struct WordPieces {
    vocabulary: HashMap<String, u32>,
    normal: Normal,
    unknown: u32,
    /// Bytes of the longest piece: no longer one need be looked up.
    longest: usize,
}

/// A word of more characters is unknown as a whole.
const LONGEST_WORD: usize = 100;

impl WordPieces {
    pub fn new(vocabulary: HashMap<String, u32>, normal: Normal, unknown: u32) -> WordPieces {
        let longest = vocabulary.keys().map(String::len).max().unwrap_or(0);
        WordPieces { vocabulary, normal, unknown, longest }
    }

    /// Appends the tokens of a text.
    pub fn tokens(&self, text: &str, out: &mut Vec<u32>) {
        let text = self.normalise(text);
        let mut rest = text.as_str();
        loop {
            rest = rest.trim_start_matches(char::is_whitespace);
            let Some(first) = rest.chars().next() else { return };
            let end = match is_punctuation(first) {
                true => first.len_utf8(),
                false => rest.find(|c: char| c.is_whitespace() || is_punctuation(c)).unwrap_or(rest.len()),
            };
            let (word, tail) = rest.split_at(end);
            self.word(word, out);
            rest = tail;
        }
    }

    fn word(&self, word: &str, out: &mut Vec<u32>) {
        let (mut at, start) = (0, out.len());
        let mut name = String::new();
        if word.chars().count() > LONGEST_WORD {
            out.push(self.unknown);
            return;
        }
        while at < word.len() {
            let mut end = word.len().min(at + self.longest);
            let found = loop {
                while !word.is_char_boundary(end) {
                    end -= 1;
                }
                if end <= at {
                    break None;
                }
                name.clear();
                name.push_str(if at > 0 { "##" } else { "" });
                name.push_str(&word[at..end]);
                match self.vocabulary.get(&name) {
                    Some(&token) => break Some(token),
                    None => end -= 1,
                }
            };
            match found {
                Some(token) => out.push(token),
                None => {
                    out.truncate(start);
                    out.push(self.unknown);
                    return;
                }
            }
            at = end;
        }
    }

    fn normalise(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len() + 8);
        for c in text.chars() {
            let c = match c {
                _ if !self.normal.clean => c,
                '\0' | '\u{fffd}' => continue,
                '\t' | '\n' | '\r' => ' ',
                c if is_control(c) => continue,
                c if c.is_whitespace() => ' ',
                c => c,
            };
            if self.normal.chinese && is_chinese(c) {
                out.extend([' ', c, ' ']);
            } else {
                out.push(c);
            }
        }
        if !self.normal.accents {
            // Composed signs fall apart, then their marks are dropped; most captions are plain and need none of it.
            let changes = |c: char| !c.is_ascii() && (is_mark(c) || falls_apart(c));
            if out.contains(changes) {
                out = out.nfd().filter(|c| !is_mark(*c)).collect();
            }
        }
        if self.normal.lowercase {
            out = out.chars().flat_map(char::to_lowercase).collect();
        }
        out
    }
}

fn falls_apart(c: char) -> bool {
    let mut parts = 0;
    decompose_canonical(c, |part| parts += if part == c { 1 } else { 2 });
    parts > 1
}

fn is_mark(c: char) -> bool {
    c.general_category() == GeneralCategory::NonspacingMark
}

fn is_control(c: char) -> bool {
    c.general_category_group() == GeneralCategoryGroup::Other
}

fn is_punctuation(c: char) -> bool {
    c.is_ascii_punctuation() || c.general_category_group() == GeneralCategoryGroup::Punctuation
}

fn is_chinese(c: char) -> bool {
    matches!(
        u32::from(c),
        0x4E00..=0x9FFF
            | 0x3400..=0x4DBF
            | 0x20000..=0x2A6DF
            | 0x2A700..=0x2B73F
            | 0x2B740..=0x2B81F
            | 0x2B920..=0x2CEAF
            | 0xF900..=0xFAFF
            | 0x2F800..=0x2FA1F
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces() {
        let names = ["[UNK]", "un", "##aff", "##able", "a", "##b", "的", ",", "e"];
        let vocabulary = names.iter().zip(0..).map(|(n, i)| ((*n).to_owned(), i)).collect();
        let normal = Normal { clean: true, chinese: true, accents: false, lowercase: true };
        let pieces = WordPieces::new(vocabulary, normal, 0);
        let tokens = |text: &str| {
            let mut out = Vec::new();
            pieces.tokens(text, &mut out);
            out
        };
        assert_eq!(tokens("Unaffable,  A\tÁ É"), [1, 2, 3, 7, 4, 4, 8]);
        assert_eq!(tokens("abb的a的x un\u{0}a\u{200b}ff"), [4, 5, 5, 6, 4, 6, 0, 1, 2]);
        assert_eq!(tokens("unafé"), [0], "one unknown piece makes the word unknown");
        assert_eq!(tokens(&"a".repeat(101)), [0]);
        assert_eq!(tokens(&format!("a{}", "b".repeat(99))).len(), 100);
        assert_eq!(tokens(""), [0; 0]);
    }
}
