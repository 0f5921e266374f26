//! `eval difficulty`.

use crate::common::files;
use crate::desk::{DESK, data, json_on_desk, on_desk};
use mispair::index::Index;
use serde_json::Value;
use std::collections::HashMap;
use std::fs;

const BALANCED: [&str; 3] = ["semantics_clip_text_image", "semantics_clip_text_text", "scene_resnet_place"];

#[test]
fn a_newsroom_matched_by_us() {
    on_desk("eval difficulty dataset --index index --hidden 64 --epochs 6 --out judged --force --quiet").ok();
    let report: Value =
        serde_json::from_str(&fs::read_to_string(DESK.join("judged/difficulty.json")).unwrap()).unwrap();
    let groups = report["groups"].as_array().unwrap();
    let mut balanced = 0;
    for g in groups.iter().filter(|g| g["ranking"]["pairs"].as_u64() > Some(0)) {
        let (split, pairs) = (g["split"].as_str().unwrap(), g["ranking"]["pairs"].as_u64().unwrap());
        let counted: u64 = g["pristine"]["counts"].as_array().unwrap().iter().map(|c| c.as_u64().unwrap()).sum();
        assert_eq!(counted, pairs, "every pair is in a bin");
        if BALANCED.contains(&split) {
            assert_eq!(g["ranking"]["share"], 0.5, "half by design: {split}");
            balanced += 1;
        }
        // Before matching the task is easy: that is why there is matching.
        if g["block"].is_null() && pairs > 50 {
            assert!(g["one_of_five"]["share"].as_f64() > Some(0.85), "{g}");
        }
    }
    assert_eq!(balanced, 9);
    let probes = report["probes"].as_array().unwrap();
    let of = |name: &str| probes.iter().filter(|p| p["probe"] == name && p["block"].is_null()).collect::<Vec<_>>();
    for control in ["linear, text alone", "MLP, text alone"] {
        assert_eq!(of(control).len(), 10);
        for p in of(control) {
            assert_eq!((p["accuracy"]["all"].as_f64(), p["roc"]["auc"].as_f64()), (Some(0.5), Some(0.5)), "{p}");
        }
    }
    for name in ["threshold on CTI", "linear", "MLP", "linear, image alone"] {
        for p in of(name) {
            let at = |of: &str| p["accuracy"][of].as_f64().unwrap();
            assert!((at("all") - (at("pristine") + at("falsified")) / 2.0).abs() < 1e-9, "as many of each: {p}");
            assert!((0.0..=1.0).contains(&p["roc"]["auc"].as_f64().unwrap()));
        }
    }
    // Blocks of the merged test set, one by one: their rows are those of the whole.
    let merged: Vec<_> = probes
        .iter()
        .filter(|p| p["split"] == "merged_balanced" && p["partition"] == "test" && p["probe"] == "MLP")
        .collect();
    let rows = |p: &Value| p["rows"].as_u64().unwrap();
    assert_eq!(merged.len(), 5);
    assert_eq!(rows(merged[0]), merged[1..].iter().map(|p| rows(p)).sum::<u64>());

    let page = fs::read_to_string(DESK.join("judged/difficulty.html")).unwrap();
    assert!(page.matches("<svg viewBox=\"0 0 560").count() >= 20 && !page.contains("NaN"), "plots");
    assert!(!page.contains("http://") && !page.contains("<script"), "nothing is loaded");
    let rows = fs::read_to_string(DESK.join("judged/difficulty.csv")).unwrap();
    assert_eq!(rows.lines().count(), probes.len() + 1);

    // Again, with another number of threads: the same numbers.
    let first = files(&DESK.join("judged"));
    on_desk("eval difficulty dataset --index index --hidden 64 --epochs 6 --out again --force --quiet --threads 1")
        .ok();
    let again = files(&DESK.join("again"));
    let json = |all: &std::collections::BTreeMap<std::path::PathBuf, Vec<u8>>| -> Value {
        let found = all.iter().find(|f| f.0.ends_with("difficulty.json")).unwrap();
        serde_json::from_slice(found.1).unwrap()
    };
    assert_eq!(json(&first)["probes"], json(&again)["probes"]);
    on_desk("eval difficulty dataset --index index --out judged").fails(1, &["judged"]);
}

