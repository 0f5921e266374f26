//! A model's folder: what it holds, and what its settings say.
//!
//! ```text
//! DIR/config.json                  model_type: clip, bert
//! DIR/model.safetensors            the weights
//! DIR/tokenizer.json               or vocab.json + merges.txt (CLIP), vocab.txt (BERT)
//! DIR/preprocessor_config.json     of CLIP: how images are cut and scaled; OpenAI's way where it is absent
//! DIR/modules.json, 1_Pooling/config.json, sentence_bert_config.json     of sentence encoders
//! ```

use super::{ClipModel, Encoder, Error, SentenceModel};
use crate::kernels::PAD;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

/// Opens the model in a folder: maps its weights, reads its settings, hashes all that has a say in its numbers.
///
/// # Errors
/// A file that is missing or broken, a kind of model that is not known here.
pub fn open(dir: &Path) -> Result<Box<dyn Encoder>, Error> {
    let folder = Folder::new(dir)?;
    match folder.config.text("model_type") {
        Some("clip") => Ok(Box::new(ClipModel::open(&folder)?)),
        Some("bert") => Ok(Box::new(SentenceModel::open(&folder)?)),
        other => {
            let other = other.unwrap_or("nothing");
            let what = format!("model_type {other:?}; \"clip\" and \"bert\" (sentence encoders) are known here");
            Err(Error::model(&folder.config.path, what))
        }
    }
}

/// A model's folder.
pub(super) struct Folder {
    pub dir: PathBuf,
    pub config: Settings,
}

impl Folder {
    fn new(dir: &Path) -> Result<Folder, Error> {
        let config = dir.join("config.json");
        if !config.is_file() {
            let what = "no config.json here; name the folder of a model as its hub holds it (config.json, model.safetensors, tokenizer.json)";
            return Err(Error::model(dir, what));
        }
        Ok(Folder { dir: dir.to_owned(), config: Settings::read(&config)? })
    }

    /// A file that may lack.
    pub fn file(&self, name: &str) -> Option<PathBuf> {
        Some(self.dir.join(name)).filter(|p| p.is_file())
    }

    /// The weights.
    pub fn weights(&self) -> Result<PathBuf, Error> {
        self.file("model.safetensors").ok_or_else(|| {
            let others = ["pytorch_model.bin", "model.safetensors.index.json"];
            let why = match others.iter().find(|f| self.file(f).is_some()) {
                Some(other) => format!(
                    "{other} is there, but weights are read from one model.safetensors: convert it with safetensors"
                ),
                None => "no model.safetensors; fetch it from the model's hub".to_owned(),
            };
            Error::model(&self.dir, why)
        })
    }

    /// Settings in another file; nothing set where it lacks.
    pub fn settings(&self, name: &str) -> Result<Settings, Error> {
        match self.file(name) {
            Some(path) => Settings::read(&path),
            None => Ok(Settings { path: self.dir.join(name), value: Value::Null }),
        }
    }

    /// What the model is called: the folder's name, unless that says nothing.
    pub fn name(&self) -> String {
        let of_folder = self.dir.canonicalize().ok().and_then(|d| Some(d.file_name()?.to_string_lossy().into_owned()));
        let of_folder = of_folder.filter(|n| !["model", "models", "."].contains(&n.as_str()));
        let of_config = || self.config.text("_name_or_path").map(str::to_owned).filter(|n| !n.is_empty());
        of_folder.or_else(of_config).unwrap_or_else(|| "model".to_owned()).replace(['#', '@'], "-")
    }
}

/// A JSON file of settings.
pub(super) struct Settings {
    pub path: PathBuf,
    pub value: Value,
}

impl Settings {
    /// Reads a file.
    pub fn read(path: &Path) -> Result<Settings, Error> {
        let text = fs::read_to_string(path).map_err(|e| Error::model(path, e))?;
        let value = serde_json::from_str(&text).map_err(|e| Error::model(path, e))?;
        Ok(Settings { path: path.to_owned(), value })
    }

    /// The settings under a key.
    pub fn part(&self, key: &str) -> Settings {
        Settings { path: self.path.clone(), value: self.value.get(key).cloned().unwrap_or_default() }
    }

    /// A text.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.value.get(key)?.as_str()
    }

    /// A whole number of 1 or more, at most a million: sizes of layers.
    pub fn size(&self, key: &str, default: Option<usize>) -> Result<usize, Error> {
        let known = match self.value.get(key) {
            None | Some(Value::Null) => default,
            Some(value) => value.as_u64().and_then(|n| usize::try_from(n).ok()),
        };
        known.filter(|n| (1..=1_000_000).contains(n)).ok_or_else(|| {
            let got = self.value.get(key).cloned().unwrap_or_default();
            Error::model(&self.path, format!("\"{key}\" is {got}, expected a whole number from 1 to 1,000,000"))
        })
    }

    /// A width: a size that rows of numbers can have here.
    pub fn width(&self, key: &str, default: Option<usize>) -> Result<usize, Error> {
        let width = self.size(key, default)?;
        self.padded(key, width)
    }

    /// The width of one head.
    pub fn heads(&self, width: usize, default: Option<usize>) -> Result<usize, Error> {
        let heads = self.size("num_attention_heads", default)?;
        if !width.is_multiple_of(heads) {
            let what = format!("{heads} attention heads do not divide a width of {width}");
            return Err(Error::model(&self.path, what));
        }
        self.padded("width of an attention head", width / heads)?;
        Ok(heads)
    }

    fn padded(&self, key: &str, width: usize) -> Result<usize, Error> {
        if width.is_multiple_of(PAD) {
            return Ok(width);
        }
        Err(Error::model(&self.path, format!("\"{key}\" is {width}; multiples of {PAD} are read here")))
    }

    /// A number.
    pub fn float(&self, key: &str, default: f64) -> f32 {
        self.value.get(key).and_then(Value::as_f64).unwrap_or(default) as f32
    }

    /// Yes or no.
    pub fn flag(&self, key: &str, default: bool) -> bool {
        self.value.get(key).and_then(Value::as_bool).unwrap_or(default)
    }

    /// An activation by name.
    pub fn activation(&self, default: &str) -> Result<super::layers::Activation, Error> {
        let name = self.text("hidden_act").unwrap_or(default);
        super::layers::Activation::named(name).ok_or_else(|| {
            Error::model(
                &self.path,
                format!("\"hidden_act\" is {name:?}; gelu, quick_gelu and gelu_new are known here"),
            )
        })
    }
}
