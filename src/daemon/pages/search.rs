//! `/`: samples by id, by the words of their captions, by a vector, a text or a photo; the answer as tiles.

use super::super::answering::{self, Manner};
use super::super::dto::Ask;
use super::super::encoding::{Halt, Made};
use super::super::problem::{Kind, Problem};
use super::super::state::{Generation, Served, State};
use super::super::uploads::File;
use super::asking::{self, By, Fields, Target, ask, split_label};
use super::form::{Form, query};
use super::photo::{self, Photo};
use super::snippets::{Snippets, host, snippets};
use super::tiles::Tile;
use super::{Frame, has_session, made, problem_page, rendered, text, words};
use crate::query::Answer;
use askama::Template;
use axum::body::Body;
use axum::extract;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use std::sync::Arc;
use std::time::Duration;

/// Samples to begin with.
const EXAMPLES: usize = 8;
/// Samples that are looked at for them.
const LOOKED_AT: u32 = 400;

#[derive(Template)]
#[template(path = "search.html")]
struct Page {
    frame: Frame,
    fields: Fields,
    shown: Shown,
}

/// What stands below the form.
enum Shown {
    Begin(Begin),
    Found(Found),
    Hits(Box<Hits>),
    Trouble(Trouble),
}

/// Nothing was asked yet.
struct Begin {
    samples: String,
    images: String,
    examples: Vec<Tile>,
}

/// Samples by words.
struct Found {
    words: String,
    tiles: Vec<Tile>,
    looked: String,
    more: bool,
    late: bool,
    /// Where a model reads texts: the way to what they describe.
    described: Option<String>,
}

/// An answer.
struct Hits {
    asked: Option<Tile>,
    /// The caption that was asked with.
    said: Option<String>,
    photo: Option<Photo>,
    /// What was asked, in words.
    title: String,
    tiles: Vec<Tile>,
    visible: usize,
    short: Option<String>,
    strategy: String,
    reason: String,
    took: String,
    scored: String,
    eligible: String,
    explain: Option<String>,
    /// None leads to the answer to a photo.
    permalink: Option<String>,
    snippets: Snippets,
    kept: Vec<(String, String)>,
    days: Option<Span>,
    score: Option<Span>,
}

/// A filter: from where to where, and what of it is let through.
struct Span {
    lo: f64,
    hi: f64,
    from: f64,
    to: f64,
    step: f64,
}

impl Span {
    /// Over the values of an answer; `None` where they do not differ.
    fn over(values: impl Iterator<Item = f64>, step: f64, form: &Form, name: &str) -> Result<Option<Span>, Problem> {
        let (lo, hi) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(lo, hi), v| (lo.min(v), hi.max(v)));
        let (lo, hi) = ((lo / step).floor() * step, (hi / step).ceil() * step);
        let end = |end: &str| form.number::<f64>(&format!("{name}_{end}"));
        let (from, to) = (end("min")?, end("max")?);
        Ok((lo < hi).then(|| {
            let within = |x: f64| if x.is_finite() { x.clamp(lo, hi) } else { lo };
            Span { lo, hi, from: from.map_or(lo, within), to: to.map_or(hi, within), step }
        }))
    }

    /// Of a value that may be unknown: unknown ones pass as long as the filter is not used.
    fn lets(&self, value: Option<f64>) -> bool {
        match value {
            Some(v) => v >= self.from && v <= self.to,
            None => self.from <= self.lo && self.to >= self.hi,
        }
    }

    fn say(&self, x: &f64) -> String {
        let places = if self.step < 1.0 { 3 } else { 0 };
        format!("{x:.places$}")
    }
}

/// What went wrong, and what may be done.
pub(super) struct Trouble {
    pub title: &'static str,
    pub detail: String,
    pub ways: Vec<(String, String)>,
}

impl Trouble {
    pub fn new(problem: &Problem) -> Trouble {
        let title = match problem.kind {
            Kind::NotFound => "Not found",
            Kind::MissingFact => "A rule needs to know more",
            Kind::Invalid | Kind::Malformed => "That cannot be asked like this",
            other => other.title(),
        };
        Trouble { title, detail: problem.detail.clone(), ways: Vec::new() }
    }
}

pub(super) async fn page(extract::State(state): extract::State<Arc<State>>, headers: HeaderMap, uri: Uri) -> Response {
    answered(state, &headers, Form::read(uri.query().unwrap_or_default()), None).await
}

/// A form that brings a photo.
pub(super) async fn sent(
    extract::State(state): extract::State<Arc<State>>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    match photo::sent(&state, &headers, body).await {
        Ok((form, file)) => answered(state, &headers, form.and("by", By::Image.name()), Some(file)).await,
        Err(problem) => problem_page(&problem),
    }
}

