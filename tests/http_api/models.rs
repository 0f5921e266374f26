//! Texts and images, where the daemon has a model: its vectors are asked for once, and nobody else waits for them.

use crate::house::{House, SPLITS, block, index};
use axum::body::Body;
use axum::http::Request;
use mispair::daemon::{Fault, Models};
use mispair::index::Index;
use mispair::query::vector_of;
use mispair::words::Row;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex};

/// The vector of a text is that of the sample whose id it is; the image "#5" is sample 5's. "slow" waits at the gate.
#[derive(Default)]
struct ById {
    made: AtomicUsize,
    waiting: AtomicUsize,
    open: Mutex<bool>,
    opened: Condvar,
}

impl ById {
    fn vector(&self, id: &str) -> Result<Vec<f32>, String> {
        self.made.fetch_add(1, SeqCst);
        let row = index().catalog.find_any_type(&id.into()).ok_or("no such text".to_owned())?;
        vector_of(index(), row, "clip-text", "clip-text").map_err(|e| e.to_string())
    }

    fn open_the_gate(&self) {
        *self.open.lock().unwrap() = true;
        self.opened.notify_all();
    }
}

impl Models for ById {
    fn of(&self, _: &Index, modality: &str) -> Result<usize, String> {
        if modality == "sbert-text" { Err("no model made sbert-text".into()) } else { Ok(7) }
    }

    fn sees(&self, _: usize) -> bool {
        true
    }

    fn text(&self, model: usize, text: &str) -> Result<Vec<f32>, Fault> {
        assert_eq!(model, 7);
        if !text.starts_with("slow") {
            return Ok(self.vector(text)?);
        }
        self.waiting.fetch_add(1, SeqCst);
        let open = self.open.lock().unwrap();
        drop(self.opened.wait_while(open, |open| !*open).unwrap());
        Ok(self.vector("0")?)
    }

    fn image(&self, model: usize, file: &[u8]) -> Result<Vec<f32>, Fault> {
        assert_eq!(model, 7);
        let text =
            std::str::from_utf8(file).ok().and_then(|text| text.strip_prefix('#')).ok_or("no image".to_owned())?;
        Ok(self.vector(text)?)
    }
}

fn house(change: impl FnOnce(&mut mispair::daemon::Config)) -> (House, Arc<ById>) {
    let models = Arc::new(ById::default());
    (House::with(change, Some(models.clone())), models)
}

fn vector(row: Row) -> Value {
    json!(vector_of(index(), row, "clip-text", "clip-text").unwrap()[..index().matrix("clip-text").unwrap().dim()])
}

#[test]
fn a_text_finds_what_its_vector_finds() {
    let ((with, models), without) = (house(|_| {}), House::new(|_| {}));
    block(async {
        let text = json!({ "modality": "clip-image", "text": "0" });
        let problem = without.ask("/v1/query", text.clone()).await.problem(422, "invalid", Some("text"));
        assert!(problem["detail"].as_str().unwrap().contains("no encoder"));
        let by_vector = json!({ "modality": "clip-image", "vector": vector(Row(0)) });
        let by_vector = with.ask("/v1/query", by_vector).await.ok();
        for _ in 0..3 {
            let by_text = with.ask("/v1/query", text.clone()).await.ok();
            assert_eq!((&by_text["results"], &by_text["query"]["text"]), (&by_vector["results"], &json!("0")));
        }
        assert_eq!(models.made.load(SeqCst), 1, "kept");
        let facts =
            json!({ "timestamp": "2031-01-01", "entities": [["x", "GPE"], ["y", "GPE"]], "caption": "a b c d e f" });
        let asked = |split: &str| json!({ "split": split, "text": "0", "facts": facts });
        assert_eq!(with.ask("/v1/query", asked(SPLITS[0])).await.ok()["query"]["caption"], "a b c d e f");
        let refused = with.ask("/v1/query", asked(SPLITS[2])).await.problem(422, "invalid", Some("text"));
        assert_eq!(refused["detail"], "no model made sbert-text");
        with.ask("/v1/query", json!({ "modality": "clip-image", "text": "nobody" })).await.problem(
            422,
            "invalid",
            Some("text"),
        );
        let long = json!({ "modality": "clip-image", "text": "long ".repeat(4000) });
        with.ask("/v1/query", long).await.problem(422, "invalid", Some("text"));
        with.ask("/v1/query", json!({ "modality": "clip", "text": "0" })).await.problem(
            422,
            "invalid",
            Some("modality"),
        );
    });
}

