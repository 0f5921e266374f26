//! The page: one file, its plots and its style inside, nothing loaded, no script.

use super::plots::{EXPECTED, distinct, latency, recall_qps, selectivity, style};
use super::svg::{Mark, Unit, escape};
use super::{Measurement, Report};
use std::fmt::Write;

pub(super) const STYLE: &str = include_str!("page.css");

/// A heading of the table, and what stands under it.
type Column = (&'static str, fn(&Measurement) -> String);

/// The columns of numbers.
const COLUMNS: [Column; 13] = [
    ("ef", |r| r.ef.map_or("–".into(), |ef| ef.to_string())),
    ("batch", |r| r.batch.to_string()),
    ("threads", |r| r.threads.to_string()),
    ("k", |r| r.k.to_string()),
    ("queries", |r| r.queries.to_string()),
    ("QPS", |r| Unit::Count.say(r.qps)),
    ("p50", |r| Unit::Time.say(r.p50_us)),
    ("p95", |r| Unit::Time.say(r.p95_us)),
    ("p99", |r| Unit::Time.say(r.p99_us)),
    ("visited", |r| Unit::Count.say(r.visited)),
    ("scored", |r| Unit::Count.say(r.scored)),
    ("short", |r| r.short.to_string()),
    ("admitted", |r| r.selectivity.map_or("–".into(), |s| Unit::Share.say(s))),
];

/// The whole page.
pub fn page(report: &Report) -> String {
    let name = escape(&report.data.index);
    let mut out = String::new();
    put(
        &mut out,
        format_args!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <title>mispair bench: {name}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
             <h1>{name}: recall and speed against exact search</h1>\n"
        ),
    );
    head(&mut out, report);
    let engines = distinct(report.rows.iter().map(|r| r.engine.as_str()));
    for section in distinct(report.rows.iter().map(section)) {
        let rows: Vec<&Measurement> = report.rows.iter().filter(|r| self::section(r) == section).collect();
        put(&mut out, format_args!("<h2>{}</h2>\n<div class=\"plots\">\n", escape(&section)));
        figure(&mut out, &keys(&rows, &engines), &recall_qps(&rows, &engines));
        let percentiles = ["p50", "p95", "p99"].map(|p| key(Mark::Circle, p, p)).concat();
        figure(&mut out, &percentiles, &latency(&rows));
        out.push_str("</div>\n");
    }
    let all: Vec<&Measurement> = report.rows.iter().collect();
    if let Some(plot) = selectivity(&all, &engines) {
        out.push_str("<h2>Constraints</h2>\n<div class=\"plots\">\n");
        let engines: String =
            engines.iter().enumerate().map(|(i, e)| key(Mark::Circle, &format!("c{}", i % 5), e)).collect();
        figure(
            &mut out,
            &format!("{engines}the fastest setting of recall ≥ {EXPECTED}; hollow: none reaches it"),
            &plot,
        );
        out.push_str("</div>\n");
    }
    table(&mut out, &report.rows);
    out.push_str("</body>\n</html>\n");
    out
}

/// Rows under one heading had the same to do: the same search, under the same constraints.
fn section(row: &Measurement) -> String {
    let admitted = row.selectivity.map(|s| format!(", {} of the rows admitted", Unit::Share.say(s)));
    row.title() + &admitted.unwrap_or_default()
}

/// What was measured, where and how.
fn head(out: &mut String, report: &Report) {
    let (data, how) = (&report.data, &report.parameters);
    let modalities: Vec<String> = data
        .modalities
        .iter()
        .map(|m| format!("{} {} × {} {}", m.name, Unit::Count.say(m.rows as f64), m.dim, m.dtype))
        .collect();
    let sampled = how.queries.map(|n| format!("up to {n} sampled captions, seed {}", how.seed));
    let queries = sampled.or(how.query_file.as_ref().map(|file| format!("the vectors of {file}"))).unwrap_or_default();
    let facts = [
        ("machine", report.machine.line()),
        ("index", format!("{} samples; {}; checksum {}", data.samples, modalities.join(", "), data.checksum)),
        ("queries", format!("{queries}; the best {} asked for", how.k)),
        ("made by", format!("mispair {}: {}", report.mispair, how.command)),
    ];
    out.push_str("<dl>\n");
    for (what, text) in facts {
        put(out, format_args!("<dt>{what}</dt><dd>{}</dd>\n", escape(&text)));
    }
    out.push_str(
        "</dl>\n<p class=\"soft\">Recall is measured against a full scan; a row that ties with the last true one counts. \
         Up and to the right is better: the grey line joins the settings that nothing beats in both (solid: one thread; \
         dashed: all). Times are those of a call, percentiles by nearest rank. Numbers beside points are ef, or × queries a \
         call.</p>\n",
    );
}

/// The series of a plot.
fn keys(rows: &[&Measurement], engines: &[&str]) -> String {
    let mut seen = Vec::new();
    let mut out = String::new();
    for row in rows {
        let series = row.series();
        if !seen.contains(&series) {
            let (mark, class) = style(row, engines);
            out.push_str(&key(mark, &class, &series));
            seen.push(series);
        }
    }
    out
}

pub(super) fn key(mark: Mark, class: &str, text: &str) -> String {
    let shape = match mark {
        Mark::Circle => format!(r#"<circle class="mark {class}" cx="7" cy="7" r="4.5"/>"#),
        Mark::Square => format!(r#"<rect class="mark {class}" x="3" y="3" width="8" height="8"/>"#),
    };
    format!(r#"<span class="key"><svg viewBox="0 0 14 14" aria-hidden="true">{shape}</svg>{}</span>"#, escape(text))
}

pub(super) fn figure(out: &mut String, caption: &str, plot: &str) {
    put(out, format_args!("<figure><figcaption>{caption}</figcaption>{plot}</figure>\n"));
}

fn table(out: &mut String, rows: &[Measurement]) {
    out.push_str("<h2>All measurements</h2>\n<div class=\"scroll\"><table>\n<thead><tr>");
    out.push_str("<th class=\"text\">search</th><th class=\"text\">engine</th><th>recall</th>");
    COLUMNS.iter().for_each(|(name, _)| put(out, format_args!("<th>{name}</th>")));
    out.push_str("</tr></thead>\n<tbody>\n");
    for row in rows {
        put(
            out,
            format_args!(
                "<tr><td class=\"text\">{}</td><td class=\"text\">{}</td><td{}>{:.4}</td>",
                escape(&row.title()),
                escape(&row.engine),
                if row.recall < EXPECTED { " class=\"low\"" } else { "" },
                row.recall
            ),
        );
        COLUMNS.iter().for_each(|(_, say)| put(out, format_args!("<td>{}</td>", escape(&say(row)))));
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody></table></div>\n");
}

pub(super) fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = out.write_fmt(text);
}
