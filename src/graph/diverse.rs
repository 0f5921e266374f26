//! Which of a node's candidates become its links: near ones, in different directions.
//!
//! A candidate is passed over if a link already taken is nearer to it than the node is: a walk reaches it through that link
//! (Malkov and Yashunin 2018, algorithm 4; the relaxation by a factor on distances is DiskANN's alpha).

use crate::codes::RowCodes;

/// Scratch of [`Diverse::select`].
#[derive(Debug, Default)]
pub(super) struct Diverse {
    weights: Vec<i16>,
    products: Vec<i32>,
    similarities: Vec<f32>,
    candidates: Vec<(f32, u32)>,
}

impl Diverse {
    /// Keeps in `links` at most `most` of them, chosen for `node`, the nearest first. `alpha` (at least 1): how much nearer, as
    /// a factor on squared distances, a link taken must be to pass a candidate over.
    pub fn select(&mut self, codes: &RowCodes, node: u32, links: &mut Vec<u32>, most: usize, alpha: f32) {
        codes.weights(node, &mut self.weights);
        codes.similarities(node, &self.weights, links, &mut self.products, &mut self.similarities);
        self.candidates.clear();
        self.candidates.extend(self.similarities.iter().copied().zip(links.iter().copied()));
        self.candidates.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        links.clear();
        while links.len() < most && !self.candidates.is_empty() {
            let (_, taken) = self.candidates.remove(0);
            links.push(taken);
            if links.len() == most {
                break;
            }
            let Diverse { weights, products, similarities, candidates } = self;
            codes.weights(taken, weights);
            // Gathered anew each time: the list shrinks fast.
            let left: Vec<u32> = candidates.iter().map(|c| c.1).collect();
            codes.similarities(taken, weights, &left, products, similarities);
            let mut at = 0;
            candidates.retain(|&(similarity, _)| {
                let to_taken = similarities[at];
                at += 1;
                // Squared distances of unit vectors: 2 − 2 · similarity.
                (1.0 - to_taken) * alpha > 1.0 - similarity
            });
        }
    }
}
