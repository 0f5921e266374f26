//! The fear: a command that works for the library and not for a person. So every verb is run as a person runs it, on a
//! small made-up newsroom.

mod common;

use common::{Run, command, names, npy, run, run_command};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// A newsroom, an index of it, and a dataset.
struct Desk {
    dir: PathBuf,
}

static DESK: LazyLock<Desk> = LazyLock::new(|| {
    // A static is never dropped: a fixed folder, so that runs do not pile up.
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cli-desk");
    let _ = fs::remove_dir_all(&dir);
    fs::create_dir_all(&dir).unwrap();
    let desk = Desk { dir };
    desk.run("newsroom --out room --samples 400 --quiet").ok();
    assert_eq!(names(&desk.dir.join("room")), ["news_clippings", "visual_news"]);
    desk.run("build --newsclippings room --out index --quiet").ok();
    assert_eq!(names(&desk.dir), ["index", "room"]);
    desk
});

impl Desk {
    fn run(&self, line: &str) -> Run {
        run_command(command().current_dir(&self.dir).args(line.split(' ')))
    }
    fn json(&self, line: &str) -> Value {
        serde_json::from_str(&self.run(line).ok().out).unwrap()
    }
    fn query(&self, line: &str) -> Vec<Value> {
        self.run(&format!("query index {line} --format json")).ok().json_lines()
    }
    /// An id of the test partition that a split answers.
    fn some_id(&self, split: &str) -> String {
        let pairs: Value =
            serde_json::from_str(&fs::read_to_string(self.dataset().join(split).join("train.json")).unwrap()).unwrap();
        pairs["annotations"][0]["id"].to_string()
    }
    fn dataset(&self) -> PathBuf {
        static MADE: LazyLock<()> = LazyLock::new(|| {
            DESK.run("match index --split all --out dataset --no-balance --waive person_box --waive place --quiet")
                .ok();
        });
        LazyLock::force(&MADE);
        self.dir.join("dataset")
    }
}

const SPLITS: [&str; 4] =
    ["semantics_clip_text_image", "semantics_clip_text_text", "person_sbert_text_text", "scene_resnet_place"];

#[test]
fn help_of_every_verb() {
    let help = run(["--help"]).ok().out;
    let commands = help.split("Commands:").nth(1).unwrap().split("\n\n").next().unwrap();
    let verbs: Vec<&str> = commands
        .lines()
        .filter_map(|l| l.strip_prefix("  "))
        .filter(|l| !l.starts_with(' '))
        .map(|l| l.split(' ').next().unwrap())
        .collect();
    for verb in [
        "demo",
        "build",
        "info",
        "verify-index",
        "embed",
        "doctor",
        "query",
        "match",
        "export",
        "splits",
        "newsroom",
        "completions",
    ] {
        assert!(verbs.contains(&verb), "{verb} is not in {verbs:?}");
    }
    for verb in verbs.into_iter().filter(|v| *v != "help") {
        let help = run([verb, "--help"]).ok();
        assert!(help.out.contains("Usage: mispair") && help.err.is_empty(), "{verb}");
        assert!(help.out.lines().all(|l| l.chars().count() <= 120), "{verb}: a line is too long");
    }
    assert!(help.contains("Exit codes: 0 done; 2 bad usage; 1 any other failure"));
    assert_eq!(run(["--version"]).ok().out, format!("mispair {}\n", env!("CARGO_PKG_VERSION")));
    assert_eq!(run::<&str>([]).code, Some(2));
    run(["bild"]).fails(2, &["bild", "build"]);
    run(["info", "x", "--threads", "0"]).fails(2, &["--threads"]);
}

#[test]
fn completions_for_three_shells() {
    for (shell, word) in [("bash", "complete -F"), ("zsh", "#compdef mispair"), ("fish", "complete -c mispair")] {
        let script = run(["completions", shell]).ok().out;
        assert!(script.contains(word) && script.contains("verify-index"), "{shell}");
    }
    run(["completions", "tcl"]).fails(2, &["tcl", "bash"]);
}

#[test]
fn splits_go_through_a_file() {
    let all = run(["splits"]).ok().out;
    let mut printed = Vec::new();
    for name in SPLITS {
        let text = run(["splits", name]).ok().out;
        assert!(all.contains(&text), "{name} alone is what it is among all");
        let file = DESK.dir.join(format!("{name}.toml"));
        fs::write(&file, &text).unwrap();
        printed.push((name, file));
    }
    run(["splits", "none"]).fails(2, &["\"none\"", "scene_resnet_place"]);
    for (name, file) in printed {
        let id = DESK.some_id(name);
        let ask = |split: &str| {
            let mut answer =
                DESK.query(&format!("--split {split} --id {id} --waive person_box --waive place --explain"));
            answer[0]["elapsed_us"] = json!(0);
            answer
        };
        assert_eq!(ask(name), ask(file.to_str().unwrap()), "{name} from a file");
    }
}

