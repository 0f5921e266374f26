//! Porter's stemmer (Porter 1980) with the extensions that NLTK makes by default, so that METEOR's numbers are its.
//!
//! Words are lower-cased; letters beside a to z count as consonants.

/// Words whose stems are listed.
const LISTED: [(&str, &str); 15] = [
    ("sky", "sky"),
    ("skies", "sky"),
    ("dying", "die"),
    ("lying", "lie"),
    ("tying", "tie"),
    ("news", "news"),
    ("innings", "inning"),
    ("inning", "inning"),
    ("outings", "outing"),
    ("outing", "outing"),
    ("cannings", "canning"),
    ("canning", "canning"),
    ("howe", "howe"),
    ("proceed", "proceed"),
    ("exceed", "exceed"),
];

type Word = Vec<char>;

fn consonant(word: &[char], at: usize) -> bool {
    match word[at] {
        'a' | 'e' | 'i' | 'o' | 'u' => false,
        'y' => at == 0 || !consonant(word, at - 1),
        _ => true,
    }
}

/// Porter's m: how often a vowel is followed by a consonant.
fn measure(stem: &[char]) -> usize {
    (1..stem.len()).filter(|&i| consonant(stem, i) && !consonant(stem, i - 1)).count()
}

fn has_vowel(stem: &[char]) -> bool {
    (0..stem.len()).any(|i| !consonant(stem, i))
}

fn ends_double(word: &[char]) -> bool {
    let n = word.len();
    n >= 2 && word[n - 1] == word[n - 2] && consonant(word, n - 1)
}

/// Consonant, vowel, consonant other than w, x and y; or, of two letters, vowel and consonant.
fn ends_cvc(word: &[char]) -> bool {
    let n = word.len();
    match n {
        0 | 1 => false,
        2 => !consonant(word, 0) && consonant(word, 1),
        _ => {
            let cvc = consonant(word, n - 3) && !consonant(word, n - 2) && consonant(word, n - 1);
            cvc && !['w', 'x', 'y'].contains(&word[n - 1])
        }
    }
}

fn ends<'w>(word: &'w [char], suffix: &str) -> Option<&'w [char]> {
    let n = suffix.chars().count();
    let cut = word.len().checked_sub(n)?;
    word[cut..].iter().copied().eq(suffix.chars()).then(|| &word[..cut])
}

fn with(stem: &[char], ending: &str) -> Word {
    stem.iter().copied().chain(ending.chars()).collect()
}

/// The first rule whose suffix fits is the only one tried.
fn first(word: Word, rules: &[(&str, &str)], holds: impl Fn(&[char], &str) -> bool) -> Word {
    for (suffix, ending) in rules {
        if let Some(stem) = ends(&word, suffix) {
            return if holds(stem, suffix) { with(stem, ending) } else { word };
        }
    }
    word
}

fn plurals(word: Word) -> Word {
    if word.len() == 4
        && let Some(stem) = ends(&word, "ies")
    {
        return with(stem, "ie");
    }
    first(word, &[("sses", "ss"), ("ies", "i"), ("ss", "ss"), ("s", "")], |_, _| true)
}

fn past(word: Word) -> Word {
    if let Some(stem) = ends(&word, "ied") {
        return with(stem, if word.len() == 4 { "ie" } else { "i" });
    }
    if let Some(stem) = ends(&word, "eed") {
        return if measure(stem) > 0 { with(stem, "ee") } else { word };
    }
    let cut = ["ed", "ing"].iter().find_map(|s| ends(&word, s).filter(|stem| has_vowel(stem)));
    let Some(stem) = cut else { return word };
    let stem = stem.to_vec();
    for (suffix, ending) in [("at", "ate"), ("bl", "ble"), ("iz", "ize")] {
        if let Some(short) = ends(&stem, suffix) {
            return with(short, ending);
        }
    }
    if ends_double(&stem) {
        let last = stem[stem.len() - 1];
        return if ['l', 's', 'z'].contains(&last) { stem } else { stem[..stem.len() - 1].to_vec() };
    }
    if measure(&stem) == 1 && ends_cvc(&stem) { with(&stem, "e") } else { stem }
}

