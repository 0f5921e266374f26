//! The whole graph: which edges the search sees, and the proof that the others do not matter.

use super::nest::{Arc, Nest};
use super::search::Search;
use super::{NONE, Weight};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Edges brought in for a vertex in one round. More make rounds fewer and searches longer; of 4, 8 and 16, 16 handled the
/// fewest events on four made-up newsrooms of five.
const EDGES_PER_ROUND: usize = 16;

/// What it took. Depends on the graph alone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Effort {
    /// Times that all edges were priced, the last of them without a find.
    pub rounds: u64,
    /// Edges that the search ever saw.
    pub edges: u64,
    /// Alternating trees grown.
    pub searches: u64,
    /// Events handled in them.
    pub events: u64,
    /// Arcs looked at in them.
    pub arcs: u64,
}

/// Matches the sparse graph, brings in edges that its duals leave infeasible, and so on until there are none: then the
/// duals are feasible for the whole graph and prove the matching optimal in it.
pub(super) fn solve<W: Weight>(n: u32, ends: &[(u32, u32)], weight: impl Fn(usize) -> W) -> (Vec<Option<u32>>, Effort) {
    let (nest, effort) = solve_nest(n, ends, weight);
    (nest.mate.iter().map(|&m| (m != NONE).then_some(m)).collect(), effort)
}

pub(super) fn solve_nest<W: Weight>(n: u32, ends: &[(u32, u32)], weight: impl Fn(usize) -> W) -> (Nest<W>, Effort) {
    let mut search = Search::<W>::new(n);
    loop {
        search.effort.rounds += 1;
        let found = infeasible(&search.nest, ends, &weight);
        if found.is_empty() {
            return (search.nest, search.effort);
        }
        search.effort.edges += found.len() as u64;
        search.nest.tidy();
        admit(&mut search.nest, ends, &weight, &found);
        start(&mut search.nest);
        search.solve();
    }
}

/// The summed duals of the blossoms that hold both ends of an edge, for any two vertices at once.
///
/// With the vertices in the order in which a walk through the nest meets them, it is the least such sum over the
/// neighbours between the two, read off a table of least values over runs of 2ᵏ. (Nests get thousands of blossoms
/// deep: walking up from both ends took ten times as long as everything else.)
struct Shared<W> {
    place: Vec<u32>,
    least: Vec<Vec<W>>,
}

impl<W: Weight> Shared<W> {
    fn new(nest: &Nest<W>) -> Self {
        let mut place = vec![0; nest.n];
        let mut with_next = Vec::with_capacity(nest.n);
        let mut stack: Vec<(u32, W, W)> =
            (0..nest.n as u32).map(|v| nest.outermost(v)).map(|b| (b, W::ZERO, W::ZERO)).collect();
        stack.sort_unstable();
        stack.dedup();
        // (blossom, sum of the duals around it, sum shared with what the walk meets after it)
        while let Some((b, around, after)) = stack.pop() {
            if nest.is_vertex(b) {
                place[b as usize] = with_next.len() as u32;
                with_next.push(after);
            } else {
                let inside = around + nest.depth[b as usize];
                for (i, &(child, ..)) in nest.ring(b).iter().enumerate() {
                    stack.push((child, inside, if i == 0 { after } else { inside }));
                }
            }
        }
        let mut least = vec![with_next];
        for run in (0..).map(|k| 1 << k).take_while(|run| 2 * run <= nest.n) {
            let shorter = &least[least.len() - 1];
            let longer = shorter.iter().zip(&shorter[run..]).map(|(x, y)| *x.min(y)).collect();
            least.push(longer);
        }
        Shared { place, least }
    }

    fn sum(&self, a: u32, b: u32) -> W {
        let (x, y) = (self.place[a as usize] as usize, self.place[b as usize] as usize);
        let (from, to) = (x.min(y), x.max(y));
        let k = (to - from).ilog2() as usize;
        self.least[k][from].min(self.least[k][to - (1 << k)])
    }
}

