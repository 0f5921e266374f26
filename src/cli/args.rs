//! The command line as typed.

use crate::constraints::Rule;
use crate::retrieve::Engine;
use clap::{ArgGroup, Args as ClapArgs, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Finds, for a news caption, the most convincing wrong image; with the reasons.
#[derive(Debug, Parser)]
#[command(name = "mispair", version, about, arg_required_else_help = true, max_term_width = 110)]
#[command(after_help = "\
Examples:
  mispair demo                                           the whole job on a made-up newsroom, in a minute
  mispair build corpus.toml --out indexes/news           make an index, once
  mispair query indexes/news --split semantics_clip_text_image --id 42 --explain
  mispair match indexes/news --split all --out dataset   match the whole corpus
  
Exit codes: 0 done; 2 bad usage; 1 any other failure, with one line that names the file, the row and what to do;
130 after Ctrl-C, with nothing half-made left behind.")]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
    /// Threads to use (default: all cores). No result depends on it.
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
    /// No progress bars, no talk; errors only.
    #[arg(long, short, global = true)]
    pub quiet: bool,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// The whole job on a made-up newsroom (or a folder of real files): build, query, match, report
    Demo(Demo),
    /// Make an index from a corpus file, or from the published NewsCLIPpings layout
    Build(Build),
    /// What is in an index
    Info(Info),
    /// Read every byte of an index and check all that its format promises
    VerifyIndex(VerifyIndex),
    /// Captions or images → vectors and ids, by a model in a folder; goes on after a kill
    Embed(super::args_models::Embed),
    /// Is all well: this machine, an index, a model, and do the two belong together?
    Doctor(super::args_models::Doctor),
    /// The wrong images for one caption (or a batch), with scores, plan and reasons
    Query(Query),
    /// Match a whole corpus: splits, balancing, merged set
    Match(Match),
    /// Parts made chunk by chunk, on one machine or many, put together into a dataset
    Merge(super::parts::Merge),
    /// A dataset with captions and image paths beside the ids
    Export(super::args_export::Export),
    /// Recall, latency and queries a second against exact search: JSON, CSV, and a page of plots
    Bench(Bench),
    /// Does this caption belong to this image? Evidence first, then the verdict with its margins
    Verify(Box<super::verify::Verify>),
    /// Datasets, encoders and verdicts measured
    Eval(super::eval::Eval),
    /// The matcher daemon: the same answers over HTTP
    Serve(super::serve::Serve),
    /// The daemon's configuration
    Config {
        /// What to do with it.
        #[command(subcommand)]
        verb: super::serve::ConfigVerb,
    },
    /// The built-in splits as TOML: print one, change it, pass its path to --split
    Splits(Splits),
    /// A made-up photo archive in the published layout, for trying out and for measuring
    Newsroom(Newsroom),
    /// A completion script for your shell
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

/// `mispair demo`
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  mispair demo
  mispair demo --serve                  then look at it in a browser
  mispair demo --samples 20000 --out /tmp/demo
  mispair demo --data archive/          a folder with CORPUS.toml, or in the published layout")]
pub struct Demo {
    /// Run on this folder of real files instead: it holds a CORPUS.toml, or visual_news/ and news_clippings/.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["samples", "seed"])]
    pub data: Option<PathBuf>,
    /// Where everything is put; made anew each time.
    #[arg(long, value_name = "DIR", default_value = "demo")]
    pub out: PathBuf,
    /// Samples of the made-up newsroom.
    #[arg(long, default_value_t = 6000, value_parser = clap::value_parser!(u32).range(100..=2_000_000))]
    pub samples: u32,
    /// Seed of the newsroom and of the matching.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Then serve the index, with pages to look at in a browser, until Ctrl-C.
    #[arg(long)]
    pub serve: bool,
    /// Where --serve listens.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7400", requires = "serve")]
    pub listen: String,
}

/// `mispair build`
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  mispair build corpus.toml --out indexes/news
  mispair build --newsclippings data/ --out indexes/newsclippings
  mispair build --clip-retrieval embeddings/ --out indexes/mine")]
pub struct Build {
    /// The corpus file: names the catalog and one file a modality.
    #[arg(value_name = "CORPUS.toml", required_unless_present_any = ["newsclippings", "clip_retrieval"],
        conflicts_with_all = ["newsclippings", "clip_retrieval"])]
    pub corpus: Option<PathBuf>,
    /// A folder that holds visual_news/ and news_clippings/ as published; no corpus file is needed.
    #[arg(long, value_name = "DIR")]
    pub newsclippings: Option<PathBuf>,
    /// A folder that holds img_emb/, text_emb/ or both, and metadata/, as clip-retrieval writes them; no corpus file is needed.
    #[arg(long, value_name = "DIR", conflicts_with = "newsclippings")]
    pub clip_retrieval: Option<PathBuf>,
    /// The index: a folder that does not exist yet.
    #[arg(long, short, value_name = "INDEX")]
    pub out: PathBuf,
    /// Store vectors of --newsclippings or --clip-retrieval as f32 or f16 (a corpus file says it for each modality).
    #[arg(long, value_name = "DTYPE", conflicts_with = "corpus", default_value = "f32")]
    pub dtype: DtypeArg,
    /// Replace an index that is there; the old one stays whole until the new one is.
    #[arg(long)]
    pub force: bool,
}

