//! Rule names, in the order they are tried.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// A rule. The order of the variants is the order in which rules are tried: the first that fails is the one counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// The vectors that the split's score and CTI need are there.
    MissingRow,
    /// The image is not corrupted.
    Corrupted,
    /// The caption has so many words.
    Words,
    /// The caption has so many entity mentions.
    EntityCount,
    /// The candidate is another sample with another image.
    SameImage,
    /// The two are so many days apart.
    Days,
    /// The two captions share no entity.
    Entities,
    /// Neither caption has a PERSON.
    NoPerson,
    /// Both pictures show a named person.
    PicturedPerson,
    /// Both pictures have a person box.
    PersonBox,
    /// One named person is in both pictures.
    SharedPerson,
    /// The two places do not look alike.
    Place,
    /// Neither caption is generic.
    Generic,
    /// The two pictures are not near-duplicates (`max_image_similarity`).
    ImageSimilarity,
}

impl Rule {
    /// Every rule, in order.
    pub const ALL: [Rule; 14] = [
        Rule::MissingRow,
        Rule::Corrupted,
        Rule::Words,
        Rule::EntityCount,
        Rule::SameImage,
        Rule::Days,
        Rule::Entities,
        Rule::NoPerson,
        Rule::PicturedPerson,
        Rule::PersonBox,
        Rule::SharedPerson,
        Rule::Place,
        Rule::Generic,
        Rule::ImageSimilarity,
    ];

    /// The name in files, flags and reports.
    pub fn name(self) -> &'static str {
        match self {
            Rule::MissingRow => "missing_row",
            Rule::Corrupted => "corrupted",
            Rule::Words => "words",
            Rule::EntityCount => "entity_count",
            Rule::SameImage => "same_image",
            Rule::Days => "days",
            Rule::Entities => "entities",
            Rule::NoPerson => "no_person",
            Rule::PicturedPerson => "pictured_person",
            Rule::PersonBox => "person_box",
            Rule::SharedPerson => "shared_person",
            Rule::Place => "place",
            Rule::Generic => "generic",
            Rule::ImageSimilarity => "image_similarity",
        }
    }

    /// Can it be waived? Not where the pair would make no sense: without a score, or with its own image.
    pub fn can_be_waived(self) -> bool {
        !matches!(self, Rule::MissingRow | Rule::SameImage)
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Rule {
    type Err = String;
    fn from_str(name: &str) -> Result<Rule, String> {
        Rule::ALL.into_iter().find(|r| r.name() == name).ok_or_else(|| {
            let names: Vec<_> = Rule::ALL.iter().map(|r| r.name()).collect();
            format!("no rule is called {name:?}; the rules are {}", names.join(", "))
        })
    }
}

/// How often each rule was the first to fail.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RuleCounts([u64; Rule::ALL.len()]);

impl RuleCounts {
    /// Counts one.
    pub fn add(&mut self, rule: Rule) {
        self.0[rule as usize] += 1;
    }

    /// Counts several.
    pub fn add_many(&mut self, rule: Rule, times: u64) {
        self.0[rule as usize] += times;
    }

    /// How often this rule.
    pub fn get(&self, rule: Rule) -> u64 {
        self.0[rule as usize]
    }

    /// Over all rules.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// Adds what another counted.
    pub fn merge(&mut self, other: &RuleCounts) {
        self.0.iter_mut().zip(other.0).for_each(|(mine, theirs)| *mine += theirs);
    }

    /// The rules that failed at all, in order.
    pub fn iter(&self) -> impl Iterator<Item = (Rule, u64)> + '_ {
        Rule::ALL.into_iter().map(|r| (r, self.get(r))).filter(|(_, n)| *n > 0)
    }
}

impl Serialize for RuleCounts {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for RuleCounts {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<RuleCounts, D::Error> {
        let mut counts = RuleCounts::default();
        BTreeMap::<Rule, u64>::deserialize(from)?.into_iter().for_each(|(rule, n)| counts.add_many(rule, n));
        Ok(counts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_serde_writes_and_order_is_the_enum() {
        for (i, rule) in Rule::ALL.into_iter().enumerate() {
            assert_eq!(rule as usize, i);
            assert_eq!(serde_json::to_string(&rule).unwrap(), format!("{:?}", rule.name()));
            assert_eq!(rule.name().parse::<Rule>().unwrap(), rule);
        }
        let mut counts = RuleCounts::default();
        counts.add(Rule::Days);
        counts.add_many(Rule::Entities, 7);
        let text = serde_json::to_string(&counts).unwrap();
        assert_eq!(text, r#"{"days":1,"entities":7}"#);
        assert_eq!(serde_json::from_str::<RuleCounts>(&text).unwrap(), counts);
        assert!("colour".parse::<Rule>().unwrap_err().contains("shared_person"));
    }
}
