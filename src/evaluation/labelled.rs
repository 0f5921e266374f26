//! A dataset of captions with right and wrong images, as it was read.

use crate::words::SampleId;
use std::collections::HashMap;

/// One caption with one image.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The sample whose caption it is.
    pub id: SampleId,
    /// The sample whose image it is.
    pub image_id: SampleId,
    /// The image is not the caption's own.
    pub falsified: bool,
    /// The split's score, where the file has one.
    pub score: Option<f32>,
    /// In a merged set: the split it comes from, an index into [`Part::blocks`].
    pub block: Option<u32>,
    /// The caption, where it is known.
    pub caption: Option<String>,
    /// The path of the image, where it is known: two samples of one path have one image.
    pub image_path: Option<String>,
}

/// What tells images apart: the path where it is known, else the id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ImageKey<'a> {
    /// By path.
    Path(&'a str),
    /// By the sample's id.
    Id(&'a SampleId),
}

impl std::fmt::Display for ImageKey<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ImageKey::Path(path) => write!(f, "image {path}"),
            ImageKey::Id(id) => write!(f, "image_id {}", id.to_json()),
        }
    }
}

impl Entry {
    /// Its image.
    pub fn image(&self) -> ImageKey<'_> {
        match &self.image_path {
            Some(path) => ImageKey::Path(path),
            None => ImageKey::Id(&self.image_id),
        }
    }
}

/// One file: a split's pairs in one partition.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Part {
    /// The split.
    pub split: String,
    /// The partition.
    pub partition: String,
    /// In file order: every even one pristine, the next its falsified twin.
    pub entries: Vec<Entry>,
    /// In a merged set: the names of the splits that it is made of; otherwise empty.
    pub blocks: Vec<String>,
}

impl Part {
    /// `split/partition`.
    pub fn name(&self) -> String {
        format!("{}/{}", self.split, self.partition)
    }

    /// Is it made of several splits?
    pub fn is_merged(&self) -> bool {
        !self.blocks.is_empty()
    }

    /// Rows two by two: the number of the first, it, and its twin. What breaks the pattern is left out (and reported by
    /// [`invariants`](super::invariants)).
    pub fn pairs(&self) -> impl Iterator<Item = (usize, &Entry, &Entry)> {
        let all = self.entries.chunks_exact(2).enumerate().map(|(i, two)| (2 * i, &two[0], &two[1]));
        all.filter(|(_, p, f)| !p.falsified && f.falsified && p.id == f.id)
    }

    /// The groups that were balanced each by itself: the blocks of a merged set, or the whole.
    pub fn groups(&self) -> Vec<(String, Vec<&Entry>)> {
        if !self.is_merged() {
            return vec![(self.split.clone(), self.entries.iter().collect())];
        }
        let mut groups: Vec<(String, Vec<&Entry>)> = self.blocks.iter().map(|b| (b.clone(), Vec::new())).collect();
        for entry in &self.entries {
            if let Some(group) = entry.block.and_then(|b| groups.get_mut(b as usize)) {
                group.1.push(entry);
            }
        }
        groups
    }
}

/// A whole dataset: files in the order of their names.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Dataset {
    /// Its files.
    pub parts: Vec<Part>,
}

impl Dataset {
    /// Names in the order they first come.
    fn distinct<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
        let mut seen = Vec::new();
        for name in names {
            if !seen.contains(&name) {
                seen.push(name);
            }
        }
        seen
    }

    /// The partitions: train, val and test first, the others as they come.
    pub fn partitions(&self) -> Vec<&str> {
        let mut all = Self::distinct(self.parts.iter().map(|p| p.partition.as_str()));
        let usual = |name: &str| ["train", "val", "test"].iter().position(|u| *u == name).unwrap_or(3);
        all.sort_by_key(|name| usual(name));
        all
    }

    /// The splits, merged ones last.
    pub fn splits(&self) -> Vec<&str> {
        let mut all = Self::distinct(self.parts.iter().map(|p| p.split.as_str()));
        all.sort_by_key(|name| self.parts.iter().any(|p| p.split == *name && p.is_merged()));
        all
    }

    /// The file of a split and a partition.
    pub fn part(&self, split: &str, partition: &str) -> Option<&Part> {
        self.parts.iter().find(|p| p.split == split && p.partition == partition)
    }

    /// Gives every entry its caption and the path of its image, by the two ids; what `find` does not know stays as it is.
    /// Returns the ids that it did not know, each with the first place that names it.
    pub fn hydrate<'a>(&mut self, find: impl Fn(&SampleId) -> Option<(&'a str, &'a str)>) -> Vec<(SampleId, String)> {
        let mut unknown: HashMap<SampleId, (usize, String)> = HashMap::new();
        for part in &mut self.parts {
            let name = part.name();
            for (row, entry) in part.entries.iter_mut().enumerate() {
                let mut miss = |id: &SampleId| {
                    let order = unknown.len();
                    unknown.entry(id.clone()).or_insert_with(|| (order, format!("{name} row {row}")));
                };
                match find(&entry.id) {
                    Some((caption, _)) => entry.caption = Some(caption.to_owned()),
                    None => miss(&entry.id),
                }
                match find(&entry.image_id) {
                    Some((_, path)) => entry.image_path = Some(path.to_owned()),
                    None => miss(&entry.image_id),
                }
            }
        }
        let mut unknown: Vec<(SampleId, (usize, String))> = unknown.into_iter().collect();
        unknown.sort_by_key(|u| u.1.0);
        unknown.into_iter().map(|(id, (_, place))| (id, place)).collect()
    }
}
