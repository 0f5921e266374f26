//! One alternating tree at a time, grown by events in the order in which the duals reach them.
//!
//! All duals in the tree move at one speed: after `now` units an even vertex has lost `now − since`, an odd one gained
//! it. Nothing is updated until a vertex changes its role; an event is filed under the time it comes due:
//!
//! | event | due when |
//! |---|---|
//! | even–free edge | its slack is used up, one unit a unit |
//! | even–even edge | its slack is used up, two units a unit |
//! | odd blossom opens | its dual is used up, two units a unit |
//! | end: even–free edge to an exposed blossom | as any even–free edge: the path is turned, one edge more is matched |
//! | end: dual of an even vertex is 0 | the path to it is turned: it becomes the free one instead of the root |
//!
//! Events due no earlier than the best end seen are never filed.

use super::NONE;
use super::nest::{Label, Nest};
use super::{Effort, Weight};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// What falls due, at equal times in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    /// The odd blossom opens.
    Open(u32),
    /// Edge from an even vertex to a free one.
    Grow(u32, u32),
    /// Edge between even vertices.
    Close(u32, u32),
}

#[derive(Debug, Clone, Copy)]
enum End {
    /// Matches even vertex .0 to .1 in an exposed blossom outside the tree.
    Augment(u32, u32),
    /// Leaves this even vertex free.
    Release(u32),
}

pub(super) struct Search<W> {
    pub nest: Nest<W>,
    // By blossom number; meaningful for outermost blossoms.
    label: Vec<Label>,
    /// The edge to the tree's parent: (vertex in the parent, vertex in this blossom). NONE at the root.
    link: Vec<(u32, u32)>,
    entered: Vec<W>,
    mark: Vec<u32>,
    // By vertex.
    role: Vec<Label>,
    since: Vec<W>,
    /// Earliest filed event that reaches this free vertex.
    reached: Vec<W>,
    now: W,
    stamp: u32,
    limit: W,
    end: End,
    events: BinaryHeap<Reverse<(W, Event)>>,
    labelled: Vec<u32>,
    /// Vertices that had a role, and those with an entry in `reached`: what is to be reset.
    touched: Vec<u32>,
    filed: Vec<u32>,
    pub effort: Effort,
}

impl<W: Weight> Search<W> {
    pub fn new(n: u32) -> Self {
        let size = n as usize;
        Search {
            nest: Nest::new(n),
            label: vec![Label::Free; size],
            link: vec![(NONE, NONE); size],
            entered: vec![W::ZERO; size],
            mark: vec![0; size],
            role: vec![Label::Free; size],
            since: vec![W::ZERO; size],
            reached: vec![W::MAX; size],
            now: W::ZERO,
            stamp: 0,
            limit: W::MAX,
            end: End::Release(NONE),
            events: BinaryHeap::new(),
            labelled: Vec::new(),
            touched: Vec::new(),
            filed: Vec::new(),
            effort: Effort::default(),
        }
    }

    /// Makes the matching optimal for the edges in `nest`, from any feasible duals ≥ 0 with matched edges tight.
    pub fn solve(&mut self) {
        for root in 0..self.nest.n as u32 {
            if self.nest.mate[root as usize] == NONE && self.nest.dual[root as usize] > W::ZERO {
                self.search(root);
            }
        }
    }

    /// Until `root` is matched, or it or another vertex is free with dual 0.
    fn search(&mut self, root: u32) {
        self.effort.searches += 1;
        self.now = W::ZERO;
        self.limit = W::MAX;
        self.events.clear();
        let b = self.nest.find(root);
        self.enter_even(b, (NONE, NONE));
        while let Some(&Reverse((due, event))) = self.events.peek() {
            if due >= self.limit {
                break;
            }
            self.events.pop();
            self.effort.events += 1;
            match event {
                Event::Open(b) if self.label[b as usize] == Label::Odd && self.nest.up[b as usize] == b => {
                    self.now = due;
                    self.open_odd(b);
                }
                // A free vertex that was odd for a while has another time now.
                Event::Grow(x, y) if self.role[y as usize] == Label::Free && due == self.reached[y as usize] => {
                    self.now = due;
                    self.grow(x, y);
                }
                Event::Close(x, y) if self.nest.find(x) != self.nest.find(y) => {
                    self.now = due;
                    self.close_cycle(x, y);
                }
                _ => {}
            }
        }
        self.now = self.limit;
        match self.end {
            End::Augment(x, y) => {
                let b = self.nest.find(y);
                self.nest.rebase(b, y);
                self.nest.mate[y as usize] = x;
                self.turn(x, y);
            }
            End::Release(x) => self.turn(x, NONE),
        }
        self.clean_up();
    }

    /// The dual of `v` now.
    #[inline]
    fn dual(&self, v: u32) -> W {
        let i = v as usize;
        match self.role[i] {
            Label::Free => self.nest.dual[i],
            Label::Even => self.nest.dual[i] - (self.now - self.since[i]),
            Label::Odd => self.nest.dual[i] + (self.now - self.since[i]),
        }
    }

