//! The fear: a benchmark verb that measures something else than it was asked for, or leaves half a report. So `mispair bench`
//! is run as a person runs it, rightly and wrongly, and its report read back.

mod common;

use common::{Run, command, files, npy, run_command};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// A newsroom's index for the command line.
static DESK: LazyLock<PathBuf> = LazyLock::new(|| {
    // A static is never dropped: a fixed folder, so that runs do not pile up.
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench-desk");
    let _ = fs::remove_dir_all(&dir);
    fs::create_dir_all(&dir).unwrap();
    at(&dir, "newsroom --out room --samples 300 --quiet").ok();
    at(&dir, "build --newsclippings room --out index --quiet").ok();
    dir
});

fn at(dir: &Path, line: &str) -> Run {
    run_command(command().current_dir(dir).args(line.split(' ')))
}

fn bench(line: &str) -> Run {
    at(&DESK, &format!("bench index {line}"))
}

fn report_of(out: &str) -> Value {
    serde_json::from_str(&fs::read_to_string(DESK.join(out).join("bench.json")).unwrap()).unwrap()
}

fn rows_of(out: &str) -> Vec<Value> {
    report_of(out)["rows"].as_array().unwrap().clone()
}

#[test]
fn bench_every_cosine_modality() {
    let run = bench("--queries 40 --out all --threads 2").ok();
    assert!(
        run.out.contains("clip-text → clip-image") && run.out.contains("exact, batches of 32, 2 threads"),
        "{}",
        run.out
    );
    assert!(run.err.contains("all/bench.html"), "{}", run.err);
    let rows = rows_of("all");
    let searched: BTreeSet<_> =
        rows.iter().map(|r| (r["search"].as_str().unwrap(), r["from"].as_str().unwrap())).collect();
    let want = [("clip-image", "clip-text"), ("clip-text", "clip-text"), ("sbert-text", "sbert-text")];
    assert_eq!(searched, want.into());
    assert_eq!(rows.len(), 3 * 2 * 2, "batches of 1 and 32, 1 and 2 threads");
    assert!(rows.iter().all(|r| r["recall"] == 1.0 && r["queries"] == 40 && r["short"] == 0 && r["k"] == 10));
    bench("--queries 40 --out single --threads 1 --modality clip-image --from clip-image -k 3 --quiet").ok();
    let rows = rows_of("single");
    assert!(rows.len() == 2 && rows.iter().all(|r| r["threads"] == 1 && r["k"] == 3 && r["from"] == "clip-image"));
}

#[test]
fn bench_splits_and_files() {
    bench("--split semantics_clip_text_text --split scene_resnet_place --queries 20 --out splits --quiet").ok();
    let rows = rows_of("splits");
    assert!(rows.iter().all(|r| r["recall"] == 1.0 && r["batch"] == 1));
    assert!(rows.iter().all(|r| (0.0..1.0).contains(&r["selectivity"].as_f64().unwrap())), "{rows:?}");
    // Vectors of any length are scaled, and every format gives the same queries.
    let vectors: Vec<Vec<f32>> = (0..3).map(|i| (0..512).map(|j| ((i * 512 + j) % 7) as f32 - 2.5).collect()).collect();
    npy(&DESK.join("q.npy"), &vectors);
    let numbers: Vec<u8> = vectors.iter().flatten().flat_map(|x| x.to_le_bytes()).collect();
    fs::write(DESK.join("q.fbin"), [&3u32.to_le_bytes()[..], &512u32.to_le_bytes(), &numbers].concat()).unwrap();
    let rows: Vec<u8> = numbers.chunks(2048).flat_map(|r| [&512i32.to_le_bytes()[..], r].concat()).collect();
    fs::write(DESK.join("q.fvecs"), rows).unwrap();
    for file in ["q.npy", "q.fbin", "q.fvecs"] {
        bench(&format!("--modality clip-image --query-file {file} --out {file}.out --quiet")).ok();
        let rows = rows_of(&format!("{file}.out"));
        assert!(rows.iter().all(|r| r["from"] == file && r["queries"] == 3 && r["recall"] == 1.0));
    }
    let answer = |file: &str| {
        let run = at(&DESK, &format!("query index --modality clip-image --vector {file} -k 3 --format json")).ok();
        run.json_lines().into_iter().map(|a| a["results"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(answer("q.npy").len(), 3);
    assert_eq!((answer("q.fbin"), answer("q.fvecs")), (answer("q.npy"), answer("q.npy")));
}

#[test]
fn bench_refuses_in_words() {
    bench("--modality none --out no").fails(1, &["no modality \"none\"", "clip-image"]);
    bench("--modality clip-image --from sbert-text --out no").fails(1, &["\"sbert-text\" has 768", "one space"]);
    bench("--modality clip-image --modality clip-image --out no").fails(2, &["named twice"]);
    bench("--split none --out no").fails(2, &["none", "scene_resnet_place"]);
    bench("--split scene_resnet_place --split scene_resnet_place --out no").fails(2, &["named twice"]);
    bench("-k 0 --out no").fails(2, &["-k", "0"]);
    bench("--ef 64,8 -k 20 --out no").fails(2, &["--ef 8", "20"]);
    bench("--from clip-text --out no").fails(2, &["--modality"]);
    bench("--query-file q.npy --out no").fails(2, &["--modality"]);
    let file = |name: &str, width: u32, value: f32| {
        let numbers: Vec<u8> = (0..2 * width).flat_map(|_| value.to_le_bytes()).collect();
        fs::write(DESK.join(name), [&2u32.to_le_bytes()[..], &width.to_le_bytes(), &numbers].concat()).unwrap();
    };
    let ask = |name: &str| bench(&format!("--modality clip-image --query-file {name} --out no"));
    file("narrow.fbin", 7, 1.0);
    ask("narrow.fbin").fails(1, &["narrow.fbin", "7", "512"]);
    file("nan.fbin", 512, f32::NAN);
    ask("nan.fbin").fails(1, &["nan.fbin", "row 0", "NaN"]);
    file("none.fbin", 0, 1.0);
    ask("none.fbin").fails(1, &["none.fbin", "width 0"]);
    ask("missing.fbin").fails(1, &["missing.fbin"]);
    assert!(!DESK.join("no").exists());

    bench("--modality clip-image --queries 3 --out once --ef 64,32,64 --quiet").ok();
    assert_eq!(report_of("once")["parameters"]["ef"], json!([64, 32]), "nothing is measured twice");
    let before = files(&DESK.join("once"));
    bench("--modality clip-image --queries 3 --out once").fails(1, &["once", "--force"]);
    assert_eq!(files(&DESK.join("once")), before);
    bench("--modality clip-image --queries 4 -k 100 --out once --force --quiet").ok();
    assert_eq!(report_of("once")["parameters"]["ef"], json!([128, 192, 256, 384]), "no beam is narrower than k");
    assert_eq!(rows_of("once")[0]["queries"], 4);
    fs::write(DESK.join("once/notes.txt"), "mine").unwrap();
    bench("--modality clip-image --queries 3 --out once --force").fails(1, &["once", "remove it yourself"]);
    assert!(DESK.join("once/notes.txt").exists());
}
