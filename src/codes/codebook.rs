//! Columns' means and steps; encoding; a query's weights and bounds.

use crate::kernels::{Elements, Row, Rows, padded_codes};
use crate::words::Order;
use rayon::prelude::*;

/// The greatest code.
const MOST: f32 = 127.0;
/// A column's codes reach at most this many standard deviations from its mean: the few elements beyond cost their own row some
/// accuracy (its error says how much), rather than every row of the column.
const REACH: f64 = 6.0;
/// Rows that one task sums up. Fixed, so that sums are the same at any number of threads.
const TASK: usize = 4096;
/// Adding this to a number between ±2²² and taking it away rounds to the nearest integer, ties to even.
const ROUND: f32 = 12_582_912.0;

/// How elements become codes: a mean and a step for each column.
#[derive(Debug, Clone, PartialEq)]
pub struct Codebook {
    pub(super) mean: Vec<f32>,
    pub(super) step: Vec<f32>,
}

/// A query, ready to be multiplied with codes. Scores of one query compare as their integer products do.
#[derive(Debug, Clone)]
pub struct CodeQuery {
    weights: Vec<i16>,
    base: f64,
    unit: f64,
    /// How far an estimate may be off, beside what the row's own error brings.
    slack: f64,
    length: f64,
    /// No product stands for more than this, either way.
    greatest: f64,
}

fn each(row: Row<'_>, mut f: impl FnMut(usize, f32)) {
    let dim = row.dim();
    match row.elements() {
        Elements::F32(x) => x.iter().take(dim).enumerate().for_each(|(i, &v)| f(i, v)),
        Elements::F16(x) => x.iter().take(dim).enumerate().for_each(|(i, &v)| f(i, half::f16::from_bits(v).to_f32())),
    }
}

/// Folds rows task by task, and what tasks give in order.
fn fold_rows<T: Send>(rows: Rows<'_>, none: impl Fn() -> T + Sync, f: impl Fn(&mut T, Row<'_>) + Sync) -> Vec<T> {
    let tasks: Vec<usize> = (0..rows.len()).step_by(TASK).collect();
    let one = |&from: &usize| {
        let mut sum = none();
        (from..rows.len().min(from + TASK)).filter_map(|r| rows.row(r)).for_each(|row| f(&mut sum, row));
        sum
    };
    tasks.par_iter().map(one).collect()
}

