//! The nest of blossoms over the vertices, the matching in it, and the duals.
//!
//! Vertices are blossoms 0..n of size one; real blossoms are n..2n, their numbers reused. Within a search the
//! outermost blossom of a vertex is found by `find`: from the outermost blossom as of the start (`outer`) along `up`,
//! with path compression, since what shrinks during a search never opens before its end.

use super::{NONE, Weight};

/// An edge of the sparse graph as one of its ends sees it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Arc<W> {
    pub to: u32,
    pub weight: W,
}

/// An odd cycle of outermost blossoms as of its shrinking. `ring[i] = (child, x, y)`: the tight edge from x in this child
/// to y in the next; child 0 holds the base; the edges 1–2, 3–4, … are the matched ones.
#[derive(Debug, Clone, Default)]
pub(super) struct Blossom {
    pub ring: Vec<(u32, u32, u32)>,
}

/// Role of an outermost blossom in the tree of the current search.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Label {
    Free,
    Even,
    Odd,
}

pub(super) struct Nest<W> {
    pub n: usize,
    pub arcs: Vec<Vec<Arc<W>>>,
    // By vertex.
    pub mate: Vec<u32>,
    pub dual: Vec<W>,
    pub outer: Vec<u32>,
    // By blossom number, vertices first.
    pub up: Vec<u32>,
    pub parent: Vec<u32>,
    pub base: Vec<u32>,
    /// Dual of a real blossom, ≥ 0 and even.
    pub depth: Vec<W>,
    /// By blossom number − n.
    pub blossoms: Vec<Blossom>,
    pub unused: Vec<u32>,
    pub leaves: Vec<u32>,
}

impl<W: Weight> Nest<W> {
    /// No edges, no matching, duals 0.
    pub fn new(n: u32) -> Self {
        let size = n as usize;
        Nest {
            n: size,
            arcs: vec![Vec::new(); size],
            mate: vec![NONE; size],
            dual: vec![W::ZERO; size],
            outer: (0..n).collect(),
            up: (0..n).collect(),
            parent: vec![NONE; size],
            base: (0..n).collect(),
            depth: vec![W::ZERO; size],
            blossoms: Vec::new(),
            unused: Vec::new(),
            leaves: Vec::new(),
        }
    }

    pub fn is_vertex(&self, b: u32) -> bool {
        (b as usize) < self.n
    }

    pub fn ring(&self, b: u32) -> &[(u32, u32, u32)] {
        &self.blossoms[b as usize - self.n].ring
    }

    /// The outermost blossom of vertex `v`.
    #[inline]
    pub fn find(&mut self, v: u32) -> u32 {
        let mut b = self.outer[v as usize];
        loop {
            let next = self.up[b as usize];
            if next == b {
                return b;
            }
            let after = self.up[next as usize];
            self.up[b as usize] = after;
            b = after;
        }
    }

    /// Is there no matched edge out of outermost blossom `b`?
    #[inline]
    pub fn exposed(&self, b: u32) -> bool {
        self.mate[self.base[b as usize] as usize] == NONE
    }

    /// The vertices of blossom `b`, into a buffer that the caller hands back to `self.leaves`.
    pub fn take_leaves(&mut self, b: u32) -> Vec<u32> {
        let mut out = std::mem::take(&mut self.leaves);
        out.clear();
        out.push(b);
        let mut i = 0;
        // Blossoms are replaced in place by their first child, the others go to the end.
        while i < out.len() {
            let b = out[i];
            if self.is_vertex(b) {
                i += 1;
            } else {
                let ring = self.ring(b);
                out[i] = ring[0].0;
                out.extend(ring[1..].iter().map(|c| c.0));
            }
        }
        out
    }

    /// A new blossom over the outermost blossoms of `ring`. Its dual is 0.
    pub fn shrink(&mut self, ring: Vec<(u32, u32, u32)>) -> u32 {
        let b = self.unused.pop().unwrap_or_else(|| {
            self.blossoms.push(Blossom::default());
            self.up.push(0);
            self.parent.push(NONE);
            self.base.push(0);
            self.depth.push(W::ZERO);
            (self.n + self.blossoms.len() - 1) as u32
        });
        let i = b as usize;
        self.base[i] = self.base[ring[0].0 as usize];
        self.depth[i] = W::ZERO;
        self.parent[i] = NONE;
        self.up[i] = b;
        for &(child, ..) in &ring {
            self.parent[child as usize] = b;
            self.up[child as usize] = b;
        }
        self.blossoms[i - self.n].ring = ring;
        b
    }

    /// Opens outermost blossom `b`: its children become outermost. Returns the ring.
    pub fn open(&mut self, b: u32) -> Vec<(u32, u32, u32)> {
        let ring = std::mem::take(&mut self.blossoms[b as usize - self.n].ring);
        self.unused.push(b);
        for &(child, ..) in &ring {
            self.parent[child as usize] = NONE;
            self.settle(child);
        }
        ring
    }

    /// Notes `b` as the outermost blossom of its vertices.
    pub fn settle(&mut self, b: u32) {
        self.up[b as usize] = b;
        let leaves = self.take_leaves(b);
        for &v in &leaves {
            self.outer[v as usize] = b;
        }
        self.leaves = leaves;
    }

    /// Opens the blossom and everything in it, its duals handed to the vertices: slacks of edges inside stay, others
    /// grow, so duals stay feasible; matched edges that leave a blossom may become slack.
    pub fn dissolve(&mut self, b: u32) {
        let mut stack = vec![b];
        while let Some(b) = stack.pop() {
            if self.is_vertex(b) {
                continue;
            }
            let share = self.depth[b as usize].half();
            let leaves = self.take_leaves(b);
            for &v in &leaves {
                self.dual[v as usize] += share;
            }
            self.leaves = leaves;
            stack.extend(self.open(b).iter().map(|c| c.0));
        }
    }

    /// Makes `v` the base of `b` by exchanging matched and unmatched edges inside. The edge out of the new base is the
    /// caller's to set.
    pub fn rebase(&mut self, b: u32, v: u32) {
        // No recursion: nests may be as deep as the graph is large.
        let mut stack = vec![(b, v)];
        while let Some((b, v)) = stack.pop() {
            if self.is_vertex(b) || self.base[b as usize] == v {
                continue;
            }
            self.base[b as usize] = v;
            let mut child = v;
            while self.parent[child as usize] != b {
                child = self.parent[child as usize];
            }
            stack.push((child, v));
            let slot = b as usize - self.n;
            let mut ring = std::mem::take(&mut self.blossoms[slot].ring);
            let j = ring.iter().position(|c| c.0 == child).unwrap_or(0);
            // On the side of even length between child j and child 0 every second edge becomes matched.
            let matched = if j % 2 == 0 { (0..j).step_by(2) } else { (j + 1..ring.len()).step_by(2) };
            for i in matched {
                let (left, x, y) = ring[i];
                let right = ring[(i + 1) % ring.len()].0;
                self.mate[x as usize] = y;
                self.mate[y as usize] = x;
                stack.push((left, x));
                stack.push((right, y));
            }
            ring.rotate_left(j);
            self.blossoms[slot].ring = ring;
        }
    }
}
