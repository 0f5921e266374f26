//! Batches and streams: answered in order, each element by itself.

use crate::house::{House, SPLITS, block, is_problem, post, timeless};
use axum::body::{Body, Bytes};
use axum::http::Request;
use http_body_util::BodyExt;
use hyper::body::Frame;
use serde_json::{Value, json};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::sync::mpsc;
use tower::ServiceExt;

/// A body in pieces, its length not said.
pub struct Pieces(mpsc::UnboundedReceiver<Bytes>);

impl hyper::body::Body for Pieces {
    type Data = Bytes;
    type Error = io::Error;
    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        self.0.poll_recv(cx).map(|piece| piece.map(|data| Ok(Frame::data(data))))
    }
}

/// A body that somebody goes on writing.
pub fn open() -> (mpsc::UnboundedSender<Bytes>, Body) {
    let (sender, receiver) = mpsc::unbounded_channel();
    (sender, Body::new(Pieces(receiver)))
}

pub fn pieces(all: Vec<String>) -> Body {
    let (sender, body) = open();
    all.into_iter().for_each(|piece| sender.send(piece.into()).unwrap());
    body
}

pub fn stream(path: &str, body: impl Into<Body>) -> Request<Body> {
    let mut request = post(path, body);
    request.headers_mut().insert("content-type", "application/x-ndjson".parse().unwrap());
    request
}

/// Queries of all kinds, some of them wrong, with what each is answered alone.
async fn mixed(house: &House, n: usize) -> Vec<(Value, Value)> {
    let mut all = Vec::new();
    for i in 0..n {
        let query = match i % 5 {
            0 => json!({ "split": SPLITS[i % 4], "id": i, "k": 1 + i % 3 }),
            1 => json!({ "modality": "clip-image", "id": i }),
            2 => json!({ "split": SPLITS[1], "id": i, "k": 0 }),
            3 => json!({ "modality": "clip-text", "vector": vec![1.0 + i as f32; 12], "k": 3 }),
            _ => json!({ "nonsense": i }),
        };
        let alone = house.ask("/v1/query", query.clone()).await.json();
        all.push((query, alone));
    }
    all
}

/// An element of a batch is what it is alone: an answer, or a problem whose field begins with the element.
fn same(got: &Value, alone: &Value, name: &str, at: usize) {
    if alone.get("status").is_some() {
        let element = format!("{name}[{at}]");
        let field = alone.get("field").map_or(element.clone(), |f| format!("{element}.{}", f.as_str().unwrap()));
        let slug = alone["type"].as_str().unwrap().rsplit("problem-").next().unwrap();
        is_problem(got, alone["status"].as_u64().unwrap() as u16, slug, Some(&field));
    } else {
        assert_eq!(timeless(got.clone()), timeless(alone.clone()));
    }
}

#[test]
fn batches() {
    let house = House::new(|_| {});
    block(async {
        let all = mixed(&house, 60).await;
        let queries: Vec<&Value> = all.iter().map(|a| &a.0).collect();
        let body = json!({ "queries": queries }).to_string();
        let answers = house.post("/v1/query:batch", body.clone()).await.ok()["answers"].clone();
        assert_eq!(answers.as_array().unwrap().len(), all.len());
        for (at, (got, (_, alone))) in answers.as_array().unwrap().iter().zip(&all).enumerate() {
            same(got, alone, "queries", at);
        }
        // The same as lines, from a document and from lines; and as a document from lines.
        let mut request = post("/v1/query:batch", body);
        request.headers_mut().insert("accept", "application/x-ndjson".parse().unwrap());
        let lines = house.send(request).await.ok_lines();
        lines.iter().zip(&all).enumerate().for_each(|(at, (got, (_, alone)))| same(got, alone, "queries", at));
        let text: String = queries.iter().map(|q| format!("{q}\n\n")).collect();
        let lines = house.send(stream("/v1/query:batch", text.trim_end().to_owned())).await.ok_lines();
        assert_eq!(lines.len(), all.len());
        lines.iter().zip(&all).enumerate().for_each(|(at, (got, (_, alone)))| same(got, alone, "lines", at));
        let mut request = stream("/v1/query:batch", text);
        request.headers_mut().insert("accept", "application/json".parse().unwrap());
        let answers = house.send(request).await.ok()["answers"].clone();
        answers
            .as_array()
            .unwrap()
            .iter()
            .zip(&all)
            .enumerate()
            .for_each(|(at, (got, (_, alone)))| same(got, alone, "lines", at));
        assert_eq!(house.ask("/v1/query:batch", json!({ "queries": [] })).await.ok(), json!({ "answers": [] }));
        assert!(house.send(stream("/v1/query:batch", "")).await.ok_lines().is_empty());
    });
}

