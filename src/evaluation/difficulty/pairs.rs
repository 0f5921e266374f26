//! The pairs of a file with their vectors and CTIs.

use super::super::Part;
use super::{Error, cosines};
use crate::index::Index;
use crate::matrix::Matrix;
use crate::words::{MatrixRow, Row, SampleId};

/// One caption, its own image, a wrong one.
#[derive(Debug, Clone, PartialEq)]
pub struct Pair {
    /// Rows in the file: the pristine one; the falsified one is next.
    pub at: usize,
    /// The caption's id.
    pub id: SampleId,
    /// The wrong image's id.
    pub image_id: SampleId,
    /// The block, in a merged set.
    pub block: Option<u32>,
    /// The caption's vector.
    pub text: MatrixRow,
    /// The right image's.
    pub right: MatrixRow,
    /// The wrong image's.
    pub wrong: MatrixRow,
    /// The right image: samples of one path have one number.
    pub right_image: u32,
    /// CTI of the caption with its own image.
    pub cti_right: f32,
    /// CTI of the caption with the wrong one.
    pub cti_wrong: f32,
}

/// The pairs of one file.
#[derive(Debug)]
pub struct Pairs<'a> {
    /// Captions' vectors.
    pub text: &'a Matrix,
    /// Images' vectors.
    pub image: &'a Matrix,
    /// Those that the index knows, in file order.
    pub pairs: Vec<Pair>,
    /// Pairs with an id that the index lacks; the first of these ids.
    pub unknown_ids: (u64, Option<SampleId>),
    /// Pairs with a sample that lacks a vector.
    pub missing_vectors: u64,
}

impl<'a> Pairs<'a> {
    /// Finds a file's pairs in an index. Rows that are not paired as the format says are left out.
    ///
    /// # Errors
    /// [`Error::Modality`], [`Error::Metric`], [`Error::Widths`].
    pub fn new(index: &'a Index, part: &Part, text: &str, image: &str) -> Result<Pairs<'a>, Error> {
        let (text, image) = (&cosines(index, text)?.matrix, &cosines(index, image)?.matrix);
        if text.dim() != image.dim() {
            return Err(Error::Widths { captions: text.dim(), images: image.dim() });
        }
        let mut found = Pairs { text, image, pairs: Vec::new(), unknown_ids: (0, None), missing_vectors: 0 };
        let row = |id: &SampleId| index.catalog.find_any_type(id);
        for (at, p, f) in part.pairs() {
            let (Some(caption), Some(wrong)) = (row(&p.id), row(&f.image_id)) else {
                let unknown = if row(&p.id).is_none() { &p.id } else { &f.image_id };
                found.unknown_ids.0 += 1;
                found.unknown_ids.1.get_or_insert_with(|| unknown.clone());
                continue;
            };
            match found.pair(at, caption, wrong) {
                Some(pair) => {
                    let (id, image_id) = (p.id.clone(), f.image_id.clone());
                    let right_image = index.catalog.image(caption);
                    found.pairs.push(Pair { id, image_id, block: p.block, right_image, ..pair })
                }
                None => found.missing_vectors += 1,
            }
        }
        Ok(found)
    }

    fn pair(&self, at: usize, caption: Row, wrong: Row) -> Option<Pair> {
        let (text, right, wrong) = (self.text.find(caption)?, self.image.find(caption)?, self.image.find(wrong)?);
        let query = self.text.padded(text);
        let (cti_right, cti_wrong) = (self.image.dot(&query, right), self.image.dot(&query, wrong));
        let (id, image_id) = (SampleId::Int(0), SampleId::Int(0));
        Some(Pair { at, id, image_id, block: None, text, right, wrong, right_image: 0, cti_right, cti_wrong })
    }
}
