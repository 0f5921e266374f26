//! `mispair match`.

use super::args::Match;
use super::render::{count, right, table};
use super::talk::Bars;
use super::{parts, split_named, usage, waive};
use crate::constraints::{Bound, Split, builtin_names};
use crate::dataset::{self, Run, SUMMARY, Terms};
use crate::import::Talk;
use crate::index::Index;
use crate::kernels;
use crate::matcher::no_walk;
use crate::matcher::run::{Outcome, Settings, Unit, run as match_all, units};
use crate::publish::{self, Staging};
use crate::retrieve::Engine;
use anyhow::{Context, Result};
use std::io::{self, Write};
use std::path::Path;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

pub(super) fn run(args: &Match, talk: &Bars) -> Result<()> {
    let index = super::open(&args.index)?;
    let (mut splits, merged) = splits(&args.split)?;
    for split in &mut splits {
        waive(split, &args.waive)?;
    }
    let settings = Settings {
        chunk_size: args.chunk_size.map(|n| n as usize),
        seed: args.seed,
        balance: !args.no_balance,
        engine: args.engine.chosen(),
    };
    let terms = Terms::new(&index, &splits, settings, merged);
    let out = match (&args.out, args.chunk) {
        (None, _) => return parts::list(&index, &terms),
        (Some(out), Some(chunk)) => return parts::make(&index, &terms, chunk, out, args.force, talk),
        (Some(out), None) => out,
    };
    let staging = begin(out, args.force)?;
    let outcome = make(&index, &splits, merged, settings, staging, talk)?;
    print(&outcome, &mut io::stdout().lock())
}

/// Begins a dataset; one that is there is replaced only with leave, and if it is one.
pub(super) fn begin(out: &Path, force: bool) -> Result<Staging> {
    if force && out.join(SUMMARY).exists() && !dataset::is_dataset(out) {
        return Err(publish::Error::NotOurs(out.into()).into());
    }
    Ok(Staging::begin(out, force, SUMMARY)?)
}

/// The splits bound to the index; each checked for what balancing needs.
pub(super) fn bind<'a>(index: &'a Index, splits: &[Split], settings: Settings) -> Result<Vec<Bound<'a>>> {
    let bounds = splits.iter().map(|s| Ok(Bound::new(index, s.clone())?)).collect::<Result<Vec<_>>>()?;
    if settings.balance {
        bounds.iter().try_for_each(Bound::can_balance)?;
    }
    Ok(bounds)
}

/// Named splits; `all` stands for the built-in ones and the merged set.
fn splits(names: &[String]) -> Result<(Vec<Split>, bool)> {
    if names.iter().any(|n| n == "all") {
        if names.len() > 1 {
            return Err(usage("--split all stands for all built-in splits; name no other beside it"));
        }
        let all = builtin_names().into_iter().map(Split::builtin).collect::<Result<_, _>>()?;
        return Ok((all, true));
    }
    let splits = names.iter().map(|n| split_named(n)).collect::<Result<Vec<_>>>()?;
    if let Some(i) = (1..splits.len()).find(|&i| splits[..i].iter().any(|s| s.name == splits[i].name)) {
        return Err(usage(format!("split {} is named twice", splits[i].name)));
    }
    Ok((splits, false))
}

/// Matches and writes.
pub(super) fn make(
    index: &Index,
    splits: &[Split],
    merged: bool,
    settings: Settings,
    staging: Staging,
    talk: &Bars,
) -> Result<Outcome> {
    let bounds = bind(index, splits, settings)?;
    bounds.iter().for_each(|bound| say_unknown(bound, talk));
    if settings.engine == Engine::Graph {
        for (bound, why) in bounds.iter().filter_map(|b| Some((b, no_walk(b, settings.balance)?))) {
            talk.note(&format!("{}: matched exactly, not through a graph: {why}", bound.split.name));
        }
    }
    let captions: usize = units(&bounds, settings).iter().map(|unit| captions_of(&bounds, unit)).sum();
    talk.begin("matching", captions as u64);
    let start = Instant::now();
    let outcome = match_all(&bounds, settings, merged, &|n| talk.advance(n))?;
    let run = this_run(index, start, None);
    talk.clear();
    dataset::write(staging, index, splits, settings, &outcome, &run).context("the dataset was not written")?;
    talk.note(&format!("matched {} captions in {:.1} s", count(captions), run.matching_s));
    Ok(outcome)
}

