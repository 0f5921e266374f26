//! `--model http://…/v1#NAME`: a server of embeddings in a model's place. The fears: vectors that are put beside the wrong texts; a server
//! that answers late, half or nonsense; an index that is asked with another model.

mod common;

use common::{command, json_request, run_command};
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

const WIDTH: usize = 16;

/// A vector of the text alone.
fn vector(text: &str) -> Vec<f64> {
    let mut state = text.bytes().fold(7u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x100000001b3));
    let mut next = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 40) as f64 / f64::from(1u32 << 23) - 1.0
    };
    (0..WIDTH).map(|_| next()).collect()
}

/// What is answered to the texts of a request: status, headers, body.
type Manner = fn(usize, &[&str]) -> (u16, &'static str, Value);

/// As OpenAI's does; but in no order, for each says which text it is of.
fn well(_: usize, texts: &[&str]) -> (u16, &'static str, Value) {
    let mut data: Vec<Value> =
        texts.iter().enumerate().map(|(i, text)| json!({ "index": i, "embedding": vector(text) })).collect();
    data.reverse();
    (200, "", json!({ "object": "list", "data": data, "model": "made-up" }))
}

/// The width as it should be; then, of every text, this.
fn after_the_first(n: usize, texts: &[&str], each: &Value) -> (u16, &'static str, Value) {
    match n {
        0 => well(n, texts),
        _ => (200, "", json!({ "data": vec![each; texts.len()] })),
    }
}

struct Server {
    model: String,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn new(manner: Manner) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let model = format!("http://{}/v1#made-up", listener.local_addr().unwrap());
        let (heads, count) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicUsize::new(0)));
        let seen = Arc::clone(&heads);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (seen, count) = (Arc::clone(&seen), Arc::clone(&count));
                std::thread::spawn(move || serve(stream, manner, &seen, &count));
            }
        });
        Server { model, heads }
    }
}

/// One request a connection.
fn serve(mut stream: TcpStream, manner: Manner, seen: &Mutex<Vec<String>>, count: &AtomicUsize) -> Option<()> {
    let (head, request) = json_request(&stream)?;
    assert!(request["model"].is_string());
    let texts: Vec<&str> = request["input"].as_array()?.iter().filter_map(Value::as_str).collect();
    seen.lock().ok()?.push(head);
    let (status, headers, answer) = manner(count.fetch_add(1, SeqCst), &texts);
    let text = answer.to_string();
    let head = format!("HTTP/1.1 {status} x\r\n{headers}content-length: {}\r\nconnection: close\r\n\r\n", text.len());
    stream.write_all((head + &text).as_bytes()).ok()
}

/// 150 captions, two of them alike.
fn captions(at: &Path) {
    let line = |i: usize| format!("{},\"caption {} of a harbour\",{i}.jpg\n", 100 + i, i.min(148));
    fs::write(at.join("captions.csv"), "id,caption,image_path\n".to_owned() + &(0..150).map(line).collect::<String>())
        .unwrap();
}

fn embed(at: &Path, model: &str) -> common::Run {
    run_command(command().current_dir(at).args(["embed", "-q", "captions.csv", "--model", model, "--out", "text"]))
}

