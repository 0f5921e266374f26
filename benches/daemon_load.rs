//! An open-loop load on a daemon: requests are due at a constant rate, whether or not earlier ones were answered, and each is
//! timed from when it was due. So a daemon that stalls is charged for all who had to wait (no coordinated omission).
//!
//! ```text
//! cargo bench --bench daemon_load -- HOST:PORT PATH BODIES.ndjson --rate 1000 [--seconds 10] [--connections 64] [--warm-up 2] [--drain] [--either A B]
//! ```
//!
//! BODIES.ndjson: a JSON body a line, sent in turn; `-` sends GET requests. `--rate 0` is closed-loop: every connection sends its
//! next request when it has the answer to the last, which finds the greatest throughput. `--drain`: the daemon is expected to be told
//! to stop; what is left unsent when it no longer accepts connections is not counted, and a request counts as dropped when it was
//! sent and got no whole answer, unless it found a connection that was idle and closed: that one is asked again. `--either`: texts that
//! never stand in one answer; answers with both are counted as mixed.
//!
//! A generator that is refused, or has too few connections, falls behind and sends what was due when the time is over; so goodput counts
//! the good answers that came between the end of the warm-up and the end of the load, by the clock, and nothing that came later.
//!
//! One JSON line: goodput and answers of every kind a second in that time, how many of each status, percentiles of all answers and of the good (2xx) alone, of the refused (503) from when they
//! were sent, how late requests were sent (where not all connections were busy: the generator's own fault), and its CPU time. See `peers_daemon.py`, which pins both sides.

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::error::Error;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// No answer takes longer.
const PATIENCE: Duration = Duration::from_secs(30);
/// Sleeping is no more exact than this; the rest is waited out.
const SLACK: Duration = Duration::from_micros(120);

/// A connection that is kept open from request to request.
struct Connection {
    address: String,
    stream: Option<TcpStream>,
    buffer: Vec<u8>,
}

/// What became of a request.
enum Reply {
    Answered {
        status: u16,
    },
    /// The connection had been idle, and was closed before anything was answered: to be asked again on another.
    Idle,
    /// Nobody accepts connections.
    Refused,
}

impl Connection {
    fn new(address: &str) -> Connection {
        Connection { address: address.to_owned(), stream: None, buffer: Vec::new() }
    }

    fn ask(&mut self, request: &[u8]) -> io::Result<Reply> {
        let fresh = self.stream.is_none();
        if fresh {
            match TcpStream::connect(&self.address) {
                Ok(stream) => {
                    stream.set_nodelay(true)?;
                    stream.set_read_timeout(Some(PATIENCE))?;
                    self.stream = Some(stream);
                }
                Err(e) if e.kind() == io::ErrorKind::ConnectionRefused => return Ok(Reply::Refused),
                Err(e) => return Err(e),
            }
        }
        let answer = self.exchange(request);
        if !matches!(&answer, Ok((_, true))) {
            self.stream = None;
        }
        match answer {
            Ok((status, _)) => Ok(Reply::Answered { status }),
            Err(_) if !fresh && self.buffer.is_empty() => Ok(Reply::Idle),
            Err(e) => Err(e),
        }
    }

    /// Does the last answer hold a text?
    fn holds(&self, text: &str) -> bool {
        self.buffer.windows(text.len().max(1)).any(|w| w == text.as_bytes())
    }

