//! The fear: hours of encoding that a kill throws away, or that go on with other bytes; vectors of one model asked with another.
//! With tiny models of random weights (`fixtures/make_models.py`), through the command line.

mod common;

use common::{command, files, names, npy_rows, run};
use mispair::formats::npy::read_ids;
use mispair::words::SampleId;
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader, Lines, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Stdio};
use std::time::Duration;

fn model(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/models").join(name);
    path.to_str().unwrap().to_owned()
}

fn photo() -> Vec<u8> {
    fs::read(model("photo.jpg")).unwrap()
}

/// A folder of its own, with a catalog of so many captions; every third repeats another, images are shared by two.
fn desk(samples: usize) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let mut csv = "id,caption,image_path\n".to_owned();
    for i in 0..samples {
        let caption = if i % 3 == 2 { i - 2 } else { i };
        csv += &format!("{},\"the dog number {caption} runs, on the beach\",p/{}.jpg\n", 100 + i, i / 2);
    }
    fs::write(dir.path().join("captions.csv"), csv).unwrap();
    let path = dir.path().to_owned();
    (dir, path)
}

fn embed(dir: &Path, args: &[&str]) -> common::Run {
    common::run_command(command().current_dir(dir).arg("embed").args(args))
}

fn ids(path: &Path) -> Vec<SampleId> {
    read_ids(&fs::read(path).unwrap(), path).unwrap()
}

#[test]
fn captions_become_rows() {
    let (_dir, at) = desk(9);
    let bert = model("bert");
    let said = embed(&at, &["captions.csv", "--model", &bert, "--out", "out"]).ok();
    assert!(said.err.contains("[modalities.sbert-text]") && said.err.contains("6 of 9 samples"), "{}", said.err);
    assert_eq!(names(&at), ["captions.csv", "out"], "nothing else is left");
    assert_eq!(names(&at.join("out")), ["embed.json", "ids.npy", "vectors.npy"]);
    let rows = npy_rows(&at.join("out/vectors.npy"));
    assert_eq!(ids(&at.join("out/ids.npy")), (100..109).map(SampleId::Int).collect::<Vec<_>>());
    assert!(rows[2] == rows[0] && rows[1] != rows[0] && rows.len() == 9);
    assert!(rows.iter().all(|r| (r.iter().map(|x| x * x).sum::<f32>() - 1.0).abs() < 1e-5));
    // The same by lines, and in another order of batches and threads.
    let texts: String =
        (0..9).map(|i| format!("the dog number {} runs, on the beach\n", if i % 3 == 2 { i - 2 } else { i })).collect();
    fs::write(at.join("lines.txt"), texts).unwrap();
    embed(&at, &["lines.txt", "--model", &bert, "--out", "lines", "--batch", "2", "--threads", "2"]).ok();
    assert_eq!(fs::read(at.join("lines/vectors.npy")).unwrap(), fs::read(at.join("out/vectors.npy")).unwrap());
    embed(&at, &["captions.csv", "--model", &bert, "--out", "out"]).fails(1, &["out", "exists already", "--force"]);
    embed(&at, &["captions.csv", "--model", &bert, "--out", "out", "--force"]).ok();
    embed(&at, &["captions.csv", "--model", &bert, "--out", "x", "--caption-column", "text"])
        .fails(1, &["no column \"text\""]);
    embed(&at, &["captions.csv", "--model", &bert, "--images", ".", "--out", "x"]).fails(1, &["reads no images"]);
    embed(&at, &["captions.pdf", "--model", &bert, "--out", "x"]).fails(1, &["captions.pdf", ".parquet"]);
    embed(&at, &["captions.csv", "--model", "nowhere", "--out", "x"]).fails(1, &["nowhere", "config.json"]);
    assert!(!at.join("x").exists() && !at.join("x.partial").exists());
}

