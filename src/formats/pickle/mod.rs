//! `.pkl`: the published embeddings, `{id: numpy array}`, without Python and without running anything.
//!
//! A pickle is a program for a small stack machine. Ours knows the opcodes that CPython's protocols
//! 2–5 write for dicts, tuples, texts, bytes, numbers and numpy arrays, and no more. A *global* (the name of
//! something importable) is looked up in a list of exact names (`objects.rs`); no global is ever called:
//! `REDUCE` and `BUILD` on these few are interpreted here. Everything else is refused by name.
//!
//! ```text
//! file bytes ──► ops.rs ──► machine.rs ──────────────► objects.rs ──► dictionary.rs
//!                opcode +   stack, marks, memo of      dtype, array,   ids, shapes checked,
//!                operand    16-byte values; the rest   scalar from     duplicates found
//!                           in arenas, freed at once   REDUCE, BUILD
//! ```
//!
//! | file | responsibility |
//! |---|---|
//! | `ops.rs` | reading opcodes and operands; names of those that are refused |
//! | `machine.rs` | the stack machine and its limits |
//! | `objects.rs` | what the allowed globals mean |
//! | `array.rs` | one array: bytes borrowed from the file, decoded on demand |
//! | `dictionary.rs` | the result: entries in file order |
//! | `write.rs` | the reverse, streaming |
//!
//! Array bytes are never copied: protocols 3–5 keep them as they are, and protocol 2, which
//! spells them as latin-1 *text* in UTF-8, is decoded when a row is asked for. Parsing never recurses, so
//! there is no depth to exhaust; heap is bounded by the number of
//! values, 2^28 of 16 bytes each on the stack, in the memo and in tuples.

mod array;
mod dictionary;
mod machine;
mod objects;
mod ops;
mod write;

pub use array::ArrayRef;
pub use dictionary::Dictionary;
pub use write::PickleWriter;

use crate::words::SampleId;
use std::path::PathBuf;
use thiserror::Error;

/// Why a pickle is refused.
#[derive(Debug, Error)]
#[error("{path}: {problem}")]
pub struct PickleError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub problem: PickleProblem,
}

/// What is wrong with a pickle. `at` is the offset of the opcode in the file, in bytes.
#[derive(Debug, Error, PartialEq)]
pub enum PickleProblem {
    /// The first opcode is not `PROTO`.
    #[error(
        "not a pickle of protocol 2 to 5 (protocols 0 and 1 are not read); write it again with pickle.dump(d, f, protocol=4)"
    )]
    NotAPickle,
    /// A protocol from the future.
    #[error("pickle protocol {0}, 2 to 5 are read; write it again with pickle.dump(d, f, protocol=4)")]
    Protocol(u8),
    /// The file ends in the middle.
    #[error("the pickle is cut short: it ends inside {inside} at byte {at}; copy or download the file again")]
    Truncated {
        /// Where.
        at: u64,
        /// What was being read.
        inside: &'static str,
    },
    /// A name that is not one of numpy's array makers. Nothing was run.
    #[error(
        "refused: the pickle asks for `{global}` at byte {at}; only numpy arrays, None, integers and texts are read, and nothing is ever run (if you trust the file, save {{id: numpy.asarray(v)}} instead)"
    )]
    Global {
        /// Where.
        at: u64,
        /// `module.name`, cut to 200 characters.
        global: String,
    },
    /// An opcode that no pickled dict of arrays needs. Nothing was run.
    #[error(
        "refused: opcode {opcode} at byte {at}{detail}; only dicts of plain numpy arrays are read, and nothing is ever run"
    )]
    Opcode {
        /// Where.
        at: u64,
        /// The opcode's name in Python's pickletools, or its number.
        opcode: String,
        /// What it asked for, where it says so.
        detail: String,
    },
    /// The opcodes do not fit together.
    #[error("broken pickle at byte {at}: {reason}")]
    Malformed {
        /// Where.
        at: u64,
        /// Why.
        reason: String,
    },
    /// More values than any real file has.
    #[error("the pickle makes more than {limit} values at byte {at}; split it into several files")]
    TooMany {
        /// Where.
        at: u64,
        /// The limit.
        limit: usize,
    },
    /// The pickle is something else than a dict.
    #[error("the pickle holds {got}, expected a dict {{id: numpy array}}")]
    NotADict {
        /// What it holds.
        got: String,
    },
    /// A key that is no sample id.
    #[error("the key of entry {entry} (counting from 0) is {got}, expected a 64-bit integer or a text")]
    Key {
        /// Index of the entry.
        entry: usize,
        /// What it is.
        got: String,
    },
    /// An id with something else than one vector.
    #[error("id {}: {got}, expected an array of 16-, 32- or 64-bit floats of shape (width,) or (1, width), or None", id.to_json())]
    Value {
        /// The id.
        id: SampleId,
        /// What it is.
        got: String,
    },
    /// An id with several vectors (as in `facenet_embeddings`): no matrix of one row a sample. The caller may skip the file.
    #[error("id {}: {got}; files with several vectors per id are not read as a matrix", id.to_json())]
    ManyPerId {
        /// The first such id.
        id: SampleId,
        /// "a list of 3 items", "an array of shape (3, 512)".
        got: String,
    },
}
