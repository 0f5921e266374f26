//! `/status`: what is served, how well its graphs find, and how fast the daemon answers.

use super::super::metrics::Took;
use super::super::state::{Served, State};
use super::form::{Form, query};
use super::{Frame, has_session, made, rendered, text};
use crate::index::Modality;
use crate::report::{dtype, metric, recall_by_ef};
use askama::Template;
use axum::extract;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use std::sync::Arc;

#[derive(Template)]
#[template(path = "status.html")]
struct Page {
    frame: Frame,
    version: &'static str,
    generation: u64,
    live: Vec<(&'static str, String, &'static str)>,
    routes: Vec<Timing>,
    steps: Vec<Timing>,
    indexes: Vec<One>,
}

/// How long something took.
struct Timing {
    name: String,
    count: String,
    mean: String,
    p50: String,
    p99: String,
}

struct One {
    name: String,
    corpus: String,
    checksum: String,
    built_by: String,
    facts: Vec<(&'static str, String)>,
    known: Vec<(String, String, f64)>,
    partitions: Vec<(String, String)>,
    modalities: Vec<Matrix>,
    images: bool,
    search: String,
}

struct Matrix {
    name: String,
    rows: String,
    dim: usize,
    metric: &'static str,
    dtype: &'static str,
    encoder: String,
    bytes: String,
    graph: Option<Graph>,
}

struct Graph {
    /// SVG, made of numbers and of texts of ours.
    plot: String,
    usual: usize,
    recall: String,
    k: u32,
    queries: String,
    known: Option<String>,
    bytes: String,
}

pub(super) async fn page(extract::State(state): extract::State<Arc<State>>, headers: HeaderMap, uri: Uri) -> Response {
    let form = Form::read(uri.query().unwrap_or_default());
    let signed_in = has_session(&state, &headers);
    made(state, move |state, generation, _| {
        let mut frame = Frame::new("Status", "status");
        frame.signed_in = signed_in;
        frame.index = form.get("index").map_or(String::new(), |name| query(&[("index", name)]));
        let load = state.metrics.load();
        // This page is a request itself.
        let in_flight = load.in_flight.saturating_sub(1);
        let live = vec![
            ("in flight", text::count(in_flight), "requests being answered now, beside this one"),
            ("turned away", text::count(load.shed), "answered 503 at once: more requests than places"),
            ("too late", text::count(load.timeouts), "not answered in time: 504"),
            ("threads", text::count(state.pool.threads() as u64), "that search"),
            ("connections", text::count(load.connections), "open"),
            ("faults", text::count(state.pool.panics()), "searches that ended in a fault of the program"),
        ];
        let page = Page {
            frame,
            version: env!("CARGO_PKG_VERSION"),
            generation: generation.number,
            live,
            routes: state.metrics.by_route().into_iter().map(Timing::new).collect(),
            steps: state.metrics.by_step().into_iter().map(Timing::new).collect(),
            indexes: generation.served.iter().map(One::new).collect(),
        };
        Ok((StatusCode::OK, rendered(&page)?))
    })
    .await
}

impl Timing {
    fn new((name, took): (String, Took)) -> Timing {
        Timing {
            name,
            count: text::count(took.count),
            mean: text::time(took.mean),
            p50: text::time(took.p50),
            p99: text::time(took.p99),
        }
    }
}

impl One {
    fn new(served: &Served) -> One {
        let (index, catalog) = (&served.index, &served.index.catalog);
        let samples = catalog.len();
        // Counted when the index was opened, not with every look at this page.
        let known = served.description["facts"].as_object().into_iter().flatten().map(|(fact, n)| {
            let n = n.as_u64().unwrap_or(0);
            (text::spaced(fact), text::count(n), 100.0 * n as f64 / f64::from(samples.max(1)))
        });
        One {
            name: served.name.clone(),
            corpus: index.name.clone(),
            checksum: index.checksum.to_string(),
            built_by: index.built_by.clone(),
            facts: vec![
                ("samples", text::count(u64::from(samples))),
                ("distinct images", text::count(catalog.image_count() as u64)),
                ("modalities", text::count(index.modalities.len() as u64)),
                ("on disk", text::bytes(index.bytes())),
            ],
            known: known.collect(),
            partitions: catalog
                .partitions()
                .enumerate()
                .map(|(i, name)| (name.to_owned(), text::count(catalog.partition_rows(i as u16).len() as u64)))
                .collect(),
            modalities: index.modalities.iter().map(Matrix::new).collect(),
            images: served.images.is_some(),
            search: format!("/?{}", query(&[("index", &served.name)])),
        }
    }
}

impl Matrix {
    fn new(modality: &Modality) -> Matrix {
        let matrix = &modality.matrix;
        let graph = modality.graph.as_ref().map(|searchable| {
            let measured = &searchable.measured;
            let recall = measured.usual().map_or(0.0, |step| measured.recall(step));
            Graph {
                plot: recall_by_ef(measured),
                usual: searchable.usual_ef(),
                recall: format!("{recall:.3}"),
                k: measured.k,
                queries: text::count(u64::from(measured.queries)),
                known: searchable.known.clone(),
                bytes: text::bytes(searchable.graph.bytes()),
            }
        });
        Matrix {
            name: modality.name.clone(),
            rows: text::count(matrix.len() as u64),
            dim: matrix.dim(),
            metric: metric(matrix.metric()),
            dtype: dtype(matrix.dtype()),
            encoder: modality.encoder.clone().unwrap_or_default(),
            bytes: text::bytes(matrix.bytes()),
            graph,
        }
    }
}
