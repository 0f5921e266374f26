//! An index of entities (as OVEN has them, millions of names): which of them may be in the image (COVE, §3.1 and appendix A).
//!
//! Its captions are the names; `clip-text` holds their vectors, `clip-image` those of their pictures where they have one. A name whose
//! `topic` is `person` asks for a more similar picture.

use super::{Error, cosines, nearest};
use crate::index::{Index, Modality};
use crate::words::Scored;
use serde::{Deserialize, Serialize};

/// What counts as found.
const NAMES: usize = 5;
const BY_NAME: f32 = 0.23;
const BY_PICTURE: f32 = 0.70;
const PERSON_BY_PICTURE: f32 = 0.92;
const PERSON: &str = "person";

/// By what an entity was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Means {
    /// By its name.
    Name,
    /// By its picture.
    Picture,
}

impl Means {
    /// As written in reports.
    pub fn name(self) -> &'static str {
        match self {
            Means::Name => "name",
            Means::Picture => "picture",
        }
    }
}

/// An entity that may be in the image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entity {
    /// Its name.
    pub name: String,
    /// By its name, or by its picture.
    pub by: Means,
    /// Cosine of the image with the name's vector, or with the picture's.
    pub similarity: f32,
    /// Is it a person, as the index says?
    pub person: bool,
}

/// An index of entities.
#[derive(Debug, Clone, Copy)]
pub struct EntityIndex<'a> {
    index: &'a Index,
    names: &'a Modality,
    pictures: Option<&'a Modality>,
}

impl<'a> EntityIndex<'a> {
    /// # Errors
    /// [`Error::Modality`]: names have no vectors; [`Error::Metric`]: vectors are not compared by cosine.
    pub fn new(index: &'a Index, names: &str, pictures: &str) -> Result<EntityIndex<'a>, Error> {
        let pictures = index.modality(pictures).map(|_| cosines(index, pictures)).transpose()?;
        Ok(EntityIndex { index, names: cosines(index, names)?, pictures })
    }

    /// The 5 nearest names of a cosine of at least 0.23, then those whose pictures are at least 0.70 like the image (0.92 for
    /// persons); each name once. `image`: of unit length, in the space of both.
    ///
    /// # Errors
    /// [`Error::Width`].
    pub fn of_image(&self, image: &[f32]) -> Result<Vec<Entity>, Error> {
        let nearest = |modality: &Modality| nearest(modality, "the image's vector", image, NAMES);
        let catalog = &self.index.catalog;
        let mut found: Vec<Entity> = Vec::new();
        let mut add = |s: &Scored, by: Means, at_least: &dyn Fn(bool) -> f32| {
            let person = catalog.topic(s.row).is_some_and(|t| t.eq_ignore_ascii_case(PERSON));
            let name = catalog.caption(s.row);
            if s.score >= at_least(person) && found.iter().all(|e| e.name != name) {
                found.push(Entity { name: name.to_owned(), by, similarity: s.score, person });
            }
        };
        nearest(self.names)?.iter().for_each(|s| add(s, Means::Name, &|_| BY_NAME));
        if let Some(pictures) = self.pictures {
            let at_least = |person: bool| if person { PERSON_BY_PICTURE } else { BY_PICTURE };
            nearest(pictures)?.iter().for_each(|s| add(s, Means::Picture, &at_least));
        }
        Ok(found)
    }
}
