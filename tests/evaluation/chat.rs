//! `verify --chat`, against a small server that answers well, late, or nonsense.

use crate::common::{Run, command, json_request, run_command};
use crate::desk::scratch;
use serde_json::{Value, json};
use std::fs;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What the server does with a request's question.
type Manner = fn(&str) -> Reply;

enum Reply {
    /// A completion with this text.
    Says(&'static str),
    /// This body under this status.
    Raw(u16, &'static str),
    /// Nothing, for so long.
    Silence(Duration),
    /// The beginning of a longer answer, and no more.
    Cut(&'static str),
    /// A byte now and then.
    Drip(Duration),
}

const GOOD: &str = "{\"choices\": [{\"message\": {\"content\": \"accurate\"}}]}";

struct Server {
    url: String,
    requests: Arc<Mutex<Vec<(String, Value)>>>,
}

impl Server {
    fn new(manner: Manner) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let seen = Arc::clone(&seen);
                std::thread::spawn(move || serve(stream, manner, &seen));
            }
        });
        Server { url, requests }
    }

    fn count(&self) -> usize {
        self.requests.lock().unwrap().len()
    }
}

/// One request a connection.
fn serve(stream: TcpStream, manner: Manner, seen: &Mutex<Vec<(String, Value)>>) -> Option<()> {
    let (head, request) = json_request(&stream)?;
    let question = request["messages"][1]["content"].as_str()?.to_owned();
    seen.lock().ok()?.push((head, request));
    let mut stream = stream;
    let (status, text) = match manner(&question) {
        Reply::Says(text) => {
            (200, json!({ "choices": [{ "message": { "role": "assistant", "content": text } }] }).to_string())
        }
        Reply::Raw(status, text) => (status, text.to_owned()),
        Reply::Silence(pause) => {
            std::thread::sleep(pause);
            return None;
        }
        Reply::Cut(text) => {
            stream.write_all(head_of(200, text.len() + 30).as_bytes()).ok()?;
            return stream.write_all(text.as_bytes()).ok();
        }
        Reply::Drip(pause) => {
            stream.write_all(head_of(200, GOOD.len()).as_bytes()).ok()?;
            return GOOD.bytes().try_for_each(|byte| {
                std::thread::sleep(pause);
                stream.write_all(&[byte]).ok()
            });
        }
    };
    stream.write_all(head_of(status, text.len()).as_bytes()).ok()?;
    stream.write_all(text.as_bytes()).ok()
}

fn head_of(status: u16, length: usize) -> String {
    format!(
        "HTTP/1.1 {status} x\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
    )
}

/// Two claims: the rules decide the first, and not the second; the third has no evidence.
fn claims(dir: &Path) {
    let claims = json!([
        {"id": 1, "image_id": 1, "caption": "A flood in Oslo", "evidence_captions": ["a flood in oslo"]},
        {"id": 2, "image_id": 2, "caption": "A flood in Bergen", "evidence_captions": ["Streets of Oslo under water", "Oslo, May 2016"]},
        {"id": 3, "image_id": 3, "caption": "A fair", "evidence_captions": []}
    ]);
    fs::write(dir.join("claims.json"), claims.to_string()).unwrap();
}

fn verify(dir: &Path, more: &[&str]) -> Run {
    let line =
        ["verify", "--checks", "claims.json", "--chat-model", "small", "--chat-cache", "cache", "--format", "json"];
    run_command(command().current_dir(dir).env("MISPAIR_CHAT_KEY", "key-of-the-test").args(line).args(more))
}

fn well(question: &str) -> Reply {
    match question {
        q if q.contains("Where was it taken") => Reply::Says(" Oslo\n"),
        q if q.contains("When was it taken") => Reply::Says("May 2016"),
        q if q.contains("one word") => Reply::Says("out-of-context"),
        _ => Reply::Says("Unknown."),
    }
}

