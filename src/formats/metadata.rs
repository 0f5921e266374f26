//! Metadata: facts by id, to be merged into a catalog.
//!
//! JSONL, a JSON array of records (both with an `id` field), or a JSON object keyed by id, as in the published
//! `metadata/{train,val,test}.json`; which one is told from the first bytes. The fields are those of [`facts`](super::facts).
//! A published record also holds `caption`, `source`, `topic`, `title` and `image_path`, which the catalog has already.

use super::error::{RecordError, Where};
use super::facts::Columns;
use super::stream::{layout_of, records};
use crate::words::{Facts, SampleId};
use std::path::Path;

/// Streams a metadata file: one call of `each` a record, in file order. Gives the number of records.
///
/// A key of an object is always a text: look it up as given first, then as [`SampleId::other_type`].
/// Repeated ids are the caller's to refuse.
///
/// # Errors
/// The first record that is broken, lacks its id, or has a field of the wrong type; and whatever `each` returns.
pub fn read_metadata<E: From<RecordError>>(
    file: &[u8],
    path: &Path,
    columns: &Columns,
    mut each: impl FnMut(SampleId, Facts) -> Result<(), E>,
) -> Result<u64, E> {
    let mut wanted = columns.of_facts();
    wanted.push(&columns.id);
    Columns::check(&wanted, path)?;
    records(file, path, layout_of(file), &wanted, |item| {
        let mut record = item.record;
        let at = Where::new(path, item.place);
        let id = match item.key {
            Some(key) => SampleId::Text(key),
            None => match record.required_id(&columns.id) {
                Ok(id) => id,
                Err(field) => return Err(at.field(field).into()),
            },
        };
        match columns.facts(&mut record) {
            Ok(facts) => each(id, facts),
            Err(field) => Err(at.with_id(Some(id)).field(field).into()),
        }
    })
}
