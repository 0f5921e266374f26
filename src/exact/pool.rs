//! Which rows may be found.

use super::Error;
use crate::rows::RowSet;
use crate::words::Row;

/// The candidates of a search, by catalog row.
#[derive(Debug, Clone, Copy)]
pub enum Pool<'a> {
    /// Every row that has a vector.
    All,
    /// The rows of a set.
    Set(&'a RowSet),
    /// The rows of a posting list: strictly ascending.
    List(&'a [Row]),
}

impl Pool<'_> {
    /// The matrix rows of the pool, ascending; `None` for all of them.
    pub(super) fn matrix_rows(self, catalog_rows: &[u32]) -> Result<Option<Vec<u32>>, Error> {
        match self {
            Pool::All => Ok(None),
            Pool::Set(set) => Ok(Some(intersect(set.iter(), catalog_rows))),
            Pool::List(list) => {
                if let Some(i) = list.windows(2).position(|w| w[0] >= w[1]) {
                    return Err(Error::ListOrder { at: i + 1, row: list[i + 1].0 });
                }
                Ok(Some(intersect(list.iter().copied(), catalog_rows)))
            }
        }
    }
}

/// Positions in `catalog_rows` of the wanted rows; both ascend. Where no sample before it lacks a vector, a row's position is the
/// row itself; else, from one row to the next, the step is doubled until it passes, then halved: as cheap for a long list as for
/// a short one.
fn intersect(wanted: impl Iterator<Item = Row>, catalog_rows: &[u32]) -> Vec<u32> {
    let mut found = Vec::with_capacity(wanted.size_hint().0.min(catalog_rows.len()));
    let mut from = 0;
    for row in wanted {
        if catalog_rows.get(row.index()) == Some(&row.0) {
            from = row.index();
            found.push(row.0);
            continue;
        }
        let mut step = 1;
        while catalog_rows.get(from + step).is_some_and(|&r| r < row.0) {
            from += step;
            step *= 2;
        }
        let to = catalog_rows.len().min(from + step + 1);
        from += catalog_rows[from..to].partition_point(|&r| r < row.0);
        match catalog_rows.get(from) {
            Some(&r) if r == row.0 => found.push(from as u32),
            Some(_) => {}
            None => break,
        }
    }
    found
}