    /// Gives the vertices of `b` a role, their duals brought up to now. The caller owns the buffer returned.
    fn cast(&mut self, b: u32, role: Label) -> Vec<u32> {
        let leaves = self.nest.take_leaves(b);
        for &v in &leaves {
            let i = v as usize;
            self.nest.dual[i] = self.dual(v);
            if self.role[i] == Label::Free {
                self.touched.push(v);
            }
            self.role[i] = role;
            self.since[i] = self.now;
        }
        leaves
    }

    /// Brings the dual of `b` up to now.
    fn freeze(&mut self, b: u32) {
        if !self.nest.is_vertex(b) {
            let i = b as usize;
            let change = (self.now - self.entered[i]).twice();
            match self.label[i] {
                Label::Even => self.nest.depth[i] += change,
                Label::Odd => self.nest.depth[i] -= change,
                Label::Free => {}
            }
            self.entered[i] = self.now;
        }
    }

    fn set_label(&mut self, b: u32, label: Label, link: (u32, u32)) {
        let i = b as usize;
        self.label[i] = label;
        self.link[i] = link;
        self.entered[i] = self.now;
        self.labelled.push(b);
    }

    fn enter_even(&mut self, b: u32, link: (u32, u32)) {
        self.set_label(b, Label::Even, link);
        let leaves = self.cast(b, Label::Even);
        for &v in &leaves {
            self.scan_even(v);
        }
        self.nest.leaves = leaves;
    }

    fn enter_odd(&mut self, b: u32, link: (u32, u32)) {
        self.set_label(b, Label::Odd, link);
        self.nest.leaves = self.cast(b, Label::Odd);
        self.file_open(b);
    }

    fn file_open(&mut self, b: u32) {
        if !self.nest.is_vertex(b) {
            self.file(self.now + self.nest.depth[b as usize].half(), Event::Open(b));
        }
    }

    #[inline]
    fn file(&mut self, due: W, event: Event) {
        if due < self.limit {
            self.events.push(Reverse((due, event)));
        }
    }

    fn reach(&mut self, due: W, x: u32, y: u32) {
        self.reached[y as usize] = due;
        self.filed.push(y);
        self.file(due, Event::Grow(x, y));
    }

    /// Files what a vertex that has become even can reach.
    fn scan_even(&mut self, v: u32) {
        let dual = self.dual(v);
        if self.now + dual < self.limit {
            self.limit = self.now + dual;
            self.end = End::Release(v);
        }
        let own = self.nest.find(v);
        self.effort.arcs += self.nest.arcs[v as usize].len() as u64;
        for i in 0..self.nest.arcs[v as usize].len() {
            let arc = self.nest.arcs[v as usize][i];
            let y = arc.to as usize;
            if self.role[y] == Label::Odd {
                continue;
            }
            let due = self.now + dual + self.dual(arc.to) - arc.weight;
            if self.role[y] == Label::Even {
                let due = self.now + (due - self.now).half();
                if due < self.limit && self.nest.find(arc.to) != own {
                    self.file(due, Event::Close(v, arc.to));
                }
            } else if due < self.limit && due < self.reached[y] {
                let b = self.nest.find(arc.to);
                if self.nest.exposed(b) {
                    self.limit = due;
                    self.end = End::Augment(v, arc.to);
                } else {
                    self.reach(due, v, arc.to);
                }
            }
        }
    }

    /// Files what reaches a vertex that has become free again.
    fn scan_free(&mut self, v: u32) {
        self.reached[v as usize] = W::MAX;
        let dual = self.dual(v);
        self.effort.arcs += self.nest.arcs[v as usize].len() as u64;
        for i in 0..self.nest.arcs[v as usize].len() {
            let arc = self.nest.arcs[v as usize][i];
            if self.role[arc.to as usize] == Label::Even {
                let due = self.now + dual + self.dual(arc.to) - arc.weight;
                if due < self.reached[v as usize] {
                    self.reach(due, arc.to, v);
                }
            }
        }
    }

    /// Adds the blossom of `y` as odd below the one of `x`, and its mate as even below that.
    fn grow(&mut self, x: u32, y: u32) {
        let odd = self.nest.find(y);
        self.enter_odd(odd, (x, y));
        let base = self.nest.base[odd as usize];
        let mate = self.nest.mate[base as usize];
        let even = self.nest.find(mate);
        self.enter_even(even, (base, mate));
    }

    /// The outermost blossom above `b`, NONE above the root.
    fn above(&mut self, b: u32) -> u32 {
        let v = self.link[b as usize].0;
        if v == NONE { NONE } else { self.nest.find(v) }
    }

    /// The nearest blossom above both. Walks up from both in turn, so that it costs no more than the cycle is long.
    fn meet(&mut self, mut a: u32, mut b: u32) -> u32 {
        self.stamp += 1;
        loop {
            if a != NONE {
                if self.mark[a as usize] == self.stamp {
                    return a;
                }
                self.mark[a as usize] = self.stamp;
                a = self.above(a);
            }
            std::mem::swap(&mut a, &mut b);
        }
    }