async fn answered(state: Arc<State>, headers: &HeaderMap, form: Form, file: Option<File>) -> Response {
    let (signed_in, host) = (has_session(&state, headers), host(headers));
    let by_token = state.tokens.are_set();
    made(state, move |state, generation, made| {
        let served = asking::served(generation, &form)?;
        let target = asking::target(generation, served, &form);
        let (target, wrong) = match target {
            Ok(target) => (target, None),
            Err(problem) => (asking::target(generation, served, &Form::default())?, Some(problem)),
        };
        let shown = match wrong {
            Some(problem) => Err(problem),
            None => match shown(state, generation, served, &target, (&form, &file), (&host, by_token, made)) {
                Err(Halt::Problem(problem)) => Err(problem),
                Err(halt) => return Err(halt),
                Ok(shown) => Ok(shown),
            },
        };
        let (status, shown) = match shown {
            Ok(shown) => (StatusCode::OK, shown),
            Err(problem) => {
                let mut trouble = Trouble::new(&problem);
                trouble.ways = ways(&problem, state, generation, served, &target, &form);
                (problem.kind.status(), Shown::Trouble(trouble))
            }
        };
        let frame = Frame::over("Search", "search", &served.name, signed_in);
        let fields = Fields::new(state, generation, served, &target, &form);
        Ok((status, rendered(&Page { frame, fields, shown })?))
    })
    .await
}

fn shown(
    state: &State,
    generation: &Generation,
    served: &Served,
    target: &Target,
    (form, file): (&Form, &Option<File>),
    (host, by_token, made): (&str, bool, Made),
) -> Result<Shown, Halt> {
    let by = By::of(form);
    if file.is_none() && (by == By::Image || form.get(by.name()).is_none()) {
        return Ok(Shown::Begin(begin(generation, served, target, form)));
    }
    if by == By::Words {
        return Ok(Shown::Found(found(state, served, form)?));
    }
    let image = file.as_ref().map(|f| f.bytes.clone());
    let ask = Ask { made, image, ..ask(form, served, target)? };
    let snippets = snippets(form, &ask, target, host, by_token);
    let answer = answering::answer(state, generation, ask, Manner::Query)?;
    let photo = file.as_ref().map(Photo::of);
    Ok(Shown::Hits(Box::new(Hits { photo, ..hits(served, target, form, &answer, snippets)? })))
}

/// Samples that a newcomer may click, spread over the corpus: such as bring what the split needs.
fn begin(generation: &Generation, served: &Served, target: &Target, form: &Form) -> Begin {
    let catalog = &served.index.catalog;
    let searcher = match target {
        Target::Split(name) => generation.split(name).ok().and_then(|split| served.searcher(split.clone()).ok()),
        Target::Modality(_) => None,
    };
    let has_row = |row| match target {
        Target::Modality(name) => served.index.modality(name).is_some_and(|m| m.matrix.has(row)),
        Target::Split(_) => true,
    };
    let partition = form.get("partition").and_then(|p| catalog.partition_named(p));
    let fits = |row| {
        has_row(row)
            && !catalog.flags(row).corrupted()
            && (partition.is_none() || catalog.partition(row) == partition)
            && searcher.as_ref().is_none_or(|s| s.bound().refused_as_pristine(row).is_none())
    };
    let (all, mut images) = (catalog.len(), std::collections::HashSet::new());
    let looked = LOOKED_AT.min(all);
    // By a stride that shares no divisor with most sizes: neighbours in a catalog tell one story.
    let rows = (0..looked).map(|i| crate::words::Row((u64::from(i) * 7919 % u64::from(all.max(1))) as u32));
    let rows = rows.filter(|&row| fits(row) && images.insert(catalog.image(row))).take(EXAMPLES);
    Begin {
        samples: text::count(u64::from(all)),
        images: text::count(catalog.image_count() as u64),
        examples: rows.map(|row| Tile::new(served, row, form)).collect(),
    }
}

fn found(state: &State, served: &Served, form: &Form) -> Result<Found, Problem> {
    let catalog = &served.index.catalog;
    let words = form.get("words").unwrap_or_default();
    let partition = match form.get("partition") {
        Some(name) => Some(
            catalog
                .partition_named(name)
                .ok_or_else(|| Problem::invalid("partition", format!("the index has no partition {name:?}")))?,
        ),
        None => None,
    };
    // Half of what a request may take: an answer in part is better than none.
    let limit = Duration::from_millis(state.config.timeouts.request_ms / 2);
    let found = words::find(catalog, words, partition, limit);
    Ok(Found {
        words: words.to_owned(),
        tiles: found.rows.iter().map(|&row| Tile::new(served, row, form)).collect(),
        looked: text::count(found.looked),
        more: found.more,
        late: found.late,
        described: photo::read(state, served).next().map(|name| {
            let plain = Target::Modality(name.to_owned()).value();
            let by =
                [("by", Some("text")), ("text", Some(words)), ("words", None), ("in", Some(&*plain)), ("split", None)];
            format!("/?{}", form.with(&by))
        }),
    })
}