#[test]
fn texts_in_a_batch_in_a_stream_and_on_the_page() {
    let (house, models) = house(|config| config.limits.encodings = 0);
    block(async {
        let one = |id: usize| json!({ "modality": "clip-image", "text": id.to_string(), "k": 3 });
        let queries: Vec<Value> = [0, 1, 2, 4, 5].map(one).into();
        let alone = house.ask("/v1/query", one(4)).await.ok();
        let made = models.made.load(SeqCst);
        let answers = house.ask("/v1/query:batch", json!({ "queries": queries })).await.ok();
        assert_eq!(answers["answers"][3]["results"], alone["results"]);
        assert_eq!(models.made.load(SeqCst), made + 5, "nothing is kept here");
        let captions =
            [json!({ "key": 1, "text": "0", "facts": { "caption": "a b c d e f" } }), json!({ "text": "x" })];
        let matched =
            json!({ "split": SPLITS[1], "captions": captions, "waive": ["days", "entities", "entity_count"] });
        let matches = house.ask("/v1/match", matched).await.ok();
        assert_eq!(matches["matches"][0]["query"]["key"], 1, "{matches}");
        assert_eq!(matches["matches"][1]["field"], "captions[1].text", "{matches}");

        let page = house.get("/?by=text&text=4&in=modality:clip-image&k=3").await;
        let text = std::str::from_utf8(&page.bytes).unwrap();
        assert_eq!(page.status, 200);
        for hit in alone["results"].as_array().unwrap() {
            let id = hit["id"].as_str().map_or_else(|| hit["id"].to_string(), str::to_owned);
            assert!(text.contains(&format!(">{id}<")), "{id} is not in\n{text}");
        }
        let page = house.get("/?by=text&text=nobody&in=modality:clip-image").await;
        assert_eq!(page.status, 422);
    });
}

/// One model thread, and one place to wait for it.
#[test]
fn who_waits_for_a_model_keeps_nobody_else_waiting() {
    let (house, models) = house(|config| {
        config.limits.encode_threads = 1;
        config.limits.encode_queue = 1;
        config.limits.threads = 1;
        config.limits.queue = 8;
        config.limits.encodings = 0;
    });
    let house = Arc::new(house);
    block(async {
        let text = |text: &str| json!({ "modality": "clip-image", "text": text });
        let mut slow = Vec::new();
        for name in ["slow 1", "slow 2"] {
            let (house, asked) = (Arc::clone(&house), text(name));
            slow.push(tokio::spawn(async move { house.ask("/v1/query", asked).await }));
        }
        // Both places are taken some time soon.
        let taken = async |places: usize| {
            let metrics = house.get("/metrics").await.bytes;
            std::str::from_utf8(&metrics).unwrap().contains(&format!("mispair_encodings_inside {places}\n"))
        };
        while !taken(2).await || models.waiting.load(SeqCst) == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
        let full = house.ask("/v1/query", text("4")).await;
        full.problem(503, "overloaded", None);
        assert_eq!(full.header("retry-after"), "1");
        // Vectors are searched for meanwhile, on the one search thread.
        for _ in 0..20 {
            house.ask("/v1/query", json!({ "modality": "clip-image", "vector": vector(Row(1)) })).await.ok();
        }
        assert_eq!(models.waiting.load(SeqCst), 1);
        models.open_the_gate();
        for reply in slow {
            reply.await.unwrap().ok();
        }
        house.ask("/v1/query", text("5")).await.ok();
    });
}