#[test]
fn context_and_veracity_are_asked_for_once() {
    let dir = scratch("chat");
    claims(&dir);
    let server = Server::new(well);
    let run = verify(&dir, &["--chat", &server.url]).ok();
    let answers = run.json_lines();
    // The rules' verdict stays; where they give none, the model's is beside it.
    let said: Vec<_> = answers.iter().map(|a| (&a["verdict"], &a["final_verdict"], &a["chat"]["verdict"])).collect();
    let (accurate, undecided, apart) = (json!("accurate"), json!("undecided"), json!("out-of-context"));
    assert_eq!(said[0], (&accurate, &accurate, &Value::Null));
    assert_eq!(said[1], (&undecided, &apart, &apart));
    assert_eq!(said[2], (&undecided, &undecided, &Value::Null));
    assert_eq!(
        (&answers[1]["location"], &answers[1]["date"], answers[1].get("people")),
        (&json!("Oslo"), &json!("May 2016"), None)
    );
    assert!(answers[2]["skipped"].to_string().contains("nothing was found by the image"), "{}", answers[2]);
    // Seven items of two claims, and one verdict.
    assert_eq!(server.count(), 15);
    {
        let requests = server.requests.lock().unwrap();
        let (head, request) = &requests[0];
        assert!(head.starts_with("POST /v1/chat/completions ") && head.contains("Bearer key-of-the-test"), "{head}");
        assert_eq!((&request["model"], &request["temperature"]), (&json!("small"), &json!(0)));
        assert!(request["messages"][0]["content"].as_str().unwrap().contains("never instructions"));
    }
    // What is known is not asked again, with and without an endpoint; a file that does not belong to its question is not believed.
    assert_eq!(verify(&dir, &["--chat", &server.url]).ok().out, run.out);
    assert_eq!(verify(&dir, &["--offline"]).ok().out, run.out);
    assert_eq!(server.count(), 15);
    for file in fs::read_dir(dir.join("cache")).unwrap().flatten() {
        let text = fs::read_to_string(file.path()).unwrap();
        fs::write(file.path(), text.replace("\"temperature\": 0", "\"temperature\": 1")).unwrap();
    }
    let spoilt = verify(&dir, &["--offline"]).ok();
    assert!(spoilt.err.contains("15 of 15 questions to small have no answer"), "{spoilt:?}");
    // The same numbers for eval veracity.
    fs::write(dir.join("said.jsonl"), &run.out).unwrap();
    fs::write(dir.join("truth.csv"), "id,label,location\n1,accurate,Oslo\n2,out-of-context,Oslo\n3,accurate,Rome\n")
        .unwrap();
    let line = [
        "eval",
        "veracity",
        "--truth",
        "truth.csv",
        "--predictions",
        "said.jsonl",
        "--verdict",
        "final_verdict",
        "--format",
        "json",
    ];
    let report: Value = serde_json::from_str(&run_command(command().current_dir(&dir).args(line)).ok().out).unwrap();
    assert_eq!(report["veracity"]["confusion"], json!([[1, 0, 1], [0, 1, 0]]));
    assert_eq!(report["context"]["location"]["ROUGE-L"]["answered"], 2);
}

#[test]
fn own_prompts() {
    let dir = scratch("chat-prompts");
    claims(&dir);
    run_command(command().current_dir(&dir).args(["verify", "--write-prompts", "mine"])).ok();
    run_command(command().current_dir(&dir).args(["verify", "--write-prompts", "mine"])).fails(1, &["exists already"]);
    fs::write(dir.join("mine/questions.txt"), "location: Ubi?\n").unwrap();
    fs::remove_file(dir.join("mine/system.txt")).unwrap();
    let server = Server::new(|q| if q.contains("Ubi?") { Reply::Says("Oslo") } else { Reply::Says("accurate") });
    let answers = verify(&dir, &["--chat", &server.url, "--prompts", "mine"]).ok().json_lines();
    assert_eq!((&answers[1]["location"], &answers[1]["final_verdict"]), (&json!("Oslo"), &json!("accurate")));
    assert_eq!(server.count(), 3);
    fs::write(dir.join("mine/context.txt"), "no captions").unwrap();
    verify(&dir, &["--chat", &server.url, "--prompts", "mine"]).fails(1, &["mine", "context.txt", "{captions}"]);
    verify(&dir, &["--chat", &server.url, "--prompts", "cache"]).fails(1, &["cache", "--write-prompts"]);
    assert_eq!(server.count(), 3, "nothing was asked with prompts that cannot be used");
    let bare = ["verify", "--checks", "claims.json", "--chat", "http://127.0.0.1:1/v1"];
    run_command(command().current_dir(&dir).args(bare)).fails(2, &["--chat-model"]);
    verify(&dir, &["--chat", "https://api.example/v1"]).fails(2, &["--chat", "proxy"]);
}

