//! safetensors: a header of JSON, then the numbers.
//!
//! ```text
//! 0  8  length H of the header, little-endian
//! 8  H  {"name": {"dtype": "F32", "shape": [768, 512], "data_offsets": [begin, end]}, …, "__metadata__": {…}}
//! …     the numbers, little-endian; offsets count from here
//! ```
//!
//! Single precision is used where it lies in the mapped file; half precision (`F16`, `BF16`) is widened, exactly, when loaded.

use super::Error;
use crate::mapped::Mapped;
use serde::Deserialize;
use serde_json::Value;
use std::collections::HashMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// A header longer than this is no header.
const MAX_HEADER: usize = 100 << 20;

/// A file of tensors.
pub(super) struct Weights {
    path: PathBuf,
    map: Mapped,
    numbers: usize,
    entries: HashMap<String, Entry>,
}

#[derive(Debug, Deserialize)]
struct Entry {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: (usize, usize),
}

/// The numbers of one tensor.
pub(super) enum Tensor {
    Mapped(Mapped, Range<usize>),
    Owned(Vec<f32>),
}

impl Tensor {
    pub fn get(&self) -> &[f32] {
        match self {
            // Alignment and length were checked when it was found: a mismatch cannot come here, and would be an empty slice.
            Tensor::Mapped(map, range) => bytemuck::try_cast_slice(&map[range.clone()]).unwrap_or_default(),
            Tensor::Owned(numbers) => numbers,
        }
    }
}

impl Weights {
    /// Maps a file and reads its header.
    pub fn open(path: &Path) -> Result<Weights, Error> {
        let map = Mapped::open(path).map_err(|e| Error::model(path, e))?;
        let broken = |what: String| Error::model(path, format!("not a whole safetensors file: {what}; fetch it again"));
        let Some((length, rest)) = map.split_first_chunk::<8>() else {
            return Err(broken(format!("{} bytes", map.len())));
        };
        let length = usize::try_from(u64::from_le_bytes(*length)).unwrap_or(usize::MAX);
        let Some((header, numbers)) = (length <= MAX_HEADER).then(|| rest.split_at_checked(length)).flatten() else {
            return Err(broken(format!("a header of {length} bytes in a file of {}", map.len())));
        };
        let all: HashMap<String, Value> = serde_json::from_slice(header).map_err(|e| broken(e.to_string()))?;
        let mut entries = HashMap::with_capacity(all.len());
        for (name, value) in all.into_iter().filter(|(name, _)| name != "__metadata__") {
            let entry: Entry = serde_json::from_value(value).map_err(|e| broken(format!("tensor {name:?}: {e}")))?;
            let (begin, end) = entry.data_offsets;
            if begin > end || end > numbers.len() {
                return Err(broken(format!("tensor {name:?} ends at byte {end} of {}", numbers.len())));
            }
            entries.insert(name, entry);
        }
        let numbers = 8 + length;
        Ok(Weights { path: path.to_owned(), map, numbers, entries })
    }

    /// Is there a tensor of this name?
    pub fn has(&self, name: &str) -> bool {
        self.entries.contains_key(name)
    }

    /// A tensor, which must have this shape.
    pub fn tensor(&self, name: &str, shape: &[usize]) -> Result<Tensor, Error> {
        let entry = self.entry(name)?;
        if entry.shape != shape {
            let what = format!("tensor {name:?} has shape {:?}, config.json makes it {shape:?}", entry.shape);
            return Err(Error::model(&self.path, what));
        }
        let (begin, end) = entry.data_offsets;
        let range = self.numbers + begin..self.numbers + end;
        let bytes = &self.map[range.clone()];
        let count = shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d)).unwrap_or(usize::MAX);
        let size = match entry.dtype.as_str() {
            "F32" => 4,
            "F16" | "BF16" => 2,
            other => {
                let what = format!("tensor {name:?} holds {other}; F32, F16 and BF16 are read");
                return Err(Error::model(&self.path, what));
            }
        };
        if count.checked_mul(size) != Some(bytes.len()) {
            let what = format!("tensor {name:?} of shape {shape:?} has {} bytes; fetch the file again", bytes.len());
            return Err(Error::model(&self.path, what));
        }
        let halves = || bytes.as_chunks::<2>().0.iter();
        Ok(match entry.dtype.as_str() {
            "F16" => Tensor::Owned(halves().map(|b| half::f16::from_le_bytes(*b).to_f32()).collect()),
            "BF16" => Tensor::Owned(halves().map(|b| half::bf16::from_le_bytes(*b).to_f32()).collect()),
            _ if bytemuck::try_cast_slice::<u8, f32>(bytes).is_ok() => Tensor::Mapped(self.map.clone(), range),
            _ => Tensor::Owned(bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect()),
        })
    }

    fn entry(&self, name: &str) -> Result<&Entry, Error> {
        self.entries.get(name).ok_or_else(|| {
            let what = format!(
                "no tensor {name:?} among its {}; is this the model that config.json describes?",
                self.entries.len()
            );
            Error::model(&self.path, what)
        })
    }
}
