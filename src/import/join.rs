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
    catalog: &mut CatalogBuilder,
) -> Result<(Places, usize), Error> {
    let mut places: Places = vec![None; catalog.len()];
    let mut dim: Option<(usize, String)> = None;
    for (number, source) in sources.iter().enumerate() {
        let path = source.file.path.as_path();
        let in_order = match &source.ids {
            Some(_) => None,
            None => Some(records_in_order(corpus, source, catalog)?),
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
                (Some(records), _) => records[row],
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

/// Rows without ids are those of the catalog, or of their partition, in catalog order.
fn records_in_order(corpus: &Corpus, source: &Source<'_>, catalog: &CatalogBuilder) -> Result<Vec<u32>, Error> {
    let records: Vec<u32> = (0..catalog.len() as u32)
        .filter(|&r| source.file.partition.is_none() || catalog.partition(r) == source.file.partition.as_deref())
        .collect();
    if records.len() != source.len() {
        let of = match &source.file.partition {
            Some(p) => format!("partition {p:?} of {}", corpus.catalog.display()),
            None => corpus.catalog.display().to_string(),
        };
        return Err(Error::file(
            &source.file.path,
            format!(
                "{} rows for {} samples of {of}; rows without ids must match the catalog one to one: add `ids = \"ids.npy\"`",
                source.len(),
                records.len()
            ),
        ));
    }
    Ok(records)
}
