//! A threshold, and a linear probe, which is smartcore's; that library is named here alone.

use super::{Error, Features, Pairs, Predictions};
use smartcore::linalg::basic::arrays::Array;
use smartcore::linalg::basic::matrix::DenseMatrix;
use smartcore::linear::logistic_regression::{LogisticRegression, LogisticRegressionParameters};

/// L2 penalty of the linear probe.
const PENALTY: f32 = 1e-2;

/// CTI below a value that was best on other pairs: CLIP without training.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Threshold(pub f32);

impl Threshold {
    /// The threshold that calls most rows of these pairs rightly; of equally good ones the lowest.
    pub fn fit(pairs: &Pairs<'_>) -> Threshold {
        let mut rows: Vec<(f32, bool)> =
            pairs.pairs.iter().flat_map(|p| [(p.cti_right, false), (p.cti_wrong, true)]).collect();
        rows.sort_by(|a, b| a.0.total_cmp(&b.0));
        // Below everything all are called pristine.
        let mut right = pairs.pairs.len() as i64;
        let (mut best, mut at) = (right, f32::NEG_INFINITY);
        for (i, group) in rows.chunk_by(|a, b| a.0 == b.0).scan(0, |n, g| Some((std::mem::replace(n, *n + g.len()), g)))
        {
            right += group.iter().map(|r| if r.1 { 1 } else { -1 }).sum::<i64>();
            if right > best {
                best = right;
                // Half-way to the next score.
                at = rows.get(i + group.len()).map_or(f32::INFINITY, |next| (group[0].0 + next.0) / 2.0);
            }
        }
        Threshold(at)
    }

    /// Scores above 0.5 are those of CTIs below the threshold.
    pub fn predict(self, pairs: &Pairs<'_>) -> Predictions {
        let ctis = pairs.pairs.iter().flat_map(|p| [p.cti_right, p.cti_wrong]);
        // Cosines lie in −1 … 1: 0.5 at the threshold, the lower the nearer to 1.
        let t = self.0.clamp(-1.0, 1.0);
        let scores = ctis.map(|c| 0.5 + (t - c) / 4.0).collect();
        Predictions { truth: super::features::labels(pairs), scores }
    }
}

/// Logistic regression.
pub struct Linear {
    weights: Vec<f32>,
    bias: f32,
}

impl Linear {
    /// Fits it. Nothing is random.
    ///
    /// # Errors
    /// [`Error::Fit`].
    pub fn fit(train: &Features) -> Result<Linear, Error> {
        let fail = |e: smartcore::error::Failed| Error::Fit { probe: "linear", what: e.to_string() };
        let labels: Vec<u32> = train.truth.iter().map(|&t| u32::from(t)).collect();
        let settings = LogisticRegressionParameters::default().with_alpha(PENALTY);
        let rows: Vec<Vec<f32>> = (0..train.truth.len()).map(|i| train.row(i).to_vec()).collect();
        let rows = DenseMatrix::from_2d_vec(&rows).map_err(fail)?;
        let fitted = LogisticRegression::fit(&rows, &labels, settings).map_err(fail)?;
        let weights = (0..train.rows.dim()).map(|i| *fitted.coefficients().get((0, i))).collect();
        Ok(Linear { weights, bias: *fitted.intercept().get((0, 0)) })
    }

    /// The probability that a row is falsified.
    pub fn predict(&self, features: &Features) -> Predictions {
        let logit = |row: &[f32]| row.iter().zip(&self.weights).map(|(x, w)| x * w).sum::<f32>() + self.bias;
        let scores = (0..features.truth.len()).map(|i| 1.0 / (1.0 + (-logit(features.row(i))).exp())).collect();
        Predictions { truth: features.truth.clone(), scores }
    }
}
