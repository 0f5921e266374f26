//! Frozen vectors as the input of probes: two rows a pair, the pristine one first.

use super::{Error, Pairs};
use crate::kernels::Block;
use crate::matrix::Matrix;
use crate::words::MatrixRow;

/// What a probe may see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sides {
    /// [text; image].
    Both,
    /// The caption alone: each stands once with each label, so nothing can be learnt.
    Text,
    /// The image alone: what is learnt is which images are liked as wrong ones.
    Image,
}

/// Rows and their labels.
#[derive(Debug)]
pub struct Features {
    /// A row a sample.
    pub rows: Block,
    /// Is it falsified?
    pub truth: Vec<bool>,
}

impl Features {
    /// Each side of unit length, one behind the other.
    ///
    /// # Errors
    /// A damaged index.
    pub fn new(pairs: &Pairs<'_>, sides: Sides) -> Result<Features, Error> {
        let (text, image) = (sides != Sides::Image, sides != Sides::Text);
        let width = if text { pairs.text.dim() } else { 0 } + if image { pairs.image.dim() } else { 0 };
        let mut rows = Block::with_capacity(width, 2 * pairs.pairs.len())?;
        let mut row = Vec::with_capacity(width);
        for pair in &pairs.pairs {
            for shown in [pair.right, pair.wrong] {
                row.clear();
                if text {
                    unit(pairs.text, pair.text, &mut row);
                }
                if image {
                    unit(pairs.image, shown, &mut row);
                }
                rows.push(&row)?;
            }
        }
        Ok(Features { rows, truth: labels(pairs) })
    }

    /// The elements of a row, without padding.
    pub fn row(&self, at: usize) -> &[f32] {
        &self.rows.padded(at..at + 1)[..self.rows.dim()]
    }
}

/// Pristine, falsified, pristine, …
pub(super) fn labels(pairs: &Pairs<'_>) -> Vec<bool> {
    (0..2 * pairs.pairs.len()).map(|i| i % 2 == 1).collect()
}

fn unit(matrix: &Matrix, at: MatrixRow, into: &mut Vec<f32>) {
    let vector = matrix.padded(at);
    let vector = &vector[..matrix.dim()];
    let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
    into.extend(vector.iter().map(|x| if length > 0.0 { x / length } else { 0.0 }));
}
