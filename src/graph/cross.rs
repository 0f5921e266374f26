//! Links from known queries: captions look for images, and are far from all of them.
//!
//! Captions lie apart from images (the modality gap), so the images nearest to a caption are not nearest to each other, and a
//! graph of images alone does not lead from one to the next. But the archive's own captions are queries of just that kind.
//! Any two images that one caption finds together become candidates for a link; each image takes, beside the links it has, a
//! few diverse ones of its candidates. Two rounds: the second looks through a graph that has the first one's links, and so
//! finds truer lists.
//!
//! In the spirit of RoarGraph (Chen et al. 2024), which projects a bipartite graph of queries and their neighbours; but here
//! beside the ordinary links, not instead of them: queries by image go on as before.

use super::beam::{Layer, Scratch};
use super::build::{Growing, Layers, descend};
use super::diverse::Diverse;
use crate::codes::RowCodes;
use rayon::prelude::*;

/// How many images found by one caption are linked with each other.
const TOGETHER: usize = 24;
/// How closely each round looks for them.
const EF: [usize; 2] = [64, 96];
/// At most this many captions that found an image, and this many of its candidates, are looked at.
const FINDERS: usize = 256;
const CANDIDATES: usize = 256;

/// Queries that are known beforehand.
pub struct Known<'a> {
    /// How many.
    pub len: usize,
    /// The vector of one of them, as wide as the rows.
    pub vector: &'a (dyn Fn(usize) -> Vec<f32> + Sync),
}

/// Widens the lowest layer by at most `extra` links a node. `progress` is told of every caption looked up.
pub(super) fn add(
    codes: &RowCodes,
    layers: &mut Layers,
    known: &Known<'_>,
    extra: usize,
    progress: &(dyn Fn(u64) + Sync),
) {
    let Some(near) = layers.layers.first().cloned() else { return };
    for ef in EF {
        let lists = found_together(codes, layers, known, ef, progress);
        layers.layers[0] = widened(codes, &near, &lists, extra);
    }
}

/// Per known query the nodes it finds, the best first, in one flat array of [`TOGETHER`] a query; `u32::MAX` where there are
/// no more.
fn found_together(
    codes: &RowCodes,
    layers: &Layers,
    known: &Known<'_>,
    ef: usize,
    progress: &(dyn Fn(u64) + Sync),
) -> Vec<u32> {
    let mut lists = vec![u32::MAX; known.len * TOGETHER];
    let Some((base, above)) = layers.layers.split_first() else { return lists };
    let layer = Layer { links: base, rows: codes.rows(), nodes: base.counts.len() as u32 };
    lists.par_chunks_exact_mut(TOGETHER).enumerate().for_each_init(Scratch::default, |scratch, (q, list)| {
        let query = codes.book().query(&(known.vector)(q), codes.longest_row());
        let entry = descend(codes, above, query.weights(), scratch);
        layer.beam(query.weights(), entry, ef, scratch);
        list.iter_mut().zip(&scratch.beam).for_each(|(to, reached)| *to = reached.node());
        progress(1);
    });
    lists
}

/// `near` with links to nodes that were found together with each node.
fn widened(codes: &RowCodes, near: &Growing, lists: &[u32], extra: usize) -> Growing {
    let nodes = near.counts.len();
    // Node → the queries that found it: as many offsets as nodes, then the queries, ascending.
    let mut ends = vec![0usize; nodes + 1];
    lists.iter().filter(|&&node| node != u32::MAX).for_each(|&node| ends[node as usize + 1] += 1);
    (0..nodes).for_each(|node| ends[node + 1] += ends[node]);
    let (mut finders, mut next) = (vec![0u32; ends[nodes]], ends.clone());
    for (at, &node) in lists.iter().enumerate().filter(|(_, node)| **node != u32::MAX) {
        finders[next[node as usize]] = (at / TOGETHER) as u32;
        next[node as usize] += 1;
    }
    let mut wide = Growing::new(nodes, near.width + extra);
    let chosen: Vec<Vec<u32>> = (0..nodes as u32)
        .into_par_iter()
        .map_init(
            || (Diverse::default(), Vec::new(), Vec::new()),
            |(diverse, together, counted), node| {
                let have = near.of(node);
                let finders = &finders[ends[node as usize]..ends[node as usize + 1]];
                // Of many, some from all over.
                let step = finders.len().div_ceil(FINDERS).max(1);
                together.clear();
                for &q in finders.iter().step_by(step) {
                    let list = &lists[q as usize * TOGETHER..][..TOGETHER];
                    together.extend(list.iter().filter(|&&other| other != u32::MAX && other != node));
                }
                together.sort_unstable();
                counted.clear();
                counted.extend(together.chunk_by(|a, b| a == b).map(|same| (same.len(), same[0])));
                counted.retain(|&(_, other)| !have.contains(&other));
                counted.sort_unstable_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
                let mut links = counted.iter().map(|c| c.1).take(CANDIDATES).collect();
                diverse.select(codes, node, &mut links, extra, 1.0);
                links.splice(0..0, have.iter().copied());
                links
            },
        )
        .collect();
    chosen.iter().enumerate().for_each(|(node, links)| wide.set(node as u32, links));
    wide
}
