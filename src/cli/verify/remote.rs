//! `mispair verify --url`: the same question, put to a daemon.

use super::super::http::{Daemon, HttpError};
use super::super::talk::Bars;
use super::super::usage;
use super::files::Files;
use super::{Answer, Question, Verify, finds, read_one};
use crate::encode::pixels::is_image;
use crate::evidence::{Asked, Found, Settings};
use crate::words::SampleId;
use anyhow::{Context, Result};
use serde_json::{Map, Value, json};
use std::fs;
use std::path::Path;

/// What the daemon says of one question.
pub(super) fn answer(url: &str, args: &Verify, settings: &Settings, talk: &Bars) -> Result<Answer> {
    if args.caption.is_some() && args.image.is_none() && args.image_id.is_none() {
        return Err(usage("--caption needs its image: a picture or a vector by --image, or a sample by --image-id"));
    }
    let daemon = Daemon::at(url)?;
    let picture = args.image.as_deref().map(picture).transpose()?.flatten();
    let image = args.image.as_ref().filter(|_| picture.is_none());
    let mut vectors = Map::new();
    for (modality, path) in [(&args.images, image), (&args.captions, args.text.as_ref())] {
        if let Some(path) = path {
            vectors.insert(modality.clone(), json!(read_one(path)?));
        }
    }
    let name = |path: &Option<std::path::PathBuf>| path.as_ref().map(|p| p.to_string_lossy().into_owned());
    let mut ask = json!({
        "index": name(&args.archive),
        "entities": name(&args.entities),
        "images": args.images,
        "captions": args.captions,
        "caption": args.caption,
        "same_image": settings.same_image,
        "other_image": settings.other_image,
        "near_caption": settings.near_caption,
        "match": settings.captions,
        "most": settings.most,
        "evidence": evidence(args, talk)?,
    });
    if !vectors.is_empty() {
        ask["vectors"] = Value::Object(vectors);
    }
    // `42` is the integer if the index has that, else the text, as with an index at hand.
    let mut refused: Option<HttpError> = None;
    for id in typed(args.id.as_deref()) {
        for image_id in typed(args.image_id.as_deref()) {
            (ask["id"], ask["image_id"]) = (json!(id), json!(image_id));
            let said = match &picture {
                Some(file) => daemon.post_form("/v1/verify", &ask, file),
                None => daemon.post("/v1/verify", &ask),
            };
            match said {
                Err(e @ HttpError::Refused { .. }) if unknown_id(&e) => refused = refused.or(Some(e)),
                other => return Ok(other?),
            }
        }
    }
    // Neither is there: what was tried first was more likely meant.
    Err(refused.map_or_else(|| usage("name what is to be checked: --id, or --caption"), Into::into))
}

/// What is in a file, if it is a picture by its first bytes: the daemon's model makes its vector.
fn picture(path: &Path) -> Result<Option<Vec<u8>>> {
    let bytes = fs::read(path).with_context(|| path.display().to_string())?;
    Ok(is_image(&bytes).then_some(bytes))
}

/// The ids that may be meant, the likelier first; `[None]` where none is given.
fn typed(text: Option<&str>) -> Vec<Option<SampleId>> {
    let Some(text) = text.map(SampleId::from) else { return vec![None] };
    let integer = text.other_type();
    integer.into_iter().chain([text]).map(Some).collect()
}

fn unknown_id(error: &HttpError) -> bool {
    matches!(error, HttpError::Refused { problem, .. } if matches!(problem.field.as_deref(), Some("id" | "image_id")))
}

/// What files say of this question, as a request says it.
fn evidence(args: &Verify, talk: &Bars) -> Result<Vec<Value>> {
    let id = args.id.as_deref().map(SampleId::from);
    let image_id = args.image_id.as_deref().map(SampleId::from).or_else(|| id.clone());
    let question = [Question { id, image_id, asked: Asked::default(), own: None, carried: None }];
    let files = Files::read(&args.evidence, &question, talk)?;
    let said = |f: Found| {
        let entities = f.entities.map(|all| all.iter().map(|m| json!([m.text, m.label])).collect::<Vec<_>>());
        json!({ "by": f.by, "from": f.from, "caption": f.caption, "clip_sim": f.similarity, "vector": f.vector,
            "source": f.source, "domain": f.domain, "date": f.date, "entities": entities })
    };
    Ok(question.iter().flat_map(|q| finds(q, &files)).map(said).collect())
}
