//! Streams of records: one at a time, whatever the size of the file.

use super::error::{Place, RecordError, Where};
use super::record::{Record, Wanted};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::fmt;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

/// A line longer than this is no line of JSONL: most likely the file is one JSON document.
const MAX_LINE: u64 = 64 << 20;

/// Read-ahead, and how far into the file its layout is looked for.
const BUFFER: usize = 1 << 18;

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
pub(super) fn records<'w, E: From<RecordError>>(
    reader: impl Read,
    path: &Path,
    layout: Layout,
    wanted: &[&'w str],
    each: impl FnMut(Item<'w>) -> Result<(), E>,
) -> Result<u64, E> {
    let mut reader = BufReader::with_capacity(BUFFER, reader);
    match layout {
        Layout::Lines => lines(&mut reader, path, wanted, each),
        _ => document(&mut reader, path, layout == Layout::Keyed, wanted, each),
    }
}

/// As [`records`], the layout told by how the file begins: `[`, or `{"key": {`, or else lines.
pub(super) fn records_of_any_layout<'w, E: From<RecordError>>(
    mut reader: impl Read,
    path: &Path,
    wanted: &[&'w str],
    each: impl FnMut(Item<'w>) -> Result<(), E>,
) -> Result<u64, E> {
    let mut start = Vec::new();
    let read = reader.by_ref().take(BUFFER as u64).read_to_end(&mut start);
    read.map_err(|source| RecordError::Io { path: path.to_owned(), source })?;
    let layout = layout_of(&start);
    records(start.chain(reader), path, layout, wanted, each)
}

fn layout_of(start: &[u8]) -> Layout {
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
    reader: &mut impl BufRead,
    path: &Path,
    wanted: &[&'w str],
    mut each: impl FnMut(Item<'w>) -> Result<(), E>,
) -> Result<u64, E> {
    let (mut line, mut number, mut count) = (Vec::new(), 0, 0);
    loop {
        line.clear();
        number += 1;
        let place = Place::Line(number);
        let read = reader.by_ref().take(MAX_LINE).read_until(b'\n', &mut line);
        let read = read.map_err(|source| RecordError::Io { path: path.to_owned(), source })?;
        if read == 0 {
            return Ok(count);
        }
        if read as u64 == MAX_LINE {
            return Err(Where::new(path, place)
                .syntax("longer than 64 MiB; is this JSON with one record a line?")
                .into());
        }
        let text = if number == 1 { line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&line) } else { &line };
        if text.trim_ascii().is_empty() {
            continue;
        }
        let mut json = serde_json::Deserializer::from_slice(text);
        let record = Wanted(wanted).deserialize(&mut json).and_then(|record| json.end().map(|()| record));
        let record = record.map_err(|e| Where::new(path, place).syntax(json_reason(&e, false)))?;
        each(Item { place, key: None, record })?;
        count += 1;
    }
}

fn document<'w, E: From<RecordError>>(
    reader: &mut impl Read,
    path: &Path,
    keyed: bool,
    wanted: &[&'w str],
    mut each: impl FnMut(Item<'w>) -> Result<(), E>,
) -> Result<u64, E> {
    let mut json = serde_json::Deserializer::from_reader(reader);
    let mut stream = Stream { keyed, wanted, each: &mut each, count: 0, inside: true, stopped: None };
    let result = Elements(&mut stream).deserialize(&mut json);
    let (count, inside, stopped) = (stream.count, stream.inside, stream.stopped);
    if let Some(stop) = stopped {
        return Err(stop);
    }
    match result.and_then(|()| json.end()) {
        Ok(()) => Ok(count),
        Err(e) if e.is_io() => Err(RecordError::Io { path: path.to_owned(), source: e.into() }.into()),
        Err(e) => {
            let place = if inside { Place::Record(count) } else { Place::File };
            Err(Where::new(path, place).syntax(json_reason(&e, true)).into())
        }
    }
}

/// serde's message; where a record has one line, its line number (always 1) only confuses.
pub(super) fn json_reason(error: &serde_json::Error, with_line: bool) -> String {
    let text = error.to_string();
    match text.rsplit_once(" at line ") {
        Some((reason, _)) if !with_line => format!("{reason} at column {}", error.column()),
        _ => text,
    }
}

/// The records of an array or an object inside any JSON document.
pub(super) struct Stream<'s, 'w, E> {
    pub keyed: bool,
    pub wanted: &'s [&'w str],
    pub each: &'s mut dyn FnMut(Item<'w>) -> Result<(), E>,
    pub count: u64,
    /// The array has not ended yet: an error belongs to record `count`.
    pub inside: bool,
    /// What `each` stopped with. serde has no way to carry it.
    pub stopped: Option<E>,
}

impl<'w, E> Stream<'_, 'w, E> {
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
        while let Some(record) = seq.next_element_seed(Wanted(self.0.wanted))? {
            self.0.hand_over(None, record)?;
        }
        self.0.inside = false;
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
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