#[test]
fn images_become_rows_and_bad_ones_are_listed() {
    let (_dir, at) = desk(8);
    let clip = model("clip");
    fs::create_dir(at.join("p")).unwrap();
    for i in 0..4 {
        fs::write(at.join(format!("p/{i}.jpg")), photo()).unwrap();
    }
    fs::write(at.join("p/2.jpg"), &photo()[..500]).unwrap();
    fs::write(at.join("p/notes.txt"), "no image").unwrap();
    let args = ["captions.csv", "--images", ".", "--model", &clip, "--out", "out"];
    embed(&at, &args).fails(1, &["p/2.jpg", "JPEG", "--skip-bad"]);
    assert!(!at.join("out").exists() && at.join("out.partial").is_dir());
    let mut more = args.to_vec();
    more.push("--skip-bad");
    let said = embed(&at, &more).ok();
    assert!(said.err.contains("left out: p/2.jpg"), "{}", said.err);
    let want: Vec<SampleId> = [100, 101, 102, 103, 106, 107].map(SampleId::Int).to_vec();
    assert_eq!(ids(&at.join("out/ids.npy")), want, "two samples had the image that is left out");
    let skipped = fs::read_to_string(at.join("out/skipped.jsonl")).unwrap();
    let skipped: Value = serde_json::from_str(skipped.trim_end()).unwrap();
    assert_eq!(skipped["item"], "p/2.jpg");
    // A folder: the ids are paths.
    embed(&at, &["p", "--model", &clip, "--out", "folder", "--skip-bad", "--batch", "1"]).ok();
    let want: Vec<SampleId> = ["0.jpg", "1.jpg", "3.jpg"].map(SampleId::from).to_vec();
    assert_eq!(ids(&at.join("folder/ids.npy")), want);
    assert_eq!(npy_rows(&at.join("folder/vectors.npy"))[0], npy_rows(&at.join("out/vectors.npy"))[0]);
}

/// Killed over and over, wherever it is; then the bytes of a run that nobody disturbed.
#[test]
fn a_killed_run_goes_on_to_the_same_bytes() {
    let (_dir, at) = desk(300);
    let bert = model("bert");
    let args = ["captions.csv", "--model", &bert, "--batch", "1", "--out"];
    embed(&at, &[&args[..], &["whole"]].concat()).ok();
    let log = at.join("torn.partial/log.jsonl");
    let lines = || fs::read_to_string(&log).map_or(0, |text| text.lines().count());
    let mut kills = 0;
    for round in 1..=3 {
        let mut child = command().current_dir(&at).args(["embed", "-q"]).args(args).arg("torn").spawn().unwrap();
        // Somewhere in the middle; a run that is faster than this loop ends by itself.
        while lines() < 30 * round && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(1));
        }
        child.kill().unwrap();
        kills += usize::from(!child.wait().unwrap().success());
        assert!(at.join("torn").exists() != log.exists());
    }
    assert!(kills > 0, "no run was torn");
    // A line and a row that were torn, too.
    let mut text = fs::read(&log).unwrap();
    text.extend(b"{\"items\":1,\"ro");
    fs::write(&log, text).unwrap();
    let mut numbers = fs::read(at.join("torn.partial/vectors.f32")).unwrap();
    numbers.extend([1, 2, 3]);
    fs::write(at.join("torn.partial/vectors.f32"), numbers).unwrap();
    embed(&at, &["captions.csv", "--model", &model("clip"), "--out", "torn"]).fails(1, &["log.jsonl", "--restart"]);
    // A row that was damaged meanwhile is not gone on with.
    let rows = at.join("torn.partial/vectors.f32");
    let whole = fs::read(&rows).unwrap();
    let mut damaged = whole.clone();
    damaged[5] ^= 1;
    fs::write(&rows, damaged).unwrap();
    embed(&at, &[&args[..], &["torn"]].concat()).fails(1, &["log.jsonl", "line 2", "--restart"]);
    fs::write(&rows, whole).unwrap();
    let said = embed(&at, &[&args[..], &["torn"]].concat()).ok();
    assert!(said.err.contains("went on after"), "{}", said.err);
    let bytes = |out: &str| files(&at.join(out)).into_values().collect::<Vec<_>>();
    assert!(bytes("torn") == bytes("whole"));
    assert!(!at.join("torn.partial").exists());
}

