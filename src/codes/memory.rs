//! All rows encoded, in memory: what a graph is built from, and what the file is written from.

use super::Codebook;
use super::codebook::RowScale;
use crate::kernels::{CodeRows, Row, Rows, code_dots_at, padded_codes};
use rayon::prelude::*;

/// A row's length, rounded up.
pub(super) fn length_at_most(row: Row<'_>) -> f32 {
    let squares = row.to_vec().iter().map(|&v| f64::from(v) * f64::from(v)).sum::<f64>();
    ((squares.sqrt() * (1.0 + 1e-12)) as f32).next_up()
}

/// Codes of a matrix's rows, in an order of its own. One byte an element: all that a build keeps in memory of the vectors.
#[derive(Debug)]
pub struct RowCodes {
    /// Place → matrix row.
    pub(super) order: Vec<u32>,
    pub(super) book: Codebook,
    pub(super) codes: Vec<i8>,
    pub(super) errors: Vec<f32>,
    pub(super) longest: f32,
    scale: RowScale,
    /// mean · row, of each row.
    bases: Vec<f32>,
}

impl RowCodes {
    /// Reads the rows three times. `order`: place → matrix row, each once. The same at any number of threads.
    pub fn encode(rows: Rows<'_>, order: Vec<u32>) -> RowCodes {
        let book = Codebook::learn(rows);
        let stride = padded_codes(rows.dim());
        let mut codes = vec![0i8; order.len() * stride];
        let each: Vec<(f32, f32, f32)> = codes
            .par_chunks_exact_mut(stride)
            .zip(&order)
            .map(|(codes, &row)| {
                let Some(row) = rows.row(row as usize) else { return (0.0, 0.0, 0.0) };
                let error = book.encode(row, codes);
                let decoded = book.mean.iter().zip(&book.step).zip(&*codes);
                let base: f64 = decoded.map(|((&m, &s), &c)| f64::from(m) * f64::from(m + s * f32::from(c))).sum();
                (error, length_at_most(row), base as f32)
            })
            .collect();
        RowCodes {
            order,
            scale: book.row_scale(),
            longest: each.iter().fold(0.0, |m, e| m.max(e.1)),
            errors: each.iter().map(|e| e.0).collect(),
            bases: each.iter().map(|e| e.2).collect(),
            book,
            codes,
        }
    }

    /// The same in another order: place → what is the place now, each once.
    pub fn in_order(self, order: Vec<u32>) -> RowCodes {
        let stride = padded_codes(self.book.dim());
        let mut codes = vec![0i8; self.codes.len()];
        codes.par_chunks_exact_mut(stride).zip(&order).for_each(|(to, &from)| {
            to.copy_from_slice(self.rows().row(from as usize));
        });
        let taken = |all: &[f32]| order.iter().map(|&from| all[from as usize]).collect();
        let (errors, bases) = (taken(&self.errors), taken(&self.bases));
        let order = order.iter().map(|&from| self.order[from as usize]).collect();
        RowCodes { order, codes, errors, bases, ..self }
    }

    /// Place → matrix row.
    pub fn order(&self) -> &[u32] {
        &self.order
    }

    /// How many rows.
    pub fn len(&self) -> usize {
        self.errors.len()
    }

    /// No row?
    pub fn is_empty(&self) -> bool {
        self.errors.is_empty()
    }

    /// How elements became codes.
    pub fn book(&self) -> &Codebook {
        &self.book
    }

    /// The greatest length of a row, rounded up.
    pub fn longest_row(&self) -> f32 {
        self.longest
    }

    /// The codes, place by place.
    pub fn rows(&self) -> CodeRows<'_> {
        CodeRows::new(&self.codes, self.book.dim())
    }

    /// A coded row as a query: writes its weights, one stride of them.
    pub fn weights(&self, row: u32, weights: &mut Vec<i16>) {
        let codes = self.rows().row(row as usize);
        weights.resize(codes.len(), 0);
        self.book.weights_of(&self.scale, codes, weights);
    }

    /// The similarity of two rows that a product of one's weights with the other's codes stands for.
    #[inline]
    pub fn similarity(&self, from: u32, product: i32) -> f32 {
        self.bases[from as usize] + self.scale.unit * product as f32
    }

    /// The similarities of a row to others, into `similarities`.
    pub fn similarities(
        &self,
        from: u32,
        weights: &[i16],
        to: &[u32],
        products: &mut Vec<i32>,
        similarities: &mut Vec<f32>,
    ) {
        products.resize(to.len(), 0);
        code_dots_at(weights, self.rows(), to, products);
        similarities.clear();
        similarities.extend(products.iter().map(|&p| self.similarity(from, p)));
    }
}
