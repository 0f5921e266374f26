//! `mispair eval`: datasets, encoders and verdicts measured.
//!
//! | file | responsibility |
//! |---|---|
//! | `args.rs` | the arguments, their help |
//! | `stats.rs`, `overlap.rs`, `retrieval.rs`, `difficulty.rs`, `veracity.rs` | the verbs |
//! | `column.rs` | columns beside an index, joined by id |
//! | `dictionary.rs` | a folder of WordNet's files |

mod args;
mod column;
mod dictionary;
mod difficulty;
mod overlap;
mod retrieval;
mod stats;
mod veracity;

pub use args::Eval;

use super::talk::Bars;
use super::usage;
use crate::dataset;
use crate::evaluation::Dataset;
use crate::formats::PairColumns;
use anyhow::Result;
use args::{DatasetArgs, What};
use serde::Serialize;
use std::io::Write;

pub(super) fn run(args: &Eval, talk: &Bars) -> Result<()> {
    match &args.what {
        What::Stats(a) => stats::run(a),
        What::Overlap(a) => overlap::run(a),
        What::Difficulty(a) => difficulty::run(a, talk),
        What::Veracity(a) => veracity::run(a, talk),
        What::Retrieval(a) => retrieval::run(a, talk),
    }
}

fn read(args: &DatasetArgs) -> Result<Dataset> {
    let mut columns = PairColumns::default();
    for setting in &args.columns {
        let Some((field, name)) = setting.split_once('=') else {
            return Err(usage(format!("--columns {setting}: write FIELD=NAME, for example caption=text")));
        };
        columns.set(field, name).map_err(|fields| usage(format!("--columns {field}: the fields are {fields}")))?;
    }
    Ok(dataset::read(&args.dataset, &columns)?)
}

/// One JSON document.
fn json(report: &impl Serialize, out: &mut impl Write) -> Result<()> {
    serde_json::to_writer_pretty(&mut *out, report)?;
    out.write_all(b"\n")?;
    Ok(())
}
