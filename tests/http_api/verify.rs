//! `POST /v1/verify`: what the library says, said over HTTP; and every field that is wrong, by name.

use crate::house::{House, archive, block, config, index, timeless};
use mispair::daemon::{State, app};
use mispair::evidence::{
    Archive, Asked, By, Captions, Checked, Checker, EntityIndex, Found, Settings, Verdict, same_words,
};
use mispair::words::Row;
use serde_json::{Value, json};

/// The newsroom of these tests has few dimensions: its images are more alike than those of CLIP.
const SETTINGS: Settings = Settings {
    same_image: 0.9,
    other_image: 0.5,
    near_caption: 0.9,
    captions: mispair::evidence::Match::Equal,
    most: 7,
};

fn with_settings(mut ask: Value) -> Value {
    for (name, value) in [("same_image", 0.9), ("other_image", 0.5), ("near_caption", 0.9)] {
        ask[name] = json!(value);
    }
    ask["most"] = json!(7);
    ask
}

/// What the library says.
fn said(asked: impl FnOnce(&Archive<'_>) -> (Asked, Option<Row>), found: Vec<Found>) -> Checked {
    let captions = Captions::of(&index().catalog);
    let archive = Archive::new(index(), &captions, "clip-image", "clip-text").unwrap();
    let (asked, own) = asked(&archive);
    Checker { archive: Some(archive), entities: None, settings: SETTINGS }.check(&asked, own, found).unwrap()
}

fn same(answer: Value, checked: &Checked) {
    let answer = timeless(answer);
    let Value::Object(wanted) = crate::house::through_text(checked) else { panic!("an object") };
    for (name, value) in wanted {
        assert_eq!(answer[&name], value, "{name}");
    }
}

#[test]
fn answers_are_the_library_s() {
    let house = House::new(|_| {});
    let catalog = &index().catalog;
    let id = |row: u32| json!(catalog.id(Row(row)));
    block(async {
        let mut verdicts = std::collections::BTreeSet::new();
        for row in (0..30).filter(|row| ![5, 6].contains(row)) {
            // A sample beside its own image, beside another's, and its caption as if from outside.
            let answer = house.ask("/v1/verify", with_settings(json!({ "id": id(row) }))).await.ok();
            assert!(answer["evidence"].as_array().unwrap().iter().all(|l| l["id"] != id(row)), "nothing about itself");
            same(answer, &said(|a| a.pair(Row(row), Row(row)), Vec::new()));
            let other = (row + 200) % 400;
            let answer = house.ask("/v1/verify", with_settings(json!({ "id": id(row), "image_id": id(other) }))).await;
            let answer = answer.ok();
            assert_eq!((&answer["id"], &answer["image_id"]), (&id(row), &id(other)));
            let checked = said(|a| a.pair(Row(row), Row(other)), Vec::new());
            verdicts.insert(checked.outcome.verdict);
            same(answer, &checked);
            let caption = catalog.caption(Row(row)).to_uppercase();
            let ask = with_settings(json!({ "caption": caption, "image_id": id(row) }));
            let answer = house.ask("/v1/verify", ask).await.ok();
            let (image, same_caption) = (said(|a| (a.sample(Row(row)), None), Vec::new()), same_words(&caption));
            if image.evidence.iter().any(|l| l.by == By::Image) && !same_caption.is_empty() {
                assert_eq!((&answer["verdict"], &answer["rule"]), (&json!("accurate"), &json!(1)), "{row}");
                verdicts.insert(Verdict::Accurate);
            }
        }
        assert_eq!(verdicts.len(), 3, "{verdicts:?}");
    });
}

#[test]
fn vectors_and_finds_of_the_request() {
    let house = House::new(|_| {});
    let matrix = |name: &str| index().matrix(name).unwrap();
    let row = index().catalog.rows().find(|&r| matrix("clip-image").has(r) && matrix("clip-text").has(r)).unwrap();
    let vector = |name: &str| {
        let m = matrix(name);
        // Of another length: it is scaled.
        m.vector(m.find(row).unwrap())[..m.dim()].iter().map(|x| 3.0 * x).collect::<Vec<f32>>()
    };
    let (image, text) = (vector("clip-image"), vector("clip-text"));
    block(async {
        let find = json!({ "by": "image", "caption": "Oslo, seen from the hill", "clip_sim": 0.99, "from": "web",
            "domain": "herald.example", "date": "2016", "entities": [["Oslo", "GPE"], { "text": "2016", "label": "DATE" }] });
        let other = json!({ "by": "image", "caption": "oslo from the hill", "vector": image.iter().map(|x| -x).collect::<Vec<_>>() });
        let ask = json!({ "caption": "Oslo seen from the hill!", "vectors": { "clip-image": image, "clip-text": text },
            "evidence": [other, find] });
        let answer = house.ask("/v1/verify", with_settings(ask)).await.ok();
        assert_eq!((&answer["verdict"], &answer["rule"], &answer["id"]), (&json!("accurate"), &json!(1), &Value::Null));
        let line = &answer["evidence"][answer["line"].as_u64().unwrap() as usize];
        assert_eq!(
            (&line["from"], &line["domain"], &line["date"]),
            (&json!("web"), &json!("herald.example"), &json!("2016"))
        );
        let places = answer["context"]["location"].as_array().unwrap();
        let of_find = places.iter().find(|r| r["caption"] == "Oslo, seen from the hill").unwrap();
        assert_eq!(of_find["entities"], json!(["Oslo"]));
        assert!(answer["skipped"].to_string().contains("1 finds by image show another image"), "{answer}");
        // The archive's own sample is found by its vector and by its text.
        let own = json!(index().catalog.id(row));
        for by in ["image", "caption"] {
            let found = answer["evidence"].as_array().unwrap().iter().any(|l| l["by"] == by && l["id"] == own);
            assert!(found, "by {by}: {answer}");
        }
        // Nothing but finds, and no image: the rules about captions can still be asked.
        let ask = json!({ "caption": "x y", "evidence": [{ "by": "image", "caption": "X, y" }] });
        let answer = house.ask("/v1/verify", ask).await.ok();
        assert_eq!(answer["rule"], 1);
        assert_eq!(answer["skipped"].as_array().unwrap().len(), 2);
        // An empty caption matches nothing, and says so.
        let answer = house.ask("/v1/verify", json!({ "caption": "…", "image_id": own })).await.ok();
        assert!(answer["skipped"][0].as_str().unwrap().contains("empty"), "{answer}");
        // Substrings are another rule.
        let begins: String = index().catalog.caption(row).chars().take(20).collect();
        for (how, count) in [("equal", 0), ("within", 1)] {
            let ask = json!({ "caption": begins, "image_id": own, "match": how });
            let answer = house.ask("/v1/verify", ask).await.ok();
            let matching = answer["margins"]["matching_by_image"].as_u64().unwrap();
            assert!(matching >= count && (count == 1 || matching == 0), "{how}: {answer}");
            assert_eq!(answer["settings"]["match"], how);
        }
    });
}

#[test]
fn entities_of_another_index() {
    // The same folder again under another name: captions are the names.
    let mut two = config(&[archive(), archive()]);
    (two.indexes[0].name, two.indexes[1].name) = ("news".into(), "names".into());
    let state = State::open(two, None).unwrap();
    let house = House { app: app(std::sync::Arc::clone(&state)), state };
    let catalog = &index().catalog;
    let row = catalog.rows().find(|&r| index().matrix("clip-image").unwrap().has(r)).unwrap();
    block(async {
        let id = json!(catalog.id(row));
        let answer = house.ask("/v1/verify", json!({ "index": "news", "id": id, "entities": "names" })).await.ok();
        let captions = Captions::of(catalog);
        let archive = Archive::new(index(), &captions, "clip-image", "clip-text").unwrap();
        let image = archive.sample(row).image.unwrap();
        let wanted = EntityIndex::new(index(), "clip-text", "clip-image").unwrap().of_image(&image).unwrap();
        assert!(wanted.iter().any(|e| e.by.name() == "picture"), "its own picture is there");
        assert_eq!(answer["entities"], crate::house::through_text(&wanted));
        for (ask, field) in
            [(json!({ "id": id }), "index"), (json!({ "index": "news", "id": id, "entities": "none" }), "entities")]
        {
            house.ask("/v1/verify", ask).await.problem(422, "invalid", Some(field));
        }
    });
}

#[test]
fn fields_are_named() {
    let house = House::new(|config| config.limits.k = 50);
    let twelve = vec![1.0; 12];
    let find =
        |find: Value| json!({ "caption": "x", "image_id": 0, "evidence": [{ "by": "image", "caption": "y" }, find] });
    let cases = [
        (json!({}), "caption"),
        (json!({ "id": 0, "caption": "x" }), "caption"),
        (json!({ "id": 0, "vectors": {} }), "vectors"),
        (json!({ "id": 12345 }), "id"),
        (json!({ "id": "0" }), "id"),
        (json!({ "id": 0, "image_id": 12345 }), "image_id"),
        (json!({ "caption": "x" }), "image_id"),
        (json!({ "caption": 5 }), "caption"),
        (json!({ "caption": "x", "image_id": 0, "vectors": { "clip-image": twelve } }), "image_id"),
        (json!({ "caption": "x", "vectors": { "clip-image": [1, 2] } }), "vectors.clip-image"),
        (json!({ "caption": "x", "vectors": { "clip-image": vec![0.0; 12] } }), "vectors.clip-image"),
        (json!({ "caption": "x", "vectors": { "tone": twelve } }), "vectors.tone"),
        (json!({ "caption": "x", "image_id": 0, "vectors": { "clip-text": [1, "two"] } }), "vectors.clip-text[1]"),
        (json!({ "id": 0, "colour": 1 }), "colour"),
        (json!({ "id": 0, "index": "other" }), "index"),
        (json!({ "id": 0, "images": "clip" }), "images"),
        // Rows as they were given, compared by dot product.
        (json!({ "id": 0, "images": "place-image" }), "images"),
        (json!({ "id": 0, "entities": "other" }), "entities"),
        (json!({ "id": 0, "same_image": 1.5 }), "same_image"),
        (json!({ "id": 0, "other_image": 0.95 }), "other_image"),
        (json!({ "id": 0, "near_caption": "high" }), "near_caption"),
        (json!({ "id": 0, "match": "roughly" }), "match"),
        (json!({ "id": 0, "most": 0 }), "most"),
        (json!({ "id": 0, "most": 51 }), "most"),
        (json!({ "id": 0, "evidence": vec![json!({ "by": "image", "caption": "y" }); 51] }), "evidence"),
        (find(json!({ "caption": "y" })), "evidence[1].by"),
        (find(json!({ "by": "smell", "caption": "y" })), "evidence[1].by"),
        (find(json!({ "by": "image" })), "evidence[1].caption"),
        (find(json!({ "by": "image", "caption": "y", "clip_sim": 7 })), "evidence[1].clip_sim"),
        (find(json!({ "by": "image", "caption": "y", "vector": [1] })), "evidence[1].vector"),
        (find(json!({ "by": "image", "caption": "y", "vector": vec![0.0; 12] })), "evidence[1].vector"),
        (find(json!({ "by": "image", "caption": "y", "entities": [["Oslo"]] })), "evidence[1].entities[0]"),
    ];
    block(async {
        for (body, field) in cases {
            let problem = house.ask("/v1/verify", body.clone()).await.problem(422, "invalid", Some(field));
            let detail = problem["detail"].as_str().unwrap();
            assert!(!detail.contains("--") && !detail.contains(" at line "), "words of the command line: {detail}");
        }
        house.post("/v1/verify", "{").await.problem(400, "malformed", None);
    });
}
