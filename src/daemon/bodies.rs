//! Bodies in and out: read whole within bounds, read by lines, written piece by piece.

use super::config::Config;
use super::problem::{Kind, Problem};
use super::state::State;
use axum::body::{Body, Bytes, HttpBody};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Frame;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::timeout;

/// The forms of bodies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// One document.
    Json,
    /// One document a line.
    Ndjson,
}

pub(super) const JSON: HeaderValue = HeaderValue::from_static("application/json");
pub(super) const NDJSON: HeaderValue = HeaderValue::from_static("application/x-ndjson");

/// What form the body has; lines only where they are served.
pub(super) fn form_of(headers: &HeaderMap, lines: bool) -> Result<Form, Problem> {
    let expected = if lines { "application/json or application/x-ndjson" } else { "application/json" };
    let refused = |got: &str| {
        Problem::new(Kind::UnsupportedMediaType, format!("the body is {got}; send Content-Type: {expected}"))
    };
    unencoded(headers)?;
    let Some(given) = headers.get(header::CONTENT_TYPE) else { return Err(refused("of no stated type")) };
    let given = given.to_str().unwrap_or("of an unreadable type");
    match media_type(given).as_str() {
        "application/json" => Ok(Form::Json),
        "application/x-ndjson" if lines => Ok(Form::Ndjson),
        _ => Err(refused(given)),
    }
}

/// Nothing is unpacked here.
pub(super) fn unencoded(headers: &HeaderMap) -> Result<(), Problem> {
    match headers.get(header::CONTENT_ENCODING) {
        Some(encoding) if !encoding.as_bytes().eq_ignore_ascii_case(b"identity") => {
            Err(Problem::new(Kind::UnsupportedMediaType, "bodies are read as they are, without a Content-Encoding"))
        }
        _ => Ok(()),
    }
}

/// What form the answer shall have: lines where they are asked for, or where lines came in and no document is asked for.
pub(super) fn wanted_form(headers: &HeaderMap, came: Form) -> Form {
    let accepts = |wanted: &str| {
        let all = headers.get_all(header::ACCEPT).iter().filter_map(|v| v.to_str().ok());
        all.flat_map(|v| v.split(',')).any(|v| media_type(v) == wanted)
    };
    match () {
        () if accepts("application/x-ndjson") => Form::Ndjson,
        () if accepts("application/json") => Form::Json,
        () => came,
    }
}

