//! Streams of records: one at a time, whatever the size of the file.

use super::error::{Place, RecordError, Where};
use super::record::{Record, Wanted};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::fmt;
use std::path::Path;

/// How the records of a JSON document are held together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// `[record, …]`
    Array,
    /// `{"id": record, …}`
    Keyed,
    /// One record a line.
    Lines,
}

/// Where the record came from.
pub(super) struct Item<'w> {
    pub place: Place,
    /// Its key in a [`Layout::Keyed`] document.
    pub key: Option<String>,
    pub record: Record<'w>,
}

/// Hands every record of the file to `each`; gives their number. The first error ends it.
///
/// From bytes rather than a reader: serde_json takes a third of the time over a slice, and a mapped file costs no heap.
pub(super) fn records<'w, E: From<RecordError>>(
    file: &[u8],
    path: &Path,
    layout: Layout,
    wanted: &[&'w str],
    each: impl FnMut(Item<'w>) -> Result<(), E>,
) -> Result<u64, E> {
    match layout {
        Layout::Lines => lines(file, path, wanted, each),
        _ => document(file, path, layout == Layout::Keyed, wanted, each),
    }
}

/// The layout as the file begins: `[`, or `{"key": {`, or else lines.
pub(super) fn layout_of(start: &[u8]) -> Layout {
    let mut bytes = start.iter().filter(|b| !b.is_ascii_whitespace());
    match bytes.next() {
        Some(b'[') => return Layout::Array,
        Some(b'{') => {}
        _ => return Layout::Lines,
    }
    match bytes.next() {
        // `{}`: an object without entries.
        Some(b'}') if bytes.next().is_none() => return Layout::Keyed,
        Some(b'"') => {}
        _ => return Layout::Lines,
    }
    // The first key ends at a quote that no backslash precedes.
    while let Some(b) = bytes.next() {
        match b {
            b'\\' => {
                bytes.next();
            }
            b'"' => break,
            _ => {}
        }
    }
    match (bytes.next(), bytes.next()) {
        (Some(b':'), Some(b'{')) => Layout::Keyed,
        _ => Layout::Lines,
    }
}

fn lines<'w, E: From<RecordError>>(
    file: &[u8],
    path: &Path,
    wanted: &[&'w str],
    mut each: impl FnMut(Item<'w>) -> Result<(), E>,
) -> Result<u64, E> {
    let file = file.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(file);
    let mut count = 0;
    for (number, line) in (1..).zip(file.split(|&b| b == b'\n')) {
        if line.trim_ascii().is_empty() {
            continue;
        }
        let place = Place::Line(number);
        let mut json = serde_json::Deserializer::from_slice(line);
        let record = Wanted(wanted).deserialize(&mut json).and_then(|record| json.end().map(|()| record));
        let record = record.map_err(|e| Where::new(path, place).syntax(json_reason(&e, false)))?;
        each(Item { place, key: None, record })?;
        count += 1;
    }
    Ok(count)
}

fn document<'w, E: From<RecordError>>(
    file: &[u8],
    path: &Path,
    keyed: bool,
    wanted: &[&'w str],
    mut each: impl FnMut(Item<'w>) -> Result<(), E>,
) -> Result<u64, E> {
    let mut json = serde_json::Deserializer::from_slice(file);
    let mut stream = Stream::new(keyed, wanted, &mut each);
    let result = Elements(&mut stream).deserialize(&mut json).and_then(|()| json.end());
    stream.outcome(path, result).map(|((), count)| count)
}

/// serde's message; where a record has one line, its line number (always 1) only confuses.
fn json_reason(error: &serde_json::Error, with_line: bool) -> String {
    let text = error.to_string();
    match text.rsplit_once(" at line ") {
        Some((reason, _)) if !with_line => format!("{reason} at column {}", error.column()),
        _ => text,
    }
}

/// The records of an array or an object inside any JSON document.
pub(super) struct Stream<'s, 'w, E> {
    keyed: bool,
    wanted: &'s [&'w str],
    each: &'s mut dyn FnMut(Item<'w>) -> Result<(), E>,
    count: u64,
    /// The records have begun and not ended: an error belongs to record `count`.
    inside: bool,
    /// What `each` stopped with. serde has no way to carry it.
    stopped: Option<E>,
}

impl<'s, 'w, E> Stream<'s, 'w, E> {
    pub(super) fn new(keyed: bool, wanted: &'s [&'w str], each: &'s mut dyn FnMut(Item<'w>) -> Result<(), E>) -> Self {
        Stream { keyed, wanted, each, count: 0, inside: false, stopped: None }
    }

    /// The end of it: what `each` stopped with, or else what serde did, and how many records there were.
    pub(super) fn outcome<T>(self, path: &Path, result: serde_json::Result<T>) -> Result<(T, u64), E>
    where
        E: From<RecordError>,
    {
        match (self.stopped, result) {
            (Some(stop), _) => Err(stop),
            (None, Ok(value)) => Ok((value, self.count)),
            (None, Err(e)) => {
                let place = if self.inside { Place::Record(self.count) } else { Place::File };
                Err(Where::new(path, place).syntax(json_reason(&e, true)).into())
            }
        }
    }

    fn hand_over<X: Error>(&mut self, key: Option<String>, record: Record<'w>) -> Result<(), X> {
        let item = Item { place: Place::Record(self.count), key, record };
        if let Err(stop) = (self.each)(item) {
            self.stopped = Some(stop);
            return Err(X::custom("stopped"));
        }
        self.count += 1;
        Ok(())
    }
}

/// Runs a [`Stream`] over the value that comes next.
pub(super) struct Elements<'m, 's, 'w, E>(pub &'m mut Stream<'s, 'w, E>);

impl<'de, E> DeserializeSeed<'de> for Elements<'_, '_, '_, E> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        if self.0.keyed { from.deserialize_map(self) } else { from.deserialize_seq(self) }
    }
}

impl<'de, E> Visitor<'de> for Elements<'_, '_, '_, E> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.keyed { "an object of records" } else { "an array of records" })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        self.0.inside = true;
        while let Some(record) = seq.next_element_seed(Wanted(self.0.wanted))? {
            self.0.hand_over(None, record)?;
        }
        self.0.inside = false;
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        self.0.inside = true;
        while let Some(key) = map.next_key()? {
            let record = map.next_value_seed(Wanted(self.0.wanted))?;
            self.0.hand_over(Some(key), record)?;
        }
        self.0.inside = false;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts() {
        for (start, want) in [
            (" \n[", Layout::Array),
            ("{}\n", Layout::Keyed),
            ("{ \"12\" : { ", Layout::Keyed),
            ("{\"a\\\"b\\\\\": {}", Layout::Keyed),
            ("{\"id\": 12, ", Layout::Lines),
            ("{\"id\": \"{\"}", Layout::Lines),
            ("", Layout::Lines),
            ("{", Layout::Lines),
        ] {
            assert_eq!(layout_of(start.as_bytes()), want, "{start}");
        }
    }
}
