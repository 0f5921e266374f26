//! `mispair eval overlap`.

use super::super::args::Format;
use super::super::render::{count, right, table};
use super::args::Overlap;
use crate::evaluation::overlaps;
use anyhow::Result;
use serde_json::json;
use std::io::{self, Write};

/// What a shared pair is, and what shares are taken of.
const MEANING: &str = "shared: falsified pairs of the same caption id and the same image id; shares are of the distinct \
                       falsified pairs of one split (of a, of b) and of those in either (of both)";

pub(super) fn run(args: &Overlap) -> Result<()> {
    let all = overlaps(&super::read(&args.dataset)?);
    let mut out = io::stdout().lock();
    if args.format == Format::Json {
        return super::json(&json!({"meaning": MEANING, "overlaps": all}), &mut out);
    }
    let mut shown = table(&["partition", "a", "b", "in a", "in b", "shared", "of a", "of b", "of both"]);
    let share = |s: Option<f64>| right(s.map_or("–".to_owned(), |s| format!("{:.2}%", 100.0 * s)));
    for o in &all {
        let numbers = [o.in_a, o.in_b, o.shared].map(|n| right(count(n)));
        let mut row = vec![o.partition.as_str().into(), o.a.as_str().into(), o.b.as_str().into()];
        row.extend(numbers);
        row.extend([share(o.of_a), share(o.of_b), share(o.of_union)]);
        shown.add_row(row);
    }
    writeln!(out, "{shown}\n{MEANING}")?;
    Ok(())
}
