//! `mispair match --chunk` and `mispair merge`: a dataset made in parts, wherever and in whatever order.

use super::matching::{begin, bind, captions_of, print, this_run};
use super::render::{count, right, table};
use super::talk::Bars;
use super::usage;
use crate::constraints::Bound;
use crate::dataset::{self, Part, Terms, There};
use crate::import::Talk;
use crate::index::Index;
use crate::matcher::run::{Unit, join, match_unit, units};
use anyhow::{Context, Result, bail};
use clap::Args as ClapArgs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// `mispair merge`
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  mispair merge parts/* --index indexes/news --out dataset

The parts are those of `mispair match --chunk`, all of one index and one set of settings, each chunk once. The dataset is the
same, byte for byte, as that of one `mispair match` with the same --chunk-size (run.json aside).")]
pub struct Merge {
    /// The parts, in any order.
    #[arg(required = true, value_name = "PART")]
    pub parts: Vec<PathBuf>,
    /// The index they were made from.
    #[arg(long)]
    pub index: PathBuf,
    /// The dataset: a folder that does not exist yet.
    #[arg(long, short, value_name = "DIR")]
    pub out: PathBuf,
    /// Replace a dataset that is there.
    #[arg(long)]
    pub force: bool,
}

/// So many paths are named in an error; of the others, how many.
const NAMED: usize = 5;

/// A line a chunk.
pub(super) fn list(index: &Index, terms: &Terms) -> Result<()> {
    let bounds = bind(index, &terms.splits, terms.settings)?;
    let mut out = io::stdout().lock();
    for (number, unit) in units(&bounds, terms.settings).iter().enumerate() {
        let splits: Vec<&str> = names(&bounds, unit).collect();
        writeln!(out, "{number}\t{}\t{}\t{}", partition(index, unit), unit.chunk.rows.len(), splits.join(" "))?;
    }
    Ok(())
}

/// Matches one chunk into a part, unless that is there.
pub(super) fn make(index: &Index, terms: &Terms, number: usize, out: &Path, force: bool, talk: &Bars) -> Result<()> {
    let bounds = bind(index, &terms.splits, terms.settings)?;
    let units = units(&bounds, terms.settings);
    let Some(unit) = units.get(number) else {
        return Err(usage(match units.len() {
            0 => format!("--chunk {number}: no sample is eligible, so there are no chunks"),
            n => format!("--chunk {number}: there are {n} chunks, 0 to {}; --list-chunks prints them", n - 1),
        }));
    };
    let shown = out.display();
    match Part::look(out, terms, number)? {
        There::Done(part) => {
            talk.note(&format!("{shown}: this part is there already, and whole: left as it is"));
            return print_part(index, &bounds, unit, &part);
        }
        There::Other(difference) if !force => {
            bail!(
                "{shown}: a part of another run is there: {difference}; choose another name, or pass --force to replace it"
            )
        }
        There::Damaged(what) => talk.note(&format!("{shown}: {what}: made again")),
        There::Other(_) | There::Nothing => {}
    }
    talk.begin("matching", captions_of(&bounds, unit) as u64);
    let found = match_unit(&bounds, unit, terms.settings, &|n| talk.advance(n));
    talk.clear();
    let part = Part { terms: terms.clone(), number, of: units.len(), found };
    part.write(out).context("the part was not written")?;
    print_part(index, &bounds, unit, &part)
}

fn partition<'a>(index: &'a Index, unit: &Unit) -> &'a str {
    unit.chunk.partition.map_or("all", |p| index.catalog.partition_name(p))
}

fn names<'a>(bounds: &'a [Bound<'_>], unit: &'a Unit) -> impl Iterator<Item = &'a str> {
    unit.splits.iter().map(|&b| bounds[b].split.name.as_str())
}

fn print_part(index: &Index, bounds: &[Bound<'_>], unit: &Unit, part: &Part) -> Result<()> {
    let mut rows = table(&["split", "partition", "chunk", "captions", "no candidate", "pairs", "swaps"]);
    for (name, found) in names(bounds, unit).zip(&part.found) {
        rows.add_row(vec![
            name.into(),
            partition(index, unit).into(),
            right(format!("{} of {}", part.number, part.of)),
            right(count(found.captions)),
            right(count(found.without_candidate)),
            right(count(found.pairs.len())),
            right(count(found.swaps.len())),
        ]);
    }
    writeln!(io::stdout().lock(), "{rows}\nof index {}, settings {}", part.terms.index, part.terms.hash())?;
    Ok(())
}

/// Puts parts together.
pub(super) fn merge(args: &Merge, talk: &Bars) -> Result<()> {
    let start = Instant::now();
    let index = super::open(&args.index)?;
    let (terms, found) = read_all(&args.parts)?;
    let (ours, theirs) = (Terms::new(&index, &terms.splits, terms.settings, terms.merged), &terms);
    if ours.mispair != theirs.mispair {
        bail!("the parts were made by mispair {}, this is {}; use one version for all", theirs.mispair, ours.mispair);
    }
    if ours.index != theirs.index {
        bail!(
            "{}: not the index that the parts were made from: its checksum is {}, theirs {}",
            args.index.display(),
            ours.index,
            theirs.index
        );
    }
    let bounds = bind(&index, &terms.splits, terms.settings)?;
    let units = units(&bounds, terms.settings);
    if units.len() != found.len() {
        bail!("the parts say that there are {} chunks, but there are {}; make them again", found.len(), units.len());
    }
    for ((path, part), unit) in found.iter().zip(&units) {
        if !part.fits(unit) {
            bail!(
                "{}: damaged: holds what chunk {} cannot have given; make this part again with `mispair match --chunk`",
                path.display(),
                part.number
            );
        }
    }
    let staging = begin(&args.out, args.force)?;
    let parts = found.len();
    let found = found.into_iter().map(|(_, part)| part.found).collect();
    let outcome = join(&bounds, terms.settings, terms.merged, &units, found)?;
    let run = this_run(&index, start, Some(parts));
    dataset::write(staging, &index, &terms.splits, terms.settings, &outcome, &run)
        .context("the dataset was not written")?;
    talk.note(&format!("{} parts put together in {:.1} s", count(parts), run.matching_s));
    print(&outcome, &mut io::stdout().lock())
}

/// All parts of one run in order of their chunks; refused where they are mixed, where one is missing or there twice.
fn read_all(paths: &[PathBuf]) -> Result<(Terms, Vec<(&Path, Part)>)> {
    let mut parts: Vec<(&Path, Part)> = Vec::new();
    for path in paths {
        let part = Part::read(path)?;
        if let Some((first, other)) = parts.first() {
            let difference = part.terms.difference(&other.terms);
            let difference = difference.or_else(|| {
                (part.of != other.of).then(|| format!("one is of {} chunks and the other of {}", part.of, other.of))
            });
            if let Some(difference) = difference {
                bail!("{} and {} are parts of different runs: {difference}", path.display(), first.display());
            }
        }
        parts.push((path, part));
    }
    parts.sort_by_key(|(_, part)| part.number);
    if let Some(two) = parts.windows(2).find(|two| two[0].1.number == two[1].1.number) {
        let [(a, part), (b, _)] = [&two[0], &two[1]];
        bail!("{} and {} are both chunk {}; name each chunk once", a.display(), b.display(), part.number);
    }
    let Some((_, first)) = parts.first() else { return Err(usage("name the parts")) };
    // Numbers are below `of`, and each is there once.
    let missing = first.of - parts.len();
    if missing > 0 {
        let absent = |n: &usize| parts.binary_search_by_key(n, |(_, part)| part.number).is_err();
        let named: Vec<String> = (0..first.of).filter(absent).take(NAMED).map(|n| n.to_string()).collect();
        let more = if missing > NAMED { format!(" and {} more", missing - NAMED) } else { String::new() };
        let named = named.join(", ");
        bail!("of {} chunks {missing} are missing: {named}{more}; make each with `mispair match --chunk`", first.of);
    }
    Ok((first.terms.clone(), parts))
}
