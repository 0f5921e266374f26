//! Rules in words for people, and verdicts as chips.

use crate::constraints::{Outcome, Rule, Verdict};

/// A rule's verdict on one candidate.
pub(super) struct Chip {
    /// `holds`, `fails`, `unknown`: how it is drawn.
    pub class: &'static str,
    /// Read aloud before the label.
    pub verdict: &'static str,
    /// The rule in two or three words.
    pub label: &'static str,
    /// Its name in files and reports.
    pub rule: &'static str,
    /// The same where it is met, with the value where that tells more: `412 days apart`.
    pub brief: String,
    /// The value: which entity, how many days.
    pub value: String,
    /// What the split asks for, where a value stands against a bound.
    pub asked: String,
}

impl Chip {
    pub fn new(outcome: &Outcome) -> Chip {
        let (class, verdict) = match outcome.verdict {
            Verdict::Holds => ("holds", "met"),
            Verdict::Fails => ("fails", "broken"),
            Verdict::Unknown => ("unknown", "unknown"),
        };
        let (value, asked) = parted(&outcome.why);
        let label = label(outcome.rule);
        let brief = match outcome.rule {
            Rule::Days | Rule::SharedPerson => value.clone(),
            _ => label.to_owned(),
        };
        Chip { class, verdict, label, rule: outcome.rule.name(), brief, value, asked }
    }
}

/// `12 days apart, at least 30 are asked` → the value, and what is asked.
fn parted(why: &str) -> (String, String) {
    let bound = why.strip_suffix(" are asked").or_else(|| why.strip_suffix(" is asked"));
    match bound.and_then(|rest| rest.rsplit_once(", ")) {
        Some((value, asked)) => (value.to_owned(), format!("asked: {asked}")),
        None => (why.to_owned(), String::new()),
    }
}

/// What must hold, in two or three words.
pub(super) fn label(rule: Rule) -> &'static str {
    match rule {
        Rule::MissingRow => "vectors there",
        Rule::Corrupted => "image intact",
        Rule::Words => "caption length",
        Rule::EntityCount => "names entities",
        Rule::SameImage => "another image",
        Rule::Days => "days apart",
        Rule::Entities => "no shared entity",
        Rule::NoPerson => "no person named",
        Rule::PicturedPerson => "person pictured",
        Rule::PersonBox => "person visible",
        Rule::SharedPerson => "shared person",
        Rule::Place => "another place",
        Rule::Generic => "not generic",
        Rule::ImageSimilarity => "no near-duplicate",
    }
}

/// Why a candidate leaves at this rule, for the funnel.
pub(super) fn left(rule: Rule) -> &'static str {
    match rule {
        Rule::MissingRow => "lack a vector",
        Rule::Corrupted => "have a corrupted image",
        Rule::Words => "have a caption too short or too long",
        Rule::EntityCount => "name too few entities",
        Rule::SameImage => "show the caption’s own image",
        Rule::Days => "are too near in time, or undated",
        Rule::Entities => "share an entity, or none are known",
        Rule::NoPerson => "name a person, or nothing is known",
        Rule::PicturedPerson => "picture nobody named",
        Rule::PersonBox => "have no visible person, or none are known",
        Rule::SharedPerson => "picture somebody else",
        Rule::Place => "show the same place, or have no place vector",
        Rule::Generic => "have a generic caption",
        Rule::ImageSimilarity => "are near-duplicates of its image",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_and_bounds() {
        let parts = |why: &str| parted(why);
        assert_eq!(
            parts("12.5 days apart, at least 30 are asked"),
            ("12.5 days apart".into(), "asked: at least 30".into())
        );
        assert_eq!(
            parts("cosine of the two places is 0.912, below 0.9 is asked"),
            ("cosine of the two places is 0.912".into(), "asked: below 0.9".into())
        );
        let odd = "both mention \"a, b\", \"c\"";
        assert_eq!(parts(odd), (odd.into(), String::new()));
    }
}
