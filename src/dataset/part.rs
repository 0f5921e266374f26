//! What one unit of work gave, as a file: `mispair match --chunk`, `mispair merge`.
//!
//! ```text
//! terms   JSON: program, index, settings, splits; the same bytes in all parts of one dataset
//! chunk   JSON: which chunk, of how many; what was counted; how many pairs and swaps each split has
//! pairs   u32 × 5 a pair    pristine row, falsified row; bits of score, CTI(p), CTI(f) as f32
//! swaps   u32 × 7 a swap    rows a, b; bits of score, CTI(a), CTI(b), CTI(a, b), CTI(b, a)
//! ```
//!
//! A file of the same build as those of an index (`indexes/FORMAT.md`): every byte is under a checksum. It depends on the
//! terms and the chunk's number alone, byte for byte.

use super::Error;
use super::terms::Terms;
use crate::matcher::pair::Pair;
use crate::matcher::run::{ChunkPairs, Unit};
use crate::matcher::swaps::Swap;
use crate::matcher::{Agreement, Selection};
use crate::publish::write_file_deep;
use crate::wire::{self, File, FileWriter, Kind};
use crate::words::Row;
use serde::{Deserialize, Serialize};
use std::io;
use std::path::Path;

const PAIR: usize = 5;
const SWAP: usize = 7;

