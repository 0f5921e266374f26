//! One sample and its facts, as a reader hands them over.

use super::{SampleId, Timestamp};

/// One (image, caption) pair as the catalog file gives it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sample {
    /// The id, or `None` where the file has no id column (the row number becomes the id).
    pub id: Option<SampleId>,
    /// The caption, as given.
    pub caption: String,
    /// The image path, compared as stored: two samples with one path are one image.
    pub image_path: String,
    /// The outlet, where known.
    pub source: Option<String>,
    /// The topic, where known.
    pub topic: Option<String>,
    /// Facts the catalog itself carries; a metadata file may add more.
    pub facts: Facts,
}

/// What is known about a sample beside its caption and image. `None` means *unknown*.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Facts {
    /// When it was published.
    pub timestamp: Option<Timestamp>,
    /// Entity mentions of the caption, in order. `Some(vec![])`: known to have none.
    pub entities: Option<Vec<Mention>>,
    /// Linked titles that belong to no mention (the published metadata lists them apart).
    /// Read only where `entities` is known.
    pub links: Vec<String>,
    /// How many persons a detector boxed in the image.
    pub person_boxes: Option<u32>,
    /// Names of the persons who are in the picture; `None`: every PERSON counts as pictured.
    pub pictured: Option<Vec<String>>,
    /// The caption fits any picture. Unknown counts as false.
    pub generic: Option<bool>,
    /// The image cannot be read. Unknown counts as false.
    pub corrupted: Option<bool>,
    /// train / val / test, or any other name.
    pub partition: Option<String>,
}

/// One entity mention of a caption.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Mention {
    /// The words as they stand in the caption.
    pub text: String,
    /// The spaCy label, as given (`PERSON`, `GPE`, `DATE` …).
    pub label: String,
    /// The linked (Wikipedia) title.
    pub link: Option<String>,
}

impl Facts {
    /// Takes every fact that `other` knows; the rest stays as it is.
    pub fn merge(&mut self, other: Facts) {
        fn take<T>(mine: &mut Option<T>, theirs: Option<T>) {
            if theirs.is_some() {
                *mine = theirs;
            }
        }
        take(&mut self.timestamp, other.timestamp);
        take(&mut self.entities, other.entities);
        if !other.links.is_empty() {
            self.links = other.links;
        }
        take(&mut self.person_boxes, other.person_boxes);
        take(&mut self.pictured, other.pictured);
        take(&mut self.generic, other.generic);
        take(&mut self.corrupted, other.corrupted);
        take(&mut self.partition, other.partition);
    }
}
