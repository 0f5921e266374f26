//! The mapped file; the order of nodes in it; writing, checking.

use super::Error;
use super::beam::{Flat, Layer, Reached, Scratch};
use super::build::{Growing, Layers};
use crate::codes::RowCodes;
use crate::kernels::CodeRows;
use crate::wire::{Checksum, File, FileWriter, Kind, Result, Section, Written};
use rayon::prelude::*;
use std::path::Path;

/// More layers than any graph has.
const MAX_LAYERS: usize = 16;

/// A graph, mapped. Opening checks the header and the sections' lengths; links are checked where they are followed.
#[derive(Debug)]
pub struct Graph {
    file: File,
    width: usize,
    m: usize,
    layers: Vec<(Section<u32>, u32)>,
}

fn section(layer: usize) -> String {
    format!("layer.{layer}")
}

/// Slot → place. Nodes of the upper layers come first, as a layer must be a prefix; among the nodes of one level those that
/// lie under the same node of the layer above come together, so that a walk finds them in the same pages of memory.
pub(super) fn locality(codes: &RowCodes, layers: &Layers) -> Vec<u32> {
    let counts: Vec<usize> = layers.layers.iter().map(|l| l.counts.len()).collect();
    let n = counts.first().copied().unwrap_or(0);
    let mut order: Vec<u32> = (0..counts.last().copied().unwrap_or(0) as u32).collect();
    let mut slot = vec![0u32; n];
    for l in (0..counts.len().saturating_sub(1)).rev() {
        order.iter().enumerate().for_each(|(s, &place)| slot[place as usize] = s as u32);
        let mut keyed: Vec<(u32, u32)> = (counts[l + 1] as u32..counts[l] as u32)
            .into_par_iter()
            .map_init(
                || (Scratch::default(), Vec::new()),
                |(scratch, weights), place| {
                    codes.weights(place, weights);
                    let parent = super::build::descend(codes, &layers.layers[l + 1..], weights, scratch);
                    (slot[parent.node() as usize], place)
                },
            )
            .collect();
        keyed.par_sort_unstable();
        order.extend(keyed.into_iter().map(|k| k.1));
    }
    order
}

/// Writes the layers, their nodes renamed by `places`: slot → place.
pub(super) fn write(path: &Path, layers: &Layers, places: &[u32], m: usize) -> Result<Written> {
    let mut slot = vec![0u32; places.len()];
    places.iter().enumerate().for_each(|(s, &place)| slot[place as usize] = s as u32);
    let width = layers.layers.first().map_or(0, |l| l.width);
    let mut out = FileWriter::create(path, Kind::Graph, 2 + layers.layers.len())?;
    out.section("shape", &[places.len() as u64, m as u64, width as u64, layers.layers.len() as u64])?;
    out.section("nodes", &layers.layers.iter().map(|l| l.counts.len() as u64).collect::<Vec<_>>())?;
    for (l, layer) in layers.layers.iter().enumerate() {
        out.begin(&section(l))?;
        let mut links = Vec::with_capacity(layer.width);
        for &place in &places[..layer.counts.len()] {
            links.clear();
            links.extend(Growing::of(layer, place).iter().map(|&link| slot[link as usize]));
            links.resize(layer.width, u32::MAX);
            out.write(&links)?;
        }
    }
    out.finish()
}

impl Graph {
    /// Maps the graph over `rows` coded rows.
    pub fn open(path: &Path, rows: usize) -> Result<Graph> {
        let file = File::open(path, Kind::Graph)?;
        let shape = file.section_of::<u64>("shape", 4)?;
        let (n, m, width, layers) = (shape[0], shape[1], shape[2], shape[3]);
        let sane =
            n == rows as u64 && m <= 1024 && width <= 4096 && layers <= MAX_LAYERS as u64 && (n == 0) == (layers == 0);
        if !sane {
            return Err(file.damaged(format!("shape {:?} over {rows} rows", &shape[..])));
        }
        let nodes = file.section_of::<u64>("nodes", layers as usize)?;
        let falling = nodes.first().is_none_or(|&first| first == n) && nodes.windows(2).all(|w| w[1] <= w[0]);
        if !falling || nodes.last().is_some_and(|&last| last == 0) || n >= 1 << 31 {
            return Err(file.damaged(format!("layers of {:?} nodes over {rows} rows", &nodes[..])));
        }
        let each = nodes.iter().enumerate().map(|(l, &count)| {
            let width = if l == 0 { width } else { m };
            Ok((file.section_of::<u32>(&section(l), (count * width) as usize)?, count as u32))
        });
        let layers = each.collect::<Result<Vec<_>>>()?;
        Ok(Graph { width: width as usize, m: m as usize, layers, file })
    }

