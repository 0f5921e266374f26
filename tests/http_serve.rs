//! The fear: sockets and signals. Slow clients that tie the daemon up, a stop that loses answers, a reload that nobody sees,
//! an address that others reach. The real binary, over real connections.

mod common;

use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long a test waits for what must come, on however busy a machine.
const PATIENCE: Duration = Duration::from_secs(120);

fn archive() -> &'static Path {
    static DIR: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
    &DIR.get_or_init(|| {
        let dir = tempfile::tempdir().unwrap();
        common::newsy(400, 11, &["train", "val", "test"]).build(dir.path());
        let index = dir.path().join("index");
        (dir, index)
    })
    .1
}

/// A running daemon, killed if a test fails.
struct Daemon {
    child: Child,
    log: BufReader<std::process::ChildStderr>,
    address: String,
    _dir: TempDir,
}

impl Daemon {
    /// With these lines of configuration.
    fn start(config: &str, change: impl FnOnce(&mut Command, &Path)) -> Daemon {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("serve.toml");
        fs::write(&file, format!("listen = \"127.0.0.1:0\"\nlog.format = \"json\"\nlimits.threads = 2\n{config}"))
            .unwrap();
        let mut command = common::command();
        command.args(["serve", "--config"]).arg(&file).arg(archive()).stderr(Stdio::piped());
        change(&mut command, dir.path());
        let mut child = command.spawn().unwrap();
        let log = BufReader::new(child.stderr.take().unwrap());
        let mut daemon = Daemon { child, log, address: String::new(), _dir: dir };
        daemon.address = daemon.event("listening")["address"].as_str().unwrap_or_default().to_owned();
        daemon
    }

    /// Reads the log up to this event.
    fn event(&mut self, message: &str) -> Value {
        let mut line = String::new();
        while self.log.read_line(&mut line).unwrap() > 0 {
            let event: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("no JSON in the log: {line}"));
            if event["message"] == message {
                return event;
            }
            line.clear();
        }
        panic!("the log ended without {message:?}");
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    fn signal(&self, name: &str) {
        assert!(Command::new("kill").args([name, &self.child.id().to_string()]).status().unwrap().success());
    }

    /// Ends it, well.
    fn ends(mut self) -> String {
        let mut rest = String::new();
        self.log.read_to_string(&mut rest).unwrap();
        assert_eq!(self.child.wait().unwrap().code(), Some(0), "{rest}");
        assert!(!rest.contains("panicked"), "{rest}");
        rest
    }

    fn metric(&self, name: &str) -> u64 {
        let (_, _, body) = get(self.connect(), "/metrics");
        let line = body.lines().find(|l| l.starts_with(&format!("{name} "))).unwrap().to_owned();
        line.rsplit(' ').next().unwrap().parse().unwrap()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One request on a connection of its own; status, head, body.
fn get(stream: impl Read + Write, path: &str) -> (u16, String, String) {
    ask(stream, &format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"))
}

fn query(stream: impl Read + Write, body: &Value) -> (u16, String, String) {
    let body = body.to_string();
    let head = "POST /v1/query HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length";
    ask(stream, &format!("{head}: {}\r\n\r\n{body}", body.len()))
}

fn ask(mut stream: impl Read + Write, request: &str) -> (u16, String, String) {
    stream.write_all(request.as_bytes()).unwrap();
    read(stream)
}

fn read(mut stream: impl Read) -> (u16, String, String) {
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).unwrap_or_default().parse().unwrap_or(0);
    (status, head.to_owned(), body.to_owned())
}

fn plain() -> Value {
    json!({ "modality": "clip-image", "id": 0, "k": 3 })
}

/// Everything up to the end of a connection, however it ends.
fn until_closed(stream: &mut impl Read) -> Vec<u8> {
    let mut all = Vec::new();
    let mut buffer = [0; 65536];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return all,
            Ok(n) => all.extend_from_slice(&buffer[..n]),
            Err(e) if [std::io::ErrorKind::ConnectionReset, std::io::ErrorKind::BrokenPipe].contains(&e.kind()) => {
                return all;
            }
            Err(e) => panic!("still open: {e}"),
        }
    }
}

