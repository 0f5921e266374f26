//! The split file.

use super::Rule;
use crate::words::Order;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// How candidates are ranked, and what they must meet. Read from TOML; unknown keys are refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Split {
    /// Its name; lower-case letters, digits, `_` and `-`.
    pub name: String,
    /// The modality of the caption's (or its image's) vector.
    pub query: String,
    /// The modality whose rows are compared with it.
    pub search: String,
    /// Which scores come first.
    pub order: Order,
    /// The modality of c in CTI(c, i).
    #[serde(default = "clip_text")]
    pub clip_text: String,
    /// The modality of i in CTI(c, i).
    #[serde(default = "clip_image")]
    pub clip_image: String,
    /// How a matched split is balanced.
    #[serde(default)]
    pub balance_images: Balance,
    /// Candidates whose image has this clip-image cosine to the caption's own, or more, are refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_image_similarity: Option<f32>,
    /// What a candidate must meet beside `missing_row`, `corrupted` and `same_image`, which always hold.
    #[serde(default)]
    pub rules: Rules,
    /// Rules that hold without being looked at.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub waive: BTreeSet<Rule>,
}

/// How a matched split is balanced (NewsCLIPpings, §3.3 and the published files).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Balance {
    /// As many pairs from H as from L.
    #[default]
    Halves,
    /// Whole swaps: every image is as often pristine as falsified.
    Swaps,
}

/// The rules that a split may ask for.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rules {
    /// Whitespace-separated words of both captions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub words: Option<Words>,
    /// Entity mentions of both captions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entity_count: Option<EntityCount>,
    /// Days between the two.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub days: Option<Days>,
    /// No entity in common.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entities: Option<Entities>,
    /// No PERSON in either caption.
    #[serde(skip_serializing_if = "is_false")]
    pub no_person: bool,
    /// A named person in both pictures.
    #[serde(skip_serializing_if = "is_false")]
    pub pictured_person: bool,
    /// Person boxes in both pictures.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub person_box: Option<PersonBox>,
    /// A named person in common.
    #[serde(skip_serializing_if = "is_false")]
    pub shared_person: bool,
    /// Another kind of place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// Neither caption generic.
    #[serde(skip_serializing_if = "is_false")]
    pub generic: bool,
}

/// From `min` to `max` words, both included.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Words {
    /// At least.
    pub min: u32,
    /// At most.
    pub max: u32,
}

/// At least `min` mentions, of any label.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EntityCount {
    /// At least.
    pub min: u32,
}

/// At least so many days of 86,400 seconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Days {
    /// At least.
    pub at_least: u32,
}

/// No normalised surface text and no link in common.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Entities {
    /// Mentions under these labels do not count.
    pub ignore_labels: Vec<String>,
}

/// So many person boxes in the image.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PersonBox {
    /// At least.
    pub at_least: u32,
}

/// Cosine of the two rows of `modality`, whatever its metric, strictly below `below`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// The modality.
    pub modality: String,
    /// The bound, not included.
    pub below: f32,
}

fn clip_text() -> String {
    "clip-text".into()
}
fn clip_image() -> String {
    "clip-image".into()
}
fn is_false(b: &bool) -> bool {
    !b
}

/// Why a split cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SplitError {
    /// No such built-in split, and no such file.
    #[error("no split is called {name:?}; the built-in ones are {}, or give the path of a split file (`mispair splits` prints the built-in ones as a start)", builtin_names().join(", "))]
    Unknown {
        /// What was asked for.
        name: String,
    },
    /// The file is no split.
    #[error("{file}: {what}")]
    Bad {
        /// The file, or the built-in name.
        file: String,
        /// What is wrong, with line and column where known.
        what: String,
    },
}

const BUILTIN: [(&str, &str); 4] = [
    ("semantics_clip_text_image", include_str!("builtin/semantics_clip_text_image.toml")),
    ("semantics_clip_text_text", include_str!("builtin/semantics_clip_text_text.toml")),
    ("person_sbert_text_text", include_str!("builtin/person_sbert_text_text.toml")),
    ("scene_resnet_place", include_str!("builtin/scene_resnet_place.toml")),
];

/// The names of the four built-in splits, in the order of the published dataset.
pub fn builtin_names() -> Vec<&'static str> {
    BUILTIN.iter().map(|b| b.0).collect()
}

/// The TOML text of a built-in split.
pub fn builtin(name: &str) -> Option<&'static str> {
    BUILTIN.iter().find(|b| b.0 == name).map(|b| b.1)
}

