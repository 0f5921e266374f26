//! CLIP's tokenizer (after Sennrich, Haddow and Birch 2016): words as bytes, merged by rank.

use std::collections::HashMap;
use unicode_normalization::UnicodeNormalization;
use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory};

/// The merges as numbers.
pub(super) struct BytePairs {
    /// The token of each byte: inside a word, and at its end.
    bytes: [[u32; 2]; 256],
    /// Two tokens → rank and what they become.
    merges: HashMap<(u32, u32), (u32, u32)>,
}

/// What ends every word.
const END: &str = "</w>";

impl BytePairs {
    /// Merges of tokens that the vocabulary lacks are left out; a byte that it lacks becomes `unknown`.
    pub fn new(vocabulary: HashMap<String, u32>, merges: &[(String, String)], unknown: u32) -> BytePairs {
        let find = |token: &str| vocabulary.get(token).copied();
        let bytes = std::array::from_fn(|byte| {
            let inside = character(byte as u8).to_string();
            [find(&inside), find(&format!("{inside}{END}"))].map(|token| token.unwrap_or(unknown))
        });
        let merged = merges.iter().zip(0..).filter_map(|((a, b), rank)| {
            let pair = (find(a)?, find(b)?);
            Some((pair, (rank, find(&format!("{a}{b}"))?)))
        });
        // Of a pair that stands twice, the first rank counts.
        let mut table = HashMap::with_capacity(merges.len());
        merged.for_each(|(pair, to)| {
            table.entry(pair).or_insert(to);
        });
        BytePairs { bytes, merges: table }
    }

    /// Appends the tokens of a text.
    pub fn tokens(&self, text: &str, out: &mut Vec<u32>) {
        let text: String = text.nfc().flat_map(char::to_lowercase).collect();
        let mut word = Vec::new();
        for piece in pieces(&text) {
            word.clear();
            let (last, before) = match piece.as_bytes().split_last() {
                Some(split) => split,
                None => continue,
            };
            word.extend(before.iter().map(|&b| self.bytes[usize::from(b)][0]));
            word.push(self.bytes[usize::from(*last)][1]);
            self.merge(&mut word);
            out.extend_from_slice(&word);
        }
    }

    /// Merges the pair of the lowest rank, wherever it stands, until none is left.
    fn merge(&self, word: &mut Vec<u32>) {
        // A word of thousands of letters is no word; each round takes as long as it is.
        while word.len() > 1 {
            let ranks = word.windows(2).filter_map(|w| self.merges.get(&(w[0], w[1])));
            let Some(&(rank, to)) = ranks.min() else { return };
            let mut kept = 0;
            let mut at = 0;
            while at < word.len() {
                let here = (at + 1 < word.len()).then(|| self.merges.get(&(word[at], word[at + 1]))).flatten();
                let merged = here.is_some_and(|m| m.0 == rank);
                word[kept] = if merged { to } else { word[at] };
                at += if merged { 2 } else { 1 };
                kept += 1;
            }
            word.truncate(kept);
        }
    }
}

/// The sign that stands for a byte in vocabularies: itself where it can be seen, else one from behind Latin-1.
fn character(byte: u8) -> char {
    let seen = |b: u8| matches!(b, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF);
    if seen(byte) {
        return char::from(byte);
    }
    let hidden = (0..byte).filter(|b| !seen(*b)).count() as u32;
    char::from_u32(256 + hidden).unwrap_or('\u{fffd}')
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Letter,
    Number,
    Space,
    Other,
}

fn class(c: char) -> Class {
    if c.is_whitespace() {
        return Class::Space;
    }
    match c.general_category_group() {
        GeneralCategoryGroup::Letter => Class::Letter,
        GeneralCategoryGroup::Number => Class::Number,
        _ => Class::Other,
    }
}

/// `'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+`, from left to right.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches(|c| class(c) == Class::Space);
        let first = class(rest.chars().next()?);
        let suffix = ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d"].into_iter().find(|s| rest.starts_with(s));
        let end = match (suffix, first) {
            (Some(suffix), _) => suffix.len(),
            (None, Class::Number) => rest.chars().next().map_or(0, char::len_utf8),
            (None, first) => rest.find(|c| class(c) != first).unwrap_or(rest.len()),
        };
        let (piece, tail) = rest.split_at(end);
        rest = tail;
        Some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_cut_as_the_pattern_says() {
        let cut = |text| pieces(text).collect::<Vec<_>>();
        assert_eq!(cut("it's 2016, né?!"), ["it", "'s", "2", "0", "1", "6", ",", "né", "?!"]);
        // An apostrophe after another sign belongs to that run of signs.
        assert_eq!(cut("\"'s 'super we'll"), ["\"'", "s", "'s", "uper", "we", "'ll"]);
        assert_eq!(cut(" \u{a0}½Ⅷ ১\t"), ["½", "Ⅷ", "১"]);
        assert_eq!(cut("  "), [""; 0]);
    }

    #[test]
    fn every_byte_has_a_sign() {
        let signs: std::collections::HashSet<char> = (0..=255).map(character).collect();
        assert_eq!(signs.len(), 256);
        assert_eq!((character(b' '), character(0), character(b'a')), ('Ġ', 'Ā', 'a'));
    }

    #[test]
    fn the_lowest_rank_first() {
        let names = ["a", "b", "c", "a</w>", "b</w>", "c</w>", "ab", "bc</w>", "abc</w>", "aa"];
        let vocabulary: HashMap<String, u32> = names.iter().zip(0..).map(|(n, i)| ((*n).to_owned(), i)).collect();
        let merges = [("b", "c</w>"), ("a", "a"), ("a", "bc</w>"), ("a", "b"), ("x", "y")];
        let merges: Vec<_> = merges.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        let pairs = BytePairs::new(vocabulary, &merges, 99);
        let tokens = |text| {
            let mut out = Vec::new();
            pairs.tokens(text, &mut out);
            out
        };
        assert_eq!(tokens("ABC"), [8]);
        assert_eq!(tokens("aaaa"), [9, 0, 3]);
        assert_eq!(tokens("aba d"), [6, 3, 99]);
    }
}
