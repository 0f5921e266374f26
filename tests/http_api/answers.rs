//! Each route's answer is the library's own, on the same index.

use crate::common;
use crate::house::{House, SPLITS, archive, block, index, through_text, timeless};
use axum::body::Body;
use axum::http::{Method, Request};
use mispair::constraints::{Bound, Split, Subject, Vectors};
use mispair::formats::captioned_facts;
use mispair::kernels::Block;
use mispair::matrix::Prepared;
use mispair::query::{Plain, Searcher, Wanted, plain_batch, vector_of};
use mispair::retrieve::Engine;
use mispair::words::{Order, Row};
use serde_json::{Value, json};
use std::collections::BTreeMap;

fn searcher(split: &str) -> Searcher<'static> {
    Searcher::new(Bound::new(index(), Split::builtin(split).unwrap()).unwrap())
}

fn wanted(k: usize) -> Wanted {
    Wanted { k, adversarial: false, unique_image: false, explain: 0, engine: Engine::Auto, ef: None }
}

/// Rows that are eligible on the query's side, as they come.
fn askers(searcher: &Searcher<'_>, n: usize) -> Vec<Row> {
    let bound = searcher.bound();
    index().catalog.rows().filter(|&r| bound.refused_as_pristine(r).is_none()).take(n).collect()
}

/// What the library answers, without what was asked.
fn library(searcher: &Searcher<'_>, subject: &Subject, pool: Option<u16>, wanted: Wanted) -> Value {
    unasked(timeless(through_text(&searcher.answer(subject, pool, wanted, Value::Null).unwrap())))
}

fn unasked(mut answer: Value) -> Value {
    assert!(answer.as_object_mut().unwrap().remove("query").is_some(), "{answer}");
    answer
}

/// The vector of a row as a request brings it.
fn vector(modality: &str, row: Row) -> Option<Value> {
    let matrix = index().matrix(modality).unwrap();
    let at = matrix.find(row)?;
    Some(json!(matrix.vector(at)[..matrix.dim()]))
}

#[test]
fn a_sample_s_wrong_images() {
    let house = House::new(|_| {});
    block(async {
        for split in SPLITS {
            let searcher = searcher(split);
            let rows = askers(&searcher, 6);
            assert!(rows.len() >= 3, "{split}");
            for row in rows {
                let id = index().catalog.id(row);
                let subject = Subject::of_row(searcher.bound(), row);
                for (adversarial, unique, explain) in [(false, false, 0), (true, false, 0), (true, true, 3)] {
                    let want = Wanted { adversarial, unique_image: unique, explain, ..wanted(7) };
                    let body = json!({ "split": split, "id": id, "k": 7, "adversarial": adversarial,
                        "unique": unique.then_some("image"), "explain": explain });
                    let got = timeless(house.ask("/v1/query", body).await.ok());
                    assert_eq!((&got["query"]["id"], &got["query"]["k"]), (&json!(id), &json!(7)));
                    let pool = index().catalog.partition(row);
                    assert_eq!(unasked(got), library(&searcher, &subject, pool, want), "{split} {id}");
                }
            }
        }
    });
}

#[test]
fn the_document_is_what_the_command_line_prints() {
    let house = House::new(|_| {});
    let options =
        "--split semantics_clip_text_text --id 5 -k 4 --adversarial --waive days --partition val --format json";
    let run = common::run(["query", archive().to_str().unwrap()].into_iter().chain(options.split(' ')));
    let printed = run.ok().json_lines().remove(0);
    let body = json!({ "split": "semantics_clip_text_text", "id": 5, "k": 4, "adversarial": true, "waive": ["days"],
        "partition": "val" });
    let got = block(house.ask("/v1/query", body)).ok();
    assert_eq!(timeless(got), timeless(printed));
}

#[test]
fn ids_keep_their_type() {
    let house = House::new(|_| {});
    block(async {
        for (id, row) in [(json!(5), 5), (json!("5"), 6), (json!("text-3"), 3)] {
            let got = house.ask("/v1/query", json!({ "modality": "clip-image", "from": "clip-image", "id": id })).await;
            if index().matrix("clip-image").unwrap().has(Row(row)) {
                let got = got.ok();
                assert_eq!(got["query"]["id"], id);
                assert_eq!(got["query"]["caption"], index().catalog.caption(Row(row)));
            } else {
                got.problem(422, "invalid", Some("id"));
            }
        }
        house.ask("/v1/query", json!({ "split": SPLITS[0], "id": "7" })).await.problem(422, "invalid", Some("id"));
        // In a path there are texts only: a text where there is one, else the integer.
        for (path, id) in
            [("5", json!("5")), ("7", json!(7)), ("text-3", json!("text-3")), ("%74ext-3", json!("text-3"))]
        {
            assert_eq!(house.get(&format!("/v1/samples/{path}")).await.ok()["id"], id);
        }
    });
}

