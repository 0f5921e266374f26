//! A caption and its image as a request brings them → evidence and a verdict, by the code of `mispair verify`.

use super::answering::{at_most, find, unknown_modality};
use super::dto::{Find, Mentioned, Verify};
use super::encoding::{Halt, Source};
use super::given::encoded;
use super::problem::{Kind, Problem};
use super::state::{Generation, Served, State};
use crate::evidence::{Archive, Asked, Checked, Checker, EntityIndex, Error, Found, Settings, same_words};
use crate::words::{Mention, Row, SampleId};
use serde::Serialize;
use std::time::Instant;

/// Where the request does not name them.
pub(super) const IMAGES: &str = "clip-image";
const CAPTIONS: &str = "clip-text";

/// What `mispair verify --format json` prints, with the index and the settings.
#[derive(Debug, Serialize)]
pub(super) struct Verified {
    /// The archive.
    pub index: String,
    /// The sample whose caption is meant.
    pub id: Option<SampleId>,
    /// The sample whose image is meant.
    pub image_id: Option<SampleId>,
    /// The caption.
    pub caption: String,
    /// Evidence and verdict.
    #[serde(flatten)]
    pub checked: Checked,
    /// What counted as what.
    pub settings: Settings,
    /// Microseconds.
    pub elapsed_us: u64,
}

/// Checks, or says what has to be encoded first.
pub(super) fn verified(state: &State, generation: &Generation, mut ask: Verify) -> Result<Verified, Halt> {
    let start = Instant::now();
    let served = generation.served(ask.index.as_deref())?;
    let settings = settings(state, &ask)?;
    let images = ask.images.clone().unwrap_or_else(|| IMAGES.to_owned());
    let captions = ask.captions.clone().unwrap_or_else(|| CAPTIONS.to_owned());
    let archive = Archive::new(&served.index, served.captions(), &images, &captions);
    let archive = archive.map_err(|e| at_modality(&e, &images, ""))?;
    let entities = match &ask.entities {
        Some(name) => {
            let of = generation.served(Some(name)).map_err(|p| p.at("entities"))?;
            let index = EntityIndex::new(&of.index, &captions, &images);
            Some(index.map_err(|e| Problem::invalid("entities", format!("index {name:?}: {e}")))?)
        }
        None => None,
    };
    let evidence = evidence(state, ask.evidence.take().unwrap_or_default())?;
    let question = question(state, served, &archive, &ask, (&images, &captions), evidence.is_empty())?;
    let checker = Checker { archive: Some(archive), entities, settings };
    let checked = checker.check(&question.asked, question.own, evidence);
    let mut checked = checked.map_err(|e| refused(&e, &images, ask.entities.is_some()))?;
    checked.skipped.extend(question.skipped);
    Ok(Verified {
        index: served.name.clone(),
        id: question.id,
        image_id: question.image_id,
        caption: question.asked.caption,
        checked,
        settings,
        elapsed_us: start.elapsed().as_micros() as u64,
    })
}

fn settings(state: &State, ask: &Verify) -> Result<Settings, Problem> {
    let (usual, most) = (Settings::default(), state.config.limits.k);
    let cosine = |field: &str, given: Option<f32>, usual: f32| match given {
        Some(x) if !(-1.0..=1.0).contains(&x) => Err(Problem::invalid(field, format!("{x} is no cosine: -1 to 1"))),
        given => Ok(given.unwrap_or(usual)),
    };
    let settings = Settings {
        same_image: cosine("same_image", ask.same_image, usual.same_image)?,
        other_image: cosine("other_image", ask.other_image, usual.other_image)?,
        near_caption: cosine("near_caption", ask.near_caption, usual.near_caption)?,
        captions: ask.how.unwrap_or_default(),
        most: ask.most.unwrap_or(usual.most.min(most)),
    };
    if settings.other_image > settings.same_image {
        let (other, same) = (settings.other_image, settings.same_image);
        return Err(Problem::invalid("other_image", format!("{other} must not be above same_image, which is {same}")));
    }
    if settings.most == 0 {
        return Err(Problem::invalid("most", "no line of evidence, so no verdict; ask for at least 1"));
    }
    at_most("most", settings.most, most)?;
    Ok(settings)
}

/// What is asked, as meant.
struct Question {
    id: Option<SampleId>,
    image_id: Option<SampleId>,
    asked: Asked,
    /// The sample that is no evidence about itself.
    own: Option<Row>,
    skipped: Option<String>,
}