#[test]
fn a_model_that_takes_too_long() {
    let (house, models) = house(|config| config.timeouts.request_ms = 50);
    block(async {
        house.ask("/v1/query", json!({ "modality": "clip-image", "text": "slow" })).await.problem(504, "timeout", None);
    });
    models.open_the_gate();
}

#[test]
fn images_are_sent_as_they_are() {
    let ((with, models), without) = (house(|config| config.limits.image_bytes = 100), House::new(|_| {}));
    let send = |path: &str, body: &[u8]| Request::post(path).body(Body::from(body.to_vec())).unwrap();
    let path = "/v1/images:search?modality=clip-image&k=4&unique=image";
    block(async {
        let found = with.send(send(path, b"#5")).await.ok();
        let asked = json!({ "modality": "clip-image", "k": 4, "unique": "image", "text": "5" });
        assert_eq!(found["results"], with.ask("/v1/query", asked).await.ok()["results"]);
        assert_eq!(models.made.load(SeqCst), 2, "an image is no text");
        with.send(send(path, b"GIF89a")).await.problem(422, "invalid", Some("image"));
        with.send(send(path, &[b'#'; 101])).await.problem(413, "too-large", None);
        with.send(send("/v1/images:search", b"#5")).await.problem(422, "invalid", Some("modality"));
        with.send(send("/v1/images:search?modality=sbert-text", b"#5")).await.problem(422, "invalid", Some("image"));
        with.send(send("/v1/images:search?modality=clip-image&split=x", b"#5")).await.problem(
            422,
            "invalid",
            Some("split"),
        );
        without.send(send(path, b"#5")).await.problem(422, "invalid", None);
    });
}

/// The fear: a page of somebody else's that keeps the models at work, through the browser of whoever reads it.
#[test]
fn pages_of_other_sites_send_nothing() {
    let (house, models) = house(|_| {});
    block(async {
        let image = || Request::post("/v1/images:search?modality=clip-image").body(Body::from("#5")).unwrap();
        let ask = json!({ "caption": "9", "near_caption": 0.9, "same_image": 0.2, "other_image": 0.1 }).to_string();
        let verify = || form(&[("ask", None, ask.as_bytes()), ("image", Some("x"), b"#9")]);
        let from = |site: &str, mut request: Request<Body>| {
            request.headers_mut().insert("sec-fetch-site", site.parse().unwrap());
            request
        };
        for site in ["cross-site", "same-site"] {
            house.send(from(site, image())).await.problem(403, "forbidden", None);
            house.send(from(site, verify())).await.problem(403, "forbidden", None);
        }
        assert_eq!(models.made.load(SeqCst), 0);
        for site in ["same-origin", "none"] {
            house.send(from(site, image())).await.ok();
            house.send(from(site, verify())).await.ok();
        }
    });
}

/// A model of the captions of each kind.
struct Two;

impl Models for Two {
    fn of(&self, _: &Index, modality: &str) -> Result<usize, String> {
        Ok(usize::from(modality == "sbert-text"))
    }

    fn sees(&self, _: usize) -> bool {
        false
    }

    fn text(&self, model: usize, text: &str) -> Result<Vec<f32>, Fault> {
        let row = index().catalog.find_any_type(&text.into()).ok_or("no such text".to_owned())?;
        let modality = ["clip-text", "sbert-text"][model];
        Ok(vector_of(index(), row, modality, modality).map_err(|e| e.to_string())?)
    }

    fn image(&self, _: usize, _: &[u8]) -> Result<Vec<f32>, Fault> {
        Err("no image".to_owned().into())
    }
}