#[test]
fn a_caption_from_outside() {
    let house = House::new(|_| {});
    let record = json!({ "caption": "six words of a new caption", "timestamp": "2031-05-04",
        "entities": [{ "text": "Berlin", "label": "GPE" }, ["Ada Lane", "PERSON"]], "person_boxes": 2, "topic": "law" });
    let (caption, facts) = captioned_facts(&record).unwrap();
    block(async {
        for split in &SPLITS[..2] {
            let searcher = searcher(split);
            let bound = searcher.bound();
            let row = askers(&searcher, 1)[0];
            let query = &bound.split.query;
            let given = index().matrix(query).unwrap();
            let ready = given.query(given.vector(given.find(row).unwrap())[..given.dim()].to_vec()).unwrap();
            let subject = |given: &BTreeMap<String, Prepared>| {
                Subject::from_outside(bound, caption.as_deref(), &facts, Vectors::by_modality(bound, given))
            };
            let alone = BTreeMap::from([(query.clone(), ready.clone())]);
            let body = json!({ "split": split, "vector": vector(query, row), "facts": record });
            let got = timeless(house.ask("/v1/query", body).await.ok());
            assert_eq!(unasked(got), library(&searcher, &subject(&alone), None, wanted(10)), "{split}");

            // With its own image there is a margin, and the choice is adversarial.
            let images = &bound.split.clip_image;
            let own = index().matrix(images).unwrap();
            let image = own.query(own.vector(own.find(row).unwrap())[..own.dim()].to_vec()).unwrap();
            let both = BTreeMap::from([(query.clone(), ready), (images.clone(), image)]);
            let vectors = json!({ query: vector(query, row), images: vector(images, row) });
            let want = library(&searcher, &subject(&both), Some(1), Wanted { adversarial: true, ..wanted(1) });
            assert!(want["results"][0]["clip_margin"].is_f64());
            let body = json!({ "split": split, "partition": "val",
                "captions": [{ "key": 17, "vectors": vectors, "facts": record }] });
            let got = house.ask("/v1/match", body).await.ok()["matches"][0].clone();
            assert_eq!((&got["query"]["key"], &got["query"]["caption"]), (&json!(17), &record["caption"]));
            assert_eq!(unasked(timeless(got)), want);
            let body = json!({ "split": split, "partition": "val", "vectors": vectors, "facts": record,
                "adversarial": true, "k": 1 });
            assert_eq!(unasked(timeless(house.ask("/v1/query", body).await.ok())), want);
        }
    });
}

/// The matcher's own choice, by looking at every candidate: H before L, then the split's order, then the lower row.
#[test]
fn match_chooses_as_the_matcher_does() {
    let house = House::new(|_| {});
    let split = "semantics_clip_text_text";
    let searcher = searcher(split);
    let bound = searcher.bound();
    let mut chosen = [0, 0];
    block(async {
        for row in askers(&searcher, 40) {
            let catalog = &index().catalog;
            let record = house.get(&format!("/v1/samples/{}", catalog.id(row))).await.ok();
            let mut facts = record["facts"].clone();
            facts["caption"] = record["caption"].clone();
            let vectors = json!({ "clip-text": vector("clip-text", row), "clip-image": vector("clip-image", row) });
            let body = json!({ "split": split, "captions": [{ "vectors": vectors, "facts": facts }] });
            let got = house.ask("/v1/match", body).await.ok()["matches"][0].clone();
            // The archive's facts come back from /v1/samples as they went in, so the caption meets the rules as its row does;
            // its vectors went through f16 and JSON, exactly. What it does not know is which image is its own.
            let given = |modality: &str| {
                let matrix = index().matrix(modality).unwrap();
                let raw = matrix.vector(matrix.find(row).unwrap())[..matrix.dim()].to_vec();
                (modality.to_owned(), matrix.query(raw).unwrap())
            };
            let vectors = Vectors::by_modality(bound, &BTreeMap::from([given("clip-text"), given("clip-image")]));
            let (caption, facts) = captioned_facts(&facts).unwrap();
            let subject = Subject::from_outside(bound, caption.as_deref(), &facts, vectors);
            let own = subject.own_cti().unwrap();
            let best = catalog
                .rows()
                .filter(|&r| bound.first_failure(&subject, r).is_none())
                .map(|r| (bound.cti(&subject, r).unwrap() >= own, bound.score(&subject, r).unwrap(), r))
                .max_by(|a, b| (a.0.cmp(&b.0)).then(a.1.total_cmp(&b.1)).then(b.2.cmp(&a.2)));
            let (hard, score, best) = best.expect("a candidate");
            chosen[usize::from(hard)] += 1;
            let hit = &got["results"][0];
            assert_eq!((&hit["id"], &hit["adversarial"]), (&json!(catalog.id(best)), &json!(hard)));
            assert_eq!(hit["score"].as_f64().unwrap() as f32, score);
        }
    });
    assert!(chosen[0] + chosen[1] == 40 && chosen[1] > 0, "{chosen:?}");
}

