//! `eval retrieval`.

use crate::common::{Chance, Modality, Written, command, run_command};
use crate::desk::{data, scratch};
use mispair::evaluation::retrieval::{Direction, Metrics, Space, draw, graph_ranks, ranks};
use mispair::words::Row;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

const DIM: usize = 24;

/// Rows of which several share a caption and several an image, with its vector; some lack a vector, some a caption.
fn archive(rows: usize, seed: u64) -> Written {
    let mut chance = Chance::new(seed);
    let mut samples = Vec::new();
    let (mut text, mut image) = (Vec::new(), Vec::new());
    // A caption lies near its image, give or take.
    let images: Vec<Vec<f32>> = (0..rows).map(|_| chance.vector(DIM)).collect();
    let near = |of: &Vec<f32>, chance: &mut Chance| -> Vec<f32> {
        of.iter().map(|x| x + chance.below(9) as f32 - 4.0).collect()
    };
    let captions: Vec<Vec<f32>> = images.iter().map(|v| near(v, &mut chance)).collect();
    for row in 0..rows {
        let (c, i) = (chance.below(rows as u32 * 2 / 3), chance.below(rows as u32 / 2));
        let caption = if chance.happens(3) { " ".to_owned() } else { format!("caption {c}") };
        let source = ["de", "en"][row % 2];
        samples.push(json!({"id": row, "caption": caption, "image_path": format!("{i}.jpg"), "source": source}));
        text.push((!chance.happens(4)).then(|| captions[c as usize].clone()));
        image.push((!chance.happens(4)).then(|| images[i as usize].clone()));
    }
    let modality = |name, rows| Modality { name, metric: "cosine", dtype: "f32", encoder: None, graph: true, rows };
    let modalities = vec![modality("clip-text", text), modality("clip-image", image)];
    Written { partitions: Vec::new(), samples, modalities }
}

/// Ranks the slow way: everything scored in double precision, sorted, looked through.
fn naive(written: &Written, right: &dyn Fn(usize) -> bool) -> BTreeMap<(&'static str, String), u64> {
    let unit = |v: &Vec<f32>| -> Vec<f64> {
        let length = v.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
        v.iter().map(|x| f64::from(*x) / length).collect()
    };
    let text = |s: &Value, field: &str| s[field].as_str().unwrap().to_owned();
    let mut sides: [Vec<(String, Vec<f64>)>; 2] = Default::default();
    for (side, field) in ["caption", "image_path"].into_iter().enumerate() {
        for (sample, vector) in written.samples.iter().zip(&written.modalities[side].rows) {
            let name = text(sample, field);
            if let Some(vector) = vector.as_ref().filter(|_| !name.trim().is_empty())
                && sides[side].iter().all(|s| s.0 != name)
            {
                sides[side].push((name, unit(vector)));
            }
        }
    }
    let pairs: BTreeSet<(String, String)> = written
        .samples
        .iter()
        .enumerate()
        .filter(|(row, _)| right(*row))
        .map(|(_, s)| (text(s, "caption"), text(s, "image_path")))
        .collect();
    let mut found = BTreeMap::new();
    for (direction, from, to) in [("text", 0, 1), ("image", 1, 0)] {
        for (name, vector) in &sides[from] {
            let belongs = |other: &str| {
                let pair = if from == 0 { (name.clone(), other.to_owned()) } else { (other.to_owned(), name.clone()) };
                pairs.contains(&pair)
            };
            let dot = |v: &Vec<f64>| vector.iter().zip(v).map(|(a, b)| a * b).sum::<f64>();
            let mut order: Vec<(f64, &str)> = sides[to].iter().map(|(other, v)| (dot(v), other.as_str())).collect();
            order.sort_by(|a, b| b.0.total_cmp(&a.0));
            if let Some(at) = order.iter().position(|o| belongs(o.1)) {
                found.insert((direction, name.clone()), at as u64 + 1);
            }
        }
    }
    found
}

