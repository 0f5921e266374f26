//! The fear: a daemon that answers otherwise than the index it serves. So what `mispair query --url` prints is held against
//! what `mispair query` prints of the same index, by TCP and by a Unix socket, errors included.

mod common;

use common::{Run, command, newsy, npy, run_command};
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::LazyLock;
use std::thread;

const TOKEN: &str = "only-for-asking";
const CLIP: &str = "semantics_clip_text_text";

/// An index of a small newsroom, and query files.
static DESK: LazyLock<PathBuf> = LazyLock::new(|| {
    // A static is never dropped: a fixed folder, so that runs do not pile up.
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cli-url-desk");
    let _ = fs::remove_dir_all(&dir);
    newsy(300, 7, &["train", "test"]).build(&dir);
    let rows =
        |n: usize| (0..n).map(|i| (0..12).map(|j| ((i * 7 + j * 5) % 11) as f32 - 4.7).collect()).collect::<Vec<_>>();
    npy(&dir.join("one.npy"), &rows(1));
    npy(&dir.join("many.npy"), &rows(75));
    let facts = |i: usize| {
        json!({"caption": format!("Word after word after word number {i}"), "timestamp": "2031-01-01", "title": "not looked at",
               "entities": [{"text": "Berlin", "label": "GPE"}, {"text": "Ada Lane", "label": "PERSON"}]})
    };
    fs::write(dir.join("one.json"), facts(0).to_string()).unwrap();
    fs::write(dir.join("many.json"), Value::from((0..75).map(facts).collect::<Vec<_>>()).to_string()).unwrap();
    dir
});

/// A daemon of the desk's index; it ends with the test.
struct Daemon {
    process: Child,
    http: String,
    unix: String,
}

impl Daemon {
    fn start(name: &str, more: &[&str], token: Option<&str>) -> Daemon {
        // Short: the path of a socket has a limit.
        let socket = std::env::temp_dir().join(format!("mispair-{}-{name}", std::process::id()));
        let mut command = command();
        command.current_dir(&*DESK).args([
            "serve",
            "index",
            "--listen",
            "127.0.0.1:0",
            "--log-format",
            "json",
            "--socket",
        ]);
        command.arg(&socket).args(more).stderr(Stdio::piped()).stdout(Stdio::null());
        if let Some(token) = token {
            command.env("MISPAIR_READ_TOKEN", token);
        }
        let mut process = command.spawn().unwrap();
        let mut log = BufReader::new(process.stderr.take().unwrap());
        let (mut http, mut said) = (None, String::new());
        while http.is_none() || !said.contains("socket") {
            let mut line = String::new();
            assert!(log.read_line(&mut line).unwrap() > 0, "it ended: {said}");
            let event: Value = serde_json::from_str(&line).unwrap();
            let fields = if event["fields"].is_object() { &event["fields"] } else { &event };
            if let Some(address) = fields["address"].as_str() {
                http = Some(format!("http://{address}"));
            }
            said += &line;
        }
        // Whoever writes a log waits for its reader.
        thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
        Daemon { process, http: http.unwrap(), unix: format!("unix:{}", socket.display()) }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_file(self.unix.trim_start_matches("unix:"));
    }
}

fn asked(whom: &[&str], line: &str, token: Option<&str>) -> Run {
    let mut command = command();
    command.current_dir(&*DESK).arg("query").args(whom).args(line.split(' ')).env_remove("MISPAIR_READ_TOKEN");
    if let Some(token) = token {
        command.env("MISPAIR_READ_TOKEN", token);
    }
    run_command(&mut command)
}

/// Without what differs from run to run: times, and counts that depend on how threads, and requests, shared the work.
fn alike(mut answers: Vec<Value>) -> Vec<Value> {
    for answer in &mut answers {
        answer["elapsed_us"] = json!(0);
        for count in ["visited", "scored", "rejected", "reason"] {
            assert!(!answer["plan"][count].is_null(), "{answer}");
            answer["plan"][count] = json!(null);
        }
    }
    answers
}