#[test]
fn info_and_verify() {
    let info = DESK.json("info index --format json");
    assert_eq!((&info["name"], &info["samples"]), (&json!("newsclippings"), &json!(400)));
    let sum: u64 = info["partitions"].as_object().unwrap().values().map(|n| n.as_u64().unwrap()).sum();
    assert_eq!(sum, 400);
    let widths: Vec<_> = info["modalities"]
        .as_array()
        .unwrap()
        .iter()
        .map(|m| (m["name"].as_str().unwrap(), m["dim"].as_u64().unwrap()))
        .collect();
    assert_eq!(widths, [("clip-image", 512), ("clip-text", 512), ("sbert-text", 768), ("place-image", 2048)]);
    let table = DESK.run("info index").ok().out;
    let checksum = info["checksum"].as_str().unwrap();
    for word in ["newsclippings", checksum, "400", "clip-image", "768", "dot", "train", "timestamp"] {
        assert!(table.contains(word), "{word} is not in\n{table}");
    }
    let sound = DESK.run("verify-index index").ok().out;
    assert!(sound.contains("sound") && sound.contains("6 files") && sound.contains(checksum), "{sound}");
}

/// What every answer of a split owes.
fn check(answer: &Value, k: usize) {
    let results = answer["results"].as_array().unwrap();
    assert!(results.len() == k || answer["short"].is_string(), "fewer than {k} without a reason: {answer}");
    for (i, hit) in results.iter().enumerate() {
        assert_eq!(hit["rank"], json!(i + 1));
        assert_eq!(hit["id"], hit["image_id"]);
        assert!(hit["image_path"].is_string() && hit["caption"].is_string() && hit["score"].is_f64());
    }
    let plan = &answer["plan"];
    assert!(plan["strategy"].is_string() && plan["stages"].is_array() && plan["rejected"].is_object(), "{plan}");
    assert!(plan["visited"].is_u64() && plan["scored"].is_u64() && plan["eligible"].is_u64(), "{plan}");
    assert!(answer["elapsed_us"].is_u64());
}

#[test]
fn questions_by_id() {
    for split in SPLITS {
        let id = DESK.some_id(split);
        let ask = |more: &str| {
            DESK.query(&format!("--split {split} --id {id} --waive person_box --waive place{more}")).remove(0)
        };
        let plain = ask(" -k 5");
        check(&plain, 5);
        assert_eq!((&plain["split"], plain["query"]["id"].to_string()), (&json!(split), id.clone()));
        let scores: Vec<f64> =
            plain["results"].as_array().unwrap().iter().map(|r| r["score"].as_f64().unwrap()).collect();
        let in_order = scores.windows(2).all(|w| if split.starts_with("person") { w[0] <= w[1] } else { w[0] >= w[1] });
        assert!(in_order && !scores.is_empty(), "{split}: {scores:?}");

        // The pair that was matched is the first answer in adversarial order.
        let hard = ask(" --adversarial --exact");
        let file = fs::read_to_string(DESK.dataset().join(split).join("train.json")).unwrap();
        let pairs: Value = serde_json::from_str(&file).unwrap();
        assert_eq!(pairs["annotations"][1]["image_id"], hard["results"][0]["id"], "{split}");
        assert_eq!(pairs["annotations"][1]["falsified"], json!(true));
        let is_hard: Vec<bool> =
            hard["results"].as_array().unwrap().iter().map(|r| r["adversarial"].as_bool().unwrap()).collect();
        assert!(is_hard.is_sorted_by(|a, b| a >= b), "H before L: {is_hard:?}");

        let explained = ask(" --explain");
        let (rejected, funnel) = (&explained["explanation"]["rejected"], &explained["explanation"]["funnel"]);
        assert!(rejected.as_array().unwrap().iter().all(|r| !r["failures"].as_array().unwrap().is_empty()));
        let lost: u64 = funnel["rejected"].as_object().unwrap().values().map(|n| n.as_u64().unwrap()).sum();
        assert_eq!(lost + funnel["admissible"].as_u64().unwrap(), funnel["pool"].as_u64().unwrap());

        let unique = ask(" --unique image -k 400");
        let mut images: Vec<&str> =
            unique["results"].as_array().unwrap().iter().map(|r| r["image_path"].as_str().unwrap()).collect();
        let all = images.len();
        images.sort_unstable();
        images.dedup();
        assert_eq!(images.len(), all, "one result an image");
        check(&unique, 400);

        let table = DESK
            .run(&format!("query index --split {split} --id {id} --explain --waive person_box --waive place"))
            .ok()
            .out;
        for word in ["score", "plan ", "rejected", "✗", "admissible"] {
            assert!(table.contains(word), "{word} is not in\n{table}");
        }
    }
}