/// An open stream of queries: its head has been sent, and the head of its answer has come.
struct Stream(BufReader<TcpStream>);

impl Stream {
    fn open(daemon: &Daemon) -> Stream {
        let mut stream = daemon.connect();
        let head = "POST /v1/query:batch HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/x-ndjson\r\ntransfer-encoding: chunked\r\n\r\n";
        stream.write_all(head.as_bytes()).unwrap();
        let mut stream = Stream(BufReader::new(stream));
        assert!(stream.line().starts_with("HTTP/1.1 200"));
        while !stream.line().is_empty() {}
        stream
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    fn send(&mut self, query: &Value) {
        let line = format!("{query}\n");
        write!(self.0.get_mut(), "{:x}\r\n{line}\r\n", line.len()).unwrap();
    }

    /// The next answer, each in a chunk of its own.
    fn answer(&mut self) -> Value {
        let length = usize::from_str_radix(&self.line(), 16).unwrap();
        let mut chunk = vec![0; length + 2];
        self.0.read_exact(&mut chunk).unwrap();
        serde_json::from_slice(&chunk[..length]).unwrap()
    }

    fn end(mut self) {
        self.0.get_mut().write_all(b"0\r\n\r\n").unwrap();
        assert_eq!((self.line(), self.line()), ("0".to_owned(), String::new()));
        assert!(until_closed(&mut self.0).is_empty());
    }
}

#[test]
fn a_stop_finishes_what_is_in_flight() {
    for signal in ["-TERM", "-INT"] {
        let mut daemon = Daemon::start("timeouts.drain_ms = 120000", |_, _| {});
        assert_eq!(query(daemon.connect(), &plain()).0, 200);
        let mut stream = Stream::open(&daemon);
        stream.send(&plain());
        let first = stream.answer();
        let mut idle = daemon.connect();
        daemon.signal(signal);
        daemon.event("stopping");
        // Nobody new is let in; an idle connection is closed; the stream goes on to its end.
        while TcpStream::connect(&daemon.address).is_ok() {
            std::thread::sleep(Duration::from_millis(1));
        }
        assert!(until_closed(&mut idle).is_empty());
        stream.send(&plain());
        assert_eq!(stream.answer()["results"], first["results"]);
        stream.end();
        assert!(daemon.ends().contains("\"stopped\""));
    }
}

#[test]
fn a_drain_has_an_end() {
    let mut daemon = Daemon::start("timeouts.drain_ms = 50", |_, _| {});
    let mut stream = Stream::open(&daemon);
    stream.send(&plain());
    stream.answer();
    daemon.signal("-TERM");
    daemon.event("some connections were cut off");
    until_closed(&mut stream.0);
    daemon.ends();
    // A second signal does not wait.
    let mut daemon = Daemon::start("timeouts.drain_ms = 100000000", |_, _| {});
    let _stream = Stream::open(&daemon);
    daemon.signal("-TERM");
    daemon.event("stopping");
    daemon.signal("-INT");
    daemon.ends();
}

#[test]
fn hangup_reloads() {
    let mut daemon = Daemon::start("", |_, _| {});
    let ready = |daemon: &Daemon| -> Value { serde_json::from_str(&get(daemon.connect(), "/readyz").2).unwrap() };
    assert_eq!(ready(&daemon)["generation"], 1);
    daemon.signal("-HUP");
    assert_eq!(daemon.event("reloaded")["generation"], 2);
    assert_eq!(ready(&daemon)["generation"], 2);
    assert_eq!(query(daemon.connect(), &plain()).0, 200);
    daemon.signal("-TERM");
    daemon.ends();
}

#[test]
fn slow_clients_are_let_go() {
    let daemon = Daemon::start("[timeouts]\nheader_ms = 150\nbody_ms = 150\n", |_, _| {});
    // No byte, half a head, one byte at a time.
    let mut silent = daemon.connect();
    let mut half = daemon.connect();
    half.write_all(b"GET /livez HTTP/1.1\r\nhost: ").unwrap();
    let mut drip = daemon.connect();
    for byte in b"GET /livez HTTP/1.1\r\nhost: a-name-that-takes-its-time".iter().cycle().take(2000) {
        std::thread::sleep(Duration::from_millis(5));
        if drip.write_all(&[*byte]).is_err() {
            break;
        }
    }
    for stream in [&mut silent, &mut half, &mut drip] {
        until_closed(stream);
    }
    // A body that does not come.
    let late =
        "POST /v1/query HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{";
    let (status, head, body) = ask(daemon.connect(), late);
    assert_eq!((status, head.contains("connection: close")), (408, true), "{head}");
    assert_eq!(serde_json::from_str::<Value>(&body).unwrap()["type"], "/docs#problem-body-timeout");
    // Between two requests: closed, but served before.
    let mut idle = daemon.connect();
    idle.write_all(b"GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
    assert!(String::from_utf8(until_closed(&mut idle)).unwrap().ends_with("{\"status\":\"live\"}"));
}

/// A client that sends and does not read is cut off, and what it held is given back.
#[test]
fn clients_must_read() {
    let daemon = Daemon::start("[timeouts]\nwrite_ms = 200\n", |_, _| {});
    let mut stream = Stream::open(&daemon);
    let big = format!("{}\n", json!({ "modality": "clip-image", "id": 0, "k": 300 }));
    let chunk = format!("{:x}\r\n{}\r\n", big.len() * 50, big.repeat(50));
    // More than any socket holds: writing fails in the end, because the daemon has closed.
    let cut_off = (0..10_000).any(|_| stream.0.get_mut().write_all(chunk.as_bytes()).is_err());
    assert!(cut_off, "a client that never reads is served for ever");
    while daemon.metric("mispair_pool_inside") > 0 {
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(query(daemon.connect(), &plain()).0, 200);
}

#[test]
fn so_many_connections_and_no_more() {
    let daemon = Daemon::start("limits.connections = 3\n[timeouts]\nheader_ms = 100000\n", |_, _| {});
    let hold = |daemon: &Daemon| {
        let mut stream = daemon.connect();
        stream.write_all(b"GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
        let mut buffer = [0; 12];
        stream.read_exact(&mut buffer).unwrap();
        assert_eq!(&buffer, b"HTTP/1.1 200");
        stream
    };
    let held = [hold(&daemon), hold(&daemon), hold(&daemon)];
    for _ in 0..10 {
        let (status, head, body) = get(daemon.connect(), "/livez");
        assert_eq!((status, head.contains("retry-after: 1")), (503, true), "{head}");
        assert_eq!(serde_json::from_str::<Value>(&body).unwrap()["type"], "/docs#problem-overloaded");
    }
    drop(held);
    // Their places are free again, soon.
    while get(daemon.connect(), "/livez").0 != 200 {
        std::thread::sleep(Duration::from_millis(1));
    }
    let refused = loop {
        let (status, _, body) = get(daemon.connect(), "/metrics");
        if status == 200 {
            let line = body.lines().find(|l| l.starts_with("mispair_connections_refused_total ")).unwrap().to_owned();
            break line.rsplit(' ').next().unwrap().parse::<u64>().unwrap();
        }
    };
    assert!(refused >= 10, "{refused}");
}

#[test]
fn over_a_unix_socket() {
    let mut path = PathBuf::new();
    let mut daemon = Daemon::start("", |command, dir| {
        path = dir.join("mispair.sock");
        // Left behind by one that was killed.
        drop(UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        command.arg("--socket").arg(&path);
    });
    daemon.event("listening");
    use std::os::unix::fs::PermissionsExt;
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o660);
    let over_unix = query(UnixStream::connect(&path).unwrap(), &plain());
    let over_tcp = query(daemon.connect(), &plain());
    let results = |body: &str| serde_json::from_str::<Value>(body).unwrap()["results"].clone();
    assert_eq!((over_unix.0, results(&over_unix.2)), (200, results(&over_tcp.2)));
    // A socket in use, or another file, is not taken away.
    let second = |socket: &Path| {
        common::run_command(common::command().args(["serve", "--listen", "off", "--socket"]).arg(socket).arg(archive()))
    };
    second(&path).fails(1, &["mispair.sock", "in use"]);
    let file = path.with_extension("txt");
    fs::write(&file, "mine").unwrap();
    second(&file).fails(1, &["mispair.txt"]);
    assert_eq!(fs::read(&file).unwrap(), b"mine");
    daemon.signal("-TERM");
    daemon.ends();
    assert!(!path.exists());
}

#[test]
fn the_service_manager_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(PATIENCE)).unwrap();
    let told = || {
        let mut buffer = [0; 200];
        let n = manager.recv(&mut buffer).unwrap();
        String::from_utf8(buffer[..n].to_vec()).unwrap()
    };
    let daemon = Daemon::start("", |command, _| {
        command.env("NOTIFY_SOCKET", &path);
    });
    assert_eq!(told(), "READY=1");
    daemon.signal("-HUP");
    assert!(told().starts_with("RELOADING=1\nMONOTONIC_USEC="));
    assert_eq!(told(), "READY=1");
    daemon.signal("-TERM");
    assert_eq!(told(), "STOPPING=1");
    daemon.ends();
    let _watched = Daemon::start("", |command, _| {
        command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "20000");
    });
    while told() != "WATCHDOG=1" {}
}

/// A page of another site, in a browser on this machine, under a name that leads here.
#[test]
fn other_hosts_need_a_token() {
    let asked = |daemon: &Daemon, host: &str, more: &str| {
        ask(daemon.connect(), &format!("GET /v1/indexes HTTP/1.1\r\nhost: {host}\r\n{more}connection: close\r\n\r\n")).0
    };
    let daemon = Daemon::start("", |_, _| {});
    assert_eq!(asked(&daemon, &daemon.address, ""), 200);
    assert_eq!((asked(&daemon, "localhost:7400", ""), asked(&daemon, "evil.example", "")), (200, 403));
    let daemon = Daemon::start("", |command, _| {
        command.arg("--allow-unauthenticated");
    });
    assert_eq!(asked(&daemon, "photos.example", ""), 200);
    let token = "the-read-token-0123456789";
    let daemon = Daemon::start("", |command, _| {
        command.env("MISPAIR_READ_TOKEN", token);
    });
    assert_eq!(asked(&daemon, "photos.example", ""), 401);
    assert_eq!(asked(&daemon, "photos.example", &format!("authorization: Bearer {token}\r\n")), 200);
}

/// At `info` the log tells that somebody asked, not what, nor about whom.
#[test]
fn captions_stay_out_of_the_log() {
    let daemon = Daemon::start("", |_, _| {});
    let facts = json!({ "caption": "a word that nobody else says: xylograph", "timestamp": 5, "entities": [["Xanadu", "GPE"], ["y", "GPE"]] });
    let body = json!({ "split": "semantics_clip_text_text", "vector": vec![1.0; 12], "facts": facts });
    let (status, head, answer) = query(daemon.connect(), &body);
    assert!(status == 200 && answer.contains("xylograph"), "{answer}");
    get(daemon.connect(), "/v1/samples/xylograph");
    query(daemon.connect(), &json!({ "split": "xylograph" }));
    let id = head.lines().find_map(|l| l.strip_prefix("x-request-id: ")).unwrap().to_owned();
    daemon.signal("-TERM");
    let log = daemon.ends();
    assert!(log.contains(&id) && log.contains("/v1/samples/{id}"), "{log}");
    assert!(!log.contains("xylograph") && !log.contains("Xanadu"), "{log}");
}

#[test]
fn what_is_configured() {
    let run = |args: &[&str], env: &[(&str, &str)]| {
        let mut command = common::command();
        common::run_command(command.args(args).envs(env.iter().copied()))
    };
    let secret = ("MISPAIR_READ_TOKEN", "a-secret-that-is-not-shown");
    let printed =
        run(&["config", "print", "news", "--listen", "0.0.0.0:80"], &[secret, ("MISPAIR_QUEUE", "7")]).ok().out;
    for line in
        ["listen = \"0.0.0.0:80\"", "queue = 7", "name = \"news\"", "read_token = \"(hidden)\"", "body_bytes = 8388608"]
    {
        assert!(printed.contains(line), "{line} is not in\n{printed}");
    }
    assert!(!printed.contains("a-secret"));
    // Flags count more than the environment, that more than the file.
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("serve.toml");
    fs::write(&file, "[limits]\nqueue = 1\nk = 11\n[timeouts]\nrequest_ms = 12\n[[index]]\npath = \"x\"\n").unwrap();
    let file = file.to_str().unwrap();
    let env = [("MISPAIR_QUEUE", "2"), ("MISPAIR_CONFIG", file), ("MISPAIR_TIMEOUT_MS", "13")];
    let printed = run(&["config", "print", "--queue", "3"], &env).ok().out;
    for line in ["queue = 3", "k = 11", "request_ms = 13"] {
        assert!(printed.contains(line), "{line} is not in\n{printed}");
    }
    for (args, env, words) in [
        (&["serve"][..], &[][..], &["no index"][..]),
        (&["serve", "x", "--listen", "0.0.0.0:0"], &[], &["0.0.0.0:0", "--allow-unauthenticated"]),
        (&["serve", "x", "--listen", "localhost:80"], &[], &["localhost:80", "127.0.0.1:7400"]),
        (&["serve", "x", "y/x"], &[], &["two indexes", "\"x\""]),
        (&["serve", "x", "y", "--images", "z"], &[], &["--images"]),
        (&["serve", "x", "--listen", "off"], &[], &["no way in"]),
    ] {
        run(args, env).fails(2, words);
    }
    for (args, env, words) in [
        (&["serve", "gone/x"][..], &[][..], &["gone/x", "mispair build"][..]),
        (&["serve", "--config", "gone.toml"], &[], &["gone.toml"]),
        (&["serve", "x", "--read-token-file", "gone"], &[], &["gone"]),
        (&["serve", "x"], &[("MISPAIR_READ_TOKEN", "short")], &["MISPAIR_READ_TOKEN", "8 characters"]),
    ] {
        run(args, env).fails(1, words);
    }
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    run(&["serve", archive().to_str().unwrap(), "--listen", &address], &[]).fails(1, &[&address, "in use"]);
}

/// What talks to sockets takes its turn; what searches is interrupted by nothing of ours.
#[test]
fn threads_that_search_are_not_interrupted() {
    let policy_of = |stat: &str| -> Option<String> {
        // The 41st field of all; these begin with the third.
        Some(stat.rsplit_once(") ")?.1.split(' ').nth(38)?.to_owned())
    };
    let turned = std::thread::spawn(move || {
        mispair::turns::take_turns();
        policy_of(&fs::read_to_string("/proc/thread-self/stat").unwrap())
    });
    if turned.join().unwrap().as_deref() != Some("3") {
        println!("skipped: threads may not choose their policy here");
        return;
    }
    let daemon = Daemon::start("", |_, _| {});
    let policies = || {
        let tasks = fs::read_dir(format!("/proc/{}/task", daemon.child.id())).unwrap();
        let policy = |task: fs::DirEntry| {
            let stat = fs::read_to_string(task.path().join("stat")).ok()?;
            let name = stat.split_once('(')?.1.rsplit_once(") ")?.0;
            Some((name.to_owned(), policy_of(&stat)?))
        };
        tasks.flatten().filter_map(policy).collect::<Vec<_>>()
    };
    let all = |policies: &[(String, String)], name: &str, policy: &str| {
        let mut of = policies.iter().filter(|p| p.0.starts_with(name)).peekable();
        of.peek().is_some() && of.all(|p| p.1 == policy)
    };
    // A thread is there before it has its name, and that before it has its policy.
    let end = Instant::now() + PATIENCE;
    while !(all(&policies(), "serve", "3") && all(&policies(), "search", "0")) {
        assert!(Instant::now() < end, "{:?}", policies());
        std::thread::sleep(Duration::from_millis(5));
    }
}
