//! Texts compared by their words: ROUGE-L and METEOR.

use super::{Synonyms, stem};
use std::collections::HashMap;
use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory};

/// METEOR's weights: of recall in the mean, and of fragmentation.
const ALPHA: f64 = 0.9;
const BETA: i32 = 3;
const GAMMA: f64 = 0.5;

/// Words as ROUGE counts them: in lower case, runs of a to z and 0 to 9.
pub fn rouge_tokens(text: &str) -> Vec<String> {
    let lower = text.to_lowercase();
    let words = lower.split(|c: char| !c.is_ascii_lowercase() && !c.is_ascii_digit());
    words.filter(|w| !w.is_empty()).map(str::to_owned).collect()
}

/// ROUGE-L (Lin 2004): the F1 of the longest common subsequence of words; 0 where one side has none.
pub fn rouge_l(predicted: &str, truth: &str) -> f64 {
    let (p, t) = (rouge_tokens(predicted), rouge_tokens(truth));
    if p.is_empty() || t.is_empty() {
        return 0.0;
    }
    let mut row = vec![0_u32; t.len() + 1];
    for word in &p {
        let mut corner = 0;
        for j in 0..t.len() {
            let above = row[j + 1];
            row[j + 1] = if *word == t[j] { corner + 1 } else { above.max(row[j]) };
            corner = above;
        }
    }
    let lcs = f64::from(row[t.len()]);
    let (precision, recall) = (lcs / p.len() as f64, lcs / t.len() as f64);
    if lcs == 0.0 { 0.0 } else { 2.0 * precision * recall / (precision + recall) }
}

/// Part of a word: letters, marks (vowel signs, the virama, accents), numbers, and the two joiners that stand within Indic and
/// Persian words. Neither Rust's `is_alphanumeric`, which takes some marks and not the virama, nor Python's `\w`, which takes
/// none, keeps a word of Hindi whole.
fn is_word(c: char) -> bool {
    use GeneralCategoryGroup::{Letter, Mark, Number};
    match c {
        _ if c.is_ascii() => c.is_ascii_alphanumeric(),
        '\u{200c}' | '\u{200d}' => true,
        _ => matches!(c.general_category_group(), Letter | Mark | Number),
    }
}

/// Words as METEOR is given them here: in lower case, runs of letters, marks and numbers, and every other visible character by itself.
pub fn meteor_tokens(text: &str) -> Vec<String> {
    let mut tokens: Vec<String> = Vec::new();
    let mut in_word = false;
    for c in text.to_lowercase().chars() {
        let word = is_word(c);
        match tokens.last_mut() {
            Some(last) if word && in_word => last.push(c),
            _ if c.is_whitespace() => {}
            _ => tokens.push(c.to_string()),
        }
        in_word = word;
    }
    tokens
}

/// METEOR (Lavie and Agarwal 2007) as NLTK aligns words: from the last one backwards, first equal words, then equal stems, then, with
/// a dictionary, synonyms. (Synonyms are those of what the second step leaves, and that is stems: so NLTK does it.)
pub fn meteor(predicted: &str, truth: &str, dictionary: Option<&Synonyms>) -> f64 {
    let (p, t) = (meteor_tokens(predicted), meteor_tokens(truth));
    let (mut free_p, mut free_t): (Words, Words) =
        (p.iter().cloned().enumerate().collect(), t.iter().cloned().enumerate().collect());
    let mut matches = Vec::new();
    align(&mut free_p, &mut free_t, &mut matches, None);
    for side in [&mut free_p, &mut free_t] {
        side.iter_mut().for_each(|w| w.1 = stem(&w.1));
    }
    align(&mut free_p, &mut free_t, &mut matches, None);
    if dictionary.is_some() {
        align(&mut free_p, &mut free_t, &mut matches, dictionary);
    }
    if matches.is_empty() {
        return 0.0;
    }
    matches.sort_unstable();
    let m = matches.len() as f64;
    let follows = |w: &&[(usize, usize)]| w[1].0 == w[0].0 + 1 && w[1].1 == w[0].1 + 1;
    let chunks = matches.len() - matches.windows(2).filter(follows).count();
    let (precision, recall) = (m / p.len() as f64, m / t.len() as f64);
    let mean = precision * recall / (ALPHA * precision + (1.0 - ALPHA) * recall);
    mean * (1.0 - GAMMA * (chunks as f64 / m).powi(BETA))
}

/// Words with their places in the text.
type Words = Vec<(usize, String)>;

/// Takes from either side what matches: each word of `p`, the last one first, the last word of `t` that is still there and is the
/// same, or a synonym of it.
fn align(p: &mut Words, t: &mut Words, matches: &mut Vec<(usize, usize)>, dictionary: Option<&Synonyms>) {
    let mut there: HashMap<&str, Vec<usize>> = HashMap::new();
    t.iter().enumerate().for_each(|(j, word)| there.entry(&word.1).or_default().push(j));
    let (mut taken_p, mut taken_t) = (vec![false; p.len()], vec![false; t.len()]);
    for i in (0..p.len()).rev() {
        let word = p[i].1.as_str();
        let synonyms = dictionary.map(|d| d.of(word)).into_iter().flatten();
        let places = synonyms.chain([word]).filter_map(|name| Some((*there.get(name)?.last()?, name)));
        let Some((j, name)) = places.max() else { continue };
        there.entry(name).or_default().pop();
        (taken_p[i], taken_t[j]) = (true, true);
        matches.push((p[i].0, t[j].0));
    }
    for (side, taken) in [(p, taken_p), (t, taken_t)] {
        let mut taken = taken.into_iter();
        side.retain(|_| taken.next() == Some(false));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        // LCS "the man in oslo": 4 of 5 said, 4 of 6 true.
        let r = rouge_l("The man in Oslo, today", "the old man sat in Oslo");
        assert!((r - 2.0 * 0.8 * (4.0 / 6.0) / (0.8 + 4.0 / 6.0)).abs() < 1e-12);
        assert_eq!((rouge_l("", "a"), rouge_l("a", "b"), rouge_l("A b!", "a, b")), (0.0, 0.0, 1.0));
        // Three matches of three, one chunk: 1 − 0.5 / 27.
        assert!((meteor("a red car", "a red car", None) - (1.0 - 0.5 / 27.0)).abs() < 1e-12);
        // "cars" and "car" by stem: P 2/2, R 2/4, mean 1·0.5 / (0.9 + 0.05), one chunk of two.
        let want = 0.5 / 0.95 * (1.0 - 0.5 / 8.0);
        assert!((meteor("red cars", "one red car there", None) - want).abs() < 1e-12);
        assert_eq!((meteor("", "a", None), meteor("a", "", None)), (0.0, 0.0));
        // The virama (no letter to Unicode), the nukta, vowel signs, a joiner; accents that stand by themselves.
        for whole in ["हिन्दी", "ज़मीन", "স্বাগতম", "தமிழ்", "ක්\u{200d}රම", "cafe\u{301}"]
        {
            assert_eq!(meteor_tokens(whole), [whole]);
        }
        assert_eq!(meteor_tokens("मुंबई, २०२०।"), ["मुंबई", ",", "२०२०", "।"]);
        assert_eq!(meteor_tokens("It's A-1, no?"), ["it", "'", "s", "a", "-", "1", ",", "no", "?"]);
    }
}
