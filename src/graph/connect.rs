//! Every node can be reached from the entry: those that cannot get a link from the nearest that can.

use super::beam::{Layer, Scratch};
use super::build::Growing;
use crate::codes::RowCodes;

/// How closely a node that cannot be reached looks for one that can.
const EF: usize = 64;

/// Adds what links are needed, node by node in order. Returns how many.
pub(super) fn connect(codes: &RowCodes, layer: &mut Growing) -> usize {
    let nodes = layer.counts.len();
    let mut reached = vec![false; nodes];
    if nodes > 0 {
        reach(layer, 0, &mut reached);
    }
    let (mut scratch, mut weights, mut added) = (Scratch::default(), Vec::new(), 0);
    for node in 0..nodes as u32 {
        if reached[node as usize] {
            continue;
        }
        codes.weights(node, &mut weights);
        let walk = Layer { links: &*layer, rows: codes.rows(), nodes: nodes as u32 };
        let nearest = walk.reach(&weights, 0);
        walk.beam(&weights, nearest, EF, &mut scratch);
        let has_room = |layer: &Growing, n: u32| usize::from(layer.counts[n as usize]) < layer.width;
        let with_room = scratch.beam.iter().map(|r| r.node()).find(|&n| has_room(layer, n));
        let from = with_room.unwrap_or_else(|| scratch.beam.first().map_or(0, |r| r.node()));
        let mut links = layer.of(from).to_vec();
        if with_room.is_none() {
            // The way to its last link now leads through the node, none of whose own links anything was reached by.
            let moved = links.pop();
            let mut own: Vec<u32> = layer.of(node).iter().copied().filter(|&l| Some(l) != moved).collect();
            own.truncate(layer.width - 1);
            own.extend(moved);
            layer.set(node, &own);
        }
        links.push(node);
        layer.set(from, &links);
        added += 1;
        reach(layer, node, &mut reached);
    }
    added
}

/// Marks all that can be reached from a node.
pub(super) fn reach(layer: &Growing, from: u32, reached: &mut [bool]) {
    let mut open = vec![from];
    reached[from as usize] = true;
    while let Some(node) = open.pop() {
        for &link in layer.of(node) {
            if !std::mem::replace(&mut reached[link as usize], true) {
                open.push(link);
            }
        }
    }
}
