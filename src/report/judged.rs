//! A dataset's difficulty as files: all numbers, a table of the probes, a page with plots, and what each probe says of each row.

use super::Error;
use super::files::file;
use super::html::{STYLE, figure, key, put};
use super::svg::{Mark, Plot, Scale, escape};
use crate::evaluation::difficulty::{Accuracy, Combined, Difficulty, FileScores, Group, Histogram, ProbeRow};
use serde::Serialize;
use std::fs;
use std::io::Write;
use std::path::Path;

/// The file that makes a folder such a report.
pub const JUDGED: &str = "difficulty.json";
const CSV: &str = "difficulty.csv";
const HTML: &str = "difficulty.html";
/// A folder of `<split>/<partition>.csv`.
const PREDICTIONS: &str = "predictions";

/// A judged dataset with what was asked.
#[derive(Debug, Serialize)]
pub struct Judged<'a> {
    /// The program's version.
    pub mispair: &'static str,
    /// The dataset, as named.
    pub dataset: String,
    /// Facts for the head of the page: index, checksum, seed, command …
    pub about: Vec<(&'static str, String)>,
    /// What was found.
    #[serde(flatten)]
    pub found: &'a Difficulty,
    /// Two models of other people, combined.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub combined: Option<Combined>,
}

/// A row of the CSV.
#[derive(Serialize)]
struct Row<'a> {
    split: &'a str,
    partition: &'a str,
    block: &'a str,
    probe: &'a str,
    trained_on: u64,
    rows: u64,
    accuracy: f64,
    accuracy_pristine: f64,
    accuracy_falsified: f64,
    auc: Option<f64>,
}

/// Writes the files into a folder that holds none of them.
///
/// # Errors
/// [`Error::File`].
pub fn write_judged(folder: &Path, report: &Judged<'_>) -> Result<(), Error> {
    file(&folder.join(JUDGED), |out| {
        serde_json::to_writer_pretty(&mut *out, report)?;
        out.write_all(b"\n")
    })?;
    file(&folder.join(CSV), |out| {
        let mut table = csv::Writer::from_writer(out);
        for p in &report.found.probes {
            table.serialize(Row {
                split: &p.split,
                partition: &p.partition,
                block: p.block.as_deref().unwrap_or(""),
                probe: &p.probe,
                trained_on: p.trained_on,
                rows: p.rows,
                accuracy: p.accuracy.all,
                accuracy_pristine: p.accuracy.pristine,
                accuracy_falsified: p.accuracy.falsified,
                auc: p.roc.as_ref().map(|r| r.auc),
            })?;
        }
        table.flush()
    })?;
    report.found.scores.iter().try_for_each(|scores| predictions(&folder.join(PREDICTIONS), scores))?;
    file(&folder.join(HTML), |out| out.write_all(page(report).as_bytes()))
}

/// What the probes say of one file: id, image_id, falsified, and a column a probe.
fn predictions(folder: &Path, scores: &FileScores) -> Result<(), Error> {
    let own = folder.join(&scores.split);
    fs::create_dir_all(&own).map_err(|e| Error::File { path: own.clone(), what: e.to_string() })?;
    file(&own.join(format!("{}.csv", scores.partition)), |out| {
        let mut table = csv::Writer::from_writer(out);
        let head = ["id", "image_id", "falsified"].into_iter().chain(scores.probes.iter().map(|p| p.0.as_str()));
        table.write_record(head)?;
        for (row, (id, image, falsified)) in scores.rows.iter().enumerate() {
            let said = scores.probes.iter().map(|p| p.1.get(row).map_or_else(String::new, f32::to_string));
            let names = [id.to_string(), image.to_string(), falsified.to_string()];
            table.write_record(names.into_iter().chain(said))?;
        }
        table.flush()
    })
}

fn page(report: &Judged<'_>) -> String {
    let name = escape(&report.dataset);
    let mut out = String::new();
    put(
        &mut out,
        format_args!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <title>mispair difficulty: {name}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
             <h1>{name}: how hard it is</h1>\n<dl>\n"
        ),
    );
    for (what, text) in &report.about {
        put(&mut out, format_args!("<dt>{what}</dt><dd>{}</dd>\n", escape(text)));
    }
    out.push_str(
        "</dl>\n<p class=\"soft\">CTI is the cosine of a caption and an image. Ranking: how often the caption's own image has the \
         higher CTI (half, by design, in a balanced split); one of five: the same among four random images. Probes see frozen \
         vectors; falsified is the positive class of every ROC. A probe that sees captions alone cannot but be right in half of the \
         rows: each caption stands once with each label.</p>\n",
    );
    ranking(&mut out, &report.found.groups);
    for group in report.found.groups.iter().filter(|g| g.block.is_none()) {
        let curves: Vec<&ProbeRow> = report.found.probes.iter().filter(|p| same_file(p, group)).collect();
        put(
            &mut out,
            format_args!("<h2>{} / {}</h2>\n<div class=\"plots\">\n", escape(&group.split), escape(&group.partition)),
        );
        if let (Some(p), Some(f)) = (&group.pristine, &group.falsified) {
            let names = key(Mark::Circle, "c2", "own image") + &key(Mark::Circle, "c1", "wrong image");
            figure(&mut out, &names, &distributions(p, f));
        }
        if !curves.is_empty() {
            let names = curves.iter().enumerate().map(|(i, p)| key(Mark::Circle, &format!("c{}", i % 5), &p.probe));
            figure(&mut out, &names.collect::<String>(), &roc(&curves));
        }
        out.push_str("</div>\n");
    }
    probes(&mut out, &report.found.probes);
    if let Some(c) = &report.combined {
        combined(&mut out, c);
    }
    for text in &report.found.skipped {
        put(&mut out, format_args!("<p class=\"soft\">{}</p>\n", escape(text)));
    }
    out.push_str("</body>\n</html>\n");
    out
}

