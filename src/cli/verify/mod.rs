//! `mispair verify`: evidence, and what the rules make of it.
//!
//! | file | responsibility |
//! |---|---|
//! | `args.rs` | the arguments, their help |
//! | `ccn.rs` | CCN's folders of web evidence |
//! | `files.rs` | evidence of files, joined by id |
//! | `print.rs` | answers for people |

mod args;
mod ccn;
mod files;
mod print;

pub use args::Verify;

use super::args::Format;
use super::talk::Bars;
use super::{open, usage};
use crate::evidence::{
    Archive, Asked, By, Entity, EntityIndex, Item, Line, Match, Outcome, Settings, Verdict, ranked_captions,
    same_words, verdict,
};
use crate::formats::{CheckRecord, read_checks, read_columns, read_vectors};
use crate::import::Talk;
use crate::index::Index;
use crate::mapped::Mapped;
use crate::words::{Mention, Row, SampleId};
use anyhow::{Context, Result, bail};
use args::How;
use files::Files;
use print::{confusion, people};
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};
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
#[derive(Serialize)]
pub(super) struct Answer {
    id: Option<SampleId>,
    image_id: Option<SampleId>,
    caption: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<String>,
    #[serde(flatten)]
    outcome: Outcome,
    evidence: Vec<Line>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    context: BTreeMap<&'static str, Vec<String>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    entities: Vec<Entity>,
    /// What was not looked for, and why.
    skipped: Vec<String>,
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
    let index = args.archive.as_deref().map(open).transpose()?;
    let archive = index.as_ref().map(|i| Archive::new(i, &args.images, &args.captions)).transpose()?;
    let entities = args.entities.as_deref().map(open).transpose()?;
    let entities = entities.as_ref().map(|i| EntityIndex::new(i, &args.captions, &args.images)).transpose()?;
    let questions = questions(args, index.as_ref())?;
    let found = Files::read(&args.evidence, &questions, talk)?;
    let labels = labels(args, &questions, talk)?;
    if archive.is_none() && found.is_empty() && questions.iter().all(|q| q.carried.is_none()) {
        bail!("there is nothing to look in: name an --archive, --evidence files, or --checks with evidence_captions");
    }

