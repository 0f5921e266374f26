//! One caption and its image, checked: evidence, captions ranked by item, entities, verdict; and what could not be looked for.

use super::{
    Archive, Asked, By, Entity, EntityIndex, Error, Item, Line, Outcome, Ranked, Settings, ranked_captions, same_words,
    verdict,
};
use crate::words::{Mention, Row};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A find of others: a search of the web, a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// By what it was found.
    pub by: By,
    /// Where: the name of a file, a search.
    pub from: String,
    /// Where it stands, for messages.
    pub at: String,
    /// The caption that was found; it may be empty, and then matches nothing.
    pub caption: String,
    /// The cosine of the image that was found and the image that is asked about.
    pub similarity: Option<f32>,
    /// Or the vector of the image that was found, of any length but 0.
    pub vector: Option<Vec<f32>>,
    /// Outlet.
    pub source: Option<String>,
    /// Web domain.
    pub domain: Option<String>,
    /// When it was published, as the source says it.
    pub date: Option<String>,
    /// What the caption mentions; `None`: nobody looked.
    pub entities: Option<Vec<Mention>>,
}

impl Found {
    /// A caption of which no more is known.
    pub fn caption(by: By, from: &str, caption: String) -> Found {
        let (from, at) = (from.to_owned(), from.to_owned());
        let (source, domain, date) = (None, None, None);
        Found { by, from, at, caption, similarity: None, vector: None, source, domain, date, entities: None }
    }
}

/// Everything that is said of one caption and its image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Checked {
    /// The verdict; its fields stand beside the others.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// By image first, then by caption: of either kind the archive's lines before those of others.
    pub evidence: Vec<Line>,
    /// Captions that the image carried, for each item in the order in which they speak of it; empty where nobody knows what they
    /// mention.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub context: BTreeMap<Item, Vec<Ranked>>,
    /// What may be in the image, where an index of entities was asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub entities: Vec<Entity>,
    /// What was not looked for, and why.
    pub skipped: Vec<String>,
}

/// Where evidence is looked for.
#[derive(Debug, Clone, Copy)]
pub struct Checker<'a> {
    /// Captioned images that are taken as true.
    pub archive: Option<Archive<'a>>,
    /// Names, and pictures of what they name.
    pub entities: Option<EntityIndex<'a>>,
    /// What counts as what.
    pub settings: Settings,
}

impl Checker<'_> {
    /// Checks one caption. `own`: its row in the archive, which is no evidence about itself.
    ///
    /// # Errors
    /// [`Error::Width`]; [`Error::Found`]: the vector of a find cannot be compared.
    pub fn check(&self, asked: &Asked, own: Option<Row>, found: Vec<Found>) -> Result<Checked, Error> {
        let mut skipped = self.skipped(asked);
        let mut lines = match &self.archive {
            Some(archive) => archive.lines(asked, &self.settings, own)?,
            None => Vec::new(),
        };
        if asked.image.is_none() {
            let vectors = found.iter().filter(|f| f.similarity.is_none() && f.vector.is_some()).count();
            if vectors > 0 {
                skipped.push(format!("{vectors} finds have vectors, and the image has none: they were not compared"));
            }
        }
        let (mut others, words) = (0, same_words(&asked.caption));
        for find in found {
            let line = self.line(asked, &words, find)?;
            // What was found by image is evidence of it only if the two are one image; a find without a cosine is taken at its word.
            match line.by == By::Image && line.image_similarity.is_some_and(|s| s < self.settings.same_image) {
                true => others += 1,
                false => lines.push(line),
            }
        }
        if others > 0 {
            let below = self.settings.same_image;
            skipped.push(format!("{others} finds by image show another image (cosine below {below}): no evidence"));
        }
        // A stable sort: each kind stays in its order.
        lines.sort_by_key(|line| line.by == By::Caption);
        let entities = match (&self.entities, &asked.image) {
            (Some(index), Some(image)) => index.of_image(image)?,
            (Some(_), None) => {
                skipped.push("the image has no vector: no entities were looked for".to_owned());
                Vec::new()
            }
            (None, _) => Vec::new(),
        };
        let outcome = verdict(&lines, &self.settings);
        Ok(Checked { outcome, context: context(&lines), evidence: lines, entities, skipped })
    }

    /// What cannot be looked for, said beforehand.
    fn skipped(&self, asked: &Asked) -> Vec<String> {
        let mut skipped = Vec::new();
        if same_words(&asked.caption).is_empty() {
            skipped.push("the caption is empty: it matches nothing".to_owned());
        }
        let Some(archive) = &self.archive else { return skipped };
        if asked.image.is_none() {
            skipped.push(
                "the image has no vector: the archive was not searched by image, and no images were compared"
                    .to_owned(),
            );
        }
        let only = "of the archive's captions only those that match were looked at";
        match (asked.text.is_some(), archive.has_texts()) {
            (_, false) => skipped.push(format!("the archive's captions have no vectors: {only}")),
            (false, true) => skipped.push(format!("the caption has no vector: {only}")),
            (true, true) => {}
        }
        skipped
    }

    fn line(&self, asked: &Asked, words: &str, find: Found) -> Result<Line, Error> {
        let image_similarity = match (find.similarity, &find.vector, &asked.image) {
            (Some(cosine), ..) => Some(cosine),
            (None, Some(vector), Some(image)) => {
                let wrong = |what: String| Error::Found { at: find.at.clone(), what };
                if vector.len() != image.len() {
                    let (got, expected) = (vector.len(), image.len());
                    return Err(wrong(format!("a vector of {got} dimensions, the image's has {expected}")));
                }
                let sum = |of: &dyn Fn(f64, f64) -> f64| -> f64 {
                    vector.iter().zip(image).map(|(a, b)| of(f64::from(*a), f64::from(*b))).sum()
                };
                let length = sum(&|a, _| a * a).sqrt();
                if length == 0.0 || !length.is_finite() {
                    return Err(wrong("the vector is zero, or not finite".to_owned()));
                }
                Some((sum(&|a, b| a * b) / length) as f32)
            }
            _ => None,
        };
        Ok(Line {
            by: find.by,
            from: find.from,
            id: None,
            image_path: None,
            image_similarity,
            text_similarity: None,
            caption_matches: self.settings.captions.holds(words, &same_words(&find.caption)),
            source: find.source,
            domain: find.domain,
            date: find.date,
            entities: find.entities,
            caption: find.caption,
        })
    }
}

