//! What is ranked, and what is right: the distinct captions and images of an index.

use super::Error;
use crate::index::{Index, Modality};
use crate::words::{MatrixRow, Row};
use std::collections::HashMap;

/// No caption, or no image.
const NONE: u32 = u32::MAX;

/// From what to what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// A caption finds its images.
    TextToImage,
    /// An image finds its captions.
    ImageToText,
}

impl Direction {
    /// `text→image` or `image→text`.
    pub fn name(self) -> &'static str {
        match self {
            Direction::TextToImage => "text→image",
            Direction::ImageToText => "image→text",
        }
    }
}

/// The distinct captions, or images, of an index: each with its vector and the first row that has it.
#[derive(Debug)]
pub struct Side<'a> {
    pub(super) modality: &'a Modality,
    /// The vector of an item.
    pub(super) at: Vec<MatrixRow>,
    /// The first row of an item, ascending.
    pub(super) first: Vec<Row>,
    /// Catalog row → item.
    of_row: Vec<u32>,
}

impl Side<'_> {
    /// The item of a row.
    pub(super) fn item(&self, row: Row) -> Option<u32> {
        self.of_row.get(row.index()).copied().filter(|&i| i != NONE)
    }

    fn len(&self) -> usize {
        self.at.len()
    }
}

/// Items that two spaces share: (item here, item there), in the order of the first.
pub type Shared = Vec<(u32, u32)>;

/// Rows that were passed over, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Passed {
    /// The caption is empty.
    pub empty_caption: u64,
    /// A vector is missing.
    pub missing_vector: u64,
}

/// Captions and images of one space.
///
/// Captions are distinct by text, images by path; an item's vector is that of the first row that has one (rows of one image should
/// have one vector: a graph holds them all). Items are in the order of these rows.
#[derive(Debug)]
pub struct Space<'a> {
    index: &'a Index,
    pub(super) captions: Side<'a>,
    pub(super) images: Side<'a>,
    /// Per caption, the images that belong to it, ascending.
    images_of: Vec<Vec<u32>>,
    /// Per image, the captions that belong to it, ascending.
    captions_of: Vec<Vec<u32>>,
    /// Per image, the captions that stand beside it, right or wrong, ascending.
    beside: Vec<Vec<u32>>,
    /// Rows that were passed over.
    pub passed: Passed,
}

impl<'a> Space<'a> {
    /// Of the captions and images of two modalities those that `right(row)` says belong together; the others are there, too, to be
    /// confused with.
    ///
    /// # Errors
    /// [`Error::Modality`], [`Error::Widths`], [`Error::Nothing`].
    pub fn new(
        index: &'a Index,
        captions: &str,
        images: &str,
        right: impl Fn(Row) -> bool,
    ) -> Result<Space<'a>, Error> {
        let find = |name: &str| {
            index.modality(name).ok_or_else(|| Error::Modality {
                got: name.to_owned(),
                have: index.modalities.iter().map(|m| m.name.clone()).collect(),
            })
        };
        let (text, image) = (find(captions)?, find(images)?);
        if text.matrix.dim() != image.matrix.dim() {
            return Err(Error::Widths {
                captions: captions.to_owned(),
                captions_dim: text.matrix.dim(),
                images: images.to_owned(),
                images_dim: image.matrix.dim(),
            });
        }
        let catalog = &index.catalog;
        let mut passed = Passed::default();
        let captions = side(index, text, |row| Some(catalog.caption(row)).filter(|c| !c.trim().is_empty()));
        let images = side(index, image, |row| Some(catalog.image(row)));
        let (mut images_of, mut captions_of) = (vec![Vec::new(); captions.len()], vec![Vec::new(); images.len()]);
        let mut beside = captions_of.clone();
        for row in catalog.rows() {
            let (Some(caption), Some(image)) = (captions.item(row), images.item(row)) else {
                let empty = catalog.caption(row).trim().is_empty();
                passed.empty_caption += u64::from(empty);
                passed.missing_vector += u64::from(!empty);
                continue;
            };
            beside[image as usize].push(caption);
            if right(row) {
                images_of[caption as usize].push(image);
                captions_of[image as usize].push(caption);
            }
        }
        for list in [&mut images_of, &mut captions_of, &mut beside] {
            list.iter_mut().for_each(|items| {
                items.sort_unstable();
                items.dedup();
            });
        }
        if images_of.iter().all(Vec::is_empty) {
            return Err(Error::Nothing(format!(
                "of {} rows {} lack a vector, {} have an empty caption, and the others were not chosen",
                catalog.len(),
                passed.missing_vector,
                passed.empty_caption
            )));
        }
        Ok(Space { index, captions, images, images_of, captions_of, beside, passed })
    }

    /// Items of one side, to be ranked.
    pub(super) fn side(&self, direction: Direction) -> (&Side<'a>, &Side<'a>) {
        match direction {
            Direction::TextToImage => (&self.captions, &self.images),
            Direction::ImageToText => (&self.images, &self.captions),
        }
    }

    /// What belongs to a caption (an image), ascending.
    pub fn right(&self, direction: Direction, query: u32) -> &[u32] {
        let lists = match direction {
            Direction::TextToImage => &self.images_of,
            Direction::ImageToText => &self.captions_of,
        };
        lists.get(query as usize).map_or(&[], Vec::as_slice)
    }

    /// Distinct captions that stand beside an image, right or wrong.
    pub(super) fn beside(&self, image: u32) -> &[u32] {
        &self.beside[image as usize]
    }

    /// How many distinct images.
    pub fn images(&self) -> u32 {
        self.images.len() as u32
    }

    /// How many distinct captions.
    pub fn captions(&self) -> u32 {
        self.captions.len() as u32
    }

    /// The first row that has a query's caption (image).
    pub fn row(&self, direction: Direction, query: u32) -> Row {
        self.side(direction).0.first[query as usize]
    }

    /// The captions and the images of `self` that `other` has, too, by text and by path.
    pub fn common(&self, other: &Space<'_>) -> (Shared, Shared) {
        let (mine, theirs) = (&self.index.catalog, &other.index.catalog);
        let texts: HashMap<&str, u32> = other.captions.first.iter().map(|&r| theirs.caption(r)).zip(0..).collect();
        let paths: HashMap<&str, u32> = other.images.first.iter().map(|&r| theirs.image_path(r)).zip(0..).collect();
        let captions = (0..).zip(&self.captions.first);
        let images = (0..).zip(&self.images.first);
        (
            captions.filter_map(|(i, &row)| Some((i, *texts.get(mine.caption(row))?))).collect(),
            images.filter_map(|(i, &row)| Some((i, *paths.get(mine.image_path(row))?))).collect(),
        )
    }
}

fn side<'a, K: std::hash::Hash + Eq>(
    index: &'a Index,
    modality: &'a Modality,
    key: impl Fn(Row) -> Option<K>,
) -> Side<'a> {
    let mut side =
        Side { modality, at: Vec::new(), first: Vec::new(), of_row: vec![NONE; index.catalog.len() as usize] };
    let mut known: HashMap<K, u32> = HashMap::new();
    for row in index.catalog.rows() {
        let (Some(key), Some(at)) = (key(row), modality.matrix.find(row)) else { continue };
        known.entry(key).or_insert_with(|| {
            side.at.push(at);
            side.first.push(row);
            side.at.len() as u32 - 1
        });
    }
    // A row without a vector of its own has that of its caption's (image's) other rows, earlier or later.
    for row in index.catalog.rows() {
        if let Some(&item) = key(row).and_then(|key| known.get(&key)) {
            side.of_row[row.index()] = item;
        }
    }
    side
}
