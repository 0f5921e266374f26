//! Columns beside an index: from its catalog, or from a file, joined by id.

use super::super::usage;
use crate::formats::read_columns;
use crate::index::Index;
use crate::mapped::Mapped;
use crate::words::Row;
use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use std::path::Path;

/// What the catalog itself knows.
const OF_CATALOG: [&str; 3] = ["source", "topic", "partition"];

/// A column's cells by catalog row.
pub(super) struct Column(Vec<Option<String>>);

impl Column {
    pub fn get(&self, row: Row) -> Option<&str> {
        self.0.get(row.index())?.as_deref()
    }
}

/// The columns of these names: those of `table` where there is one, else of the catalog. Samples that the file does not name have
/// empty cells, and `note` is told how many; ids of the file that the index lacks are an error.
pub(super) fn columns(
    index: &Index,
    names: &[&str],
    table: Option<(&Path, &str)>,
    note: &dyn Fn(&str),
) -> Result<BTreeMap<String, Column>> {
    let catalog = &index.catalog;
    let mut found: BTreeMap<String, Column> = BTreeMap::new();
    let Some((path, id)) = table else {
        for &name in names {
            let cell = |row: Row| match name {
                "source" => catalog.source(row).map(str::to_owned),
                "topic" => catalog.topic(row).map(str::to_owned),
                _ => catalog.partition(row).map(|p| catalog.partition_name(p).to_owned()),
            };
            if !OF_CATALOG.contains(&name) {
                let known = OF_CATALOG.join(", ");
                return Err(usage(format!(
                    "column {name:?}: an index has {known}; name a file that has it with --table"
                )));
            }
            found.insert(name.to_owned(), Column(catalog.rows().map(cell).collect()));
        }
        return Ok(found);
    };
    let file = Mapped::open(path).with_context(|| path.display().to_string())?;
    let records = read_columns(&file, path, id, names)?;
    let mut cells = vec![vec![None; catalog.len() as usize]; names.len()];
    let (mut unknown, mut named) = (Vec::new(), vec![false; catalog.len() as usize]);
    for record in records {
        match catalog.find_any_type(&record.id) {
            None => unknown.push(record.id.to_json()),
            Some(row) => {
                named[row.index()] = true;
                record.cells.into_iter().zip(&mut cells).for_each(|(cell, column)| column[row.index()] = cell);
            }
        }
    }
    if !unknown.is_empty() {
        let first = unknown.iter().take(5).cloned().collect::<Vec<_>>().join(", ");
        bail!(
            "{}: {} ids are not in {}, the first are {first}; is --id-column right?",
            path.display(),
            unknown.len(),
            index.path.display()
        );
    }
    let absent = named.iter().filter(|n| !**n).count();
    if absent > 0 {
        note(&format!("note: {} does not name {absent} of {} samples", path.display(), catalog.len()));
    }
    found.extend(names.iter().map(|n| (*n).to_owned()).zip(cells.into_iter().map(Column)));
    Ok(found)
}
