//! Seeded draws of images, with what is asked and looked through in each.

use super::{Direction, Space};
use crate::matcher::chunks::shuffle;

/// The stream of the shuffles; each draw has one of its own behind it.
const STREAM: u64 = 7_000;

/// Queries, and the candidates that each of them is to be found among.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pool {
    /// Captions (images) of which at least one right image (caption) is among the candidates, ascending.
    pub queries: Vec<u32>,
    /// Images (captions), ascending.
    pub candidates: Vec<u32>,
}

/// The `draw`-th pool of `size` images, without repetition; of all images where `size` is `None` or there are no more.
/// `keep`: images that may be drawn. `most`: so many queries at most, sampled.
///
/// From text to image the candidates are these images and the queries the captions that belong to one of them; from image to text
/// the candidates are all captions beside these images, right and wrong, and the queries those images that have a right one.
pub fn draw(
    space: &Space<'_>,
    direction: Direction,
    keep: &[u32],
    size: Option<usize>,
    most: usize,
    seed: u64,
    draw: u64,
) -> Pool {
    let mut images = keep.to_vec();
    if let Some(size) = size.filter(|&s| s < images.len()) {
        shuffle(&mut images, seed, STREAM + 2 * draw);
        images.truncate(size);
        images.sort_unstable();
    }
    let sorted = |mut items: Vec<u32>| {
        items.sort_unstable();
        items.dedup();
        items
    };
    let (mut queries, candidates) = match direction {
        Direction::TextToImage => {
            let captions = images.iter().flat_map(|&i| space.right(Direction::ImageToText, i)).copied();
            (sorted(captions.collect()), images)
        }
        Direction::ImageToText => {
            let captions = images.iter().flat_map(|&i| space.beside(i)).copied();
            let candidates = sorted(captions.collect());
            images.retain(|&i| !space.right(direction, i).is_empty());
            (images, candidates)
        }
    };
    if queries.len() > most {
        shuffle(&mut queries, seed, STREAM + 2 * draw + 1);
        queries.truncate(most);
        queries.sort_unstable();
    }
    Pool { queries, candidates }
}
