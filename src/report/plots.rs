//! Recall–QPS with its Pareto line, latency, selectivity: from rows to SVG.

use super::Measurement;
use super::svg::{Mark, Plot, Scale, Unit};
use crate::wire::Measured;
use std::cmp::Ordering;

/// Recall that a search is expected to reach.
pub(super) const EXPECTED: f64 = 0.95;

/// The points that no other beats: of (recall, QPS) pairs the positions of those for which no other has both as high and
/// one higher, by ascending recall. Of equal points the first.
pub fn frontier(points: &[(f64, f64)]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..points.len()).collect();
    let down = |a: f64, b: f64| b.partial_cmp(&a).unwrap_or(Ordering::Equal);
    order.sort_by(|&a, &b| down(points[a].0, points[b].0).then(down(points[a].1, points[b].1)).then(a.cmp(&b)));
    let mut fastest = f64::NEG_INFINITY;
    order.retain(|&i| {
        let beats = points[i].1 > fastest;
        fastest = fastest.max(points[i].1);
        beats
    });
    order.reverse();
    order
}

/// Recall over ef as a build measured it: SVG whose colours are a style sheet's (`page.css` names the classes). The step that
/// is used unless told otherwise is filled; marks say what they stand for when pointed at.
pub fn recall_by_ef(measured: &Measured) -> String {
    let points: Vec<(f64, f64)> =
        measured.steps.iter().map(|step| (f64::from(step.ef), measured.recall(step))).collect();
    let x = Scale::log(points.iter().map(|p| p.0), Unit::Count);
    let y = Scale::recall(points.iter().map(|p| p.1));
    let mut plot = Plot::new(x, y, "ef: rows kept in sight", &format!("recall@{}", measured.k));
    plot.line(points.iter().copied(), "l0");
    for (step, &at) in measured.steps.iter().zip(&points) {
        let usual = measured.usual() == Some(step);
        let visited = step.visited / u64::from(measured.queries.max(1));
        let tip = format!("ef {}: recall {:.4}, {visited} rows visited a query", step.ef, at.1);
        plot.mark(at, Mark::Circle, if usual { "c0" } else { "c0 open" }, &tip);
        plot.label(at, &step.ef.to_string(), true);
    }
    let all: Vec<String> = points.iter().map(|(ef, recall)| format!("{recall:.3} at ef {ef}")).collect();
    plot.finish(&format!("recall@{} over ef: {}", measured.k, all.join(", ")))
}

/// Things that differ, in the order they first come.
pub(super) fn distinct<'a, T: PartialEq + 'a>(all: impl Iterator<Item = T>) -> Vec<T> {
    let mut seen = Vec::new();
    all.for_each(|t| {
        if !seen.contains(&t) {
            seen.push(t);
        }
    });
    seen
}

/// How the points of a row are drawn: one colour an engine, hollow for many threads, square for batches.
pub(super) fn style(row: &Measurement, engines: &[&str]) -> (Mark, String) {
    let colour = engines.iter().position(|e| *e == row.engine).unwrap_or(0) % 5;
    let mark = if row.batch > 1 { Mark::Square } else { Mark::Circle };
    (mark, format!("c{colour}{}", if row.threads > 1 { " open" } else { "" }))
}

fn tip(row: &Measurement) -> String {
    let ef = row.ef.map_or(String::new(), |ef| format!(", ef {ef}"));
    let (qps, p50, p99) = (Unit::Count.say(row.qps), Unit::Time.say(row.p50_us), Unit::Time.say(row.p99_us));
    format!("{}{ef}: recall {:.4}, {qps} queries/s, p50 {p50}, p99 {p99}", row.series(), row.recall)
}

/// Queries a second over recall. The Pareto lines go through single queries: one line for each number of threads.
pub(super) fn recall_qps(rows: &[&Measurement], engines: &[&str]) -> String {
    let x = Scale::recall(rows.iter().map(|r| r.recall));
    let y = Scale::log(rows.iter().map(|r| r.qps), Unit::Count);
    let k = rows.first().map_or(0, |r| r.k);
    let mut plot = Plot::new(x, y, &format!("recall@{k}"), "queries a second");
    for threads in distinct(rows.iter().map(|r| r.threads)) {
        let points: Vec<(f64, f64)> =
            rows.iter().filter(|r| r.threads == threads && r.batch == 1).map(|r| (r.recall, r.qps)).collect();
        let best = frontier(&points);
        plot.line(best.into_iter().map(|i| points[i]), if threads == 1 { "pareto" } else { "pareto dashed" });
    }
    for row in rows {
        let (mark, class) = style(row, engines);
        plot.mark((row.recall, row.qps), mark, &class, &tip(row));
    }
    // The points of more threads stand above those of one, and need no second label.
    for row in rows.iter().filter(|r| r.threads == 1) {
        if let Some(ef) = row.ef {
            plot.label((row.recall, row.qps), &ef.to_string(), false);
        } else if row.batch > 1 {
            plot.label((row.recall, row.qps), &format!("×{}", row.batch), false);
        }
    }
    plot.finish(&format!("queries a second over recall@{k}"))
}

