//! `mispair verify`: evidence, and what the rules make of it.
//!
//! | file | responsibility |
//! |---|---|
//! | `args.rs` | the arguments, their help |
//! | `chat.rs` | context and veracity from a chat endpoint |
//! | `ccn.rs` | CCN's folders of web evidence |
//! | `files.rs` | evidence of files, joined by id |
//! | `print.rs` | answers for people |
//! | `remote.rs` | the same, asked of a daemon |

mod args;
mod ccn;
mod chat;
mod files;
mod print;
mod remote;

pub use args::Verify;

use super::args::Format;
use super::models::{self, Patience};
use super::query_vectors::{belongs, of_picture, of_text};
use super::talk::Bars;
use super::{open, usage};
use crate::evidence::{
    Archive, Asked, By, Captions, Checked, Checker, EntityIndex, Error, Found, Item, Match, Settings, Verdict,
};
use crate::formats::{CheckRecord, read_checks, read_columns, read_vectors};
use crate::import::Talk;
use crate::index::Index;
use crate::mapped::Mapped;
use crate::words::{Row, SampleId};
use anyhow::{Context, Result, bail};
use args::How;
use chat::Chat;
use files::Files;
use print::{confusion, people};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// What is to be checked.
pub(super) struct Question {
    id: Option<SampleId>,
    image_id: Option<SampleId>,
    asked: Asked,
    /// Its own row in the archive.
    own: Option<Row>,
    /// Captions that the image carried elsewhere, as the file says.
    carried: Option<Vec<String>>,
}

/// One answer.
#[derive(Serialize, Deserialize)]
pub(super) struct Answer {
    id: Option<SampleId>,
    image_id: Option<SampleId>,
    caption: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    label: Option<String>,
    #[serde(flatten)]
    checked: Checked,
    /// The rules' verdict, and where they give none the model's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    final_verdict: Option<Verdict>,
    /// What a model said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    chat: Option<Said>,
    /// The context items as a model reads them, each under its name: what `eval veracity` reads.
    #[serde(flatten, skip_deserializing)]
    items: BTreeMap<Item, String>,
}

/// Who was asked, and its verdict.
#[derive(Serialize, Deserialize)]
struct Said {
    model: String,
    verdict: Option<Verdict>,
}

impl Answer {
    /// Adds what a model reads off the evidence.
    fn predict(&mut self, chat: &mut Chat<'_>) {
        let prompts = chat.prompts.clone();
        let said = prompts.predict(&self.caption, &self.checked, |message| chat.ask(message));
        let rules = self.checked.outcome.verdict;
        self.final_verdict = Some(match rules {
            Verdict::Undecided => said.verdict.unwrap_or(rules),
            decided => decided,
        });
        self.chat = Some(Said { model: chat.model.clone(), verdict: said.verdict });
        chat.unreadable += u64::from(said.unreadable);
        self.items = said.items;
        self.checked.skipped.extend(said.skipped.into_iter().map(|s| format!("chat: {s}")));
    }
}

