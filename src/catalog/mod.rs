//! Layer 2: the corpus as stored. Columns by row, interned names, posting lists; knows no vectors.
//!
//! ```text
//! row ──► id · caption · image path (interned) · source · topic · partition · timestamp · words · boxes · flags
//!     ──► mentions: (name, label) sorted by name        name ──► rows that mention it
//!     ──► pictured persons: names, sorted               name ──► rows that picture it
//! id  ──► row        partition ──► rows        time ──► rows
//! ```
//!
//! A *name* is a normalised surface text or a linked title; the two kinds never meet.
//!
//! | file | responsibility |
//! |---|---|
//! | `view.rs` | the mapped catalog: open in constant time, total accessors |
//! | `check.rs` | everything `verify-index` asks of it |
//! | `build.rs` | samples → the file |

mod build;
mod check;
mod view;

pub use build::{BuildError, CatalogBuilder, WriteError};
pub(crate) use build::{mention_keys, pictured_keys};
pub use view::{Catalog, Flags, MentionRef, Name};

/// The label of a person, as spaCy writes it.
pub const PERSON: &str = "PERSON";

/// Partitions are numbered in 16 bits, and the last number stands for none. So are labels.
pub const MAX_PARTITIONS: usize = NONE16 as usize;

/// No partition, no source, no label: the stored stand-in for "none".
pub(crate) const NONE16: u16 = u16::MAX;
pub(crate) const NONE32: u32 = u32::MAX;
pub(crate) const NO_TIME: i64 = i64::MIN;

pub(crate) mod flag {
    pub const GENERIC: u8 = 1;
    pub const CORRUPTED: u8 = 2;
    pub const HAS_PERSON: u8 = 4;
    pub const ENTITIES_KNOWN: u8 = 8;
    pub const PICTURED_KNOWN: u8 = 16;
}

/// One bit of 64 for a name: two samples whose signatures share no bit share no name.
pub(crate) fn signature_bit(name: u32) -> u64 {
    1 << ((u64::from(name).wrapping_mul(0x9E37_79B9_7F4A_7C15)) >> 58)
}
