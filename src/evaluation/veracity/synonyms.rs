//! A dictionary's synonyms, as METEOR matches them: words that share a sense with a word or with one of its base forms.

use std::collections::{HashMap, HashSet};

/// One part of speech.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Lexicon {
    /// By lemma its senses: places in `words`. A place that is not there has no words.
    pub senses: HashMap<String, Vec<u32>>,
    /// By sense its words, as they are written; `_` joins the parts of a phrase.
    pub words: Vec<Vec<String>>,
    /// By irregular form its base forms.
    pub irregular: HashMap<String, Vec<String>>,
}

/// A dictionary in WordNet's four parts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Synonyms {
    /// Nouns.
    pub nouns: Lexicon,
    /// Verbs.
    pub verbs: Lexicon,
    /// Adjectives.
    pub adjectives: Lexicon,
    /// Adverbs.
    pub adverbs: Lexicon,
}

/// Endings of inflected forms, and of their base forms (MORPHY(7WN), and `men`).
const NOUN: [(&str, &str); 9] = [
    ("s", ""),
    ("ses", "s"),
    ("ves", "f"),
    ("xes", "x"),
    ("zes", "z"),
    ("ches", "ch"),
    ("shes", "sh"),
    ("men", "man"),
    ("ies", "y"),
];
const VERB: [(&str, &str); 8] =
    [("s", ""), ("ies", "y"), ("es", "e"), ("es", ""), ("ed", "e"), ("ed", ""), ("ing", "e"), ("ing", "")];
const ADJECTIVE: [(&str, &str); 4] = [("er", ""), ("est", ""), ("er", "e"), ("est", "e")];

impl Lexicon {
    /// The senses of a word and of its base forms. Irregular forms have the base forms that are listed, and no others.
    fn senses<'a>(&'a self, word: &str, endings: &[(&str, &str)]) -> impl Iterator<Item = u32> + 'a {
        let mut forms = vec![word.to_owned()];
        match self.irregular.get(word) {
            Some(bases) => forms.extend_from_slice(bases),
            None => {
                let base = |(old, new): &(&str, &str)| Some(format!("{}{new}", word.strip_suffix(old)?));
                forms.extend(endings.iter().filter_map(base));
            }
        }
        forms.into_iter().filter_map(|form| self.senses.get(&form)).flatten().copied()
    }
}

impl Synonyms {
    /// Single words that share a sense with `word` (in lower case), itself among them where it has a sense; as they are written.
    pub fn of(&self, word: &str) -> HashSet<&str> {
        let mut all = HashSet::new();
        let parts: [(&Lexicon, &[(&str, &str)]); 4] =
            [(&self.nouns, &NOUN), (&self.verbs, &VERB), (&self.adjectives, &ADJECTIVE), (&self.adverbs, &[])];
        for (lexicon, endings) in parts {
            for sense in lexicon.senses(word, endings) {
                let words = lexicon.words.get(sense as usize).into_iter().flatten();
                all.extend(words.map(String::as_str).filter(|w| !w.contains('_')));
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lexicon(senses: &[(&[&str], &[&str])], irregular: &[(&str, &str)]) -> Lexicon {
        let mut lexicon = Lexicon::default();
        for (place, (lemmas, words)) in (0..).zip(senses) {
            lexicon.words.push(words.iter().map(|w| (*w).to_owned()).collect());
            for lemma in *lemmas {
                lexicon.senses.entry((*lemma).to_owned()).or_default().push(place);
            }
        }
        let own = |(form, base): &(&str, &str)| ((*form).to_owned(), vec![(*base).to_owned()]);
        lexicon.irregular = irregular.iter().map(own).collect();
        lexicon
    }

    #[test]
    fn by_sense_and_base_form() {
        let synonyms = Synonyms {
            nouns: lexicon(
                &[
                    (&["ship", "vessel"], &["ship", "vessel", "sea_craft"]),
                    (&["knife"], &["knife"]),
                    (&["box"], &["box", "crate"]),
                    (&["ox", "oxen"], &["ox", "Bos"]),
                    (&["fireman"], &["fireman", "firefighter"]),
                ],
                &[("knives", "knife"), ("oxen", "ox"), ("boxes", "ox")],
            ),
            verbs: lexicon(&[(&["ship"], &["ship", "send"]), (&["box"], &["box", "spar"])], &[("shipping", "ship")]),
            ..Synonyms::default()
        };
        let of = |word: &str| {
            let mut all: Vec<&str> = synonyms.of(word).into_iter().collect();
            all.sort_unstable();
            all
        };
        // Two parts of speech; no phrases.
        assert_eq!(of("ship"), ["send", "ship", "vessel"]);
        assert_eq!(of("shipping"), ["send", "ship"]);
        assert_eq!((of("knives"), of("oxen")), (vec!["knife"], vec!["Bos", "ox"]));
        // Irregular as a noun (so it says here), regular as a verb.
        assert_eq!(of("boxes"), ["Bos", "box", "ox", "spar"]);
        assert_eq!((of("firemen"), of("Ship"), of("")), (vec!["firefighter", "fireman"], vec![], vec![]));
        let broken = Lexicon { senses: [("x".to_owned(), vec![7])].into(), ..Lexicon::default() };
        assert!(Synonyms { nouns: broken, ..Synonyms::default() }.of("x").is_empty());
    }
}
