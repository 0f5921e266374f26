//! `mispair query --url`: the same question, put to a daemon. What comes back is printed as a local answer is.
//!
//! | asked | by |
//! |---|---|
//! | one sample, one text, one image | one request |
//! | vectors under a split | a request each, as many at a time as there are threads |
//! | vectors, plain | some at a time: one scan serves them all |

use super::args::{Query, Unique};
use super::http::{Daemon, HttpError};
use super::query::EXPLAINED;
use super::query_vectors::{asked_vector, read_facts, read_rows};
use super::usage;
use crate::query::Answer;
use crate::words::SampleId;
use anyhow::{Context, Result, anyhow, bail};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::fs;
use std::path::Path;

/// Plain queries that one request carries. A daemon that takes fewer is asked for halves.
const TOGETHER: usize = 32;

/// Answers in the order of the questions.
pub(super) fn answers(url: &str, args: &Query) -> Result<Vec<Answer>> {
    if let Some(split) = args.split.as_deref().filter(|s| s.ends_with(".toml") || s.contains('/')) {
        return Err(usage(format!(
            "--split {split}: a daemon knows its splits by name; start it with `--split {split}`, then ask for the name in that file"
        )));
    }
    let daemon = Daemon::at(url)?;
    let settings = settings(args)?;
    if let Some(id) = &args.id {
        return Ok(vec![of_sample(&daemon, &settings, id)?]);
    }
    if let Some(text) = &args.text {
        return Ok(vec![of_text(&daemon, &settings, text, args)?]);
    }
    if let Some(path) = &args.image {
        return Ok(vec![of_image(&daemon, &settings, path)?]);
    }
    let Some(path) = &args.vector else { return Err(usage("give an --id, a --vector, a --text or an --image")) };
    let rows = read_rows(path)?;
    // JSON has no word for them.
    if let Some(row) = rows.iter().position(|vector| vector.iter().any(|x| !x.is_finite())) {
        bail!("{}: row {row}: not every element is a finite number", path.display());
    }
    match &args.split {
        Some(_) => by_split(&daemon, &settings, path, &rows, args.meta.as_deref()),
        None => plain(&daemon, &settings, path, &rows),
    }
}

/// Everything but who it is asked for, as a request says it.
fn settings(args: &Query) -> Result<Map<String, Value>> {
    let engine = serde_json::to_value(args.engine.chosen())?;
    let index = args.index.as_ref().map(|name| name.to_string_lossy());
    let all = [
        ("index", json!(index)),
        ("split", json!(args.split)),
        ("modality", json!(args.modality)),
        ("from", json!(args.from)),
        ("k", json!(args.k)),
        ("ef", json!(args.ef)),
        ("engine", engine),
        ("adversarial", json!(args.adversarial.then_some(true))),
        ("lowest", json!(args.lowest.then_some(true))),
        ("unique", json!(args.unique.map(|Unique::Image| "image"))),
        ("partition", json!(args.partition)),
        ("explain", json!(args.explain.then_some(EXPLAINED))),
        ("waive", json!(Some(&args.waive).filter(|rules| !rules.is_empty()))),
    ];
    Ok(all.into_iter().filter(|s| !s.1.is_null()).map(|(name, value)| (name.to_owned(), value)).collect())
}

/// A request: settings, and who it is asked for.
#[derive(Clone, Copy, Serialize)]
struct Asked<'a> {
    #[serde(flatten)]
    settings: &'a Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a SampleId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    vector: Option<&'a [f32]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    vectors: Option<&'a [Vec<f32>]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    facts: Option<&'a Value>,
}