#[test]
fn evidence_that_knows_the_truth_tells() {
    let report = json_on_desk(
        "eval difficulty dataset/semantics_clip_text_text --index index --evidence index --hidden 8 --epochs 1",
    );
    let probes = report["probes"].as_array().unwrap();
    let tree = probes.iter().find(|p| p["probe"] == "tree on six similarities" && p["partition"] == "test").unwrap();
    assert!(tree["accuracy"]["all"].as_f64() > Some(0.9), "{tree}");
}

/// Two models that are each right in known rows.
#[test]
fn two_models_are_combined_by_id() {
    let rows = on_desk("export dataset/scene_resnet_place/train.json --index index --hydrate").ok().json_lines();
    let write = |name: &str, score: &dyn Fn(usize, bool) -> f32, skip: usize| {
        let lines = rows.iter().enumerate().skip(skip).map(|(i, r)| {
            let score = score(i, r["falsified"].as_bool().unwrap());
            serde_json::json!({"id": r["id"], "image_id": r["image_id"], "score": score}).to_string() + "\n"
        });
        // Backwards: they are joined by id, never by position.
        fs::write(DESK.join(name), lines.rev().collect::<String>()).unwrap();
    };
    // The first is wrong in every fourth pair, and sure of itself there; the second calls everything falsified, unsure.
    write("first.jsonl", &|i, f| if (i / 2).is_multiple_of(4) == f { 0.1 } else { 0.9 }, 0);
    write("second.jsonl", &|_, _| 0.6, 0);
    write("short.jsonl", &|_, _| 0.6, 1);
    let line = "eval difficulty dataset/scene_resnet_place/train.json --index index --no-probes --predictions first.jsonl --predictions";
    let report = json_on_desk(&format!("{line} second.jsonl"));
    let pairs = rows.len() / 2;
    let wrong = pairs.div_ceil(4) as f64 / pairs as f64;
    let c = &report["combined"];
    let near = |value: &Value, want: f64| assert!((value.as_f64().unwrap() - want).abs() < 1e-9, "{value} {want}");
    near(&c["a"]["all"], 1.0 - wrong);
    near(&c["b"]["all"], 0.5);
    near(&c["b"]["falsified"], 1.0);
    near(&c["overlap"], (1.0 - wrong) / 2.0);
    near(&c["union"], 1.0 - wrong / 2.0);
    // Means are 0.35 and 0.75: the first decides.
    near(&c["average"]["all"], 1.0 - wrong);
    on_desk(&format!("{line} short.jsonl"))
        .fails(1, &["short.jsonl", "1 rows of the dataset have no score", "image_id"]);
}

/// VERITE: of the 325 true captions that also stand with an out-of-context image, CLIP prefers the true one in 82.8%.
#[test]
fn verite_true_above_out_of_context() {
    let Some(verite) = data("verite") else { return };
    let dir = crate::desk::scratch("verite-ranking");
    crate::retrieval::verite_corpus(&verite, &dir.join("corpus.toml"));
    let ask = |line: &str| {
        crate::common::run_command(crate::common::command().current_dir(&dir).args(line.split(' '))).ok().out
    };
    ask("build corpus.toml --out index --quiet");
    let index = Index::open(&dir.join("index")).unwrap();
    let records: Vec<HashMap<String, String>> =
        csv::Reader::from_path(verite.join("VERITE.csv")).unwrap().deserialize().collect::<Result<_, _>>().unwrap();
    let own: HashMap<&str, usize> = (0..records.len())
        .filter(|&i| records[i]["label"] == "true")
        .map(|i| (records[i]["caption"].as_str(), i))
        .collect();
    let mut rows = Vec::new();
    for (i, r) in records.iter().enumerate().filter(|(_, r)| r["label"] == "out-of-context") {
        let id = own[r["caption"].as_str()];
        for (image, falsified) in [(id, false), (i, true)] {
            rows.push(serde_json::json!({"id": id, "image_id": image, "falsified": falsified}).to_string());
        }
    }
    assert_eq!(index.catalog.len(), 1001);
    fs::write(dir.join("pairs.jsonl"), rows.join("\n")).unwrap();
    let report: Value =
        serde_json::from_str(&ask("eval difficulty pairs.jsonl --index index --no-probes --format json")).unwrap();
    let ranking = &report["groups"][0]["ranking"];
    println!("{ranking}");
    assert_eq!(ranking["pairs"], 325);
    assert!((ranking["share"].as_f64().unwrap() - 0.828).abs() < 0.0006, "{ranking}");
}
