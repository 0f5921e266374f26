//! The two-layer network: one hidden layer of rectified units, one output, trained by Adam on shuffled batches.
//!
//! Its products are the program's own kernels: A · Bᵀ of padded rows, every one a canonical dot product. So the network is the
//! same bits at any number of threads, and costs no dependency: the lean libraries have no such network, and those that have one
//! bring 160 crates (candle 0.11).

use super::{Error, Features, Predictions};
use crate::kernels::{Block, dots};
use crate::matcher::chunks::shuffle;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use rayon::prelude::*;

/// Rows of a product that one thread does at a time.
const ROWS_A_TASK: usize = 32;

/// How it is trained.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Training {
    /// Hidden units.
    pub hidden: usize,
    /// Passes over all rows.
    pub epochs: u32,
    /// Rows a step.
    pub batch: usize,
    /// Step size.
    pub rate: f32,
    /// Weights shrink by `rate * decay` a step.
    pub decay: f32,
    /// Of the first weights and of the shuffles.
    pub seed: u64,
}

impl Default for Training {
    fn default() -> Training {
        Training { hidden: 512, epochs: 20, batch: 128, rate: 5e-4, decay: 1e-3, seed: 1 }
    }
}

/// The network.
#[derive(Debug)]
pub struct Mlp {
    /// hidden × width.
    first: Block,
    first_bias: Vec<f32>,
    second: Vec<f32>,
    second_bias: f32,
}

/// A · Bᵀ.
fn product(a: &Block, b: &Block) -> Vec<f32> {
    let mut out = vec![0.0; a.len() * b.len()];
    let stride = a.stride();
    let tasks = out.par_chunks_mut(ROWS_A_TASK * b.len()).zip(a.all().par_chunks(ROWS_A_TASK * stride));
    tasks.for_each(|(out, rows)| dots(rows, b.rows(), out));
    out
}

/// `rows × width` numbers as a block, or its transpose as `width × rows`.
fn block(numbers: &[f32], width: usize) -> Result<Block, Error> {
    let mut block = Block::with_capacity(width, numbers.len() / width.max(1))?;
    numbers.chunks_exact(width).try_for_each(|row| block.push(row))?;
    Ok(block)
}

fn transposed(numbers: &[f32], stride: usize, width: usize) -> Result<Block, Error> {
    let rows = numbers.len() / stride.max(1);
    let mut block = Block::with_capacity(rows, width)?;
    let mut column = vec![0.0; rows];
    for i in 0..width {
        (0..rows).for_each(|r| column[r] = numbers[r * stride + i]);
        block.push(&column)?;
    }
    Ok(block)
}

/// Adam's moments of one group of weights.
struct Moments {
    mean: Vec<f32>,
    square: Vec<f32>,
}

impl Moments {
    fn new(n: usize) -> Moments {
        Moments { mean: vec![0.0; n], square: vec![0.0; n] }
    }

    fn step(&mut self, weights: &mut [f32], gradient: &[f32], time: i32, how: &Training, decay: f32) {
        let (b1, b2) = (0.9_f32, 0.999_f32);
        let (c1, c2) = (1.0 - b1.powi(time), 1.0 - b2.powi(time));
        let moments = self.mean.iter_mut().zip(&mut self.square);
        for ((w, &g), (m, s)) in weights.iter_mut().zip(gradient).zip(moments) {
            *m = b1 * *m + (1.0 - b1) * g;
            *s = b2 * *s + (1.0 - b2) * g * g;
            *w -= how.rate * ((*m / c1) / ((*s / c2).sqrt() + 1e-8) + decay * *w);
        }
    }
}

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

impl Mlp {
    /// Trains one. Logistic loss; the same rows and settings give the same network.
    ///
    /// # Errors
    /// [`Error::Fit`] without rows; a width of 0.
    pub fn fit(train: &Features, how: &Training) -> Result<Mlp, Error> {
        let (n, width, hidden) = (train.truth.len(), train.rows.dim(), how.hidden.max(1));
        if n == 0 {
            return Err(Error::Fit { probe: "MLP", what: "there are no rows to train on".into() });
        }
        let mut rng = ChaCha8Rng::seed_from_u64(how.seed);
        let mut uniform = |bound: f32| bound * ((rng.next_u32() >> 8) as f32 / 8_388_608.0 - 1.0);
        // He's bounds for rectified units.
        let bound = (6.0 / width as f32).sqrt();
        let mut weights: Vec<f32> = (0..hidden * width).map(|_| uniform(bound)).collect();
        let bound = (1.0 / hidden as f32).sqrt();
        let mut net = Mlp {
            first: block(&weights, width)?,
            first_bias: vec![0.0; hidden],
            second: (0..hidden).map(|_| uniform(bound)).collect(),
            second_bias: 0.0,
        };
        let (mut m1, mut m1b) = (Moments::new(weights.len()), Moments::new(hidden));
        let (mut m2, mut m2b) = (Moments::new(hidden), Moments::new(1));
        let mut order: Vec<usize> = (0..n).collect();
        let mut time = 0;
        for epoch in 0..how.epochs {
            shuffle(&mut order, how.seed, 9_000 + u64::from(epoch));
            for batch in order.chunks(how.batch.max(1)) {
                time += 1;
                let mut rows = Block::with_capacity(width, batch.len())?;
                batch.iter().try_for_each(|&i| rows.push(train.row(i)))?;
                let (units, logits) = net.forward(&rows);
                // d loss / d logit, of the mean over the batch.
                let slope: Vec<f32> = (batch.iter().zip(&logits))
                    .map(|(&i, &z)| (sigmoid(z) - f32::from(u8::from(train.truth[i]))) / batch.len() as f32)
                    .collect();
                let mut second = vec![0.0; hidden];
                let mut back = vec![0.0; units.len()];
                let mut bias = vec![0.0; hidden];
                for ((units, back), &d) in units.chunks_exact(hidden).zip(back.chunks_exact_mut(hidden)).zip(&slope) {
                    for h in 0..hidden {
                        second[h] += d * units[h];
                        if units[h] > 0.0 {
                            back[h] = d * net.second[h];
                            bias[h] += back[h];
                        }
                    }
                }
                let gradient =
                    product(&transposed(&back, hidden, hidden)?, &transposed(rows.all(), rows.stride(), width)?);
                m1.step(&mut weights, &gradient, time, how, how.decay);
                net.first = block(&weights, width)?;
                m1b.step(&mut net.first_bias, &bias, time, how, 0.0);
                m2.step(&mut net.second, &second, time, how, how.decay);
                let mut one = [net.second_bias];
                m2b.step(&mut one, &[slope.iter().sum()], time, how, 0.0);
                net.second_bias = one[0];
            }
        }
        Ok(net)
    }

