//! Walking one layer: greedy, and best first with a beam.
//!
//! ```text
//!   beam, the best first      | 91* | 88* | 84 | 80* | 77 | … ≤ ef          * expanded
//!                                          ▲ cursor: the best that is not
//!   expand: its links ── not seen yet ──▶ products of their codes ──▶ into the beam, if better than its last
//! ```
//! It ends when all that is in the beam was expanded. Scores are integers of one query, so every walk is the same everywhere.

use super::visited::Visited;
use crate::kernels::{CodeRows, code_dots_at, prefetch};
use std::collections::BinaryHeap;

/// A layer's links. Numbers at or above the count of nodes end a list: a damaged file leads nowhere.
pub(super) trait Links {
    /// The links of a node, perhaps followed by numbers that are no nodes.
    fn of(&self, node: u32) -> &[u32];

    /// Asks memory for the links of a node.
    fn prefetch(&self, node: u32);
}

/// A node with its product, ordered by product, and of equal products the lower node first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Reached(u64);

const EXPANDED: u64 = 1;

impl Reached {
    #[inline]
    pub fn new(product: i32, node: u32) -> Reached {
        let ordered = (product as u32) ^ 0x8000_0000;
        Reached(u64::from(ordered) << 32 | u64::from(!(node << 1)) & 0xFFFF_FFFE)
    }

    #[inline]
    pub fn product(self) -> i32 {
        ((self.0 >> 32) as u32 ^ 0x8000_0000) as i32
    }

    #[inline]
    pub fn node(self) -> u32 {
        (!(self.0 as u32) & 0xFFFF_FFFE) >> 1
    }
}

/// What a walk needs beside the graph: reused from query to query.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    visited: Visited,
    /// The best first.
    pub beam: Vec<Reached>,
    frontier: BinaryHeap<Reached>,
    fresh: Vec<u32>,
    products: Vec<i32>,
}

/// One layer of a graph over coded rows.
#[derive(Clone, Copy)]
pub(super) struct Layer<'a, L> {
    pub links: L,
    pub rows: CodeRows<'a>,
    /// Nodes `0..nodes` are in the layer.
    pub nodes: u32,
}

impl<L: Links> Layer<'_, L> {
    /// Climbs from `entry` to a node that no neighbour beats. Returns it, and how many products that took.
    pub fn climb(&self, weights: &[i16], entry: Reached, scratch: &mut Scratch) -> (Reached, u64) {
        let (mut best, mut scored) = (entry, 0);
        loop {
            let links = self.links.of(best.node());
            let end = links.iter().position(|&l| l >= self.nodes).unwrap_or(links.len());
            scratch.products.resize(end, 0);
            code_dots_at(weights, self.rows, &links[..end], &mut scratch.products);
            scored += end as u64;
            let found = links.iter().zip(&scratch.products).map(|(&l, &p)| Reached::new(p, l)).max();
            match found {
                Some(better) if better.product() > best.product() => best = better,
                _ => return (best, scored),
            }
        }
    }

    /// The product of a single node.
    pub fn reach(&self, weights: &[i16], node: u32) -> Reached {
        let mut product = [0];
        code_dots_at(weights, self.rows, &[node], &mut product);
        Reached::new(product[0], node)
    }

    /// Fills `fresh` with the links of a node that were not seen before, and `products` with theirs.
    #[inline]
    fn expand(&self, weights: &[i16], node: u32, scratch: &mut Scratch) {
        scratch.fresh.clear();
        for &link in self.links.of(node) {
            if link >= self.nodes {
                break;
            }
            if scratch.visited.insert(link) {
                scratch.fresh.push(link);
            }
        }
        scratch.products.resize(scratch.fresh.len(), 0);
        code_dots_at(weights, self.rows, &scratch.fresh, &mut scratch.products);
    }

    /// Leaves the best `ef` nodes it finds in `scratch.beam`. Returns how many products it took.
    pub fn beam(&self, weights: &[i16], entry: Reached, ef: usize, scratch: &mut Scratch) -> u64 {
        scratch.visited.begin(self.nodes as usize);
        scratch.beam.clear();
        scratch.visited.insert(entry.node());
        scratch.beam.push(entry);
        let mut cursor = 0;
        while let Some(at) = (cursor..scratch.beam.len()).find(|&i| scratch.beam[i].0 & EXPANDED == 0) {
            let node = scratch.beam[at].node();
            scratch.beam[at].0 |= EXPANDED;
            cursor = at + 1;
            if let Some(next) = scratch.beam.get(cursor) {
                self.links.prefetch(next.node());
            }
            self.expand(weights, node, scratch);
            let Scratch { beam, fresh, products, .. } = scratch;
            for (&link, &product) in fresh.iter().zip(&*products) {
                let reached = Reached::new(product, link);
                if beam.len() == ef {
                    if beam.last().is_none_or(|last| reached < *last) {
                        continue;
                    }
                    beam.pop();
                }
                let place = beam.partition_point(|b| *b > reached);
                beam.insert(place, reached);
                cursor = cursor.min(place);
            }
        }
        scratch.visited.count() as u64
    }

    /// As [`Layer::beam`], but only nodes that `accept` takes enter the beam; the others are walked through. It ends when no
    /// node that was not expanded beats the last of a full beam: or when `budget` products were computed (`false`).
    pub fn filtered(
        &self,
        weights: &[i16],
        entry: Reached,
        ef: usize,
        budget: u64,
        mut accept: impl FnMut(Reached) -> bool,
        scratch: &mut Scratch,
    ) -> (u64, bool) {
        scratch.visited.begin(self.nodes as usize);
        scratch.beam.clear();
        scratch.frontier.clear();
        scratch.visited.insert(entry.node());
        scratch.frontier.push(entry);
        if accept(entry) {
            scratch.beam.push(entry);
        }
        while let Some(best) = scratch.frontier.pop() {
            if scratch.beam.len() == ef && scratch.beam.last().is_some_and(|last| best < *last) {
                break;
            }
            if scratch.visited.count() as u64 >= budget {
                return (scratch.visited.count() as u64, false);
            }
            if let Some(next) = scratch.frontier.peek() {
                self.links.prefetch(next.node());
            }
            self.expand(weights, best.node(), scratch);
            let Scratch { beam, frontier, fresh, products, .. } = scratch;
            for (&link, &product) in fresh.iter().zip(&*products) {
                let reached = Reached::new(product, link);
                let full = beam.len() == ef;
                if full && beam.last().is_some_and(|last| reached < *last) {
                    continue;
                }
                frontier.push(reached);
                if accept(reached) {
                    if full {
                        beam.pop();
                    }
                    let place = beam.partition_point(|b| *b > reached);
                    beam.insert(place, reached);
                }
            }
        }
        (scratch.visited.count() as u64, true)
    }
}

/// Links in one flat array, `width` a node.
#[derive(Debug, Clone, Copy)]
pub(super) struct Flat<'a> {
    pub ids: &'a [u32],
    pub width: usize,
}

impl Links for Flat<'_> {
    #[inline]
    fn of(&self, node: u32) -> &[u32] {
        self.ids.get(node as usize * self.width..(node as usize + 1) * self.width).unwrap_or(&[])
    }

    #[inline]
    fn prefetch(&self, node: u32) {
        prefetch(self.ids, node as usize * self.width, self.width);
    }
}
