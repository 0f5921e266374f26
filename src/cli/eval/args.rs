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
    /// How hard a dataset is: for CLIP as it is, and for small trained probes; JSON, CSV, a page of plots
    Difficulty(Box<Difficulty>),
    /// Verdicts and context items against the truth
    Veracity(VeracityArgs),
    /// How well captions find their images, and images their captions: an encoder, and what an index loses of it
    Retrieval(Box<Retrieval>),
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

/// `mispair eval retrieval`
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  mispair eval retrieval indexes/news
  mispair eval retrieval indexes/posts indexes/photos --pool 100,400        two archives in one table
  mispair eval retrieval indexes/news --table langs.csv --by language
  mispair eval retrieval indexes/verite --table VERITE.csv --id-column \"\" --where label=true
  mispair eval retrieval indexes/news --against indexes/news --against-captions siglip-text --against-images siglip-image

A pool is so many images, drawn with the seed. From text to image the captions of these images look among them; from image to text
the images look among all captions beside them. Captions are distinct by text, images by path; all images of a caption are right, and
all captions of an image. Of equal scores the lower row comes first.")]
pub struct Retrieval {
    /// One index or more.
    #[arg(value_name = "INDEX", required = true)]
    pub indexes: Vec<PathBuf>,
    /// The modality of the captions.
    #[arg(long, value_name = "MODALITY", default_value = "clip-text")]
    pub captions: String,
    /// The modality of the images, of one space with it.
    #[arg(long, value_name = "MODALITY", default_value = "clip-image")]
    pub images: String,
    /// The ks of R@k.
    #[arg(short, long, value_name = "K,…", value_delimiter = ',', default_value = "1,5,10,25",
        value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub k: Vec<u32>,
    /// Images a pool, or all; pools that are larger than the index are measured as all.
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_value = "100,1000,10000,all")]
    pub pool: Vec<String>,
    /// Draws a pool.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub draws: u32,
    /// Queries a pool at most, sampled.
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub queries: u32,
    /// Seed of draws, samples and resamples.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Rows that a walk through a graph keeps in sight (default: what was measured to find 98% of the true ten nearest).
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub ef: Option<u32>,
    /// A file with more columns (CSV, TSV, JSONL, JSON array), joined by id.
    #[arg(long, value_name = "FILE")]
    pub table: Option<PathBuf>,
    /// The column of the ids in --table; without such a column, rows are numbered.
    #[arg(long, value_name = "COLUMN", default_value = "id", requires = "table")]
    pub id_column: String,
    /// Only rows with this value belong together (source, topic, partition, or a column of --table); the others stay, to be confused
    /// with. May be repeated.
    #[arg(long = "where", value_name = "COLUMN=VALUE")]
    pub wheres: Vec<String>,
    /// Also a line for each value of this column: a language, descriptive or commentative.
    #[arg(long, value_name = "COLUMN")]
    pub by: Option<String>,
    /// Compare with the encoder of this index (it may be the same one) on the captions and images that both have.
    #[arg(long, value_name = "INDEX")]
    pub against: Option<PathBuf>,
    /// Its captions (default: as --captions).
    #[arg(long, value_name = "MODALITY", requires = "against")]
    pub against_captions: Option<String>,
    /// Its images (default: as --images).
    #[arg(long, value_name = "MODALITY", requires = "against")]
    pub against_images: Option<String>,
    /// Resamples of the paired bootstrap.
    #[arg(long, value_name = "N", default_value_t = 2000, requires = "against", value_parser = clap::value_parser!(u32).range(100..=1_000_000))]
    pub resamples: u32,
    /// Table or JSON.
    #[arg(long, default_value = "table")]
    pub format: Format,
}

/// `mispair eval difficulty`
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  mispair eval difficulty dataset --index indexes/news --out difficulty      every split, probes trained on train
  mispair eval difficulty dataset/merged_balanced --index indexes/news --evidence indexes/archive
  mispair eval difficulty dataset/merged_balanced/test.json --index indexes/news --no-probes --predictions a.jsonl --predictions b.csv
  mispair eval difficulty dataset/merged_balanced/test.json --index indexes/news --no-probes --predictions a.jsonl \\
      --predictions difficulty/predictions/merged_balanced/test.csv#MLP      another model and a probe of an earlier report

