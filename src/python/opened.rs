//! An open index: its threads, and what was found out about who is eligible.

use super::errors::{Fault, unbound};
use crate::constraints::{Bound, Rule, Split, builtin_names};
use crate::index::Index;
use crate::query::{Eligibility, Error, Searcher};
use crate::words::{Row, SampleId};
use pyo3::Python;
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

/// Splits with their waivers whose eligible samples are kept.
const KEPT: usize = 16;

static BUILTIN: LazyLock<Vec<Split>> =
    LazyLock::new(|| builtin_names().into_iter().filter_map(|name| Split::builtin(name).ok()).collect());

pub(super) struct Opened {
    pub index: Index,
    threads: Option<usize>,
    /// Made when it is first needed, by the process that needs it.
    pool: Mutex<Option<(u32, Arc<ThreadPool>)>>,
    eligible: Mutex<Vec<Arc<Eligibility>>>,
}

impl Opened {
    pub fn new(path: &Path, threads: Option<usize>) -> Result<Opened, Fault> {
        let index = Index::open(path).map_err(Fault::failed)?;
        Ok(Opened { index, threads, pool: Mutex::default(), eligible: Mutex::default() })
    }

    /// Does a job on this index's threads; the interpreter goes on meanwhile.
    pub fn away<T: Send>(&self, py: Python<'_>, job: impl FnOnce() -> T + Send) -> Result<T, Fault> {
        py.detach(|| Ok(self.pool()?.install(job)))
    }

    /// Threads do not survive a fork (`multiprocessing` forks): a child makes its own. Those of its parent are let lie, for to
    /// drop them would be to wait for them.
    fn pool(&self) -> Result<Arc<ThreadPool>, Fault> {
        let mut kept = self.pool.lock().unwrap_or_else(PoisonError::into_inner);
        let process = std::process::id();
        if let Some((of, pool)) = &*kept
            && *of == process
        {
            return Ok(Arc::clone(pool));
        }
        let mut made = ThreadPoolBuilder::new().thread_name(|i| format!("mispair-{i}"));
        if let Some(threads) = self.threads {
            made = made.num_threads(threads);
        }
        let made = Arc::new(made.build().map_err(|e| Fault::failed(format!("cannot start threads: {e}")))?);
        std::mem::forget(kept.replace((process, Arc::clone(&made))));
        Ok(made)
    }

    /// A built-in split, or one of a file; rules waived.
    pub fn split(&self, name: &str, waive: &[Rule]) -> Result<Split, Fault> {
        let mut split = match BUILTIN.iter().find(|split| split.name == name) {
            Some(split) => split.clone(),
            None if name.ends_with(".toml") || name.contains('/') => {
                let text = std::fs::read_to_string(name).map_err(|e| Fault::failed(format!("{name}: {e}")))?;
                Split::parse(name, &text).map_err(Fault::failed)?
            }
            None => Split::builtin(name).map_err(Fault::question)?,
        };
        split.waive.extend(waive);
        Ok(split)
    }

    /// Several, each once; `all` alone stands for the built-in ones, and says that they are merged.
    pub fn splits(&self, names: &[String], waive: &[Rule]) -> Result<(Vec<Split>, bool), Fault> {
        let all = names.iter().any(|name| name == "all");
        if all && names.len() > 1 {
            return Err(Fault::question("split \"all\" stands for all built-in ones; name no other beside it"));
        }
        let named: Vec<&str> = if all { builtin_names() } else { names.iter().map(String::as_str).collect() };
        let splits = named.into_iter().map(|name| self.split(name, waive)).collect::<Result<Vec<_>, _>>()?;
        if splits.is_empty() {
            return Err(Fault::question("name a split, several, or \"all\""));
        }
        if let Some(i) = (1..splits.len()).find(|&i| splits[..i].iter().any(|s| s.name == splits[i].name)) {
            return Err(Fault::Question(format!("split {} is named twice", splits[i].name)));
        }
        Ok((splits, all))
    }

    pub fn partition(&self, name: Option<&str>) -> Result<Option<u16>, Fault> {
        let Some(name) = name else { return Ok(None) };
        let catalog = &self.index.catalog;
        let unknown = || Error::UnknownPartition {
            got: name.to_owned(),
            have: catalog.partitions().map(str::to_owned).collect(),
        };
        catalog.partition_named(name).map(Some).ok_or_else(|| unknown().into())
    }

    /// A sample by its id, whose type counts.
    pub fn row(&self, id: &SampleId) -> Result<Row, Fault> {
        self.index.catalog.find(id).ok_or_else(|| Error::UnknownId(id.to_json()).into())
    }

    pub fn unknown_modality(&self, got: &str) -> Fault {
        let have = self.index.modalities.iter().map(|m| m.name.clone()).collect();
        Error::UnknownModality { got: got.to_owned(), have }.into()
    }

    /// A searcher that shares what earlier ones have found out.
    pub fn searcher(&self, split: Split) -> Result<Searcher<'_>, Fault> {
        let bound = Bound::new(&self.index, split).map_err(unbound)?;
        let mut kept = self.eligible.lock().unwrap_or_else(PoisonError::into_inner);
        let found = match kept.iter().rposition(|e| e.is_of(&bound)) {
            Some(at) => kept.remove(at),
            None => Arc::new(Eligibility::new(&bound)),
        };
        kept.push(Arc::clone(&found));
        if kept.len() > KEPT {
            kept.remove(0);
        }
        Ok(Searcher::sharing(bound, &found))
    }
}
