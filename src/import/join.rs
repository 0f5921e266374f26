//! Samples, facts and rows brought together by id.

use super::Error;
use super::corpus::{Corpus, ModalitySource};
use super::source::Source;
use crate::catalog::CatalogBuilder;
use crate::matrix::MAX_DIM;

/// Where the vector of each record lies: file and row; `None`: it has none.
pub(super) type Places = Vec<Option<(u16, u32)>>;

/// Finds the record of every row of a modality; a record without a partition takes that of the file its row is in.
pub(super) fn place(
    corpus: &Corpus,
    modality: &ModalitySource,
    sources: &[Source<'_>],
    parts: &[u32],
    catalog: &mut CatalogBuilder,
) -> Result<(Places, usize), Error> {
    check_parts(corpus, sources, parts)?;
    let mut places: Places = vec![None; catalog.len()];
    let mut dim: Option<(usize, String)> = None;
    for (number, source) in sources.iter().enumerate() {
        let path = source.file.path.as_path();
        let in_order = match &source.ids {
            Some(_) => None,
            None => Some(records_in_order(corpus, sources, number, catalog)?),
        };
        for row in 0..source.len() {
            let at = |what: String| Error::file(path, format!("{}: {what}", source.row_name(row)));
            let width = source.width(row);
            match &dim {
                None if width == 0 || width > MAX_DIM => {
                    return Err(at(format!("{width} elements; 1 to {MAX_DIM} can be stored")));
                }
                None => dim = Some((width, path.display().to_string())),
                Some((first, from)) if *first != width => {
                    return Err(at(format!(
                        "{width} elements, the first row of {:?} (in {from}) has {first}; all rows of a modality have one width",
                        modality.name
                    )));
                }
                Some(_) => {}
            }
            let record = match (&in_order, source.ids.as_ref().and_then(|ids| ids.get(row))) {
                (Some(records), _) => *records.get(row).ok_or_else(|| at("no sample".into()))?,
                (None, Some(id)) => catalog.find(id).ok_or_else(|| {
                    at(format!(
                        "no sample of {} has this id; remove the row, or add the sample",
                        corpus.catalog.display()
                    ))
                })?,
                (None, None) => return Err(at("no id".into())),
            };
            if let Some(partition) = &source.file.partition {
                let said = catalog.partition(record).map(str::to_owned);
                match said {
                    None => {
                        if let Some(facts) = catalog.facts_mut(record) {
                            facts.partition = Some(partition.clone());
                        }
                    }
                    Some(said) if said != *partition => {
                        return Err(at(format!(
                            "a row of partition {partition:?}, but the sample belongs to {said:?} (as its metadata or another matrix says); a sample has one partition"
                        )));
                    }
                    Some(_) => {}
                }
            }
            let slot = &mut places[record as usize];
            if let Some((other, _)) = *slot {
                let other = sources[usize::from(other)].file.path.display();
                return Err(at(format!(
                    "a second row of this sample in {:?} (the first is in {other})",
                    modality.name
                )));
            }
            *slot = Some((number as u16, row as u32));
        }
    }
    match dim {
        Some((dim, _)) => Ok((places, dim)),
        None => {
            let path = sources.first().map_or(corpus.origin.as_path(), |s| s.file.path.as_path());
            Err(Error::file(
                path,
                format!("modality {:?} has no vector at all; remove it from the corpus", modality.name),
            ))
        }
    }
}

/// The records of rows without ids: those of the catalog, or of their partition, in catalog order; files that share a partition
/// (the parts of a folder) go on where the one before ended.
fn records_in_order(
    corpus: &Corpus,
    sources: &[Source<'_>],
    number: usize,
    catalog: &CatalogBuilder,
) -> Result<Vec<u32>, Error> {
    let source = &sources[number];
    let partition = source.file.partition.as_deref();
    let records: Vec<u32> =
        (0..catalog.len() as u32).filter(|&r| partition.is_none() || catalog.partition(r) == partition).collect();
    let beside = |s: &&Source<'_>| s.ids.is_none() && s.file.partition.as_deref() == partition;
    let parts = sources.iter().filter(beside).count();
    let all: usize = sources.iter().filter(beside).map(Source::cells).sum();
    if records.len() != all {
        let of = match partition {
            Some(p) => format!("partition {p:?} of {}", corpus.catalog.display()),
            None => corpus.catalog.display().to_string(),
        };
        let rows = if parts > 1 { format!("{all} rows in {parts} files") } else { format!("{all} rows") };
        return Err(Error::file(
            &source.file.path,
            format!(
                "{rows} for {} samples of {of}; rows without ids must match the catalog one to one: add `ids = \"ids.npy\"`",
                records.len()
            ),
        ));
    }
    let before: usize = sources[..number].iter().filter(beside).map(Source::cells).sum();
    let records = &records[before..before + source.cells()];
    Ok(match source.kept {
        None => records.to_vec(),
        Some(kept) => kept.iter().filter_map(|&cell| records.get(cell as usize).copied()).collect(),
    })
}

/// Parts of vectors and parts of the catalog, as many of both: each pair must have the same number of rows, or some file is
/// missing, doubled, or of another run.
fn check_parts(corpus: &Corpus, sources: &[Source<'_>], parts: &[u32]) -> Result<(), Error> {
    if parts.len() < 2 || parts.len() != sources.len() || sources.iter().any(|s| s.ids.is_some()) {
        return Ok(());
    }
    for ((source, &samples), catalog) in sources.iter().zip(parts).zip(&corpus.catalog_files) {
        if source.cells() != samples as usize {
            let what = format!(
                "{} rows, but {} has {samples}; parts of the same number must be of the same samples: write both again",
                source.cells(),
                catalog.display()
            );
            return Err(Error::file(&source.file.path, what));
        }
    }
    Ok(())
}
