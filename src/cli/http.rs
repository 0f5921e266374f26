//! A daemon spoken to, over TCP or a Unix socket; and endpoints of others. The only file that names the HTTP client.
//!
//! `http` and `unix` alone: no TLS is compiled in. A daemon behind TLS is reached through a proxy that ends it on this side.

use super::usage;
use anyhow::Result;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;
use std::{env, thread};
use ureq::config::Config;
use ureq::http::{HeaderMap, Uri, header};
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, LazyBuffers, NextTimeout, Transport};
use ureq::{Agent, Body};

/// Where the token is looked for: where the daemon's own configuration takes it from.
const TOKEN: &str = "MISPAIR_READ_TOKEN";
/// Until a daemon takes a connection.
const CONNECT: Duration = Duration::from_secs(5);
/// Until an answer is whole. Daemons give up earlier, and say so.
const ANSWER: Duration = Duration::from_secs(300);
/// A longer answer is none of ours.
const LONGEST: u64 = 1 << 30;
/// How often a daemon that has too much to do is asked again.
const RETRIES: u32 = 3;
/// The longest pause before that, whatever the daemon wishes.
const PAUSE: u64 = 5;
/// Longer bodies are announced.
const LARGE: usize = 1 << 20;
const JSON: &str = "application/json";

/// One daemon. Threads may share it; connections are kept and used again.
pub(super) struct Daemon {
    agent: Agent,
    base: String,
    url: String,
    token: Option<String>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum HttpError {
    /// The daemon says why.
    #[error("{url}: {problem}")]
    Refused {
        /// The daemon.
        url: String,
        /// Its words.
        problem: Problem,
    },
    /// Nobody is there, or what came is no answer.
    #[error("{url}: {what}")]
    Unheard {
        /// The daemon.
        url: String,
        /// What happened.
        what: String,
    },
}

/// A problem document (RFC 9457).
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Problem {
    /// The HTTP status.
    pub status: u16,
    /// What happened, and what to do.
    pub detail: String,
    /// The field at fault.
    pub field: Option<String>,
    /// By which the daemon's log calls the request.
    pub request_id: Option<String>,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(field) = &self.field {
            write!(f, "{field}: ")?;
        }
        f.write_str(&self.detail)?;
        if self.status == 401 {
            write!(f, "; set {TOKEN} to a token of that daemon")?;
        }
        match &self.request_id {
            // Only the daemon's own faults are looked up in its log.
            Some(id) if self.status >= 500 => write!(f, " (request {id})"),
            _ => Ok(()),
        }
    }
}

impl Daemon {
    /// `http://HOST:PORT`, with a path before `/v1` where a proxy wants one, or `unix:/PATH`; the token from the environment.
    pub fn at(url: &str) -> Result<Daemon> {
        let token = secret(TOKEN)?;
        let config = config(ANSWER);
        let (agent, base) = match url.strip_prefix("unix:") {
            Some(path) if !path.trim_start_matches('/').is_empty() => {
                let path = PathBuf::from(path.strip_prefix("//").unwrap_or(path));
                // The name is not looked up by anybody: the connector knows its socket.
                (through(config, path), "http://127.0.0.1".to_owned())
            }
            Some(_) => return Err(usage(format!("--url {url}: name the socket: unix:/run/mispair/mispair.sock"))),
            None => (Agent::new_with_config(config), checked("--url", url)?),
        };
        Ok(Daemon { agent, base, url: url.to_owned(), token })
    }

    /// Sends a document and reads the answer; asks again where the daemon has too much to do.
    pub fn post<T: DeserializeOwned>(&self, path: &str, document: &impl Serialize) -> Result<T, HttpError> {
        self.ask(path, &[], JSON, &self.written(document)?)
    }

    /// Sends an image's file; settings go into the address.
    pub fn post_image<T: DeserializeOwned>(
        &self,
        path: &str,
        settings: &[(&str, String)],
        image: &[u8],
    ) -> Result<T, HttpError> {
        self.ask(path, settings, "application/octet-stream", image)
    }

