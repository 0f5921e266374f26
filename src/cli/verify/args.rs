//! The arguments of `mispair verify`.

use super::super::args::Format;
use crate::evidence::Settings;
use clap::{ArgGroup, Args as ClapArgs, ValueEnum};
use std::path::PathBuf;

/// `mispair verify`
#[derive(Debug, ClapArgs)]
#[command(group(ArgGroup::new("what").required(true)))]
#[command(after_help = "\
Examples:
  mispair verify --archive indexes/news --id 42                                does this caption belong to this image?
  mispair verify --archive indexes/archive --pairs indexes/claims --table labels.csv --label veracity --format json > verdicts.jsonl
  mispair verify --archive indexes/archive --caption 'A flood in Oslo' --image photo.npy --text caption.npy
  mispair verify --archive indexes/archive --caption 'A flood in Oslo' --image photo.jpg --model clip-vit-base-patch32
  mispair verify --archive indexes/archive --caption 'A flood in Oslo' --image-id 42
  mispair verify --url http://127.0.0.1:7400 --id 42                           asks a daemon; --archive names its index
  mispair verify --url http://127.0.0.1:7400 --caption 'A flood in Oslo' --image photo.jpg
  mispair verify --checks claims.json --evidence found.jsonl
  mispair verify --checks claims.json --chat http://127.0.0.1:8080/v1 --chat-model qwen2.5-7b --format json

The rules, in order: (1) the image carried this caption before: accurate; (2) the caption finds this image: accurate; (3) the caption
belongs to an image that is clearly another: out-of-context; else undecided, and by how much. Evidence by image are the archive's
images of at least --same-image, with their captions; evidence by caption the images of its captions that match, or are at least
--near-caption. A sample of the archive is no evidence about itself. Files of evidence are joined by image_id and by id, never by place.")]
pub struct Verify {
    /// Asks this daemon: http://HOST:PORT, or unix:/PATH; --archive and --entities are names of its indexes. Its token is taken from
    /// MISPAIR_READ_TOKEN.
    #[arg(long, value_name = "URL", conflicts_with_all = ["pairs", "checks", "table"])]
    pub url: Option<String>,
    /// An index of captioned images that are taken as true.
    #[arg(long, value_name = "INDEX")]
    pub archive: Option<PathBuf>,
    /// A sample of the archive.
    #[arg(long, group = "what")]
    pub id: Option<String>,
    /// A sample of the archive whose image is meant: with --id instead of its own, with --caption instead of --image.
    #[arg(long, value_name = "ID", conflicts_with_all = ["pairs", "checks"])]
    pub image_id: Option<String>,
    /// Every sample of this index, with its vectors.
    #[arg(long, group = "what", value_name = "INDEX")]
    pub pairs: Option<PathBuf>,
    /// Every record of this file: id, caption, image_id, evidence_captions (JSON array, JSONL, CSV).
    #[arg(long, group = "what", value_name = "FILE")]
    pub checks: Option<PathBuf>,
    /// One caption.
    #[arg(long, group = "what", value_name = "TEXT")]
    pub caption: Option<String>,
    /// The vector of its image; with --model, or a daemon that has one, a picture (JPEG, PNG, WebP).
    #[arg(long, value_name = "F.npy|PICTURE", requires = "caption", conflicts_with = "image_id")]
    pub image: Option<PathBuf>,
    /// The vector of the caption; without it and without --model only captions that match are found.
    #[arg(long, value_name = "F.npy", requires = "caption")]
    pub text: Option<PathBuf>,
    /// The folder of the model that made the archive's vectors, or the server (http://HOST:PORT/v1#NAME): encodes the caption, and
    /// the picture.
    #[arg(long, value_name = "DIR|URL", requires = "caption", conflicts_with = "url")]
    pub model: Option<PathBuf>,
    /// Evidence that others have found: a file (JSONL, JSON array, CSV), or one of CCN's folders (direct_search/test,
    /// inverse_search/test); may be repeated.
    #[arg(long, value_name = "FILE")]
    pub evidence: Vec<PathBuf>,
    /// An index of entities: captions are names, clip-text their vectors, clip-image those of their pictures, topic = person marks persons.
    #[arg(long, value_name = "INDEX")]
    pub entities: Option<PathBuf>,
    /// The modality of images.
    #[arg(long, value_name = "MODALITY", default_value = "clip-image")]
    pub images: String,
    /// The modality of captions.
    #[arg(long, value_name = "MODALITY", default_value = "clip-text")]
    pub captions: String,
    /// Images of at least this cosine are one image.
    #[arg(long, value_name = "COSINE", default_value_t = Settings::default().same_image)]
    pub same_image: f32,
    /// Images below this cosine are clearly different.
    #[arg(long, value_name = "COSINE", default_value_t = Settings::default().other_image)]
    pub other_image: f32,
    /// Captions of at least this cosine are evidence, besides those that match.
    #[arg(long, value_name = "COSINE", default_value_t = Settings::default().near_caption)]
    pub near_caption: f32,
    /// When captions match: they are equal (COVE's paper), or the caption stands in the evidence (COVE's code).
    #[arg(long = "match", value_name = "HOW", default_value = "equal")]
    pub how: How,
    /// Lines of evidence of either kind, at most.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub most: u16,
    /// A file with the truth (CSV, JSONL, JSON array), joined by id: the verdicts are counted by its --label.
    #[arg(long, value_name = "FILE", requires = "label")]
    pub table: Option<PathBuf>,
    /// The column of the ids in --table; without such a column, rows are numbered.
    #[arg(long, value_name = "COLUMN", default_value = "id", requires = "table")]
    pub id_column: String,
    /// The column of the truth in --table.
    #[arg(long, value_name = "COLUMN", requires = "table")]
    pub label: Option<String>,
    /// An OpenAI-compatible endpoint that is asked for context items, and for the verdict where the rules give none; its key is taken
    /// from MISPAIR_CHAT_KEY.
    #[arg(long, value_name = "URL", requires = "chat_model")]
    pub chat: Option<String>,
    /// The model's name, as the endpoint calls it.
    #[arg(long, value_name = "MODEL")]
    pub chat_model: Option<String>,
    /// Seconds until an answer of the endpoint.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=3600))]
    pub chat_timeout: u32,
    /// Where answers are kept, by the hash of what was asked [default: ~/.cache/mispair/chat].
    #[arg(long, value_name = "DIR")]
    pub chat_cache: Option<PathBuf>,
    /// A folder of prompts of one's own; what it lacks is as usual.
    #[arg(long, value_name = "DIR")]
    pub prompts: Option<PathBuf>,
    /// Takes answers that are kept, asks nobody for others, and names them.
    #[arg(long, requires = "chat_model")]
    pub offline: bool,
    /// Writes the usual prompts into this folder, to be edited, and does nothing else.
    #[arg(long, group = "what", value_name = "DIR")]
    pub write_prompts: Option<PathBuf>,
    /// Table, or JSON (a document a line).
    #[arg(long, default_value = "table")]
    pub format: Format,
}

/// As typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum How {
    /// Equal.
    Equal,
    /// Within.
    Within,
}
