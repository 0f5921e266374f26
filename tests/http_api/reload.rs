//! The fear: an exchange of the index that a request notices: a failure, or an answer made of two indexes.

use crate::common;
use crate::house::{House, block, post, reply, timeless};
use axum::body::Body;
use axum::http::Request;
use mispair::daemon::{State, Token, app};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use tempfile::TempDir;

const ADMIN: &str = "the-admin-token-0123456789";
/// A path, and what it is asked.
type Question = (&'static str, fn() -> Value);
const QUERIES: [Question; 3] = [
    ("/v1/query", || json!({ "modality": "clip-image", "id": 0, "from": "clip-text", "k": 5 })),
    ("/v1/vectors:search", || json!({ "modality": "clip-text", "vectors": [vec![1.0; 12], vec![-1.0; 12]], "k": 3 })),
    ("/v1/query:batch", || json!({ "queries": vec![json!({ "modality": "clip-image", "id": 0, "k": 4 }); 8] })),
];

/// Two archives of different seeds, and the folder that is served.
fn archives() -> (TempDir, [PathBuf; 2], PathBuf) {
    let dir = TempDir::new().unwrap();
    let built = [21, 22].map(|seed| {
        let folder = dir.path().join(format!("seed{seed}"));
        common::newsy(120, seed, &["train", "val"]).build(&folder);
        folder.join("index")
    });
    let served = dir.path().join("served");
    (dir, built, served)
}

fn copy(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    fs::create_dir_all(to).unwrap();
    for (path, bytes) in common::files(from) {
        fs::write(to.join(path.file_name().unwrap()), bytes).unwrap();
    }
}

fn house(served: &Path) -> House {
    let mut config = crate::house::config(&[served]);
    config.auth.admin_token = Some(Token::new(ADMIN, "admin").unwrap());
    config.limits.queue = 1000;
    let state = State::open(config, None).unwrap();
    House { app: app(Arc::clone(&state)), state }
}

fn with_token(mut request: Request<Body>) -> Request<Body> {
    request.headers_mut().insert("authorization", format!("Bearer {ADMIN}").parse().unwrap());
    request
}

fn without_times(mut answer: Value) -> Value {
    for list in ["answers"] {
        if let Some(all) = answer.get_mut(list).and_then(Value::as_array_mut) {
            all.iter_mut().for_each(|a| *a = timeless(a.take()));
            return answer;
        }
    }
    timeless(answer)
}

#[test]
fn no_request_notices() {
    let (_dir, built, served) = archives();
    block(async {
        let mut expected = Vec::new();
        for index in &built {
            copy(index, &served);
            let alone = house(&served);
            let mut answers = Vec::new();
            for (path, body) in QUERIES {
                answers.push(without_times(alone.send(with_token(post(path, body().to_string()))).await.ok()));
            }
            expected.push(answers);
        }
        assert_ne!(expected[0], expected[1]);
        copy(&built[0], &served);
        let house = house(&served);
        let stop = Arc::new(AtomicBool::new(false));
        let counts = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
        let expected = Arc::new(expected);
        let askers: Vec<_> = (0..4)
            .map(|asker| {
                let (app, stop, counts, expected) =
                    (house.app.clone(), Arc::clone(&stop), Arc::clone(&counts), Arc::clone(&expected));
                tokio::spawn(async move {
                    for round in asker.. {
                        if stop.load(SeqCst) {
                            return;
                        }
                        let which = round % QUERIES.len();
                        let (path, body) = QUERIES[which];
                        let reply = reply(app.clone(), with_token(post(path, body().to_string()))).await;
                        let generation: usize = reply.header("x-mispair-generation").parse().unwrap();
                        // Odd generations are of the first archive, even ones of the second.
                        let of = (generation + 1) % 2;
                        assert_eq!(without_times(reply.ok()), expected[of][which], "generation {generation}");
                        counts[of].fetch_add(1, SeqCst);
                    }
                })
            })
            .collect();
        for generation in 2..=11_u64 {
            // Each generation is asked something before it goes.
            let before = [counts[0].load(SeqCst), counts[1].load(SeqCst)];
            let current = (generation as usize) % 2;
            while counts[current].load(SeqCst) == before[current] {
                tokio::time::sleep(std::time::Duration::from_millis(1)).await;
                assert!(askers.iter().all(|a| !a.is_finished()), "an asker failed");
            }
            let next = served.with_extension("next");
            copy(&built[(generation as usize + 1) % 2], &next);
            fs::rename(&served, served.with_extension("old")).unwrap();
            fs::rename(&next, &served).unwrap();
            fs::remove_dir_all(served.with_extension("old")).unwrap();
            let done = house.send(with_token(post("/v1/reload", ""))).await.ok();
            assert_eq!(done["generation"], generation);
        }
        stop.store(true, SeqCst);
        for asker in askers {
            asker.await.unwrap();
        }
        assert!(counts[0].load(SeqCst) > 0 && counts[1].load(SeqCst) > 0);
        // The old generations are gone: only this one is mapped.
        assert_eq!(Arc::strong_count(&house.state.generation()), 2);
    });
}

#[test]
fn a_reload_that_fails_changes_nothing() {
    let (_dir, built, served) = archives();
    copy(&built[0], &served);
    let house = house(&served);
    block(async {
        let (path, body) = QUERIES[0];
        let before = without_times(house.send(with_token(post(path, body().to_string()))).await.ok());
        // Cut short, foreign, gone.
        let catalog = served.join("catalog.mispair");
        let bytes = fs::read(&catalog).unwrap();
        let replacement = served.join("new");
        for damage in [
            Some(&bytes[..bytes.len() / 2]),
            Some(b"something else altogether, and long enough to be looked at".as_slice()),
            None,
        ] {
            fs::remove_file(&catalog).unwrap_or(());
            if let Some(damage) = damage {
                fs::write(&replacement, damage).unwrap();
                fs::rename(&replacement, &catalog).unwrap();
            }
            let problem = house.send(with_token(post("/v1/reload", ""))).await.problem(500, "reload-failed", None);
            let detail = problem["detail"].as_str().unwrap();
            assert!(detail.contains("catalog.mispair") && detail.contains("still served"), "{detail}");
            let reply = house.send(with_token(post(path, body().to_string()))).await;
            assert_eq!(reply.header("x-mispair-generation"), "1");
            assert_eq!(without_times(reply.ok()), before);
        }
        fs::write(&replacement, bytes).unwrap();
        fs::rename(&replacement, &catalog).unwrap();
        assert_eq!(house.send(with_token(post("/v1/reload", ""))).await.ok()["generation"], 2);
        let metrics = house.send(with_token(Request::get("/metrics").body(Body::empty()).unwrap())).await;
        let metrics = String::from_utf8(metrics.bytes.to_vec()).unwrap();
        assert!(metrics.contains("mispair_reloads_total{result=\"failed\"} 3"), "{metrics}");
        assert!(metrics.contains("mispair_reloads_total{result=\"done\"} 1"));
    });
}

/// A stream keeps the index it began with.
#[test]
fn a_stream_is_of_one_generation() {
    use http_body_util::BodyExt;
    use tower::ServiceExt;
    let (_dir, built, served) = archives();
    copy(&built[0], &served);
    let house = house(&served);
    block(async {
        let (sender, body) = crate::bodies::open();
        let request = with_token(crate::bodies::stream("/v1/query:batch", body));
        let response = house.app.clone().oneshot(request).await.unwrap();
        assert_eq!(response.headers()["x-mispair-generation"], "1");
        let mut answers = response.into_body();
        let line = format!("{}\n", QUERIES[0].1());
        let mut all = Vec::new();
        for round in 0..3 {
            sender.send(line.clone().into()).unwrap();
            let data = answers.frame().await.unwrap().unwrap().into_data().unwrap();
            all.push(timeless(serde_json::from_slice(&data).unwrap()));
            if round == 0 {
                copy(&built[1], &served.with_extension("next"));
                fs::rename(&served, served.with_extension("old")).unwrap();
                fs::rename(served.with_extension("next"), &served).unwrap();
                house.send(with_token(post("/v1/reload", ""))).await.ok();
            }
        }
        assert_eq!((&all[1], &all[2]), (&all[0], &all[0]));
        let now = house.send(with_token(post("/v1/query", QUERIES[0].1().to_string()))).await;
        assert_eq!(now.header("x-mispair-generation"), "2");
        assert_ne!(timeless(now.ok()), all[0]);
    });
}