    /// Hidden units (rows × hidden) and logits.
    fn forward(&self, rows: &Block) -> (Vec<f32>, Vec<f32>) {
        let hidden = self.second.len();
        let mut units = product(rows, &self.first);
        let logit = |units: &mut [f32]| {
            units.iter_mut().zip(&self.first_bias).for_each(|(u, b)| *u = (*u + b).max(0.0));
            units.iter().zip(&self.second).map(|(u, w)| u * w).sum::<f32>() + self.second_bias
        };
        let logits = units.chunks_exact_mut(hidden).map(logit).collect();
        (units, logits)
    }

    /// The probability that a row is falsified.
    ///
    /// # Errors
    /// Rows of another width.
    pub fn predict(&self, features: &Features) -> Result<Predictions, Error> {
        let (expected, got) = (self.first.dim(), features.rows.dim());
        if expected != got {
            return Err(crate::kernels::Error::Width { expected, got }.into());
        }
        let mut scores = Vec::with_capacity(features.truth.len());
        let n = features.truth.len();
        for from in (0..n).step_by(4096) {
            let mut rows = Block::with_capacity(got, 4096.min(n - from))?;
            (from..n.min(from + 4096)).try_for_each(|i| rows.push(features.row(i)))?;
            scores.extend(self.forward(&rows).1.into_iter().map(sigmoid));
        }
        Ok(Predictions { truth: features.truth.clone(), scores })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(of: impl Iterator<Item = ([f32; 2], bool)>) -> Features {
        let mut features = Features { rows: Block::new(2).unwrap(), truth: Vec::new() };
        for (row, truth) in of {
            features.rows.push(&row).unwrap();
            features.truth.push(truth);
        }
        features
    }

    /// What no linear probe can: the exclusive or.
    #[test]
    fn it_learns_what_takes_a_hidden_layer() {
        let corners = [[0.0, 0.0], [1.0, 1.0], [0.0, 1.0], [1.0, 0.0]];
        let xor = || rows((0..400).map(|i| (corners[i % 4], i % 4 > 1)));
        let how = Training { hidden: 32, epochs: 60, batch: 32, rate: 1e-2, ..Training::default() };
        let net = Mlp::fit(&xor(), &how).unwrap();
        let first = net.predict(&xor()).unwrap();
        assert_eq!(first.accuracy().all, 1.0);
        let again = Mlp::fit(&xor(), &how).unwrap().predict(&xor()).unwrap();
        assert_eq!(first, again, "the same seed, the same bits");
        let other = Mlp::fit(&xor(), &Training { seed: 2, ..how }).unwrap().predict(&xor()).unwrap();
        assert_ne!(first, other);
        assert!(Mlp::fit(&rows(std::iter::empty()), &how).is_err());
    }

    /// The gradient, by differences of the loss: one step against it lowers the loss.
    #[test]
    fn steps_go_downhill() {
        let data = || rows((0..64).map(|i| ([(i % 8) as f32 / 8.0, (i / 8) as f32 / 8.0], i % 8 > 3)));
        let loss = |epochs: u32| {
            let how = Training { hidden: 16, epochs, batch: 64, rate: 1e-2, ..Training::default() };
            let scores = Mlp::fit(&data(), &how).unwrap().predict(&data()).unwrap();
            let each = scores.truth.iter().zip(&scores.scores);
            each.map(|(&t, &p)| -(if t { p } else { 1.0 - p }).ln()).sum::<f32>()
        };
        let falling: Vec<f32> = [0, 5, 20, 60].map(loss).to_vec();
        assert!(falling.windows(2).all(|w| w[1] < w[0]), "{falling:?}");
    }
}
