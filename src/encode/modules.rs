//! What `modules.json` puts behind a sentence encoder's transformer: pooling, then layers and normalisations in their order.
//!
//! ```text
//! rows of tokens ─► 1_Pooling: mean, or first row ─► 2_Dense: linear, tanh or nothing ─► 2_Normalize ─► …
//! ```
//! Without the file: the mean, as sentence-transformers does.

use super::Error;
use super::layers::{Linear, unit};
use super::open::{Folder, Settings};
use super::weights::Weights;
use serde_json::Value;
use std::path::{Component, Path, PathBuf};

/// Which row stands for the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pooling {
    /// The mean of all.
    Mean,
    /// The first.
    Class,
}

/// What is done to the pooled row.
enum Step {
    Normalize,
    Dense { layer: Linear, tanh: bool },
}

/// All of it.
pub(super) struct Modules {
    pooling: Pooling,
    steps: Vec<Step>,
    /// Elements of a row that comes out.
    pub width: usize,
    /// Files that have a say in the numbers.
    pub files: Vec<PathBuf>,
}

impl Modules {
    /// Of a model whose tokens have rows of `width` elements.
    pub fn open(folder: &Folder, width: usize) -> Result<Modules, Error> {
        let list = folder.settings("modules.json")?;
        let (pooling, mut files) = pooling(folder)?;
        let (mut steps, mut width) = (Vec::new(), width);
        for module in list.value.as_array().into_iter().flatten() {
            let text = |key: &str| module.get(key).and_then(Value::as_str).unwrap_or_default();
            let kind = text("type").rsplit('.').next().unwrap_or_default();
            match kind {
                "Transformer" | "Pooling" => {}
                "Normalize" => steps.push(Step::Normalize),
                "Dense" => {
                    let (step, to, mut read) = dense(folder, &list, text("path"), width)?;
                    steps.push(step);
                    files.append(&mut read);
                    width = to;
                }
                _ => {
                    let what = format!(
                        "module {:?} behind the transformer; Pooling, Dense and Normalize are known here",
                        text("type")
                    );
                    return Err(Error::model(&list.path, what));
                }
            }
        }
        // Every vector is normalised at the end.
        if matches!(steps.last(), Some(Step::Normalize)) {
            steps.pop();
        }
        if !steps.is_empty() && list.path.is_file() {
            files.push(list.path);
        }
        Ok(Modules { pooling, steps, width, files })
    }

    /// The row of a text whose tokens have these rows.
    pub fn apply(&self, rows: &[f32], width: usize) -> Vec<f32> {
        let mut row = match self.pooling {
            Pooling::Class => rows[..width].to_vec(),
            Pooling::Mean => {
                let (mut mean, count) = (vec![0.0; width], (rows.len() / width) as f32);
                rows.chunks_exact(width).for_each(|row| mean.iter_mut().zip(row).for_each(|(m, x)| *m += x));
                mean.iter_mut().for_each(|m| *m /= count);
                mean
            }
        };
        for step in &self.steps {
            match step {
                // A row without length is told of at the end.
                Step::Normalize => {
                    unit(&mut row);
                }
                Step::Dense { layer, tanh } => {
                    row = layer.apply(&row);
                    if *tanh {
                        row.iter_mut().for_each(|x| *x = x.tanh());
                    }
                }
            }
        }
        row
    }
}

/// `linear.weight` and, where its settings say so, `linear.bias`.
fn dense(folder: &Folder, list: &Settings, path: &str, width: usize) -> Result<(Step, usize, Vec<PathBuf>), Error> {
    let within = Path::new(path).components().all(|c| matches!(c, Component::Normal(_)));
    if path.is_empty() || !within {
        return Err(Error::model(
            &list.path,
            format!("a Dense module at {path:?}; its path is a folder beside this file"),
        ));
    }
    let settings = folder.settings(&format!("{path}/config.json"))?;
    let (from, to) = (settings.width("in_features", None)?, settings.width("out_features", None)?);
    if from != width {
        return Err(Error::model(&settings.path, format!("\"in_features\" is {from}; rows of {width} come to it")));
    }
    let activation = settings.text("activation_function").unwrap_or("torch.nn.modules.activation.Tanh");
    let tanh = match activation.rsplit('.').next() {
        Some("Tanh") => true,
        Some("Identity") => false,
        _ => {
            let what = format!("\"activation_function\" is {activation:?}; Tanh and Identity are known here");
            return Err(Error::model(&settings.path, what));
        }
    };
    let file = folder.file(&format!("{path}/model.safetensors")).ok_or_else(|| {
        Error::model(
            &folder.dir.join(path),
            "no model.safetensors; fetch it, or convert pytorch_model.bin with safetensors",
        )
    })?;
    let weights = Weights::open(&file)?;
    let layer = match settings.flag("bias", true) {
        true => Linear::load(&weights, "linear", from, to)?,
        false => Linear::without_bias(&weights, "linear.weight", from, to)?,
    };
    Ok((Step::Dense { layer, tanh }, to, vec![settings.path, file]))
}

/// Which row `1_Pooling` takes.
fn pooling(folder: &Folder) -> Result<(Pooling, Vec<PathBuf>), Error> {
    let settings = folder.settings("1_Pooling/config.json")?;
    let asked = |mode: &str, default| settings.flag(&format!("pooling_mode_{mode}"), default);
    // Newer versions of sentence-transformers write one name.
    let mode = settings.text("pooling_mode");
    let others = ["max_tokens", "mean_sqrt_len_tokens", "weightedmean_tokens", "lasttoken"];
    let class = asked("cls_token", false) || mode == Some("cls");
    let mean = asked("mean_tokens", !class && mode.is_none()) || mode == Some("mean");
    match (class, mean) {
        _ if others.iter().any(|o| asked(o, false)) => {}
        (true, false) => {
            return Ok((Pooling::Class, vec![settings.path].into_iter().filter(|p| p.is_file()).collect()));
        }
        (false, true) => return Ok((Pooling::Mean, vec![settings.path].into_iter().filter(|p| p.is_file()).collect())),
        _ => {}
    }
    Err(Error::model(&settings.path, "a kind of pooling other than the mean or the first token"))
}