    talk.begin("verify", questions.len() as u64);
    let mut out = BufWriter::new(io::stdout().lock());
    let mut counts: BTreeMap<(String, Verdict, Option<u8>), u64> = BTreeMap::new();
    let many = questions.len() > 1;
    for question in &questions {
        let answer = answer(question, &settings, archive.as_ref(), entities.as_ref(), &found, &labels)?;
        talk.advance(1);
        let label = answer.label.clone().unwrap_or_default();
        *counts.entry((label, answer.outcome.verdict, answer.outcome.rule)).or_default() += 1;
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
    Ok(())
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

fn of_row(index: &Index, row: Row, args: &Verify, own: bool) -> Question {
    let vector = |modality: &str| {
        let matrix = index.matrix(modality)?;
        Some(matrix.padded(matrix.find(row)?)[..matrix.dim()].to_vec())
    };
    let asked = Asked {
        caption: index.catalog.caption(row).to_owned(),
        image: vector(&args.images),
        text: vector(&args.captions),
    };
    let id = Some(index.catalog.id(row));
    Question { image_id: id.clone(), id, asked, own: own.then_some(row), carried: None }
}

fn questions(args: &Verify, archive: Option<&Index>) -> Result<Vec<Question>> {
    if let (Some(id), Some(index)) = (&args.id, archive) {
        let row = super::query::find(index, id)?;
        return Ok(vec![of_row(index, row, args, true)]);
    }
    if let Some(path) = &args.pairs {
        let index = open(path)?;
        // The archive itself: its samples say nothing about themselves.
        let own = archive.is_some_and(|a| a.checksum == index.checksum);
        return Ok(index.catalog.rows().map(|row| of_row(&index, row, args, own)).collect());
    }
    if let Some(path) = &args.checks {
        let file = Mapped::open(path).with_context(|| path.display().to_string())?;
        let of = |c: CheckRecord| Question {
            id: Some(c.id),
            image_id: c.image_id,
            asked: Asked { caption: c.caption, image: None, text: None },
            own: None,
            carried: c.evidence_captions,
        };
        return Ok(read_checks(&file, path)?.into_iter().map(of).collect());
    }
    let (Some(caption), Some(image)) = (&args.caption, &args.image) else {
        return Err(usage("name what is to be checked: --id, --pairs, --checks, or --caption with --image"));
    };
    let text = args.text.as_deref().map(read_one).transpose()?;
    let asked = Asked { caption: caption.clone(), image: Some(read_one(image)?), text };
    Ok(vec![Question { id: None, image_id: None, asked, own: None, carried: None }])
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

fn answer(
    question: &Question,
    settings: &Settings,
    archive: Option<&Archive<'_>>,
    entities: Option<&EntityIndex<'_>>,
    files: &Files,
    labels: &HashMap<String, String>,
) -> Result<Answer> {
    let asked = &question.asked;
    let mut skipped = Vec::new();
    let words = same_words(&asked.caption);
    if words.is_empty() {
        skipped.push("the caption is empty: it matches nothing".to_owned());
    }
    let mut lines = archive.map_or_else(|| Ok(Vec::new()), |a| a.lines(asked, settings, question.own))?;
    if archive.is_some() && asked.image.is_none() {
        skipped.push(
            "the image has no vector: the archive was not searched by image, and no images were compared".to_owned(),
        );
    }
    if archive.is_some() && asked.text.is_none() {
        skipped.push(
            "the caption has no vector: of the archive's captions only those that match were looked at".to_owned(),
        );
    }
    let bare = |by: By, from: &str, caption: &str| Line {
        by,
        from: from.to_owned(),
        id: None,
        caption: caption.to_owned(),
        image_path: None,
        image_similarity: None,
        text_similarity: None,
        caption_matches: settings.captions.holds(&words, &same_words(caption)),
        source: None,
        domain: None,
        date: None,
    };
    lines.extend(question.carried.iter().flatten().map(|c| bare(By::Image, "evidence_captions", c)));
    let mut mentions: HashMap<usize, Vec<Mention>> = HashMap::new();
    for (by, (name, record)) in files.of(question) {
        let mut line = bare(by, name, &record.caption);
        line.image_similarity = record.similarity;
        if let (None, Some(vector), Some(image)) = (record.similarity, &record.vector, &asked.image) {
            let Some(vector) = unit(vector.clone()) else { bail!("{}: the vector is zero", record.at) };
            if vector.len() != image.len() {
                bail!("{}: a vector of {} dimensions, the image's has {}", record.at, vector.len(), image.len());
            }
            line.image_similarity = Some(vector.iter().zip(image).map(|(a, b)| a * b).sum());
        }
        // What was found by image is evidence of it only if the two are one image; a file that gives no cosine is taken at its word.
        if by == By::Image && line.image_similarity.is_some_and(|s| s < settings.same_image) {
            continue;
        }
        (line.source, line.domain, line.date) = (record.source.clone(), record.domain.clone(), record.date.clone());
        if let Some(found) = &record.entities {
            mentions.insert(lines.len(), found.clone());
        }
        lines.push(line);
    }
    // Captions that the image carried, ranked for each item, where their entities are known.
    let by_image: Vec<usize> = (0..lines.len()).filter(|&i| lines[i].by == By::Image).collect();
    let known: Vec<Option<&[Mention]>> = by_image.iter().map(|i| mentions.get(i).map(Vec::as_slice)).collect();
    let mut context = BTreeMap::new();
    if known.iter().any(Option::is_some) {
        for item in Item::ALL {
            let order = ranked_captions(&known, item);
            context.insert(item.name(), order.into_iter().map(|i| lines[by_image[i]].caption.clone()).collect());
        }
    }
    let entities = match (entities, &asked.image) {
        (Some(index), Some(image)) => index.of_image(image)?,
        (Some(_), None) => {
            skipped.push("the image has no vector: no entities were looked for".to_owned());
            Vec::new()
        }
        (None, _) => Vec::new(),
    };
    let label = question.id.as_ref().and_then(|id| labels.get(&id.to_string())).cloned();
    Ok(Answer {
        id: question.id.clone(),
        image_id: question.image_id.clone(),
        caption: asked.caption.clone(),
        label,
        outcome: verdict(&lines, settings),
        evidence: lines,
        context,
        entities,
        skipped,
    })
}
