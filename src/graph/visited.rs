//! Which nodes a search has seen.

/// One bit a node. Clearing costs what was touched, not the size of the graph.
#[derive(Debug, Default)]
pub(super) struct Visited {
    words: Vec<u64>,
    touched: Vec<u32>,
}

impl Visited {
    /// Forgets all, and makes room for `n` nodes.
    pub fn begin(&mut self, n: usize) {
        if self.touched.len() * 4 < self.words.len() {
            self.touched.iter().for_each(|&node| self.words[node as usize / 64] = 0);
        } else {
            self.words.fill(0);
        }
        self.touched.clear();
        self.words.resize(n.div_ceil(64), 0);
    }

    /// Notes a node below `n`; is it new?
    #[inline]
    pub fn insert(&mut self, node: u32) -> bool {
        let (word, bit) = (&mut self.words[node as usize / 64], 1u64 << (node % 64));
        if *word & bit != 0 {
            return false;
        }
        *word |= bit;
        self.touched.push(node);
        true
    }

    /// How many were noted.
    pub fn count(&self) -> usize {
        self.touched.len()
    }
}
