//! Does CLIP like an image at least as much as the caption's own? Told from codes where they can tell.
//!
//! A code takes a quarter of the bytes of its row, and nearly always decides: its bounds are sound, so the row itself is read only
//! where the caption's own score lies between them.

use crate::codes::CodeQuery;
use crate::index::Modality;
use crate::kernels::code_dots_at;
use crate::words::Row;

/// Images by which a share is judged beforehand.
const SAMPLE: usize = 256;

/// A caption before images: the score that they have to reach.
pub(super) struct Beats<'a> {
    images: &'a Modality,
    text: &'a [f32],
    coded: Option<CodeQuery>,
    own: f32,
}

impl<'a> Beats<'a> {
    /// `text`: the caption, padded as the images' rows are. `own`: CTI(p).
    pub fn new(images: &'a Modality, text: &'a [f32], own: f32) -> Beats<'a> {
        let dim = images.matrix.dim();
        let coded = images.codes.as_ref().map(|codes| codes.query(text.get(..dim).unwrap_or(text)));
        Beats { images, text, coded, own }
    }

    /// CTI(c, i) ≥ CTI(p)? `false` without an image.
    pub fn reached_by(&self, row: Row) -> bool {
        let Some(at) = self.images.matrix.find(row) else { return false };
        if let (Some(coded), Some(codes)) = (&self.coded, &self.images.codes)
            && let Some(&slot) = codes.slots_of_rows().get(at.index()).filter(|&&slot| (slot as usize) < codes.len())
        {
            let mut product = [0];
            code_dots_at(coded.weights(), codes.rows(), &[slot], &mut product);
            let error = codes.errors()[slot as usize];
            if coded.at_most(product[0], error) < f64::from(self.own) {
                return false;
            }
            if coded.at_least(product[0], error) >= f64::from(self.own) {
                return true;
            }
        }
        self.images.matrix.dot(self.text, at) >= self.own
    }

    /// About which share of the images reach it, by the estimates of an even sample's codes; `None` without codes. At least half
    /// of one of the sample: none there does not mean that there is none.
    pub fn share(&self) -> Option<f64> {
        let (coded, codes) = (self.coded.as_ref()?, self.images.codes.as_ref()?);
        let (n, taken) = (codes.len(), codes.len().min(SAMPLE));
        let slots: Vec<u32> = (0..taken).map(|i| (i * n / taken) as u32).collect();
        let mut products = vec![0; taken];
        code_dots_at(coded.weights(), codes.rows(), &slots, &mut products);
        let reach = products.iter().filter(|&&p| coded.estimate(p) >= self.own).count();
        Some((reach as f64).max(0.5) / taken.max(1) as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codes::{self, Codes, RowCodes};
    use crate::matrix::{Dtype, Matrix, MatrixSettings, MatrixWriter, Metric};
    use proptest::prelude::*;

    fn modality(dir: &std::path::Path, rows: &[Vec<f32>], catalog: u32) -> Modality {
        let dim = rows[0].len();
        let (at, coded) = (dir.join("matrix"), dir.join("codes"));
        let settings = MatrixSettings { dim, metric: Metric::Cosine, dtype: Dtype::F32 };
        let mut out = MatrixWriter::create(&at, settings).unwrap();
        // Every other sample has an image.
        rows.iter().enumerate().for_each(|(i, row)| out.push(2 * i as u32, row).unwrap());
        out.finish(catalog).unwrap();
        let matrix = Matrix::open(&at, catalog).unwrap();
        let order: Vec<u32> = (0..rows.len() as u32).collect();
        let in_memory = RowCodes::encode(matrix.rows(), order.clone());
        codes::write(&coded, &in_memory, &order.into_iter().rev().collect::<Vec<_>>()).unwrap();
        let codes = Codes::open(&coded, dim, rows.len()).unwrap();
        Modality { name: "clip-image".into(), encoder: None, matrix, codes: Some(codes), graph: None }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]

        /// With codes or without, at a bar that is some row's own score to the bit or anywhere else: what the scores say.
        #[test]
        fn codes_decide_as_rows_do(n in 2usize..60, dim in 1usize..40, seed: u64, pick: prop::sample::Index, nudge in -2i32..=2) {
            let mut state = seed;
            let mut next = || {
                state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                (state >> 40) as f32 / (1u64 << 24) as f32 - 0.5
            };
            let mut unit = || {
                let row: Vec<f32> = (0..dim).map(|_| next() + 0.1).collect();
                let length = row.iter().map(|x| x * x).sum::<f32>().sqrt().max(1e-6);
                row.into_iter().map(|x| x / length).collect::<Vec<f32>>()
            };
            let dir = tempfile::tempdir().unwrap();
            let rows: Vec<Vec<f32>> = (0..n).map(|_| unit()).collect();
            let mut images = modality(dir.path(), &rows, 2 * n as u32);
            let mut text = unit();
            text.resize(images.matrix.stride(), 0.0);
            let score = |images: &Modality, row: Row| images.matrix.find(row).map(|at| images.matrix.dot(&text, at));
            let bar = score(&images, Row(2 * pick.index(n) as u32)).unwrap();
            let own = (0..nudge.abs()).fold(bar, |b, _| if nudge > 0 { b.next_up() } else { b.next_down() });
            let expected: Vec<bool> =
                (0..2 * n as u32).map(|r| score(&images, Row(r)).is_some_and(|s| s >= own)).collect();
            for coded in [true, false] {
                images.codes = images.codes.take().filter(|_| coded);
                let beats = Beats::new(&images, &text, own);
                let got: Vec<bool> = (0..2 * n as u32).map(|r| beats.reached_by(Row(r))).collect();
                prop_assert_eq!(&got, &expected);
                prop_assert_eq!(beats.share().is_some(), coded);
            }
        }
    }
}
