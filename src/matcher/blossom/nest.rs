//! The nest of blossoms over the vertices, the matching in it, and the duals.
//!
//! Vertices are blossoms 0..n of size one; real blossoms are numbered from n up, their numbers reused. The outermost
//! blossom of a vertex is found by `find`: vertex → group → blossom, then along `up` through what has shrunk in the
//! current search (with path compression: what shrinks during a search does not open before its end). The group is
//! there for opening: the largest child takes over the group of its parent, so that opening a nest of thousands of
//! blossoms one by one costs only the small children. (Labelling all vertices anew each time was 20 times slower.)

use super::{NONE, Weight};

/// An edge of the sparse graph as one of its ends sees it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Arc<W> {
    pub to: u32,
    pub weight: W,
}

/// An odd cycle of outermost blossoms as of its shrinking. `ring[i] = (child, x, y)`: the tight edge from x in this child
/// to y in the next; child 0 holds the base; the edges 1–2, 3–4, … are the matched ones.
pub(super) type Ring = Vec<(u32, u32, u32)>;

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
    group: Vec<u32>,
    /// By group. Groups out of use stay until all are numbered anew.
    top: Vec<u32>,
    // By blossom number, vertices first.
    pub up: Vec<u32>,
    pub parent: Vec<u32>,
    pub base: Vec<u32>,
    /// Dual of a real blossom, ≥ 0 and even.
    pub depth: Vec<W>,
    size: Vec<u32>,
    /// By blossom number − n.
    pub blossoms: Vec<Ring>,
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
            group: (0..n).collect(),
            top: (0..n).collect(),
            up: (0..n).collect(),
            parent: vec![NONE; size],
            base: (0..n).collect(),
            depth: vec![W::ZERO; size],
            size: vec![1; size],
            blossoms: Vec::new(),
            unused: Vec::new(),
            leaves: Vec::new(),
        }
    }

    pub fn is_vertex(&self, b: u32) -> bool {
        (b as usize) < self.n
    }

    pub fn ring(&self, b: u32) -> &[(u32, u32, u32)] {
        &self.blossoms[b as usize - self.n]
    }

    /// The outermost blossom of vertex `v`.
    #[inline]
    pub fn find(&mut self, v: u32) -> u32 {
        let mut b = self.top[self.group[v as usize] as usize];
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

    /// The outermost blossom of vertex `v`, between searches.
    pub fn outermost(&self, v: u32) -> u32 {
        self.top[self.group[v as usize] as usize]
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
    pub fn shrink(&mut self, ring: Ring) -> u32 {
        let b = self.unused.pop().unwrap_or_else(|| {
            self.blossoms.push(Vec::new());
            self.up.push(0);
            self.parent.push(NONE);
            self.base.push(0);
            self.depth.push(W::ZERO);
            self.size.push(0);
            (self.n + self.blossoms.len() - 1) as u32
        });
        let i = b as usize;
        self.base[i] = self.base[ring[0].0 as usize];
        self.depth[i] = W::ZERO;
        self.parent[i] = NONE;
        self.up[i] = b;
        self.size[i] = ring.iter().map(|c| self.size[c.0 as usize]).sum();
        for &(child, ..) in &ring {
            self.parent[child as usize] = b;
            self.up[child as usize] = b;
        }
        self.blossoms[i - self.n] = ring;
        b
    }

    /// Opens outermost blossom `b` and returns the ring. Its children are outermost once they are settled.
    fn take_ring(&mut self, b: u32) -> Ring {
        self.unused.push(b);
        let ring = std::mem::take(&mut self.blossoms[b as usize - self.n]);
        for &(child, ..) in &ring {
            self.parent[child as usize] = NONE;
        }
        ring
    }

    /// Opens outermost blossom `b`: its children are outermost now. Returns the ring.
    pub fn open(&mut self, b: u32) -> Ring {
        let group = self.group[self.base[b as usize] as usize];
        let ring = self.take_ring(b);
        let largest = ring.iter().max_by_key(|c| self.size[c.0 as usize]).map_or(NONE, |c| c.0);
        for &(child, ..) in &ring {
            if child == largest {
                self.up[child as usize] = child;
                self.top[group as usize] = child;
            } else {
                self.settle(child);
            }
        }
        ring
    }

    /// Opens even more: every blossom from `b` inwards that has no dual, and settles what is outermost then.
    pub fn open_empty(&mut self, b: u32) {
        let mut stack = vec![b];
        while let Some(b) = stack.pop() {
            if !self.is_vertex(b) && self.depth[b as usize] == W::ZERO {
                stack.extend(self.take_ring(b).iter().map(|c| c.0));
            } else {
                self.settle(b);
            }
        }
    }

    /// Notes `b` as the outermost blossom of its vertices.
    pub fn settle(&mut self, b: u32) {
        self.up[b as usize] = b;
        let group = self.top.len() as u32;
        self.top.push(b);
        let leaves = self.take_leaves(b);
        for &v in &leaves {
            self.group[v as usize] = group;
        }
        self.leaves = leaves;
    }

    /// Between searches: forgets groups out of use, once they are many.
    pub fn tidy(&mut self) {
        if self.top.len() > 8 * self.n {
            let outermost: Vec<u32> = (0..self.n as u32).map(|v| self.outermost(v)).collect();
            self.top = (0..self.up.len() as u32).collect();
            self.group = outermost;
        }
    }

    /// Opens the blossom and everything in it, its duals handed to the vertices: slacks of edges inside stay, others
    /// grow, so duals stay feasible; matched edges that leave a blossom may become slack.
    pub fn dissolve(&mut self, b: u32) {
        let mut stack = vec![(b, W::ZERO)];
        while let Some((b, share)) = stack.pop() {
            if self.is_vertex(b) {
                self.dual[b as usize] += share;
                self.settle(b);
            } else {
                let share = share + self.depth[b as usize].half();
                stack.extend(self.take_ring(b).iter().map(|c| (c.0, share)));
            }
        }
    }

    /// Makes `v` the base of `b` by exchanging matched and unmatched edges inside. The edge out of the new base is the
    /// caller's to set.
    pub fn rebase(&mut self, b: u32, v: u32) {
        // No recursion: nests may be as deep as the graph is large.
        let mut stack = vec![(b, v)];
        let mut chain = Vec::new();
        while let Some((b, v)) = stack.pop() {
            let mut x = v;
            while x != b {
                chain.push(x);
                x = self.parent[x as usize];
            }
            // From the outside in, until v is the base already: then it is the base of all that is further inside.
            let mut whole = b;
            while let Some(child) = chain.pop() {
                if self.base[whole as usize] == v {
                    chain.clear();
                    break;
                }
                self.turn_ring(whole, child, v, &mut stack);
                whole = child;
            }
        }
    }

    /// Makes `child`, which holds `v`, child 0 of `b`; queues what must turn inside the other children.
    fn turn_ring(&mut self, b: u32, child: u32, v: u32, queue: &mut Vec<(u32, u32)>) {
        self.base[b as usize] = v;
        let slot = b as usize - self.n;
        let mut ring = std::mem::take(&mut self.blossoms[slot]);
        let j = ring.iter().position(|c| c.0 == child).unwrap_or(0);
        // On the side of even length between child j and child 0 every second edge becomes matched.
        let matched = if j % 2 == 0 { (0..j).step_by(2) } else { (j + 1..ring.len()).step_by(2) };
        for i in matched {
            let (left, x, y) = ring[i];
            let right = ring[(i + 1) % ring.len()].0;
            self.mate[x as usize] = y;
            self.mate[y as usize] = x;
            queue.push((left, x));
            queue.push((right, y));
        }
        ring.rotate_left(j);
        self.blossoms[slot] = ring;
    }
}
