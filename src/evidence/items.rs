//! Evidence captions ranked for each context item, by the entities that speak of it (COVE, appendix B).

use crate::words::Mention;
use serde::{Deserialize, Serialize};

/// Captions that are looked at: the first so many (appendix B).
pub const FIRST: usize = 10;

/// A context item: what one wants to know of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Item {
    /// Who made it.
    Source,
    /// When it was taken.
    Date,
    /// Where.
    Location,
    /// Why.
    Motivation,
    /// Who is in it.
    People,
    /// Which animals, plants, buildings, objects are in it.
    Things,
    /// What happens.
    Event,
}

impl Item {
    /// Every item.
    pub const ALL: [Item; 7] =
        [Item::Source, Item::Date, Item::Location, Item::Motivation, Item::People, Item::Things, Item::Event];

    /// Its name in files.
    pub fn name(self) -> &'static str {
        match self {
            Item::Source => "source",
            Item::Date => "date",
            Item::Location => "location",
            Item::Motivation => "motivation",
            Item::People => "people",
            Item::Things => "things",
            Item::Event => "event",
        }
    }

    /// The spaCy labels of entities that speak of it.
    pub fn labels(self) -> &'static [&'static str] {
        match self {
            Item::Source => &["ORG"],
            Item::Date => &["DATE"],
            Item::Location => &["GPE", "FAC", "LOC"],
            Item::Motivation => &["GPE", "ORG", "NORP", "EVENT"],
            Item::People => &["PERSON"],
            Item::Things => &["FAC", "LOC", "PRODUCT"],
            Item::Event => &["EVENT", "NORP"],
        }
    }
}

/// A caption that speaks of an item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ranked {
    /// The place of its line in the list of evidence.
    pub line: usize,
    /// The caption.
    pub caption: String,
    /// What in it speaks of the item, in its own words.
    pub entities: Vec<String>,
}

/// The order in which captions speak of an item: of the first ten those with most entities of its labels first, of equal ones
/// the earlier. `entities`: of each caption; `None` where they are unknown counts as none.
pub fn ranked_captions(entities: &[Option<&[Mention]>], item: Item) -> Vec<usize> {
    let labels = item.labels();
    let count =
        |of: &Option<&[Mention]>| of.map_or(0, |m| m.iter().filter(|m| labels.contains(&m.label.as_str())).count());
    let mut order: Vec<(usize, usize)> = entities.iter().take(FIRST).map(count).enumerate().collect();
    order.sort_by_key(|&(i, n)| (std::cmp::Reverse(n), i));
    order.into_iter().map(|o| o.0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn captions_with_the_entities_that_are_needed_come_first() {
        let of = |labels: &[&str]| -> Vec<Mention> {
            labels.iter().map(|l| Mention { text: "x".into(), label: (*l).into(), link: None }).collect()
        };
        let captions = [of(&["PERSON"]), of(&["GPE", "DATE", "GPE"]), of(&["GPE", "ORG"]), of(&[])];
        let mut entities: Vec<Option<&[Mention]>> = captions.iter().map(|c| Some(c.as_slice())).collect();
        entities.push(None);
        let order = |item| ranked_captions(&entities, item);
        assert_eq!(order(Item::Location), [1, 2, 0, 3, 4]);
        assert_eq!(order(Item::Date), [1, 0, 2, 3, 4]);
        assert_eq!(order(Item::Source), [2, 0, 1, 3, 4]);
        assert_eq!(order(Item::Motivation), [1, 2, 0, 3, 4]);
        assert_eq!(order(Item::People)[0], 0);
        let many = vec![None; 12];
        assert_eq!(ranked_captions(&many, Item::Event), (0..10).collect::<Vec<_>>());
    }
}
