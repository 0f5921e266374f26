//! Linear layers, norms, activations. Rows are `f32`, as wide as a multiple of [`PAD`], one after the other.

use super::Error;
use super::weights::{Tensor, Weights};
use crate::kernels::{Elements, PAD, Rows, dots};
use std::f32::consts::{LOG2_E, SQRT_2};

/// y = x · Wᵀ + b; W is `outputs` × `inputs`.
pub(super) struct Linear {
    weight: Tensor,
    bias: Option<Tensor>,
    inputs: usize,
    outputs: usize,
}

impl Linear {
    /// `name.weight` and `name.bias`.
    pub fn load(weights: &Weights, name: &str, inputs: usize, outputs: usize) -> Result<Linear, Error> {
        let bias = weights.tensor(&format!("{name}.bias"), &[outputs])?;
        Ok(Linear { bias: Some(bias), ..Linear::without_bias(weights, &format!("{name}.weight"), inputs, outputs)? })
    }

    /// A projection: `name` is the weight itself.
    pub fn without_bias(weights: &Weights, name: &str, inputs: usize, outputs: usize) -> Result<Linear, Error> {
        Linear::shaped(weights, name, &[outputs, inputs])
    }

    /// A convolution whose stride is its kernel: the dimensions after the first are the inputs.
    pub fn shaped(weights: &Weights, name: &str, shape: &[usize]) -> Result<Linear, Error> {
        let outputs = shape.first().copied().unwrap_or_default();
        let inputs = shape.iter().skip(1).product();
        Ok(Linear { weight: weights.tensor(name, shape)?, bias: None, inputs, outputs })
    }

    /// Rows of `inputs` → rows of `outputs`.
    pub fn apply(&self, x: &[f32]) -> Vec<f32> {
        let mut y = vec![0.0; x.len() / self.inputs * self.outputs];
        products(x, self.weight.get(), self.inputs, &mut y);
        if let Some(bias) = &self.bias {
            let bias = bias.get();
            y.chunks_exact_mut(self.outputs).for_each(|row| row.iter_mut().zip(bias).for_each(|(y, b)| *y += b));
        }
        y
    }
}

/// Every row of `a` with every row of `b`, both `width` wide: `out[i * rows of b + j]`.
pub(super) fn products(a: &[f32], b: &[f32], width: usize, out: &mut [f32]) {
    // Every width that comes here was checked to be a multiple of PAD when the model was opened.
    match Rows::new(Elements::F32(b), width) {
        Ok(rows) if width.is_multiple_of(PAD) => dots(a, rows, out),
        _ => out.fill(f32::NAN),
    }
}

/// Layer normalisation.
pub(super) struct Norm {
    weight: Tensor,
    bias: Tensor,
    eps: f32,
}

impl Norm {
    /// `name.weight` and `name.bias`.
    pub fn load(weights: &Weights, name: &str, width: usize, eps: f32) -> Result<Norm, Error> {
        let tensor = |part: &str| weights.tensor(&format!("{name}.{part}"), &[width]);
        Ok(Norm { weight: tensor("weight")?, bias: tensor("bias")?, eps })
    }

    /// In place, row by row.
    pub fn apply(&self, x: &mut [f32]) {
        let (weight, bias) = (self.weight.get(), self.bias.get());
        for row in x.chunks_exact_mut(weight.len().max(1)) {
            let n = row.len() as f32;
            let mean = sum(row, |x| x) / n;
            let variance = sum(row, |x| (x - mean) * (x - mean)) / n;
            let scale = 1.0 / (variance + self.eps).sqrt();
            for ((x, w), b) in row.iter_mut().zip(weight).zip(bias) {
                *x = (*x - mean) * scale * w + b;
            }
        }
    }
}

/// In eight lanes: as fast as it gets without more instructions than every machine has, and closer to the truth than one chain.
fn sum(row: &[f32], of: impl Fn(f32) -> f32) -> f32 {
    let mut lanes = [0.0; 8];
    let (chunks, rest) = row.as_chunks::<8>();
    for chunk in chunks {
        lanes.iter_mut().zip(chunk).for_each(|(lane, x)| *lane += of(*x));
    }
    lanes.iter().sum::<f32>() + rest.iter().map(|x| of(*x)).sum::<f32>()
}

/// What stands between the two layers of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Activation {
    /// x · Φ(x).
    Gelu,
    /// x · σ(1.702 x): OpenAI's CLIP.
    QuickGelu,
    /// Gelu by tanh.
    GeluTanh,
}

impl Activation {
    /// By its name in config.json.
    pub fn named(name: &str) -> Option<Activation> {
        match name {
            "gelu" => Some(Activation::Gelu),
            "quick_gelu" => Some(Activation::QuickGelu),
            "gelu_new" | "gelu_pytorch_tanh" => Some(Activation::GeluTanh),
            _ => None,
        }
    }