    /// Sends a document and an image's file, as the fields `ask` and `image` of a form.
    pub fn post_form<T: DeserializeOwned>(
        &self,
        path: &str,
        document: &impl Serialize,
        image: &[u8],
    ) -> Result<T, HttpError> {
        let document = self.written(document)?;
        let boundary = boundary(&[&document, image]);
        let part = format!("--{boundary}\r\nContent-Disposition: form-data; name=");
        let body = [
            format!("{part}\"ask\"\r\n\r\n").as_bytes(),
            &document,
            format!("\r\n{part}\"image\"; filename=\"image\"\r\n\r\n").as_bytes(),
            image,
            format!("\r\n--{boundary}--\r\n").as_bytes(),
        ]
        .concat();
        self.ask(path, &[], &format!("multipart/form-data; boundary={boundary}"), &body)
    }

    fn written(&self, document: &impl Serialize) -> Result<Vec<u8>, HttpError> {
        serde_json::to_vec(document).map_err(|e| self.unheard(e.to_string()))
    }

    fn ask<T: DeserializeOwned>(
        &self,
        path: &str,
        settings: &[(&str, String)],
        media_type: &str,
        body: &[u8],
    ) -> Result<T, HttpError> {
        let mut tries = 0;
        loop {
            let (status, headers, bytes) =
                self.send(path, settings, media_type, body).map_err(|e| self.unheard(reason(&e)))?;
            if status == 200 {
                return serde_json::from_slice(&bytes).map_err(|e| {
                    self.unheard(format!("the answer is not one of mispair {}: {e}", env!("CARGO_PKG_VERSION")))
                });
            }
            if status == 503 && tries < RETRIES {
                tries += 1;
                thread::sleep(Duration::from_secs(wished(&headers).min(PAUSE)));
                continue;
            }
            return Err(match serde_json::from_slice(&bytes) {
                Ok(problem) => HttpError::Refused { url: self.url.clone(), problem },
                Err(_) => self.unheard(format!("status {status} to POST {path}: is this a mispair daemon?")),
            });
        }
    }

    fn send(
        &self,
        path: &str,
        settings: &[(&str, String)],
        media_type: &str,
        body: &[u8],
    ) -> Result<(u16, HeaderMap, Vec<u8>), ureq::Error> {
        let mut request = self.agent.post(format!("{}{path}", self.base));
        if body.len() > LARGE {
            // Who refuses it says so before it is sent.
            request = request.header(header::EXPECT, "100-continue");
        }
        request = request.query_pairs(settings.iter().map(|(name, value)| (*name, value)));
        request = request.header(header::CONTENT_TYPE, media_type).header(header::ACCEPT, JSON);
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let (head, body): (_, Body) = request.send(body)?.into_parts();
        let bytes = body.into_with_config().limit(LONGEST).read_to_vec()?;
        Ok((head.status.as_u16(), head.headers, bytes))
    }

    fn unheard(&self, what: String) -> HttpError {
        HttpError::Unheard { url: self.url.clone(), what }
    }
}

/// An endpoint of somebody else's program: no problem documents.
pub(super) struct Endpoint {
    agent: Agent,
    base: String,
    key: Option<String>,
    hint: String,
    longest: u64,
}

/// Why an endpoint gives no answer.
pub(super) struct Silence {
    /// The status, where there is one.
    pub status: Option<u16>,
    /// In a few words.
    pub why: String,
    /// Nobody listens there.
    pub nobody: bool,
}

impl Silence {
    /// It answers, and does not take what was sent: too much, or not as it must be.
    pub fn refused(&self) -> bool {
        matches!(self.status, Some(400 | 413 | 422))
    }
}

impl Endpoint {
    /// `flag`: that which gave the address. `key`: the variable that may hold its key. `timeout`: until an answer is whole. `longest`:
    /// bytes of one.
    pub fn at(flag: &str, url: &str, key: &str, timeout: Duration, longest: u64) -> Result<Endpoint> {
        let base = checked(flag, url)?;
        let hint = format!("; {key} may hold its key");
        Ok(Endpoint { agent: Agent::new_with_config(config(timeout)), base, key: secret(key)?, hint, longest })
    }

    /// The body of a good answer.
    pub fn post(&self, path: &str, body: &str) -> Result<Vec<u8>, Silence> {
        self.once(path, body).map_err(|(silence, _)| silence)
    }