#[test]
fn an_index_is_made_and_asked_by_a_server() {
    let (dir, server) = (tempfile::tempdir().unwrap(), Server::new(well));
    let at = dir.path();
    captions(at);
    let mut made = command();
    made.current_dir(at).env("MISPAIR_EMBEDDINGS_KEY", " secret ");
    let said = run_command(made.args(["embed", "captions.csv", "--model", &server.model, "--out", "text"])).ok();
    assert!(
        server.heads.lock().unwrap().iter().all(|h| h.contains("POST /v1/embeddings") && h.contains("Bearer secret"))
    );
    // 149 texts of their own: three requests, and the one for the width.
    assert_eq!(server.heads.lock().unwrap().len(), 4);
    let encoder = said.err.split("encoder = ").nth(1).unwrap().lines().next().unwrap();
    assert!(encoder.starts_with("\"made-up@16#"), "{encoder}");
    let corpus = format!(
        "[corpus]\nname = \"a\"\n[catalog]\nformat = \"csv\"\npath = \"captions.csv\"\n\
         [modalities.sbert-text]\npath = \"text/vectors.npy\"\nids = \"text/ids.npy\"\nencoder = {encoder}\n"
    );
    fs::write(at.join("corpus.toml"), corpus).unwrap();
    run_command(command().current_dir(at).args(["build", "-q", "corpus.toml", "--out", "index"])).ok();
    let query = |model: &str, text: &str| {
        let words = ["query", "index", "--modality", "sbert-text", "-k", "1", "--format", "json", "--text", text];
        run_command(command().current_dir(at).args(words).args(["--model", model]))
    };
    for i in [0, 63, 64, 147] {
        let answer = &query(&server.model, &format!("caption {i} of a harbour")).ok().json_lines()[0];
        assert_eq!(answer["results"][0]["id"], 100 + i);
        assert!(answer["results"][0]["score"].as_f64().unwrap() > 0.999999);
    }
    query(&server.model.replace("made-up", "other"), "x").fails(1, &["another encoder", "made-up@16#", "other@16#"]);
    let clip = format!("{}/tests/fixtures/models/clip", env!("CARGO_MANIFEST_DIR"));
    query(&clip, "x").fails(1, &["made-up@16#"]);
    let doctor = run_command(command().current_dir(at).args(["doctor", "index", "--model", &server.model])).ok();
    assert!(doctor.out.contains("sbert-text encoded again"), "{}", doctor.out);
    let photo = format!("{}/tests/fixtures/models/photo.jpg", env!("CARGO_MANIFEST_DIR"));
    let seen = ["query", "index", "--modality", "sbert-text", "--image", &photo, "--model", &server.model];
    run_command(command().current_dir(at).args(seen)).fails(1, &["reads no images"]);
}

#[test]
fn what_a_server_does_wrong_is_said() {
    let dir = tempfile::tempdir().unwrap();
    captions(dir.path());
    let fails = |manner: Manner, words: &[&str]| {
        embed(dir.path(), &Server::new(manner).model).fails(1, words);
        assert!(!dir.path().join("text").exists());
    };
    fails(|_, _| (500, "retry-after: 0\r\n", json!("it broke")), &["http://", "status 500", "it broke"]);
    fails(|_, _| (401, "", json!("who are you?")), &["status 401", "MISPAIR_EMBEDDINGS_KEY"]);
    fails(|_, _| (200, "", json!({ "error": "no" })), &["no embeddings"]);
    fails(|_, _| (200, "", json!({ "data": [{ "embedding": [1.0, null] }] })), &["no embeddings"]);
    fails(|_, _| (200, "", json!({ "data": [{ "embedding": [1.0, 1e39] }] })), &["not a finite number"]);
    fails(|n, texts| if n == 0 { well(n, texts) } else { (200, "", json!({ "data": [] })) }, &["fewer embeddings"]);
    fails(|_, _| (200, "", json!({ "data": [{ "embedding": [] }] })), &["without elements"]);
    fails(|n, texts| after_the_first(n, texts, &json!({ "embedding": [1.0] })), &["1 elements, 16 are expected"]);
    fails(|n, texts| after_the_first(n, texts, &json!({ "index": 0, "embedding": [1.0] })), &["two embeddings"]);
    fails(
        |n, texts| after_the_first(n, texts, &json!({ "embedding": vec![0.0; WIDTH] })),
        &["without a direction", "harbour"],
    );
    // One that it does not take is named; the others would have been taken.
    fails(
        |n, texts| match texts.iter().any(|t| t.contains(" 70 ")) {
            true => (400, "", json!("not this one")),
            false => well(n, texts),
        },
        &["not this one", "caption 70 of a harbour", "--skip-bad"],
    );
    let picky: Manner = |n, texts| match texts.iter().any(|t| t.contains(" 70 ")) {
        true => (422, "", json!("not this one")),
        false => well(n, texts),
    };
    let server = Server::new(picky);
    let words = ["embed", "captions.csv", "--skip-bad", "--restart", "--model", &server.model, "--out", "text"];
    let said = run_command(command().current_dir(dir.path()).args(words)).ok();
    assert!(said.err.contains("left out: caption 70 of a harbour") && said.err.contains("149 rows"), "{}", said.err);
    fs::remove_dir_all(dir.path().join("text")).unwrap();
    for (model, words) in [
        ("http://127.0.0.1:1/v1", &["behind a #"][..]),
        ("https://127.0.0.1:1/v1#x", &["TLS"]),
        ("http://127.0.0.1:1/v1#", &["behind a #"]),
        ("HTTP://127.0.0.1:1/v1", &["behind a #"]),
        ("http://me:secret@127.0.0.1:1/v1#x", &["password"]),
    ] {
        embed(dir.path(), model).fails(2, words);
    }
    embed(dir.path(), "http://127.0.0.1:1/v1#x").fails(1, &["http://127.0.0.1:1", "nobody answers"]);
}

