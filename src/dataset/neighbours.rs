//! Every sample's nearest others, as a table: `id, rank, neighbour_id, neighbour_image_path, score`, a row a neighbour.

use super::Error;
use super::negatives::id_column;
use crate::formats::parquet::{Column, Table};
use crate::index::{Index, Modality};
use crate::kernels::Block;
use crate::query::{Plain, plain_batch};
use crate::retrieve::Engine;
use crate::words::{Order, Row};
use std::io::Write;
use std::path::Path;

/// Queries answered at a time: their rows make a group of the table.
const BATCH: usize = 1024;

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Neighbours<'a> {
    /// Whose vectors are searched.
    pub searched: &'a Modality,
    /// Whose vectors ask.
    pub from: &'a Modality,
    /// Neighbours of a sample, itself not counted.
    pub k: usize,
    /// By this engine.
    pub engine: Engine,
}

/// Writes the table; gives the number of samples that asked. `progress` is told how many more have.
///
/// # Errors
/// Modalities of different widths, the engine's, the sink's; `path` is for error texts.
pub fn write_neighbours(
    index: &Index,
    wanted: Neighbours<'_>,
    path: &Path,
    to: impl Write + Send,
    progress: &dyn Fn(u64),
) -> Result<usize, Error> {
    let fail = |e: &dyn std::fmt::Display| Error::at(path)(e);
    let (from, searched) = (&wanted.from.matrix, &wanted.searched.matrix);
    if from.dim() != searched.dim() {
        let (a, b) = (&wanted.from.name, &wanted.searched.name);
        let what = format!("{a:?} has {} elements, {b:?} has {}; they must be one space", from.dim(), searched.dim());
        return Err(Error::at(&index.path)(&what));
    }
    let catalog = &index.catalog;
    let columns = |found: &[(Row, Row, usize, f32)]| {
        vec![
            ("id", id_column(catalog, found.iter().map(|f| f.0))),
            ("rank", Column::Int(found.iter().map(|f| f.2 as i64).collect())),
            ("neighbour_id", id_column(catalog, found.iter().map(|f| f.1))),
            ("neighbour_image_path", Column::Text(found.iter().map(|f| catalog.image_path(f.1).to_owned()).collect())),
            ("score", Column::Float(found.iter().map(|f| f.3).collect())),
        ]
    };
    let mut table = Table::new(to, "neighbours", &columns(&[])).map_err(|e| fail(&e))?;
    let rows: Vec<Row> = catalog.rows().filter(|row| from.has(*row)).collect();
    // One more, for the sample itself.
    let k = wanted.k + 1;
    let plain = Plain {
        modality: &wanted.searched.name,
        order: Order::Highest,
        k,
        unique_image: false,
        partition: None,
        engine: wanted.engine,
        ef: None,
    };
    for rows in rows.chunks(BATCH) {
        let mut queries = Block::with_capacity(from.dim(), rows.len()).map_err(|e| fail(&e))?;
        for at in rows.iter().filter_map(|row| from.find(*row)) {
            queries.push(&from.padded(at)[..from.dim()]).map_err(|e| fail(&e))?;
        }
        let asked = vec![serde_json::Value::Null; rows.len()];
        let answers = plain_batch(index, &queries, plain, asked).map_err(|e| fail(&e))?;
        let mut found = Vec::with_capacity(rows.len() * wanted.k);
        for (&row, answer) in rows.iter().zip(&answers) {
            let others = answer.results.iter().filter(|hit| hit.row != row).take(wanted.k);
            found.extend(others.zip(1..).map(|(hit, rank)| (row, hit.row, rank, hit.score)));
        }
        table.group(columns(&found).into_iter().map(|c| c.1).collect()).map_err(|e| fail(&e))?;
        progress(rows.len() as u64);
    }
    table.finish().map_err(|e| fail(&e))?;
    Ok(rows.len())
}