/// The fear: a vector that was there when a request was looked at first, and is gone when it is answered.
#[test]
fn what_is_kept_may_go_while_the_rest_is_made() {
    let waived = ["words", "days", "entity_count", "pictured_person", "person_box", "shared_person", "place"];
    let asked = json!({ "split": SPLITS[2], "text": "4", "waive": waived });
    let mut all = Vec::new();
    for most in [0, 1, 2] {
        let house = House::with(|config| config.limits.encodings = most, Some(Arc::new(Two)));
        // One that is kept pushes the other out, each time.
        all.extend((0..3).map(|_| block(house.ask("/v1/query", asked.clone())).ok()["results"].clone()));
    }
    assert!(all[0].as_array().is_some_and(|results| !results.is_empty()), "{all:?}");
    assert!(all.iter().all(|results| *results == all[0]), "{all:?}");
}

/// A form without a file takes its room among the bodies for as long as it is worked at.
#[test]
fn a_form_that_waits_for_a_model_keeps_its_room() {
    let (house, models) = house(|config| {
        (config.limits.body_bytes, config.limits.image_bytes, config.limits.bodies_bytes) = (4096, 4096, 4096);
    });
    let house = Arc::new(house);
    block(async {
        let caption = format!("slow {}", "x".repeat(2500));
        let ask = json!({ "caption": caption, "image_id": index().catalog.id(Row(0)) }).to_string();
        let (there, slow) = (Arc::clone(&house), form(&[("ask", None, ask.as_bytes())]));
        let slow = tokio::spawn(async move { there.send(slow).await });
        while models.waiting.load(SeqCst) == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
        let other = json!({ "modality": "clip-image", "text": "y".repeat(2000) });
        house.ask("/v1/query", other.clone()).await.problem(503, "overloaded", None);
        models.open_the_gate();
        slow.await.unwrap().ok();
        house.ask("/v1/query", other).await.problem(422, "invalid", Some("text"));
    });
}

#[test]
fn a_caption_that_is_verified_is_encoded_too() {
    let (house, models) = house(|_| {});
    block(async {
        let id = json!(index().catalog.id(Row(0)));
        let settings = json!({ "image_id": id, "near_caption": 0.9 });
        let ask = |mut more: Value| {
            more.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
            more
        };
        let by_vector = ask(json!({ "caption": "0", "vectors": { "clip-text": vector(Row(0)) } }));
        let by_vector = crate::house::timeless(house.ask("/v1/verify", by_vector).await.ok());
        assert_eq!(models.made.load(SeqCst), 0, "a vector that is given is taken");
        let own = |line: &Value| line["by"] == "caption" && line["id"] == id;
        assert!(by_vector["evidence"].as_array().unwrap().iter().any(own), "{by_vector}");
        let by_text = house.ask("/v1/verify", ask(json!({ "caption": "0" }))).await.ok();
        assert_eq!(crate::house::timeless(by_text), by_vector);
        assert_eq!(models.made.load(SeqCst), 1);
        // What the model refuses is a problem of the caption; what is too long for it is checked without its vector.
        let refused = house.ask("/v1/verify", ask(json!({ "caption": "nobody" }))).await;
        refused.problem(422, "invalid", Some("caption"));
        let long = house.ask("/v1/verify", ask(json!({ "caption": "long ".repeat(4000) }))).await.ok();
        assert!(long["skipped"].to_string().contains("bytes of text"), "{long}");
        let without = House::new(|_| {}).ask("/v1/verify", ask(json!({ "caption": "0" }))).await.ok();
        assert!(without["skipped"].to_string().contains("the caption has no vector"), "{without}");
    });
}

