//! `mispair` finds, for a news caption, the most convincing *wrong* image, under constraints, with the reasons.
//!
//! It follows NewsCLIPpings (Luo, Darrell and Rohrbach, EMNLP 2021): candidates are ranked by a *split*'s
//! similarity, must meet its constraints (other entities, other days, …), and those that CLIP prefers to the true image
//! come first. The exact answer, that of a full scan, defines what is right; graphs come near it, measured.
//!
//! ```
//! use mispair::constraints::{Bound, Split, Subject};
//! use mispair::import::{Corpus, Silent, build};
//! use mispair::index::Index;
//! use mispair::matrix::Dtype;
//! use mispair::newsroom::{Newsroom, generate};
//! use mispair::query::{Searcher, Wanted};
//! use mispair::retrieve::Engine;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let dir = tempfile::tempdir()?;
//! # let dir = dir.path();
//! // Other people's files: here a made-up archive, in the layout that NewsCLIPpings was published in.
//! generate(&dir.join("newsroom"), &Newsroom { samples: 300, seed: 1 }, &mut |_, _| {})?;
//! let corpus = Corpus::published(&dir.join("newsroom"), Dtype::F32)?;
//!
//! // An index, built once; opening it maps its files and reads nothing in advance.
//! build(&corpus, &dir.join("index"), false, &Silent)?;
//! let index = Index::open(&dir.join("index"))?;
//!
//! // For one caption: the images of the captions most like it that could not be its own.
//! let searcher = Searcher::new(Bound::new(&index, Split::builtin("semantics_clip_text_text")?)?);
//! let bound = searcher.bound();
//! let row = index.catalog.rows().find(|&row| bound.refused_as_pristine(row).is_none()).expect("an eligible caption");
//! let wanted = Wanted { k: 3, adversarial: true, unique_image: true, explain: 5, engine: Engine::Auto, ef: None };
//! let pool = index.catalog.partition(row);
//! let answer = searcher.answer(&Subject::of_row(bound, row), pool, wanted, serde_json::json!({"id": index.catalog.id(row)}))?;
//! assert_eq!(answer.results.len(), 3);
//! # Ok(())
//! # }
//! ```
//!
//! Layers, arrows only upward (`tests/layering.rs` keeps them so):
//!
//! | layer | modules | |
//! |---|---|---|
//! | 0 words | [`words`] | ids, samples, orders, names, times |
//! | 1 bytes | [`wire`], [`mapped`], [`memory`], [`turns`], [`publish`], [`kernels`] | index files, maps, what memory is left, how threads share a processor, folders that appear whole, dot products; the only `unsafe` |
//! | 2 data | [`rows`], [`catalog`], [`matrix`], [`codes`], [`graph`], [`index`] | sets of rows, the corpus, its vectors, their codes, a graph over these, all bound together |
//! | 3 engines | [`exact`], [`constraints`] | ground-truth search; rules and splits |
//! | 4 decisions | [`retrieve`], [`matcher`], [`query`], [`report`], [`evidence`], [`evaluation`] | which engine for which caption; a whole corpus into pairs; one caption into an answer; engines measured; datasets and encoders measured |
//! | 5 outside | [`formats`], [`import`], [`dataset`], [`encode`], [`newsroom`], [`daemon`], [`cli`] | other people's files; encoders; the daemon; the command line; with the feature `python` a Python module |

#![deny(unsafe_code)]

pub mod catalog;
pub mod cli;
pub mod codes;
pub mod constraints;
pub mod daemon;
pub mod dataset;
pub mod encode;
pub mod evaluation;
pub mod evidence;
pub mod exact;
pub mod formats;
pub mod graph;
pub mod import;
pub mod index;
#[allow(unsafe_code, reason = "the instructions of vector units; `tests/layering.rs` counts each")]
pub mod kernels;
#[allow(unsafe_code, reason = "one map of one file, read-only")]
pub mod mapped;
pub mod matcher;
pub mod matrix;
pub mod memory;
pub mod newsroom;
pub mod publish;
#[cfg(feature = "python")]
mod python;
pub mod query;
pub mod report;
pub mod retrieve;
pub mod rows;
#[allow(unsafe_code, reason = "one system call")]
pub mod turns;
pub mod wire;
pub mod words;