#[test]
fn questions_by_vector() {
    // Two captions of the archive, asked as if they came from outside.
    let ids: Vec<String> = SPLITS[..2].iter().map(|s| DESK.some_id(s)).collect();
    let facts: Vec<Value> = ids
        .iter()
        .map(|_| {
            json!({
                "caption": "a caption of six words here", "timestamp": "1999-01-01",
                "entities": [{"text": "Nowhere Town", "label": "GPE"}, {"text": "Nobody Known", "label": "PERSON"}]
            })
        })
        .collect();
    fs::write(DESK.dir.join("facts.json"), Value::from(facts.clone()).to_string()).unwrap();
    fs::write(DESK.dir.join("fact.json"), facts[0].to_string()).unwrap();
    let vector = |seed: usize| (0..512).map(|j| ((seed * 37 + j * 11) % 29) as f32 - 14.0).collect::<Vec<f32>>();
    npy(&DESK.dir.join("two.npy"), &[vector(1), vector(2)]);
    npy(&DESK.dir.join("one.npy"), &[vector(1)]);
    let ask = "--split semantics_clip_text_image --vector two.npy --meta facts.json -k 3";
    let batch = DESK.query(ask);
    assert_eq!(batch.len(), 2, "one document a line");
    batch.iter().for_each(|a| check(a, 3));
    let one = DESK.query("--split semantics_clip_text_image --vector one.npy --meta fact.json -k 3");
    assert_eq!(one[0]["results"], batch[0]["results"]);
    assert!(one[0]["results"][0]["clip"].is_f64() && one[0]["results"][0]["clip_margin"].is_null());
    let test = DESK.query(&format!("{ask} --partition test"));
    assert!(test[0]["plan"]["visited"].as_u64() < batch[0]["plan"]["visited"].as_u64());
    let waived = DESK.query("--split semantics_clip_text_image --vector one.npy --waive words --waive entity_count --waive days --waive entities -k 3");
    check(&waived[0], 3);

    let near = DESK.query("--modality clip-image --vector two.npy -k 400");
    assert!(near[0]["short"].as_str().unwrap().contains("clip-image") && near[0]["split"].is_null());
    let far = DESK.query("--modality clip-image --vector two.npy -k 1 --lowest");
    let last = near[0]["results"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(far[0]["results"][0]["id"], last["id"]);
    let own = DESK.query(&format!("--modality clip-text --id {} -k 1", ids[0]));
    assert_eq!(own[0]["results"][0]["id"].to_string(), ids[0], "nothing is nearer than itself");
    let cross = DESK.query(&format!("--modality clip-image --from clip-text --id {} -k 2 --partition train", ids[0]));
    check(&cross[0], 2);
    assert!(DESK.run("query index --modality clip-image --vector two.npy -k 2").ok().out.contains("two.npy, row 1"));
}

#[test]
fn from_match_to_hydrated_rows() {
    let dataset = DESK.dataset();
    assert_eq!(
        names(&dataset),
        [
            "person_sbert_text_text",
            "run.json",
            "scene_resnet_place",
            "semantics_clip_text_image",
            "semantics_clip_text_text",
            "summary.json"
        ]
    );
    let summary: Value = serde_json::from_str(&fs::read_to_string(dataset.join("summary.json")).unwrap()).unwrap();
    assert_eq!(summary["index"]["checksum"], DESK.json("info index --format json")["checksum"]);
    for split in SPLITS {
        assert_eq!(names(&dataset.join(split)), ["pairs.parquet", "test.json", "train.json", "val.json"]);
        let file = format!("dataset/{split}/train.json");
        let annotations: Value = serde_json::from_str(&fs::read_to_string(DESK.dir.join(&file)).unwrap()).unwrap();
        let annotations = annotations["annotations"].as_array().unwrap();
        let rows = DESK.run(&format!("export {file} --index index --hydrate")).ok().json_lines();
        assert_eq!(rows.len(), annotations.len());
        for (i, (row, annotation)) in rows.iter().zip(annotations).enumerate() {
            for key in ["id", "image_id", "falsified"] {
                assert_eq!(row[key], annotation[key]);
            }
            assert_eq!(row["falsified"], json!(i % 2 == 1));
            assert!(row["caption"].is_string() && row["image_path"].as_str().unwrap().starts_with("./"));
        }
        DESK.run(&format!("export {file} --index index --hydrate --out {split}.jsonl --force")).ok();
        let written = fs::read_to_string(DESK.dir.join(format!("{split}.jsonl"))).unwrap();
        assert_eq!(written.lines().count(), rows.len());
    }
    let talk =
        DESK.run("match index --split semantics_clip_text_text --out again --force --seed 7 --chunk-size 100").ok();
    assert!(
        talk.out.contains("semantics_clip_text_text") && talk.out.contains("captions") && talk.err.contains("matched")
    );
}

/// Whoever asks for a graph where none serves is told so, and why.
#[test]
fn matching_says_why_no_graph_is_used() {
    let matched = |split: &str, more: &str| {
        DESK.run(&format!("match index --split {split} --out graphed --force{more}")).ok().err
    };
    let exactly = "matched exactly, not through a graph: ";
    let err = matched("scene_resnet_place", " --graph");
    assert!(err.contains(&format!("scene_resnet_place: {exactly}scores are dot products")), "{err}");
    let err = matched("semantics_clip_text_text", " --graph");
    assert!(err.contains(&format!("{exactly}the index has no graph of this modality")), "{err}");
    let err = matched("person_sbert_text_text", " --graph --waive person_box --waive place");
    assert!(err.contains(&format!("{exactly}swaps are chosen")), "{err}");
    let err = matched("person_sbert_text_text", " --graph --waive person_box --waive place --no-balance");
    assert!(err.contains(&format!("{exactly}posting lists")), "{err}");
    assert!(!matched("scene_resnet_place", "").contains(exactly), "nobody asked");
}

#[test]
fn the_whole_demo() {
    let dir = tempfile::tempdir().unwrap();
    let demo =
        |more: &[&str]| run_command(command().current_dir(dir.path()).args(["demo", "--samples", "400"]).args(more));
    let out = demo(&[]).ok().out;
    for word in
        ["A made-up newsroom", "1. build", "2. match", "3. query", "merged_balanced", "wrong image", "all of it in"]
    {
        assert!(out.contains(word), "{word} is not in\n{out}");
    }
    assert_eq!(names(dir.path()), ["demo"]);
    assert_eq!(names(&dir.path().join("demo")), [".mispair-demo", "dataset", "index", "newsroom"]);
    demo(&["--quiet"]).ok();
    let room = dir.path().join("demo/newsroom");
    let real = run_command(command().current_dir(dir.path()).args(["demo", "--out", "real", "--data"]).arg(room)).ok();
    assert!(real.out.contains("3. query") && !real.out.contains("A made-up newsroom"));
}

#[test]
fn recipes_are_corpus_files() {
    let recipes = Path::new(env!("CARGO_MANIFEST_DIR")).join("indexes/recipes");
    let dir = tempfile::tempdir().unwrap();
    for name in names(&recipes) {
        // Away from any data all that is wrong with them is that their files are missing.
        fs::copy(recipes.join(&name), dir.path().join(&name)).unwrap();
        let build = ["build", &name, "--out", "index"];
        run_command(command().current_dir(dir.path()).args(build)).fails(1, &[&name, "that are not there"]);
    }
    let verite = common::real_data("verite");
    if !verite.is_dir() {
        println!("skipped: no {}", verite.display());
        return;
    }
    for name in names(&verite) {
        std::os::unix::fs::symlink(fs::canonicalize(verite.join(&name)).unwrap(), dir.path().join(name)).unwrap();
    }
    let ask = |line: &str| run_command(command().current_dir(dir.path()).args(line.split(' '))).ok();
    ask("build verite.toml --out index --quiet");
    assert!(ask("verify-index index").out.contains("sound"));
    let answer =
        ask("query index --split semantics_clip_text_image --id 0 --waive days --format json").json_lines().remove(0);
    check(&answer, 10);
    // Every third caption is a true one; 98.5% of them find their own image among the ten nearest of 663.
    let finds_its_own = |id: &usize| {
        let ask_for =
            format!("query index --modality clip-image --from clip-text --id {id} --unique image --format json");
        let near = ask(&ask_for).json_lines().remove(0);
        let own = &near["query"]["image_path"];
        near["results"].as_array().unwrap().iter().any(|r| r["image_path"] == *own)
    };
    let found = (0..60).step_by(3).filter(finds_its_own).count();
    assert!(found >= 18, "{found} of 20");
}
