//! Whatever the body, the answer is an answer or a problem of the client's: never a fault of the daemon's.

use crate::bodies::stream;
use crate::house::{House, Reply, block, is_problem, post};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::sync::OnceLock;

const ROUTES: [&str; 6] =
    ["/v1/query", "/v1/explain", "/v1/query:batch", "/v1/match", "/v1/vectors:search", "/v1/verify"];
const FIELDS: [&str; 24] = [
    "index",
    "split",
    "modality",
    "id",
    "vector",
    "vectors",
    "text",
    "facts",
    "from",
    "k",
    "ef",
    "engine",
    "adversarial",
    "lowest",
    "unique",
    "partition",
    "explain",
    "waive",
    "queries",
    "captions",
    "key",
    "clip-text",
    "",
    "\u{0}",
];

fn house() -> &'static House {
    static HOUSE: OnceLock<House> = OnceLock::new();
    HOUSE.get_or_init(|| House::new(|config| config.limits.k = 50))
}

/// Values that a field might have, or that somebody would try.
fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(|f| json!(f)),
        (0..12_i64).prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        prop::sample::select(
            &[
                "clip-image",
                "clip-text",
                "place-image",
                "sbert-text",
                "semantics_clip_text_text",
                "person_sbert_text_text",
                "exact",
                "graph",
                "image",
                "val",
                "days",
                "same_image",
                "2020-01-01",
                "-271821-04-20",
                "9999999999999",
                "5",
                "text-3",
                "index",
            ][..]
        )
        .prop_map(Value::from),
        vec(-10.0..10.0_f32, 12).prop_map(|v| json!(v)),
        vec(-10.0..10.0_f32, 17).prop_map(|v| json!(v)),
        Just(json!(vec![f32::MAX; 12])),
        Just(json!(vec![1e-45_f32; 12])),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    leaf().prop_recursive(4, 40, 8, |inner| {
        let name = prop_oneof![prop::sample::select(&FIELDS[..]).prop_map(str::to_owned), ".{0,8}"];
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::from),
            btree_map(name, inner, 0..6).prop_map(|m| Value::Object(m.into_iter().collect())),
        ]
    })
}

/// A body with the right fields and, mostly, the wrong values; or the other way round.
fn body() -> impl Strategy<Value = Value> {
    let near = |field: &'static str, right: Value| {
        prop_oneof![3 => Just(Some(right)), 1 => value().prop_map(Some), 2 => Just(None)].prop_map(move |v| (field, v))
    };
    let facts =
        json!({ "caption": "a b c d e f", "timestamp": "2031-01-01", "entities": [["x", "GPE"], ["y", "GPE"]] });
    let fields = (
        near("split", json!("semantics_clip_text_text")),
        near("vector", json!(vec![1.0; 12])),
        near("vectors", json!({ "clip-text": vec![1.0; 12], "clip-image": vec![2.0; 12] })),
        near("facts", facts),
        near("k", json!(3)),
        near("waive", json!(["days", "place"])),
        near("explain", json!(2)),
        near("captions", json!([{ "vectors": { "clip-text": vec![1.0; 12] } }])),
        near("queries", json!([{ "modality": "clip-image", "id": 0 }, 5])),
        prop::sample::select(&FIELDS[..]).prop_flat_map(move |f| value().prop_map(move |v| (f, Some(v)))),
    );
    let built = fields.prop_map(|(a, b, c, d, e, f, g, h, i, j)| {
        let all = [a, b, c, d, e, f, g, h, i, j].into_iter().filter_map(|(name, v)| Some((name.to_owned(), v?)));
        Value::Object(all.collect())
    });
    prop_oneof![4 => built, 1 => value()]
}

fn is_civil(reply: &Reply) {
    let status = reply.status.as_u16();
    assert!(
        [200, 400, 413, 415, 422, 504].contains(&status) || (status == 503 && !reply.header("retry-after").is_empty()),
        "{reply:?}"
    );
    if status >= 400 {
        let body = reply.json();
        let slug = body["type"].as_str().unwrap().rsplit("problem-").next().unwrap().to_owned();
        is_problem(&body, status, &slug, body.get("field").and_then(Value::as_str));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn documents(route in prop::sample::select(&ROUTES[..]), body in body()) {
        let reply = block(house().ask(route, body));
        is_civil(&reply);
        // Of a batch, each element.
        if reply.status == 200 {
            let answer = reply.json();
            for element in ["answers", "matches"].iter().filter_map(|name| answer.get(name)?.as_array()).flatten() {
                let status = element.get("status").map_or(200, |s| s.as_u64().unwrap());
                assert!([200, 400, 413, 422].contains(&status), "{element}");
            }
        }
        assert_eq!(house().state.pool.panics(), 0);
    }

    #[test]
    fn bytes(route in prop::sample::select(&ROUTES[..]), body in vec(any::<u8>(), 0..200), lines in any::<bool>()) {
        let request = if lines { stream(route, body) } else { post(route, body) };
        is_civil(&block(house().send(request)));
    }

    #[test]
    fn lines(route in prop::sample::select(&["/v1/query:batch", "/v1/match"][..]), bodies in vec(body(), 0..4)) {
        let text: String = bodies.iter().map(|b| format!("{b}\n")).collect();
        let answers = block(house().send(stream(route, text))).ok_lines();
        assert_eq!(answers.len(), bodies.len());
        for answer in answers {
            let status = answer.get("status").map_or(200, |s| s.as_u64().unwrap());
            assert!([200, 400, 413, 422].contains(&status), "{answer}");
        }
    }
}