/// `alone`: the request brings no evidence of others, so that without an image there is nothing to look for.
fn question(
    state: &State,
    served: &Served,
    archive: &Archive<'_>,
    ask: &Verify,
    (images, captions): (&str, &str),
    alone: bool,
) -> Result<Question, Halt> {
    let catalog = &served.index.catalog;
    let image_row = match &ask.image_id {
        Some(id) => Some(find(served, id).map_err(|p| p.at("image_id"))?),
        None => None,
    };
    let image_id = image_row.map(|row| catalog.id(row));
    let caption = match (&ask.id, &ask.caption) {
        (Some(_), Some(_)) => {
            let what = "a sample has its own caption; give an id or a caption, not both";
            return Err(Problem::invalid("caption", what).into());
        }
        (None, None) => {
            return Err(Problem::invalid("caption", "give a caption, or the id of a sample that has one").into());
        }
        (Some(id), None) => {
            if ask.vectors.is_some() {
                let what = "a sample has its own; they belong to captions from outside";
                return Err(Problem::invalid("vectors", what).into());
            }
            if ask.image.is_some() {
                let what = "a sample has an image of its own; one that is sent belongs to a caption";
                return Err(Problem::invalid("image", what).into());
            }
            let row = find(served, id)?;
            let (asked, own) = archive.pair(row, image_row.unwrap_or(row));
            let image_id = image_id.or_else(|| Some(catalog.id(row)));
            return Ok(Question { id: Some(catalog.id(row)), image_id, asked, own, skipped: None });
        }
        (None, Some(caption)) => caption.clone(),
    };
    if let Some(name) =
        ask.vectors.iter().flatten().map(|v| v.0).find(|name| ![images, captions].contains(&name.as_str()))
    {
        let detail = format!("vectors of {images:?} and of {captions:?} are looked at, no others");
        return Err(Problem::invalid(&format!("vectors.{name}"), detail).into());
    }
    // Checked and scaled as stored rows are, without their padding.
    let ready = |name: &str, field: &str, vector: Vec<f32>| -> Result<Vec<f32>, Problem> {
        let Some(matrix) = served.index.matrix(name) else { return Err(unknown_modality(served, field, name)) };
        let ready = matrix.query(vector).map_err(|e| Problem::invalid(field, format!("{name:?}: {e}")))?;
        Ok(ready.elements[..matrix.dim()].to_vec())
    };
    let encode = |name: &str, source: Source| -> Result<Vec<f32>, Halt> {
        let vector = encoded(state, served, &[name], &source, &ask.made)?.pop().unwrap_or_default();
        Ok(ready(name, source.field(), vector)?)
    };
    let given = |name: &str| -> Result<Option<Vec<f32>>, Problem> {
        let Some(vector) = ask.vectors.as_ref().and_then(|v| v.get(name)) else { return Ok(None) };
        ready(name, &format!("vectors.{name}"), vector.clone()).map(Some)
    };
    let image = match (given(images)?, image_row) {
        (Some(_), Some(_)) => {
            return Err(Problem::invalid("image_id", format!("give an image_id or vectors.{images}, not both")).into());
        }
        (Some(vector), None) => Some(vector),
        (None, Some(row)) => archive.sample(row).image,
        (None, None) if alone && ask.image.is_none() => {
            let detail = format!("give the image of the caption: an image_id, or vectors.{images}");
            return Err(Problem::invalid("image_id", detail).into());
        }
        (None, None) => None,
    };
    let seen = match &ask.image {
        Some(_) if image.is_some() || image_row.is_some() => {
            return Err(Problem::invalid("image", "the image is named already; send it, or name it").into());
        }
        Some(file) => encode(images, Source::Image(file.clone())).map(Some),
        None => Ok(image),
    };
    let mut skipped = None;
    let text = match given(captions)? {
        None if state.encoding.is_some() && archive.has_texts() && !same_words(&caption).is_empty() => {
            match encode(captions, Source::Text(caption.as_str().into())) {
                Err(Halt::Problem(problem)) => {
                    skipped = Some(problem.detail);
                    Ok(None)
                }
                other => other.map(Some),
            }
        }
        given => Ok(given),
    };
    let (image, text) = match (seen, text) {
        (Ok(image), Ok(text)) => (image, text),
        (Err(halt), Ok(_)) | (Ok(_), Err(halt)) => return Err(halt),
        (Err(one), Err(other)) => return Err(one.and(other)),
    };
    Ok(Question { id: None, image_id, asked: Asked { caption, image, text }, own: None, skipped })
}

fn evidence(state: &State, finds: Vec<Find>) -> Result<Vec<Found>, Problem> {
    at_most("evidence", finds.len(), state.config.limits.k)?;
    finds.into_iter().enumerate().map(|(i, find)| found(i, find)).collect()
}

fn found(i: usize, find: Find) -> Result<Found, Problem> {
    if let Some(x) = find.clip_sim.filter(|x| !(-1.001..=1.001).contains(x)) {
        return Err(Problem::invalid(&format!("evidence[{i}].clip_sim"), format!("{x} is no cosine: -1 to 1")));
    }
    let mention = |m: Mentioned| match m {
        Mentioned::Pair(text, label) | Mentioned::Named { text, label } => Mention { text, label, link: None },
    };
    Ok(Found {
        by: find.by,
        from: find.from.unwrap_or_else(|| "request".to_owned()),
        at: format!("evidence[{i}].vector"),
        caption: find.caption,
        similarity: find.clip_sim,
        vector: find.vector,
        source: find.source,
        domain: find.domain,
        date: find.date,
        entities: find.entities.map(|all| all.into_iter().map(mention).collect()),
    })
}

/// A modality that is not there, or not compared by cosine, by the field that named it.
fn at_modality(error: &Error, images: &str, otherwise: &str) -> Problem {
    let field = match error {
        Error::Modality { got, .. } | Error::Metric(got) => match got == images {
            true => "images",
            false => "captions",
        },
        _ => otherwise,
    };
    Problem::invalid(field, error.to_string())
}

fn refused(error: &Error, images: &str, with_entities: bool) -> Problem {
    match error {
        Error::Found { at, what } => Problem::invalid(at, what.clone()),
        // Vectors of the request have been compared with the archive's width.
        Error::Width { .. } if with_entities => Problem::invalid("entities", error.to_string()),
        Error::Width { .. } | Error::Modality { .. } | Error::Metric(_) => at_modality(error, images, "vectors"),
        Error::Search(e) => Problem::new(Kind::Internal, e.to_string()),
    }
}
