//! Every error says what and where.

use crate::house::{House, SPLITS, archive, block, is_problem, post, slugs};
use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};

/// Requests that cannot be meant, each with the field that is named.
fn invalid() -> Vec<(Value, &'static str)> {
    let (split, modality) = (SPLITS[1], "clip-image");
    let twelve = vec![1.0; 12];
    let facts = json!({ "caption": "a b c d e f", "timestamp": 5, "entities": [["x", "GPE"], ["y", "GPE"]] });
    let with = |facts: Value| json!({ "split": split, "vector": twelve, "facts": facts });
    vec![
        (json!({}), "split"),
        (json!({ "split": split, "modality": modality, "id": 0 }), "modality"),
        (json!({ "split": "semantics", "id": 0 }), "split"),
        (json!({ "split": split }), "vector"),
        (json!({ "split": split, "id": 0, "vector": twelve }), "vector"),
        (json!({ "split": split, "id": 0, "colour": 1 }), "colour"),
        (json!({ "split": split, "id": 12345 }), "id"),
        (json!({ "split": split, "id": "0" }), "id"),
        (json!({ "split": split, "id": 0.5 }), "id"),
        (json!({ "split": split, "id": 0, "facts": facts }), "facts"),
        (json!({ "split": split, "id": 0, "k": 0 }), "k"),
        (json!({ "split": split, "id": 0, "k": "ten" }), "k"),
        (json!({ "split": split, "id": 0, "ef": 0 }), "ef"),
        (json!({ "split": split, "id": 0, "engine": "fast" }), "engine"),
        (json!({ "split": split, "id": 0, "unique": "caption" }), "unique"),
        (json!({ "split": split, "id": 0, "partition": "dev" }), "partition"),
        (json!({ "split": split, "id": 0, "waive": ["days", "missing_row"] }), "waive[1]"),
        (json!({ "split": split, "id": 0, "waive": ["colour"] }), "waive[0]"),
        (json!({ "split": split, "id": 0, "from": "clip-text" }), "from"),
        (json!({ "split": split, "id": 0, "lowest": true }), "lowest"),
        (json!({ "split": split, "id": 0, "index": "other" }), "index"),
        (json!({ "split": split, "id": 0, "text": "a text" }), "text"),
        (json!({ "split": split, "text": "a text" }), "text"),
        (json!({ "split": split, "vector": vec![1.0; 11], "facts": facts }), "vector"),
        (json!({ "split": split, "vector": vec![0.0; 12], "facts": facts }), "vector"),
        (json!({ "split": split, "vector": vec![1e39; 12], "facts": facts }), "vector"),
        (json!({ "split": split, "vector": [1, "two"], "facts": facts }), "vector[1]"),
        (json!({ "split": split, "vectors": { "clip-image": twelve }, "facts": facts }), "vectors.clip-text"),
        (json!({ "split": split, "vectors": { "clip-text": twelve, "tone": [1] } }), "vectors.tone"),
        (json!({ "split": split, "vectors": { "clip-text": twelve, "clip-image": [1] } }), "vectors.clip-image"),
        (json!({ "split": split, "vector": twelve, "facts": facts, "adversarial": true }), "adversarial"),
        (with(json!([])), "facts"),
        (with(json!({ "timestmp": 5 })), "facts.timestmp"),
        (with(json!({ "caption": 5 })), "facts.caption"),
        (with(json!({ "timestamp": "yesterday" })), "facts.timestamp"),
        (with(json!({ "entities": "Berlin" })), "facts.entities"),
        (with(json!({ "entities": [{ "text": "Berlin" }] })), "facts.entities"),
        (json!({ "modality": "clip", "id": 0 }), "modality"),
        (json!({ "modality": modality }), "vector"),
        (json!({ "modality": modality, "id": 0, "vector": twelve }), "vector"),
        (json!({ "modality": modality, "vector": [1, 2] }), "vector"),
        (json!({ "modality": modality, "vector": twelve, "from": "clip-text" }), "from"),
        (json!({ "modality": modality, "id": 0, "from": "sbert-text" }), "from"),
        (json!({ "modality": modality, "id": 0, "from": "tone" }), "from"),
        (json!({ "modality": modality, "id": 0, "facts": {} }), "facts"),
        (json!({ "modality": modality, "id": 0, "adversarial": true }), "adversarial"),
        (json!({ "modality": modality, "id": 0, "waive": ["days"] }), "waive"),
        (json!({ "modality": modality, "id": 0, "explain": 3 }), "explain"),
    ]
}

