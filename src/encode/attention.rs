//! Blocks of a transformer: attention, then two layers, each beside a shortcut.
//!
//! ```text
//! pre-norm (CLIP)    x += attend(norm₁(x));            x += mlp(norm₂(x))
//! post-norm (BERT)   x = norm₁(x + attend(x));         x = norm₂(x + mlp(x))
//! ```
//!
//! The rows of several sequences stand one after the other: layers take them all at once, attention one sequence at a time.

use super::Error;
use super::layers::{Activation, Linear, Norm, products, softmax};
use super::weights::Weights;
use crate::kernels::padded;
use std::ops::Range;

/// Where the norms stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Pre,
    Post,
}

/// The sizes of a stack of blocks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sizes {
    pub width: usize,
    pub heads: usize,
    pub hidden: usize,
    pub layers: usize,
    pub eps: f32,
    pub activation: Activation,
    /// Does a row see the rows before it only?
    pub causal: bool,
    pub order: Order,
}

/// What the parts of a block are called.
#[derive(Debug, Clone, Copy)]
pub(super) struct Names {
    /// Before the number of the block.
    pub prefix: &'static str,
    pub query: &'static str,
    pub key: &'static str,
    pub value: &'static str,
    pub out: &'static str,
    pub norm1: &'static str,
    pub up: &'static str,
    pub down: &'static str,
    pub norm2: &'static str,
}

/// A stack of blocks.
pub(super) struct Blocks {
    sizes: Sizes,
    blocks: Vec<Block>,
}

struct Block {
    query: Linear,
    key: Linear,
    value: Linear,
    out: Linear,
    norm1: Norm,
    up: Linear,
    down: Linear,
    norm2: Norm,
}

impl Blocks {
    /// Loads all of them.
    pub fn load(weights: &Weights, names: &Names, sizes: Sizes) -> Result<Blocks, Error> {
        let block = |i: usize| {
            let name = |part: &str| format!("{}.{i}.{part}", names.prefix);
            let square = |part| Linear::load(weights, &name(part), sizes.width, sizes.width);
            let norm = |part| Norm::load(weights, &name(part), sizes.width, sizes.eps);
            Ok(Block {
                query: square(names.query)?,
                key: square(names.key)?,
                value: square(names.value)?,
                out: square(names.out)?,
                norm1: norm(names.norm1)?,
                up: Linear::load(weights, &name(names.up), sizes.width, sizes.hidden)?,
                down: Linear::load(weights, &name(names.down), sizes.hidden, sizes.width)?,
                norm2: norm(names.norm2)?,
            })
        };
        Ok(Blocks { sizes, blocks: (0..sizes.layers).map(block).collect::<Result<_, Error>>()? })
    }

    /// Rows of several sequences, in place.
    pub fn apply(&self, x: &mut [f32], sequences: &[Range<usize>]) {
        for block in &self.blocks {
            match self.sizes.order {
                Order::Pre => {
                    let mut normed = x.to_vec();
                    block.norm1.apply(&mut normed);
                    add(x, &block.attend(&normed, sequences, &self.sizes));
                    normed.copy_from_slice(x);
                    block.norm2.apply(&mut normed);
                    add(x, &block.mlp(&normed, self.sizes.activation));
                }
                Order::Post => {
                    let attended = block.attend(x, sequences, &self.sizes);
                    add(x, &attended);
                    block.norm1.apply(x);
                    let mixed = block.mlp(x, self.sizes.activation);
                    add(x, &mixed);
                    block.norm2.apply(x);
                }
            }
        }
    }
}

fn add(x: &mut [f32], y: &[f32]) {
    x.iter_mut().zip(y).for_each(|(x, y)| *x += y);
}

impl Block {
    fn mlp(&self, x: &[f32], activation: Activation) -> Vec<f32> {
        let mut hidden = self.up.apply(x);
        activation.apply(&mut hidden);
        self.down.apply(&hidden)
    }

    fn attend(&self, x: &[f32], sequences: &[Range<usize>], sizes: &Sizes) -> Vec<f32> {
        let (width, head) = (sizes.width, sizes.width / sizes.heads);
        let (query, key, value) = (self.query.apply(x), self.key.apply(x), self.value.apply(x));
        let scale = 1.0 / (head as f32).sqrt();
        let mut mixed = vec![0.0; x.len()];
        let (mut q, mut k, mut v) = (Vec::new(), Vec::new(), Vec::new());
        let (mut scores, mut weights, mut out) = (Vec::new(), Vec::new(), Vec::new());
        for rows in sequences {
            let len = rows.len();
            let stride = padded(len);
            scores.resize(len * len, 0.0);
            out.resize(len * head, 0.0);
            for h in 0..sizes.heads {
                // One head's columns: rows of queries and keys, columns of values.
                q.clear();
                k.clear();
                v.clear();
                v.resize(head * stride, 0.0);
                for (i, row) in rows.clone().enumerate() {
                    let at = row * width + h * head..row * width + (h + 1) * head;
                    q.extend(query[at.clone()].iter().map(|x| x * scale));
                    k.extend_from_slice(&key[at.clone()]);
                    value[at].iter().enumerate().for_each(|(j, x)| v[j * stride + i] = *x);
                }
                products(&q, &k, head, &mut scores);
                weights.clear();
                weights.resize(len * stride, 0.0);
                for (i, (to, from)) in weights.chunks_exact_mut(stride).zip(scores.chunks_exact(len)).enumerate() {
                    to[..len].copy_from_slice(from);
                    softmax(to, if sizes.causal { i + 1 } else { len });
                }
                products(&weights, &v, stride, &mut out);
                for (i, row) in rows.clone().enumerate() {
                    let to = row * width + h * head;
                    mixed[to..to + head].copy_from_slice(&out[i * head..(i + 1) * head]);
                }
            }
        }
        self.out.apply(&mixed)
    }
}
