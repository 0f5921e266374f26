//! A photograph that a form brings: read from it, shown on the page that answers, and kept nowhere.

use super::super::encoding::Models;
use super::super::problem::Problem;
use super::super::state::{Served, State};
use super::super::uploads::{self, File};
use super::form::Form;
use super::text;
use axum::body::Body;
use axum::http::HeaderMap;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The form's field.
const FIELD: &str = "photo";
/// Bytes of a photograph that is shown again: pages grow by a third more.
const SHOWN: usize = 4 << 20;

/// A photograph as a page shows it.
pub(super) struct Photo {
    /// As its sender calls it.
    pub name: String,
    pub bytes: String,
    /// The photograph itself, as a link that needs no other request; none where it would be long, or is of no kind that is read.
    pub link: Option<String>,
}

/// What a form brings.
pub(super) async fn sent(state: &State, headers: &HeaderMap, body: Body) -> Result<(Form, File), Problem> {
    let sent = uploads::read(headers, body, state, FIELD).await?;
    let file = sent.file.ok_or_else(|| Problem::invalid(FIELD, "no photo was chosen; go back, and choose one"))?;
    Ok((Form::of(sent.fields), file))
}

impl Photo {
    pub fn of(file: &File) -> Photo {
        let link = || {
            let kind = match file.bytes[..] {
                [0xFF, 0xD8, ..] => "jpeg",
                [0x89, b'P', b'N', b'G', ..] => "png",
                [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => "webp",
                _ => return None,
            };
            Some(format!("data:image/{kind};base64,{}", STANDARD.encode(&file.bytes)))
        };
        Photo {
            name: if file.name.is_empty() { "a photo".to_owned() } else { file.name.clone() },
            bytes: text::bytes(file.bytes.len() as u64),
            link: (file.bytes.len() <= SHOWN).then(link).flatten(),
        }
    }
}

/// The modalities of an index that a model made, and the model.
fn modelled<'s>(state: &'s State, served: &'s Served) -> impl Iterator<Item = (&'s str, usize, &'s dyn Models)> {
    let models = state.encoding.as_ref().map(|e| e.models.as_ref());
    let names = served.index.modalities.iter().map(|m| m.name.as_str());
    names.filter_map(move |name| models.and_then(|m| Some((name, m.of(&served.index, name).ok()?, m))))
}

/// Those whose model reads texts.
pub(super) fn read<'s>(state: &'s State, served: &'s Served) -> impl Iterator<Item = &'s str> {
    modelled(state, served).map(|(name, ..)| name)
}

/// Those whose model sees images, too.
pub(super) fn seen<'s>(state: &'s State, served: &'s Served) -> impl Iterator<Item = &'s str> {
    modelled(state, served).filter(|(_, model, models)| models.sees(*model)).map(|(name, ..)| name)
}
