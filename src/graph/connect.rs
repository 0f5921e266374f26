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
    let (mut scratch, mut weights, mut added, mut spare) = (Scratch::default(), Vec::new(), 0, 0);
    for node in 0..nodes as u32 {
        if reached[node as usize] {
            continue;
        }
        codes.weights(node, &mut weights);
        let walk = Layer { links: &*layer, rows: codes.rows(), nodes: nodes as u32 };
        walk.beam(&weights, walk.reach(&weights, 0), EF, &mut scratch);
        let has_room = |layer: &Growing, n: u32| usize::from(layer.counts[n as usize]) < layer.width;
        let mut from = scratch.beam.iter().map(|r| r.node()).find(|&n| has_room(layer, n));
        while from.is_none() && spare < nodes as u32 {
            from = (reached[spare as usize] && has_room(layer, spare)).then_some(spare);
            spare += u32::from(from.is_none());
        }
        // Without room anywhere the node stays alone; `verify` counts such nodes, and searches that miss rows end in a scan.
        if let Some(from) = from {
            let mut links = layer.of(from).to_vec();
            links.push(node);
            layer.set(from, &links);
            added += 1;
            reach(layer, node, &mut reached);
        }
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
