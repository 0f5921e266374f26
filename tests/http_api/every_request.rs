//! Every request that the fuzzer found worth keeping (contrib/fuzz), once more.

use crate::fuzzed::ROUTES;
use crate::house::{House, block};
use axum::body::Body;
use axum::http::Request;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

#[test]
fn no_request_is_a_fault_of_the_daemon() {
    let house = House::new(|_| {});
    let mut seen = BTreeSet::new();
    block(async {
        for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz_corpus/requests")).unwrap() {
            let path = entry.unwrap().path();
            let input = fs::read(&path).unwrap();
            let Some((&which, body)) = input.split_first() else { continue };
            let (route, kind) = ROUTES[usize::from(which) % ROUTES.len()];
            let request = match kind {
                "" => Request::get([route.as_bytes(), body].concat().as_slice()).body(Body::empty()),
                _ => Request::post(route).header("content-type", kind).body(Body::from(body.to_vec())),
            };
            let Ok(request) = request else { continue };
            let status = house.send(request).await.status.as_u16();
            assert!(status < 500 || status == 503 || status == 504, "{}: {route}: {status}", path.display());
            seen.insert((route, status));
        }
    });
    assert!(ROUTES.iter().all(|r| seen.iter().any(|s| s.0 == r.0)), "every route has its corpus: {seen:?}");
    assert!(seen.iter().any(|s| s.1 == 200) && seen.iter().any(|s| s.1 >= 400), "{seen:?}");
}