/// A percentile's name, which is its class in the style sheet, too.
type Percentile = (&'static str, fn(&Measurement) -> f64);

/// Percentiles of a call on one thread, by ef; engines without ef beside them.
pub(super) fn latency(rows: &[&Measurement]) -> String {
    let mut alone: Vec<&Measurement> = rows.iter().copied().filter(|r| r.threads == 1).collect();
    // By ef; what has none comes last, in its own order.
    alone.sort_by_key(|r| (r.ef.is_none(), r.ef));
    let name = |r: &Measurement| match r.ef {
        Some(ef) => ef.to_string(),
        None if r.batch > 1 => format!("{} ×{}", r.engine, r.batch),
        None => r.engine.clone(),
    };
    let slots = distinct(alone.iter().map(|r| name(r)));
    let slot = |r: &Measurement| slots.iter().position(|s| *s == name(r)).unwrap_or(0) as f64;
    let percentiles: [Percentile; 3] = [("p50", |r| r.p50_us), ("p95", |r| r.p95_us), ("p99", |r| r.p99_us)];
    let y = Scale::log(alone.iter().flat_map(|r| percentiles.iter().map(|p| p.1(r))), Unit::Time);
    let has_ef = alone.iter().any(|r| r.ef.is_some());
    let x_title = if has_ef { "ef, or an engine without one" } else { "engine, × queries a call" };
    let mut plot = Plot::new(Scale::Slots(slots.clone()), y, x_title, "time of a call, one thread");
    for row in &alone {
        plot.line([(slot(row), row.p50_us), (slot(row), row.p99_us)].into_iter(), "span");
    }
    for engine in distinct(alone.iter().map(|r| r.engine.as_str())) {
        for (class, of) in percentiles {
            let beam = alone.iter().filter(|r| r.engine == engine && r.ef.is_some());
            plot.line(beam.map(|r| (slot(r), of(r))), class);
        }
    }
    for row in &alone {
        for (class, of) in percentiles {
            let text = format!("{}, {class}: {}", name(row), Unit::Time.say(of(row)));
            plot.mark((slot(row), of(row)), Mark::Circle, class, &text);
        }
    }
    plot.finish("latency percentiles of a call on one thread, by ef")
}

/// Queries a second over the share of rows that constraints admit: of every engine and search the fastest setting that
/// reaches the expected recall, else (hollow) the one of the highest. `None` where no row has constraints.
pub(super) fn selectivity(rows: &[&Measurement], engines: &[&str]) -> Option<String> {
    let constrained: Vec<&Measurement> =
        rows.iter().copied().filter(|r| r.selectivity.is_some() && r.threads == 1 && r.batch == 1).collect();
    let share = |r: &Measurement| r.selectivity.unwrap_or(0.0);
    let mut best: Vec<&Measurement> = Vec::new();
    for key in distinct(constrained.iter().map(|r| (&r.engine, &r.search, r.selectivity))) {
        let same = constrained.iter().copied().filter(|r| (&r.engine, &r.search, r.selectivity) == key);
        let reached = |r: &Measurement| r.recall >= EXPECTED;
        best.extend(same.reduce(|a, b| match (reached(a), reached(b)) {
            (true, true) => {
                if b.qps > a.qps {
                    b
                } else {
                    a
                }
            }
            (false, false) => {
                if b.recall > a.recall {
                    b
                } else {
                    a
                }
            }
            (first, _) => {
                if first {
                    a
                } else {
                    b
                }
            }
        }));
    }
    if best.is_empty() {
        return None;
    }
    best.sort_by(|a, b| share(a).partial_cmp(&share(b)).unwrap_or(Ordering::Equal));
    let x = Scale::log(best.iter().map(|r| share(r)), Unit::Share);
    let y = Scale::log(best.iter().map(|r| r.qps), Unit::Count);
    let mut plot = Plot::new(x, y, "rows that a query's constraints admit", "queries a second, one thread");
    // One search under different constraints is a line; different searches are not.
    let same = |r: &Measurement| (r.engine.clone(), r.title());
    for key in distinct(best.iter().map(|r| same(r))) {
        let colour = engines.iter().position(|e| *e == key.0).unwrap_or(0) % 5;
        let own = best.iter().filter(|r| same(r) == key);
        plot.line(own.map(|r| (share(r), r.qps)), &format!("l{colour}"));
    }
    for row in &best {
        let (mark, class) = style(row, engines);
        let class = if row.recall < EXPECTED { format!("{class} open") } else { class };
        plot.mark((share(row), row.qps), mark, &class, &format!("{}: {}", row.search, tip(row)));
    }
    for key in distinct(best.iter().map(|r| same(r))) {
        let first = best.iter().filter(|r| same(r) == key).take(1);
        first.for_each(|row| plot.label((share(row), row.qps), &row.search, true));
    }
    Some(plot.finish("queries a second over the share of admitted rows"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// The oracle: a point stays unless some other beats it.
        #[test]
        fn the_frontier_is_what_nothing_beats(points in prop::collection::vec((0u8..6, 0u8..6), 0..20)) {
            let points: Vec<(f64, f64)> = points.into_iter().map(|(r, q)| (f64::from(r), f64::from(q))).collect();
            let beaten = |i: usize| points.iter().enumerate().any(|(j, p)| {
                let as_high = p.0 >= points[i].0 && p.1 >= points[i].1;
                as_high && (*p != points[i] || j < i)
            });
            let mut want: Vec<usize> = (0..points.len()).filter(|&i| !beaten(i)).collect();
            want.sort_by(|&a, &b| points[a].0.total_cmp(&points[b].0));
            prop_assert_eq!(frontier(&points), want);
        }
    }
}