pub(super) fn media_type(value: &str) -> String {
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// A whole JSON body.
pub(super) async fn whole(headers: &HeaderMap, body: Body, state: &State) -> Result<Bytes, Problem> {
    form_of(headers, false)?;
    read(body, state).await
}

/// A whole body within the bounds on length and time, and on what all bodies take together.
pub(super) async fn read(body: Body, state: &State) -> Result<Bytes, Problem> {
    read_at_most(body, state, state.config.limits.body_bytes).await
}

/// The same with another bound on length.
pub(super) async fn read_at_most(body: Body, state: &State, most: usize) -> Result<Bytes, Problem> {
    let (bytes, room) = collected(body, state, most).await?;
    Ok(roomy(bytes, room))
}

/// The same, and its room among all bodies beside it.
pub(super) async fn collected(
    body: Body,
    state: &State,
    most: usize,
) -> Result<(Bytes, OwnedSemaphorePermit), Problem> {
    let (body, room) = bounded(body, state, most)?;
    let limit = state.config.timeouts.body();
    match timeout(limit, body.collect()).await {
        Ok(Ok(collected)) => Ok((collected.to_bytes(), room)),
        Ok(Err(e)) if e.is::<LengthLimitError>() => Err(too_large(most)),
        Ok(Err(e)) => Err(Problem::new(Kind::Malformed, format!("the body broke off: {e}"))),
        Err(_) => Err(late(limit)),
    }
}

fn too_large(most: usize) -> Problem {
    Problem::new(Kind::TooLarge, format!("the body has more than the {most} bytes that this daemon reads"))
}

/// A body that ends after so many bytes, and its room among those of all bodies.
fn bounded(body: Body, state: &State, most: usize) -> Result<(Limited<Body>, OwnedSemaphorePermit), Problem> {
    let most = most.min(state.config.limits.bodies_bytes);
    // Said beforehand, it need not be read.
    if body.size_hint().lower() > most as u64 {
        return Err(too_large(most));
    }
    // Of a body that does not say its length, the most is assumed.
    let length = body.size_hint().exact().unwrap_or(most as u64);
    let kilobytes = u32::try_from(length.div_ceil(1024)).unwrap_or(u32::MAX);
    let Ok(room) = Arc::clone(&state.bodies).try_acquire_many_owned(kilobytes) else {
        state.metrics.shed();
        return Err(Problem::new(
            Kind::Overloaded,
            "the bodies of other requests take all the memory that they may; try again",
        ));
    };
    Ok((Limited::new(body, most), room))
}

/// Bytes that keep their room as long as anybody needs them.
pub(super) fn roomy(bytes: Bytes, room: OwnedSemaphorePermit) -> Bytes {
    Bytes::from_owner(Roomy { bytes, _room: room })
}

/// Bytes that give their room back when nobody needs them any more.
struct Roomy {
    bytes: Bytes,
    _room: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Roomy {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

fn late(limit: Duration) -> Problem {
    Problem::new(Kind::BodyTimeout, format!("the body did not come within {} ms", limit.as_millis()))
}

/// A body by lines. Empty lines are skipped.
pub(super) struct Lines {
    body: Body,
    buffer: Vec<u8>,
    /// Of the buffer: looked through, and no line end.
    looked: usize,
    most: usize,
    pause: Duration,
    ended: bool,
}

impl Lines {
    pub fn new(body: Body, config: &Config) -> Lines {
        let (most, pause) = (config.limits.line_bytes, config.timeouts.body());
        Lines { body, buffer: Vec::new(), looked: 0, most, pause, ended: false }
    }

    /// The next line. May be dropped while it waits, and asked again. After an error there are no more.
    pub async fn next(&mut self) -> Option<Result<Bytes, Problem>> {
        loop {
            let end = self.buffer[self.looked..].iter().position(|&b| b == b'\n').map(|at| self.looked + at);
            let line = match end {
                Some(end) => {
                    let rest = self.buffer.split_off(end + 1);
                    std::mem::replace(&mut self.buffer, rest)
                }
                None if self.ended && self.buffer.is_empty() => return None,
                None if self.ended => std::mem::take(&mut self.buffer),
                None if self.buffer.len() > self.most => return self.fail(self.too_long()),
                None => {
                    self.looked = self.buffer.len();
                    match timeout(self.pause, self.body.frame()).await {
                        Err(_) => return self.fail(late(self.pause)),
                        Ok(None) => self.ended = true,
                        Ok(Some(Err(e))) => {
                            return self.fail(Problem::new(Kind::Malformed, format!("the body broke off: {e}")));
                        }
                        Ok(Some(Ok(frame))) => {
                            if let Some(data) = frame.data_ref() {
                                self.buffer.extend_from_slice(data);
                            }
                        }
                    }
                    continue;
                }
            };
            self.looked = 0;
            if line.len() > self.most + 1 {
                return self.fail(self.too_long());
            }
            if !line.trim_ascii().is_empty() {
                return Some(Ok(line.into()));
            }
        }
    }

    fn too_long(&self) -> Problem {
        Problem::new(Kind::TooLarge, format!("a line has more than the {} bytes that this daemon reads", self.most))
    }

    fn fail(&mut self, problem: Problem) -> Option<Result<Bytes, Problem>> {
        self.ended = true;
        self.buffer = Vec::new();
        self.looked = 0;
        Some(Err(problem))
    }
}

/// A body that comes in pieces from elsewhere. An error breaks the connection off.
pub(super) struct Pieces(pub mpsc::Receiver<io::Result<Bytes>>);

impl HttpBody for Pieces {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        self.0.poll_recv(cx).map(|piece| piece.map(|data| data.map(Frame::data)))
    }
}

/// A JSON document.
pub(super) fn json(document: impl Into<Body>) -> Response {
    typed(JSON, document.into())
}

pub(super) fn typed(media_type: HeaderValue, body: Body) -> Response {
    let mut response = body.into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, media_type);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(pieces: &[&str], line_bytes: usize) -> Vec<Result<String, Kind>> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let (sender, receiver) = mpsc::channel(pieces.len().max(1));
            for piece in pieces {
                sender.send(Ok(Bytes::copy_from_slice(piece.as_bytes()))).await.unwrap();
            }
            drop(sender);
            let mut config = Config::default();
            config.limits.line_bytes = line_bytes;
            let mut lines = Lines::new(Body::new(Pieces(receiver)), &config);
            let mut all = Vec::new();
            while let Some(line) = lines.next().await {
                all.push(line.map(|l| String::from_utf8(l.to_vec()).unwrap()).map_err(|p| p.kind));
            }
            all
        })
    }

    #[test]
    fn lines_however_they_are_cut() {
        let text = "{\"a\":1}\n\n  \r\n{\"b\":2}\r\n{\"c\":3}";
        let want: Vec<_> = ["{\"a\":1}\n", "{\"b\":2}\r\n", "{\"c\":3}"].map(|l| Ok(l.to_owned())).to_vec();
        for cut in 1..text.len() {
            assert_eq!(lines(&[&text[..cut], &text[cut..]], 100), want, "cut at {cut}");
        }
        let bytes: Vec<String> = text.chars().map(String::from).collect();
        assert_eq!(lines(&bytes.iter().map(String::as_str).collect::<Vec<_>>(), 100), want);
        assert_eq!(lines(&[], 100), []);
    }

    #[test]
    fn a_long_line_ends_it() {
        assert_eq!(lines(&["12345\n", "123456\n", "1\n"], 5), [Ok("12345\n".into()), Err(Kind::TooLarge)]);
        assert_eq!(lines(&["1234567"], 5), [Err(Kind::TooLarge)]);
    }
}