#[test]
fn a_server_that_is_busy_or_takes_few_is_asked_again() {
    let dir = tempfile::tempdir().unwrap();
    captions(dir.path());
    embed(dir.path(), &Server::new(well).model).ok();
    let whole = fs::read(dir.path().join("text/vectors.npy")).unwrap();
    for manner in [
        (|n, texts| if n % 2 == 0 { (429, "retry-after: 0\r\n", json!("slow down")) } else { well(n, texts) })
            as Manner,
        |n, texts| if n == 2 { (502, "retry-after: 0\r\n", json!("a moment")) } else { well(n, texts) },
        |n, texts| if texts.len() > 20 { (413, "", json!("too many")) } else { well(n, texts) },
    ] {
        fs::remove_dir_all(dir.path().join("text")).unwrap();
        let server = Server::new(manner);
        embed(dir.path(), &server.model).ok();
        assert_eq!(fs::read(dir.path().join("text/vectors.npy")).unwrap(), whole);
        // Halves, not one by one.
        assert!(server.heads.lock().unwrap().len() < 25, "{}", server.heads.lock().unwrap().len());
    }
}

/// The daemon tells strangers nothing of who makes its vectors, and says whose fault it is.
#[test]
fn a_daemon_asks_a_server() {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path();
    captions(at);
    let server = Server::new(|n, texts| if texts == ["broken"] { (500, "", json!("secret")) } else { well(n, texts) });
    embed(at, &server.model).ok();
    let corpus = "[corpus]\nname = \"a\"\n[catalog]\nformat = \"csv\"\npath = \"captions.csv\"\n\
                  [modalities.sbert-text]\npath = \"text/vectors.npy\"\nids = \"text/ids.npy\"\nencoder = \"made-up\"\n";
    fs::write(at.join("corpus.toml"), corpus).unwrap();
    run_command(command().current_dir(at).args(["build", "-q", "corpus.toml", "--out", "index"])).ok();
    let mut child = command()
        .current_dir(at)
        .args(["serve", "index", "--listen", "127.0.0.1:0", "--log-format", "json", "--model", &server.model])
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    let address = log.find_map(|line| {
        let event: Value = serde_json::from_str(&line).ok()?;
        Some(format!("http://{}", event["address"].as_str()?))
    });
    let address = address.unwrap();
    let query = |text: &str| {
        let words =
            ["query", "--url", &address, "--modality", "sbert-text", "-k", "1", "--format", "json", "--text", text];
        run_command(command().current_dir(at).args(words))
    };
    let (found, refused) = (query("caption 7 of a harbour"), query("broken"));
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(found.ok().json_lines()[0]["results"][0]["id"], 107);
    assert!(!refused.err.contains("secret") && !refused.err.contains("/v1#"), "{}", refused.err);
    refused.fails(1, &["the daemon's log says why"]);
    assert!(log.any(|line| line.contains("secret") && line.contains("WARN")));
}