    /// In place.
    pub fn apply(self, x: &mut [f32]) {
        match self {
            Activation::Gelu => x.iter_mut().for_each(|x| *x *= 0.5 * (1.0 + erf(*x / SQRT_2))),
            Activation::QuickGelu => x.iter_mut().for_each(|x| *x *= sigmoid(1.702 * *x)),
            Activation::GeluTanh => {
                // tanh(z) = 2 σ(2z) − 1, so 0.5 (1 + tanh z) = σ(2z).
                x.iter_mut().for_each(|x| *x *= sigmoid(1.595_769 * (*x + 0.044_715 * *x * *x * *x)));
            }
        }
    }
}

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// Abramowitz and Stegun 7.1.26: within 1.5e-7 of the error function, which is where `f32` ends.
fn erf(x: f32) -> f32 {
    let a = x.abs();
    let t = 1.0 / (1.0 + 0.327_591_1 * a);
    let poly = t * (0.254_829_6 + t * (-0.284_496_72 + t * (1.421_413_8 + t * (-1.453_152_1 + t * 1.061_405_4))));
    (1.0 - poly * exp(-a * a)).copysign(x)
}

/// e^x within 2 units of the last place, without branches: the compiler makes four at a time of it. Below −87 it is 0, above 88
/// it stays at the largest there.
pub(super) fn exp(x: f32) -> f32 {
    let x = x.clamp(-87.0, 88.0);
    // x = n ln 2 + r, |r| ≤ ln 2 / 2; adding and taking away 1.5 · 2²³ rounds to a whole number.
    const ROUND: f32 = 12_582_912.0;
    let n = (x * LOG2_E + ROUND) - ROUND;
    // ln 2 in two parts, so that r is right to its last bit.
    const HIGH: f32 = 0.693_145_75;
    const LOW: f32 = 1.428_606_8e-6;
    let r = x - n * HIGH - n * LOW;
    let p =
        1.0 + r * (1.0 + r * (0.5 + r * (0.166_666_67 + r * (0.041_666_67 + r * (0.008_333_34 + r * 0.001_388_89)))));
    p * f32::from_bits(((n as i32 + 127) << 23) as u32)
}

/// In place: e^x over their sum; what is at or beyond `len` becomes 0.
pub(super) fn softmax(row: &mut [f32], len: usize) {
    let (row, beyond) = row.split_at_mut(len);
    beyond.fill(0.0);
    let largest = row.iter().fold(f32::NEG_INFINITY, |m, x| m.max(*x));
    row.iter_mut().for_each(|x| *x = exp(*x - largest));
    let total = sum(row, |x| x);
    row.iter_mut().for_each(|x| *x /= total);
}

/// Scales to length 1; `false` where there is no length, or no number.
pub(super) fn unit(row: &mut [f32]) -> bool {
    let length = row.iter().map(|x| f64::from(*x) * f64::from(*x)).sum::<f64>().sqrt();
    row.iter_mut().for_each(|x| *x = (f64::from(*x) / length) as f32);
    length.is_finite() && length > 0.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponentials_are_right() {
        let mut worst = 0.0f64;
        for i in -870_000..880_000 {
            let x = i as f32 / 1e4;
            let want = f64::from(x).exp();
            worst = worst.max((f64::from(exp(x)) - want).abs() / want);
        }
        assert!(worst < 3e-7, "{worst}");
        assert!(exp(-1e9) < 1e-37 && exp(1e9).is_finite());
    }

    #[test]
    fn activations_are_right() {
        // By series: erf(x) = 2/√π Σ (−1)ⁿ x^(2n+1) / (n! (2n+1)).
        let exact = |x: f64| {
            let (mut term, mut total) = (x, x);
            for n in 1..200 {
                term *= -x * x / f64::from(n);
                total += term / f64::from(2 * n + 1);
            }
            total * 2.0 / std::f64::consts::PI.sqrt()
        };
        for i in -400..400 {
            let x = i as f32 / 100.0;
            assert!((f64::from(erf(x)) - exact(f64::from(x))).abs() < 4e-7, "{x}");
            let z = f64::from(x);
            let by = |a: Activation| {
                let mut one = [x];
                a.apply(&mut one);
                f64::from(one[0])
            };
            assert!((by(Activation::Gelu) - z * 0.5 * (1.0 + exact(z / 2f64.sqrt()))).abs() < 2e-6, "{x}");
            assert!((by(Activation::QuickGelu) - z / (1.0 + (-1.702 * z).exp())).abs() < 2e-6, "{x}");
            let tanh = 0.5 * z * (1.0 + ((2.0 / std::f64::consts::PI).sqrt() * (z + 0.044715 * z * z * z)).tanh());
            assert!((by(Activation::GeluTanh) - tanh).abs() < 2e-6, "{x}");
        }
    }

    #[test]
    fn softmax_ends_where_it_is_told() {
        let mut row = [1.0, 2.0, 50.0, 9.0];
        softmax(&mut row, 2);
        assert!((row[1] / row[0] - 1f32.exp()).abs() < 1e-5 && (row[0] + row[1] - 1.0).abs() < 1e-6);
        assert_eq!(row[2..], [0.0, 0.0]);
    }
}
