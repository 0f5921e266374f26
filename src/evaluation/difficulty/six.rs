//! The six similarities of a pair and its evidence, from an archive.
//!
//! Evidence of the caption is the image of the archive's most similar caption; evidence of the image is the caption of the archive's
//! most similar image. Where the archive holds the pair's own sample, that is its evidence: an archive that knows the truth.

use super::{Error, Pairs, cosines};
use crate::index::{Index, Modality};
use crate::kernels::{Block, dot};
use crate::matrix::Matrix;
use crate::retrieve::{self, Asked, Engine, Sight};
use crate::words::{MatrixRow, Order};

/// Their names, in order.
pub const SIX: [&str; 6] = [
    "image–text",
    "image–evidence image",
    "text–evidence text",
    "image–evidence text",
    "text–evidence image",
    "evidence image–evidence text",
];

/// Vectors of the archive: the found one's twin in the other modality.
fn evidence(
    queries: &Block,
    searched: &Modality,
    wanted: &Matrix,
    engine: Engine,
) -> Result<Vec<Option<MatrixRow>>, Error> {
    // A few more: the nearest may lack its twin.
    let asked = Asked { k: 8, order: Order::Highest, among: None, engine, sight: Sight::Usual, likely: 1.0 };
    let found = retrieve::plain(searched, queries, asked)?;
    Ok(found.into_iter().map(|f| f.best.iter().find_map(|s| wanted.find(s.row))).collect())
}

/// The similarities of all rows of a file.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Six {
    /// Two rows a pair, the pristine one first. A similarity whose evidence is missing is 0.
    pub rows: Vec<[f32; SIX.len()]>,
    /// Rows whose caption found no image: the archive's nearest captions have none with a vector.
    pub without_image: u64,
    /// Rows whose image found no caption.
    pub without_text: u64,
}

/// Looks for the evidence of every row and compares.
///
/// # Errors
/// [`Error::Modality`], [`Error::Metric`], [`Error::Archive`]: the archive is of another space.
pub fn six(pairs: &Pairs<'_>, archive: &Index, text: &str, image: &str, engine: Engine) -> Result<Six, Error> {
    let (texts, images) = (cosines(archive, text)?, cosines(archive, image)?);
    for (own, theirs) in [(pairs.text, texts), (pairs.image, images)] {
        let (got, expected) = (theirs.matrix.dim(), own.dim());
        if got != expected {
            return Err(Error::Archive { modality: theirs.name.clone(), got, expected });
        }
    }
    let n = pairs.pairs.len();
    let (mut captions, mut shown) =
        (Block::with_capacity(texts.matrix.dim(), n)?, Block::with_capacity(images.matrix.dim(), 2 * n)?);
    for pair in &pairs.pairs {
        captions.push(&pairs.text.padded(pair.text)[..pairs.text.dim()])?;
        for at in [pair.right, pair.wrong] {
            shown.push(&pairs.image.padded(at)[..pairs.image.dim()])?;
        }
    }
    let evidence_images = evidence(&captions, texts, &images.matrix, engine)?;
    let evidence_texts = evidence(&shown, images, &texts.matrix, engine)?;
    let row = |i: usize| {
        let (t, v) = (captions.padded(i / 2..i / 2 + 1), shown.padded(i..i + 1));
        let e_image = evidence_images[i / 2].map(|at| images.matrix.padded(at));
        let e_text = evidence_texts[i].map(|at| texts.matrix.padded(at));
        let with = |a: Option<&[f32]>, b: Option<&[f32]>| a.zip(b).map_or(0.0, |(a, b)| dot(a, b));
        let (ei, et) = (e_image.as_deref(), e_text.as_deref());
        [
            with(Some(v), Some(t)),
            with(Some(v), ei),
            with(Some(t), et),
            with(Some(v), et),
            with(Some(t), ei),
            with(ei, et),
        ]
    };
    let missing = |of: &[Option<MatrixRow>]| of.iter().filter(|e| e.is_none()).count() as u64;
    Ok(Six {
        rows: (0..2 * n).map(row).collect(),
        without_image: 2 * missing(&evidence_images),
        without_text: missing(&evidence_texts),
    })
}