#[test]
fn plain_searches() {
    let house = House::new(|_| {});
    let plain = |modality| Plain {
        modality,
        order: Order::Highest,
        k: 5,
        unique_image: false,
        partition: None,
        engine: Engine::Auto,
        ef: None,
    };
    let library = |modality, rows: &[Vec<f32>]| {
        let mut queries = Block::new(rows[0].len()).unwrap();
        rows.iter().for_each(|r| queries.push(r).unwrap());
        let answers = plain_batch(index(), &queries, plain(modality), vec![Value::Null; rows.len()]).unwrap();
        answers.iter().map(|a| unasked(timeless(through_text(a)))).collect::<Vec<_>>()
    };
    block(async {
        let row = Row(0);
        let own = vector_of(index(), row, "clip-text", "clip-image").unwrap();
        let body = json!({ "modality": "clip-image", "id": 0, "from": "clip-text", "k": 5 });
        for path in ["/v1/query", "/v1/vectors:search"] {
            let got = timeless(house.ask(path, body.clone()).await.ok());
            assert_eq!(unasked(got), library("clip-image", std::slice::from_ref(&own))[0], "{path}");
        }
        // Under dot, vectors are taken as they are.
        let rows = [vec![1.5; 17], (0..17).map(|i| i as f32).collect()];
        let body = json!({ "modality": "place-image", "vectors": rows, "k": 5 });
        let got = house.ask("/v1/vectors:search", body).await.ok();
        let got: Vec<Value> = got["answers"].as_array().unwrap().iter().map(|a| unasked(timeless(a.clone()))).collect();
        assert_eq!(got, library("place-image", &rows));
        // Under cosine, however long.
        let search = |factor: f32| {
            let scaled: Vec<f32> = own.iter().map(|x| x * factor).collect();
            house.ask(
                "/v1/vectors:search",
                json!({ "modality": "clip-image", "vector": scaled, "partition": "test", "lowest": true }),
            )
        };
        let (short, long) = (search(0.25).await.ok(), search(1024.0).await.ok());
        assert_eq!(timeless(short.clone()), timeless(long));
        let scores: Vec<f64> =
            short["results"].as_array().unwrap().iter().map(|r| r["score"].as_f64().unwrap()).collect();
        assert!(scores.len() == 10 && scores.is_sorted());
    });
}

#[test]
fn explained() {
    let house = House::new(|_| {});
    let searcher = searcher(SPLITS[1]);
    let row = askers(&searcher, 1)[0];
    let subject = Subject::of_row(searcher.bound(), row);
    let id = index().catalog.id(row);
    block(async {
        for (asked, n) in
            [(json!({ "split": SPLITS[1], "id": id }), 10), (json!({ "split": SPLITS[1], "id": id, "explain": 4 }), 4)]
        {
            let got = timeless(house.ask("/v1/explain", asked).await.ok());
            let pool = index().catalog.partition(row);
            let want = library(&searcher, &subject, pool, Wanted { explain: n, ..wanted(10) });
            assert_eq!(got["explanation"]["rejected"].as_array().unwrap().len(), n);
            assert!(got["explanation"]["rejected"][0]["failures"][0]["why"].is_string());
            assert_eq!(unasked(got), want);
        }
    });
}

