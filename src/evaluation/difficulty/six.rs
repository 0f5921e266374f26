//! The six similarities of a pair and its evidence, from an archive.
//!
//! Evidence of the caption is the image of the archive's most similar caption; evidence of the image is the caption of the archive's
//! most similar image. Where the archive holds the pair's own sample, that is its evidence: an archive that knows the truth.

use super::{Error, Pairs};
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

/// Two rows a pair, the pristine one first. A similarity whose evidence is missing is 0.
///
/// # Errors
/// [`Error::Modality`], [`Error::Widths`]: the archive is of another space.
pub fn six(
    pairs: &Pairs<'_>,
    archive: &Index,
    text: &str,
    image: &str,
    engine: Engine,
) -> Result<Vec<[f32; SIX.len()]>, Error> {
    let find = |name: &str| {
        archive.modality(name).ok_or_else(|| Error::Modality {
            got: name.to_owned(),
            have: archive.modalities.iter().map(|m| m.name.clone()).collect(),
        })
    };
    let (texts, images) = (find(text)?, find(image)?);
    for (own, theirs) in [(pairs.text, &texts.matrix), (pairs.image, &images.matrix)] {
        if own.dim() != theirs.dim() {
            return Err(Error::Widths { captions: theirs.dim(), images: own.dim() });
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
    Ok((0..2 * n).map(row).collect())
}
