//! Layer 2: approximate search: a hierarchical small-world graph over the codes of a modality.
//!
//! ```text
//!   layer 2   o───────────────o            entry: slot 0
//!   layer 1   o─────o────o────o──o         greedy: climb to a node that no neighbour beats
//!   layer 0   o──o──o─o──o─o──o──o──o─o    best first, `ef` nodes in sight
//!                  codes (1 byte an element) ──▶ the likely ones ──▶ rows: the scores of a full scan
//! ```
//!
//! Unit rows only (the cosine metric): the nearest have the greatest dot product. Everything is built from codes, whose products
//! are integers, so a graph is the same, byte for byte, whatever the threads, the kernels or the machine.
//!
//! The file, `graph-NAME.mispair`; nodes are *slots* of `codes-NAME.mispair`:
//! ```text
//! shape     u64 × 4: nodes, m, width of layer 0, layers
//! nodes     u64 × layers: how many nodes each has; layer l has the slots 0..nodes[l]
//! layer.0   u32 × nodes × width: the links of a node, ended by u32::MAX if there are fewer than `width`
//! layer.1…  u32 × nodes × m
//! ```
//!
//! | file | responsibility |
//! |---|---|
//! | `build.rs` | levels, insertion batch by batch |
//! | `diverse.rs` | which candidates become links |
//! | `copies.rs` | rows that are coded alike |
//! | `cross.rs` | links between images that one caption finds |
//! | `connect.rs` | every node can be reached |
//! | `file.rs` | [`Graph`]: the mapped file; the order of nodes; writing, checking |
//! | `beam.rs` | walking a layer |
//! | `visited.rs` | which nodes a walk has seen |
//! | `search.rs` | [`Navigator`]: queries, filtered or not |
//! | `tests.rs` | against the full scan |

mod beam;
mod build;
mod connect;
mod copies;
mod cross;
mod diverse;
mod file;
mod search;
#[cfg(test)]
mod tests;
mod visited;

pub use build::Params;
pub use cross::Known;
pub use file::Graph;
pub use search::{Counters, Effort, Found, Navigator};

use crate::codes::{self, RowCodes};
use crate::kernels::Rows;
use crate::wire::{self, Written};
use std::path::Path;

/// Why a search was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The query has another width than the rows.
    #[error("a query of {got} padded elements against rows of {expected}: was it made by another encoder?")]
    Width {
        /// Elements of a padded row.
        expected: usize,
        /// Elements given.
        got: usize,
    },
}

/// What was built.
#[derive(Debug, Clone, Copy)]
pub struct Built {
    /// The codes' file.
    pub codes: Written,
    /// The graph's file.
    pub graph: Written,
}

/// Codes and graph of a modality's rows. `known`: queries of the kind that will be asked; what they find together is linked.
/// `progress` is told of rows inserted, then of known queries looked up, twice.
///
/// Takes one byte an element (two for a moment) and 4 · (2m + m) bytes a row of memory, these twice while links from known
/// queries are added.
///
/// # Errors
/// Files that cannot be written.
pub fn build(
    rows: Rows<'_>,
    known: Option<&Known<'_>>,
    params: Params,
    [codes_path, graph_path]: [&Path; 2],
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Built, wire::Error> {
    let codes = RowCodes::encode(rows, (0..rows.len() as u32).collect());
    let kinds = copies::Kinds::of(&codes);
    let levels = build::Levels::deal(&kinds.firsts, params.m, params.seed);
    let mut order = levels.order.clone();
    order.extend(kinds.copies.iter().map(|c| c.1));
    let codes = codes.in_order(order);
    let mut layers = build::build(&codes, &levels, params, progress);
    if let (Some(known), 1..) = (known, params.cross) {
        cross::add(&codes, &mut layers, known, params.cross, progress);
    }
    if let Some(base) = layers.layers.first_mut() {
        kinds.hang(base, codes.order());
        connect::connect(&codes, base);
        progress(kinds.copies.len() as u64);
    }
    let places = file::locality(&codes, &layers);
    Ok(Built {
        graph: file::write(graph_path, &layers, &places, params.m)?,
        codes: codes::write(codes_path, &codes, &places)?,
    })
}
