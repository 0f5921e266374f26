//! The arguments of `mispair export`.

use super::args::EngineArgs;
use crate::constraints::Rule;
use clap::{ArgGroup, Args as ClapArgs, ValueEnum};
use std::path::PathBuf;

/// `mispair export`
#[derive(Debug, ClapArgs)]
#[command(group(ArgGroup::new("what").required(true)), group(ArgGroup::new("of_split")))]
#[command(override_usage = "mispair export [OPTIONS] --hydrate --index INDEX DATASET\n       \
                      mispair export [OPTIONS] <--hard-negatives S|--neighbours M|--matrix M|--clip-retrieval|--to STORE> INDEX")]
#[command(after_help = "\
Examples:
  mispair export dataset --index indexes/news --hydrate > all.jsonl
  mispair export dataset/scene_resnet_place/test.json --index indexes/news --hydrate > test.jsonl
  mispair export indexes/news --hard-negatives semantics_clip_text_image --num-negatives 5 --out negatives.jsonl
  mispair export indexes/news --neighbours clip-image --from clip-text -k 20 --out neighbours.parquet
  mispair export indexes/news --matrix clip-image --out clip_image
  mispair export indexes/news --clip-retrieval --out embeddings
  mispair export indexes/news --to milvus --split semantics_clip_text_image --out news_milvus")]
pub struct Export {
    /// With --hydrate a dataset made by `mispair match`, or one file of annotations in the published format; else an index.
    #[arg(value_name = "INDEX|DATASET")]
    pub source: PathBuf,
    /// The index whose ids a dataset names.
    #[arg(long, requires = "hydrate", required_if_eq("hydrate", "true"))]
    pub index: Option<PathBuf>,
    /// Annotations with caption, image path and label beside the ids: one JSON object a line.
    #[arg(long, group = "what")]
    pub hydrate: bool,
    /// Captions with their own image and the nearest wrong ones that this split's constraints admit, for training.
    #[arg(long, value_name = "SPLIT", groups = ["what", "of_split"])]
    pub hard_negatives: Option<String>,
    /// Every sample's nearest others in this modality: a Parquet table.
    #[arg(long, value_name = "MODALITY", group = "what", requires = "out")]
    pub neighbours: Option<String>,
    /// One modality's vectors and ids: a folder of .npy files.
    #[arg(long, value_name = "MODALITY", group = "what", requires = "out")]
    pub matrix: Option<String>,
    /// clip-image and clip-text as a clip-retrieval folder.
    #[arg(long, group = "what", requires = "out")]
    pub clip_retrieval: bool,
    /// One split for another store: rows, vectors to ask with, and the split's rules in the store's filter language.
    #[arg(long, value_name = "STORE", groups = ["what", "of_split"], requires = "out", requires = "split")]
    pub to: Option<Store>,
    /// With --to: the split, built in or a file.
    #[arg(long, value_name = "SPLIT", requires = "to")]
    pub split: Option<String>,
    /// With --neighbours: whose vectors ask (default: the searched modality).
    #[arg(long, value_name = "MODALITY", requires = "neighbours")]
    pub from: Option<String>,
    /// With --neighbours: how many.
    #[arg(short, long, default_value_t = 10, requires = "neighbours", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub k: u32,
    /// With --hard-negatives or --to: let a rule of the split hold without looking; may be repeated.
    #[arg(long, value_name = "RULE", requires = "of_split")]
    pub waive: Vec<Rule>,
    #[command(flatten)]
    pub mining: MiningArgs,
    #[command(flatten)]
    pub engine: EngineArgs,
    /// A file instead of stdout; a folder of --matrix and --clip-retrieval.
    #[arg(long, short, value_name = "PATH")]
    pub out: Option<PathBuf>,
    /// Replace what is there.
    #[arg(long, requires = "out")]
    pub force: bool,
}

/// Stores that filter by a sample's columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Store {
    /// Milvus 2.3 and later
    Milvus,
}

/// The settings of --hard-negatives: those of sentence-transformers' mine_hard_negatives.
#[derive(Debug, Clone, ClapArgs)]
#[command(next_help_heading = "Hard negatives (named as in sentence-transformers' mine_hard_negatives)")]
pub struct MiningArgs {
    /// Skip so many of the nearest.
    #[arg(long, default_value_t = 0, requires = "hard_negatives")]
    pub range_min: usize,
    /// Look at so many of the nearest (default: 10 a negative where a score or margin is set, else as many as needed).
    #[arg(long, requires = "hard_negatives")]
    pub range_max: Option<usize>,
    /// No negative scores above this.
    #[arg(long, requires = "hard_negatives", allow_negative_numbers = true)]
    pub max_score: Option<f32>,
    /// None scores below this.
    #[arg(long, requires = "hard_negatives", allow_negative_numbers = true)]
    pub min_score: Option<f32>,
    /// A negative scores at least so much less than the caption's own image.
    #[arg(long, visible_alias = "absolute-margin", requires = "hard_negatives", allow_negative_numbers = true)]
    pub margin: Option<f32>,
    /// A negative scores less by at least this part of the own image's score.
    #[arg(long, requires = "hard_negatives")]
    pub relative_margin: Option<f32>,
    /// Negatives of a caption.
    #[arg(long, default_value_t = 3, requires = "hard_negatives")]
    pub num_negatives: usize,
    /// The nearest, or any of those that are left.
    #[arg(long, default_value = "top", requires = "hard_negatives")]
    pub sampling_strategy: SamplingArg,
    /// How rows are made of them.
    #[arg(long, default_value = "triplet", requires = "hard_negatives")]
    pub output_format: ShapeArg,
    /// Seed of --sampling-strategy random.
    #[arg(long, default_value_t = 1, requires = "hard_negatives")]
    pub seed: u64,
}

/// `sampling_strategy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SamplingArg {
    /// The nearest.
    Top,
    /// Any, by the seed.
    Random,
}

/// `output_format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ShapeArg {
    /// anchor, positive, negative: a row a negative.
    Triplet,
    /// anchor, positive, negative_1, …: captions that have all of them.
    NTuple,
    /// anchor, positive, label: a row a pair.
    LabeledPair,
    /// anchor, a list, its labels.
    LabeledList,
}
