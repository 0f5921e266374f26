//! What the pictures show: topics, the kinds of scene in each, and sentences for both.
//!
//! Slots of a sentence (`caption.rs` fills them): `{p}` the first person, `{p's}` hers, `{q}` the
//! second person, `{r}` the first one's role, `{c}` city, `{l}` country, `{n}` nationality,
//! `{o}` organisation, `{v}` venue, `{e}` event, `{k}` a number, `{m}` a sum of money, `{d}` date,
//! `{w}` weekday, `{y}` year.

use super::{topics_hard, topics_soft};

/// One topic: its words, and the kinds of scene it is pictured by.
#[derive(Debug)]
pub(super) struct Topic {
    /// As the published catalog writes topics.
    pub(super) name: &'static str,
    pub(super) roles: [&'static str; ROLES],
    pub(super) kinds: [Kind; KINDS],
}

/// Roles in each topic.
pub(super) const ROLES: usize = 6;
/// Kinds of scene in each topic.
pub(super) const KINDS: usize = 5;

/// One kind of scene: pictures of one kind look alike wherever they were taken.
#[derive(Debug)]
pub(super) struct Kind {
    /// The second half of an organisation's name, after one of [`super::gazetteer::ORG_HEADS`] …
    pub(super) org: &'static str,
    /// … and those of an occasion and of a venue, after a city.
    pub(super) occasion: &'static str,
    pub(super) venue: &'static str,
    /// Sentences about somebody.
    pub(super) people: [&'static str; 3],
    /// Sentences about nobody in particular: no slot for a person.
    pub(super) places: [&'static str; 3],
}

pub(super) const fn kind(
    [org, occasion, venue]: [&'static str; 3],
    people: [&'static str; 3],
    places: [&'static str; 3],
) -> Kind {
    Kind { org, occasion, venue, people, places }
}

/// How many topics there are.
pub(super) const TOPICS: usize = topics_hard::HARD.len() + topics_soft::SOFT.len();

/// The topic of a number below [`TOPICS`] (taken modulo).
pub(super) fn topic(number: u32) -> &'static Topic {
    let number = number as usize % TOPICS;
    topics_hard::HARD.get(number).unwrap_or_else(|| &topics_soft::SOFT[number - topics_hard::HARD.len()])
}

/// Captions that would fit any picture of their kind; the first half is about somebody.
pub(super) const GENERIC: [&str; 8] = [
    "A file photo of {p} of {o}",
    "{p} pictured in {c} in an undated file photo",
    "Library picture of {p} and {q}",
    "{p} of {l} in an archive picture of the {o}",
    "A file photo of the {v}",
    "Library picture of {c} {l}",
    "Stock image of a meeting",
    "Archive picture from {l} in {y}",
];

/// Captions of fewer than five words.
pub(super) const SHORT: [&str; 4] = ["{p} in {c}", "{p} and {q}", "The {v}", "{c} {l}"];

/// What an outlet adds to a caption that grows too long. No names.
pub(super) const MORE: [&str; 5] = [
    "The talks which had been due to end earlier were extended after several sides asked for more time to study the draft",
    "Witnesses said the streets were quiet by nightfall and most shops and schools in the area were expected to open again in the morning",
    "Organisers put the number of visitors far higher than the authorities did and said that they would come back next year",
    "It was not clear how long the repairs would take or who would have to pay for them a spokeswoman said",
    "The picture was taken by an amateur photographer who happened to be there and was shared widely in the following hours",
];