fn final_y(word: Word) -> Word {
    first(word, &[("y", "i")], |stem, _| stem.len() > 1 && consonant(stem, stem.len() - 1))
}

fn double_suffixes(word: Word) -> Word {
    if let Some(stem) = ends(&word, "alli").filter(|s| measure(s) > 0) {
        return double_suffixes(with(stem, "al"));
    }
    const RULES: [(&str, &str); 22] = [
        ("ational", "ate"),
        ("tional", "tion"),
        ("enci", "ence"),
        ("anci", "ance"),
        ("izer", "ize"),
        ("bli", "ble"),
        ("alli", "al"),
        ("entli", "ent"),
        ("eli", "e"),
        ("ousli", "ous"),
        ("ization", "ize"),
        ("ation", "ate"),
        ("ator", "ate"),
        ("alism", "al"),
        ("iveness", "ive"),
        ("fulness", "ful"),
        ("ousness", "ous"),
        ("aliti", "al"),
        ("iviti", "ive"),
        ("biliti", "ble"),
        ("fulli", "ful"),
        ("logi", "log"),
    ];
    let whole = word.clone();
    // Of "logi" the l belongs to what is measured.
    let measured = |stem: &[char], suffix: &str| match suffix {
        "logi" => measure(&whole[..whole.len() - 3]) > 0,
        _ => measure(stem) > 0,
    };
    first(word, &RULES, measured)
}

fn more_suffixes(word: Word) -> Word {
    const RULES: [(&str, &str); 7] =
        [("icate", "ic"), ("ative", ""), ("alize", "al"), ("iciti", "ic"), ("ical", "ic"), ("ful", ""), ("ness", "")];
    first(word, &RULES, |stem, _| measure(stem) > 0)
}

fn last_suffixes(word: Word) -> Word {
    const SUFFIXES: [&str; 19] = [
        "al", "ance", "ence", "er", "ic", "able", "ible", "ant", "ement", "ment", "ent", "ion", "ou", "ism", "ate",
        "iti", "ous", "ive", "ize",
    ];
    let rules = SUFFIXES.map(|s| (s, ""));
    first(word, &rules, |stem, suffix| {
        measure(stem) > 1 && (suffix != "ion" || stem.last().is_some_and(|c| ['s', 't'].contains(c)))
    })
}

fn final_e(word: Word) -> Word {
    let Some(stem) = ends(&word, "e") else { return word };
    let m = measure(stem);
    if m > 1 || (m == 1 && !ends_cvc(stem)) { stem.to_vec() } else { word }
}

fn final_ll(word: Word) -> Word {
    let long = !word.is_empty() && measure(&word[..word.len() - 1]) > 1;
    first(word, &[("ll", "l")], |_, _| long)
}

/// The stem of a word.
pub fn stem(word: &str) -> String {
    let lower = word.to_lowercase();
    let listed = LISTED.iter().chain(&[("succeed", "succeed")]).find(|l| l.0 == lower);
    if let Some((_, stem)) = listed {
        return (*stem).to_owned();
    }
    let letters: Word = lower.chars().collect();
    if letters.len() <= 2 {
        return lower;
    }
    let steps = [plurals, past, final_y, double_suffixes, more_suffixes, last_suffixes, final_e, final_ll];
    steps.into_iter().fold(letters, |word, step| step(word)).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::stem;

    #[test]
    fn porters_own_examples() {
        for (word, want) in [
            ("caresses", "caress"),
            ("ponies", "poni"),
            ("cats", "cat"),
            ("feed", "feed"),
            ("agreed", "agre"),
            ("plastered", "plaster"),
            ("motoring", "motor"),
            ("sing", "sing"),
            ("conflated", "conflat"),
            ("hopping", "hop"),
            ("falling", "fall"),
            ("filing", "file"),
            ("happy", "happi"),
            ("relational", "relat"),
            ("conditional", "condit"),
            ("hopefulness", "hope"),
            ("triplicate", "triplic"),
            ("adjustment", "adjust"),
            ("adoption", "adopt"),
            ("controlling", "control"),
            ("rate", "rate"),
            ("Dying", "die"),
            ("ties", "tie"),
            ("by", "by"),
            ("", ""),
        ] {
            assert_eq!(stem(word), want, "{word}");
        }
    }
}