pub(super) fn run(args: &Verify, talk: &Bars) -> Result<()> {
    if args.other_image.is_nan() || args.same_image.is_nan() || args.other_image > args.same_image {
        return Err(usage(format!(
            "--other-image {} must not be above --same-image {}",
            args.other_image, args.same_image
        )));
    }
    let settings = Settings {
        same_image: args.same_image,
        other_image: args.other_image,
        near_caption: args.near_caption,
        captions: if args.how == How::Within { Match::Within } else { Match::Equal },
        most: usize::from(args.most),
    };
    if let Some(folder) = &args.write_prompts {
        return chat::write_prompts(folder, talk);
    }
    let mut chat = Chat::new(args, talk)?;
    if let Some(url) = &args.url {
        let mut answer = remote::answer(url, args, &settings, talk)?;
        if let Some(chat) = &mut chat {
            answer.predict(chat);
        }
        let mut out = io::stdout().lock();
        match args.format {
            Format::Table => people(&answer, &mut out)?,
            Format::Json => writeln!(out, "{}", serde_json::to_string(&answer)?)?,
        }
        return chat.map_or(Ok(()), |chat| chat.end());
    }
    let index = args.archive.as_deref().map(open).transpose()?;
    let captions = index.as_ref().map(|i| Captions::of(&i.catalog));
    let archive = index.as_ref().zip(captions.as_ref());
    let archive = archive.map(|(i, c)| Archive::new(i, c, &args.images, &args.captions)).transpose()?;
    let entities = args.entities.as_deref().map(open).transpose()?;
    let entities = entities.as_ref().map(|i| EntityIndex::new(i, &args.captions, &args.images)).transpose()?;
    let questions = questions(args, index.as_ref(), archive.as_ref())?;
    let found = Files::read(&args.evidence, &questions, talk)?;
    let labels = labels(args, &questions, talk)?;
    if archive.is_none() && found.is_empty() && questions.iter().all(|q| q.carried.is_none()) {
        bail!("there is nothing to look in: name an --archive, --evidence files, or --checks with evidence_captions");
    }

    let checker = Checker { archive, entities, settings };
    talk.begin("verify", questions.len() as u64);
    let mut out = BufWriter::new(io::stdout().lock());
    let mut counts: BTreeMap<(String, Verdict, Option<u8>), u64> = BTreeMap::new();
    let many = questions.len() > 1;
    for question in &questions {
        let mut answer = answer(question, &checker, &found, &labels)?;
        if let Some(chat) = &mut chat {
            answer.predict(chat);
        }
        talk.advance(1);
        let (label, outcome) = (answer.label.clone().unwrap_or_default(), &answer.checked.outcome);
        *counts.entry((label, outcome.verdict, outcome.rule)).or_default() += 1;
        match args.format {
            Format::Json => {
                serde_json::to_writer(&mut out, &answer)?;
                out.write_all(b"\n")?;
            }
            Format::Table if !many => people(&answer, &mut out)?,
            Format::Table => {}
        }
    }
    talk.clear();
    if args.format == Format::Table && many {
        confusion(&counts, &mut out)?;
    }
    out.flush()?;
    chat.map_or(Ok(()), |chat| chat.end())
}

fn read_one(path: &Path) -> Result<Vec<f32>> {
    let file = Mapped::open(path).with_context(|| path.display().to_string())?;
    let vectors = read_vectors(&file, path)?;
    if vectors.rows() != 1 {
        bail!("{}: {} vectors, and one is asked for", path.display(), vectors.rows());
    }
    let mut vector = vec![0.0; vectors.width()];
    vectors.row_into(0, &mut vector);
    unit(vector).with_context(|| format!("{}: the vector is zero or not finite", path.display()))
}

/// At unit length; `None` for zeros and what is not finite.
fn unit(mut vector: Vec<f32>) -> Option<Vec<f32>> {
    let length = vector.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
    if !length.is_finite() || length == 0.0 {
        return None;
    }
    vector.iter_mut().for_each(|x| *x = (f64::from(*x) / length) as f32);
    Some(vector)
}

