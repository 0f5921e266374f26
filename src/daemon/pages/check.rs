//! `/check`: does the caption belong to the image? Lines of evidence first, then the verdict with its margins.

use super::super::dto::Verify;
use super::super::encoding::{Halt, Made};
use super::super::problem::{Kind, Problem};
use super::super::state::{Generation, Served, State};
use super::super::uploads::File;
use super::super::verifying::{IMAGES, Verified, verified};
use super::asking::{self, Choice, numbers};
use super::form::{Form, query};
use super::photo::{self, Photo};
use super::search::Trouble;
use super::snippets::{Snippets, host, snippets_of, snippets_with_photo};
use super::tiles::Tile;
use super::{Frame, has_session, made, problem_page, rendered, text};
use crate::evidence::{By, Item, Line, Match, Settings, Verdict};
use crate::words::{Row, SampleId};
use askama::Template;
use axum::body::Body;
use axum::extract;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// Pairs to begin with, of either kind.
const EXAMPLES: usize = 4;
/// Captions that are shown of each context item.
const OF_ITEM: usize = 3;

#[derive(Template)]
#[template(path = "check.html")]
struct Page {
    frame: Frame,
    fields: Fields,
    shown: Shown,
}

/// The form as it is shown.
struct Fields {
    indexes: Vec<Choice>,
    entities: Vec<Choice>,
    id: String,
    caption: String,
    image: String,
    vector: String,
    /// A photo can be sent; of at most this size.
    photo: Option<String>,
    same_image: String,
    other_image: String,
    near_caption: String,
    within: bool,
    /// Something of what is usually left alone is set.
    more: bool,
}

