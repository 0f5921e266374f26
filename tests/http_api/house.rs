//! A daemon over a small made-up archive, and a way to ask it.

use crate::common;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt;
use mispair::daemon::{self, Config, Models, Served, State, app};
use mispair::index::Index;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use tempfile::TempDir;
use tower::ServiceExt;

pub const SPLITS: [&str; 4] =
    ["semantics_clip_text_image", "semantics_clip_text_text", "person_sbert_text_text", "scene_resnet_place"];

/// Where the archive is: built once a run. Row 5 has id 5, row 6 has id "5".
pub fn archive() -> &'static Path {
    static DIR: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
    &DIR.get_or_init(|| {
        let dir = tempfile::tempdir().unwrap();
        let mut corpus = common::newsy(400, 11, &["train", "val", "test"]);
        corpus.samples[6]["id"] = json!("5");
        corpus.build(dir.path());
        let index = dir.path().join("index");
        (dir, index)
    })
    .1
}

pub fn index() -> &'static Index {
    static INDEX: OnceLock<Index> = OnceLock::new();
    INDEX.get_or_init(|| Index::open(archive()).unwrap())
}

pub fn config(indexes: &[&Path]) -> Config {
    let served = |path: &&Path| Served { name: String::new(), path: path.to_path_buf(), images: None };
    let mut config = Config { indexes: indexes.iter().map(served).collect(), ..Config::default() };
    config.limits.threads = 2;
    // Tests share a busy machine: what is meant to be late says so itself.
    config.timeouts.request_ms = 120_000;
    config.timeouts.body_ms = 120_000;
    config
}

/// A daemon over the archive.
pub struct House {
    pub state: Arc<State>,
    pub app: Router,
}

impl House {
    pub fn new(change: impl FnOnce(&mut Config)) -> House {
        House::with(change, None)
    }

    pub fn with(change: impl FnOnce(&mut Config), models: Option<Arc<dyn Models>>) -> House {
        let mut config = config(&[archive()]);
        change(&mut config);
        let state = State::open(config, models).unwrap();
        House { app: app(Arc::clone(&state)), state }
    }

    pub async fn send(&self, request: Request<Body>) -> Reply {
        reply(self.app.clone(), request).await
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.send(Request::get(path).body(Body::empty()).unwrap()).await
    }

    pub async fn post(&self, path: &str, body: impl Into<Body>) -> Reply {
        self.send(post(path, body)).await
    }

    pub async fn ask(&self, path: &str, body: Value) -> Reply {
        self.post(path, body.to_string()).await
    }
}

pub fn post(path: &str, body: impl Into<Body>) -> Request<Body> {
    Request::builder()
        .method(Method::POST)
        .uri(path)
        .header("content-type", "application/json")
        .body(body.into())
        .unwrap()
}

/// What came back.
#[derive(Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub bytes: Bytes,
}

pub async fn reply(app: Router, request: Request<Body>) -> Reply {
    let response = app.oneshot(request).await.unwrap();
    let (head, body) = response.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    Reply { status: head.status, headers: head.headers, bytes }
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |v| v.to_str().unwrap())
    }

    /// It went well; the document.
    pub fn ok(&self) -> Value {
        assert_eq!(self.status, 200, "{self:?}");
        assert_eq!(self.header("content-type"), "application/json");
        self.json()
    }

    /// It went well; the documents, one a line.
    pub fn ok_lines(&self) -> Vec<Value> {
        assert_eq!(self.status, 200, "{self:?}");
        assert_eq!(self.header("content-type"), "application/x-ndjson");
        let text = std::str::from_utf8(&self.bytes).unwrap();
        assert!(text.is_empty() || text.ends_with('\n'));
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// A problem of this status and kind, well formed, at this field.
    pub fn problem(&self, status: u16, slug: &str, field: Option<&str>) -> Value {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.header("content-type"), "application/problem+json", "{self:?}");
        let body = self.json();
        is_problem(&body, status, slug, field);
        assert_eq!(body["request_id"], self.header("x-request-id"));
        body
    }
}

/// RFC 9457: these members, of these types.
pub fn is_problem(body: &Value, status: u16, slug: &str, field: Option<&str>) {
    assert_eq!(body["type"], format!("/docs#problem-{slug}"), "{body}");
    assert_eq!(body["status"], status, "{body}");
    assert!(body["title"].as_str().is_some_and(|t| !t.is_empty()), "{body}");
    assert!(body["detail"].as_str().is_some_and(|t| !t.is_empty()), "{body}");
    assert_eq!(body.get("field").and_then(Value::as_str), field, "{body}");
}

/// Answers are equal but for the time they took.
pub fn timeless(mut answer: Value) -> Value {
    assert!(answer.as_object_mut().unwrap().remove("elapsed_us").is_some_and(|t| t.is_u64()), "{answer}");
    answer
}

/// As clients read it: through text, in which an f32 has its shortest form.
pub fn through_text(document: &impl serde::Serialize) -> Value {
    serde_json::from_str(&serde_json::to_string(document).unwrap()).unwrap()
}

/// Runs a test's requests.
pub fn block<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(future)
}

/// The same kinds of problem, for those who look.
pub fn slugs() -> Vec<&'static str> {
    daemon::Kind::ALL.iter().map(|k| k.slug()).collect()
}