fn questions(args: &Verify, index: Option<&Index>, archive: Option<&Archive<'_>>) -> Result<Vec<Question>> {
    let here = |what: &str| match (index, archive) {
        (Some(index), Some(archive)) => Ok((index, archive)),
        _ => Err(usage(format!("{what} needs the --archive; name that, too"))),
    };
    if let Some(id) = &args.id {
        let (index, archive) = here("--id")?;
        let caption = super::query::find(index, id)?;
        let image = args.image_id.as_deref().map_or(Ok(caption), |id| super::query::find(index, id))?;
        let (asked, own) = archive.pair(caption, image);
        let (id, image_id) = (Some(index.catalog.id(caption)), Some(index.catalog.id(image)));
        return Ok(vec![Question { id, image_id, asked, own, carried: None }]);
    }
    if let Some(path) = &args.pairs {
        let others = open(path)?;
        // The archive itself: its samples say nothing about themselves.
        let own = index.is_some_and(|a| a.checksum == others.checksum);
        let captions = Captions::of(&others.catalog);
        let pairs = Archive::new(&others, &captions, &args.images, &args.captions)?;
        let of = |row: Row| {
            let id = Some(others.catalog.id(row));
            Question { image_id: id.clone(), id, asked: pairs.sample(row), own: own.then_some(row), carried: None }
        };
        return Ok(others.catalog.rows().map(of).collect());
    }
    if let Some(path) = &args.checks {
        let file = Mapped::open(path).with_context(|| path.display().to_string())?;
        let records = read_checks(&file, path)?;
        let mut seen = HashSet::new();
        if let Some(twice) = records.iter().find(|c| !seen.insert(c.id.to_string())) {
            bail!("{}: id {} stands twice; evidence and labels are joined by it", twice.at, twice.id.to_json());
        }
        let of = |c: CheckRecord| Question {
            id: Some(c.id),
            image_id: c.image_id,
            asked: Asked { caption: c.caption, image: None, text: None },
            own: None,
            carried: c.evidence_captions,
        };
        return Ok(records.into_iter().map(of).collect());
    }
    let Some(caption) = &args.caption else {
        return Err(usage(
            "name what is to be checked: --id, --pairs, --checks, or --caption with --image or --image-id",
        ));
    };
    let encoder = match &args.model {
        None => None,
        Some(model) => {
            let (index, archive) = here("--model")?;
            let encoder = models::open(model, Patience::SHORT)?;
            belongs(&*encoder, index, &args.images)?;
            if archive.has_texts() {
                belongs(&*encoder, index, &args.captions)?;
            }
            Some(encoder)
        }
    };
    let picture = |path: &Path| path.extension().is_none_or(|e| !["npy", "fvecs", "fbin"].iter().any(|v| e == *v));
    let encoded = |vector: Vec<f32>| unit(vector).context("the model gives a vector that is zero or not finite");
    let (image, image_id) = match (&args.image, &args.image_id) {
        (Some(path), _) => {
            let vector = match &encoder {
                Some(encoder) if picture(path) => encoded(of_picture(&**encoder, path)?)?,
                _ => read_one(path)?,
            };
            (Some(vector), None)
        }
        (None, Some(id)) => {
            let (index, archive) = here("--image-id")?;
            let row = super::query::find(index, id)?;
            (archive.sample(row).image, Some(index.catalog.id(row)))
        }
        (None, None) => return Err(usage("--caption needs its image: a vector by --image, or a sample by --image-id")),
    };
    let text = match (&args.text, &encoder) {
        (Some(path), _) => Some(read_one(path)?),
        (None, Some(encoder)) => Some(encoded(of_text(&**encoder, caption)?)?),
        (None, None) => None,
    };
    let asked = Asked { caption: caption.clone(), image, text };
    Ok(vec![Question { id: None, image_id, asked, own: None, carried: None }])
}

/// The truth by id.
fn labels(args: &Verify, questions: &[Question], talk: &Bars) -> Result<HashMap<String, String>> {
    let (Some(path), Some(column)) = (&args.table, &args.label) else { return Ok(HashMap::new()) };
    let file = Mapped::open(path).with_context(|| path.display().to_string())?;
    let records = read_columns(&file, path, &args.id_column, &[column])?;
    let labels: HashMap<String, String> =
        records.into_iter().filter_map(|r| Some((r.id.to_string(), r.cells.into_iter().next()??))).collect();
    let missing =
        questions.iter().filter(|q| q.id.as_ref().is_none_or(|id| !labels.contains_key(&id.to_string()))).count();
    if missing == questions.len() {
        bail!("{}: names none of the ids that are checked; is --id-column right?", path.display());
    }
    if missing > 0 {
        talk.note(&format!("note: {} has no {column:?} for {missing} of {} ids", path.display(), questions.len()));
    }
    Ok(labels)
}

/// Everything that others found about a question.
fn finds(question: &Question, files: &Files) -> Vec<Found> {
    let carried = question.carried.iter().flatten();
    let mut found: Vec<Found> = carried.map(|c| Found::caption(By::Image, "evidence_captions", c.clone())).collect();
    found.extend(files.of(question).map(|(by, (name, record))| Found {
        by,
        from: name.clone(),
        at: record.at.to_string(),
        caption: record.caption.clone(),
        similarity: record.similarity,
        vector: record.vector.clone(),
        source: record.source.clone(),
        domain: record.domain.clone(),
        date: record.date.clone(),
        entities: record.entities.clone(),
    }));
    found
}

fn answer(
    question: &Question,
    checker: &Checker<'_>,
    files: &Files,
    labels: &HashMap<String, String>,
) -> Result<Answer, Error> {
    let checked = checker.check(&question.asked, question.own, finds(question, files))?;
    let label = question.id.as_ref().and_then(|id| labels.get(&id.to_string())).cloned();
    let (id, image_id) = (question.id.clone(), question.image_id.clone());
    let caption = question.asked.caption.clone();
    Ok(Answer { id, image_id, caption, label, checked, final_verdict: None, chat: None, items: BTreeMap::new() })
}