/// What is worth knowing of this run alone.
pub(super) fn this_run(index: &Index, start: Instant, parts: Option<usize>) -> Run {
    Run {
        index_path: index.path.display().to_string(),
        started_unix: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs()),
        matching_s: start.elapsed().as_secs_f64(),
        parts,
        threads: rayon::current_num_threads(),
        kernels: kernels::backend_name().to_owned(),
    }
}

/// Captions that a unit looks for candidates of, over its splits.
pub(super) fn captions_of(bounds: &[Bound<'_>], unit: &Unit) -> usize {
    let pristine = |&b: &usize| unit.chunk.rows.iter().filter(|&&r| bounds[b].refused_as_pristine(r).is_none()).count();
    unit.splits.iter().map(pristine).sum()
}

/// Says which facts are missing for most of the corpus, and what can be done: a split that asks for them gives few pairs.
fn say_unknown(bound: &Bound<'_>, talk: &Bars) {
    let samples = u64::from(bound.catalog().len());
    let counts = bound.unknown_counts(bound.catalog().rows());
    let mostly: Vec<_> = counts.iter().filter(|(rule, n)| 2 * n > samples && rule.can_be_waived()).collect();
    if mostly.is_empty() {
        return;
    }
    let each: Vec<_> = mostly.iter().map(|(rule, n)| format!("{rule} of {}", count(*n))).collect();
    let waive: Vec<_> = mostly.iter().map(|(rule, _)| format!("--waive {rule}")).collect();
    talk.note(&format!(
        "{}: most samples lack a fact: {} of {}; such samples get no pair. Add the facts to the metadata, or pass {}",
        bound.split.name,
        each.join(", "),
        count(samples),
        waive.join(" ")
    ));
}

/// The counts, a line a split and partition.
pub(super) fn print(outcome: &Outcome, out: &mut impl Write) -> Result<()> {
    let mut rows = table(&["split", "partition", "captions", "no candidate", "selected H/L", "pairs", "H/L"]);
    for (name, partitions) in &outcome.splits {
        for partition in partitions {
            let s = &partition.summary;
            rows.add_row(vec![
                name.as_str().into(),
                partition.name.as_str().into(),
                right(count(s.captions)),
                right(count(s.without_candidate)),
                right(format!("{} / {}", count(s.selected_hard), count(s.selected_easy))),
                right(count(s.pairs)),
                right(format!("{} / {}", count(s.hard), count(s.easy))),
            ]);
        }
    }
    let agreed: Vec<_> = outcome
        .splits
        .iter()
        .flat_map(|(name, partitions)| partitions.iter().map(move |p| (name, p)))
        .filter_map(|(name, p)| Some((name, &p.name, p.summary.selection, p.summary.agreement?)))
        .collect();
    for (partition, merged) in outcome.merged.iter().flatten() {
        let pairs: Vec<_> = merged.blocks.iter().flat_map(|b| &b.pairs).collect();
        let hard = pairs.iter().filter(|p| p.hard()).count();
        rows.add_row(vec![
            "merged_balanced".into(),
            partition.as_str().into(),
            right(""),
            right(""),
            right(""),
            right(count(pairs.len())),
            right(format!("{} / {}", count(hard), count(pairs.len() - hard))),
        ]);
    }
    writeln!(out, "{rows}")?;
    for (name, partition, how, agreement) in agreed {
        writeln!(
            out,
            "{name}, {partition}: {} captions by a walk, {} by CTI, {} by a scan after a walk, {} by a scan, {} all with all; a \
             full scan chooses the same for {} of {} sampled captions",
            count(how.graph),
            count(how.graph_by_cti),
            count(how.graph_then_scan),
            count(how.exact_scan),
            count(how.all_with_all),
            count(agreement.same),
            count(agreement.captions)
        )?;
    }
    Ok(())
}