/// A photograph that is another one by the time of the second run was not encoded by the first.
#[test]
fn a_photograph_that_is_exchanged_meanwhile_is_noticed() {
    let (_dir, at) = desk(0);
    let clip = model("clip");
    fs::create_dir(at.join("p")).unwrap();
    for i in 0..3 {
        fs::write(at.join(format!("p/{i}.png")), fs::read(model("photo.png")).unwrap()).unwrap();
    }
    fs::write(at.join("p/3.png"), "no picture").unwrap();
    let args = ["p", "--model", &clip, "--batch", "1", "--out", "image"];
    embed(&at, &args).fails(1, &["3.png", "--skip-bad", "3 of 4"]);
    fs::write(at.join("p/1.png"), fs::read(model("palette.png")).unwrap()).unwrap();
    embed(&at, &[&args[..], &["--skip-bad"]].concat()).fails(1, &["log.jsonl", "other input", "--restart"]);
    embed(&at, &[&args[..], &["--skip-bad", "--restart"]].concat()).ok();
}

#[test]
fn a_configuration_is_looked_at() {
    let (_dir, at) = desk(3);
    let doctor = |text: &str| {
        fs::write(at.join("serve.toml"), text).unwrap();
        common::run_command(command().current_dir(&at).args(["doctor", "--config", "serve.toml"]))
    };
    assert_eq!(doctor("[limits]\nthreads = 0\n").code, Some(1));
    let ill = doctor("[[index]]\npath = \"nowhere\"\n");
    assert!(ill.code == Some(1) && ill.out.contains("nowhere") && ill.err.contains("config"), "{}", ill.out);
    let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/indexes/golden/v1/index");
    let well = doctor(&format!("[[index]]\npath = {golden:?}\n")).ok();
    assert!(well.out.contains("serve.toml: 1 indexes"), "{}", well.out);
}