/// The five curves that a plot can tell apart: of this file, and not of a block or of the image alone.
fn same_file(p: &ProbeRow, group: &Group) -> bool {
    let shown = p.block.is_none() && !p.probe.ends_with("image alone") && p.probe != "MLP, text alone";
    shown && p.split == group.split && p.partition == group.partition
}

fn distributions(pristine: &Histogram, falsified: &Histogram) -> String {
    let (lo, hi) = (pristine.from, pristine.to);
    let most = pristine.counts.iter().chain(&falsified.counts).copied().max().unwrap_or(1);
    let mut plot =
        Plot::new(Scale::Linear { lo, hi }, Scale::Linear { lo: 0.0, hi: most as f64 * 1.05 }, "CTI", "pairs in a bin");
    for (histogram, class) in [(pristine, "l2"), (falsified, "l1")] {
        let width = (hi - lo) / histogram.counts.len().max(1) as f64;
        let steps = histogram.counts.iter().enumerate().flat_map(|(i, &n)| {
            let from = lo + width * i as f64;
            [(from, n as f64), (from + width, n as f64)]
        });
        plot.line(steps, class);
    }
    plot.finish("distributions of CTI of own and of wrong images")
}

fn roc(curves: &[&ProbeRow]) -> String {
    let unit = || Scale::Linear { lo: 0.0, hi: 1.0 };
    let mut plot = Plot::new(unit(), unit(), "pristine rows called falsified", "falsified rows called falsified");
    plot.line([(0.0, 0.0), (1.0, 1.0)].into_iter(), "pareto dashed");
    for (i, probe) in curves.iter().enumerate() {
        let points = probe.roc.iter().flat_map(|r| r.points.iter().map(|p| (p[0], p[1])));
        plot.line(points, &format!("l{}", i % 5));
    }
    plot.finish("ROC curves, falsified being positive")
}

fn percent(share: f64) -> String {
    format!("{:.2}%", 100.0 * share)
}

fn table(out: &mut String, title: &str, texts: usize, head: &[&str], rows: impl Iterator<Item = Vec<String>>) {
    put(out, format_args!("<h2>{title}</h2>\n<div class=\"scroll\"><table>\n<thead><tr>"));
    let class = |i: usize| if i < texts { " class=\"text\"" } else { "" };
    head.iter().enumerate().for_each(|(i, h)| put(out, format_args!("<th{}>{h}</th>", class(i))));
    out.push_str("</tr></thead>\n<tbody>\n");
    for row in rows {
        out.push_str("<tr>");
        row.iter().enumerate().for_each(|(i, c)| put(out, format_args!("<td{}>{}</td>", class(i), escape(c))));
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody></table></div>\n");
}

fn ranking(out: &mut String, groups: &[Group]) {
    let head = ["split", "partition", "block", "pairs", "ranking", "ties", "one of five", "own CTI", "wrong CTI"];
    let mean = |h: &Option<Histogram>| h.as_ref().map_or("–".into(), |h| format!("{:.3} ± {:.3}", h.mean, h.sd));
    let rows = groups.iter().map(|g| {
        vec![
            g.split.clone(),
            g.partition.clone(),
            g.block.clone().unwrap_or_default(),
            g.ranking.pairs.to_string(),
            percent(g.ranking.share),
            g.ranking.ties.to_string(),
            g.one_of_five.map_or("–".into(), |o| percent(o.share)),
            mean(&g.pristine),
            mean(&g.falsified),
        ]
    });
    table(out, "CLIP as it is", 3, &head, rows);
}

fn probes(out: &mut String, probes: &[ProbeRow]) {
    if probes.is_empty() {
        return;
    }
    let head = ["split", "partition", "block", "probe", "trained on", "rows", "all", "pristine", "falsified", "AUC"];
    let rows = probes.iter().map(|p| {
        let [all, pristine, falsified] = [p.accuracy.all, p.accuracy.pristine, p.accuracy.falsified].map(percent);
        vec![
            p.split.clone(),
            p.partition.clone(),
            p.block.clone().unwrap_or_default(),
            p.probe.clone(),
            p.trained_on.to_string(),
            p.rows.to_string(),
            all,
            pristine,
            falsified,
            p.roc.as_ref().map_or("–".into(), |r| format!("{:.4}", r.auc)),
        ]
    });
    table(out, "Probes", 4, &head, rows);
}

fn combined(out: &mut String, c: &Combined) {
    let head = ["rows", "", "all", "pristine", "falsified"];
    let row = |what: &str, a: &Accuracy| {
        vec![c.rows.to_string(), what.to_owned(), percent(a.all), percent(a.pristine), percent(a.falsified)]
    };
    let share =
        |what: &str, s: f64| vec![c.rows.to_string(), what.to_owned(), percent(s), String::new(), String::new()];
    let rows = [
        row("first", &c.a),
        row("second", &c.b),
        row("mean of the two scores", &c.average),
        share("both right", c.overlap),
        share("one right, or both", c.union),
    ];
    table(out, "Two models", 2, &head, rows.into_iter());
}
