//! Building: layer by layer from the top, batch by batch, the same links at any number of threads.
//!
//! ```text
//!   places     0 1 2 | 3 … 40 | 41 … 700 | 701 …                  0 is the entry
//!   layer 2    └───┘          |          |
//!   layer 1    └─────────────┘           |          a layer is a prefix of the places,
//!   layer 0    └──────────────────────────────────┘ and begins as a copy of the layer above
//! ```
//! A batch of places searches the layer as it was before the batch, all in parallel; each takes diverse links from what it
//! found. Then the links back are sorted by target, and each target, in parallel, chooses anew if it has too many. Batches
//! double until they are a fixed share of the layer (prefix doubling: Dobson et al. 2024, ParlayANN). No step depends on
//! which thread was first.

use super::beam::{Layer, Links, Reached, Scratch};
use super::diverse::Diverse;
use crate::codes::RowCodes;
use crate::kernels::prefetch;
use rayon::prelude::*;

/// How a graph is built.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Params {
    /// Links a node of an upper layer has at most; one of the lowest layer has twice as many. 4 to 64.
    pub m: usize,
    /// How many nodes are looked at closely for a new node's links.
    pub ef_construction: usize,
    /// Of the order of places, and so of levels.
    pub seed: u64,
    /// Links that a node has at most beside the others, between what known queries find together; 0: none.
    pub cross: usize,
    /// How much nearer a link must be to a candidate than the node is, as a factor on squared distances, to pass it over.
    pub alpha: f32,
}

impl Default for Params {
    fn default() -> Params {
        Params { m: 16, ef_construction: 100, seed: 0, cross: 16, alpha: 1.0 }
    }
}

/// A batch is at most this share of what is already in the layer …
const SHARE: usize = 32;
/// … but may be this long.
const LEAST_BATCH: usize = 64;
/// No layer above this one, however lucky the dice.
const MAX_LEVEL: u32 = 12;

/// Links of one layer while it is built.
#[derive(Debug, Clone)]
pub(super) struct Growing {
    pub width: usize,
    pub ids: Vec<u32>,
    pub counts: Vec<u16>,
}

impl Growing {
    pub fn new(nodes: usize, width: usize) -> Growing {
        Growing { width, ids: vec![u32::MAX; nodes * width], counts: vec![0; nodes] }
    }

    /// More nodes, without links.
    pub fn lengthen(&mut self, nodes: usize) {
        self.ids.resize(self.ids.len() + nodes * self.width, u32::MAX);
        self.counts.resize(self.counts.len() + nodes, 0);
    }

    pub fn of(&self, node: u32) -> &[u32] {
        &self.ids[node as usize * self.width..][..usize::from(self.counts[node as usize])]
    }

    pub fn set(&mut self, node: u32, links: &[u32]) {
        let start = node as usize * self.width;
        self.ids[start..start + links.len()].copy_from_slice(links);
        self.ids[start + links.len()..start + self.width].fill(u32::MAX);
        self.counts[node as usize] = links.len() as u16;
    }
}

impl Links for &Growing {
    #[inline]
    fn of(&self, node: u32) -> &[u32] {
        Growing::of(self, node)
    }

    #[inline]
    fn prefetch(&self, node: u32) {
        prefetch(&self.ids, node as usize * self.width, self.width);
    }
}

/// The order in which rows are inserted, and how many of them are in each layer, the lowest first.
pub(super) struct Levels {
    /// Place → matrix row.
    pub order: Vec<u32>,
    pub nodes: Vec<usize>,
}

