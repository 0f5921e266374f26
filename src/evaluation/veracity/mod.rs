//! Verdicts and context items measured against the truth (COVE, §4.2 and appendix F; 5Pils: Tonglet et al., EMNLP 2024).
//!
//! | file | responsibility |
//! |---|---|
//! | `verdicts.rs` | accuracy, recall of either class, macro-F1 |
//! | `words.rs` | ROUGE-L, METEOR |
//! | `synonyms.rs` | a dictionary's synonyms, for METEOR |
//! | `stem.rs` | Porter's stemmer with NLTK's extensions |
//! | `dates.rs` | dates in texts; date Δ |
//! | `places.rs` | GeoNames; coordinate Δ, hierarchy Δ |
//! | `people.rs` | precision, recall and F1 of names |
//! | `assign.rs` | the best assignment of what was predicted to what is true |

mod assign;
mod dates;
mod people;
mod places;
mod stem;
mod synonyms;
mod verdicts;
mod words;

pub use assign::assignment;
pub use dates::{date_delta, dates_in, years_apart};
pub use people::{PeopleScore, names_in, people};
pub use places::{Gazetteer, GeoName, PlaceScore};
pub use stem::stem;
pub use synonyms::{Lexicon, Synonyms};
pub use verdicts::{Veracity, VeracityScore, veracity};
pub use words::{meteor, meteor_tokens, rouge_l, rouge_tokens};

/// Is this a way of saying that nothing is known?
pub fn is_unknown(text: &str) -> bool {
    let text = text.trim().trim_end_matches('.').to_lowercase();
    ["", "unknown", "not enough information", "n/a", "none", "null"].contains(&text.as_str())
}
