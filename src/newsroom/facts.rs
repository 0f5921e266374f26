//! Samples as JSON: the catalog record and the metadata entry, in the published field names.

use super::chance::Domain;
use super::world::{Sample, World};
use jiff::civil::Time;
use serde::Serialize;

/// A record of `data.json`.
#[derive(Serialize)]
pub(super) struct Record<'a> {
    id: i32,
    caption: &'a str,
    topic: &'a str,
    source: &'a str,
    image_path: &'a str,
    article_path: String,
}

/// A value of `metadata/{partition}.json`: the published keys, then the optional ones that
/// NewsCLIPpings does not publish. `None` is an absent key.
#[derive(Serialize)]
pub(super) struct Entry<'a> {
    caption: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) timestamp: Option<String>,
    source: &'a str,
    topic: &'a str,
    title: String,
    image_path: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) caption_entities_spacy: Option<Vec<(&'a str, &'static str)>>,
    caption_entities_rel: Vec<(&'a str, f64)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) person_boxes: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) pictured: Option<Vec<&'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) generic: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) corrupted: Option<bool>,
}

/// Which rows and entries a sample has: clip image, clip text, sbert, places; metadata.
pub(super) struct Presence {
    pub(super) rows: [bool; 4],
    pub(super) metadata: bool,
}

impl<'a> Record<'a> {
    pub(super) fn of(sample: &'a Sample) -> Self {
        Record {
            id: sample.id,
            caption: &sample.caption.text,
            topic: sample.topic(),
            source: sample.outlet,
            image_path: &sample.image_path,
            article_path: format!("./{}/articles/{}.txt", sample.outlet, sample.id),
        }
    }
}

impl<'a> Entry<'a> {
    /// The entry of a sample, with what is missing left out.
    pub(super) fn of(world: &World, sample: &'a Sample) -> Self {
        let mut chance = world.seeds.stream(Domain::Metadata, sample.index);
        let caption = &sample.caption;
        let pictured: Vec<&str> = sample.pictured().collect();
        let all = pictured.len() == caption.persons.len();
        let timestamp = match chance.below(1000) {
            0..10 => None,
            10..110 => Some(sample.date.to_string()),
            _ => {
                let minute = chance.below(24 * 60);
                let time = Time::constant((minute / 60) as i8, (minute % 60) as i8, 0, 0);
                Some(format!("{}Z", sample.date.to_datetime(time)))
            }
        };
        let crowd = if chance.per_mille(250) { 1 + chance.below(9) } else { 0 };
        let boxes = pictured.len() as u32 + crowd;
        // Without the list every PERSON counts as pictured.
        let listed = !all || chance.per_mille(if caption.persons.is_empty() { 200 } else { 600 });
        let mut links: Vec<(&str, f64)> = Vec::new();
        for link in caption.mentions.iter().filter_map(|mention| mention.link.as_deref()) {
            if links.iter().all(|(title, _)| *title != link) {
                links.push((link, f64::from(50 + chance.below(50)) / 100.0));
            }
        }
        let spacy = caption.mentions.iter().map(|mention| (mention.text.as_str(), mention.label)).collect();
        Entry {
            caption: &caption.text,
            timestamp,
            source: sample.outlet,
            topic: sample.topic(),
            title: sample.title(),
            image_path: &sample.image_path,
            caption_entities_spacy: Some(spacy).filter(|_| !chance.per_mille(4)),
            caption_entities_rel: links,
            person_boxes: Some(boxes).filter(|_| !chance.per_mille(40)),
            pictured: Some(pictured).filter(|_| listed),
            generic: if caption.generic { Some(true) } else { Some(false).filter(|_| chance.per_mille(50)) },
            corrupted: match chance.below(1000) {
                0..5 => Some(true),
                5..50 => Some(false),
                _ => None,
            },
        }
    }
}

impl Presence {
    /// Scene rows exist for captions without a PERSON (but not for close-ups and generic ones) and
    /// for pictures of a person; of everything, a few are missing.
    pub(super) fn of(world: &World, sample: &Sample) -> Self {
        let mut chance = world.seeds.stream(Domain::Presence, sample.index);
        let close_up = chance.per_mille(150);
        let scene = sample.caption.persons.is_empty() && !sample.caption.generic && !close_up;
        let scene = scene || sample.pictured().next().is_some();
        Presence {
            rows: [true, true, true, scene].map(|row| !chance.per_mille(5) && row),
            metadata: !chance.per_mille(5),
        }
    }
}

impl Sample {
    fn topic(&self) -> &'static str {
        super::scenes::topic(self.event.topic).name
    }

    /// The names by which the caption calls the persons in the picture.
    pub(super) fn pictured(&self) -> impl Iterator<Item = &str> {
        let seen = &self.picture.persons;
        self.caption.persons.iter().filter(|(person, _)| seen.contains(person)).map(|(_, name)| name.as_str())
    }

    /// The article's headline: the caption's beginning, as far as the outlet is concerned.
    fn title(&self) -> String {
        self.caption.text.split(' ').take(7).collect::<Vec<_>>().join(" ")
    }
}
