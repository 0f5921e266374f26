//! `mispair verify --url`: the same question, put to a daemon.

use super::super::http::{Daemon, HttpError};
use super::super::talk::Bars;
use super::super::usage;
use super::files::Files;
use super::{Answer, Question, Verify, finds, read_one};
use crate::evidence::{Asked, Found, Settings};
use crate::words::SampleId;
use anyhow::Result;
use serde_json::{Map, Value, json};

/// What the daemon says of one question.
pub(super) fn answer(url: &str, args: &Verify, settings: &Settings, talk: &Bars) -> Result<Answer> {
    if args.caption.is_some() && args.image.is_none() && args.image_id.is_none() {
        return Err(usage("--caption needs its image: a vector by --image, or a sample by --image-id"));
    }
    let daemon = Daemon::at(url)?;
    let mut vectors = Map::new();
    for (modality, path) in [(&args.images, &args.image), (&args.captions, &args.text)] {
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
            match daemon.post("/v1/verify", &ask) {
                Err(e @ HttpError::Refused { .. }) if unknown_id(&e) => refused = refused.or(Some(e)),
                other => return Ok(other?),
            }
        }
    }
    // Neither is there: what was tried first was more likely meant.
    Err(refused.map_or_else(|| usage("name what is to be checked: --id, or --caption"), Into::into))
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
