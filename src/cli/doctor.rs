//! `mispair doctor`.

use super::args::Format;
use super::args_models::Doctor;
use super::models::{self, Patience};
use super::render::{bytes, count, line, table};
use super::serve;
use crate::encode::pixels::{Pixels, decode};
use crate::encode::{self, Encoder, Identity};
use crate::index::{Index, Modality};
use crate::kernels;
use crate::words::Row;
use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::{self, Write};
use std::path::Path;

/// Rows of a modality that are encoded again.
const SAMPLE: usize = 32;
/// Rows of f32 and reference vectors must come this near.
const NEAR: f32 = 0.9999;
/// Rows that were rounded to f16 on their way.
const NEAR_F16: f32 = 0.999;

#[derive(Debug, Serialize)]
struct Check {
    what: String,
    result: Outcome,
    detail: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Outcome {
    Ok,
    Note,
    Fail,
}

/// What another implementation made of the same model: vectors, and what it read of the texts.
#[derive(Debug, Deserialize)]
struct Reference {
    #[serde(default)]
    texts: Vec<ReferenceText>,
    #[serde(default)]
    images: Vec<ReferenceImage>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ReferenceText {
    text: String,
    tokens: Option<Vec<u32>>,
    vector: Option<Vec<f32>>,
}

#[derive(Debug, Deserialize)]
struct ReferenceImage {
    path: String,
    vector: Vec<f32>,
}

pub(super) fn run(args: &Doctor) -> Result<()> {
    let mut checks = Vec::new();
    machine(&mut checks);
    if let Some(path) = &args.config {
        let (result, detail) = match serve::checked(path) {
            Ok(detail) => (Outcome::Ok, detail),
            Err(e) => (Outcome::Fail, format!("{e:#}")),
        };
        push(&mut checks, "config", result, detail);
    }
    let index = args.index.as_deref().and_then(|path| look_at_index(path, &mut checks));
    let encoder = args.model.as_deref().and_then(|path| look_at_model(path, &mut checks));
    if let (Some(path), Some(encoder)) = (&args.reference, &encoder) {
        references(path, encoder.as_ref(), &mut checks)?;
    }
    if let (Some(index), Some(encoder)) = (&index, &encoder) {
        for modality in &index.modalities {
            again(index, modality, encoder.as_ref(), args.images.as_deref(), &mut checks);
        }
    }
    let mut out = io::stdout().lock();
    match args.format {
        Format::Json => writeln!(out, "{}", serde_json::to_string(&checks)?)?,
        Format::Table => {
            let mut rows = table(&["", "checked", "found"]);
            for check in &checks {
                let mark = match check.result {
                    Outcome::Ok => "ok",
                    Outcome::Note => "note",
                    Outcome::Fail => "FAIL",
                };
                rows.add_row([mark, &check.what, &check.detail]);
            }
            writeln!(out, "{rows}")?;
        }
    }
    let failed: Vec<&str> = checks.iter().filter(|c| c.result == Outcome::Fail).map(|c| c.what.as_str()).collect();
    if !failed.is_empty() {
        bail!("{} of {} checks failed: {}", failed.len(), checks.len(), failed.join(", "));
    }
    Ok(())
}

fn push(checks: &mut Vec<Check>, what: impl Into<String>, result: Outcome, detail: impl Into<String>) {
    checks.push(Check { what: what.into(), result, detail: detail.into() });
}

fn machine(checks: &mut Vec<Check>) {
    let name = kernels::backend_name();
    let result = if name == "scalar" { Outcome::Note } else { Outcome::Ok };
    let slow = if name == "scalar" { ": right, but slow; AVX2 and FMA make it fast" } else { "" };
    push(checks, "kernels", result, format!("{name}{slow}"));
    push(checks, "threads", Outcome::Ok, rayon::current_num_threads().to_string());
    let memory = fs::read_to_string("/proc/meminfo").ok().and_then(|text| {
        let line = text.lines().find(|l| l.starts_with("MemAvailable:"))?;
        line.split_whitespace().nth(1)?.parse::<u64>().ok()
    });
    match memory {
        Some(kib) => push(checks, "memory", Outcome::Ok, format!("{} available", bytes(kib << 10))),
        None => push(checks, "memory", Outcome::Note, "unknown on this system"),
    }
}

fn look_at_index(path: &Path, checks: &mut Vec<Check>) -> Option<Index> {
    let index = match Index::open(path) {
        Ok(index) => index,
        Err(e) => {
            push(checks, "index", Outcome::Fail, e.to_string());
            return None;
        }
    };
    match index.verify() {
        Ok(()) => {
            let detail =
                format!("{} samples, {}, every checksum right", count(index.catalog.len()), bytes(index.bytes()));
            push(checks, "index", Outcome::Ok, detail);
        }
        Err(e) => push(checks, "index", Outcome::Fail, e.to_string()),
    }
    for modality in &index.modalities {
        let detail = modality.encoder.as_deref().map_or("names no encoder: no query can be checked against it", |e| e);
        let result = if modality.encoder.is_some() { Outcome::Ok } else { Outcome::Note };
        push(checks, format!("encoder of {}", modality.name), result, detail);
    }
    Some(index)
}

fn look_at_model(path: &Path, checks: &mut Vec<Check>) -> Option<Box<dyn Encoder>> {
    match models::open(path, Patience::SHORT) {
        Ok(encoder) => {
            push(checks, "model", Outcome::Ok, encoder.identity().to_string());
            Some(encoder)
        }
        Err(e) => {
            push(checks, "model", Outcome::Fail, format!("{e:#}"));
            None
        }
    }
}

fn references(path: &Path, encoder: &dyn Encoder, checks: &mut Vec<Check>) -> Result<()> {
    let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let reference: Reference = serde_json::from_str(&text).with_context(|| path.display().to_string())?;
    if reference.texts.is_empty() && reference.images.is_empty() {
        bail!(
            "{}: neither \"texts\" nor \"images\" in it; contrib/reference_vectors.py writes such files",
            path.display()
        );
    }
    if let Some(number) = reference.texts.iter().position(|t| t.tokens.is_none() && t.vector.is_none()) {
        bail!("{}: text {number}: neither \"tokens\" nor a \"vector\"", path.display());
    }
    let cut: Vec<(&ReferenceText, &Vec<u32>)> =
        reference.texts.iter().filter_map(|t| Some((t, t.tokens.as_ref()?))).collect();
    if !cut.is_empty() {
        let (result, detail) = tokens(encoder, &cut);
        push(checks, "reference tokens", result, detail);
    }
    let (texts, theirs): (Vec<&str>, Vec<Vec<f32>>) =
        reference.texts.iter().filter_map(|t| Some((t.text.as_str(), t.vector.clone()?))).unzip();
    if !texts.is_empty() {
        compare("reference texts", encoder.texts(&texts), &theirs, encoder.identity(), NEAR, checks);
    }
    if !reference.images.is_empty() {
        let folder = path.parent().unwrap_or(Path::new(""));
        let images: Result<Vec<Pixels>> = reference.images.iter().map(|i| read(&folder.join(&i.path))).collect();
        let theirs: Vec<Vec<f32>> = reference.images.iter().map(|i| i.vector.clone()).collect();
        compare("reference images", encoder.images(&images?), &theirs, encoder.identity(), NEAR, checks);
    }
    Ok(())
}

/// Are the tokens of all texts as they should be?
fn tokens(encoder: &dyn Encoder, texts: &[(&ReferenceText, &Vec<u32>)]) -> (Outcome, String) {
    for (t, theirs) in texts {
        match encoder.tokens(&t.text) {
            None => return (Outcome::Note, "the model does not tell its tokens".to_owned()),
            Some((ours, _)) if ours != **theirs => {
                let detail = format!("{:?}: {theirs:?} expected, got {ours:?}", line(&t.text, 60));
                return (Outcome::Fail, detail);
            }
            Some(_) => {}
        }
    }
    (Outcome::Ok, format!("{} texts, the same tokens", count(texts.len())))
}

fn read(path: &Path) -> Result<Pixels> {
    let bytes = fs::read(path).with_context(|| path.display().to_string())?;
    decode(&bytes).with_context(|| path.display().to_string())
}

/// Captions (or images) of the index, encoded again.
fn again(index: &Index, modality: &Modality, encoder: &dyn Encoder, root: Option<&Path>, checks: &mut Vec<Check>) {
    let what = format!("{} encoded again", modality.name);
    let Some(named) = &modality.encoder else { return };
    if encoder.identity().check(named).is_err() || modality.matrix.dim() != encoder.identity().width {
        return push(checks, what, Outcome::Note, format!("made by another encoder: {named}"));
    }
    let catalog = &index.catalog;
    let have: Vec<Row> = catalog.rows().filter(|row| modality.matrix.has(*row)).collect();
    let chosen: Vec<Row> = have.iter().step_by(have.len().div_ceil(SAMPLE).max(1)).copied().collect();
    let theirs: Vec<Vec<f32>> = chosen
        .iter()
        .filter_map(|row| modality.matrix.find(*row))
        .map(|at| modality.matrix.vector(at)[..modality.matrix.dim()].to_vec())
        .collect();
    let near = if modality.matrix.dtype() == crate::matrix::Dtype::F16 { NEAR_F16 } else { NEAR };
    if modality.name.contains("image") {
        let Some(root) = root else {
            return push(checks, what, Outcome::Note, "not looked at: name the folder of the images with --images");
        };
        let images: Result<Vec<Pixels>> = chosen.iter().map(|row| read(&root.join(catalog.image_path(*row)))).collect();
        match images {
            Ok(images) => compare(&what, encoder.images(&images), &theirs, encoder.identity(), near, checks),
            Err(e) => push(checks, what, Outcome::Fail, format!("{e:#}")),
        }
    } else {
        let texts: Vec<&str> = chosen.iter().map(|row| catalog.caption(*row)).collect();
        compare(&what, encoder.texts(&texts), &theirs, encoder.identity(), near, checks);
    }
}

fn compare(
    what: &str,
    ours: Result<Vec<f32>, encode::Error>,
    theirs: &[Vec<f32>],
    identity: &Identity,
    near: f32,
    checks: &mut Vec<Check>,
) {
    let ours = match ours {
        Ok(ours) => ours,
        Err(e) => return push(checks, what, Outcome::Fail, e.to_string()),
    };
    if let Some(other) = theirs.iter().find(|v| v.len() != identity.width) {
        let detail = format!("{} elements, the model gives {}", other.len(), identity.width);
        return push(checks, what, Outcome::Fail, detail);
    }
    let cosine = |(a, b): (&[f32], &Vec<f32>)| {
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
        (dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()) as f32
    };
    let cosines: Vec<f32> = ours.chunks_exact(identity.width).zip(theirs).map(cosine).collect();
    // Not `min`, which would pass over what is no number.
    let worst = cosines.iter().copied().fold(1.0, |w: f32, c| if c >= w { w } else { c });
    let result = if worst >= near && !cosines.is_empty() { Outcome::Ok } else { Outcome::Fail };
    push(
        checks,
        what,
        result,
        format!("{} vectors, the lowest cosine {worst:.6} (at least {near} is right)", cosines.len()),
    );
}