fn hits(served: &Served, target: &Target, form: &Form, answer: &Answer, snippets: Snippets) -> Result<Hits, Problem> {
    let catalog = &served.index.catalog;
    let row = match By::of(form) {
        By::Id => Some(asking::sample(served, form.get("id").unwrap_or_default())?),
        _ => None,
    };
    let asked_at = row.and_then(|row| catalog.timestamp(row));
    let mut tiles: Vec<Tile> = answer.results.iter().map(|h| Tile::of_hit(served, h, asked_at, form)).collect();
    let by_photo = By::of(form) == By::Image;
    // Filters are kept in the address, and an answer to a photo has none.
    let found = || tiles.iter().filter_map(|t| t.found.as_ref()).filter(|_| !by_photo);
    let days = Span::over(found().filter_map(|f| f.days), 1.0, form, "days")?;
    let score = Span::over(found().map(|f| f64::from(f.exact)), 0.001, form, "score")?;
    for tile in &mut tiles {
        let Some(found) = &tile.found else { continue };
        tile.shown = days.as_ref().is_none_or(|s| s.lets(found.days))
            && score.as_ref().is_none_or(|s| s.lets(Some(f64::from(found.exact))));
    }
    let filters = ["days_min", "days_max", "score_min", "score_max"];
    let explain = match (target, row) {
        (Target::Split(name), Some(row)) => {
            let id = text::id(&catalog.id(row));
            Some(format!("/explain?{}", query(&[("index", &served.name), ("split", name), ("id", &id)])))
        }
        _ => None,
    };
    let what = match target {
        Target::Split(name) => split_label(name),
        Target::Modality(name) => format!("Nearest in {name}"),
    };
    Ok(Hits {
        asked: row.map(|row| Tile::new(served, row, form)),
        said: form.get("text").filter(|_| By::of(form) == By::Text).map(str::to_owned),
        photo: None,
        title: what,
        visible: tiles.iter().filter(|t| t.shown).count(),
        tiles,
        short: answer.short.clone(),
        strategy: text::spaced(answer.plan.strategy.name()),
        reason: answer.plan.reason.clone(),
        took: text::time(answer.elapsed_us as f64 / 1e6),
        scored: text::count(answer.plan.scored),
        eligible: text::count(answer.plan.eligible),
        explain,
        permalink: (!by_photo).then(|| format!("/?{}", form.with(&[]))),
        snippets,
        kept: form.pairs().filter(|(n, _)| !filters.contains(n)).map(|(n, v)| (n.to_owned(), v.to_owned())).collect(),
        days,
        score,
    })
}

/// What a person may click instead.
fn ways(
    problem: &Problem,
    state: &State,
    generation: &Generation,
    served: &Served,
    target: &Target,
    form: &Form,
) -> Vec<(String, String)> {
    let mut ways = Vec::new();
    let link = |changes: &[(&str, Option<&str>)]| format!("/?{}", form.with(changes));
    let split = match target {
        Target::Split(name) => generation.split(name).ok(),
        Target::Modality(_) => None,
    };
    match (problem.kind, problem.field.as_deref(), split) {
        (Kind::NotFound, Some("id"), _) => {
            let id = form.get("id").unwrap_or_default();
            let words = link(&[("by", Some("words")), ("words", Some(id)), ("id", None)]);
            ways.push((format!("Look for “{id}” in the captions"), words));
        }
        (Kind::MissingFact, ..) | (Kind::Invalid, Some("vector" | "id"), Some(_)) => {
            if let Some(split) = split {
                let plain = Target::Modality(split.search.clone()).value();
                ways.push((
                    format!("Search {} without constraints", split.search),
                    link(&[("in", Some(&plain)), ("split", None), ("waive", None), ("adversarial", None)]),
                ));
            }
        }
        // No model of this daemon made what is searched: others it may have made.
        (Kind::Invalid, Some("text"), _) if form.get("text").is_some() => {
            for name in photo::read(state, served).filter(|name| *target != Target::Modality((*name).to_owned())) {
                let plain = Target::Modality(name.to_owned()).value();
                ways.push((format!("Search {name} by this text"), link(&[("in", Some(&plain)), ("split", None)])));
            }
        }
        (Kind::Invalid, Some("adversarial"), _) => {
            ways.push(("Search without “CLIP’s favourites first”".to_owned(), link(&[("adversarial", None)])));
        }
        _ => {}
    }
    ways.push(("Begin anew".to_owned(), format!("/?{}", query(&[("index", &served.name)]))));
    ways
}