impl Codebook {
    /// Reads all rows twice. The same at any number of threads.
    pub fn learn(rows: Rows<'_>) -> Codebook {
        let (dim, n) = (rows.dim(), rows.len().max(1) as f64);
        let zeros = || vec![0f64; dim];
        let add = |sum: &mut Vec<f64>, row: Row<'_>| each(row, |i, v| sum[i] += f64::from(v));
        let mut mean = zeros();
        for part in fold_rows(rows, zeros, add) {
            mean.iter_mut().zip(part).for_each(|(m, p)| *m += p);
        }
        let mean: Vec<f32> = mean.into_iter().map(|m| (m / n) as f32).collect();
        // Per column: sum of squares, greatest distance from the mean.
        let spread = |sum: &mut (Vec<f64>, Vec<f32>), row: Row<'_>| {
            each(row, |i, v| {
                let off = v - mean[i];
                sum.0[i] += f64::from(off) * f64::from(off);
                sum.1[i] = sum.1[i].max(off.abs());
            });
        };
        let (mut squares, mut widest) = (zeros(), vec![0f32; dim]);
        for (s, w) in fold_rows(rows, || (zeros(), vec![0f32; dim]), spread) {
            squares.iter_mut().zip(s).for_each(|(a, b)| *a += b);
            widest.iter_mut().zip(w).for_each(|(a, b)| *a = a.max(b));
        }
        let reach = squares.iter().zip(widest).map(|(s, w)| (REACH * (s / n).sqrt()).min(f64::from(w)) as f32);
        Codebook { step: reach.map(|r| r / MOST).collect(), mean }
    }

    /// Elements of a row.
    pub fn dim(&self) -> usize {
        self.mean.len()
    }

    /// Writes a row's codes; what is left of `codes` is padding. Returns the row's error, rounded up.
    pub fn encode(&self, row: Row<'_>, codes: &mut [i8]) -> f32 {
        codes.fill(0);
        let mut error = 0f64;
        each(row, |i, v| {
            let (mean, step) = (self.mean[i], self.step[i]);
            let code = if step > 0.0 { ((v - mean) / step).round_ties_even().clamp(-MOST, MOST) } else { 0.0 };
            codes[i] = code as i8;
            let off = f64::from(v) - (f64::from(mean) + f64::from(step) * f64::from(code));
            error += off * off;
        });
        // A little more than the square root and the sum can be off by.
        ((error.sqrt() * (1.0 + 1e-12)) as f32).next_up()
    }

    /// The greatest weight whose products over one row stay below 2³¹.
    fn most_weight(&self) -> f32 {
        ((i32::MAX as f32 / (MOST * padded_codes(self.dim()) as f32)) as i32).min(32_767) as f32
    }

    /// A query vector: `dim` elements, finite. `longest_row`: the greatest length of the rows it will meet.
    pub fn query(&self, vector: &[f32], longest_row: f32) -> CodeQuery {
        let dim = self.dim();
        let y = &vector[..dim.min(vector.len())];
        let scaled: Vec<f32> = y.iter().zip(&self.step).map(|(y, s)| y * s).collect();
        let most = scaled.iter().fold(0f32, |m, w| m.max(w.abs()));
        // A query that short has all weights 0; `slack` says what that costs.
        let unit = if most > 1e-30 { most / self.most_weight() } else { 1.0 };
        let mut weights = vec![0i16; padded_codes(dim)];
        let (mut left, mut base, mut squares, mut sum) = (0f64, 0f64, 0f64, 0f64);
        for (i, (&y, &w)) in y.iter().zip(&scaled).enumerate() {
            let weight = (w / unit + ROUND) - ROUND;
            weights[i] = weight as i16;
            let y = f64::from(y);
            left += (y * f64::from(self.step[i]) - f64::from(unit) * f64::from(weight)).abs();
            base += y * f64::from(self.mean[i]);
            squares += y * y;
            sum += f64::from(weight.abs());
        }
        let length = squares.sqrt();
        // |code · f| ≤ 127 · Σ|f|. The kernels' own rounding of x · y: a chain of stride / 8 additions and a tree of three over
        // products whose magnitudes sum to at most |x| · |y|; doubled, with room for this function's own rounding.
        let chain = (dim as f64 / 8.0 + 16.0) * 2f64.powi(-23);
        let reach = f64::from(longest_row) * length;
        // Beyond what f32 can add up, nothing is promised.
        let sums = if reach < f64::from(f32::MAX) / 4.0 { chain * reach } else { f64::INFINITY };
        let slack = f64::from(MOST) * left + sums + f64::from(f32::MIN_POSITIVE);
        let unit = f64::from(unit);
        CodeQuery { weights, base, unit, slack, length: length * (1.0 + 1e-9), greatest: unit * f64::from(MOST) * sum }
    }

    /// Weights that compare rows with one that is known by its codes; for building graphs, where no row is read again.
    pub(super) fn weights_of(&self, scale: &RowScale, codes: &[i8], weights: &mut [i16]) {
        for (((w, &c), &shift), &slope) in weights.iter_mut().zip(codes).zip(&scale.shift).zip(&scale.slope) {
            // The bits of a float between 2²³ and 2²⁴ end in its integer.
            let rounded = (shift + slope * f32::from(c)) + ROUND;
            *w = (rounded.to_bits() as i32).wrapping_sub(ROUND.to_bits() as i32) as i16;
        }
    }

    pub(super) fn row_scale(&self) -> RowScale {
        let most = self.mean.iter().zip(&self.step).map(|(m, s)| (m * s).abs() + s * s * MOST).fold(0f32, f32::max);
        let unit = if most > 1e-30 { most / (self.most_weight() - 1.0) } else { 1.0 };
        let pad = |mut v: Vec<f32>| {
            v.resize(padded_codes(self.dim()), 0.0);
            v
        };
        RowScale {
            shift: pad(self.mean.iter().zip(&self.step).map(|(m, s)| m * s / unit).collect()),
            slope: pad(self.step.iter().map(|s| s * s / unit).collect()),
            unit,
        }
    }
}

/// How codes of a row become weights: `weight = shift + slope · code`.
#[derive(Debug, Clone)]
pub(super) struct RowScale {
    shift: Vec<f32>,
    slope: Vec<f32>,
    pub unit: f32,
}

impl CodeQuery {
    /// To be multiplied with a row's codes.
    #[inline]
    pub fn weights(&self) -> &[i16] {
        &self.weights
    }