#[test]
fn fields_are_named() {
    let house = House::new(|_| {});
    block(async {
        for (body, field) in invalid() {
            let problem = house.ask("/v1/query", body.clone()).await.problem(422, "invalid", Some(field));
            let detail = problem["detail"].as_str().unwrap();
            assert!(!detail.contains("--") && !detail.contains(" at line "), "words of the command line: {detail}");
        }
        house.ask("/v1/explain", json!({ "modality": "clip-image", "id": 0 })).await.problem(
            422,
            "invalid",
            Some("modality"),
        );
        for (body, field) in [
            (json!({}), "modality"),
            (json!({ "modality": "clip-image", "split": "x" }), "split"),
            (json!({ "modality": "clip-image" }), "vector"),
            (json!({ "modality": "clip-image", "vectors": [] }), "vectors"),
            (json!({ "modality": "clip-image", "vectors": [[1]] }), "vectors[0]"),
            (json!({ "modality": "clip-image", "vector": [1], "vectors": [[1]] }), "vectors"),
            (json!({ "modality": "clip-image", "vectors": [vec![1.0; 12], vec![0.0; 12]] }), "vectors[1]"),
        ] {
            house.ask("/v1/vectors:search", body).await.problem(422, "invalid", Some(field));
        }
    });
}

/// A rule that lacks its fact is an error that says where to give it, never an empty answer.
#[test]
fn missing_facts() {
    let house = House::new(|_| {});
    block(async {
        let (text, sbert) = (vec![1.0; 12], vec![1.0; 10]);
        let some = |fields: Value| {
            let mut facts =
                json!({ "caption": "a b c d e f", "timestamp": 5, "entities": [["Ada Lane", "PERSON"], ["y", "GPE"]] });
            facts.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
            facts
        };
        for (body, field) in [
            (json!({ "split": SPLITS[1], "vector": text }), "facts.caption"),
            (
                json!({ "split": SPLITS[1], "vector": text, "facts": some(json!({ "timestamp": null })) }),
                "facts.timestamp",
            ),
            (
                json!({ "split": SPLITS[1], "vector": text, "facts": some(json!({ "entities": null })) }),
                "facts.entities",
            ),
            (json!({ "split": SPLITS[2], "vector": sbert, "facts": some(json!({})) }), "facts.person_boxes"),
            (
                json!({ "split": SPLITS[2], "vector": sbert, "facts": some(json!({ "person_boxes": 1 })) }),
                "vectors.place-image",
            ),
        ] {
            let problem = house.ask("/v1/query", body.clone()).await.problem(422, "missing-fact", Some(field));
            let detail = problem["detail"].as_str().unwrap();
            assert!(detail.contains("waive") && !detail.contains("--"), "{detail}");
            // In a batch, the others are answered.
            let both = json!({ "queries": [body, { "modality": "clip-image", "id": 0 }] });
            let answers = house.ask("/v1/query:batch", both).await.ok()["answers"].clone();
            is_problem(&answers[0], 422, "missing-fact", Some(&format!("queries[0].{field}")));
            assert!(answers[1]["results"].is_array());
        }
        // Waived, it holds.
        let body = json!({ "split": SPLITS[1], "vector": text, "facts": some(json!({ "timestamp": null })), "waive": ["days"] });
        assert!(house.ask("/v1/query", body).await.ok()["results"].is_array());
    });
}

#[test]
fn bodies_that_are_none() {
    let house = House::new(|config| config.limits.body_bytes = 5000);
    block(async {
        for path in ["/v1/query", "/v1/explain", "/v1/match", "/v1/query:batch", "/v1/vectors:search", "/v1/verify"] {
            for body in ["", "{", "[", "no", "\u{feff}{}", "{'k': 1}", "\"x"] {
                house.post(path, body).await.problem(400, "malformed", None);
            }
            for body in ["[]", "5", "\"x\"", "null"] {
                house.post(path, body).await.problem(422, "invalid", None);
            }
            house.post(path, vec![b'"', 0xff, 0xfe, b'"']).await.problem(400, "malformed", None);
            house.post(path, format!("{{\"split\": \"{}\"}}", "x".repeat(5000))).await.problem(413, "too-large", None);
            // A length that is not said beforehand is counted.
            let pieces = crate::bodies::pieces((0..100).map(|_| " ".repeat(100)).collect());
            house.post(path, pieces).await.problem(413, "too-large", None);
            for (name, value) in [
                ("content-type", "text/plain"),
                ("content-type", "application/x-www-form-urlencoded"),
                ("content-type", "application/jsonx"),
                ("content-type", ""),
            ] {
                let request = Request::post(path).header(name, value).body(Body::from("{}")).unwrap();
                house.send(request).await.problem(415, "unsupported-media-type", None);
            }
            let request = Request::post(path).body(Body::from("{}")).unwrap();
            house.send(request).await.problem(415, "unsupported-media-type", None);
            let mut request = post(path, "{}");
            request.headers_mut().insert("content-encoding", "gzip".parse().unwrap());
            house.send(request).await.problem(415, "unsupported-media-type", None);
        }
        for body in ["{\"k\":1}{", "{\"k\":1e999}", "{\"k\":1,}", "{\"k\":01}"] {
            house.post("/v1/query", body).await.problem(400, "malformed", None);
        }
        let mut request = post("/v1/query", json!({ "modality": "clip-image", "id": 0 }).to_string());
        request.headers_mut().insert("content-type", "Application/JSON; charset=utf-8".parse().unwrap());
        house.send(request).await.ok();
    });
}