#[test]
fn captions_one_a_line() {
    let house = House::new(|_| {});
    block(async {
        let caption = |i: usize| {
            json!({ "key": format!("c{i}"), "vectors": { "clip-text": vec![1.0 + i as f32; 12] },
                "facts": { "caption": "a b c d e f", "timestamp": 5, "entities": [["x", "GPE"], [format!("y{i}"), "GPE"]] } })
        };
        let captions: Vec<Value> = (0..20).map(caption).collect();
        let body = json!({ "split": SPLITS[1], "waive": ["days"], "captions": captions });
        let whole = house.ask("/v1/match", body).await.ok()["matches"].clone();
        let line = |caption: &Value| {
            let mut line = caption.clone();
            line["split"] = json!(SPLITS[1]);
            line["waive"] = json!(["days"]);
            format!("{line}\n")
        };
        let text: String = captions.iter().map(line).collect();
        let lines = house.send(stream("/v1/match", text)).await.ok_lines();
        assert_eq!(lines.len(), 20);
        for (i, (one, other)) in whole.as_array().unwrap().iter().zip(&lines).enumerate() {
            assert_eq!(timeless(one.clone()), timeless(other.clone()));
            assert_eq!((&one["query"]["key"], one["results"].as_array().unwrap().len()), (&json!(format!("c{i}")), 1));
        }
        for (body, field) in [
            (json!({ "captions": [{}] }), "captions[0].split"),
            (json!({ "split": SPLITS[1], "captions": [{}] }), "captions[0].vectors"),
            (json!({ "split": SPLITS[1], "captions": [{ "id": 5 }] }), "captions[0].id"),
            (json!({ "split": SPLITS[1], "captions": [5] }), "captions[0]"),
        ] {
            let got = house.ask("/v1/match", body).await.ok()["matches"][0].clone();
            is_problem(&got, 422, "invalid", Some(field));
        }
        house.ask("/v1/match", json!({ "captions": [], "k": 3 })).await.problem(422, "invalid", Some("k"));
    });
}

/// An answer comes as soon as its line has come, not when the stream ends.
#[test]
fn a_conversation() {
    let house = House::new(|_| {});
    block(async {
        let (sender, body) = open();
        let response = house.app.clone().oneshot(stream("/v1/query:batch", body)).await.unwrap();
        assert_eq!(response.status(), 200);
        let mut answers = response.into_body();
        for i in [0, 2, 4] {
            // In two pieces, for good measure.
            let line =
                format!("{}\n", json!({ "modality": "clip-text", "vector": vec![1.0 + i as f32; 12], "k": i + 1 }));
            sender.send(Bytes::copy_from_slice(&line.as_bytes()[..9])).unwrap();
            sender.send(Bytes::copy_from_slice(&line.as_bytes()[9..])).unwrap();
            let data = answers.frame().await.unwrap().unwrap().into_data().unwrap();
            let answer: Value = serde_json::from_slice(&data).unwrap();
            assert_eq!(answer["results"].as_array().unwrap().len(), i + 1);
            // While nothing is asked, the stream takes nobody's place.
            while house.state.pool.inside() > 0 {
                tokio::task::yield_now().await;
            }
        }
        drop(sender);
        assert!(answers.frame().await.is_none());
    });
}

#[test]
fn limits_on_what_is_asked() {
    let house = House::new(|config| {
        config.limits.k = 7;
        config.limits.ef = 50;
        config.limits.explain = 3;
        config.limits.batch = 4;
        config.limits.line_bytes = 200;
    });
    block(async {
        let query = |field: &str, value: Value| {
            let mut query = json!({ "split": SPLITS[1], "id": 0 });
            query[field] = value;
            query
        };
        // What is filled in keeps to the limits, too.
        let filled = house.ask("/v1/query", json!({ "modality": "clip-image", "id": 0 })).await.ok();
        assert_eq!((&filled["query"]["k"], filled["results"].as_array().unwrap().len()), (&json!(7), 7));
        for (field, most) in [("k", 7), ("ef", 50), ("explain", 3)] {
            let reply = house.ask("/v1/query", query(field, json!(most))).await;
            assert!(reply.status == 200 || reply.json()["field"] != field, "{reply:?}");
            let problem =
                house.ask("/v1/query", query(field, json!(most + 1))).await.problem(422, "invalid", Some(field));
            assert!(problem["detail"].as_str().unwrap().contains(&format!("limit of {most}")));
        }
        let search = |n: usize| json!({ "modality": "clip-image", "vectors": vec![vec![1.0; 12]; n] });
        house.ask("/v1/vectors:search", search(4)).await.ok();
        house.ask("/v1/vectors:search", search(5)).await.problem(422, "invalid", Some("vectors"));
        let batch = |n: usize| json!({ "queries": vec![json!({ "modality": "clip-image", "id": 0 }); n] });
        house.ask("/v1/query:batch", batch(4)).await.ok();
        house.ask("/v1/query:batch", batch(5)).await.problem(422, "invalid", Some("queries"));
        // Lines may be many, unless a document is to hold their answers.
        let line = json!({ "modality": "clip-image", "id": 0, "k": 1 }).to_string() + "\n";
        assert_eq!(house.send(stream("/v1/query:batch", line.repeat(50))).await.ok_lines().len(), 50);
        let mut request = stream("/v1/query:batch", line.repeat(5));
        request.headers_mut().insert("accept", "application/json".parse().unwrap());
        house.send(request).await.problem(422, "invalid", Some("lines"));
        // A line too long ends the stream, and says why.
        let lines = house
            .send(stream("/v1/query:batch", format!("{line}{}\n{line}", " ".repeat(300) + &line)))
            .await
            .ok_lines();
        assert_eq!(lines.len(), 2);
        is_problem(&lines[1], 413, "too-large", Some("lines[1]"));
    });
}