    /// The status, and may the connection be kept? The answer stays in the buffer.
    fn exchange(&mut self, request: &[u8]) -> io::Result<(u16, bool)> {
        let broken = |what: &str| io::Error::other(what.to_owned());
        self.buffer.clear();
        let stream = self.stream.as_mut().ok_or(broken("no connection"))?;
        stream.write_all(request)?;
        let mut chunk = [0; 16 << 10];
        loop {
            let got = stream.read(&mut chunk)?;
            if got == 0 {
                return Err(broken("closed in the middle of an answer"));
            }
            self.buffer.extend_from_slice(&chunk[..got]);
            let mut headers = [httparse::EMPTY_HEADER; 64];
            let mut response = httparse::Response::new(&mut headers);
            let httparse::Status::Complete(head) = response.parse(&self.buffer).map_err(io::Error::other)? else {
                continue;
            };
            let header = |name: &str| {
                let found = response.headers.iter().find(|h| h.name.eq_ignore_ascii_case(name));
                found.and_then(|h| std::str::from_utf8(h.value).ok())
            };
            let length: usize = header("content-length").and_then(|l| l.parse().ok()).ok_or(broken("no length"))?;
            if self.buffer.len() < head + length {
                continue;
            }
            let keep = header("connection").is_none_or(|c| !c.eq_ignore_ascii_case("close"));
            return Ok((response.code.unwrap_or(0), keep));
        }
    }
}

/// What one connection saw.
#[derive(Default)]
struct Seen {
    /// Status and microseconds since it was due.
    answers: Vec<(u16, u64)>,
    late: Vec<u64>,
    /// Good answers, and all, that came in the time of the load, whenever they were due.
    in_time: [u64; 2],
    /// Microseconds from sending to a refusal.
    refused: Vec<u64>,
    dropped: u64,
    errors: Vec<String>,
    /// Answers with the one text, the other, both.
    either: [u64; 3],
}

fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split_whitespace().collect();
    let ticks = |i: usize| fields.get(i).and_then(|f| f.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / 100.0
}

fn wait_until(due: Instant) {
    let left = due.saturating_duration_since(Instant::now());
    if left > SLACK {
        std::thread::sleep(left - SLACK);
    }
    while Instant::now() < due {
        std::thread::yield_now();
    }
}

fn percentiles(mut values: Vec<u64>) -> Value {
    values.sort_unstable();
    let at = |share: f64| values.get(((values.len() as f64 * share).ceil() as usize).saturating_sub(1)).copied();
    json!({ "n": values.len(), "p50_us": at(0.5), "p99_us": at(0.99), "p999_us": at(0.999), "max_us": values.last() })
}

