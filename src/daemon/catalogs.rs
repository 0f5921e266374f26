//! The routes that tell what is served: indexes, splits, samples, images.

use super::bodies::{self, Pieces};
use super::dto::{Nothing, OfIndex, query_problem};
use super::images::Image;
use super::problem::{Kind, Problem};
use super::state::{Generation, Served, State};
use crate::words::{Row, SampleId};
use axum::body::{Body, Bytes};
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{self, Path, Query};
use axum::http::{HeaderValue, header};
use axum::response::Response;
use serde_json::{Value, json};
use std::io::{self, Read};
use std::sync::Arc;
use tokio::sync::mpsc;

type Handled = Result<Response, Problem>;
type Daemon = extract::State<Arc<State>>;

/// Bytes of an image that are read at a time.
const PIECE: usize = 64 << 10;
/// Pieces that wait for a client to read them.
const AHEAD: usize = 4;

pub(super) async fn indexes(extract::State(state): Daemon) -> Handled {
    let generation = state.generation();
    let all: Vec<Value> = generation
        .served
        .iter()
        .map(|served| {
            let mut document = json!({ "index": served.name, "images_served": served.images.is_some() });
            if let (Value::Object(to), Value::Object(from)) = (&mut document, &served.description) {
                to.extend(from.clone());
            }
            document
        })
        .collect();
    Ok(bodies::json(json!({ "generation": generation.number, "indexes": all }).to_string()))
}

pub(super) async fn splits(extract::State(state): Daemon, none: Result<Query<Nothing>, QueryRejection>) -> Handled {
    none.map_err(|e| query_problem(&e))?;
    let generation = state.generation();
    let all = generation.splits.iter().map(|split| {
        let fitting = generation.served.iter().filter(|served| served.searcher(split.clone()).is_ok());
        let mut document = json!(split);
        document["indexes"] = fitting.map(|served| served.name.as_str()).collect();
        document
    });
    Ok(bodies::json(json!({ "splits": all.collect::<Vec<_>>() }).to_string()))
}

pub(super) async fn sample(
    extract::State(state): Daemon,
    id: Result<Path<String>, PathRejection>,
    of: Result<Query<OfIndex>, QueryRejection>,
) -> Handled {
    let generation = state.generation();
    let served = chosen(&generation, of)?;
    let row = row_of(served, id)?;
    Ok(bodies::json(entry(served, row).to_string()))
}

pub(super) async fn image(
    extract::State(state): Daemon,
    id: Result<Path<String>, PathRejection>,
    of: Result<Query<OfIndex>, QueryRejection>,
) -> Handled {
    let generation = state.generation();
    let served = chosen(&generation, of)?;
    let row = row_of(served, id)?;
    let name = served.name.clone();
    let Some(permit) = state.images.clone().try_acquire_owned().ok() else {
        state.metrics.shed();
        return Err(Problem::new(Kind::Overloaded, "as many images as are sent at a time are being sent; try again"));
    };
    let most = state.config.limits.image_bytes;
    // A disk may make one wait.
    let opened = tokio::task::spawn_blocking(move || {
        let served = generation.served(Some(&name))?;
        let Some(root) = &served.images else {
            return Err(Problem::new(Kind::NotFound, format!("index {name:?} is served without images: set `images`")));
        };
        let path = served.index.catalog.image_path(row);
        root.image(path, most)
            .map_err(|e| Problem::new(Kind::NotFound, format!("sample {}: {e}", served.index.catalog.id(row))).at("id"))
    });
    let opened = opened.await.map_err(|e| Problem::new(Kind::Internal, e.to_string()))??;
    let (bytes, media_type) = (opened.bytes, opened.media_type);
    let (sender, receiver) = mpsc::channel(AHEAD);
    tokio::task::spawn_blocking(move || {
        let _until_sent = permit;
        send(opened, &sender);
    });
    let mut response = bodies::typed(HeaderValue::from_static(media_type), Body::new(Pieces(receiver)));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, max-age=300"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; sandbox"));
    Ok(response)
}

/// Sends a file piece by piece, to its length as it was opened, until nobody reads.
fn send(mut image: Image, to: &mpsc::Sender<io::Result<Bytes>>) {
    let mut left = image.bytes - image.head.len() as u64;
    let mut piece = std::mem::take(&mut image.head);
    loop {
        if to.blocking_send(Ok(piece.into())).is_err() || left == 0 {
            return;
        }
        let mut next = vec![0; PIECE.min(left as usize)];
        let got = match image.file.read(&mut next) {
            Ok(0) => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file has become shorter")),
            other => other,
        };
        match got {
            Ok(n) => {
                next.truncate(n);
                left -= n as u64;
                piece = next;
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => piece = Vec::new(),
            Err(e) => {
                let _ = to.blocking_send(Err(e));
                return;
            }
        }
    }
}

fn chosen(generation: &Generation, of: Result<Query<OfIndex>, QueryRejection>) -> Result<&Served, Problem> {
    let Query(of) = of.map_err(|e| query_problem(&e))?;
    generation.served(of.index.as_deref())
}

fn row_of(served: &Served, id: Result<Path<String>, PathRejection>) -> Result<Row, Problem> {
    let Path(id) = id.map_err(|e| Problem::new(Kind::Malformed, e.body_text()).at("id"))?;
    let found = served.index.catalog.find_any_type(&SampleId::Text(id.clone()));
    found.ok_or_else(|| Problem::new(Kind::NotFound, format!("index {:?} has no sample {id:?}", served.name)).at("id"))
}

/// A sample with its facts.
fn entry(served: &Served, row: Row) -> Value {
    let catalog = &served.index.catalog;
    let flags = catalog.flags(row);
    let mentions = |link: bool| catalog.mentions(row).filter(move |m| catalog.name(m.name).is_link == link);
    let entities = flags.entities_known().then(|| {
        let labels: Vec<&str> = catalog.labels().collect();
        let label = |label: Option<u16>| label.and_then(|l| labels.get(usize::from(l)));
        mentions(false)
            .map(|m| json!({ "text": catalog.name(m.name).text, "label": label(m.label) }))
            .collect::<Vec<_>>()
    });
    let pictured = catalog.pictured(row).map(|names| {
        let names = names.iter().map(|&n| catalog.name(n)).filter(|n| !n.is_link);
        names.map(|n| n.text).collect::<Vec<_>>()
    });
    let mut links: Vec<&str> = mentions(true).map(|m| catalog.name(m.name).text).collect();
    links.dedup();
    let modalities = served.index.modalities.iter().filter(|m| m.matrix.has(row)).map(|m| m.name.as_str());
    json!({
        "index": served.name,
        "id": catalog.id(row),
        "caption": catalog.caption(row),
        "image_path": catalog.image_path(row),
        "source": catalog.source(row),
        "topic": catalog.topic(row),
        "partition": catalog.partition(row).map(|p| catalog.partition_name(p)),
        "words": catalog.words(row),
        "modalities": modalities.collect::<Vec<_>>(),
        "facts": {
            "timestamp": catalog.timestamp(row).map(|t| t.to_iso()),
            "entities": entities,
            "links": links,
            "pictured": pictured,
            "person_boxes": catalog.person_boxes(row),
            "generic": flags.generic(),
            "corrupted": flags.corrupted(),
        },
    })
}
