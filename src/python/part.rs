//! The class `Part`: one chunk, matched; what `mispair match --chunk` writes.

use super::errors::{Fault, unbound};
use super::opened::Opened;
use super::settings::Matching;
use crate::constraints::Bound as BoundSplit;
use crate::dataset::{self, Terms, There, write_pairs};
use crate::index::Index;
use crate::matcher::pair::Pair;
use crate::matcher::run::{Settings, Unit, match_unit, units};
use crate::matcher::swaps::Swap;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A matching, cut into its chunks.
pub(super) struct Plan<'a> {
    index: &'a Index,
    terms: Terms,
    bounds: Vec<BoundSplit<'a>>,
    units: Vec<Unit>,
}

impl<'a> Plan<'a> {
    pub fn new(opened: &'a Opened, matching: &Matching) -> Result<Plan<'a>, Fault> {
        let (splits, merged) = opened.splits(&matching.splits, &matching.waive)?;
        let Matching { chunk_size, seed, balance, engine, .. } = *matching;
        let settings = Settings { chunk_size, seed, balance, engine };
        let index = &opened.index;
        let terms = Terms::new(index, &splits, settings, merged);
        let bounds =
            splits.into_iter().map(|s| BoundSplit::new(index, s).map_err(unbound)).collect::<Result<Vec<_>, _>>()?;
        if balance {
            bounds.iter().try_for_each(BoundSplit::can_balance).map_err(unbound)?;
        }
        let units = units(&bounds, settings);
        Ok(Plan { index, terms, bounds, units })
    }

    fn names(&self, unit: &Unit) -> Vec<&str> {
        unit.splits.iter().map(|&b| self.bounds[b].split.name.as_str()).collect()
    }

    /// A list, an entry a chunk.
    pub fn list(&self) -> Result<String, Fault> {
        let entry = |(number, unit): (usize, &Unit)| {
            let partition = partition(self.index, unit);
            json!({ "chunk": number, "partition": partition, "samples": unit.chunk.rows.len(), "splits": self.names(unit) })
        };
        let all: Vec<_> = self.units.iter().enumerate().map(entry).collect();
        serde_json::to_string(&all).map_err(Fault::failed)
    }

    /// Matches a chunk; into `out`, with the rules of `mispair match --chunk`: a whole part that is there is left as it is.
    pub fn part(&self, number: usize, out: Option<&Path>, force: bool) -> Result<Matched, Fault> {
        let Some(unit) = self.units.get(number) else {
            return Err(Fault::Question(match self.units.len() {
                0 => "no sample is eligible, so there are no chunks".to_owned(),
                n => format!("there are {n} chunks, 0 to {}; chunk {number} is none of them", n - 1),
            }));
        };
        let there = out.map_or(Ok(There::Nothing), |out| dataset::Part::look(out, &self.terms, number));
        let part = match (there.map_err(Fault::failed)?, out) {
            (There::Done(part), _) => *part,
            (There::Other(difference), Some(out)) if !force => return Err(other(out, &difference)),
            (_, out) => {
                let found = match_unit(&self.bounds, unit, self.terms.settings, &|_| {});
                let part = dataset::Part { terms: self.terms.clone(), number, of: self.units.len(), found };
                out.map_or(Ok(()), |out| part.write(out)).map_err(Fault::failed)?;
                part
            }
        };
        let splits = self.names(unit).into_iter().map(str::to_owned).collect();
        Ok(Matched { part, partition: partition(self.index, unit).to_owned(), splits })
    }
}

fn partition<'a>(index: &'a Index, unit: &Unit) -> &'a str {
    unit.chunk.partition.map_or("all", |p| index.catalog.partition_name(p))
}

fn other(out: &Path, difference: &str) -> Fault {
    let shown = out.display();
    Fault::Failed(format!(
        "{shown}: a part of another run is there: {difference}; choose another name, or pass force=True to replace it"
    ))
}

/// A part, and of what.
pub(super) struct Matched {
    part: dataset::Part,
    partition: String,
    splits: Vec<String>,
}

/// One chunk, matched.
#[pyclass(frozen, module = "mispair._native")]
pub(super) struct Part {
    opened: Arc<Opened>,
    matched: Matched,
}

impl Part {
    pub fn new(opened: Arc<Opened>, matched: Matched) -> Part {
        Part { opened, matched }
    }
}

#[pymethods]
impl Part {
    /// Which chunk of how many, and what was counted, a split each (JSON).
    fn describe(&self) -> String {
        let Matched { part, partition, splits } = &self.matched;
        let counted = splits.iter().zip(&part.found).map(|(split, found)| {
            json!({ "split": split, "captions": found.captions, "without_candidate": found.without_candidate,
                "pairs": found.pairs.len(), "swaps": found.swaps.len() })
        });
        let counted: Vec<_> = counted.collect();
        json!({ "chunk": part.number, "of": part.of, "partition": partition, "index": part.terms.index,
            "settings": part.terms.hash().to_string(), "splits": counted })
        .to_string()
    }

    /// The pairs as a Parquet file with the columns of `pairs.parquet`; a swap gives two.
    fn table<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let Matched { part, partition, splits } = &self.matched;
        let bytes = self.opened.away(py, || {
            let mut rows: Vec<(&str, &str, Pair)> = Vec::new();
            for (split, found) in splits.iter().zip(&part.found) {
                let mut pairs = found.pairs.clone();
                pairs.extend(found.swaps.iter().flat_map(Swap::pairs));
                pairs.sort_by_key(|pair| pair.pristine);
                rows.extend(pairs.into_iter().map(|pair| (partition.as_str(), split.as_str(), pair)));
            }
            let mut bytes = Vec::new();
            write_pairs(&self.opened.index.catalog, &rows, &mut bytes).map_err(Fault::failed)?;
            Ok::<_, Fault>(bytes)
        })??;
        Ok(PyBytes::new(py, &bytes))
    }

    /// Writes the part, byte for byte as the command line does, for `mispair merge`.
    #[pyo3(signature = (out, force=false))]
    fn write(&self, py: Python<'_>, out: PathBuf, force: bool) -> PyResult<()> {
        let part = &self.matched.part;
        Ok(py.detach(|| match dataset::Part::look(&out, &part.terms, part.number).map_err(Fault::failed)? {
            There::Done(_) => Ok(()),
            There::Other(difference) if !force => Err(other(&out, &difference)),
            _ => part.write(&out).map_err(Fault::failed),
        })?)
    }
}