/// f32 or f16.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum DtypeArg {
    /// 4 bytes an element.
    F32,
    /// 2 bytes an element.
    F16,
}

/// `mispair info`
#[derive(Debug, ClapArgs)]
pub struct Info {
    /// The index.
    pub index: PathBuf,
    /// Table or JSON.
    #[arg(long, default_value = "table")]
    pub format: Format,
}

/// `mispair verify-index`
#[derive(Debug, ClapArgs)]
pub struct VerifyIndex {
    /// The index.
    pub index: PathBuf,
}

/// How a report is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Table,
    /// For programs.
    Json,
}

/// `mispair query`
#[derive(Debug, ClapArgs)]
#[command(group(ArgGroup::new("how").required(true)), group(ArgGroup::new("who").required(true)))]
#[command(
    override_usage = "mispair query [OPTIONS] [INDEX] <--split S|--modality M> <--id ID|--vector F.npy|--text T|--image FILE>"
)]
#[command(after_help = "\
Examples:
  mispair query indexes/news --split semantics_clip_text_text --id 42
  mispair query indexes/news --split person_sbert_text_text --id 42 --explain --adversarial
  mispair query indexes/news --modality clip-image --vector captions.npy -k 5 --unique image --format json
  mispair query indexes/news --split semantics_clip_text_image --vector caption.npy --meta facts.json
  mispair query --url http://127.0.0.1:7400 --split semantics_clip_text_text --id 42
  mispair query indexes/news --modality clip-image --model clip-vit-base-patch32 --text \"a dog on a beach\"
  mispair query --url http://127.0.0.1:7400 --modality clip-image --image photo.jpg

