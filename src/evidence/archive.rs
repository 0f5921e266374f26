//! Evidence from an index: by image, and by caption.

use super::{Asked, By, Error, Line, Settings, same_words};
use crate::index::{Index, Modality};
use crate::kernels::{Block, padded};
use crate::retrieve::{self, Asked as Wanted, Engine, Sight};
use crate::words::{Order, Row, Scored};
use std::collections::HashMap;

/// An index of captioned images, taken as true.
#[derive(Debug)]
pub struct Archive<'a> {
    index: &'a Index,
    images: &'a Modality,
    texts: Option<&'a Modality>,
    /// Captions as [`same_words`] gives them → rows, ascending.
    known: HashMap<String, Vec<Row>>,
}

impl<'a> Archive<'a> {
    /// Reads every caption once. Without a modality of captions only those that match are found by caption.
    ///
    /// # Errors
    /// [`Error::Modality`]: there are no images.
    pub fn new(index: &'a Index, images: &str, texts: &str) -> Result<Archive<'a>, Error> {
        let modality = index.modality(images).ok_or_else(|| Error::Modality {
            got: images.to_owned(),
            have: index.modalities.iter().map(|m| m.name.clone()).collect(),
        })?;
        let mut known: HashMap<String, Vec<Row>> = HashMap::new();
        for row in index.catalog.rows() {
            let words = same_words(index.catalog.caption(row));
            if !words.is_empty() {
                known.entry(words).or_default().push(row);
            }
        }
        Ok(Archive { index, images: modality, texts: index.modality(texts), known })
    }

    fn nearest(modality: &Modality, what: &'static str, vector: &[f32], k: usize) -> Result<Vec<Scored>, Error> {
        let (expected, got) = (modality.matrix.dim(), vector.len());
        let width = || Error::Width { what, modality: modality.name.clone(), expected, got };
        let mut block = Block::with_capacity(expected, 1).map_err(|_| width())?;
        block.push(vector).map_err(|_| width())?;
        let wanted =
            Wanted { k, order: Order::Highest, among: None, engine: Engine::Auto, sight: Sight::Usual, likely: 1.0 };
        let found = retrieve::plain(modality, &block, wanted)?.pop();
        Ok(found.map_or_else(Vec::new, |f| f.best))
    }

    /// Evidence by image, the most similar first, then by caption: those that match first, then the nearest. `skip`: a row that is
    /// no evidence, being what is asked about.
    ///
    /// # Errors
    /// [`Error::Width`].
    pub fn lines(&self, asked: &Asked, settings: &Settings, skip: Option<Row>) -> Result<Vec<Line>, Error> {
        let words = same_words(&asked.caption);
        let cosine = |modality: &Modality, vector: &Option<Vec<f32>>, row: Row| -> Option<f32> {
            let mut query = vector.clone()?;
            query.resize(padded(query.len()), 0.0);
            let at = modality.matrix.find(row)?;
            (query.len() == modality.matrix.stride()).then(|| modality.matrix.dot(&query, at))
        };
        let catalog = &self.index.catalog;
        let line = |by: By, row: Row| {
            let caption = catalog.caption(row).to_owned();
            Line {
                by,
                from: "archive".into(),
                id: Some(catalog.id(row)),
                image_path: Some(catalog.image_path(row).to_owned()),
                image_similarity: cosine(self.images, &asked.image, row),
                text_similarity: self.texts.and_then(|t| cosine(t, &asked.text, row)),
                caption_matches: settings.captions.holds(&words, &same_words(&caption)),
                source: catalog.source(row).map(str::to_owned),
                domain: None,
                date: catalog.timestamp(row).map(|t| t.to_iso()),
                caption,
            }
        };
        let mut lines = Vec::new();
        if let Some(image) = &asked.image {
            let found = Archive::nearest(self.images, "the image's vector", image, settings.most + 1)?;
            let like = found.iter().filter(|s| s.score >= settings.same_image && Some(s.row) != skip);
            lines.extend(like.take(settings.most).map(|s| line(By::Image, s.row)));
        }
        // Captions that match, and then those that are near.
        let mut rows: Vec<Row> = match settings.captions {
            super::Match::Equal => self.known.get(&words).cloned().unwrap_or_default(),
            super::Match::Within if words.is_empty() => Vec::new(),
            super::Match::Within => {
                let found = self.known.iter().filter(|(known, _)| known.contains(&words));
                let mut rows: Vec<Row> = found.flat_map(|f| f.1).copied().collect();
                rows.sort_unstable();
                rows
            }
        };
        if let (Some(texts), Some(text)) = (self.texts, &asked.text) {
            let near = Archive::nearest(texts, "the caption's vector", text, settings.most + 1)?;
            for s in near.iter().filter(|s| s.score >= settings.near_caption) {
                if !rows.contains(&s.row) {
                    rows.push(s.row);
                }
            }
        }
        lines.extend(rows.into_iter().filter(|&r| Some(r) != skip).take(settings.most).map(|r| line(By::Caption, r)));
        Ok(lines)
    }
}