/// A table without its last lines, which have times and counts.
fn table(run: Run) -> String {
    let counted = |line: &&str| !line.starts_with("plan ");
    run.ok().out.lines().filter(counted).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_same_answers_as_of_the_index() {
    let daemon = Daemon::start("same", &[], None);
    for line in [
        format!("--split {CLIP} --id 4 --waive words"),
        format!("--split {CLIP} --id text-3 -k 3 --waive words --waive entity_count --unique image --adversarial"),
        format!("--split {CLIP} --id 5 --explain --waive words --exact"),
        format!("--split {CLIP} --id 6 --partition train --waive words -k 1000"),
        "--split person_sbert_text_text --id 8 --waive person_box --waive words --waive shared_person".to_owned(),
        "--split person_sbert_text_text --id 4 --waive person_box --waive words --waive pictured_person --waive shared_person"
            .to_owned(),
        "--split scene_resnet_place --id 9 --explain --waive words --waive no_person".to_owned(),
        format!("--split {CLIP} --vector one.npy --meta one.json --explain"),
        format!("--split {CLIP} --vector many.npy --meta many.json -k 4"),
        format!(
            "--split {CLIP} --vector many.npy -k 2 --waive days --waive entities --waive entity_count --waive words"
        ),
        "--modality clip-image --id 4 --from clip-text --unique image".to_owned(),
        "--modality clip-image --vector one.npy --lowest -k 7".to_owned(),
        "--modality clip-image --vector many.npy -k 3 --exact --partition test".to_owned(),
    ] {
        let local = asked(&["index"], &format!("{line} --format json"), None);
        let want = alike(local.ok().json_lines());
        let found = want.iter().all(|a| a["results"].as_array().is_some_and(|r| !r.is_empty()));
        // One caption itself fails a rule: that, too, is an answer.
        assert_eq!(found, !line.contains("--id 8"), "{line}: {want:?}");
        for whom in [&["--url", &daemon.http][..], &["index", "--url", &daemon.unix]] {
            let got = asked(whom, &format!("{line} --format json"), None).ok().json_lines();
            assert_eq!(alike(got), want, "{line}");
            assert_eq!(table(asked(whom, &line, None)), table(asked(&["index"], &line, None)), "{line}");
        }
    }
}

#[test]
fn what_a_daemon_refuses_is_told_with_its_field() {
    let daemon = Daemon::start("refusals", &[], None);
    let config = DESK.join("small.toml");
    fs::write(&config, "[limits]\nbatch = 3\nk = 20\n").unwrap();
    let small = Daemon::start("small", &["--config", config.to_str().unwrap()], None);
    let url = daemon.http.as_str();
    let one = format!("--split {CLIP} --vector one.npy");
    for (whom, line, words) in [
        (&["--url", url][..], format!("--split {CLIP} --id 99999"), &["id: ", "99999", url][..]),
        (&["--url", url], format!("--split {CLIP} --id nobody"), &["id: ", "\"nobody\""]),
        (&["--url", url], "--split none --id 4".to_owned(), &["split: ", "\"none\"", CLIP]),
        (&["--url", url], "--modality none --id 4".to_owned(), &["modality: ", "clip-image"]),
        (&["--url", url], format!("--split {CLIP} --id 4 --partition north"), &["partition: ", "\"north\"", "train"]),
        (&["other", "--url", url], format!("--split {CLIP} --id 4"), &["index: ", "\"other\"", "index"]),
        (&["--url", url], one.clone(), &["one.npy: row 0", "facts.", "waive"]),
        (&["--url", url], "--modality place-image --vector many.npy".to_owned(), &["many.npy: row 0", "12", "17"]),
        (&["--url", url], format!("{one} --meta many.json"), &["many.json", "75", "1 query"]),
        (&["--url", url], format!("--split {CLIP} --vector none.npy"), &["none.npy"]),
        (&["--url", &small.unix], format!("--split {CLIP} --id 4 -k 21"), &["k: ", "21", "20"]),
    ] {
        asked(whom, &line, None).fails(1, words);
    }
    for (whom, line, words) in [
        (&["--url", url][..], format!("--split {CLIP} --id 4 -k 0"), &["-k 0"][..]),
        (&["--url", url], "--split my/split.toml --id 4".to_owned(), &["--split my/split.toml", "by name"]),
        (&["--url", "https://localhost"], format!("--split {CLIP} --id 4"), &["TLS", "proxy"]),
        (&["--url", "localhost:7400"], format!("--split {CLIP} --id 4"), &["http://HOST:PORT"]),
        (&["--url", "unix:"], format!("--split {CLIP} --id 4"), &["unix:/"]),
        (&[], format!("--split {CLIP} --id 4"), &["INDEX"]),
    ] {
        asked(whom, &line, None).fails(2, words);
    }
    // A daemon that takes few vectors at a time is asked for few.
    let line = "--modality clip-image --vector many.npy -k 3 --format json";
    let got = asked(&["--url", &small.http], line, None).ok().json_lines();
    assert_eq!(got.len(), 75);
    assert_eq!(alike(got), alike(asked(&["index"], line, None).json_lines()));
}

#[test]
fn rows_at_fault_are_counted_through() {
    let daemon = Daemon::start("rows", &[], None);
    let mut rows: Vec<Vec<f32>> = vec![vec![1.0; 12]; 70];
    rows[66] = vec![0.0; 12];
    npy(&DESK.join("zero.npy"), &rows);
    rows[2][3] = f32::NAN;
    npy(&DESK.join("nan.npy"), &rows);
    for line in [
        "--modality clip-image --vector",
        &format!("--waive days --waive entities --waive entity_count --waive words --split {CLIP} --vector"),
    ] {
        asked(&["--url", &daemon.http], &format!("{line} zero.npy"), None).fails(1, &["zero.npy: row 66", "clip-"]);
        asked(&["--url", &daemon.http], &format!("{line} nan.npy"), None).fails(1, &["nan.npy: row 2", "finite"]);
    }
}

#[test]
fn tokens_come_from_the_environment() {
    let daemon = Daemon::start("tokens", &[], Some(TOKEN));
    let line = format!("--split {CLIP} --id 4 --waive words --format json");
    for url in [&daemon.http, &daemon.unix] {
        asked(&["--url", url], &line, None).fails(1, &["MISPAIR_READ_TOKEN", "Authorization"]);
        asked(&["--url", url], &line, Some("another-token")).fails(1, &["MISPAIR_READ_TOKEN", "not one of"]);
        asked(&["--url", url], &line, Some("two words")).fails(2, &["MISPAIR_READ_TOKEN", "blanks"]);
        let got = asked(&["--url", url], &line, Some(TOKEN)).ok().json_lines();
        assert_eq!(alike(got), alike(asked(&["index"], &line, None).ok().json_lines()));
    }
}

#[test]
fn nobody_there_or_somebody_else() {
    let line = format!("--split {CLIP} --id 4");
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    asked(&["--url", &format!("http://{free}")], &line, None).fails(1, &["no daemon is there", "mispair serve"]);
    asked(&["--url", "unix:/no/such/socket"], &line, None).fails(1, &["no daemon is there", "/no/such/socket"]);
    // Another kind of server, and one with too much to do, which is asked again a bounded number of times.
    for (status, body, words, times) in [
        ("404 Not Found", "<html>", &["404", "is this a mispair daemon?"][..], 1),
        ("200 OK", "{\"hello\": 1}", &["not one of mispair"], 1),
        (
            "503 Service Unavailable",
            "{\"status\": 503, \"detail\": \"busy\", \"request_id\": \"r1\"}",
            &["busy", "r1"],
            4,
        ),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = thread::spawn(move || {
            for _ in 0..times {
                let (mut stream, _) = listener.accept().unwrap();
                read_request(&mut stream);
                let head = format!(
                    "HTTP/1.1 {status}\r\nContent-Length: {}\r\nRetry-After: 0\r\nConnection: close\r\n\r\n",
                    body.len()
                );
                stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
            }
        });
        // An id that is no integer is asked for once.
        asked(&["--url", &url], &format!("--split {CLIP} --id x"), None).fails(1, words);
        server.join().unwrap();
    }
}

/// To the end of its body, whose length it tells.
fn read_request(stream: &mut impl Read) {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap();
        }
        if line.trim().is_empty() {
            break;
        }
    }
    reader.read_exact(&mut vec![0; length]).unwrap();
}
