//! `mispair eval retrieval`.

use super::super::args::Format;
use super::super::render::{count, right, table};
use super::super::talk::Bars;
use super::super::{open, usage};
use super::args::Retrieval;
use super::column::{Column, columns};
use crate::evaluation::retrieval::{Comparison, Line, Passed, Plan, Space, Spread, compare, lines};
use crate::import::Talk;
use crate::index::Index;
use crate::words::Row;
use anyhow::Result;
use serde::Serialize;
use serde_json::json;
use std::collections::BTreeMap;
use std::io::{self, Write};

/// One index, measured.
#[derive(Serialize)]
struct Run {
    index: String,
    captions_modality: String,
    images_modality: String,
    captions: u32,
    images: u32,
    passed_over: Passed,
    lines: Vec<Line>,
}

pub(super) fn run(args: &Retrieval, talk: &Bars) -> Result<()> {
    let by = args.by.as_deref();
    let wheres: Vec<(&str, &str)> = args
        .wheres
        .iter()
        .map(|w| w.split_once('=').ok_or_else(|| usage(format!("--where {w}: write COLUMN=VALUE"))))
        .collect::<Result<_>>()?;
    if args.table.is_some() && args.indexes.len() > 1 {
        return Err(usage("--table joins by the ids of one index; name one index"));
    }
    let mut ks = args.k.iter().map(|&k| u64::from(k)).collect::<Vec<_>>();
    ks.sort_unstable();
    ks.dedup();
    let pool = |p: &String| match p.as_str() {
        "all" => Ok(None),
        n => n
            .parse()
            .ok()
            .filter(|&n: &usize| n > 0)
            .map(Some)
            .ok_or_else(|| usage(format!("--pool {p}: write a number, or all"))),
    };
    let pools: Vec<Option<usize>> = args.pool.iter().map(pool).collect::<Result<_>>()?;
    let indexes: Vec<Index> = args.indexes.iter().map(|path| open(path)).collect::<Result<_>>()?;
    let against = args.against.as_deref().map(open).transpose()?;

    let mut runs = Vec::new();
    let mut compared = Vec::new();
    for index in &indexes {
        let mut names: Vec<&str> = wheres.iter().map(|w| w.0).chain(by).collect();
        names.sort_unstable();
        names.dedup();
        let table = args.table.as_deref().map(|t| (t, args.id_column.as_str()));
        let cells: BTreeMap<String, Column> = columns(index, &names, table, &|text| talk.note(text))?;
        let is_right = |row: Row| wheres.iter().all(|(column, value)| cells[*column].get(row) == Some(*value));
        let space = Space::new(index, &args.captions, &args.images, is_right)?;
        let group = by.map(|by| move |row: Row| cells[by].get(row).map(str::to_owned));
        let plan = Plan {
            pools: pools.clone(),
            draws: args.draws,
            most: args.queries as usize,
            seed: args.seed,
            ks: ks.clone(),
            ef: args.ef.map(|ef| ef as usize),
            group: group.as_ref().map(|g| g as &dyn Fn(Row) -> Option<String>),
        };
        talk.begin(&index.name, 0);
        let measured = lines(&space, &plan)?;
        if let Some(other) = &against {
            let captions = args.against_captions.as_ref().unwrap_or(&args.captions);
            let images = args.against_images.as_ref().unwrap_or(&args.images);
            let second = Space::new(other, captions, images, |_| true)?;
            compared.extend(compare(&space, &second, &plan, args.resamples)?);
        }
        talk.clear();
        runs.push(Run {
            index: index.name.clone(),
            captions_modality: args.captions.clone(),
            images_modality: args.images.clone(),
            captions: space.captions(),
            images: space.images(),
            passed_over: space.passed,
            lines: measured,
        });
    }
    let mut out = io::stdout().lock();
    if args.format == Format::Json {
        let settings = json!({"k": ks, "draws": args.draws, "queries_at_most": args.queries, "seed": args.seed, "where": args.wheres,
            "by": args.by});
        return super::json(&json!({"settings": settings, "runs": runs, "against": compared}), &mut out);
    }
    people(&runs, &ks, &mut out)?;
    if !compared.is_empty() {
        differences(&compared, &mut out)?;
    }
    Ok(())
}

/// `0.740`, or `0.74 ± 0.02` over draws.
fn said(value: &Spread, draws: u32, places: usize) -> String {
    match draws {
        1 => format!("{:.places$}", value.mean),
        _ => format!("{:.places$} ± {:.places$}", value.mean, value.sd),
    }
}

fn people(runs: &[Run], ks: &[u64], out: &mut impl Write) -> Result<()> {
    let mut head: Vec<String> = ["index", "", "images", "group", "engine", "queries"].map(str::to_owned).to_vec();
    head.extend(ks.iter().map(|k| format!("R@{k}")));
    head.extend(["MRR".to_owned(), "median rank".to_owned()]);
    let mut shown = table(&head.iter().map(String::as_str).collect::<Vec<_>>());
    for run in runs {
        for line in &run.lines {
            let mut cells = vec![
                run.index.as_str().into(),
                line.direction.into(),
                right(count(line.images)),
                line.group.as_deref().unwrap_or("").into(),
                line.engine.into(),
                right(count(line.queries.mean.round() as u64)),
            ];
            cells.extend(line.recall.iter().map(|r| right(said(r, line.draws, 3))));
            cells.push(right(said(&line.mrr, line.draws, 3)));
            cells.push(right(line.median_rank.map_or("–".to_owned(), |m| said(&m, line.draws, 1))));
            shown.add_row(cells);
        }
    }
    writeln!(out, "{shown}")?;
    let most = ks.last().copied().unwrap_or_default();
    writeln!(out, "± is the standard deviation over draws of the pool; a graph's MRR counts ranks up to {most}")?;
    for run in runs {
        let Passed { empty_caption, missing_vector } = run.passed_over;
        if empty_caption + missing_vector > 0 {
            writeln!(
                out,
                "{}: passed over {empty_caption} empty captions, {missing_vector} rows without a vector",
                run.index
            )?;
        }
    }
    Ok(())
}

fn differences(compared: &[Comparison], out: &mut impl Write) -> Result<()> {
    let mut shown = table(&["", "measure", "queries", "candidates", "first", "second", "difference", "95% interval"]);
    for c in compared {
        let d = &c.difference;
        shown.add_row(vec![
            c.direction.into(),
            c.measure.as_str().into(),
            right(count(c.queries)),
            right(count(c.candidates)),
            right(format!("{:.4}", d.a)),
            right(format!("{:.4}", d.b)),
            right(format!("{:+.4}", d.difference)),
            right(format!("{:+.4} … {:+.4}", d.interval[0], d.interval[1])),
        ]);
    }
    writeln!(
        out,
        "\n{shown}\npaired bootstrap over queries that both have, {} resamples",
        compared[0].difference.resamples
    )?;
    Ok(())
}
