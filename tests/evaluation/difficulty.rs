//! `eval difficulty`.

use crate::common::{Chance, Modality, Written, files, npy_rows};
use crate::desk::{DESK, data, json_on_desk, on_desk, scratch};
use mispair::evaluation::difficulty::{Pairs, SIX, six};
use mispair::evaluation::{Entry, Part};
use mispair::index::Index;
use mispair::retrieve::Engine;
use mispair::words::SampleId;
use serde_json::{Value, json};
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

    // What the probes say of each row: two of them combined are what each was alone.
    let of_merged = |probe: &str| {
        let own = |p: &&Value| p["probe"] == probe && p["split"] == "merged_balanced" && p["partition"] == "test";
        probes.iter().find(own).unwrap()["accuracy"].clone()
    };
    let line = "eval difficulty dataset/merged_balanced/test.json --index index --no-probes --predictions judged/predictions/merged_balanced/test.csv#";
    let said = json_on_desk(&format!("{line}MLP --predictions judged/predictions/merged_balanced/test.csv#linear"));
    assert_eq!((&said["combined"]["a"], &said["combined"]["b"]), (&of_merged("MLP"), &of_merged("linear")));
    assert!(said["combined"]["union"].as_f64() > said["combined"]["overlap"].as_f64());
    on_desk(&format!("{line}MPL")).fails(1, &["test.csv", "MPL", "\"MLP\""]);
    let per_file = "judged/predictions/scene_resnet_place/val.csv";
    assert!(
        fs::read_to_string(DESK.join(per_file))
            .unwrap()
            .starts_with("id,image_id,falsified,threshold on CTI,linear,MLP,")
    );

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