impl<'a> Asked<'a> {
    fn of(settings: &'a Map<String, Value>) -> Asked<'a> {
        Asked { settings, id: None, vector: None, vectors: None, text: None, facts: None }
    }
}

/// `42` is the integer if the index has that, else the text, as with an index at hand.
fn of_sample(daemon: &Daemon, settings: &Map<String, Value>, id: &str) -> Result<Answer> {
    let text = SampleId::from(id);
    let ask = |id| daemon.post::<Answer>("/v1/query", &Asked { id: Some(id), ..Asked::of(settings) });
    let Some(integer) = text.other_type() else { return Ok(ask(&text)?) };
    match ask(&integer) {
        Err(first) if field(&first) == Some("id") => match ask(&text) {
            // Neither is there: the integer is what was more likely meant.
            Err(second) if field(&second) == Some("id") => Err(first.into()),
            other => Ok(other?),
        },
        other => Ok(other?),
    }
}

/// The daemon's model makes its vector.
fn of_text(daemon: &Daemon, settings: &Map<String, Value>, text: &str, args: &Query) -> Result<Answer> {
    let outside = read_facts(args.meta.as_deref(), 1)?.pop().unwrap_or_default();
    let asked = Asked { text: Some(text), facts: outside.written.as_ref(), ..Asked::of(settings) };
    let mut answer: Answer = daemon.post("/v1/query", &asked)?;
    answer.query = json!({ "text": text });
    Ok(answer)
}

/// The daemon's model makes the image's vector.
fn of_image(daemon: &Daemon, settings: &Map<String, Value>, path: &Path) -> Result<Answer> {
    if settings.contains_key("split") {
        return Err(usage("--image: a daemon searches a --modality by an image, and no --split"));
    }
    let shown = path.display().to_string();
    let image = fs::read(path).with_context(|| shown.clone())?;
    let written = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let asked: Vec<_> = settings.iter().map(|(name, value)| (name.as_str(), written(value))).collect();
    let answer: Result<Answer, _> = daemon.post_image("/v1/images:search", &asked, &image);
    let mut answer = answer.map_err(|e| match field(&e) {
        Some("image") => anyhow!(e).context(shown.clone()),
        _ => e.into(),
    })?;
    answer.query = json!({ "image": shown });
    Ok(answer)
}

fn field(error: &HttpError) -> Option<&str> {
    match error {
        HttpError::Refused { problem, .. } => problem.field.as_deref(),
        HttpError::Unheard { .. } => None,
    }
}

fn by_split(
    daemon: &Daemon,
    settings: &Map<String, Value>,
    path: &Path,
    rows: &[Vec<f32>],
    meta: Option<&Path>,
) -> Result<Vec<Answer>> {
    let facts = read_facts(meta, rows.len())?;
    let answers: Vec<Result<Answer>> = rows
        .par_iter()
        .zip(&facts)
        .enumerate()
        .map(|(number, (vector, outside))| {
            let asked = Asked { vector: Some(vector), facts: outside.written.as_ref(), ..Asked::of(settings) };
            let answer: Result<Answer, _> = daemon.post("/v1/query", &asked);
            let mut answer = answer.map_err(|e| at_row(e, path, number))?;
            answer.query = asked_vector(path, number);
            Ok(answer)
        })
        .collect();
    // The first row at fault is named, whichever thread was first.
    answers.into_iter().collect()
}

/// `POST /v1/vectors:search` of several vectors.
#[derive(Deserialize)]
struct Several {
    answers: Vec<Answer>,
}

fn plain(daemon: &Daemon, settings: &Map<String, Value>, path: &Path, rows: &[Vec<f32>]) -> Result<Vec<Answer>> {
    let parts: Vec<_> = rows.chunks(TOGETHER).zip((0..).step_by(TOGETHER)).collect();
    let answers: Vec<Result<Vec<Answer>>> =
        parts.into_par_iter().map(|(rows, first)| together(daemon, settings, path, rows, first)).collect();
    let answers: Vec<Vec<Answer>> = answers.into_iter().collect::<Result<_>>()?;
    Ok(answers.into_iter().flatten().collect())
}

/// Answers of rows `first..`.
fn together(
    daemon: &Daemon,
    settings: &Map<String, Value>,
    path: &Path,
    rows: &[Vec<f32>],
    first: usize,
) -> Result<Vec<Answer>> {
    match daemon.post::<Several>("/v1/vectors:search", &Asked { vectors: Some(rows), ..Asked::of(settings) }) {
        Ok(several) if several.answers.len() == rows.len() => {
            let mut answers = several.answers;
            for (number, answer) in (first..).zip(&mut answers) {
                answer.query = asked_vector(path, number);
            }
            Ok(answers)
        }
        Ok(several) => {
            Err(anyhow!("{} answers to {} vectors: is this a mispair daemon?", several.answers.len(), rows.len()))
        }
        // Too many for it, or too long.
        Err(HttpError::Refused { problem, .. })
            if rows.len() > 1 && (problem.field.as_deref() == Some("vectors") || problem.status == 413) =>
        {
            let (left, right) = rows.split_at(rows.len() / 2);
            let mut answers = together(daemon, settings, path, left, first)?;
            answers.extend(together(daemon, settings, path, right, first + left.len())?);
            Ok(answers)
        }
        Err(e) => {
            let at = field(&e).and_then(|f| f.strip_prefix("vectors[")?.split(']').next()?.parse::<usize>().ok());
            Err(match at {
                Some(at) => at_row(e, path, first + at),
                None => e.into(),
            })
        }
    }
}

/// Names the row where the fault is of a row; a daemon that does not answer is no fault of any.
fn at_row(error: HttpError, path: &Path, row: usize) -> anyhow::Error {
    let of_row = field(&error).is_some_and(|f| f.starts_with("vector") || f.starts_with("facts"));
    match of_row {
        true => anyhow!(error).context(format!("{}: row {row}", path.display())),
        false => error.into(),
    }
}