A query file of two dimensions is a batch: one JSON document a line. FACTS.json holds what the rules need to know of a
caption from outside, as in a metadata file, for example
  {\"caption\": \"…\", \"timestamp\": \"2016-05-04\", \"entities\": [{\"text\": \"Berlin\", \"label\": \"GPE\"}]}
(for a batch: a list of them, one a query).")]
pub struct Query {
    /// The index; with --url its name there, which may be left out where one is served.
    #[arg(required_unless_present = "url")]
    pub index: Option<PathBuf>,
    /// Ask a running daemon (`mispair serve`): http://HOST:PORT or unix:/PATH. Its token is taken from MISPAIR_READ_TOKEN.
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// A built-in split, or the path of a split file.
    #[arg(long, group = "how")]
    pub split: Option<String>,
    /// Plain k-NN over this modality, without constraints.
    #[arg(long, group = "how")]
    pub modality: Option<String>,
    /// A sample of the index.
    #[arg(long, group = "who")]
    pub id: Option<String>,
    /// A vector (or a batch of them) in the split's query modality, or in the searched one; .fvecs and .fbin are read, too.
    #[arg(long, value_name = "F.npy", group = "who")]
    pub vector: Option<PathBuf>,
    /// A caption, encoded by --model, which must be the encoder that the index names; with --url by the daemon's.
    #[arg(long, group = "who")]
    pub text: Option<String>,
    /// An image file, encoded by --model; with --url, and a --modality, by the daemon's.
    #[arg(long, value_name = "FILE", group = "who")]
    pub image: Option<PathBuf>,
    /// The folder of the model that made the index's vectors, or the server (http://HOST:PORT/v1#NAME).
    #[arg(long, value_name = "DIR|URL", conflicts_with_all = ["id", "vector", "url"])]
    pub model: Option<PathBuf>,
    /// With --modality and --id: take the sample's vector from this modality (default: the searched one).
    #[arg(long, conflicts_with_all = ["vector", "text", "image", "split"], value_name = "MODALITY")]
    pub from: Option<String>,
    /// How many results.
    #[arg(short, long, default_value_t = 10)]
    pub k: usize,
    /// With --modality: the least similar first.
    #[arg(long, conflicts_with = "split")]
    pub lowest: bool,
    #[command(flatten)]
    pub engine: EngineArgs,
    /// Rows that a walk through a graph keeps in sight (default: what was measured to find 98% of the true ten nearest).
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000), conflicts_with = "exact")]
    pub ef: Option<u32>,
    /// Also list the best-scoring rejected candidates, each with every rule it fails.
    #[arg(long, conflicts_with = "modality")]
    pub explain: bool,
    /// Candidates that CLIP prefers to the caption's own image first, as the matcher selects.
    #[arg(long, conflicts_with = "modality")]
    pub adversarial: bool,
    /// One result an image path, the best.
    #[arg(long, value_name = "WHAT")]
    pub unique: Option<Unique>,
    /// Search only this partition (default: with --split and --id the sample's own, else the whole corpus).
    #[arg(long)]
    pub partition: Option<String>,
    /// Facts of a caption from outside.
    #[arg(long, value_name = "FACTS.json", conflicts_with_all = ["id", "modality"])]
    pub meta: Option<PathBuf>,
    /// Let a rule hold without looking; may be repeated.
    #[arg(long, value_name = "RULE", conflicts_with = "modality")]
    pub waive: Vec<Rule>,
    /// Table or JSON.
    #[arg(long, default_value = "table")]
    pub format: Format,
}

/// Which engine answers.
#[derive(Debug, Clone, Copy, ClapArgs)]
pub struct EngineArgs {
    /// Scan: the answer that defines what is right. Default: whatever is cheapest; an answer's plan, and the
    /// summary.json of a dataset, say which it was.
    #[arg(long, conflicts_with = "graph")]
    pub exact: bool,
    /// Walk the graph, whatever it costs, wherever there is one that serves the order.
    #[arg(long)]
    pub graph: bool,
}

impl EngineArgs {
    /// The engine chosen.
    pub fn chosen(self) -> Engine {
        match self {
            EngineArgs { exact: true, .. } => Engine::Exact,
            EngineArgs { graph: true, .. } => Engine::Graph,
            _ => Engine::Auto,
        }
    }
}

/// What results are made unique by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Unique {
    /// The image path.
    Image,
}

/// `mispair match`
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  mispair match indexes/news --split all --out dataset
  mispair match indexes/news --split semantics_clip_text_text --out dataset --chunk-size 40000
  mispair match indexes/news --split my_split.toml --waive person_box --out dataset --force

