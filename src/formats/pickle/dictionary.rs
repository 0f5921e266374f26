//! The result: entries in file order.

use super::array::{ArrayBytes, ArrayRef};
use super::machine::{Value, run};
use super::objects::{Array, Objects};
use super::{PickleError, PickleProblem};
use crate::formats::floats::{FloatType, Stored};
use crate::words::SampleId;
use std::collections::HashSet;
use std::path::Path;

/// A pickled `{id: numpy array}`.
#[derive(Debug)]
pub struct Dictionary<'a> {
    /// Ids and their vectors in file order; `None`: the sample has none. Widths may differ: compare them.
    pub entries: Vec<(SampleId, Option<ArrayRef<'a>>)>,
    /// Indexes of the entries whose id stands earlier too, ascending. Python would keep the last of them.
    pub duplicates: Vec<usize>,
}

impl<'a> Dictionary<'a> {
    /// Reads a pickle of protocol 2–5: a `dict` or `OrderedDict` from integers or texts (numpy's too) to
    /// `f16`, `f32` or `f64` arrays of shape `(d,)` or `(1, d)`, either byte order, or `None`.
    ///
    /// The bytes of the arrays are borrowed and not looked at; heap is 200 to 400 bytes an entry while reading
    /// and 64 after.
    ///
    /// # Errors
    /// See [`PickleProblem`]. Several vectors for one id is [`PickleProblem::ManyPerId`].
    pub fn read(file: &'a [u8], path: &Path) -> Result<Self, PickleError> {
        Self::parse(file).map_err(|problem| PickleError { path: path.to_owned(), problem })
    }

    fn parse(file: &'a [u8]) -> Result<Self, PickleProblem> {
        let (value, objects) = run(file)?;
        let Value::Dict(dict) = value else { return Err(PickleProblem::NotADict { got: objects.describe(value) }) };
        let pairs = &objects.dicts[dict as usize];
        let mut entries = Vec::with_capacity(pairs.len());
        for (entry, &(key, value)) in pairs.iter().enumerate() {
            let id = match key {
                Value::Int(n) => SampleId::Int(n),
                _ => match objects.text(key) {
                    Some(text) => SampleId::from(text),
                    None => return Err(PickleProblem::Key { entry, got: objects.describe(key) }),
                },
            };
            match vector(&objects, value) {
                Ok(array) => entries.push((id, array)),
                Err(NoVector::Many(got)) => return Err(PickleProblem::ManyPerId { id, got }),
                Err(NoVector::Other(got)) => return Err(PickleProblem::Value { id, got }),
            }
        }
        let mut seen = HashSet::with_capacity(entries.len());
        let duplicates = (0..entries.len()).filter(|&i| !seen.insert(&entries[i].0)).collect();
        Ok(Dictionary { entries, duplicates })
    }
}

/// What stands where one vector should.
enum NoVector {
    Many(String),
    Other(String),
}

fn vector<'a>(objects: &Objects<'a>, value: Value) -> Result<Option<ArrayRef<'a>>, NoVector> {
    let array = match value {
        Value::None => return Ok(None),
        Value::Array(i) => objects.arrays[i as usize],
        Value::List(_) => return Err(NoVector::Many(objects.describe(value))),
        _ => return Err(NoVector::Other(objects.describe(value))),
    };
    let Some(Array { dtype, shape, data }) = array else {
        return Err(NoVector::Other("an array without contents".to_owned()));
    };
    let shape: Option<Vec<i64>> = objects
        .tuple(shape)
        .and_then(|lengths| lengths.iter().map(|&n| if let Value::Int(n) = n { Some(n) } else { None }).collect());
    let width = match shape.as_deref() {
        Some(&[d] | &[1, d]) if d > 0 => d as u64,
        Some(&[n, d]) if n != 1 => return Err(NoVector::Many(format!("an array of shape ({n}, {d})"))),
        Some(other) => return Err(NoVector::Other(format!("an array of shape {other:?}"))),
        None => return Err(NoVector::Other("an array whose shape is not made of integers".to_owned())),
    };
    let ty = if dtype.kind == b'f' { FloatType::of_size(dtype.size) } else { None };
    let Some(ty) = ty else {
        return Err(NoVector::Other(format!("an array of type {}{}", dtype.kind as char, dtype.size)));
    };
    let (bytes, len) = match data {
        Value::Bytes { at, len } => (ArrayBytes::Raw(&objects.file[at as usize..][..len as usize]), len as usize),
        Value::Latin1(i) => {
            let text = objects.latin1[i as usize];
            (ArrayBytes::Latin1(text), text.count())
        }
        _ => return Err(NoVector::Other("an array without bytes".to_owned())),
    };
    if width.checked_mul(ty.size() as u64) != Some(len as u64) {
        let size = ty.size();
        return Err(NoVector::Other(format!("an array of {len} bytes for {width} numbers of {size} bytes")));
    }
    Ok(Some(ArrayRef { bytes, stored: Stored { ty, order: dtype.order } }))
}
