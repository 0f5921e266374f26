//! The fear: two runs, two answers; or one that depends on how many cores a machine has. So the index, every answer and
//! every dataset are made at one, two and three threads, and again, and compared byte for byte.

mod common;

use common::{Written, command, newsy, run, run_command};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// Enough samples in a partition for the scan to be cut among threads.
const N: usize = 7000;
const THREADS: [&str; 4] = ["1", "2", "3", "2"];

fn corpus() -> (TempDir, std::path::PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let written: Written = newsy(N, 5, &["train", "test"]);
    let path = written.write(dir.path());
    (dir, path)
}

/// Relative path → bytes.
fn contents(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let relative = |path: &Path| path.strip_prefix(dir).unwrap().to_str().unwrap().to_owned();
    common::files(dir).into_iter().map(|(path, bytes)| (relative(&path), bytes)).collect()
}

#[track_caller]
fn same(a: &BTreeMap<String, Vec<u8>>, b: &BTreeMap<String, Vec<u8>>, what: &str) {
    assert_eq!(a.keys().collect::<Vec<_>>(), b.keys().collect::<Vec<_>>(), "{what}");
    let other: Vec<_> = a.iter().filter(|(name, bytes)| b[*name] != **bytes).map(|(name, _)| name).collect();
    assert!(other.is_empty(), "{what}: {other:?} differ");
}

/// What may differ: the time, and how often a rule about two sides was tried (each thread has its own running best).
fn timeless(mut answer: Value) -> Value {
    let object = answer.as_object_mut().unwrap();
    assert!(object.remove("elapsed_us").is_some());
    let plan = object["plan"].as_object_mut().unwrap();
    assert!(plan.remove("rejected").is_some());
    answer
}

#[test]
fn indexes_answers_and_datasets_are_the_same_at_any_number_of_threads() {
    let (dir, corpus) = corpus();
    let index = |i: usize| dir.path().join(format!("index{i}"));
    let built: Vec<_> = THREADS
        .iter()
        .enumerate()
        .map(|(i, threads)| {
            run([
                Path::new("build"),
                &corpus,
                Path::new("--out"),
                &index(i),
                Path::new("-q"),
                Path::new("--threads"),
                threads.as_ref(),
            ])
            .ok();
            contents(&index(i))
        })
        .collect();
    for (i, other) in built.iter().enumerate().skip(1) {
        same(&built[0], other, &format!("the index at {} threads", THREADS[i]));
    }

    let batch: Vec<Vec<f32>> =
        (0..40).map(|i| (0..12).map(|j| (i * 7 + j * j) as f32 % 11.0 - 5.0).collect()).collect();
    common::npy(&dir.path().join("batch.npy"), &batch);
    let facts: Vec<Value> = (0..40).map(|i| serde_json::json!({
        "caption": "a caption of five words", "timestamp": 1_500_000_000, "entities": [["Berlin", "GPE"], [format!("Village {i}"), "GPE"]]
    })).collect();
    fs::write(dir.path().join("facts.json"), Value::from(facts).to_string()).unwrap();
    for question in [
        "--split semantics_clip_text_image --id 1 --explain",
        "--split semantics_clip_text_text --id 1 --adversarial --unique image -k 40",
        "--split person_sbert_text_text --id 1 --explain --waive days",
        "--split scene_resnet_place --id 1 --waive no_person --waive entities --explain",
        "--modality place-image --id 1 -k 100 --lowest",
        "--modality clip-image --vector batch.npy --unique image -k 30",
        "--split semantics_clip_text_image --vector batch.npy --meta facts.json --partition test",
    ] {
        let ask = |question: &str, threads: &str| -> Vec<Value> {
            let mut command = command();
            command.current_dir(dir.path()).arg("query").arg(index(0)).args(question.split(' '));
            let run = run_command(command.args(["--format", "json", "--threads", threads]));
            // A sample without a vector is an error.
            run.json_lines().into_iter().map(timeless).collect()
        };
        // The first sample that has an answer.
        let found = (1..200).find_map(|id| {
            let question = question.replace("--id 1", &format!("--id {id}"));
            let answers = ask(&question, THREADS[0]);
            answers.iter().any(|a| !a["results"].as_array().unwrap().is_empty()).then_some((question, answers))
        });
        let (question, first) = found.unwrap_or_else(|| panic!("{question} finds nothing"));
        for threads in &THREADS[1..] {
            assert_eq!(ask(&question, threads), first, "{question} at {threads} threads");
        }
    }

    for (way, arguments) in [("chunked", "--split all --chunk-size 900 --seed 3"), ("raw", "--split all --no-balance")]
    {
        let sets: Vec<_> = THREADS
            .iter()
            .enumerate()
            .map(|(i, threads)| {
                let out = dir.path().join(format!("{way}{i}"));
                let mut command = command();
                command.arg("match").arg(index(0)).args(arguments.split(' ')).arg("--out").arg(&out);
                run_command(command.args(["-q", "--threads", threads])).ok();
                let mut set = contents(&out);
                assert!(set.remove("run.json").is_some());
                set
            })
            .collect();
        assert!(sets[0].len() > 12, "{:?}", sets[0].keys());
        for (i, other) in sets.iter().enumerate().skip(1) {
            same(&sets[0], other, &format!("the dataset ({way}) at {} threads", THREADS[i]));
        }
    }
}

#[test]
fn plain_kernels_give_the_same_bytes() {
    let (dir, corpus) = corpus();
    let all: Vec<_> = ["scalar", "best"]
        .iter()
        .map(|kernels| {
            let (index, set) = (dir.path().join(format!("i-{kernels}")), dir.path().join(format!("d-{kernels}")));
            let mut build = command();
            run_command(
                build.env("MISPAIR_KERNELS", kernels).arg("build").arg(&corpus).arg("-q").arg("--out").arg(&index),
            )
            .ok();
            let mut pair = command();
            pair.env("MISPAIR_KERNELS", kernels)
                .arg("match")
                .arg(&index)
                .args(["-q", "--split", "all", "--out"])
                .arg(&set);
            run_command(&mut pair).ok();
            let mut set = contents(&set);
            set.remove("run.json");
            (contents(&index), set)
        })
        .collect();
    same(&all[0].0, &all[1].0, "the index");
    same(&all[0].1, &all[1].1, "the dataset");
}
