//! Layer 1: the bytes of every file of an index, and of a dataset's parts. `indexes/FORMAT.md` draws them.
//!
//! ```text
//! 0        magic "MISPAIR\0"            8 bytes
//! 8        format version               u32
//! 12       kind of file                 u32   1 manifest, 2 catalog, 3 matrix, 4 codes, 5 graph; 6 part
//! 16       length of the whole file     u64
//! 24       number of sections           u32
//! 28       zero                         u32
//! 32       header checksum              16 bytes  xxh3-128 of bytes 0..32 and of the section table
//! 48       section table                48 bytes a section:
//!            tag 8 bytes ASCII, zero padded · offset u64 · length u64 · checksum 16 bytes · zero u64
//! …        sections, each at a multiple of 64, zero bytes between
//! ```
//!
//! All numbers are little-endian. Opening checks the header and that every section lies inside the
//! file: work that does not grow with the corpus. [`File::verify`] reads everything.
//!
//! | file | responsibility |
//! |---|---|
//! | `mod.rs` | the layout, errors |
//! | `read.rs` | mapped file → typed sections, all checks |
//! | `write.rs` | streaming writer: sections one after the other, header last |
//! | `texts.rs` | a column of texts: offsets and bytes |
//! | `manifest.rs` | the variable-length records (the only place that names bincode) |

mod manifest;
mod read;
mod texts;
mod write;

pub use manifest::{
    FileRecord, GraphRecord, Manifest, Measured, MeasuredStep, ModalityRecord, SearchFiles, SearchRecord,
};
pub use read::{File, Section, may_be};
pub use texts::{Texts, TextsWriter};
pub use write::{FileWriter, Written};

use std::path::PathBuf;

#[cfg(target_endian = "big")]
compile_error!("index files are little-endian and mapped as they are: big-endian machines are not supported");

/// The version of the bytes, not of the program.
pub const FORMAT_VERSION: u32 = 1;
pub(crate) const MAGIC: [u8; 8] = *b"MISPAIR\0";
pub(crate) const FIXED_HEADER: usize = 48;
pub(crate) const TABLE_ENTRY: usize = 48;
/// Sections start at multiples of this: a cache line, and more than any element needs.
pub const ALIGN: u64 = 64;
/// More sections than any kind of file has; a bound on what a damaged header can ask for.
pub(crate) const MAX_SECTIONS: u32 = 256;

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Kind {
    /// Names the other files and their checksums.
    Manifest = 1,
    /// The corpus: ids, captions, facts.
    Catalog = 2,
    /// One modality's vectors.
    Matrix = 3,
    /// One modality's codes.
    Codes = 4,
    /// One modality's graph.
    Graph = 5,
    /// Belongs to no index: what one chunk gave, on its way into a dataset.
    Part = 6,
}

/// A 128-bit xxh3 checksum, as stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Checksum(pub [u8; 16]);

impl Checksum {
    /// Of some bytes.
    pub fn of(bytes: &[u8]) -> Checksum {
        Checksum(xxhash_rust::xxh3::xxh3_128(bytes).to_le_bytes())
    }
}

impl std::fmt::Display for Checksum {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().rev().try_for_each(|b| write!(f, "{b:02x}"))
    }
}

/// Why a file of an index cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's words.
        source: std::io::Error,
    },
    /// The bytes are not what the format says.
    #[error("{}: damaged: {what}; rebuild the index, or restore the file from a copy", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Expected and found.
        what: String,
    },
    /// Bytes of another program.
    #[error("{}: not a file of a mispair index", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// Another kind of file of this program.
    #[error("{}: kind of file {got}, expected {} ({wanted:?}); rebuild the index, or restore the file from a copy", path.display(), *wanted as u32)]
    Kind {
        /// The file.
        path: PathBuf,
        /// The kind in the file.
        got: u32,
        /// The kind that was asked for.
        wanted: Kind,
    },
    /// Bytes of another version of this program.
    #[error("{}: format version {got}, this program reads {FORMAT_VERSION}; rebuild the index with this program", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// The version in the file.
        got: u32,
    },
}

/// For this layer.
pub type Result<T> = std::result::Result<T, Error>;

pub(crate) fn tag_name(tag: [u8; 8]) -> String {
    tag.iter().take_while(|&&b| b != 0).map(|&b| (b as char).escape_default().to_string()).collect()
}

/// A section's tag from its name: at most eight ASCII bytes.
pub(crate) const fn tag(name: &str) -> [u8; 8] {
    let bytes = name.as_bytes();
    assert!(bytes.len() <= 8, "a tag has at most eight bytes");
    let mut tag = [0; 8];
    let mut i = 0;
    while i < bytes.len() {
        tag[i] = bytes[i];
        i += 1;
    }
    tag
}