A file of predictions has id, image_id and score (0 pristine … 1 falsified; #COLUMN names another column) for every row of the
dataset. --evidence adds a decision tree over the six similarities of a caption, an image, and the evidence that each of them finds;
if that archive holds the pairs themselves, it knows the truth.")]
pub struct Difficulty {
    #[command(flatten)]
    pub dataset: DatasetArgs,
    /// The index whose ids it names.
    #[arg(long)]
    pub index: PathBuf,
    /// The modality of the captions.
    #[arg(long, value_name = "MODALITY", default_value = "clip-text")]
    pub captions: String,
    /// The modality of the images.
    #[arg(long, value_name = "MODALITY", default_value = "clip-image")]
    pub images: String,
    /// The partition that probes are trained on; they are tested on the others.
    #[arg(long, value_name = "PARTITION", default_value = "train")]
    pub train: String,
    /// Train nothing.
    #[arg(long)]
    pub no_probes: bool,
    /// Hidden units of the two-layer network.
    #[arg(long, value_name = "N", default_value_t = 512, value_parser = clap::value_parser!(u32).range(1..=8192))]
    pub hidden: u32,
    /// Passes over the training rows.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub epochs: u32,
    /// Seed of everything.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// An archive: the index in which captions and images look for evidence.
    #[arg(long, value_name = "INDEX")]
    pub evidence: Option<PathBuf>,
    /// Another model's predictions; given twice, the two are combined.
    #[arg(long, value_name = "FILE[#COLUMN]")]
    pub predictions: Vec<String>,
    /// The report: a folder that does not exist yet. Its predictions/ holds what each probe says of each row.
    #[arg(long, short, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Replace a report that is there.
    #[arg(long, requires = "out")]
    pub force: bool,
    /// Table or JSON.
    #[arg(long, default_value = "table")]
    pub format: Format,
}

/// `mispair eval veracity`
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  mispair eval veracity --truth labels.csv --predictions verdicts.jsonl
  mispair eval veracity --truth context.json --predictions answers.jsonl --geonames geonames.json --format json
  mispair eval veracity --truth context.json --predictions answers.jsonl --wordnet /usr/share/wordnet

Both files are CSV, JSONL or a JSON array, joined by id. Verdicts are accurate (pristine, true) or out-of-context (falsified, false);
anything else is undecided, and wrong. Columns source, date, location, motivation, people, things and event are context items: rows whose
truth is unknown are left out, rows without an answer count 0. Dates without a day or month are the 14th, or January.")]
pub struct VeracityArgs {
    /// The truth.
    #[arg(long, value_name = "FILE")]
    pub truth: PathBuf,
    /// The predictions; what `verify --format json` prints is one.
    #[arg(long, value_name = "FILE")]
    pub predictions: PathBuf,
    /// The column of the ids in both.
    #[arg(long, value_name = "COLUMN", default_value = "id")]
    pub id_column: String,
    /// The column of the true veracity.
    #[arg(long, value_name = "COLUMN", default_value = "label")]
    pub label: String,
    /// The column of the verdicts.
    #[arg(long, value_name = "COLUMN", default_value = "verdict")]
    pub verdict: String,
    /// A JSON array of GeoNames records: query, coordinates [latitude, longitude], hierarchy.
    #[arg(long, value_name = "FILE")]
    pub geonames: Option<PathBuf>,
    /// A folder of WordNet's files (index.noun, data.noun, noun.exc …): METEOR then matches synonyms, too.
    #[arg(long, value_name = "FOLDER")]
    pub wordnet: Option<PathBuf>,
    /// Write every number of every row to this file (JSONL: id, item, measure, score).
    #[arg(long, value_name = "FILE")]
    pub rows: Option<PathBuf>,
    /// Replace a file that is there.
    #[arg(long, requires = "rows")]
    pub force: bool,
    /// Table or JSON.
    #[arg(long, default_value = "table")]
    pub format: Format,
}
