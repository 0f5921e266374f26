//! The variable-length records of an index: the only place that names bincode.

use super::Written;
use bincode::config;
use bincode::{Decode, Encode};

/// A manifest beyond this is damaged, or an attack.
const LIMIT: usize = 1 << 20;

/// What an index is made of: the record inside its manifest file.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Manifest {
    /// The corpus' name.
    pub name: String,
    /// The version of the program that built it.
    pub built_by: String,
    /// The catalog file.
    pub catalog: FileRecord,
    /// The matrix files, in the order of the corpus file.
    pub modalities: Vec<ModalityRecord>,
}

/// What binds a file to its index.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct FileRecord {
    /// Its length.
    pub bytes: u64,
    /// Its header's checksum, as stored.
    pub checksum: [u8; 16],
}

/// One modality.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct ModalityRecord {
    /// For example `clip-image`; names its file.
    pub name: String,
    /// What made the vectors, where the corpus file says it.
    pub encoder: Option<String>,
    /// Its file.
    pub file: FileRecord,
}

/// What speeds searches up: a second record beside the first, which a reader may pass over.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Default)]
pub struct SearchFiles {
    /// Modalities that have codes.
    pub modalities: Vec<SearchRecord>,
}

/// The codes of a modality and its graph.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct SearchRecord {
    /// The modality.
    pub name: String,
    /// Its codes.
    pub codes: FileRecord,
    /// Its graph, if it has one.
    pub graph: Option<GraphRecord>,
}

/// A graph, and how much it finds.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct GraphRecord {
    /// Its file.
    pub file: FileRecord,
    /// The modality whose vectors were queries known beforehand.
    pub known: Option<String>,
    /// What was measured when it was built.
    pub measured: Measured,
}

/// What a graph finds of the true nearest rows, by how closely it looks.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Default)]
pub struct Measured {
    /// Queries asked, which took no part in the build where they come from another modality.
    pub queries: u32,
    /// Neighbours wanted of each.
    pub k: u32,
    /// Neighbours that there were, over all queries.
    pub wanted: u32,
    /// By ascending ef.
    pub steps: Vec<MeasuredStep>,
}

/// One ef.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct MeasuredStep {
    /// Rows kept in sight.
    pub ef: u32,
    /// Of the neighbours wanted, those found (ties by score count).
    pub found: u32,
    /// Rows visited, over all queries.
    pub visited: u64,
}

/// The share of true neighbours that a search finds unless it is told otherwise.
const USUAL_RECALL: f64 = 0.98;

impl Measured {
    /// Recall at one step.
    pub fn recall(&self, step: &MeasuredStep) -> f64 {
        f64::from(step.found) / f64::from(self.wanted.max(1))
    }

    /// The step that is used unless told otherwise: the first that finds 98% of the true neighbours, else the last.
    pub fn usual(&self) -> Option<&MeasuredStep> {
        self.steps.iter().find(|s| self.recall(s) >= USUAL_RECALL).or(self.steps.last())
    }
}

impl From<Written> for FileRecord {
    fn from(written: Written) -> Self {
        FileRecord { bytes: written.bytes, checksum: written.checksum.0 }
    }
}

fn encode(record: &impl Encode) -> Result<Vec<u8>, String> {
    bincode::encode_to_vec(record, config::standard().with_limit::<LIMIT>()).map_err(|e| e.to_string())
}

fn decode<T: Decode<()>>(bytes: &[u8]) -> Result<T, String> {
    let (record, used) =
        bincode::decode_from_slice(bytes, config::standard().with_limit::<LIMIT>()).map_err(|e| e.to_string())?;
    if used == bytes.len() { Ok(record) } else { Err(format!("{} bytes left over", bytes.len() - used)) }
}

impl Manifest {
    /// As bytes. Fails only for a record beyond 1 MiB, or for lack of memory.
    pub fn encode(&self) -> Result<Vec<u8>, String> {
        encode(self)
    }

    /// The inverse of [`Manifest::encode`]; every byte must be used.
    pub fn decode(bytes: &[u8]) -> Result<Manifest, String> {
        decode(bytes)
    }
}

impl SearchFiles {
    /// As bytes. Fails only for a record beyond 1 MiB, or for lack of memory.
    pub fn encode(&self) -> Result<Vec<u8>, String> {
        encode(self)
    }

    /// The inverse of [`SearchFiles::encode`]; every byte must be used.
    pub fn decode(bytes: &[u8]) -> Result<SearchFiles, String> {
        decode(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_record_is_read_back_and_nothing_else_is() {
        let file = FileRecord { bytes: 300, checksum: [7; 16] };
        let modality = ModalityRecord { name: "clip-image".into(), encoder: None, file: file.clone() };
        let manifest =
            Manifest { name: "né".into(), built_by: "1.2.3".into(), catalog: file, modalities: vec![modality] };
        let mut bytes = manifest.encode().unwrap();
        assert_eq!(Manifest::decode(&bytes).unwrap(), manifest);
        for cut in 0..bytes.len() {
            assert!(Manifest::decode(&bytes[..cut]).is_err());
        }
        bytes.push(0);
        assert!(Manifest::decode(&bytes).unwrap_err().contains("left over"));
        // A length that no memory holds.
        assert!(Manifest::decode(&[0xFD, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F]).is_err());
    }
}