#[test]
fn paths_and_their_questions() {
    let house = House::new(|_| {});
    block(async {
        for path in ["/v1/samples/12345", "/v1/samples/05", "/v1/samples/+5", "/v1/samples/%22x%22", "/v1/images/none"]
        {
            house.get(path).await.problem(404, "not-found", Some("id"));
        }
        house.get("/v1/samples/%ff").await.problem(400, "malformed", Some("id"));
        house.get("/v1/images/0").await.problem(404, "not-found", None);
        for path in ["/v1/samples/0", "/v1/images/0", "/v1/splits"] {
            house.get(&format!("{path}?index=other")).await.problem(422, "invalid", Some("index"));
            house.get(&format!("{path}?colour=red")).await.problem(422, "invalid", Some("colour"));
            house.get(&format!("{path}?index=index&index=index")).await.problem(422, "invalid", Some("index"));
        }
        house.get("/v1/samples/0?index=index").await.ok();
    });
}

#[test]
fn several_indexes_are_told_apart() {
    let house = House::new(|config| {
        let mut second = config.indexes[0].clone();
        second.name = "second".into();
        config.indexes.push(second);
    });
    block(async {
        let body = json!({ "modality": "clip-image", "id": 0 });
        let problem = house.ask("/v1/query", body).await.problem(422, "invalid", Some("index"));
        assert!(problem["detail"].as_str().unwrap().contains("index, second"));
        house.get("/v1/samples/0").await.problem(422, "invalid", Some("index"));
        for index in ["index", "second"] {
            house.ask("/v1/query", json!({ "index": index, "modality": "clip-image", "id": 0 })).await.ok();
            assert_eq!(house.get(&format!("/v1/samples/0?index={index}")).await.ok()["index"], index);
        }
        house.get("/v1/splits").await.ok();
        assert_eq!(house.get("/v1/indexes").await.ok()["indexes"].as_array().unwrap().len(), 2);
    });
}

#[test]
fn what_is_refused_at_the_start() {
    let refused = |change: &dyn Fn(&mut mispair::daemon::Config)| {
        let mut config = crate::house::config(&[archive()]);
        change(&mut config);
        mispair::daemon::State::open(config, None).err().expect("an error").to_string()
    };
    let nowhere = tempfile::tempdir().unwrap();
    assert!(refused(&|c| c.indexes[0].path = nowhere.path().into()).contains("no index here"));
    assert!(refused(&|c| c.indexes[0].images = Some(nowhere.path().join("photos"))).contains("photos"));
    assert!(refused(&|c| c.splits = vec![nowhere.path().join("mine.toml")]).contains("mine.toml"));
    let split = nowhere.path().join("mine.toml");
    std::fs::write(&split, mispair::constraints::builtin(SPLITS[0]).unwrap()).unwrap();
    assert!(refused(&|c| c.splits = vec![split.clone()]).contains("called \"semantics_clip_text_image\" already"));
    assert!(refused(&|c| c.auth.read_token_file = Some(nowhere.path().join("token"))).contains("token"));
}

#[test]
fn requests_have_ids_and_problems_have_types() {
    let house = House::new(|_| {});
    block(async {
        let mut request = Request::get("/nowhere").body(Body::empty()).unwrap();
        request.headers_mut().insert("x-request-id", "mine-1.2_3".parse().unwrap());
        let reply = house.send(request).await;
        assert_eq!(reply.header("x-request-id"), "mine-1.2_3");
        assert_eq!(reply.problem(404, "not-found", None)["request_id"], "mine-1.2_3");
        let mut request = Request::get("/livez").body(Body::empty()).unwrap();
        request.headers_mut().insert("x-request-id", "not; sane".parse().unwrap());
        let made = house.send(request).await.header("x-request-id").to_owned();
        assert!(made.len() == 16 && made.bytes().all(|b| b.is_ascii_hexdigit()), "{made}");
        let page = String::from_utf8(house.get("/docs").await.bytes.to_vec()).unwrap();
        for slug in slugs() {
            assert!(page.contains(&format!("id=\"problem-{slug}\"")), "{slug}");
        }
    });
}
