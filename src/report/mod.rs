//! Layer 4: engines measured against exact search.
//!
//! ```text
//!   index ──► PlainCase / SplitCase ──► Case: exact truth, canonical scores, selectivity ──┐
//!                    │                                                                     ├─► sweep ─► Measurement
//!                    └────────────────► Engines: settings (ef, batch), how to answer ──────┘       a row each
//!                                                                                                      │
//!             bench.json   bench.csv   bench.html (plots, table; one file, nothing loaded)  ◄── Report ┘
//! ```
//!
//! A measurement is data: everything that its numbers depend on stands in its row, the machine included. Plots and tables
//! are made from rows alone.
//!
//! | file | responsibility |
//! |---|---|
//! | `measurement.rs` | a row, the document around the rows, the machine |
//! | `recall.rs` | recall@k with ties by score |
//! | `sweep.rs` | engines × settings × threads → rows |
//! | `cases.rs` | what is asked of an index: sampled captions, their exact answers |
//! | `files.rs` | the three files of a report |
//! | `describe.rs` | what an index holds, as JSON |
//! | `html.rs`, `page.css` | the page |
//! | `plots.rs` | recall–QPS with its Pareto line, latency, selectivity |
//! | `judged.rs` | a dataset's difficulty as JSON, CSV and a page |
//! | `svg.rs` | axes, marks, texts |

mod cases;
mod describe;
mod files;
mod html;
mod judged;
mod measurement;
mod plots;
mod recall;
mod svg;
mod sweep;

pub use cases::{PlainCase, SplitCase, sample};
pub use describe::{describe, dtype, facts, metric};
pub use files::{JSON, is_report, write};
pub use html::page;
pub use judged::{JUDGED, Judged, write_judged};
pub use measurement::{Data, Machine, Measurement, ModalityData, Parameters, Report};
pub use plots::{frontier, recall_by_ef};
pub use recall::recall_at_k;
pub use sweep::{Answered, Case, Engine, Setting, Threads, answers_of, percentile, sweep};

use std::path::PathBuf;

/// Why something cannot be measured, or the report not be written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An engine refused a query.
    #[error(transparent)]
    Query(#[from] crate::query::Error),
    /// Nothing to ask.
    #[error("{0}")]
    NoQueries(String),
    /// An engine gave another number of answers than it was asked for.
    #[error("engine {engine:?} gave {got} answers to {expected} queries: a fault of the engine, not of its input")]
    Answers {
        /// The engine.
        engine: String,
        /// Queries of the call.
        expected: usize,
        /// Answers.
        got: usize,
    },
    /// A file of the report.
    #[error("{}: {what}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The system's words.
        what: String,
    },
}