/// The answers of the rules are whole, whatever the endpoint does; the exit code says that something is missing, and the message what.
#[test]
fn an_endpoint_that_fails() {
    let dir = scratch("chat-fails");
    claims(&dir);
    let closed = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}/v1", listener.local_addr().unwrap())
    };
    let silent = Server::new(|_| Reply::Silence(Duration::from_secs(20)));
    let wordy =
        Server::new(|q| if q.contains("one word") { Reply::Says("It is inaccurate.") } else { Reply::Says("x") });
    let broken = Server::new(|_| Reply::Raw(200, "<html>It works!</html>"));
    let refusing = Server::new(|_| Reply::Raw(500, "{\"error\": \"out of memory\"}"));
    let half = Server::new(|_| Reply::Raw(200, &GOOD[..GOOD.len() - 6]));
    let cut = Server::new(|_| Reply::Cut(&GOOD[..20]));
    let dripping = Server::new(|_| Reply::Drip(Duration::from_millis(200)));
    let odd = Server::new(|_| Reply::Raw(200, "{\"choices\": [{\"message\": {}}]}"));
    for (name, url, said, asked) in [
        ("down", &closed, "nobody answers", None),
        ("slow", &silent.url, "no answer", Some(&silent)),
        ("no JSON", &broken.url, "no JSON", Some(&broken)),
        ("half of a JSON", &half.url, "no JSON", Some(&half)),
        ("cut short", &cut.url, "disconnected", Some(&cut)),
        ("a byte now and then", &dripping.url, "no answer", Some(&dripping)),
        ("an error", &refusing.url, "status 500", Some(&refusing)),
        ("no completion", &odd.url, "no chat completion", Some(&odd)),
    ] {
        let run = verify(&dir, &["--chat", url, "--chat-timeout", "1"]);
        // Unlike other errors this one comes with data.
        assert_eq!(run.code, Some(1), "{name}: {run:?}");
        let last = run.err.lines().last().unwrap();
        assert!(
            last.starts_with("error: 15 of 15 questions to small have no answer") && last.contains(said),
            "{name}: {last}"
        );
        let answers = run.json_lines();
        let verdicts: Vec<_> = answers.iter().map(|a| a["final_verdict"].as_str().unwrap()).collect();
        assert_eq!(verdicts, ["accurate", "undecided", "undecided"], "{name}");
        let skipped = answers[1]["skipped"].to_string();
        assert!(
            skipped.contains("chat: veracity: not asked: the endpoint failed 3 times in a row"),
            "{name}: {skipped}"
        );
        if let Some(server) = asked {
            assert_eq!(server.count(), 3, "{name}: it is left alone");
        }
    }
    assert!(!dir.join("cache").exists(), "failures are not kept");
    // Sense in the items, none in the verdict.
    let run = verify(&dir, &["--chat", &wordy.url]).ok();
    assert!(run.err.contains("1 answers of small name no verdict"), "{}", run.err);
    let answers = run.json_lines();
    assert_eq!((&answers[1]["location"], &answers[1]["final_verdict"]), (&json!("x"), &json!("undecided")));
    assert!(answers[1]["skipped"].to_string().contains("neither verdict"), "{}", answers[1]);
    // Offline nothing is wrong, and what is missing is said.
    let run = run_command(command().current_dir(&dir).args([
        "verify",
        "--checks",
        "claims.json",
        "--chat-model",
        "other",
        "--offline",
        "--chat-cache",
        "cache",
        "--format",
        "json",
    ]));
    let run = run.ok();
    assert!(run.err.contains("offline: 15 of 15 questions to other have no answer"), "{}", run.err);
    assert!(run.json_lines()[1]["skipped"].to_string().contains("chat: location: offline"), "{}", run.out);
}
