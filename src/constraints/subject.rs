//! The query's side: what the rules need to know of the caption that looks for a wrong image.

use super::Bound;
use crate::catalog::{self, Catalog, PERSON};
use crate::matrix::Prepared;
use crate::words::text::count_words;
use crate::words::{Facts, Row, Timestamp};
use std::collections::BTreeMap;

/// The vectors of the query's side, padded to their modality's stride.
#[derive(Debug, Clone, Default)]
pub struct Vectors {
    /// In the split's query modality: what candidates are ranked by.
    pub query: Option<Vec<f32>>,
    /// The caption in CTI(c, i).
    pub clip_text: Option<Vec<f32>>,
    /// The caption's own image in CTI(c, i).
    pub clip_image: Option<Vec<f32>>,
    /// Its place, with its length as given.
    pub place: Option<(Vec<f32>, f32)>,
}

impl Vectors {
    /// From vectors by the name of their modality, as [`Matrix::query`](crate::matrix::Matrix::query) prepares them: each
    /// serves wherever the split looks at its modality. Others are not looked at.
    pub fn by_modality(bound: &Bound<'_>, given: &BTreeMap<String, Prepared>) -> Vectors {
        let split = &bound.split;
        let elements = |modality: &str| given.get(modality).map(|p| p.elements.clone());
        let place = split.rules.place.as_ref().filter(|_| bound.place.is_some());
        Vectors {
            query: elements(&split.query),
            clip_text: elements(&split.clip_text),
            clip_image: elements(&split.clip_image),
            place: place.and_then(|p| given.get(&p.modality)).map(|p| (p.elements.clone(), p.length)),
        }
    }
}

/// One caption, ready to test candidates with.
#[derive(Debug, Clone)]
pub struct Subject {
    /// Its row, unless it comes from outside.
    pub row: Option<Row>,
    /// Its image's number; `None` for a caption from outside.
    pub image: Option<u32>,
    /// Its vectors.
    pub vectors: Vectors,
    pub(super) known: Known,
    /// Names that count towards overlap, ascending.
    pub(super) names: Vec<u32>,
    pub(super) signature: u64,
    /// Pictured persons' names, ascending.
    pub(super) pictured: Vec<u32>,
}

/// The facts of one sample that rules look at one-sidedly; `None` is unknown.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Known {
    pub rows: bool,
    pub corrupted: bool,
    pub words: Option<u32>,
    pub mentions: Option<u32>,
    pub time: Option<Timestamp>,
    pub entities: bool,
    pub has_person: Option<bool>,
    pub pictured: Option<bool>,
    pub boxes: Option<u32>,
    pub place: bool,
    pub generic: bool,
    pub clip_image: bool,
}

impl Subject {
    /// A caption of the archive.
    pub fn of_row(bound: &Bound<'_>, row: Row) -> Subject {
        let catalog = bound.catalog();
        let names: Vec<u32> = bound.counted_names(row).collect();
        Subject {
            row: Some(row),
            image: Some(catalog.image(row)),
            vectors: Vectors {
                query: bound.query.find(row).map(|m| bound.query.vector(m)),
                clip_text: bound.clip_text.find(row).map(|m| bound.clip_text.vector(m)),
                clip_image: bound.clip_image.find(row).map(|m| bound.clip_image.vector(m)),
                place: bound.place.and_then(|p| p.find(row).map(|m| (p.vector(m), p.norm(m)))),
            },
            known: bound.known_as_pristine(row),
            signature: signature(&names),
            names,
            pictured: catalog.pictured(row).unwrap_or(&[]).to_vec(),
        }
    }

    /// A caption from outside, with the facts it brings. Names that the archive does not know can be shared with nobody.
    pub fn from_outside(bound: &Bound<'_>, caption: Option<&str>, facts: &Facts, vectors: Vectors) -> Subject {
        let catalog = bound.catalog();
        let counted = catalog::mention_keys(facts)
            .into_iter()
            .filter(|(_, _, label, _)| !label.is_some_and(|l| bound.ignores(l)))
            .map(|(key, link, ..)| (key, link));
        let names = numbers(catalog, counted);
        let pictured = numbers(catalog, catalog::pictured_keys(facts).into_iter());
        let known = Known {
            rows: vectors.query.is_some(),
            corrupted: facts.corrupted == Some(true),
            words: caption.map(|c| count_words(c) as u32),
            mentions: facts.entities.as_ref().map(|e| e.len() as u32),
            time: facts.timestamp,
            entities: facts.entities.is_some(),
            has_person: facts.entities.as_ref().map(|e| e.iter().any(|m| m.label == PERSON)),
            pictured: (facts.entities.is_some() || facts.pictured.is_some())
                .then(|| !catalog::pictured_keys(facts).is_empty()),
            boxes: facts.person_boxes,
            place: vectors.place.is_some(),
            generic: facts.generic == Some(true),
            clip_image: vectors.clip_image.is_some(),
        };
        Subject { row: None, image: None, signature: signature(&names), names, pictured, known, vectors }
    }

    /// CTI of the caption with its own image: the bar of adversarial selection.
    pub fn own_cti(&self) -> Option<f32> {
        let (text, image) = (self.vectors.clip_text.as_ref()?, self.vectors.clip_image.as_ref()?);
        (text.len() == image.len()).then(|| crate::kernels::dot(text, image))
    }

    /// Names of the persons in its picture (the posting lists of a person split), ascending.
    pub fn pictured(&self) -> &[u32] {
        &self.pictured
    }
}

fn numbers(catalog: &Catalog, keys: impl Iterator<Item = (String, bool)>) -> Vec<u32> {
    let mut numbers: Vec<u32> = keys.filter_map(|(key, link)| catalog.find_name(&key, link)).collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers
}

fn signature(names: &[u32]) -> u64 {
    names.iter().fold(0, |bits, &n| bits | catalog::signature_bit(n))
}