#[test]
fn an_index_is_asked_by_words_and_by_its_own_encoder_alone() {
    let (_dir, at) = desk(12);
    let (clip, bert) = (model("clip"), model("bert"));
    fs::create_dir(at.join("p")).unwrap();
    for i in 0..6 {
        let name = ["photo.png", "grey.jpg"][i % 2];
        fs::write(at.join(format!("p/{i}.jpg")), fs::read(model(name)).unwrap()).unwrap();
    }
    embed(&at, &["captions.csv", "--model", &clip, "--out", "text"]).ok();
    let said = embed(&at, &["captions.csv", "--images", ".", "--model", &clip, "--out", "image"]).ok();
    let encoder = said.err.split("encoder = ").nth(1).unwrap().lines().next().unwrap().to_owned();
    let modality = |name: &str, encoder: &str| {
        format!("[modalities.clip-{name}]\npath = \"{name}/vectors.npy\"\nids = \"{name}/ids.npy\"\n{encoder}\n")
    };
    let corpus = |encoder: &str| {
        let head = "[corpus]\nname = \"a\"\n[catalog]\nformat = \"csv\"\npath = \"captions.csv\"\n";
        format!("{head}{}{}", modality("text", encoder), modality("image", encoder))
    };
    for (name, encoder) in [
        ("named", format!("encoder = {encoder}")),
        ("unnamed", String::new()),
        ("other", "encoder = \"openai/clip-vit-base-patch32\"".into()),
    ] {
        fs::write(at.join("corpus.toml"), corpus(&encoder)).unwrap();
        common::run_command(command().current_dir(&at).args(["build", "-q", "corpus.toml", "--out", name])).ok();
    }
    let query = |args: &[&str]| {
        common::run_command(command().current_dir(&at).arg("query").args(args).args(["--format", "json", "-k", "3"]))
    };
    let text = "the dog number 4 runs, on the beach";
    let answer = &query(&["named", "--modality", "clip-text", "--model", &clip, "--text", text]).ok().json_lines()[0];
    assert_eq!((&answer["query"]["text"], &answer["results"][0]["id"]), (&text.into(), &104.into()));
    assert!(answer["results"][0]["score"].as_f64().unwrap() > 0.99999);
    let answer =
        &query(&["named", "--modality", "clip-image", "--model", &clip, "--image", "p/1.jpg"]).ok().json_lines()[0];
    assert!(answer["results"][0]["score"].as_f64().unwrap() > 0.99999);
    let found = query(&["named", "--modality", "clip-image", "--model", &clip, "--text", "a dog"]).ok();
    assert_eq!(found.json_lines()[0]["results"].as_array().unwrap().len(), 3);
    query(&["named", "--modality", "clip-text", "--model", &bert, "--text", text])
        .fails(1, &["named", "another width", "clip@48"]);
    query(&["other", "--modality", "clip-text", "--model", &clip, "--text", text])
        .fails(1, &["another encoder", "openai"]);
    let noted = query(&["unnamed", "--modality", "clip-text", "--model", &clip, "--text", text]).ok();
    assert!(noted.err.contains("does not say"), "{}", noted.err);
    query(&["unnamed", "--modality", "clip-text", "--model", &bert, "--text", text]).fails(1, &["48 elements"]);
    query(&["named", "--modality", "clip-text", "--text", text]).fails(2, &["--model"]);
    query(&["named", "--modality", "clip-image", "--model", &clip, "--image", "captions.csv"])
        .fails(1, &["captions.csv", "JPEG"]);
    let split = ["named", "--split", "semantics_clip_text_image", "--model", &clip, "--text", text];
    query(&split).fails(1, &["--meta", "--waive"]);
    let waived = [&split[..], &["--waive", "days", "--waive", "entities", "--waive", "entity_count"]].concat();
    assert_eq!(query(&waived).ok().json_lines()[0]["results"].as_array().unwrap().len(), 3);

    served(&at, &clip, &bert, text);

    let doctor = |args: &[&str]| common::run_command(command().current_dir(&at).arg("doctor").args(args));
    doctor(&[]).ok();
    let well = doctor(&[
        "named",
        "--model",
        &clip,
        "--images",
        ".",
        "--reference",
        &model("clip/reference.json"),
        "--format",
        "json",
    ])
    .ok();
    let checks = &well.json_lines()[0];
    let found = |what: &str| checks.as_array().unwrap().iter().find(|c| c["what"] == what).unwrap()["result"].clone();
    for what in [
        "index",
        "model",
        "reference tokens",
        "reference texts",
        "reference images",
        "clip-text encoded again",
        "clip-image encoded again",
    ] {
        assert_eq!(found(what), "ok", "{checks}");
    }
    fs::write(
        at.join("tokens.json"),
        r#"{"texts": [{"text": "A dog runs on the beach.", "tokens": [525, 353, 526]}]}"#,
    )
    .unwrap();
    let ill = doctor(&["--model", &clip, "--reference", "tokens.json"]);
    assert!(ill.code == Some(1) && ill.err.contains("1 of") && ill.err.contains("reference tokens"), "{}", ill.err);
    // Vectors of captions in the place of those of images.
    fs::write(at.join("corpus.toml"), corpus(&format!("encoder = {encoder}")).replace("image/vectors", "text/vectors"))
        .unwrap();
    common::run_command(command().current_dir(&at).args(["build", "-q", "corpus.toml", "--out", "mixed"])).ok();
    let ill = doctor(&["mixed", "--model", &clip, "--images", "."]);
    assert_eq!(ill.code, Some(1));
    assert!(ill.err.contains("1 of") && ill.err.contains("clip-image encoded again"), "{}", ill.err);
    assert_eq!(run(["doctor", "/nowhere"]).code, Some(1));
}