#[test]
fn what_is_served() {
    let house = House::new(|_| {});
    block(async {
        let got = house.get("/v1/indexes").await.ok();
        assert_eq!((&got["generation"], got["indexes"].as_array().unwrap().len()), (&json!(1), 1));
        let described = &got["indexes"][0];
        assert_eq!(described["index"], "index");
        assert_eq!(described["checksum"], index().checksum.to_string());
        assert_eq!((&described["samples"], &described["partitions"]["val"]), (&json!(400), &json!(133)));
        let modalities = described["modalities"].as_array().unwrap();
        let place = modalities.iter().find(|m| m["name"] == "place-image").unwrap();
        assert_eq!(
            (&place["name"], &place["dim"], &place["metric"]),
            (&json!("place-image"), &json!(17), &json!("dot"))
        );
        let splits = house.get("/v1/splits").await.ok();
        let names: Vec<&str> =
            splits["splits"].as_array().unwrap().iter().map(|s| s["name"].as_str().unwrap()).collect();
        assert_eq!(names, SPLITS);

        let sample = house.get("/v1/samples/0").await.ok();
        let catalog = &index().catalog;
        assert_eq!(sample["caption"], catalog.caption(Row(0)));
        assert_eq!(sample["partition"], "train");
        assert_eq!(sample["modalities"].as_array().unwrap().len(), 4);
        for path in ["/openapi.json", "/livez", "/readyz"] {
            house.get(path).await.ok();
        }
        let docs = house.get("/docs").await;
        assert_eq!((docs.status.as_u16(), docs.header("content-type")), (200, "text/html; charset=utf-8"));
    });
}

/// Every route of the document is there, and every other is not; HEAD goes where GET goes.
#[test]
fn the_document_names_the_routes() {
    let house = House::new(|_| {});
    block(async {
        let document = house.get("/openapi.json").await.ok();
        let paths = document["paths"].as_object().unwrap();
        assert!(paths.len() >= 15);
        for (path, item) in paths {
            let path = path.replace("{id}", "0");
            for method in [Method::GET, Method::POST, Method::PUT, Method::DELETE, Method::PATCH] {
                let request = Request::builder().method(&method).uri(&path).body(Body::empty()).unwrap();
                let reply = house.send(request).await;
                let there = item.get(method.as_str().to_lowercase()).is_some();
                assert_eq!(reply.status != 405, there, "{method} {path}: {reply:?}");
                if !there {
                    reply.problem(405, "method-not-allowed", None);
                    let allowed = if item.get("get").is_some() { "GET" } else { "POST" };
                    assert!(reply.header("allow").contains(allowed), "{reply:?}");
                }
            }
            if item.get("get").is_some() {
                let head = house.send(Request::head(&path).body(Body::empty()).unwrap()).await;
                assert!(head.bytes.is_empty() && head.status != 405, "{head:?}");
            }
        }
        for nowhere in ["/", "/v1", "/v1/query/", "/v2/query", "/v1/samples", "/docs/x"] {
            let reply = house.get(nowhere).await;
            assert!([404, 200].contains(&reply.status.as_u16()), "{nowhere}");
            if reply.status == 404 {
                reply.problem(404, "not-found", None);
            }
        }
    });
}

#[test]
fn metrics_count() {
    let house = House::new(|_| {});
    block(async {
        house.ask("/v1/query", json!({ "split": SPLITS[1], "id": 0 })).await;
        house.ask("/v1/query", json!({ "modality": "clip-image", "id": 0 })).await.ok();
        house.get("/nowhere").await;
        let metrics = house.get("/metrics").await;
        assert!(metrics.header("content-type").starts_with("text/plain; version=0.0.4"));
        let text = std::str::from_utf8(&metrics.bytes).unwrap();
        for line in [
            "mispair_requests_total{route=\"/v1/query\",status=\"200\"}",
            "mispair_requests_total{route=\"unmatched\",status=\"404\"} 1",
            "mispair_step_seconds_count{step=\"search\"}",
            "mispair_step_seconds_bucket{step=\"hydrate\",le=\"+Inf\"}",
            "mispair_requests_in_flight 1",
            "mispair_requests_shed_total 0",
            "mispair_generation 1",
            "mispair_index_samples{index=\"index\"} 400",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
        // Buckets of a histogram never fall.
        for step in ["queue", "plan", "filter", "search", "score", "hydrate", "explain"] {
            let of = format!("mispair_step_seconds_bucket{{step=\"{step}\"");
            let counts: Vec<u64> = text
                .lines()
                .filter(|l| l.starts_with(&of))
                .map(|l| l.rsplit(' ').next().unwrap().parse().unwrap())
                .collect();
            assert!(counts.len() == 17 && counts.is_sorted(), "{step}: {counts:?}");
        }
    });
}
