//! Evidence from an index: by image, and by caption.

use super::{Asked, By, Captions, Error, Line, Settings, cosines, nearest, same_words};
use crate::index::{Index, Modality};
use crate::kernels::padded;
use crate::words::{Mention, Row};

/// An index of captioned images, taken as true.
#[derive(Debug, Clone, Copy)]
pub struct Archive<'a> {
    index: &'a Index,
    images: &'a Modality,
    texts: Option<&'a Modality>,
    captions: &'a Captions,
}

impl<'a> Archive<'a> {
    /// `captions`: those of this index. Without a modality of texts, evidence by caption is what matches, and no more.
    ///
    /// # Errors
    /// [`Error::Modality`]: there are no images; [`Error::Metric`]: they are not compared by cosine.
    pub fn new(index: &'a Index, captions: &'a Captions, images: &str, texts: &str) -> Result<Archive<'a>, Error> {
        let texts = index.modality(texts).map(|_| cosines(index, texts)).transpose()?;
        Ok(Archive { index, images: cosines(index, images)?, texts, captions })
    }

    /// Do its captions have vectors?
    pub fn has_texts(&self) -> bool {
        self.texts.is_some()
    }

    /// A sample as what is asked about, with such vectors as it has.
    pub fn sample(&self, row: Row) -> Asked {
        let vector = |modality: &Modality| {
            let matrix = &modality.matrix;
            Some(matrix.padded(matrix.find(row)?)[..matrix.dim()].to_vec())
        };
        let caption = self.index.catalog.caption(row).to_owned();
        Asked { caption, image: vector(self.images), text: self.texts.and_then(vector) }
    }

    /// The caption of one sample with the image of another, or of the same: then it is no evidence about itself.
    pub fn pair(&self, caption: Row, image: Row) -> (Asked, Option<Row>) {
        let asked = Asked { image: self.sample(image).image, ..self.sample(caption) };
        (asked, (caption == image).then_some(caption))
    }

    /// What a caption mentions; `None`: nobody looked.
    fn mentions(&self, row: Row) -> Option<Vec<Mention>> {
        let catalog = &self.index.catalog;
        let labels: Vec<&str> = catalog.labels().collect();
        let mention = |m: crate::catalog::MentionRef| {
            let label = labels.get(usize::from(m.label?))?;
            Some(Mention { text: catalog.name(m.name).text.to_owned(), label: (*label).to_owned(), link: None })
        };
        catalog.flags(row).entities_known().then(|| catalog.mentions(row).filter_map(mention).collect())
    }

    /// Evidence by image, the most similar first, then by caption: those that match first, then the nearest. `skip`: a row that is
    /// no evidence, being what is asked about. Without an image's vector there is none by image, without a caption's only captions
    /// that match.
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
                entities: self.mentions(row),
                caption,
            }
        };
        let mut lines = Vec::new();
        if let Some(image) = &asked.image {
            let found = nearest(self.images, "the image's vector", image, settings.most + 1)?;
            let like = found.iter().filter(|s| s.score >= settings.same_image && Some(s.row) != skip);
            lines.extend(like.take(settings.most).map(|s| line(By::Image, s.row)));
        }
        // Captions that match, and then those that are near.
        let mut rows = self.captions.matching(catalog, &words, settings.captions);
        if let (Some(texts), Some(text)) = (self.texts, &asked.text) {
            let near = nearest(texts, "the caption's vector", text, settings.most + 1)?;
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