    /// The same, asked again where it has too much to do or breaks off: `tries` times, after the pause that it wishes or a growing one, of
    /// `longest` seconds at most.
    pub fn post_patiently(&self, path: &str, body: &str, (tries, longest): (u32, u64)) -> Result<Vec<u8>, Silence> {
        let mut tried = 0;
        loop {
            let (silence, wish) = match self.once(path, body) {
                Ok(bytes) => return Ok(bytes),
                Err(wrong) => wrong,
            };
            let passing = matches!(silence.status, None | Some(408 | 429 | 500 | 502 | 503 | 504)) && !silence.nobody;
            if !passing || tried >= tries {
                return Err(silence);
            }
            thread::sleep(Duration::from_secs(wish.unwrap_or(1 << tried.min(16)).min(longest)));
            tried += 1;
        }
    }

    /// With what is wrong, the seconds that it wishes to be left alone.
    fn once(&self, path: &str, body: &str) -> Result<Vec<u8>, (Silence, Option<u64>)> {
        let mut request = self.agent.post(format!("{}{path}", self.base));
        request = request.header(header::CONTENT_TYPE, JSON).header(header::ACCEPT, JSON);
        if let Some(key) = &self.key {
            request = request.header(header::AUTHORIZATION, format!("Bearer {key}"));
        }
        let unheard = |e: ureq::Error| match &e {
            ureq::Error::Io(io) if io.kind() == io::ErrorKind::ConnectionRefused => {
                (Silence { status: None, why: format!("nobody answers ({io})"), nobody: true }, None)
            }
            other => (Silence { status: None, why: reason(other), nobody: false }, None),
        };
        let (head, body): (_, Body) = request.send(body).map_err(unheard)?.into_parts();
        let bytes = body.into_with_config().limit(self.longest).read_to_vec().map_err(unheard)?;
        match head.status.as_u16() {
            200 => Ok(bytes),
            status => {
                let said: String = String::from_utf8_lossy(&bytes).trim().chars().take(120).collect();
                let key = if status == 401 { &self.hint } else { "" };
                let silence =
                    Silence { status: Some(status), why: format!("status {status}: {said:?}{key}"), nobody: false };
                Err((silence, asked_for(&head.headers)))
            }
        }
    }
}

/// A token or key from the environment.
fn secret(variable: &str) -> Result<Option<String>> {
    let Some(text) = env::var_os(variable) else { return Ok(None) };
    let text = text.to_string_lossy().trim().to_owned();
    if !text.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(usage(format!("{variable}: a token holds visible ASCII characters only, and no blanks")));
    }
    Ok(Some(text).filter(|t| !t.is_empty()))
}

fn config(answer: Duration) -> Config {
    Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        // What is asked is nobody else's business.
        .proxy(None)
        .timeout_connect(Some(CONNECT))
        .timeout_global(Some(answer))
        .max_idle_connections_per_host(64)
        .user_agent(concat!("mispair/", env!("CARGO_PKG_VERSION")))
        .build()
}

/// A line that stands in none of the parts of a form.
fn boundary(parts: &[&[u8]]) -> String {
    let free = |line: &String| parts.iter().all(|part| part.windows(line.len()).all(|w| w != line.as_bytes()));
    let mut lines = (0u64..).map(|n| format!("mispair-{n:016x}"));
    lines.find(free).unwrap_or_default()
}

/// Seconds that the daemon wishes to be left alone.
fn wished(headers: &HeaderMap) -> u64 {
    asked_for(headers).unwrap_or(1)
}

fn asked_for(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()
}

fn checked(flag: &str, url: &str) -> Result<String> {
    let wrong = |why: &str| Err(usage(format!("{flag} {url}: {why}")));
    let forms = if flag == "--url" { "give http://HOST:PORT or unix:/PATH" } else { "give http://HOST:PORT/v1" };
    let Ok(uri) = url.parse::<Uri>() else { return wrong(forms) };
    match uri.scheme_str() {
        Some("http") if url.contains('#') => wrong("an address ends before any `#`"),
        Some("http") if uri.authority().is_some_and(|a| a.as_str().contains('@')) => {
            wrong("no password is taken from an address; set the variable of the token or key")
        }
        Some("http") if uri.query().is_none() => Ok(url.trim_end_matches('/').to_owned()),
        Some("http") => wrong("an address ends before any `?`"),
        Some("https") => {
            wrong("TLS is not spoken here: let a proxy on this machine end it, and give its http:// address")
        }
        _ => wrong(forms),
    }
}