    /// A tight edge between two even blossoms: the cycle it closes becomes one even blossom.
    fn close_cycle(&mut self, x: u32, y: u32) {
        let (a, b) = (self.nest.find(x), self.nest.find(y));
        let top = self.meet(a, b);
        let (mut ring, mut edge, mut child) = (Vec::new(), (x, y), a);
        while child != top {
            ring.push((child, edge.0, edge.1));
            let (p, c) = self.link[child as usize];
            (child, edge) = (self.nest.find(p), (p, c));
        }
        ring.push((top, edge.0, edge.1));
        ring.reverse();
        let mut child = b;
        while child != top {
            let (p, c) = self.link[child as usize];
            ring.push((child, c, p));
            child = self.nest.find(p);
        }
        let mut risen = Vec::new();
        for &(child, ..) in &ring {
            self.freeze(child);
            if self.label[child as usize] == Label::Odd {
                let leaves = self.cast(child, Label::Even);
                risen.extend_from_slice(&leaves);
                self.nest.leaves = leaves;
            }
        }
        let whole = self.nest.shrink(ring);
        if self.label.len() <= whole as usize {
            self.label.push(Label::Free);
            self.link.push((NONE, NONE));
            self.entered.push(W::ZERO);
            self.mark.push(0);
        }
        self.set_label(whole, Label::Even, self.link[top as usize]);
        for v in risen {
            self.scan_even(v);
        }
    }

    /// The dual of odd blossom `b` is used up: the even side of its ring stays in the tree, the rest leaves it.
    fn open_odd(&mut self, b: u32) {
        self.freeze(b);
        let (x, y) = self.link[b as usize];
        self.label[b as usize] = Label::Free;
        let ring = self.nest.open(b);
        let entry = self.nest.find(y);
        let j = ring.iter().position(|c| c.0 == entry).unwrap_or(0);
        // From the entry to child 0, each with the edge by which it hangs on the one before.
        let mut path = vec![(entry, (x, y))];
        let len = ring.len();
        if j % 2 == 0 {
            path.extend((0..j).rev().map(|i| (ring[i].0, (ring[i].2, ring[i].1))));
        } else {
            path.extend((j..len).map(|i| (ring[(i + 1) % len].0, (ring[i].1, ring[i].2))));
        }
        let stays = |i: usize| if j % 2 == 0 { i <= j } else { i == 0 || i >= j };
        for (i, &(child, ..)) in ring.iter().enumerate() {
            self.label[child as usize] = Label::Free;
            if !stays(i) {
                let leaves = self.cast(child, Label::Free);
                for &v in &leaves {
                    self.scan_free(v);
                }
                self.nest.leaves = leaves;
            }
        }
        for (i, &(child, link)) in path.iter().enumerate() {
            if i % 2 == 0 {
                // Its vertices are odd already, and stay so.
                self.set_label(child, Label::Odd, link);
                self.file_open(child);
            }
        }
        for (i, &(child, link)) in path.iter().enumerate() {
            if i % 2 == 1 {
                self.enter_even(child, link);
            }
        }
    }

    /// Turns the path from the root to even vertex `x`, which gets `mate` (NONE: becomes the free one).
    fn turn(&mut self, mut x: u32, mut mate: u32) {
        loop {
            let even = self.nest.find(x);
            let p = self.link[even as usize].0;
            self.nest.rebase(even, x);
            self.nest.mate[x as usize] = mate;
            if p == NONE {
                return;
            }
            let odd = self.nest.find(p);
            let (s, t) = self.link[odd as usize];
            self.nest.rebase(odd, t);
            self.nest.mate[t as usize] = s;
            (x, mate) = (s, t);
        }
    }

    /// Brings all duals up to now, opens even blossoms without a dual, forgets the tree.
    fn clean_up(&mut self) {
        for v in std::mem::take(&mut self.touched) {
            self.nest.dual[v as usize] = self.dual(v);
            self.role[v as usize] = Label::Free;
        }
        for v in std::mem::take(&mut self.filed) {
            self.reached[v as usize] = W::MAX;
        }
        let labelled = std::mem::take(&mut self.labelled);
        let mut outermost = Vec::new();
        // First all roles, then the nest: opening brings blossoms to the top that had a role further in.
        for &b in &labelled {
            let i = b as usize;
            if self.nest.up[i] == b && self.label[i] != Label::Free {
                self.freeze(b);
                if !self.nest.is_vertex(b) {
                    outermost.push((b, self.label[i] == Label::Even));
                }
                self.label[i] = Label::Free;
            }
        }
        for b in labelled {
            self.label[b as usize] = Label::Free;
        }
        for (b, even) in outermost {
            if even {
                self.nest.open_empty(b);
            }
        }
        self.nest.tidy();
    }
}