#[test]
fn ranks_are_those_of_sorting_everything() {
    for (seed, every) in [(1, 1), (2, 3)] {
        let dir = scratch(&format!("ranks-{seed}"));
        let written = archive(300, seed);
        let index = written.build(&dir);
        let right = |row: usize| row.is_multiple_of(every);
        let oracle = naive(&written, &right);
        let space = Space::new(&index, "clip-text", "clip-image", |row: Row| right(row.index())).unwrap();
        let all: Vec<u32> = (0..space.images()).collect();
        let mut seen = 0;
        for (direction, name) in [(Direction::TextToImage, "text"), (Direction::ImageToText, "image")] {
            let pool = draw(&space, direction, &all, None, usize::MAX, 1, 0);
            let found = ranks(&space, direction, &pool).unwrap();
            let wide = graph_ranks(&space, direction, &pool.queries, 400, Some(2000)).unwrap().unwrap();
            for ((&q, &rank), by_graph) in pool.queries.iter().zip(&found).zip(wide) {
                let row = space.row(direction, q);
                let item = if name == "text" { index.catalog.caption(row) } else { index.catalog.image_path(row) };
                assert_eq!(Some(&rank), oracle.get(&(name, item.to_owned())), "{name} {item}");
                assert_eq!(by_graph, Some(rank), "a beam wider than the index finds what a scan finds");
                seen += 1;
            }
        }
        assert_eq!(seen, oracle.len());
        assert!(seen > 100 && oracle.values().any(|&r| r > 20));
        assert!(space.passed.empty_caption > 0 && space.passed.missing_vector > 0);
    }
}

#[test]
fn pools_are_drawn_with_a_seed_and_hold_what_can_be_found() {
    let dir = scratch("pools");
    let index = archive(300, 3).build(&dir);
    let space = Space::new(&index, "clip-text", "clip-image", |_| true).unwrap();
    let all: Vec<u32> = (0..space.images()).collect();
    let pool = |seed, number| draw(&space, Direction::TextToImage, &all, Some(40), 1000, seed, number);
    assert_eq!(pool(1, 0), pool(1, 0));
    assert_ne!(pool(1, 0), pool(1, 1));
    assert_ne!(pool(1, 0), pool(2, 0));
    let drawn = pool(1, 0);
    assert_eq!(drawn.candidates.len(), 40);
    assert!(ranks(&space, Direction::TextToImage, &drawn).unwrap().iter().all(|&r| (1..=40).contains(&r)));
    assert_eq!(draw(&space, Direction::TextToImage, &all, Some(40), 5, 1, 0).queries.len(), 5);
    // Everything is not drawn.
    assert_eq!(draw(&space, Direction::TextToImage, &all, Some(4000), 5000, 1, 0).candidates, all);
    let back = draw(&space, Direction::ImageToText, &all, Some(40), 1000, 1, 0);
    assert!(back.queries.len() <= 40 && back.candidates.len() > 20);
}