/// Captions by image, ranked for each item, where it is known of any what it mentions.
fn context(lines: &[Line]) -> BTreeMap<Item, Vec<Ranked>> {
    let by_image: Vec<(usize, &Line)> = lines.iter().enumerate().filter(|(_, line)| line.by == By::Image).collect();
    let known: Vec<Option<&[Mention]>> = by_image.iter().map(|(_, line)| line.entities.as_deref()).collect();
    if known.iter().all(Option::is_none) {
        return BTreeMap::new();
    }
    let ranked = |item: Item| {
        let one = |place: usize| {
            let (line, caption) = (by_image[place].0, by_image[place].1.caption.clone());
            let speaks = |m: &&Mention| item.labels().contains(&m.label.as_str());
            let entities = known[place].unwrap_or_default().iter().filter(speaks).map(|m| m.text.clone()).collect();
            Ranked { line, caption, entities }
        };
        ranked_captions(&known, item).into_iter().map(one).collect()
    };
    Item::ALL.into_iter().map(|item| (item, ranked(item))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::Verdict;

    const NOWHERE: Checker<'_> = Checker {
        archive: None,
        entities: None,
        settings: Settings {
            same_image: 0.92,
            other_image: 0.70,
            near_caption: 0.95,
            captions: crate::evidence::Match::Equal,
            most: 20,
        },
    };

    fn asked() -> Asked {
        Asked { caption: "A flood in Oslo".into(), image: Some(vec![1.0, 0.0]), text: None }
    }

    #[test]
    fn finds_of_others() {
        let of = |by, caption: &str| Found::caption(by, "web", caption.to_owned());
        let near = Found { vector: Some(vec![9.0, 1.0]), ..of(By::Image, "Oslo under water") };
        let other = Found { similarity: Some(0.5), ..of(By::Image, "A flood in Oslo") };
        let far = Found { vector: Some(vec![0.0, 3.0]), ..of(By::Caption, "a flood, in OSLO") };
        let said = NOWHERE.check(&asked(), None, vec![far, near, other]).unwrap();
        // By image first; the image of another was no evidence, though its caption matches.
        let lines: Vec<_> = said.evidence.iter().map(|l| (l.by, l.caption_matches)).collect();
        assert_eq!(lines, [(By::Image, false), (By::Caption, true)]);
        assert_eq!((said.outcome.verdict, said.outcome.line), (Verdict::OutOfContext, Some(1)));
        assert!((said.evidence[0].image_similarity.unwrap() - 9.0 / 82.0f32.sqrt()).abs() < 1e-6);
        assert!(said.skipped[0].contains("1 finds by image"), "{:?}", said.skipped);
        assert!(said.context.is_empty());
        for (vector, what) in [(vec![1.0], "1 dimensions"), (vec![0.0; 2], "zero"), (vec![f32::NAN, 0.0], "finite")] {
            let wrong = Found { vector: Some(vector), ..of(By::Caption, "x") };
            assert!(NOWHERE.check(&asked(), None, vec![wrong]).unwrap_err().to_string().contains(what));
        }
    }

    #[test]
    fn captions_by_item_name_their_line_and_their_words() {
        let mention = |text: &str, label: &str| Mention { text: text.into(), label: label.into(), link: None };
        let first = Found::caption(By::Image, "web", "Ada Lane wading".into());
        let second = Found {
            entities: Some(vec![mention("Oslo", "GPE"), mention("Ada Lane", "PERSON")]),
            ..Found::caption(By::Image, "web", "Ada Lane in Oslo".into())
        };
        let by_caption = Found { entities: Some(vec![mention("Bergen", "GPE")]), by: By::Caption, ..second.clone() };
        let said = NOWHERE.check(&asked(), None, vec![by_caption, first, second]).unwrap();
        let places: Vec<_> = said.context[&Item::Location].iter().map(|r| (r.line, r.entities.clone())).collect();
        assert_eq!(places, [(1, vec!["Oslo".to_owned()]), (0, Vec::new())]);
        assert_eq!(said.context.len(), Item::ALL.len());
        // Through JSON and back.
        let text = serde_json::to_string(&said).unwrap();
        let mut back: Checked = serde_json::from_str(&text).unwrap();
        back.evidence.iter_mut().zip(&said.evidence).for_each(|(b, s)| b.entities.clone_from(&s.entities));
        assert_eq!(back, said);
    }
}