fn main() -> Outcome<()> {
    let args: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let [address, path, bodies, ..] = &args[..] else {
        eprintln!("cargo bench --bench daemon_load -- HOST:PORT PATH BODIES.ndjson --rate N …");
        return Ok(()); // A plain `cargo bench` runs every benchmark.
    };
    let number = |flag: &str, usual: f64| {
        let at = args.iter().position(|a| a == flag);
        at.and_then(|i| args.get(i + 1)).map_or(Ok(usual), |v| v.parse::<f64>())
    };
    let (rate, seconds) = (number("--rate", 0.0)?, number("--seconds", 10.0)?);
    let (connections, warm_up) = (number("--connections", 64.0)? as usize, number("--warm-up", 2.0)?);
    let drain = args.iter().any(|a| a == "--drain");
    let either = [1, 2].map(|next| args.iter().position(|a| a == "--either").and_then(|i| args.get(i + next)));
    let token = std::env::var("MISPAIR_TOKEN").map_or(String::new(), |t| format!("Authorization: Bearer {t}\r\n"));
    let requests: Vec<Vec<u8>> = if bodies == "-" {
        vec![format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n{token}\r\n").into_bytes()]
    } else {
        let text = std::fs::read_to_string(bodies)?;
        let one = |body: &str| {
            format!(
                "POST {path} HTTP/1.1\r\nHost: {address}\r\n{token}Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            )
            .into_bytes()
        };
        text.lines().filter(|l| !l.is_empty()).map(one).collect()
    };
    if requests.is_empty() {
        return Err(format!("{bodies}: no body").into());
    }
    let start = Instant::now() + Duration::from_millis(50);
    let (begin, end) = (Duration::from_secs_f64(warm_up), Duration::from_secs_f64(warm_up + seconds));
    let (next, gone) = (AtomicU64::new(0), AtomicBool::new(false));
    let cpu = cpu_seconds();
    let all: Vec<Seen> = std::thread::scope(|scope| {
        let work = || {
            let (mut seen, mut connection) = (Seen::default(), Connection::new(address));
            loop {
                let number = next.fetch_add(1, Relaxed);
                let due = match rate > 0.0 {
                    true => start + Duration::from_secs_f64(number as f64 / rate),
                    false => Instant::now().max(start),
                };
                if due >= start + end || gone.load(Relaxed) {
                    return seen;
                }
                wait_until(due);
                let counted = due >= start + begin;
                let (late, sent) = (due.elapsed(), Instant::now());
                let request = &requests[number as usize % requests.len()];
                let mut reply = connection.ask(request);
                if let Ok(Reply::Idle) = reply {
                    reply = connection.ask(request);
                }
                match reply {
                    Ok(Reply::Answered { status }) => {
                        if (begin..end).contains(&start.elapsed()) {
                            seen.in_time[0] += u64::from((200..300).contains(&status));
                            seen.in_time[1] += 1;
                        }
                        if counted {
                            seen.answers.push((status, due.elapsed().as_micros() as u64));
                            seen.late.push(late.as_micros() as u64);
                            seen.refused.extend((status == 503).then(|| sent.elapsed().as_micros() as u64));
                        }
                        let found = either.map(|text| text.is_some_and(|text| connection.holds(text)));
                        match found {
                            [true, true] => seen.either[2] += 1,
                            [one, other] => {
                                seen.either[0] += u64::from(one);
                                seen.either[1] += u64::from(other);
                            }
                        }
                    }
                    Ok(Reply::Refused) if drain => gone.store(true, Relaxed),
                    Ok(Reply::Refused) => seen.errors.push("connection refused".into()),
                    // A fresh connection that was still waiting to be accepted when the listener went is refused, too.
                    Err(e) if drain && e.kind() == io::ErrorKind::ConnectionReset && connection.buffer.is_empty() => {
                        gone.store(true, Relaxed);
                    }
                    Ok(Reply::Idle) | Err(_) => {
                        seen.dropped += 1;
                        if let Err(e) = reply {
                            seen.errors.push(e.to_string());
                        }
                    }
                }
            }
        };
        let threads: Vec<_> = (0..connections).map(|_| scope.spawn(work)).collect();
        threads.into_iter().filter_map(|t| t.join().ok()).collect()
    });
    let took = start.elapsed().as_secs_f64() - warm_up;
    let answers: Vec<(u16, u64)> = all.iter().flat_map(|s| s.answers.iter().copied()).collect();
    let mut statuses: BTreeMap<String, u64> = BTreeMap::new();
    answers.iter().for_each(|(status, _)| *statuses.entry(status.to_string()).or_default() += 1);
    let either: Vec<u64> = (0..3).map(|i| all.iter().map(|s| s.either[i]).sum()).collect();
    let of = |keep: &dyn Fn(u16) -> bool| percentiles(answers.iter().filter(|a| keep(a.0)).map(|a| a.1).collect());
    let per_second = |i: usize| all.iter().map(|s| s.in_time[i]).sum::<u64>() as f64 / seconds;
    println!(
        "{}",
        json!({
            "rate": rate, "seconds": took, "connections": connections, "good_per_second": per_second(0), "answers_per_second": per_second(1),
            "statuses": statuses, "dropped": all.iter().map(|s| s.dropped).sum::<u64>(), "either": either[..2], "mixed": either[2],
            "answers": of(&|_| true), "good": of(&|s| (200..300).contains(&s)), "refused_after_sending": percentiles(all.iter().flat_map(|s| s.refused.iter().copied()).collect()),
            "sent_late": percentiles(all.iter().flat_map(|s| s.late.iter().copied()).collect()),
            "generator_cpu_s": cpu_seconds() - cpu, "errors": all.iter().flat_map(|s| &s.errors).take(3).collect::<Vec<_>>(),
        })
    );
    Ok(())
}
