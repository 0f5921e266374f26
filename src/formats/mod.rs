//! Layer 5, other people's files: read and written. The head of each file states its format.
//!
//! ```text
//!   npy npz fvecs fbin pickle ─► rows of f32, from mapped bytes ──┐
//!   parquet lists ─► rows of f32, one call each ──────────────────┤
//!   JSON JSONL CSV parquet ─► Sample, one call each ──────────────┼──► whoever builds a corpus
//!   metadata ──► (SampleId, Facts), one call each ────────────────┘
//!   annotations ◄──► Annotation
//! ```
//!
//! Readers take the bytes of the file (the caller maps it) and its path, for error texts alone; they open nothing
//! (but Parquet files, which are read here and there as their footer says).
//! Vectors are borrowed from those bytes. Records are handed to a callback one at a time, so that heap does not grow
//! with the file, and whatever error the callback returns comes back to the caller.
//!
//! | file | responsibility |
//! |---|---|
//! | `npy/` | numpy's arrays: matrices of floats, ids |
//! | `vectors.rs` | matrices of floats by the ending of the name: `.npy`, `.fvecs`, `.fbin` |
//! | `npz.rs` | archives of numpy's arrays |
//! | `parquet/` | catalogs, columns of vectors; tables out |
//! | `pickle/` | `{id: numpy array}` without Python, nothing executed |
//! | `floats.rs` | three widths, two byte orders, any alignment |
//! | `catalog_json.rs` | catalogs: VisualNews `data.json`, JSONL |
//! | `columns.rs` | any columns by id: CSV, JSONL, JSON array |
//! | `ccn.rs` | CCN's folders of web evidence |
//! | `evidence.rs` | evidence about images and captions; captions to be checked |
//! | `imagenet_captions.rs` | catalogs: ImageNet-Captions, captions composed |
//! | `clip_retrieval.rs` | where the parts of a clip-retrieval folder lie |
//! | `tabular.rs` | catalogs: CSV, TSV |
//! | `metadata.rs` | facts by id: JSONL, JSON array, JSON object |
//! | `facts.rs` | names of fields; what their values mean |
//! | `newsclippings.rs` | annotation files |
//! | `pairs.rs` | captions with right and wrong images in other layouts: pairs, hydrated rows |
//! | `published.rs` | where the files of the published dataset lie |
//! | `wordnet.rs` | WordNet's database files: senses, words, irregular forms |
//! | `record.rs`, `stream.rs` | wanted fields of one record; records one by one |
//! | `error.rs` | what is wrong with a record, and where |

mod catalog_json;
mod ccn;
mod clip_retrieval;
mod columns;
mod error;
mod evidence;
pub mod facts;
mod floats;
mod imagenet_captions;
mod metadata;
mod newsclippings;
pub mod npy;
pub mod npz;
mod pairs;
pub mod parquet;
pub mod pickle;
mod published;
mod record;
mod stream;
mod tabular;
mod vectors;
mod wordnet;

pub use catalog_json::{read_jsonl, read_visual_news};
pub use ccn::{CcnEntry, read_ccn_direct, read_ccn_index, read_ccn_inverse};
pub use clip_retrieval::{ClipRetrieval, FOLDERS, METADATA, find_clip_retrieval, parts_of};
pub use columns::{Cells, read_columns};
pub use error::{FieldError, Place, RecordError, Where};
pub use evidence::{CheckRecord, EvidenceRecord, read_checks, read_evidence};
pub use facts::{Columns, captioned_facts, facts_from_json};
pub use floats::{ByteOrder, FloatType};
pub use imagenet_captions::{Compose, Html, Part, Whitespace, read_imagenet_captions};
pub use metadata::read_metadata;
pub use newsclippings::{Annotation, AnnotationFile, AnnotationWriter, read_annotations};
pub use pairs::{LabelledRow, PairColumns, read_labelled};
pub use published::{PARTITIONS, Published, PublishedError, PublishedModality, find_published};
pub use tabular::read_csv;
pub use vectors::{Vectors, VectorsError, VectorsProblem, read_vectors};
pub use wordnet::{Speech, WordNetPart, read_wordnet};