    /// The file's identity.
    pub fn checksum(&self) -> Checksum {
        self.file.checksum
    }

    /// The file's length in bytes.
    pub fn bytes(&self) -> u64 {
        self.file.bytes()
    }

    /// Links a node of an upper layer has at most; the lowest has twice as many, and those from known queries.
    pub fn m(&self) -> usize {
        self.m
    }

    /// Nodes of each layer, the lowest first.
    pub fn nodes(&self) -> impl Iterator<Item = u32> + '_ {
        self.layers.iter().map(|l| l.1)
    }

    /// A layer over the codes; `None` if there is none, or the codes are not as many as its nodes.
    pub(super) fn layer<'a>(&'a self, layer: usize, rows: CodeRows<'a>) -> Option<Layer<'a, Flat<'a>>> {
        let (ids, nodes) = self.layers.get(layer)?;
        let width = if layer == 0 { self.width } else { self.m };
        (*nodes as usize <= rows.len()).then_some(Layer { links: Flat { ids, width }, rows, nodes: *nodes })
    }

    /// From the top to where a walk through the lowest layer begins; `None` in a graph without nodes.
    pub(super) fn descend(&self, rows: CodeRows<'_>, weights: &[i16], scratch: &mut Scratch) -> Option<(Reached, u64)> {
        let mut at = (self.layer(0, rows)?.reach(weights, 0), 1);
        for layer in (1..self.layers.len()).rev() {
            let (best, scored) = self.layer(layer, rows)?.climb(weights, at.0, scratch);
            at = (best, at.1 + scored);
        }
        Some(at)
    }

    /// Walks the whole graph: checksums; links that are nodes of their layer, other than the node itself, each once, with
    /// nothing after the end of a list; every node reachable from the entry. Linear in the file.
    pub fn verify(&self) -> Result<()> {
        self.file.verify()?;
        for (l, (ids, nodes)) in self.layers.iter().enumerate() {
            let width = if l == 0 { self.width } else { self.m };
            let links = |node: u32| {
                let all = Flat { ids, width };
                let all = &all.ids[node as usize * width..(node as usize + 1) * width];
                all.split_at(all.iter().position(|&l| l == u32::MAX).unwrap_or(width))
            };
            let wrong = (0..*nodes).into_par_iter().find_first(|&node| {
                let (links, rest) = links(node);
                let mut sorted = links.to_vec();
                sorted.sort_unstable();
                sorted.windows(2).any(|w| w[0] == w[1])
                    || links.iter().any(|&l| l >= *nodes || l == node)
                    || rest.iter().any(|&l| l != u32::MAX)
            });
            if let Some(node) = wrong {
                return Err(self.file.damaged(format!("the links of node {node} in layer {l}")));
            }
            if l == 0 {
                let (mut seen, mut open) = (vec![false; *nodes as usize], vec![0u32]);
                seen[0] = true;
                let mut count = 1;
                while let Some(node) = open.pop() {
                    for &link in links(node).0 {
                        if !std::mem::replace(&mut seen[link as usize], true) {
                            count += 1;
                            open.push(link);
                        }
                    }
                }
                if count < *nodes {
                    return Err(self.file.damaged(format!("{} of {nodes} nodes cannot be reached", nodes - count)));
                }
            }
        }
        Ok(())
    }
}

/// What is wrong with the width of what is searched.
pub(super) fn same_width(expected: usize, got: usize) -> std::result::Result<(), Error> {
    if expected == got { Ok(()) } else { Err(Error::Width { expected, got }) }
}