/// Samples with vectors of two modalities; some lack one.
fn some(rows: usize, chance: &mut Chance) -> Written {
    let mut side = |name| {
        let rows = (0..rows).map(|_| Some(chance.vector(12)).filter(|_| !chance.happens(15))).collect();
        Modality { name, metric: "cosine", dtype: "f32", encoder: None, graph: false, rows }
    };
    let modalities = vec![side("clip-text"), side("clip-image")];
    let sample = |i: usize| json!({"id": i, "caption": format!("caption {i}"), "image_path": format!("{i}.jpg")});
    Written { partitions: Vec::new(), samples: (0..rows).map(sample).collect(), modalities }
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum::<f64>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

/// The evidence of each row by sorting the whole archive, and all six cosines in double precision.
#[test]
fn six_similarities_are_those_of_sorting_everything() {
    let mut chance = Chance::new(11);
    let (own, archive) = (some(120, &mut chance), some(90, &mut chance));
    let (index, evidence) = (own.build(&scratch("six-own")), archive.build(&scratch("six-archive")));
    let entry = |id: i64, image: i64| {
        let (id, image_id) = (SampleId::Int(id), SampleId::Int(image));
        Entry { falsified: id != image_id, id, image_id, score: None, block: None, caption: None, image_path: None }
    };
    let entries = (0..100).flat_map(|i| [entry(i, i), entry(i, (i * 7 + 3) % 120)]).collect();
    let part = Part { split: "some".into(), partition: "test".into(), entries, blocks: Vec::new() };
    let pairs = Pairs::new(&index, &part, "clip-text", "clip-image").unwrap();
    assert!(pairs.pairs.len() > 50 && pairs.missing_vectors > 10);
    let found = six(&pairs, &evidence, "clip-text", "clip-image", Engine::Exact).unwrap();
    let vector = |of: &Written, side: usize, id: &SampleId| {
        let SampleId::Int(i) = id else { panic!() };
        of.modalities[side].rows[*i as usize].clone()
    };
    // Of the eight nearest of one side the first that has the other.
    let nearest = |side: usize, query: &[f32]| {
        let rows = archive.modalities[side].rows.iter().zip(&archive.modalities[1 - side].rows);
        let mut rows: Vec<_> = rows.filter_map(|(r, twin)| Some((cosine(r.as_ref()?, query), twin))).collect();
        rows.sort_by(|a, b| b.0.total_cmp(&a.0));
        rows.iter().take(8).find_map(|r| r.1.clone())
    };
    for (i, pair) in pairs.pairs.iter().enumerate() {
        let text = vector(&own, 0, &pair.id).unwrap();
        for (row, image) in [(2 * i, &pair.id), (2 * i + 1, &pair.image_id)] {
            let image = vector(&own, 1, image).unwrap();
            let (e_image, e_text) = (nearest(0, &text).unwrap(), nearest(1, &image).unwrap());
            let want = [
                (&image, &text),
                (&image, &e_image),
                (&text, &e_text),
                (&image, &e_text),
                (&text, &e_image),
                (&e_image, &e_text),
            ];
            for ((name, ours), (a, b)) in SIX.iter().zip(found.rows[row]).zip(want) {
                assert!(
                    (f64::from(ours) - cosine(a, b)).abs() < 1e-5,
                    "row {row}: {name} {ours}, not {}",
                    cosine(a, b)
                );
            }
        }
    }
    assert_eq!((found.without_image, found.without_text), (0, 0));

    // An archive whose captions have pictures never: nothing is found by caption, and that is counted.
    let mut bare = some(30, &mut chance);
    bare.modalities[1].rows.fill(None);
    bare.modalities[1].rows[0] = Some(chance.vector(12));
    bare.modalities[0].rows[0] = None;
    let found = six(&pairs, &bare.build(&scratch("six-bare")), "clip-text", "clip-image", Engine::Exact).unwrap();
    let rows = 2 * pairs.pairs.len() as u64;
    assert_eq!((found.without_image, found.without_text), (rows, rows));
    assert!(found.rows.iter().all(|r| r[0] != 0.0 && r[1..] == [0.0; 5]));
    let refused = six(&pairs, &evidence, "clip-txet", "clip-image", Engine::Exact).unwrap_err().to_string();
    assert!(refused.contains("clip-txet") && refused.contains("clip-text"), "{refused}");
    bare.modalities[0].metric = "dot";
    let dot = bare.build(&scratch("six-dot"));
    let refused = Pairs::new(&dot, &part, "clip-text", "clip-image").unwrap_err().to_string();
    assert!(refused.contains("clip-text") && refused.contains("cosine"), "{refused}");
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
    fs::write(DESK.join("placed.csv"), "image_id,score\n1,0.5\n").unwrap();
    on_desk(&format!("{line} placed.csv")).fails(1, &["placed.csv", "no column \"id\""]);
    let first = fs::read_to_string(DESK.join("first.jsonl")).unwrap();
    let mut other: Value = serde_json::from_str(first.lines().next().unwrap()).unwrap();
    other["score"] = json!(0.5);
    fs::write(DESK.join("doubled.jsonl"), format!("{first}{other}\n")).unwrap();
    on_desk(&format!("{line} doubled.jsonl"))
        .fails(1, &["doubled.jsonl", &format!("line {}", rows.len() + 1), "above"]);
    on_desk(&format!("{line} short.jsonl"))
        .fails(1, &["short.jsonl", "1 rows of the dataset have no score", "image_id"]);
}

/// VERITE: of the 325 true captions that also stand with an out-of-context image, CLIP prefers the true one in 82.8%.
#[test]
fn verite_ranked_and_with_evidence() {
    let Some(verite) = data("verite") else { return };
    let dir = scratch("verite-ranking");
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
            let row = json!({"id": id, "image_id": image, "similarity_score": 0.0, "falsified": falsified});
            rows.push(row.to_string());
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

    // Evidence: an archive of all true pairs knows the truth; in one of every second the tree is as good as scikit-learn's of the same
    // depth on the same six similarities (0.784 to 0.800, AUC 0.891 to 0.895, as its ties fall).
    fs::create_dir_all(dir.join("split/out_of_context")).unwrap();
    for (name, own) in [("train", &rows[..400]), ("test", &rows[400..])] {
        let file = format!("{{\"annotations\": [{}]}}", own.join(","));
        fs::write(dir.join(format!("split/out_of_context/{name}.json")), file).unwrap();
    }
    let vectors = ["text", "image"].map(|k| npy_rows(&verite.join(format!("VERITE_clip_{k}_embeddings_ViTB32.npy"))));
    let tree = |every: usize| -> Value {
        let kept: Vec<usize> = (0..records.len()).filter(|&i| records[i]["label"] == "true").step_by(every).collect();
        let sample =
            |&i: &usize| json!({"id": i, "caption": records[i]["caption"], "image_path": records[i]["image_path"]});
        let side = |name, of: &Vec<Vec<f32>>| {
            let rows = kept.iter().map(|&i| Some(of[i].clone())).collect();
            Modality { name, metric: "cosine", dtype: "f32", encoder: None, graph: false, rows }
        };
        let modalities = vec![side("clip-text", &vectors[0]), side("clip-image", &vectors[1])];
        let samples = kept.iter().map(sample).collect();
        Written { partitions: Vec::new(), samples, modalities }.build(&dir.join(format!("every-{every}")));
        let line = "eval difficulty split --index index --hidden 8 --epochs 1 --format json";
        let report: Value = serde_json::from_str(&ask(&format!("{line} --evidence every-{every}/index"))).unwrap();
        let probes = report["probes"].as_array().unwrap();
        probes.iter().find(|p| p["probe"] == "tree on six similarities").unwrap().clone()
    };
    let (all, half) = (tree(1), tree(2));
    println!("{} {}; every second: {} {}", all["accuracy"], all["roc"]["auc"], half["accuracy"], half["roc"]["auc"]);
    assert_eq!((all["rows"].as_u64(), all["accuracy"]["all"].as_f64()), (Some(250), Some(1.0)));
    let at = |value: &Value| value.as_f64().unwrap();
    assert!((at(&half["accuracy"]["all"]) - 0.79).abs() < 0.02 && (at(&half["roc"]["auc"]) - 0.893).abs() < 0.01);
}
