//! Layer 4: the best admissible candidates of one caption, by whichever engine is cheapest.
//!
//! ```text
//!                      ┌─ few are possible (posting lists) ───────────► score them all          exact_postings
//!  caption ── plan ────┼─ most of what is near may be admissible ─────► walk the graph,         graph
//!                      │                                                testing on the way
//!                      ├─ few images beat the caption's own for CLIP ─► walk the images by CTI  graph_by_cti
//!                      └─ otherwise, or told so ──────────────────────► scan                    exact_scan
//!             a walk that has cost as much as a scan ends, and a scan follows              graph_then_scan
//! ```
//!
//! Constraints are tested during the walk, never after it: rows that fail are walked through, and the walk goes on until k
//! admissible ones are found. So no answer is short because the nearest rows were rejected.
//!
//! | file | responsibility |
//! |---|---|
//! | `plan.rs` | what each way would cost |
//! | `beats.rs` | does CLIP like an image at least as much as the caption's own? |
//! | `ranked.rs` | [`ranked`]: a walk, a scan, or one after the other |
//! | `retriever.rs` | [`Retriever`]: one caption under a split's constraints; posting lists; by CTI |
//! | `plain.rs` | [`plain`]: many queries, without constraints |
//! | `measure.rs` | [`measure`]: how much a graph finds of what a scan finds |

mod beats;
mod measure;
mod plain;
mod plan;
mod ranked;
mod retriever;

pub use measure::measure;
pub use plain::plain;
pub use ranked::{Asked, Ranked, ranked};
pub use retriever::Retriever;

use crate::constraints::RuleCounts;
use crate::index::Searchable;
use crate::rows::RowSet;
use crate::words::Scored;
use serde::{Deserialize, Serialize};

/// Which engine answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    /// The cheapest.
    #[default]
    Auto,
    /// Scans and posting lists only: the answer that defines what is right.
    Exact,
    /// The graph, whatever it costs, wherever there is one that serves the order.
    Graph,
}

/// What is wanted of a split.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// How many: at least 1.
    pub k: usize,
    /// By this engine.
    pub engine: Engine,
    /// How closely a walk looks.
    pub sight: Sight,
}

/// How many rows a walk keeps in sight (ef).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sight {
    /// What was measured to find 98% of the true ten nearest: for answers that somebody waits for.
    #[default]
    Usual,
    /// What was measured to find 99.5% of them, or the most that was tried: for answers that are kept.
    Closest,
    /// So many.
    Rows(usize),
}

impl Sight {
    /// In this graph.
    pub fn ef(self, graph: &Searchable) -> usize {
        match self {
            Sight::Usual => graph.usual_ef(),
            Sight::Closest => graph.closest_ef(),
            Sight::Rows(ef) => ef,
        }
    }
}

impl From<Option<usize>> for Sight {
    fn from(ef: Option<usize>) -> Sight {
        ef.map_or(Sight::Usual, Sight::Rows)
    }
}

/// Samples that meet every rule about one side: those among which a caption looks.
#[derive(Debug, Clone, Copy)]
pub struct Candidates<'a> {
    /// The samples.
    pub rows: &'a RowSet,
    /// How many.
    pub count: u64,
}

/// What was found, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct Retrieved {
    /// The best first; fewer than k only where fewer exist.
    pub best: Vec<Scored>,
    /// How.
    pub strategy: Strategy,
    /// Why so.
    pub reason: String,
    /// Candidates looked at, by their codes or their scores.
    pub visited: u64,
    /// Candidates whose score was computed.
    pub scored: u64,
    /// Candidates tested and rejected, by the first rule that failed; where a scan followed a walk, by each.
    pub rejected: RuleCounts,
}

impl Retrieved {
    /// This one, after `before`, which it does not undo: the work of both, and both reasons. What was found, and how, is this one's.
    pub fn after(mut self, before: &Retrieved) -> Retrieved {
        self.visited += before.visited;
        self.scored += before.scored;
        self.rejected.merge(&before.rejected);
        self.reason = then(&before.reason, before.strategy, &self.reason, self.strategy);
        self
    }
}

/// Two reasons in the order of their steps, the second by another strategy than the first maybe; one, if they are the same.
fn then(first: &str, how: Strategy, second: &str, by: Strategy) -> String {
    match (first == second, how == by) {
        (true, true) => first.to_owned(),
        (_, true) => format!("{first}; then: {second}"),
        (_, false) => format!("{first}; then {by}: {second}"),
    }
}

/// How an answer was found; see the picture above.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// Every candidate is scored, or shown by its bound not to matter.
    ExactScan,
    /// Every candidate on the posting lists is scored.
    ExactPostings,
    /// A walk in the split's order.
    Graph,
    /// A walk by CTI through the images that beat the caption's own; the best of them in the split's order.
    GraphByCti,
    /// A walk that was given up, and a scan.
    GraphThenScan,
    /// Nothing was looked for.
    None,
}

impl Strategy {
    /// As written in answers.
    pub fn name(self) -> &'static str {
        match self {
            Strategy::ExactScan => "exact_scan",
            Strategy::ExactPostings => "exact_postings",
            Strategy::Graph => "graph",
            Strategy::GraphByCti => "graph_by_cti",
            Strategy::GraphThenScan => "graph_then_scan",
            Strategy::None => "none",
        }
    }
}

impl std::fmt::Display for Strategy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
