//! Whole numbers and texts as sample ids.

use super::header::Header;
use super::{NpyError, NpyProblem};
use crate::formats::floats::{integer, utf32};
use crate::words::SampleId;
use std::path::Path;

/// Reads a 1-d file of whole numbers (`i8` … `u64`), Unicode texts (`<U…`) or byte strings (`|S…`, read
/// as UTF-8) as ids, in order. Numbers become [`SampleId::Int`], texts [`SampleId::Text`].
///
/// # Errors
/// Other types and shapes, lengths that do not fit, numbers beyond `i64`, broken text.
pub fn read_ids(file: &[u8], path: &Path) -> Result<Vec<SampleId>, NpyError> {
    parse(file).map_err(|problem| problem.at(path))
}

fn parse(file: &[u8]) -> Result<Vec<SampleId>, NpyProblem> {
    let (header, elements) = Header::read(file)?;
    let width = match (header.kind, header.size) {
        (b'i' | b'u', size @ (1 | 2 | 4 | 8)) => size,
        (b'U', size) if size > 0 => size.saturating_mul(4),
        (b'S', size) if size > 0 => size,
        _ => {
            return Err(NpyProblem::Type {
                expected: "whole numbers (i1 … u8) or texts (U…, S…)",
                got: header.descr,
                cure: "ids.astype('int64')` or `ids.astype('str')",
            });
        }
    };
    if header.shape.len() != 1 {
        return Err(NpyProblem::Shape { expected: "(number of ids,)", got: header.shape_text() });
    }
    header.check_length(width, elements)?;
    let id = |(row, bytes)| {
        match header.kind {
            b'U' => utf32(bytes, header.order).map(SampleId::Text).ok_or("not Unicode"),
            b'S' => {
                let len = bytes.iter().rposition(|&b| b != 0).map_or(0, |last| last + 1);
                std::str::from_utf8(&bytes[..len]).map(SampleId::from).map_err(|_| "not UTF-8")
            }
            kind => integer(bytes, kind == b'i', header.order).map(SampleId::Int).ok_or("beyond 2^63 − 1"),
        }
        .map_err(|reason| NpyProblem::Id { row, reason })
    };
    elements.chunks_exact(width).enumerate().map(id).collect()
}
