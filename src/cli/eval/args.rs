//! The arguments of `mispair eval`.

use super::super::args::Format;
use crate::constraints::Rule;
use clap::{Args as ClapArgs, Subcommand};
use std::path::PathBuf;

/// `mispair eval`
#[derive(Debug, ClapArgs)]
#[command(arg_required_else_help = true)]
pub struct Eval {
    /// What to measure.
    #[command(subcommand)]
    pub what: What,
}

/// What is measured.
#[derive(Debug, Subcommand)]
pub enum What {
    /// How many samples a dataset has, and whether it keeps what its format promises
    Stats(Stats),
    /// Falsified pairs that two splits share
    Overlap(Overlap),
}

/// A dataset, whoever made it.
#[derive(Debug, ClapArgs)]
pub struct DatasetArgs {
    /// A folder of <split>/<partition>.json (as `match` writes it, and as NewsCLIPpings is published), one such file, or a file of
    /// pairs or of hydrated rows (JSON array or JSONL).
    #[arg(value_name = "DATASET")]
    pub dataset: PathBuf,
    /// In a file of pairs, the names of the fields: caption, pristine_image, falsified_image, block, id, falsified_id.
    #[arg(long, value_name = "FIELD=NAME,…", value_delimiter = ',')]
    pub columns: Vec<String>,
}

/// `mispair eval stats`
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  mispair eval stats dataset                             counts, and the checks that need no index
  mispair eval stats dataset --index indexes/news        also days, entities, persons, CLIP's half: every rule of every split
  mispair eval stats pairs.json --columns caption=text,pristine_image=right,falsified_image=wrong,block=split
  mispair eval stats dataset --format json --check       exit code 1 where a promise is broken")]
pub struct Stats {
    #[command(flatten)]
    pub dataset: DatasetArgs,
    /// The index whose ids the dataset names.
    #[arg(long)]
    pub index: Option<PathBuf>,
    /// With --index: let a rule hold without looking; may be repeated.
    #[arg(long, value_name = "RULE", requires = "index")]
    pub waive: Vec<Rule>,
    /// With --index: the pairs were not balanced, so no half of them is promised to be from H.
    #[arg(long, requires = "index")]
    pub no_balance: bool,
    /// Fail (exit code 1) where a promise is broken.
    #[arg(long)]
    pub check: bool,
    /// Table or JSON.
    #[arg(long, default_value = "table")]
    pub format: Format,
}

/// `mispair eval overlap`
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  mispair eval overlap dataset
  mispair eval overlap news_clippings/data --format json")]
pub struct Overlap {
    #[command(flatten)]
    pub dataset: DatasetArgs,
    /// Table or JSON.
    #[arg(long, default_value = "table")]
    pub format: Format,
}
