//! Exact matching in a general graph: as many edges as possible, and of those matchings the heaviest.
//!
//! ```text
//!          price.rs    every edge of the graph, 16 B each; looked at once a round
//!             │  edges that the duals say may improve the matching (a few for each vertex)
//!             ▼
//!          search.rs   one alternating tree from each free vertex, in the sparse graph:
//!             │
//!             │   root ══ S          S: even, dual falls     ── tight edge
//!             │    S ──T ══ S        T: odd, dual rises      ══ matched edge
//!             │    S ──T ══ S
//!             ▼                      an S–S edge closes an odd cycle: it shrinks into one blossom
//!          nest.rs     blossoms: the nest of odd cycles, shrinking, opening, turning to another base
//! ```
//!
//! | file | responsibility |
//! |---|---|
//! | `mod.rs` | what is asked and answered, the number type |
//! | `price.rs` | the whole graph: which edges the solver sees, the proof that the others do not matter |
//! | `search.rs` | the primal–dual search: labels, events, augmentation |
//! | `nest.rs` | the blossoms, the matching inside them, the duals |
//! | `tests.rs` | brute force, certificate |
//!
//! The algorithm is Edmonds' with duals in Galil's form (*Efficient algorithms for finding maximum matching in graphs*,
//! 1986), one tree at a time: then any feasible duals will do as a start, and a free vertex is done when its dual is 0.
//! Maximum cardinality is bought with a constant added to every weight. Edges are brought in by price as in Applegate
//! and Cook's *Solving large-scale matching problems* (1993): duals that are feasible for *every* edge of the graph
//! prove the sparse answer optimal for the whole graph.

mod nest;
mod price;
mod search;
#[cfg(test)]
mod tests;

use std::fmt::Debug;
use std::ops::{Add, AddAssign, Sub, SubAssign};

pub use price::Effort;

/// "No vertex", "no blossom".
const NONE: u32 = u32::MAX;

/// An integer wide enough for the duals of the graph at hand. All weights are even, so that halves are exact.
trait Weight: Copy + Ord + Debug + Add<Output = Self> + Sub<Output = Self> + AddAssign + SubAssign {
    const ZERO: Self;
    const MAX: Self;
    /// `w` must fit; [`maximum_matching`] picks the type so that it does.
    fn narrow(w: i128) -> Self;
    fn half(self) -> Self;
    fn twice(self) -> Self {
        self + self
    }
}

impl Weight for i64 {
    const ZERO: i64 = 0;
    const MAX: i64 = i64::MAX;
    fn narrow(w: i128) -> i64 {
        w as i64
    }
    fn half(self) -> i64 {
        self >> 1
    }
}

impl Weight for i128 {
    const ZERO: i128 = 0;
    const MAX: i128 = i128::MAX;
    fn narrow(w: i128) -> i128 {
        w
    }
    fn half(self) -> i128 {
        self >> 1
    }
}

/// A maximum-cardinality matching of the largest total value among those, and how it was reached.
///
/// `ends` holds the edges, in any order, without loops (`a != b`, both below `n`); `value(e)` is the value of edge `e`,
/// of magnitude below 2⁹⁰/n. Returns the partner of every vertex. Of several optima it returns one that depends only
/// on the numbering of vertices and the order of edges.
pub(super) fn maximum_matching(
    n: u32,
    ends: &[(u32, u32)],
    value: impl Fn(usize) -> i128,
) -> (Vec<Option<u32>>, Effort) {
    let (low, high) = (0..ends.len()).fold((i128::MAX, i128::MIN), |(l, h), e| (l.min(value(e)), h.max(value(e))));
    if ends.is_empty() {
        return (vec![None; n as usize], Effort::default());
    }
    // One edge more outweighs all that n/2 edges can differ in.
    let bonus = (i128::from(n) / 2) * (high - low) + 1;
    let heaviest = 2 * (bonus + high - low);
    let weight = |e: usize| 2 * (bonus + value(e) - low);
    // Duals stay within 0..=heaviest, a slack within twice, the time of an event within three times that.
    if heaviest < (1 << 60) {
        price::solve::<i64>(n, ends, |e| i64::narrow(weight(e)))
    } else {
        price::solve::<i128>(n, ends, weight)
    }
}
