//! Any bytes as the body of a request to the daemon, over a small made-up newsroom. The first byte chooses the route. No answer may be a fault of the
//! daemon: 500, or none at all.
#![no_main]

#[path = "../../../tests/fuzzed/mod.rs"]
mod fuzzed;

use axum::body::Body;
use axum::http::Request;
use fuzzed::ROUTES;
use mispair::daemon::{Config, Served, State, app};
use mispair::import::{Corpus, Talk, build};
use mispair::matrix::Dtype;
use mispair::newsroom::{Newsroom, generate};
use std::sync::LazyLock;
use tokio::runtime::{Builder, Runtime};
use tower::ServiceExt;

struct Nobody;
impl Talk for Nobody {
    fn begin(&self, _: &str, _: u64) {}
    fn advance(&self, _: u64) {}
    fn note(&self, _: &str) {}
}

static HOUSE: LazyLock<(Runtime, axum::Router)> = LazyLock::new(|| {
    let dir = std::env::temp_dir().join(format!("mispair-fuzz-requests-{}", std::process::id()));
    let (room, index) = (dir.join("room"), dir.join("index"));
    if !index.exists() {
        generate(&room, &Newsroom { samples: 300, ..Newsroom::default() }, &mut |_, _| {}).unwrap();
        build(&Corpus::published(&room, Dtype::F32).unwrap(), &index, true, &Nobody).unwrap();
    }
    let mut config = Config { indexes: vec![Served { name: String::new(), path: index, images: None }], ..Config::default() };
    config.limits.threads = 1;
    let app = app(State::open(config, None).unwrap());
    (Builder::new_current_thread().enable_all().build().unwrap(), app)
});

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let (runtime, app) = &*HOUSE;
    let Some((&which, body)) = input.split_first() else { return };
    let (path, kind) = ROUTES[usize::from(which) % ROUTES.len()];
    let request = match kind {
        // A page: the bytes are the query of its address, where they can stand there.
        "" => match Request::get([path.as_bytes(), body].concat().as_slice()).body(Body::empty()) {
            Ok(request) => request,
            Err(_) => return,
        },
        _ => Request::post(path).header("content-type", kind).body(Body::from(body.to_vec())).unwrap(),
    };
    runtime.block_on(async {
        let answer = app.clone().oneshot(request).await.unwrap();
        let status = answer.status().as_u16();
        let text = axum::body::to_bytes(answer.into_body(), usize::MAX).await.unwrap();
        assert!(status < 500 || status == 503 || status == 504, "{path}: {status} {text:?}");
        if kind.contains("json") && status == 200 {
            // A document, or a document a line.
            let lines = text.split(|b| *b == b'\n').filter(|line| !line.is_empty());
            lines.for_each(|line| assert!(serde_json::from_slice::<serde_json::Value>(line).is_ok()));
        }
    });
});