/// A number's hash (the finaliser of SplitMix64).
fn hash(seed: u64, row: u32) -> u64 {
    let mut x =
        seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(u64::from(row) + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    x = (x ^ x >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ x >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ x >> 31
}

impl Levels {
    /// One row in `m` reaches layer 1, one in m² layer 2, …: by the row's hash, so independent of threads.
    pub fn deal(rows: &[u32], m: usize, seed: u64) -> Levels {
        let level = |hash: u64| {
            let (mut level, mut left) = (0, hash >> 1);
            while level < MAX_LEVEL && left.is_multiple_of(m as u64) {
                (level, left) = (level + 1, left / m as u64);
            }
            level
        };
        let mut keyed: Vec<(u32, u64, u32)> = rows
            .iter()
            .map(|&row| {
                let hash = hash(seed, row);
                (MAX_LEVEL - level(hash), hash.rotate_left(32), row)
            })
            .collect();
        keyed.par_sort_unstable();
        let in_layer = |l: u32| keyed.partition_point(|k| MAX_LEVEL - k.0 >= l);
        let nodes = (0..=MAX_LEVEL).map(in_layer).take_while(|&n| n > 0).collect();
        Levels { order: keyed.into_iter().map(|k| k.2).collect(), nodes }
    }
}

/// All layers, the lowest first.
pub(super) struct Layers {
    pub layers: Vec<Growing>,
}

/// Builds the layers over coded rows that lie in the order of `levels`. `progress` is told of places inserted.
pub(super) fn build(codes: &RowCodes, levels: &Levels, params: Params, progress: &(dyn Fn(u64) + Sync)) -> Layers {
    let mut above: Vec<Growing> = Vec::new();
    for (l, &nodes) in levels.nodes.iter().enumerate().rev() {
        let width = if l == 0 { 2 * params.m } else { params.m };
        let mut layer = Growing::new(nodes, width);
        let mut done = 1;
        if let Some(upper) = above.first() {
            done = upper.counts.len();
            (0..done as u32).for_each(|node| layer.set(node, upper.of(node)));
        }
        progress(if l == 0 { done as u64 } else { 0 });
        while done < nodes {
            let batch = (done / SHARE).max(LEAST_BATCH.min(done)).min(nodes - done);
            insert(codes, &mut layer, &above, done..done + batch, params);
            done += batch;
            progress(if l == 0 { batch as u64 } else { 0 });
        }
        above.insert(0, layer);
    }
    Layers { layers: above }
}

/// Walks down from the top to the entry of the layer below `above`.
pub(super) fn descend(codes: &RowCodes, above: &[Growing], weights: &[i16], scratch: &mut Scratch) -> Reached {
    let entry = Layer { links: &Growing::new(0, 0), rows: codes.rows(), nodes: 1 }.reach(weights, 0);
    above.iter().rev().fold(entry, |entry, layer| {
        let layer = Layer { links: layer, rows: codes.rows(), nodes: layer.counts.len() as u32 };
        layer.climb(weights, entry, scratch).0
    })
}

fn insert(codes: &RowCodes, layer: &mut Growing, above: &[Growing], batch: std::ops::Range<usize>, params: Params) {
    let before = Layer { links: &*layer, rows: codes.rows(), nodes: batch.start as u32 };
    let found: Vec<Vec<u32>> = batch
        .clone()
        .into_par_iter()
        .map_init(
            || (Scratch::default(), Diverse::default(), Vec::new()),
            |(scratch, diverse, weights), place| {
                codes.weights(place as u32, weights);
                let entry = descend(codes, above, weights, scratch);
                before.beam(weights, entry, params.ef_construction, scratch);
                let mut links: Vec<u32> = scratch.beam.iter().map(|r| r.node()).collect();
                diverse.select(codes, place as u32, &mut links, params.m, params.alpha);
                links
            },
        )
        .collect();
    let mut back: Vec<(u32, u32)> = Vec::with_capacity(found.len() * params.m);
    for (place, links) in batch.zip(&found) {
        layer.set(place as u32, links);
        back.extend(links.iter().map(|&target| (target, place as u32)));
    }
    link_back(codes, layer, back, params.alpha);
}

/// Gives each target its links back; a target with too many chooses among all it has and gets.
pub(super) fn link_back(codes: &RowCodes, layer: &mut Growing, mut back: Vec<(u32, u32)>, alpha: f32) {
    back.par_sort_unstable();
    let targets: Vec<&[(u32, u32)]> = back.chunk_by(|a, b| a.0 == b.0).collect();
    let width = layer.width;
    let old = &*layer;
    let chosen: Vec<Vec<u32>> = targets
        .par_iter()
        .map_init(Diverse::default, |diverse, group| {
            let target = group[0].0;
            let mut links = old.of(target).to_vec();
            links.extend(group.iter().map(|b| b.1));
            if links.len() > width {
                diverse.select(codes, target, &mut links, width, alpha);
            }
            links
        })
        .collect();
    for (group, links) in targets.iter().zip(&chosen) {
        layer.set(group[0].0, links);
    }
}
