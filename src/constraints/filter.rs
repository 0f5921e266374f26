//! The rules that need no vector, as conditions on a sample's columns: for a store that filters by such.
//!
//! What a store finds under these conditions are the samples of which [`Bound::admits`] and the one-sided rules say
//! yes, but for the rules that compare vectors ([`Bound::compares_vectors`]), which are left to be checked afterwards.

use super::{Bound, Rule, Subject};
use crate::words::Row;
use crate::words::time::DAY;

/// A number that a condition looks at; what is unknown is −1, and no condition holds of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Number {
    /// 1 where the split's score and CTI have their vectors, else 0.
    Scored,
    /// 1 where the image is corrupted, else 0.
    Corrupted,
    /// Words of the caption.
    Words,
    /// Entity mentions of the caption.
    Mentions,
    /// The image's number: samples of one image share it.
    Image,
    /// 1 where there is a timestamp, else 0.
    Dated,
    /// Microseconds since 1970 (UTC); 0 without a timestamp.
    Timestamp,
    /// 1 where a PERSON is mentioned, 0 where not.
    MentionsPerson,
    /// How many names are known of those pictured.
    PicturedCount,
    /// Person boxes in the image.
    PersonBoxes,
    /// 1 where there is a place vector, else 0.
    Placed,
    /// 1 where the caption is generic, else 0.
    Generic,
}

impl Number {
    /// Every number, in the order of columns.
    pub const ALL: [Number; 12] = [
        Number::Scored,
        Number::Corrupted,
        Number::Words,
        Number::Mentions,
        Number::Image,
        Number::Dated,
        Number::Timestamp,
        Number::MentionsPerson,
        Number::PicturedCount,
        Number::PersonBoxes,
        Number::Placed,
        Number::Generic,
    ];

    /// The column's name.
    pub fn name(self) -> &'static str {
        match self {
            Number::Scored => "scored",
            Number::Corrupted => "corrupted",
            Number::Words => "words",
            Number::Mentions => "mentions",
            Number::Image => "image",
            Number::Dated => "dated",
            Number::Timestamp => "timestamp",
            Number::MentionsPerson => "mentions_person",
            Number::PicturedCount => "pictured_count",
            Number::PersonBoxes => "person_boxes",
            Number::Placed => "placed",
            Number::Generic => "generic",
        }
    }
}

/// A list of names that a condition looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Names {
    /// Those mentioned that count towards overlap.
    Entities,
    /// Those of pictured persons.
    Pictured,
}

impl Names {
    /// The column's name.
    pub fn name(self) -> &'static str {
        match self {
            Names::Entities => "entities",
            Names::Pictured => "pictured",
        }
    }
}

/// One condition on a candidate; all of a filter's must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// From the one to the other, both included.
    Within(Number, i64, i64),
    /// Another number than this.
    Not(Number, i64),
    /// At most the one, or at least the other.
    Outside(Number, i64, i64),
    /// None of these names (by number, ascending).
    HasNone(Names, Vec<u32>),
    /// At least one of these names; of no names, never.
    HasOne(Names, Vec<u32>),
}

impl Bound<'_> {
    /// The conditions that a candidate must meet for this caption, in the order of the rules: those that every candidate must meet
    /// stand first.
    pub fn conditions(&self, subject: &Subject) -> Vec<Condition> {
        let rules = &self.split.rules;
        let is = |number, value| Condition::Within(number, value, value);
        let at_least = |number, least: u32| Condition::Within(number, i64::from(least), i64::MAX);
        let (mut every, mut this) = (Vec::new(), Vec::new());
        for rule in self.rules() {
            match rule {
                Rule::MissingRow => every.push(is(Number::Scored, 1)),
                Rule::Corrupted => every.push(is(Number::Corrupted, 0)),
                Rule::Words => every
                    .extend(rules.words.map(|w| Condition::Within(Number::Words, i64::from(w.min), i64::from(w.max)))),
                Rule::EntityCount => every.extend(rules.entity_count.map(|e| at_least(Number::Mentions, e.min))),
                Rule::SameImage => {
                    this.extend(subject.image.map(|image| Condition::Not(Number::Image, i64::from(image))))
                }
                Rule::Days => {
                    every.push(is(Number::Dated, 1));
                    let apart = i64::from(rules.days.map_or(0, |d| d.at_least)).saturating_mul(DAY);
                    this.extend(subject.known.time.map(|t| {
                        Condition::Outside(Number::Timestamp, t.0.saturating_sub(apart), t.0.saturating_add(apart))
                    }));
                }
                Rule::Entities => {
                    every.push(at_least(Number::Mentions, 0));
                    if !subject.names.is_empty() {
                        this.push(Condition::HasNone(Names::Entities, subject.names.clone()));
                    }
                }
                Rule::NoPerson => every.push(is(Number::MentionsPerson, 0)),
                Rule::PicturedPerson => every.push(at_least(Number::PicturedCount, 1)),
                Rule::PersonBox => {
                    every.extend(rules.person_box.map(|p| at_least(Number::PersonBoxes, p.at_least)));
                }
                Rule::SharedPerson => {
                    every.push(at_least(Number::PicturedCount, 0));
                    this.push(Condition::HasOne(Names::Pictured, subject.pictured.clone()));
                }
                Rule::Place => every.push(is(Number::Placed, 1)),
                Rule::Generic => every.push(is(Number::Generic, 0)),
                // Without an image vector it is not scored either.
                Rule::ImageSimilarity => {}
            }
        }
        every.append(&mut this);
        every
    }

    /// The rules that are asked for and compare two vectors: no condition stands for them.
    pub fn compares_vectors(&self) -> Vec<Rule> {
        let compared = |rule: &Rule| matches!(rule, Rule::Place | Rule::ImageSimilarity);
        self.rules().iter().copied().filter(compared).collect()
    }

    /// A sample's number.
    pub fn number(&self, number: Number, row: Row) -> i64 {
        let known = self.known_as_candidate(row);
        let or_unknown = |n: Option<u32>| n.map_or(-1, i64::from);
        match number {
            Number::Scored => known.rows.into(),
            Number::Corrupted => known.corrupted.into(),
            Number::Words => or_unknown(known.words),
            Number::Mentions => or_unknown(known.mentions),
            Number::Image => self.catalog().image(row).into(),
            Number::Dated => known.time.is_some().into(),
            Number::Timestamp => known.time.map_or(0, |t| t.0),
            Number::MentionsPerson => known.has_person.map_or(-1, i64::from),
            Number::PicturedCount => self.catalog().pictured(row).map_or(-1, |p| p.len() as i64),
            Number::PersonBoxes => or_unknown(known.boxes),
            Number::Placed => known.place.into(),
            Number::Generic => known.generic.into(),
        }
    }

    /// A sample's names, ascending.
    pub fn names(&self, names: Names, row: Row) -> Vec<u32> {
        match names {
            Names::Entities => self.counted_names(row).collect(),
            Names::Pictured => self.catalog().pictured(row).unwrap_or(&[]).to_vec(),
        }
    }
}