/// For every vertex the edges that break the rule most, by number.
fn infeasible<W: Weight>(nest: &Nest<W>, ends: &[(u32, u32)], weight: &impl Fn(usize) -> W) -> Vec<u32> {
    let mut worst: Vec<BinaryHeap<Reverse<(W, u32, u32)>>> = vec![BinaryHeap::new(); nest.n];
    let shared = Shared::new(nest);
    for (e, &(a, b)) in ends.iter().enumerate() {
        let mut excess = weight(e) - nest.dual[a as usize] - nest.dual[b as usize];
        if excess > W::ZERO {
            excess -= shared.sum(a, b);
        }
        if excess <= W::ZERO {
            continue;
        }
        // Among equals a spread-out choice: the first ones would all lead to the same few vertices.
        let spread = (e as u32).wrapping_mul(0x9E37_79B1).rotate_left(15).wrapping_mul(0x85EB_CA77);
        for v in [a, b] {
            let heap = &mut worst[v as usize];
            if heap.len() < EDGES_PER_ROUND {
                heap.push(Reverse((excess, spread, e as u32)));
            } else if let Some(mut least) = heap.peek_mut()
                && least.0 < (excess, spread, e as u32)
            {
                *least = Reverse((excess, spread, e as u32));
            }
        }
    }
    let mut found: Vec<u32> = worst.into_iter().flatten().map(|Reverse((.., e))| e).collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// Puts the edges into the sparse graph; opens what stands in the way, raises duals until they are feasible, and
/// unmatches edges that are no longer tight.
fn admit<W: Weight>(nest: &mut Nest<W>, ends: &[(u32, u32)], weight: &impl Fn(usize) -> W, found: &[u32]) {
    for &e in found {
        let (a, b) = ends[e as usize];
        for v in [a, b] {
            nest.dissolve(nest.outermost(v));
        }
    }
    let mut raise = vec![W::ZERO; nest.n];
    for &e in found {
        let (a, b) = ends[e as usize];
        let w = weight(e as usize);
        // No blossom holds either end any more.
        let excess = w - nest.dual[a as usize] - nest.dual[b as usize];
        let (x, y) = (&mut raise[a as usize], excess.half());
        *x = (*x).max(y);
        let (x, y) = (&mut raise[b as usize], excess - excess.half());
        *x = (*x).max(y);
        nest.arcs[a as usize].push(Arc { to: b, weight: w });
        nest.arcs[b as usize].push(Arc { to: a, weight: w });
    }
    for (dual, &by) in nest.dual.iter_mut().zip(&raise) {
        *dual += by;
    }
    for v in 0..nest.n {
        let m = nest.mate[v];
        if m == NONE || nest.outermost(v as u32) == nest.outermost(m) {
            continue;
        }
        let tight = nest.arcs[v].iter().any(|arc| arc.to == m && nest.dual[v] + nest.dual[m as usize] == arc.weight);
        if !tight {
            nest.mate[v] = NONE;
            nest.mate[m as usize] = NONE;
        }
    }
}

/// A better start, greedily: lowers the dual of every free vertex as far as its edges allow, and matches it if that
/// makes an edge to another free vertex tight.
fn start<W: Weight>(nest: &mut Nest<W>) {
    for v in 0..nest.n {
        if nest.mate[v] != NONE || nest.outermost(v as u32) as usize != v {
            continue;
        }
        let least = nest.arcs[v].iter().map(|arc| arc.weight - nest.dual[arc.to as usize]).max();
        nest.dual[v] = least.unwrap_or(W::ZERO).max(W::ZERO);
        let partner = nest.arcs[v].iter().map(|arc| (arc.to, arc.weight)).find(|&(to, w)| {
            let i = to as usize;
            nest.mate[i] == NONE && nest.outermost(to) == to && nest.dual[v] + nest.dual[i] == w
        });
        if let Some((to, _)) = partner {
            nest.mate[v] = to;
            nest.mate[to as usize] = v as u32;
        }
    }
}
