//! The files of tokenizers: tokenizer.json, or the older ones beside it.

use crate::encode::Error;
use serde_json::Value;
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

/// What was read.
pub(super) struct Read {
    pub vocabulary: HashMap<String, u32>,
    /// Pairs, the first to be merged first; of byte pairs only.
    pub merges: Vec<(String, String)>,
    pub normal: Normal,
    pub files: Vec<PathBuf>,
}

/// What BERT's normaliser does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Normal {
    pub clean: bool,
    pub chinese: bool,
    pub accents: bool,
    pub lowercase: bool,
}

impl Read {
    /// The number of a mark that must be there.
    pub fn mark(&self, name: &str) -> Result<u32, Error> {
        self.vocabulary.get(name).copied().ok_or_else(|| {
            let path = self.files.first().map_or(Path::new(""), PathBuf::as_path);
            Error::model(path, format!("no token {name:?}; is this the tokenizer of another kind of model?"))
        })
    }

    /// One more than the greatest number.
    pub fn size(&self) -> usize {
        self.vocabulary.values().max().map_or(0, |&n| n as usize + 1)
    }
}

/// Reads a byte-pair tokenizer.
pub(super) fn byte_pairs(dir: &Path) -> Result<Read, Error> {
    let normal = Normal { clean: false, chinese: false, accents: true, lowercase: true };
    let path = dir.join("tokenizer.json");
    if path.is_file() {
        let json = json(&path)?;
        let bad = |what: &str| Error::model(&path, format!("{what}; a byte-pair tokenizer as CLIP's is read here"));
        let model = json.get("model").ok_or_else(|| bad("no \"model\""))?;
        if model.get("end_of_word_suffix").and_then(Value::as_str) != Some("</w>") {
            return Err(bad("no \"end_of_word_suffix\" of \"</w>\""));
        }
        let mut vocabulary = vocabulary(model.get("vocab")).ok_or_else(|| bad("no \"vocab\""))?;
        added(&json, &mut vocabulary);
        let merges = model.get("merges").and_then(Value::as_array).ok_or_else(|| bad("no \"merges\""))?;
        let merges =
            merges.iter().map(merge).collect::<Option<Vec<_>>>().ok_or_else(|| bad("a merge that is no pair"))?;
        return Ok(Read { vocabulary, merges, normal, files: vec![path] });
    }
    let (names, rules) = (dir.join("vocab.json"), dir.join("merges.txt"));
    if !names.is_file() || !rules.is_file() {
        return Err(Error::model(
            dir,
            "neither tokenizer.json nor vocab.json and merges.txt; fetch one from the model's hub",
        ));
    }
    let table = json(&names)?;
    let vocabulary = vocabulary(Some(&table)).ok_or_else(|| Error::model(&names, "no object of tokens and numbers"))?;
    let text = fs::read_to_string(&rules).map_err(|e| Error::model(&rules, e))?;
    let lines = text.lines().filter(|line| !line.starts_with("#version") && !line.trim().is_empty());
    let merges = lines.map(|line| merge(&Value::from(line))).collect::<Option<Vec<_>>>();
    let merges = merges.ok_or_else(|| Error::model(&rules, "a line that is no pair of tokens"))?;
    Ok(Read { vocabulary, merges, normal, files: vec![names, rules] })
}

/// Reads a word-piece tokenizer.
pub(super) fn word_pieces(dir: &Path) -> Result<Read, Error> {
    let path = dir.join("tokenizer.json");
    if path.is_file() {
        let json = json(&path)?;
        let bad = |what: &str| Error::model(&path, format!("{what}; a word-piece tokenizer as BERT's is read here"));
        let model = json.get("model").ok_or_else(|| bad("no \"model\""))?;
        if model.get("continuing_subword_prefix").and_then(Value::as_str) != Some("##") {
            return Err(bad("no \"continuing_subword_prefix\" of \"##\""));
        }
        let mut vocabulary = vocabulary(model.get("vocab")).ok_or_else(|| bad("no \"vocab\""))?;
        added(&json, &mut vocabulary);
        let normalizer = json.get("normalizer").cloned().unwrap_or_default();
        if normalizer.get("type").and_then(Value::as_str) != Some("BertNormalizer") {
            return Err(bad("no \"normalizer\" of type BertNormalizer"));
        }
        let flag = |key: &str, default| normalizer.get(key).and_then(Value::as_bool).unwrap_or(default);
        let lowercase = flag("lowercase", true);
        let normal = Normal {
            clean: flag("clean_text", true),
            chinese: flag("handle_chinese_chars", true),
            accents: !flag("strip_accents", lowercase),
            lowercase,
        };
        return Ok(Read { vocabulary, merges: Vec::new(), normal, files: vec![path] });
    }
    let path = dir.join("vocab.txt");
    if !path.is_file() {
        return Err(Error::model(dir, "neither tokenizer.json nor vocab.txt; fetch one from the model's hub"));
    }
    let text = fs::read_to_string(&path).map_err(|e| Error::model(&path, e))?;
    let vocabulary = text.lines().zip(0..).map(|(token, n)| (token.to_owned(), n)).collect();
    let settings = dir.join("tokenizer_config.json");
    let settings = if settings.is_file() { json(&settings)? } else { Value::Null };
    let lowercase = settings.get("do_lower_case").and_then(Value::as_bool).unwrap_or(true);
    let strip = settings.get("strip_accents").and_then(Value::as_bool).unwrap_or(lowercase);
    let normal = Normal { clean: true, chinese: true, accents: !strip, lowercase };
    Ok(Read { vocabulary, merges: Vec::new(), normal, files: vec![path] })
}

fn json(path: &Path) -> Result<Value, Error> {
    let text = fs::read_to_string(path).map_err(|e| Error::model(path, e))?;
    serde_json::from_str(&text).map_err(|e| Error::model(path, e))
}

fn vocabulary(of: Option<&Value>) -> Option<HashMap<String, u32>> {
    let number = |n: &Value| u32::try_from(n.as_u64()?).ok();
    of?.as_object()?.iter().map(|(token, n)| Some((token.clone(), number(n)?))).collect()
}

/// Marks may stand outside the vocabulary.
fn added(json: &Value, vocabulary: &mut HashMap<String, u32>) {
    for token in json.get("added_tokens").and_then(Value::as_array).into_iter().flatten() {
        let number = token.get("id").and_then(Value::as_u64).and_then(|n| u32::try_from(n).ok());
        if let (Some(text), Some(number)) = (token.get("content").and_then(Value::as_str), number) {
            vocabulary.entry(text.to_owned()).or_insert(number);
        }
    }
}

/// `"a b"` or `["a", "b"]`.
fn merge(of: &Value) -> Option<(String, String)> {
    match of {
        Value::String(text) => text.split_once(' ').map(|(a, b)| (a.to_owned(), b.to_owned())),
        Value::Array(pair) => match pair.as_slice() {
            [Value::String(a), Value::String(b)] => Some((a.clone(), b.clone())),
            _ => None,
        },
        _ => None,
    }
}