/// One part.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// What it depends on.
    pub terms: Terms,
    /// The unit's number, from 0.
    pub number: usize,
    /// Units in the run.
    pub of: usize,
    /// What the unit gave, for each of its splits.
    pub found: Vec<ChunkPairs>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Label {
    chunk: usize,
    of: usize,
    splits: Vec<Counts>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Counts {
    captions: usize,
    without_candidate: usize,
    possible_swaps: usize,
    selection: Selection,
    agreement: Option<Agreement>,
    pairs: usize,
    swaps: usize,
}

/// What lies where a part is to be.
#[derive(Debug)]
pub enum There {
    /// Nothing.
    Nothing,
    /// This very part, whole.
    Done(Box<Part>),
    /// A part that is damaged, or an empty file: what was lost on the way.
    Damaged(String),
    /// A part of another run, or another chunk of this one: in what it differs.
    Other(String),
}

impl Part {
    /// Writes the part, whole or not at all; what was there is replaced.
    pub fn write(&self, to: &Path) -> Result<(), Error> {
        let counts = |found: &ChunkPairs| Counts {
            captions: found.captions,
            without_candidate: found.without_candidate,
            possible_swaps: found.possible_swaps,
            selection: found.selection,
            agreement: found.agreement,
            pairs: found.pairs.len(),
            swaps: found.swaps.len(),
        };
        let label = Label { chunk: self.number, of: self.of, splits: self.found.iter().map(counts).collect() };
        let label = serde_json::to_vec(&label).map_err(|e| Error::at(to)(&e))?;
        let pairs: Vec<u32> = self.found.iter().flat_map(|f| &f.pairs).flat_map(pair_words).collect();
        let swaps: Vec<u32> = self.found.iter().flat_map(|f| &f.swaps).flat_map(swap_words).collect();
        write_file_deep(to, |file| {
            let fill = || -> Result<(), wire::Error> {
                let mut out = FileWriter::over(file.try_clone().map_err(at(to))?, to, Kind::Part, 4)?;
                out.section("terms", &self.terms.bytes())?;
                out.section("chunk", &label)?;
                out.section("pairs", &pairs)?;
                out.section("swaps", &swaps)?;
                out.finish().map(drop)
            };
            fill().map_err(|e| match e {
                wire::Error::Io { source, .. } => source,
                other => io::Error::other(other.to_string()),
            })
        })?;
        Ok(())
    }

    /// Reads a part, and checks every byte of it.
    pub fn read(path: &Path) -> Result<Part, Error> {
        let broken = |what: String| Error::File {
            path: path.into(),
            what: format!("damaged: {what}; make this part again with `mispair match --chunk`"),
        };
        let file = File::open(path, Kind::Part).and_then(|f| f.verify().map(|()| f));
        let file = file.map_err(|e| match e {
            wire::Error::Damaged { what, .. } => broken(what),
            wire::Error::Foreign { .. } | wire::Error::Kind { .. } => {
                Error::at(path)(&"not a part made by `mispair match --chunk`")
            }
            wire::Error::Version { got, .. } => broken(format!("format version {got}, this program reads another")),
            wire::Error::Io { source, .. } => Error::at(path)(&source),
        })?;
        let section = |name: &str| file.section::<u8>(name).map_err(|e| broken(e.to_string()));
        let words = |name: &str| file.section::<u32>(name).map_err(|e| broken(e.to_string()));
        let foreign = |e: serde_json::Error| Error::File {
            path: path.into(),
            what: format!("made by another version of mispair ({e}); make all parts with one version"),
        };
        let terms: Terms = serde_json::from_slice(&section("terms")?).map_err(foreign)?;
        if terms.bytes() != *section("terms")? {
            return Err(broken("its terms are not written as this program writes them".into()));
        }
        let label: Label = serde_json::from_slice(&section("chunk")?).map_err(foreign)?;
        let (pairs, swaps) = (words("pairs")?, words("swaps")?);
        let total = |of: fn(&Counts) -> usize| label.splits.iter().map(|c| of(c) as u128).sum::<u128>();
        let (all_pairs, all_swaps) = (total(|c| c.pairs) * PAIR as u128, total(|c| c.swaps) * SWAP as u128);
        if (pairs.len() as u128, swaps.len() as u128) != (all_pairs, all_swaps) || label.chunk >= label.of {
            return Err(broken("its counts are not those of what it holds".into()));
        }
        let mut pairs = pairs.chunks_exact(PAIR).map(pair_of);
        let mut swaps = swaps.chunks_exact(SWAP).map(swap_of);
        let found: Vec<ChunkPairs> = (label.splits.iter())
            .map(|counts| ChunkPairs {
                captions: counts.captions,
                without_candidate: counts.without_candidate,
                possible_swaps: counts.possible_swaps,
                selection: counts.selection,
                agreement: counts.agreement,
                pairs: pairs.by_ref().take(counts.pairs).collect(),
                swaps: swaps.by_ref().take(counts.swaps).collect(),
            })
            .collect();
        Ok(Part { terms, number: label.chunk, of: label.of, found })
    }

    /// What lies at `path`, where the part `number` of a run is to be. A file that is none of ours is an error.
    pub fn look(path: &Path, terms: &Terms, number: usize) -> Result<There, Error> {
        match std::fs::symlink_metadata(path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(There::Nothing),
            Err(e) => return Err(Error::at(path)(&e)),
            Ok(meta) if meta.is_file() && meta.len() == 0 => return Ok(There::Damaged("it is empty".into())),
            Ok(_) => {}
        }
        // Whatever else is wrong with it: a file of another kind is not a part that was damaged.
        let regular = std::fs::metadata(path).is_ok_and(|m| m.is_file());
        if regular && !wire::may_be(path, Kind::Part).map_err(|e| Error::at(path)(&e))? {
            let what = "exists and is no part made by `mispair match --chunk`, so it is not replaced";
            return Err(Error::at(path)(&what));
        }
        match File::open(path, Kind::Part) {
            Err(wire::Error::Version { got, .. }) => return Ok(There::Other(format!("it is of format version {got}"))),
            Err(wire::Error::Io { source, .. }) => return Err(Error::at(path)(&source)),
            _ => {}
        }
        let part = match Part::read(path) {
            Err(Error::File { what, .. }) => return Ok(There::Damaged(what)),
            other => other?,
        };
        Ok(match part.terms.difference(terms) {
            Some(difference) => There::Other(difference),
            None if part.number != number => There::Other(format!("it is chunk {}", part.number)),
            None => There::Done(Box::new(part)),
        })
    }

    /// Could this be what the unit gave? Its rows are all of the unit's chunk, and in order; its counts are possible.
    pub fn fits(&self, unit: &Unit) -> bool {
        let within = |row: Row| unit.chunk.rows.binary_search(&row).is_ok();
        self.found.len() == unit.splits.len()
            && self.found.iter().all(|f| {
                f.captions <= unit.chunk.rows.len()
                    && f.without_candidate <= f.captions
                    && f.pairs.iter().all(|p| within(p.pristine) && within(p.falsified) && p.pristine != p.falsified)
                    && f.pairs.is_sorted_by(|p, q| p.pristine < q.pristine)
                    && f.swaps.iter().all(|s| within(s.a) && within(s.b) && s.a < s.b)
                    && f.swaps.is_sorted_by(|s, t| s.a < t.a)
            })
    }
}

fn at(path: &Path) -> impl Fn(io::Error) -> wire::Error + '_ {
    move |source| wire::Error::Io { path: path.into(), source }
}

fn pair_words(p: &Pair) -> [u32; PAIR] {
    let [score, own, other] = [p.score, p.cti_pristine, p.cti_falsified].map(f32::to_bits);
    [p.pristine.0, p.falsified.0, score, own, other]
}

fn pair_of(words: &[u32]) -> Pair {
    let (row, bits) = (|i: usize| Row(words[i]), |i: usize| f32::from_bits(words[i]));
    Pair { pristine: row(0), falsified: row(1), score: bits(2), cti_pristine: bits(3), cti_falsified: bits(4) }
}

fn swap_words(s: &Swap) -> [u32; SWAP] {
    let [score, a, b, ab, ba] = [s.score, s.cti_a, s.cti_b, s.cti_ab, s.cti_ba].map(f32::to_bits);
    [s.a.0, s.b.0, score, a, b, ab, ba]
}

fn swap_of(words: &[u32]) -> Swap {
    let (row, bits) = (|i: usize| Row(words[i]), |i: usize| f32::from_bits(words[i]));
    let (a, b, score) = (row(0), row(1), bits(2));
    Swap { a, b, score, cti_a: bits(3), cti_b: bits(4), cti_ab: bits(5), cti_ba: bits(6) }
}