impl Split {
    /// Reads a split file's text; `file` is named in errors.
    pub fn parse(file: &str, text: &str) -> Result<Split, SplitError> {
        let bad = |what: String| SplitError::Bad { file: file.to_owned(), what };
        let split: Split = toml::from_str(text).map_err(|e| bad(e.to_string()))?;
        let named = !split.name.is_empty()
            && split.name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-".contains(&b));
        if !named || split.name == "merged_balanced" || split.name == "all" {
            return Err(bad(format!(
                "name = {:?}: use lower-case letters, digits, `_` and `-` (it names a folder; `merged_balanced` and `all` are taken)",
                split.name
            )));
        }
        for rule in &split.waive {
            if !rule.can_be_waived() {
                return Err(bad(format!("{rule} cannot be waived")));
            }
        }
        let bounds = [split.max_image_similarity, split.rules.place.as_ref().map(|p| p.below)];
        if bounds.into_iter().flatten().any(|b| !b.is_finite()) {
            return Err(bad("a bound on a cosine must be a finite number".into()));
        }
        if split.balance_images == Balance::Swaps && split.query != split.search {
            return Err(bad(
                "balance_images = \"swaps\" needs one modality for `query` and `search`: a swap has one score".into(),
            ));
        }
        if let Some(words) = split.rules.words
            && words.min > words.max
        {
            return Err(bad(format!("words: min {} is more than max {}", words.min, words.max)));
        }
        Ok(split)
    }

    /// A built-in split by its name.
    pub fn builtin(name: &str) -> Result<Split, SplitError> {
        let text = builtin(name).ok_or_else(|| SplitError::Unknown { name: name.to_owned() })?;
        Split::parse(name, text)
    }

    /// Is this rule asked for, and not waived?
    pub fn asks(&self, rule: Rule) -> bool {
        self.has(rule) && !self.waive.contains(&rule)
    }

    /// The rules that would be asked for, were they not waived.
    pub fn waived(&self) -> impl Iterator<Item = Rule> + '_ {
        self.waive.iter().copied().filter(|&r| self.has(r))
    }

    fn has(&self, rule: Rule) -> bool {
        let rules = &self.rules;
        match rule {
            Rule::MissingRow | Rule::Corrupted | Rule::SameImage => true,
            Rule::Words => rules.words.is_some(),
            Rule::EntityCount => rules.entity_count.is_some(),
            Rule::Days => rules.days.is_some(),
            Rule::Entities => rules.entities.is_some(),
            Rule::NoPerson => rules.no_person,
            Rule::PicturedPerson => rules.pictured_person,
            Rule::PersonBox => rules.person_box.is_some(),
            Rule::SharedPerson => rules.shared_person,
            Rule::Place => rules.place.is_some(),
            Rule::Generic => rules.generic,
            Rule::ImageSimilarity => self.max_image_similarity.is_some(),
        }
    }

    /// The rules it asks for, in order.
    pub fn asked(&self) -> impl Iterator<Item = Rule> + '_ {
        Rule::ALL.into_iter().filter(|&r| self.asks(r))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_ones_are_read_and_written_back() {
        for name in builtin_names() {
            let split = Split::builtin(name).unwrap();
            assert_eq!(split.name, name);
            let text = toml::to_string(&split).unwrap();
            assert_eq!(Split::parse(name, &text).unwrap(), split);
        }
    }

    #[test]
    fn mistakes_are_named() {
        for (text, word) in [
            ("name = \"a\"", "query"),
            ("name = \"a\"\nquery = \"q\"\nsearch = \"s\"\norder = \"best\"", "best"),
            ("name = \"a\"\nquery = \"q\"\nsearch = \"s\"\norder = \"lowest\"\n[rules]\ncolour = 1", "colour"),
            ("name = \"all\"\nquery = \"q\"\nsearch = \"s\"\norder = \"lowest\"", "taken"),
            ("name = \"a\"\nquery = \"q\"\nsearch = \"s\"\norder = \"lowest\"\nwaive = [\"same_image\"]", "same_image"),
            (
                "name = \"a\"\nquery = \"q\"\nsearch = \"s\"\norder = \"lowest\"\n[rules]\nwords = {min = 3, max = 2}",
                "words",
            ),
        ] {
            let said = Split::parse("my.toml", text).unwrap_err().to_string();
            assert!(said.contains("my.toml") && said.contains(word), "{said}");
        }
        assert!(Split::builtin("semantics").unwrap_err().to_string().contains("scene_resnet_place"));
    }
}
