//! The arguments of the verbs that take a model.

use super::args::Format;
use clap::Args as ClapArgs;
use std::path::PathBuf;

/// `mispair embed`
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  mispair embed photos/ --model clip-vit-base-patch32 --out clip_image           every image below a folder
  mispair embed captions.csv --model all-MiniLM-L6-v2 --out sentences            a row a caption
  mispair embed corpus.toml --images photos/ --model clip-vit-base-patch32 --out clip_image
  mispair embed captions.csv --model 'http://127.0.0.1:8080/v1#all-minilm' --out sentences

A model is a folder as its hub holds it: config.json, model.safetensors, tokenizer.json; CLIP and sentence encoders of the BERT
kind are read. Or a server that answers as OpenAI's /v1/embeddings does, and the name of one of its models: for texts, without TLS, its key
from MISPAIR_EMBEDDINGS_KEY. --out holds vectors.npy (unit rows), ids.npy and embed.json. What is done is kept in --out's name with .partial;
the same command goes on from there, and gives the same bytes.")]
pub struct Embed {
    /// A folder of images; or captions: a catalog (.csv, .tsv, .jsonl, .json, .parquet), a corpus file (.toml), or a .txt with one a line.
    #[arg(value_name = "INPUT")]
    pub input: PathBuf,
    /// The model's folder, or http://HOST:PORT/v1#NAME.
    #[arg(long, value_name = "DIR|URL")]
    pub model: PathBuf,
    /// Vectors and ids: a folder that does not exist yet.
    #[arg(long, short, value_name = "DIR")]
    pub out: PathBuf,
    /// Encode the catalog's images instead of its captions; their paths are relative to this folder.
    #[arg(long, value_name = "DIR")]
    pub images: Option<PathBuf>,
    /// The catalog's column of ids (default: id; without such a column the row's number is the id).
    #[arg(long, value_name = "NAME")]
    pub id_column: Option<String>,
    /// The catalog's column of captions (default: caption).
    #[arg(long, value_name = "NAME")]
    pub caption_column: Option<String>,
    /// The catalog's column of image paths (default: image_path).
    #[arg(long, value_name = "NAME")]
    pub image_column: Option<String>,
    /// How many at a time: what is done again after a kill (default: 512 captions, 64 images). No result depends on it.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub batch: Option<u32>,
    /// Leave out images that cannot be read, and texts that a server refuses, and list them.
    #[arg(long)]
    pub skip_bad: bool,
    /// Begin again, whatever an earlier run has done.
    #[arg(long)]
    pub restart: bool,
    /// Replace vectors that are there.
    #[arg(long)]
    pub force: bool,
}

/// `mispair doctor`
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  mispair doctor
  mispair doctor indexes/news --model clip-vit-base-patch32 --images photos/
  mispair doctor --config /etc/mispair/config.toml
  mispair doctor --model all-MiniLM-L6-v2 --reference reference.json     vectors that other software made of it

With an index and a model, samples of each modality that this model made are encoded again and compared. Exit code 1 where
something is wrong.")]
pub struct Doctor {
    /// An index: every byte is read.
    #[arg(value_name = "INDEX")]
    pub index: Option<PathBuf>,
    /// A model's folder, or http://HOST:PORT/v1#NAME.
    #[arg(long, value_name = "DIR|URL")]
    pub model: Option<PathBuf>,
    /// {"texts": [{"text", "tokens", "vector"}], "images": [{"path", "vector"}]}, of the model's own software: tokens must be
    /// the same, vectors within a cosine of 0.9999; either may be left out. contrib/reference_vectors.py writes it.
    #[arg(long, value_name = "FILE.json", requires = "model")]
    pub reference: Option<PathBuf>,
    /// The folder that the index's image paths are relative to.
    #[arg(long, value_name = "DIR", requires = "model")]
    pub images: Option<PathBuf>,
    /// A configuration file of `mispair serve`: its settings, the indexes, splits and tokens that it names.
    #[arg(long, value_name = "FILE", env = "MISPAIR_CONFIG")]
    pub config: Option<PathBuf>,
    /// Table or JSON.
    #[arg(long, default_value = "table")]
    pub format: Format,
}