enum Shown {
    Begin(Vec<(&'static str, Vec<Tile>)>),
    Trouble(Trouble),
    Report(Box<Report>),
}

struct Report {
    caption: String,
    /// The sample whose caption it is.
    id: Option<String>,
    /// The sample whose image it is; of a vector nothing can be shown.
    image: Option<Tile>,
    photo: Option<Photo>,
    kinds: Vec<Lines>,
    context: Vec<(&'static str, Vec<Spoken>)>,
    entities: Vec<(String, &'static str, String)>,
    skipped: Vec<String>,
    verdict: Stamp,
    scale: Scale,
    margins: Vec<Margin>,
    took: String,
    /// None leads to the answer to a photo.
    permalink: Option<String>,
    snippets: Snippets,
}

/// Evidence of one kind.
struct Lines {
    name: &'static str,
    title: &'static str,
    /// What stands here where there is none.
    none: &'static str,
    lines: Vec<Shining>,
}

/// One line of evidence.
struct Shining {
    /// What its number is on the page: 1 is the first line of all.
    number: usize,
    /// Of the archive.
    tile: Option<Tile>,
    caption: String,
    same_caption: bool,
    /// It decided.
    decided: bool,
    /// Its cosine with the image that is asked about, a class for it, what that means, and the width of its bar, of 100.
    image: Option<(String, &'static str, &'static str, f32)>,
    text: Option<String>,
    from: Vec<String>,
}

/// A caption that speaks of an item.
struct Spoken {
    line: usize,
    entities: String,
    caption: String,
}

struct Stamp {
    class: &'static str,
    title: &'static str,
    why: String,
    rule: Option<u8>,
}

/// Cosines between 0 and 1 as parts of 100.
struct Scale {
    other: f32,
    same: f32,
    nearest: Option<f32>,
    farthest: Option<f32>,
}

/// How near a rule came.
struct Margin {
    rule: u8,
    met: bool,
    what: String,
}

pub(super) async fn page(extract::State(state): extract::State<Arc<State>>, headers: HeaderMap, uri: Uri) -> Response {
    answered(state, &headers, Form::read(uri.query().unwrap_or_default()), None).await
}

/// A form that brings the image.
pub(super) async fn sent(
    extract::State(state): extract::State<Arc<State>>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    match photo::sent(&state, &headers, body).await {
        Ok((form, file)) => answered(state, &headers, form, Some(file)).await,
        Err(problem) => problem_page(&problem),
    }
}

async fn answered(state: Arc<State>, headers: &HeaderMap, form: Form, file: Option<File>) -> Response {
    let (signed_in, host) = (has_session(&state, headers), host(headers));
    let by_token = state.tokens.are_set();
    made(state, move |state, generation, made| {
        let served = asking::served(generation, &form)?;
        let asked = file.is_some() || ["id", "caption"].iter().any(|name| form.get(name).is_some());
        let shown = match asked {
            false => Ok(Shown::Begin(begin(served))),
            true => {
                let report = report(state, generation, served, (&form, &file), (&host, by_token, made));
                report.map(|r| Shown::Report(Box::new(r)))
            }
        };
        let (status, shown) = match shown {
            Ok(shown) => (StatusCode::OK, shown),
            Err(Halt::Encode(wants)) => return Err(Halt::Encode(wants)),
            Err(Halt::Problem(problem)) => {
                let anew = format!("/check?{}", query(&[("index", &served.name)]));
                let ways = vec![("Begin anew".to_owned(), anew)];
                (problem.kind.status(), Shown::Trouble(Trouble { ways, ..Trouble::new(&problem) }))
            }
        };
        let frame = Frame::over("Check", "check", &served.name, signed_in);
        Ok((status, rendered(&Page { frame, fields: fields(state, generation, served, &form), shown })?))
    })
    .await
}

fn fields(state: &State, generation: &Generation, served: &Served, form: &Form) -> Fields {
    let (typed, usual) = (|name: &str| form.get(name).unwrap_or_default().to_owned(), Settings::default());
    let cosine = |name: &str, usual: f32| form.get(name).map_or_else(|| usual.to_string(), str::to_owned);
    let choice = |s: &Served, chosen: bool| Choice { value: s.name.clone(), label: s.name.clone(), chosen };
    let others = generation.served.iter().filter(|s| s.name != served.name);
    Fields {
        indexes: generation.served.iter().map(|s| choice(s, s.name == served.name)).collect(),
        entities: others.map(|s| choice(s, form.get("entities") == Some(&s.name))).collect(),
        id: typed("id"),
        caption: typed("caption"),
        image: typed("image"),
        vector: typed("vector"),
        photo: photo::seen(state, served)
            .any(|name| name == IMAGES)
            .then(|| text::bytes(state.config.limits.image_bytes)),
        same_image: cosine("same_image", usual.same_image),
        other_image: cosine("other_image", usual.other_image),
        near_caption: cosine("near_caption", usual.near_caption),
        within: form.get("match") == Some("within"),
        more: ["vector", "entities", "match"].iter().any(|name| form.get(name).is_some())
            || [
                ("same_image", usual.same_image),
                ("other_image", usual.other_image),
                ("near_caption", usual.near_caption),
            ]
            .iter()
            .any(|(name, usual)| form.get(name).is_some_and(|x| x.parse() != Ok(*usual))),
    }
}

/// Captions with their own images, and with those of others, spread over the corpus.
fn begin(served: &Served) -> Vec<(&'static str, Vec<Tile>)> {
    let (catalog, all) = (&served.index.catalog, u64::from(served.index.catalog.len()));
    let at = |i: u64| Row((i * 7919 % all.max(1)) as u32);
    let fits = |row: &Row| !catalog.flags(*row).corrupted() && !catalog.caption(*row).trim().is_empty();
    let rows: Vec<Row> = (0..all.min(200)).map(at).filter(fits).take(4 * EXAMPLES).collect();
    let tile = |image: Row, caption: Row, fields: &[(&str, &str)]| Tile {
        search: format!("/check?{}&{}", query(&[("index", &served.name)]), query(fields)),
        caption: catalog.caption(caption).to_owned(),
        ..Tile::new(served, image, &Form::default())
    };
    let id = |row: Row| text::id(&catalog.id(row));
    let own = |row: &Row| tile(*row, *row, &[("caption", catalog.caption(*row)), ("image", &id(*row))]);
    let other = |pair: &[Row]| match pair {
        [caption, image] if catalog.image(*caption) != catalog.image(*image) => {
            Some(tile(*image, *caption, &[("id", &id(*caption)), ("image", &id(*image))]))
        }
        _ => None,
    };
    vec![
        ("Captions beside their own images", rows.iter().take(EXAMPLES).map(own).collect()),
        ("Captions beside the images of others", rows.chunks(2).rev().filter_map(other).take(EXAMPLES).collect()),
    ]
}

/// A request from what was typed.
fn ask(served: &Served, form: &Form) -> Result<Verify, Problem> {
    let id = |field: &str| -> Result<Option<SampleId>, Problem> {
        let Some(typed) = form.get(field) else { return Ok(None) };
        Ok(Some(served.index.catalog.id(asking::sample(served, typed).map_err(|p| p.at(field))?)))
    };
    let vector = form.get("vector").map(numbers).transpose()?;
    if vector.is_some() && form.get("image").is_some() {
        return Err(Problem::invalid("vector", "name the image by its sample’s id or by a vector, not by both"));
    }
    Ok(Verify {
        index: Some(served.name.clone()),
        id: id("id")?,
        caption: form.get("caption").map(str::to_owned),
        image_id: id("image")?,
        vectors: vector.map(|v| [(IMAGES.to_owned(), v)].into()),
        entities: form.get("entities").map(str::to_owned),
        same_image: form.number("same_image")?,
        other_image: form.number("other_image")?,
        near_caption: form.number("near_caption")?,
        how: match form.get("match") {
            None | Some("equal") => None,
            Some("within") => Some(Match::Within),
            Some(other) => {
                return Err(Problem::invalid("match", format!("captions match equal or within, not {other:?}")));
            }
        },
        ..Verify::default()
    })
}

/// The same as the body of a request: what goes without saying is left out.
fn body(ask: &Verify) -> Map<String, Value> {
    let usual = Settings::default();
    let other = |given: Option<f32>, usual: f32| given.filter(|x| *x != usual);
    let all = [
        ("index", json!(ask.index)),
        ("id", json!(ask.id)),
        ("caption", json!(ask.caption)),
        ("image_id", json!(ask.image_id)),
        ("vectors", json!(ask.vectors)),
        ("entities", json!(ask.entities)),
        ("same_image", json!(other(ask.same_image, usual.same_image))),
        ("other_image", json!(other(ask.other_image, usual.other_image))),
        ("near_caption", json!(other(ask.near_caption, usual.near_caption))),
        ("match", json!(ask.how)),
    ];
    all.into_iter().filter(|field| !field.1.is_null()).map(|(name, value)| (name.to_owned(), value)).collect()
}

fn report(
    state: &State,
    generation: &Generation,
    served: &Served,
    (form, file): (&Form, &Option<File>),
    (host, by_token, made): (&str, bool, Made),
) -> Result<Report, Halt> {
    let image = file.as_ref().map(|f| f.bytes.clone());
    let ask = Verify { made, image, ..ask(served, form)? };
    let shown = "print(answer[\"verdict\"], answer[\"why\"])\nfor line in answer[\"evidence\"]:\n    \
                 print(line[\"by\"], line[\"image_similarity\"], line[\"caption\"])";
    let snippets = match file {
        Some(_) => snippets_with_photo("/v1/verify", body(&ask), shown, host, by_token),
        None => snippets_of("/v1/verify", body(&ask), shown, host, by_token),
    };
    let said = verified(state, generation, ask).map_err(|halt| match halt {
        Halt::Problem(p) if p.kind == Kind::Invalid && p.field.as_deref() == Some("image_id") => p.at("image").into(),
        other => other,
    })?;
    let kinds = [
        (By::Image, "image", "Found by the image", "The archive has no other image like this one."),
        (
            By::Caption,
            "caption",
            "Found by the caption",
            "The archive has no caption that says this, and none that is near enough.",
        ),
    ];
    let lines = |by: By| -> Vec<Shining> {
        let all = said.checked.evidence.iter().enumerate().filter(|(_, line)| line.by == by);
        all.map(|(i, line)| shining(served, &said, i, line)).collect()
    };
    let named = |(item, ranked): (&Item, &Vec<crate::evidence::Ranked>)| {
        let spoken = ranked.iter().filter(|r| !r.entities.is_empty()).take(OF_ITEM);
        let spoken =
            spoken.map(|r| Spoken { line: r.line + 1, entities: r.entities.join(", "), caption: r.caption.clone() });
        (item.name(), spoken.collect::<Vec<_>>())
    };
    let row = |id: &SampleId| served.index.catalog.find(id);
    Ok(Report {
        caption: said.caption.clone(),
        id: said.id.as_ref().map(text::id),
        image: said.image_id.as_ref().and_then(row).map(|row| Tile::new(served, row, &Form::default())),
        photo: file.as_ref().map(Photo::of),
        kinds: kinds.map(|(by, name, title, none)| Lines { name, title, none, lines: lines(by) }).into(),
        context: said.checked.context.iter().map(named).filter(|(_, spoken)| !spoken.is_empty()).collect(),
        entities: said
            .checked
            .entities
            .iter()
            .map(|e| (e.name.clone(), e.by.name(), format!("{:.3}", e.similarity)))
            .collect(),
        skipped: said.checked.skipped.clone(),
        verdict: stamp(&said),
        scale: scale(&said),
        margins: margins(&said),
        took: text::time(said.elapsed_us as f64 / 1e6),
        permalink: file.is_none().then(|| format!("/check?{}", form.with(&[]))),
        snippets,
    })
}

/// Of 100.
fn part(cosine: f32) -> f32 {
    (100.0 * cosine.clamp(0.0, 1.0) * 10.0).round() / 10.0
}

fn shining(served: &Served, said: &Verified, at: usize, line: &Line) -> Shining {
    let image = line.image_similarity.map(|cosine| {
        let (class, what) = match cosine {
            x if x > said.settings.same_image => ("same", "the same image"),
            x if x < said.settings.other_image => ("other", "another image"),
            _ => ("between", "neither the same nor clearly another"),
        };
        (format!("{cosine:.3}").replace('-', "−"), class, what, part(cosine))
    });
    let row = line.id.as_ref().and_then(|id| served.index.catalog.find(id));
    let day = line.date.as_deref().map(|d| d.split('T').next().unwrap_or(d).to_owned());
    let source = line.source.as_deref().map(text::spaced);
    Shining {
        number: at + 1,
        tile: row.map(|row| Tile::new(served, row, &Form::default())),
        caption: line.caption.clone(),
        same_caption: line.caption_matches,
        decided: said.checked.outcome.line == Some(at),
        image,
        text: line.text_similarity.map(|cosine| format!("{cosine:.3}").replace('-', "−")),
        from: [source, line.domain.clone(), day].into_iter().flatten().collect(),
    }
}

fn stamp(said: &Verified) -> Stamp {
    let outcome = &said.checked.outcome;
    let (class, title) = match outcome.verdict {
        Verdict::Accurate => ("accurate", "The caption belongs to the image"),
        Verdict::OutOfContext => ("apart", "Out of context"),
        Verdict::Undecided => ("open", "Undecided"),
    };
    Stamp { class, title, why: outcome.why.clone(), rule: outcome.rule }
}

fn scale(said: &Verified) -> Scale {
    let (margins, settings) = (&said.checked.outcome.margins, &said.settings);
    Scale {
        other: part(settings.other_image),
        same: part(settings.same_image),
        nearest: margins.same_image.map(|m| part(settings.same_image + m)),
        farthest: margins.other_image.map(|m| part(settings.other_image - m)),
    }
}

fn margins(said: &Verified) -> Vec<Margin> {
    let (margins, settings) = (&said.checked.outcome.margins, &said.settings);
    let carried = match margins.matching_by_image {
        0 => "No caption that was found by the image says the same.".to_owned(),
        1 => "One caption that was found by the image says the same.".to_owned(),
        n => format!("{n} captions that were found by the image say the same."),
    };
    let nearest = match margins.same_image {
        None => "No image was found by the caption, or none could be compared.".to_owned(),
        Some(m) => {
            let (cosine, than) = (settings.same_image + m, settings.same_image);
            let side = if m > 0.0 { "above" } else { "below" };
            format!(
                "The most similar image found by the caption has a cosine of {cosine:.3}: {:.3} {side} {than}.",
                m.abs()
            )
        }
    };
    let farthest = match margins.other_image {
        None => "No image was found by a caption that says the same, or none could be compared.".to_owned(),
        Some(m) => {
            let (cosine, than) = (settings.other_image - m, settings.other_image);
            let side = if m > 0.0 { "below" } else { "above" };
            format!(
                "The least similar image of a caption that says the same has {cosine:.3}: {:.3} {side} {than}.",
                m.abs()
            )
        }
    };
    vec![
        Margin { rule: 1, met: margins.matching_by_image > 0, what: carried },
        Margin { rule: 2, met: margins.same_image.is_some_and(|m| m > 0.0), what: nearest },
        Margin { rule: 3, met: margins.other_image.is_some_and(|m| m > 0.0), what: farthest },
    ]
}