Chunk by chunk, on as many machines as there are (merge gives the same bytes as one run with the same --chunk-size):
  mispair match indexes/news --split all --chunk-size 40000 --list-chunks
  mispair match indexes/news --split all --chunk-size 40000 --chunk 0 --out parts/0
  mispair merge parts/* --index indexes/news --out dataset")]
pub struct Match {
    /// The index.
    pub index: PathBuf,
    /// A built-in split, the path of a split file, or `all`: the four built-in ones and merged_balanced. May be repeated.
    #[arg(long, required = true)]
    pub split: Vec<String>,
    /// The dataset: a folder that does not exist yet. With --chunk a file: the part.
    #[arg(long, short, value_name = "DIR", required_unless_present = "list_chunks")]
    pub out: Option<PathBuf>,
    /// Look for candidates among so many samples at a time (the paper: about 40,000). Default: the whole partition.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(2..))]
    pub chunk_size: Option<u32>,
    /// Match this chunk alone, counted from 0 over all partitions, and write a part for `mispair merge`. A whole part of the
    /// same index and settings that is there already is left as it is; a damaged one is made again.
    #[arg(long, value_name = "I")]
    pub chunk: Option<usize>,
    /// Print the chunks, a line each, and do no more: number, partition, samples, splits; between tabs.
    #[arg(long, conflicts_with_all = ["chunk", "out", "force"])]
    pub list_chunks: bool,
    #[command(flatten)]
    pub engine: EngineArgs,
    /// Seed of the chunks, of the merged set and of the samples in the summary.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Write every selected pair as it was chosen: no 50–50 trimming, no image balance, no merged set.
    #[arg(long)]
    pub no_balance: bool,
    /// Let a rule hold without looking; may be repeated.
    #[arg(long, value_name = "RULE")]
    pub waive: Vec<Rule>,
    /// Replace a dataset that is there; with --chunk, a part of other settings.
    #[arg(long)]
    pub force: bool,
}

/// `mispair bench`
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  mispair bench indexes/news --out bench/news                       every cosine modality
  mispair bench indexes/news --modality clip-image --from clip-text --queries 5000 --out bench/cross
  mispair bench indexes/news --modality clip-image --query-file captions.fvecs --out bench/mine
  mispair bench indexes/news --split semantics_clip_text_text --split scene_resnet_place --out bench/splits

--out holds bench.html (plots and a table; open it in a browser), bench.csv (a row a measurement) and bench.json. Every
setting runs with one thread and with all of them (--threads).")]
pub struct Bench {
    /// The index.
    pub index: PathBuf,
    /// Search this modality without constraints; may be repeated. Default, without --split: every cosine modality.
    #[arg(long, value_name = "MODALITY")]
    pub modality: Vec<String>,
    /// Search by this split (built-in, or the path of a split file), under its constraints; may be repeated. Where its graph was
    /// built with its captions as known queries, those that were held out are asked.
    #[arg(long)]
    pub split: Vec<String>,
    /// Take the query vectors of --modality from this one. Default: for clip-image clip-text, else the searched one. Where the
    /// graph was built with this one's vectors as known queries, those that were held out are asked.
    #[arg(long, value_name = "MODALITY", requires = "modality", conflicts_with = "query_file")]
    pub from: Option<String>,
    /// How many captions to sample (fewer where there are fewer).
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub queries: u32,
    /// Ask with these vectors (.npy, .fvecs, .fbin) instead; needs --modality.
    #[arg(long, value_name = "F", requires = "modality", conflicts_with_all = ["queries", "split"])]
    pub query_file: Option<PathBuf>,
    /// How many results a query.
    #[arg(short, long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub k: u32,
    /// How many rows walks through graphs keep in sight, at least k: one measurement each. Default: those of 16, 32, 64, 96, 128,
    /// 192, 256 and 384 that are; if none is, k and 2k.
    #[arg(long, value_name = "N,…", value_delimiter = ',',
        value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub ef: Vec<u32>,
    /// Let a rule of the splits hold without looking; may be repeated.
    #[arg(long, value_name = "RULE", requires = "split")]
    pub waive: Vec<Rule>,
    /// The report: a folder that does not exist yet.
    #[arg(long, short, value_name = "DIR")]
    pub out: PathBuf,
    /// Seed of the sample.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Replace a report that is there.
    #[arg(long)]
    pub force: bool,
}

/// `mispair splits`
#[derive(Debug, ClapArgs)]
pub struct Splits {
    /// Only this one.
    pub name: Option<String>,
}

/// `mispair newsroom`
#[derive(Debug, ClapArgs)]
pub struct Newsroom {
    /// A folder that does not exist yet.
    #[arg(long, short, value_name = "DIR")]
    pub out: PathBuf,
    /// How many samples.
    #[arg(long, default_value_t = 6000, value_parser = clap::value_parser!(u32).range(100..=2_000_000))]
    pub samples: u32,
    /// Seed.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}
