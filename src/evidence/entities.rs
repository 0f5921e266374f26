//! An index of entities (as OVEN has them, millions of names): which of them may be in the image (COVE, §3.1 and appendix A).
//!
//! Its captions are the names; `clip-text` holds their vectors, `clip-image` those of their pictures where they have one. A name whose
//! `topic` is `person` asks for a more similar picture.

use super::Error;
use crate::index::{Index, Modality};
use crate::kernels::Block;
use crate::retrieve::{self, Asked as Wanted, Engine, Sight};
use crate::words::{Order, Scored};
use serde::Serialize;

/// What counts as found.
const NAMES: usize = 5;
const BY_NAME: f32 = 0.23;
const BY_PICTURE: f32 = 0.70;
const PERSON_BY_PICTURE: f32 = 0.92;
const PERSON: &str = "person";

/// An entity that may be in the image.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Entity {
    /// Its name.
    pub name: String,
    /// `name` or `picture`.
    pub by: &'static str,
    /// Cosine of the image with the name's vector, or with the picture's.
    pub similarity: f32,
    /// Is it a person, as the index says?
    pub person: bool,
}

/// An index of entities.
#[derive(Debug)]
pub struct EntityIndex<'a> {
    index: &'a Index,
    names: &'a Modality,
    pictures: Option<&'a Modality>,
}

impl<'a> EntityIndex<'a> {
    /// # Errors
    /// [`Error::Modality`]: names have no vectors.
    pub fn new(index: &'a Index, names: &str, pictures: &str) -> Result<EntityIndex<'a>, Error> {
        let modality = index.modality(names).ok_or_else(|| Error::Modality {
            got: names.to_owned(),
            have: index.modalities.iter().map(|m| m.name.clone()).collect(),
        })?;
        Ok(EntityIndex { index, names: modality, pictures: index.modality(pictures) })
    }

    /// The 5 nearest names of a cosine of at least 0.23, then those whose pictures are at least 0.70 like the image (0.92 for
    /// persons); each name once. `image`: of unit length, in the space of both.
    ///
    /// # Errors
    /// [`Error::Width`].
    pub fn of_image(&self, image: &[f32]) -> Result<Vec<Entity>, Error> {
        let nearest = |modality: &Modality| -> Result<Vec<Scored>, Error> {
            let (expected, got) = (modality.matrix.dim(), image.len());
            let width = || Error::Width { what: "the image's vector", modality: modality.name.clone(), expected, got };
            let mut block = Block::with_capacity(expected, 1).map_err(|_| width())?;
            block.push(image).map_err(|_| width())?;
            let wanted = Wanted {
                k: NAMES,
                order: Order::Highest,
                among: None,
                engine: Engine::Auto,
                sight: Sight::Usual,
                likely: 1.0,
            };
            Ok(retrieve::plain(modality, &block, wanted)?.pop().map_or_else(Vec::new, |f| f.best))
        };
        let catalog = &self.index.catalog;
        let mut found: Vec<Entity> = Vec::new();
        let mut add = |s: &Scored, by: &'static str, at_least: &dyn Fn(bool) -> f32| {
            let person = catalog.topic(s.row).is_some_and(|t| t.eq_ignore_ascii_case(PERSON));
            let name = catalog.caption(s.row);
            if s.score >= at_least(person) && found.iter().all(|e| e.name != name) {
                found.push(Entity { name: name.to_owned(), by, similarity: s.score, person });
            }
        };
        nearest(self.names)?.iter().for_each(|s| add(s, "name", &|_| BY_NAME));
        if let Some(pictures) = self.pictures {
            let at_least = |person: bool| if person { PERSON_BY_PICTURE } else { BY_PICTURE };
            nearest(pictures)?.iter().for_each(|s| add(s, "picture", &at_least));
        }
        Ok(found)
    }
}
