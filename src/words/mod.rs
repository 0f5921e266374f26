//! Layer 0: the words everything else is said in. No I/O, no vectors, no unsafe.
//!
//! | file | responsibility |
//! |---|---|
//! | `ids.rs` | newtypes: a row of one thing cannot index another; external sample ids |
//! | `sample.rs` | one sample and its facts as a reader hands them over |
//! | `score.rs` | named total orders, ties by row, bounded top-k |
//! | `text.rs` | normalisation of names, counting of words |
//! | `time.rs` | timestamps: parsing, differences in days |

pub mod ids;
pub mod sample;
pub mod score;
pub mod text;
pub mod time;

pub use ids::{MatrixRow, Row, SampleId};
pub use sample::{Facts, Mention, Sample};
pub use score::{Order, Scored, TopK};
pub use time::Timestamp;
