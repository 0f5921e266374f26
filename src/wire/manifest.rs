//! The one variable-length record of an index: the only place that names bincode.

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

impl From<Written> for FileRecord {
    fn from(written: Written) -> Self {
        FileRecord { bytes: written.bytes, checksum: written.checksum.0 }
    }
}

impl Manifest {
    /// As bytes. Fails only for a record beyond 1 MiB, or for lack of memory.
    pub fn encode(&self) -> Result<Vec<u8>, String> {
        bincode::encode_to_vec(self, config::standard().with_limit::<LIMIT>()).map_err(|e| e.to_string())
    }

    /// The inverse of [`Manifest::encode`]; every byte must be used.
    pub fn decode(bytes: &[u8]) -> Result<Manifest, String> {
        let (record, used) =
            bincode::decode_from_slice(bytes, config::standard().with_limit::<LIMIT>()).map_err(|e| e.to_string())?;
        if used == bytes.len() { Ok(record) } else { Err(format!("{} bytes left over", bytes.len() - used)) }
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