#[test]
fn the_verb() {
    let dir = scratch("verb");
    archive(300, 4).build(&dir);
    let ask = |line: &str| run_command(command().current_dir(&dir).args(line.split(' ')));
    let report =
        |line: &str| -> Value { serde_json::from_str(&ask(&format!("{line} --format json")).ok().out).unwrap() };
    let all = report("eval retrieval index --pool 50,all --draws 4 --by source");
    let lines = all["runs"][0]["lines"].as_array().unwrap();
    let of = |direction: &str, engine: &str, images: &str, group: Value| -> Value {
        let fits = |l: &&Value| {
            l["direction"] == direction
                && l["engine"] == engine
                && l["group"] == group
                && (images == "50") == (l["images"] == 50)
        };
        lines.iter().find(fits).unwrap_or_else(|| panic!("{direction} {engine} {images} {group}")).clone()
    };
    let whole = of("text→image", "exact", "all", Value::Null);
    let drawn = of("text→image", "exact", "50", Value::Null);
    assert!(drawn["draws"] == 4 && drawn["mrr"]["sd"].as_f64() > Some(0.0));
    assert!(drawn["mrr"]["mean"].as_f64() > whole["mrr"]["mean"].as_f64(), "fewer images are easier");
    let graph = of("text→image", "graph", "all", Value::Null);
    assert!(graph["recall"][3]["mean"].as_f64() <= whole["recall"][3]["mean"].as_f64());
    let groups: f64 = ["de", "en"]
        .map(|g| of("text→image", "exact", "all", json!(g))["queries"]["mean"].as_f64().unwrap())
        .iter()
        .sum();
    assert_eq!(whole["queries"]["mean"].as_f64(), Some(groups));

    // The same encoder twice: no difference. Its captions against themselves: a difference.
    let same = report("eval retrieval index --pool all --against index");
    let same = same["against"].as_array().unwrap();
    assert!(
        same.len() == 10 && same.iter().all(|d| d["difference"] == 0.0 && d["interval"] == json!([0.0, 0.0])),
        "{same:?}"
    );
    let other = report("eval retrieval index --pool all --against index --against-images clip-text");
    assert!(other["against"].as_array().unwrap().iter().any(|d| d["difference"] != 0.0));

    let table = ask("eval retrieval index --pool all").ok().out;
    assert!(table.contains("text→image") && table.contains("empty captions"), "{table}");
    ask("eval retrieval index --captions sbert").fails(1, &["\"sbert\"", "clip-image, clip-text"]);
    ask("eval retrieval index --where colour=red").fails(2, &["colour", "--table"]);
    ask("eval retrieval index --where source=fr").fails(1, &["no caption and image belong together"]);
    ask("eval retrieval index --pool few").fails(2, &["--pool few"]);
    fs::write(dir.join("langs.csv"), "id,language\n1,de\n2,en\n777,en\n").unwrap();
    ask("eval retrieval index --table langs.csv --by language").fails(1, &["langs.csv", "777"]);
    ask("eval retrieval index --table langs.csv --by tongue").fails(1, &["tongue", "language"]);
    fs::write(dir.join("langs.jsonl"), "{\"id\": 1, \"language\": \"de\"}\n{\"id\": 2, \"language\": 5}\n").unwrap();
    let some = ask("eval retrieval index --pool all --table langs.jsonl --by language --where language=de").ok();
    assert!(some.err.contains("does not name 298 of 300") && some.out.contains(" de "), "{some:?}");
}

/// The corpus file of VERITE, whose rows are its ids.
pub fn verite_corpus(verite: &Path, toml: &Path) {
    let matrix = |kind: &str| verite.join(format!("VERITE_clip_{kind}_embeddings_ViTB32.npy"));
    let corpus = format!(
        "[corpus]\nname = \"verite\"\n[catalog]\nformat = \"csv\"\npath = {:?}\nmetadata = {:?}\ncolumns = {{ id = \"\" }}\n\
         [modalities.clip-text]\npath = {:?}\ngraph = true\n[modalities.clip-image]\npath = {:?}\ngraph = true\n",
        verite.join("VERITE.csv"),
        verite.join("metadata.jsonl"),
        matrix("text"),
        matrix("image")
    );
    fs::write(toml, corpus).unwrap();
}

/// VERITE with ViT-B/32: 338 true captions over 663 images. Measured elsewhere with numpy: 0.740, 0.970, 0.985; MRR 0.842.
#[test]
fn verite() {
    let Some(verite) = data("verite") else { return };
    let dir = scratch("verite");
    verite_corpus(&verite, &dir.join("corpus.toml"));
    let ask = |args: &[&str]| run_command(command().current_dir(&dir).args(args)).ok().out;
    ask(&["build", "corpus.toml", "--out", "index", "--quiet"]);
    let table = verite.join("VERITE.csv");
    let args = ["eval", "retrieval", "index", "--pool", "all", "--table", table.to_str().unwrap(), "--id-column", ""];
    let report = ask(&[&args[..], &["--where", "label=true", "--format", "json"]].concat());
    let report: Value = serde_json::from_str(&report).unwrap();
    let line = &report["runs"][0]["lines"][0];
    assert_eq!(
        (line["direction"].as_str(), line["images"].as_u64(), line["engine"].as_str()),
        (Some("text→image"), Some(663), Some("exact"))
    );
    assert_eq!(line["queries"]["mean"], 338.0);
    let near =
        |value: &Value, want: f64| assert!((value["mean"].as_f64().unwrap() - want).abs() < 0.0006, "{value} {want}");
    for (i, want) in [(0, 0.740), (1, 0.970), (2, 0.985)] {
        near(&line["recall"][i], want);
    }
    near(&line["mrr"], 0.842);
    println!("{line}");
}

#[test]
fn metrics_of_nothing_are_nothing() {
    assert_eq!(Metrics::of(std::iter::empty(), &[1, 5]).recall, [0.0, 0.0]);
}
