//! What a query brings along: vectors of a file, or of a text or an image by the encoder that the index names; facts.

use super::args::Query;
use super::models::{self, Patience};
use super::talk::say;
use super::usage;
use crate::encode::Encoder;
use crate::encode::pixels::decode;
use crate::formats::{self, captioned_facts};
use crate::index::Index;
use crate::mapped::Mapped;
use crate::matrix::{Matrix, Prepared};
use crate::query::Error;
use crate::words::Facts;
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

/// One query from outside.
pub(super) struct Given {
    /// Prepared as stored rows are.
    pub vector: Prepared,
    /// What is repeated in the answer.
    pub asked: Value,
    /// What it is called in an error.
    pub name: String,
    /// Its caption, where it is one.
    pub caption: Option<String>,
}

/// What is repeated in the answer to a vector of a file.
pub(super) fn asked_vector(path: &Path, row: usize) -> Value {
    json!({ "vector": path.display().to_string(), "row": row })
}

/// The queries of --vector, --text or --image, in the space of a modality.
pub(super) fn given(args: &Query, index: &Index, modality: &str) -> Result<Vec<Given>> {
    let matrix = index.matrix(modality).ok_or_else(|| Error::UnknownModality {
        got: modality.to_owned(),
        have: index.modalities.iter().map(|m| m.name.clone()).collect(),
    })?;
    if let Some(path) = &args.vector {
        let vectors = read_vectors(path, matrix, modality)?.into_iter().enumerate();
        let shown = path.display().to_string();
        let one = |(row, vector)| Given {
            vector,
            asked: asked_vector(path, row),
            name: format!("{shown}: row {row}"),
            caption: None,
        };
        return Ok(vectors.map(one).collect());
    }
    let Some(model) = &args.model else {
        return Err(usage(
            "a --text or an --image is encoded by the model that made the index's vectors: name its folder with --model",
        ));
    };
    let encoder = encoder_of(model, index, modality)?;
    let encoder_name = encoder.identity().to_string();
    let (vector, asked, name, caption) = match (&args.text, &args.image) {
        (Some(text), _) => {
            let asked = json!({ "text": text, "encoder": encoder_name });
            (of_text(&*encoder, text)?, asked, format!("{text:?}"), Some(text.clone()))
        }
        (None, Some(path)) => {
            let shown = path.display().to_string();
            (of_picture(&*encoder, path)?, json!({ "image": shown, "encoder": encoder_name }), shown, None)
        }
        (None, None) => return Err(usage("--model encodes a --text or an --image; give one")),
    };
    let vector = matrix.query(vector).with_context(|| name.clone())?;
    Ok(vec![Given { vector, asked, name, caption }])
}

/// Opens a model, and refuses it where its vectors have no business beside those of the modality.
fn encoder_of(model: &Path, index: &Index, modality: &str) -> Result<Box<dyn Encoder>> {
    let encoder = models::open(model, Patience::SHORT)?;
    belongs(&*encoder, index, modality)?;
    Ok(encoder)
}

/// Refuses a model that did not make the vectors of a modality.
pub(super) fn belongs(encoder: &dyn Encoder, index: &Index, modality: &str) -> Result<()> {
    let Some(searched) = index.modality(modality) else { bail!("no modality {modality:?}") };
    match &searched.encoder {
        Some(named) => {
            encoder.identity().check(named).with_context(|| format!("{}: {modality}", index.path.display()))?
        }
        None => say(&format!(
            "note: {} does not say what made its {modality}; whether {} did cannot be checked",
            index.path.display(),
            encoder.identity()
        )),
    }
    let (got, expected) = (encoder.identity().width, searched.matrix.dim());
    if got != expected {
        bail!("{}: {modality} has {expected} elements, {} gives {got}", index.path.display(), encoder.identity());
    }
    Ok(())
}

/// The vector of a picture.
pub(super) fn of_picture(encoder: &dyn Encoder, path: &Path) -> Result<Vec<f32>> {
    let shown = || path.display().to_string();
    let bytes = fs::read(path).with_context(shown)?;
    let pixels = decode(&bytes).with_context(shown)?;
    Ok(encoder.images(&[pixels])?)
}

/// The vector of a text; if the model does not read it to its end, that is said.
pub(super) fn of_text(encoder: &dyn Encoder, text: &str) -> Result<Vec<f32>> {
    if encoder.is_cut(text) {
        say("note: the text is longer than the model reads, and was cut");
    }
    Ok(encoder.texts(&[text])?)
}

/// Query vectors as stored rows are prepared: finite, of the right width, of unit length under cosine.
pub(super) fn read_vectors(path: &Path, matrix: &Matrix, modality: &str) -> Result<Vec<Prepared>> {
    let rows = read_rows(path)?;
    let width = rows[0].len();
    if width != matrix.dim() {
        bail!(
            "{}: vectors of {width} elements, {modality:?} has {}; were they made by another encoder?",
            path.display(),
            matrix.dim()
        );
    }
    let prepared = |(row, vector)| matrix.query(vector).with_context(|| format!("{}: row {row}", path.display()));
    rows.into_iter().enumerate().map(prepared).collect()
}

/// Vectors as they stand in a file: at least one, all of one width.
pub(super) fn read_rows(path: &Path) -> Result<Vec<Vec<f32>>> {
    let map = Mapped::open(path).with_context(|| path.display().to_string())?;
    let file = formats::read_vectors(&map, path)?;
    if file.rows() == 0 {
        bail!("{}: no row, so no query", path.display());
    }
    let row = |row| {
        let mut vector = vec![0.0; file.width()];
        file.row_into(row, &mut vector);
        vector
    };
    Ok((0..file.rows()).map(row).collect())
}

/// What is told of a caption from outside.
#[derive(Debug, Clone, Default)]
pub(super) struct Outside {
    /// Its text, where it is told.
    pub caption: Option<String>,
    /// Its facts.
    pub facts: Facts,
    /// Both as they stand in the file.
    pub written: Option<Value>,
}

/// One entry a query.
pub(super) fn read_facts(path: Option<&Path>, queries: usize) -> Result<Vec<Outside>> {
    let Some(path) = path else { return Ok(vec![Outside::default(); queries]) };
    let shown = path.display();
    let text = fs::read_to_string(path).with_context(|| shown.to_string())?;
    let value: Value = serde_json::from_str(&text).with_context(|| shown.to_string())?;
    let entries = match value {
        Value::Array(entries) => entries,
        one => vec![one],
    };
    if entries.len() != queries {
        bail!(
            "{shown}: facts of {} captions for {queries} query vectors; give a list with one object a vector",
            entries.len()
        );
    }
    let read = |(i, entry)| {
        let (caption, facts) = captioned_facts(&entry).with_context(|| format!("{shown}: entry {i}"))?;
        Ok(Outside { caption, facts, written: Some(entry) })
    };
    entries.into_iter().enumerate().map(read).collect()
}