/// A form as browsers and curl send it.
fn form(parts: &[(&str, Option<&str>, &[u8])]) -> Request<Body> {
    let mut body = Vec::new();
    for (name, file, value) in parts {
        let file = file.map_or_else(String::new, |f| format!("; filename=\"{f}\"\r\nContent-Type: image/jpeg"));
        body.extend(format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n").bytes());
        body.extend_from_slice(value);
        body.extend(b"\r\n");
    }
    body.extend(b"--b--\r\n");
    Request::post("/v1/verify")
        .header("content-type", "multipart/form-data; boundary=b")
        .body(Body::from(body))
        .unwrap()
}

#[test]
fn an_image_that_is_sent_is_verified() {
    let ((house, models), without) = (house(|config| config.limits.image_bytes = 100), House::new(|_| {}));
    let sent = |ask: Value, file: &[u8]| form(&[("ask", None, ask.to_string().as_bytes()), ("image", Some("x"), file)]);
    block(async {
        // The image "#9" has the vector of sample 9's text; so has the text "9". Both are made in one go.
        let ask = json!({ "caption": "9", "near_caption": 0.9, "same_image": 0.2, "other_image": 0.1 });
        let by_file = house.send(sent(ask.clone(), b"#9")).await.ok();
        assert_eq!(models.made.load(SeqCst), 2);
        let mut by_vector = ask.clone();
        by_vector["vectors"] = json!({ "clip-image": vector(Row(9)), "clip-text": vector(Row(9)) });
        let by_vector = house.ask("/v1/verify", by_vector).await.ok();
        assert!(!by_file["evidence"].as_array().unwrap().is_empty());
        assert_eq!(crate::house::timeless(by_file), crate::house::timeless(by_vector));
        // Without a file the form is a document like any other.
        let plain = json!({ "caption": "9", "image_id": 4 });
        let by_form = house.send(sent(plain.clone(), b"")).await.ok();
        let by_json = house.ask("/v1/verify", plain.clone()).await.ok();
        assert_eq!(crate::house::timeless(by_form), crate::house::timeless(by_json));

        let refused = async |request: Request<Body>, status: u16, slug: &str, field: Option<&str>| {
            house.send(request).await.problem(status, slug, field);
        };
        refused(sent(ask.clone(), b"GIF89a"), 422, "invalid", Some("image")).await;
        refused(sent(ask.clone(), &[b'#'; 101]), 413, "too-large", None).await;
        refused(sent(json!({ "id": 9 }), b"#9"), 422, "invalid", Some("image")).await;
        refused(sent(plain, b"#9"), 422, "invalid", Some("image")).await;
        refused(sent(json!({ "caption": "9", "k": 1 }), b"#9"), 422, "invalid", Some("k")).await;
        refused(form(&[("image", Some("x"), b"#9")]), 422, "invalid", Some("ask")).await;
        let ask = ask.to_string();
        let ask = ("ask", None, ask.as_bytes());
        refused(form(&[ask, ("images", None, b"#9")]), 422, "invalid", Some("images")).await;
        refused(form(&[ask, ask]), 422, "invalid", Some("ask")).await;
        refused(form(&[ask, ("image", Some("x"), b"#9"), ("image", None, b"#6")]), 422, "invalid", Some("image")).await;
        refused(form(&[("ask", None, b"\xff")]), 422, "invalid", Some("ask")).await;
        refused(form(&vec![("n", None, &b""[..]); 65]), 422, "invalid", None).await;
        for (media_type, body) in [
            ("multipart/form-data", "--b--"),
            ("multipart/form-data; boundary=b", "--b"),
            ("multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=\"ask\"\r\n\r\n{"),
            ("multipart/form-data; boundary=b", "--b\r\nContent-Disposition"),
        ] {
            let broken = Request::post("/v1/verify").header("content-type", media_type);
            refused(broken.body(Body::from(body)).unwrap(), 400, "malformed", None).await;
        }
        let zipped = Request::post("/v1/verify").header("content-encoding", "gzip");
        let zipped = zipped.header("content-type", "multipart/form-data; boundary=b").body(Body::empty()).unwrap();
        refused(zipped, 415, "unsupported-media-type", None).await;
        let ask = json!({ "caption": "9" });
        without.send(sent(ask, b"#9")).await.problem(422, "invalid", Some("image"));
    });
}