    /// The score that a product stands for, give or take the error.
    #[inline]
    pub fn estimate(&self, product: i32) -> f32 {
        (self.base + self.unit * f64::from(product)) as f32
    }

    /// No row with this product and at most this error scores more.
    #[inline]
    pub fn at_most(&self, product: i32, error: f32) -> f64 {
        self.base + self.unit * f64::from(product) + f64::from(error) * self.length + self.slack
    }

    /// No row with this product and at most this error scores less.
    #[inline]
    pub fn at_least(&self, product: i32, error: f32) -> f64 {
        self.base + self.unit * f64::from(product) - f64::from(error) * self.length - self.slack
    }

    /// The bounds of many rows at once: how good in `order` the score of a row with this product and error can be at best:
    /// [`CodeQuery::at_most`], or for [`Order::Lowest`] minus [`CodeQuery::at_least`]; a little above, never below. Where that is
    /// no number (a damaged error, a query beyond what f32 holds) it is infinity. One error and one place in `out` a product.
    pub fn at_best(&self, products: &[i32], errors: &[f32], order: Order, out: &mut [f32]) {
        /// Five operations, and numbers themselves rounded to f32: each off by at most 2⁻²⁴ of all that is added up.
        const ROUNDING: f64 = 1.0 / (1 << 20) as f64;
        let sign = if order == Order::Highest { 1.0 } else { -1.0 };
        let rounding = ROUNDING * (self.base.abs() + self.greatest + self.slack);
        let fixed = ((sign * self.base + self.slack + rounding) as f32).next_up();
        let length = ((self.length * (1.0 + ROUNDING)) as f32).next_up();
        let unit = (sign * self.unit) as f32;
        for ((out, &product), &error) in out.iter_mut().zip(products).zip(errors) {
            let bound = fixed + unit * product as f32 + error * length;
            *out = if bound <= f32::MAX { bound } else { f32::INFINITY };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::{Block, CodeRows, code_dots};
    use proptest::prelude::*;

    proptest! {
        /// The promise: every score lies within its bounds, outliers, flat columns and offsets included.
        #[test]
        fn bounds_are_sound(n in 1usize..40, dim in 1usize..90, seed: u64, wide in 0f32..300.0, offset in -3f32..3.0) {
            let mut state = seed;
            let mut next = || {
                state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                (state >> 40) as f32 / (1u64 << 24) as f32 - 0.5
            };
            let mut rows = Block::new(dim).unwrap();
            for _ in 0..n {
                let mut row: Vec<f32> = (0..dim).map(|_| next() + offset).collect();
                row[0] *= wide;
                row[dim / 2] = 0.25;
                rows.push(&row).unwrap();
            }
            let book = Codebook::learn(rows.rows());
            let mut codes = vec![0i8; n * padded_codes(dim)];
            let errors: Vec<f32> = codes.chunks_exact_mut(padded_codes(dim)).enumerate()
                .map(|(r, codes)| book.encode(rows.rows().row(r).unwrap(), codes)).collect();
            let longest = (0..n).map(|r| crate::kernels::dot(rows.padded(r..r + 1), rows.padded(r..r + 1)).sqrt()).fold(0.0, f32::max);
            let y: Vec<f32> = (0..dim).map(|_| next()).collect();
            let query = book.query(&y, longest * 1.001);
            let mut products = vec![0; n];
            code_dots(query.weights(), CodeRows::new(&codes, dim), &mut products);
            let mut padded = Block::new(dim).unwrap();
            padded.push(&y).unwrap();
            for r in 0..n {
                let score = crate::kernels::dot(padded.all(), rows.padded(r..r + 1));
                prop_assert!(f64::from(score) <= query.at_most(products[r], errors[r]));
                prop_assert!(f64::from(score) >= query.at_least(products[r], errors[r]));
            }
            let mut best = vec![0.0; n];
            query.at_best(&products, &errors, Order::Highest, &mut best);
            for r in 0..n {
                let exact = query.at_most(products[r], errors[r]);
                let wide = exact.abs() + 2.0 * f64::from(longest) * 10.0;
                prop_assert!(f64::from(best[r]) >= exact && f64::from(best[r]) <= exact + 1e-5 * wide);
            }
            query.at_best(&products, &errors, Order::Lowest, &mut best);
            for r in 0..n {
                prop_assert!(f64::from(best[r]) >= -query.at_least(products[r], errors[r]));
            }
        }
    }
}
