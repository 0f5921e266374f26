//! What a request brings along: vectors, prepared as stored rows are; a text or an image, to be encoded; facts.

use super::answering::unknown_modality;
use super::encoding::{Halt, Made, Source};
use super::problem::Problem;
use super::state::{Served, State};
use crate::constraints::Bound;
use crate::formats::captioned_facts;
use crate::matrix::Prepared;
use crate::words::Facts;
use serde_json::Value;
use std::collections::BTreeMap;

/// Fields that `facts` may have beside the facts themselves: those of a record of a catalog, which are not looked at.
const OF_RECORDS: [&str; 5] = ["id", "image_path", "source", "topic", "title"];
const OF_FACTS: [&str; 12] = [
    "caption",
    "timestamp",
    "entities",
    "links",
    "person_boxes",
    "pictured",
    "generic",
    "corrupted",
    "partition",
    "split",
    "caption_entities_spacy",
    "caption_entities_rel",
];

pub(super) fn prepared(
    served: &Served,
    given: impl IntoIterator<Item = (String, String, Vec<f32>)>,
) -> Result<BTreeMap<String, Prepared>, Problem> {
    let one = |(name, field, vector): (String, String, Vec<f32>)| {
        let matrix = served.index.matrix(&name).ok_or_else(|| unknown_modality(served, &field, &name))?;
        let ready = matrix.query(vector).map_err(|e| Problem::invalid(&field, format!("{name:?}: {e}")))?;
        Ok((name, ready))
    };
    given.into_iter().map(one).collect()
}

/// Vectors of a text: what the split asks with, and the caption's side of CTI where there is a model for that, too.
pub(super) fn of_text(
    state: &State,
    served: &Served,
    bound: &Bound<'_>,
    text: &str,
    made: &Made,
) -> Result<BTreeMap<String, Prepared>, Halt> {
    let split = &bound.split;
    let mut modalities = vec![split.query.as_str()];
    let models = state.encoding.as_ref().map(|e| &e.models);
    if split.clip_text != split.query && models.is_some_and(|m| m.of(&served.index, &split.clip_text).is_ok()) {
        modalities.push(&split.clip_text);
    }
    let vectors = encoded(state, served, &modalities, &Source::Text(text.into()), made)?;
    let named = modalities.iter().zip(vectors).map(|(name, vector)| ((*name).to_owned(), "text".to_owned(), vector));
    Ok(prepared(served, named)?)
}

pub(super) fn encoded(
    state: &State,
    served: &Served,
    modalities: &[&str],
    source: &Source,
    made: &Made,
) -> Result<Vec<Vec<f32>>, Halt> {
    if let Some(unknown) = modalities.iter().find(|m| served.index.modality(m).is_none()) {
        return Err(unknown_modality(served, "modality", unknown).into());
    }
    let Some(encoding) = &state.encoding else {
        return Err(Problem::invalid(source.field(), "no encoder is configured").into());
    };
    encoding.vectors(&served.index, modalities, source, made)
}

pub(super) fn facts_of(facts: Option<&Value>) -> Result<(Option<String>, Facts), Problem> {
    let Some(value) = facts else { return Ok((None, Facts::default())) };
    let Value::Object(fields) = value else {
        return Err(Problem::invalid("facts", "an object of facts is expected"));
    };
    let known = |name: &str| OF_FACTS.contains(&name) || OF_RECORDS.contains(&name);
    if let Some(name) = fields.keys().find(|name| !known(name)) {
        let detail = format!("unknown field `{name}`, expected one of {}", OF_FACTS.join(", "));
        return Err(Problem::invalid(&format!("facts.{name}"), detail));
    }
    captioned_facts(value).map_err(|e| {
        let text = e.to_string();
        let field = text.split('"').nth(1).map_or("facts".to_owned(), |name| format!("facts.{name}"));
        Problem::invalid(&field, text)
    })
}