fn reason(error: &ureq::Error) -> String {
    match error {
        ureq::Error::Io(e) if matches!(e.kind(), io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound) => {
            format!("no daemon is there ({e}); `mispair serve` starts one")
        }
        ureq::Error::HostNotFound => "no such host".to_owned(),
        ureq::Error::Timeout(_) => format!("no answer ({error})"),
        other => other.to_string(),
    }
}

/// An agent that reaches every address through one socket.
fn through(config: Config, path: PathBuf) -> Agent {
    Agent::with_parts(config, Socket { path }, DefaultResolver::default())
}

#[derive(Debug)]
struct Socket {
    path: PathBuf,
}

impl<In: Transport> Connector<In> for Socket {
    type Out = Through;

    fn connect(&self, details: &ConnectionDetails<'_>, _: Option<In>) -> Result<Option<Through>, ureq::Error> {
        let stream = UnixStream::connect(&self.path)?;
        let config = details.config;
        let buffers = LazyBuffers::new(config.input_buffer_size(), config.output_buffer_size());
        Ok(Some(Through { stream, buffers }))
    }
}

/// A connection by a Unix socket.
#[derive(Debug)]
struct Through {
    stream: UnixStream,
    buffers: LazyBuffers,
}

/// A socket's time-out as the client's.
fn timed(error: io::Error, timeout: &NextTimeout) -> ureq::Error {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => ureq::Error::Timeout(timeout.reason),
        _ => error.into(),
    }
}

impl Transport for Through {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        let timeout = timeout.for_write();
        self.stream.set_write_timeout(timeout.not_zero().map(|t| *t))?;
        self.stream.write_all(&self.buffers.output()[..amount]).map_err(|e| timed(e, &timeout))
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        let timeout = timeout.for_read();
        self.stream.set_read_timeout(timeout.not_zero().map(|t| *t))?;
        let got = loop {
            match self.stream.read(self.buffers.input_append_buf()) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                other => break other.map_err(|e| timed(e, &timeout))?,
            }
        };
        self.buffers.input_appended(got);
        Ok(got > 0)
    }

    /// Nothing is to be read between two requests: neither an end nor a byte.
    fn is_open(&mut self) -> bool {
        let quiet = self.stream.set_nonblocking(true).is_ok()
            && matches!(self.stream.read(&mut [0]), Err(e) if e.kind() == io::ErrorKind::WouldBlock);
        quiet && self.stream.set_nonblocking(false).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        assert_eq!(checked("--url", "http://127.0.0.1:7400/").unwrap(), "http://127.0.0.1:7400");
        assert_eq!(checked("--url", "http://[::1]:7400").unwrap(), "http://[::1]:7400");
        assert_eq!(checked("--url", "http://proxy/news//").unwrap(), "http://proxy/news");
        for (url, word) in [
            ("127.0.0.1:7400", "http://HOST:PORT"),
            ("localhost:7400", "http://HOST:PORT"),
            ("ftp://x", "http://HOST:PORT"),
            ("", "http://HOST:PORT"),
            ("https://x", "proxy"),
            ("http://x/?index=y", "`?`"),
            ("http://x/#y", "`#`"),
            ("http://a:b@x", "password"),
        ] {
            assert!(checked("--url", url).unwrap_err().to_string().contains(word), "{url}");
        }
    }

    #[test]
    fn boundaries_stand_in_no_part() {
        let first = boundary(&[b"", b"mispair"]);
        assert_eq!(first, "mispair-0000000000000000");
        assert_eq!(boundary(&[b"{}", format!("a {first} b").as_bytes()]), "mispair-0000000000000001");
    }

    #[test]
    fn wishes_to_be_left_alone() {
        let of = |text: &str| wished(&HeaderMap::from_iter([(header::RETRY_AFTER, text.parse().unwrap())]));
        assert_eq!((of("7"), of(" 2 "), of("soon"), wished(&HeaderMap::new())), (7, 2, 1, 1));
    }
}
