//! The slow obvious way: every rule, with the values behind its verdict. It compares texts where `admit.rs`
//! compares numbers, and is what explanations, reports and tests are made from.

use super::subject::Known;
use super::{Bound, Rule, Subject};
use crate::words::Row;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What a rule says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Met.
    Holds,
    /// Not met.
    Fails,
    /// A fact is missing: counts as not met.
    Unknown,
}

impl From<bool> for Verdict {
    fn from(holds: bool) -> Self {
        if holds { Verdict::Holds } else { Verdict::Fails }
    }
}

/// A rule's verdict on one candidate, and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// The rule.
    pub rule: Rule,
    /// What it says.
    pub verdict: Verdict,
    /// The values behind it, for a person: which entity, how many days.
    pub why: String,
}

impl Bound<'_> {
    /// Every asked rule's verdict on a candidate, in order.
    pub fn outcomes(&self, subject: &Subject, candidate: Row) -> Vec<Outcome> {
        let theirs = self.known_as_candidate(candidate);
        self.rules().iter().map(|&rule| self.outcome(rule, subject, candidate, &theirs)).collect()
    }

    /// The rules that reject a candidate, in order, with their values.
    pub fn failures(&self, subject: &Subject, candidate: Row) -> Vec<Outcome> {
        let mut all = self.outcomes(subject, candidate);
        all.retain(|o| o.verdict != Verdict::Holds);
        all
    }

    /// Why this caption cannot be pristine, with the values; `None` if it can.
    pub fn refusal(&self, subject: &Subject) -> Option<Outcome> {
        let (rule, verdict) = self.refused(subject)?;
        Some(Outcome { rule, verdict, why: self.about(rule, &subject.known, "the caption") })
    }

    /// The first rule that lacks its fact about this caption, and what is missing.
    pub fn missing_fact(&self, subject: &Subject) -> Option<Outcome> {
        let rule = self.lacks(subject)?;
        Some(Outcome { rule, verdict: Verdict::Unknown, why: self.about(rule, &subject.known, "the caption") })
    }

    fn outcome(&self, rule: Rule, subject: &Subject, candidate: Row, theirs: &Known) -> Outcome {
        for (known, side) in [(&subject.known, "the caption"), (theirs, "the candidate")] {
            let verdict = self.one_sided(rule, known);
            if verdict != Verdict::Holds {
                return Outcome { rule, verdict, why: self.about(rule, known, side) };
            }
        }
        let (holds, why) = self.compare(rule, subject, candidate);
        Outcome { rule, verdict: holds.into(), why }
    }

    /// The values that a one-sided verdict rests on.
    fn about(&self, rule: Rule, known: &Known, side: &str) -> String {
        let rules = &self.split.rules;
        let number = |n: Option<u32>| n.map_or("an unknown number of".to_owned(), |n| n.to_string());
        match rule {
            Rule::MissingRow => format!("{side} lacks a vector that the score or CTI needs"),
            Rule::Corrupted => format!("the image of {side} is marked corrupted"),
            Rule::Words => {
                let (min, max) = rules.words.map_or((0, u32::MAX), |w| (w.min, w.max));
                format!("{side} has {} words, {min} to {max} are asked", number(known.words))
            }
            Rule::EntityCount => {
                let min = rules.entity_count.map_or(0, |e| e.min);
                format!("{side} has {} entity mentions, at least {min} are asked", number(known.mentions))
            }
            Rule::Days => format!("{side} has no timestamp"),
            Rule::Entities => format!("{side} has no entity list"),
            Rule::NoPerson if known.has_person == Some(true) => format!("{side} mentions a PERSON"),
            Rule::NoPerson => format!("{side} has no entity list"),
            Rule::PicturedPerson if known.pictured == Some(false) => format!("nobody named is pictured with {side}"),
            Rule::PicturedPerson | Rule::SharedPerson => format!("who is pictured with {side} is unknown"),
            Rule::PersonBox => {
                let min = rules.person_box.map_or(0, |p| p.at_least);
                format!("the image of {side} has {} person boxes, at least {min} are asked", number(known.boxes))
            }
            Rule::Place => format!("{side} has no place vector"),
            Rule::Generic => format!("{side} is generic"),
            Rule::ImageSimilarity => format!("{side} has no image vector"),
            Rule::SameImage => String::new(),
        }
    }

    /// A rule about two sides whose facts are known: does it hold, and by what values?
    fn compare(&self, rule: Rule, subject: &Subject, candidate: Row) -> (bool, String) {
        let catalog = self.catalog();
        match rule {
            Rule::SameImage => {
                let same_path = subject.image.is_some_and(|i| i == catalog.image(candidate));
                if subject.row == Some(candidate) {
                    (false, "it is the caption's own sample".into())
                } else if same_path {
                    (false, format!("it shows the caption's own image, {}", catalog.image_path(candidate)))
                } else {
                    (true, "another image".into())
                }
            }
            Rule::Days => match (subject.known.time, catalog.timestamp(candidate)) {
                (Some(a), Some(b)) => {
                    let asked = self.split.rules.days.map_or(0, |d| d.at_least);
                    let apart = a.days_apart(b);
                    (
                        a.at_least_days_apart(b, asked),
                        format!("{} days apart, at least {asked} are asked", short(apart)),
                    )
                }
                _ => (false, "a timestamp is missing".into()),
            },
            Rule::Entities => {
                let mine: BTreeSet<_> = subject.names.iter().map(|&n| key(self, n)).collect();
                let theirs: BTreeSet<_> = self.counted_names(candidate).map(|n| key(self, n)).collect();
                match shown(mine.intersection(&theirs)) {
                    Some(shared) => (false, format!("both mention {shared}")),
                    None => (true, "no entity in common".into()),
                }
            }
            Rule::SharedPerson => {
                let mine: BTreeSet<_> = subject.pictured.iter().map(|&n| key(self, n)).collect();
                let theirs: BTreeSet<_> =
                    catalog.pictured(candidate).unwrap_or(&[]).iter().map(|&n| key(self, n)).collect();
                match shown(mine.intersection(&theirs)) {
                    Some(shared) => (true, format!("both picture {shared}")),
                    None => (false, "no pictured person in common".into()),
                }
            }
            Rule::Place => {
                let below = self.split.rules.place.as_ref().map_or(f32::INFINITY, |p| p.below);
                bounded(self.place_cosine(subject, candidate), below, "places")
            }
            Rule::ImageSimilarity => {
                let below = self.split.max_image_similarity.unwrap_or(f32::INFINITY);
                bounded(self.image_cosine(subject, candidate), below, "images")
            }
            _ => (true, "both sides meet it".into()),
        }
    }
}

/// A name as compared: links and surface texts never meet.
fn key<'a>(bound: &Bound<'a>, name: u32) -> (bool, &'a str) {
    let name = bound.catalog().name(name);
    (name.is_link, name.key)
}

fn shown<'a>(shared: impl Iterator<Item = &'a (bool, &'a str)>) -> Option<String> {
    let names: Vec<_> =
        shared.map(|(link, key)| if *link { format!("{key:?} (link)") } else { format!("{key:?}") }).collect();
    (!names.is_empty()).then(|| names.join(", "))
}

fn bounded(cosine: Option<f32>, below: f32, what: &str) -> (bool, String) {
    match cosine {
        Some(c) => (c < below, format!("cosine of the two {what} is {c:.3}, below {below} is asked")),
        None => (false, format!("one of the two {what} has no vector")),
    }
}

/// Days to two decimals, whole days without.
fn short(days: f64) -> String {
    if days.fract() == 0.0 { format!("{days:.0}") } else { format!("{days:.2}") }
}