/// A daemon with the same models gives the same answers, to words and to a photograph that is sent.
fn served(at: &Path, clip: &str, bert: &str, text: &str) {
    let ask = |address: &str, request: String, body: &[u8]| {
        let mut stream = TcpStream::connect(address).unwrap();
        let head = format!(
            "{request} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(&[head.as_bytes(), body].concat()).unwrap();
        let mut reply = Vec::new();
        stream.read_to_end(&mut reply).unwrap();
        String::from_utf8(reply).unwrap()
    };
    // The fear of a test that fails and leaves a daemon behind.
    struct Daemon(Child, Lines<BufReader<ChildStderr>>);
    impl Drop for Daemon {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }
    let start = |models: &[&str]| {
        let mut child = command()
            .current_dir(at)
            .args(["serve", "named", "unnamed", "other", "--listen", "127.0.0.1:0", "--log-format", "json"])
            .args(models.iter().flat_map(|model| ["--model", model]))
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = BufReader::new(child.stderr.take().unwrap()).lines();
        let (mut daemon, mut lines) = (Daemon(child, log), Vec::new());
        loop {
            let line = daemon.1.next().unwrap().unwrap();
            let event: Value = serde_json::from_str(&line).unwrap();
            if let Some(address) = event["address"].as_str() {
                return (daemon, format!("http://{address}"), lines.join("\n"));
            }
            lines.push(line);
        }
    };
    let (_daemon, address, said) = start(&[bert, clip]);
    assert!(said.contains("does not say what made its clip-image"), "{said}");
    assert!(said.contains("no modality was made by"), "{said}");
    let query = |args: &[&str]| {
        common::run_command(command().current_dir(at).arg("query").args(args).args(["--format", "json", "-k", "3"]))
    };
    for modality in ["clip-image", "clip-text"] {
        let asked = ["--modality", modality, "--text", text];
        let here = &query(&[&["named", "--model", clip], &asked[..]].concat()).ok().json_lines()[0];
        let there = &query(&[&["named", "--url", &address], &asked[..]].concat()).ok().json_lines()[0];
        assert_eq!((&here["results"], &there["query"]["text"]), (&there["results"], &text.into()));
        query(&[&["other", "--url", &address], &asked[..]].concat()).fails(1, &["openai", "clip@48"]);
    }
    let socket = address.strip_prefix("http://").unwrap();
    let photo = fs::read(at.join("p/1.jpg")).unwrap();
    let here = query(&["named", "--model", clip, "--modality", "clip-image", "--image", "p/1.jpg"]).ok();
    let path = "POST /v1/images:search?index=named&modality=clip-image&k=3";
    let there = ask(socket, path.into(), &photo);
    let (_, body) = there.split_once("\r\n\r\n").unwrap();
    let there: Value = serde_json::from_str(body).unwrap();
    assert_eq!(here.json_lines()[0]["results"], there["results"], "{there}");
    let sent = ["named", "--url", &address, "--modality", "clip-image", "--image", "p/1.jpg"];
    assert_eq!(here.json_lines()[0]["results"], query(&sent).ok().json_lines()[0]["results"]);
    query(&["named", "--url", &address, "--modality", "clip-image", "--image", "captions.csv"])
        .fails(1, &["captions.csv", "neither JPEG"]);
    query(&["named", "--url", &address, "--split", "semantics_clip_text_image", "--image", "p/1.jpg"])
        .fails(2, &["--modality"]);
    query(&["named", "--modality", "clip-image", "--image", "p/1.jpg"]).fails(2, &["--model"]);
    let verify = |args: &[&str]| {
        let caption = ["--caption", text, "--image", "p/1.jpg", "--format", "json"];
        common::run_command(command().current_dir(at).args(["verify", "--archive", "named"]).args(args).args(caption))
    };
    let (here, there) = (verify(&["--model", clip]).ok(), verify(&["--url", &address]).ok());
    assert!(here.json_lines()[0]["evidence"].as_array().unwrap().len() > 2);
    assert_eq!(here.json_lines()[0]["evidence"], there.json_lines()[0]["evidence"]);
    assert_eq!(here.json_lines()[0]["verdict"], there.json_lines()[0]["verdict"]);
    let none = ask(socket, path.into(), b"GIF89a no photograph");
    assert!(none.starts_with("HTTP/1.1 422") && none.contains("neither JPEG"), "{none}");
    let page = ask(socket, "GET /?index=named&by=text&text=a+dog&in=modality:clip-image".into(), b"");
    assert!(page.starts_with("HTTP/1.1 200") && page.contains("clip image"), "{page}");
    // Where two have the width, neither is taken for one that nobody named.
    let twin = at.join("twin");
    fs::create_dir(&twin).unwrap();
    for file in fs::read_dir(clip).unwrap().map(|file| file.unwrap().path()) {
        fs::copy(&file, twin.join(file.file_name().unwrap())).unwrap();
    }
    let (_daemon, address, said) = start(&[clip, twin.to_str().unwrap()]);
    assert!(said.contains("several models have its 48 elements") && !said.contains("cannot be checked"), "{said}");
    let asked = ["--url", &address, "--modality", "clip-text", "--text", text, "--format", "json"];
    let query = |index| common::run_command(command().current_dir(at).args(["query", index]).args(asked));
    query("named").ok();
    query("unnamed").fails(1, &["several models", "twin"]);
}
