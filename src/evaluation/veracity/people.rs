//! Names of people.

use serde::Serialize;
use std::collections::BTreeSet;

/// Precision, recall and F1 of a set of names.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct PeopleScore {
    /// Names said that are true / names said.
    pub precision: f64,
    /// True names that are said / true names.
    pub recall: f64,
    /// Their harmonic mean.
    pub f1: f64,
}

/// The names of an enumeration: cut at commas, semicolons, and `and`; in lower case, white space collapsed.
pub fn names_in(text: &str) -> BTreeSet<String> {
    let lower = text.to_lowercase().replace(" and ", ",").replace(" & ", ",");
    let names = lower.split([',', ';']).map(|n| n.split_whitespace().collect::<Vec<_>>().join(" "));
    names.map(|n| n.trim_end_matches('.').to_owned()).filter(|n| !n.is_empty()).collect()
}

/// Compares two sets of names.
pub fn people(predicted: &BTreeSet<String>, truth: &BTreeSet<String>) -> PeopleScore {
    let both = predicted.intersection(truth).count() as f64;
    let share = |of: usize| if of == 0 { 0.0 } else { both / of as f64 };
    let (precision, recall) = (share(predicted.len()), share(truth.len()));
    let sum = precision + recall;
    PeopleScore { precision, recall, f1: if sum == 0.0 { 0.0 } else { 2.0 * precision * recall / sum } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        let truth = names_in("Ada Lane, Ben Ruiz and Chloé  Oh.");
        assert_eq!(truth.iter().map(String::as_str).collect::<Vec<_>>(), ["ada lane", "ben ruiz", "chloé oh"]);
        let s = people(&names_in("ADA LANE; Dan Oh"), &truth);
        assert_eq!((s.precision, s.recall), (0.5, 1.0 / 3.0));
        assert!((s.f1 - 0.4).abs() < 1e-12);
        assert_eq!(people(&names_in(""), &truth).f1, 0.0);
    }
}
