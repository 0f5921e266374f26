//! The routes that search: one query, a batch, a stream, captions to match, plain vectors; and a caption to be verified.
//!
//! ```text
//! body ──► read whole ──► one job on a search thread: parse, search, write        query, explain, vectors:search, verify
//! body ──► elements, or lines as they come ──► a job each, few at a time, in order ──► one document, or lines
//! ```
//! An element of a batch that cannot be answered has a problem document in its place; the others are answered.

use super::answering::{self, Manner, Nearest};
use super::app::Asked;
use super::auth::own_page;
use super::bodies::{self, Form, Lines, NDJSON, Pieces};
use super::dto::{Ask, Batch, Caption, ImageSearch, Match, MatchLine, VectorSearch, Verify, parse, query_problem};
use super::encoding::{Full, Halt, Made, begun};
use super::pool::{Done, Ticket};
use super::problem::{Kind, Problem};
use super::state::{Generation, State};
use super::uploads::{self, Sent};
use super::verifying;
use crate::query::{Answer, Step};
use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract;
use axum::extract::rejection::QueryRejection;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::Response;
use serde::Serialize;
use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::mpsc;

/// Which opening of the indexes answered: 1, and one more with every reload.
const GENERATION: HeaderName = HeaderName::from_static("x-mispair-generation");
/// Lines that wait for a client to read them, beside what the sockets hold.
const AHEAD: usize = 16;

type Handled = Result<Response, Problem>;
type Daemon = extract::State<Arc<State>>;

pub(super) async fn query(extract::State(state): Daemon, headers: HeaderMap, body: Body) -> Handled {
    let body = bodies::whole(&headers, body, &state).await?;
    one(state, move |state, generation, made| {
        let ask = Ask { made, ..parse::<Ask>(&body)? };
        Ok(written(state, &answering::answer(state, generation, ask, Manner::Query)?)?)
    })
    .await
}

pub(super) async fn explain(extract::State(state): Daemon, headers: HeaderMap, body: Body) -> Handled {
    let body = bodies::whole(&headers, body, &state).await?;
    one(state, move |state, generation, made| {
        let ask = Ask { made, ..parse::<Ask>(&body)? };
        Ok(written(state, &answering::answer(state, generation, ask, Manner::Explain)?)?)
    })
    .await
}

/// The body is an image's file, of whatever type it says: what it is its first bytes tell.
pub(super) async fn by_image(
    extract::State(state): Daemon,
    settings: Result<extract::Query<ImageSearch>, QueryRejection>,
    headers: HeaderMap,
    body: Body,
) -> Handled {
    own_page(&headers)?;
    let extract::Query(settings) = settings.map_err(|e| query_problem(&e))?;
    if state.encoding.is_none() {
        return Err(Problem::new(Kind::Invalid, "no encoder is configured, so no image is read"));
    }
    if settings.modality.is_none() {
        return Err(Problem::invalid("modality", "name the modality to search: ?modality=…"));
    }
    let most = usize::try_from(state.config.limits.image_bytes).unwrap_or(usize::MAX);
    let file = bodies::read_at_most(body, &state, most).await?;
    one(state, move |state, generation, made| {
        let ask = Ask { made, ..settings.ask(file.clone()) };
        Ok(written(state, &answering::answer(state, generation, ask, Manner::Query)?)?)
    })
    .await
}

pub(super) async fn search(extract::State(state): Daemon, headers: HeaderMap, body: Body) -> Handled {
    let body = bodies::whole(&headers, body, &state).await?;
    one(state, move |state, generation, _| {
        Ok(match answering::nearest(state, generation, parse::<VectorSearch>(&body)?)? {
            Nearest::One(answer) => written(state, &answer)?,
            Nearest::Many(answers) => written(state, &Answers { answers })?,
        })
    })
    .await
}

pub(super) async fn verify(extract::State(state): Daemon, headers: HeaderMap, body: Body) -> Handled {
    let (body, image) = match uploads::is_form(&headers) {
        true => asked_with_image(uploads::read(&headers, body, &state, "image").await?)?,
        false => (bodies::whole(&headers, body, &state).await?, None),
    };
    one(state, move |state, generation, made| {
        let ask = Verify { made, image: image.clone(), ..parse::<Verify>(&body)? };
        Ok(written(state, &verifying::verified(state, generation, ask)?)?)
    })
    .await
    // What the models say of a text they say of the caption.
    .map_err(|problem| if problem.field.as_deref() == Some("text") { problem.at("caption") } else { problem })
}

/// A form of two fields: the document that is asked with, and the image's file.
fn asked_with_image(sent: Sent) -> Result<(Bytes, Option<Bytes>), Problem> {
    let mut ask = None;
    for (name, text) in sent.fields {
        match name.as_str() {
            "ask" if ask.is_none() => ask = Some(text),
            "ask" => return Err(Problem::invalid("ask", "one document is expected, and there is another")),
            other => return Err(Problem::invalid(other, "the form's fields are: ask, a JSON document; image, a file")),
        }
    }
    let ask = ask.ok_or_else(|| Problem::invalid("ask", "give the JSON document of the request as the field ask"))?;
    let ask = Bytes::from(ask);
    let ask = match sent.room {
        Some(room) => bodies::roomy(ask, room),
        None => ask,
    };
    Ok((ask, sent.file.map(|file| file.bytes)))
}

/// Several answers as one document. (Through a `Value`, scores would be written as the f64 nearest to them.)
#[derive(Serialize)]
struct Answers {
    answers: Vec<Answer>,
}

/// One job, one document.
async fn one(
    state: Arc<State>,
    job: impl Fn(&State, &Generation, Made) -> Result<Vec<u8>, Halt> + Send + Sync + 'static,
) -> Handled {
    let generation = state.generation();
    let ticket = admitted(&state)?;
    let limit = (state.config.timeouts.request(), Full::Refuse);
    let document = begun(&state, &generation, ticket, limit, job).await?;
    Ok(of_generation(bodies::json(document), generation.number))
}

/// A place on the pool. A daemon that stops gives it, too: what comes in on a connection that is still open is answered, and the connection
/// closed after it, so that nobody behind a balancer sees an error.
pub(super) fn admitted(state: &State) -> Result<Ticket, Problem> {
    state.pool.admit().inspect_err(|_| state.metrics.shed())
}

pub(super) async fn awaited<T>(
    state: &State,
    pending: impl Future<Output = Result<Done<Result<T, Problem>>, Problem>>,
) -> Result<T, Problem> {
    match pending.await {
        Ok(done) => {
            state.metrics.queued(done.waited);
            done.value
        }
        Err(problem) => {
            if problem.kind == Kind::Timeout {
                state.metrics.timed_out();
            }
            Err(problem)
        }
    }
}

fn written(state: &State, document: &impl Serialize) -> Result<Vec<u8>, Problem> {
    let start = Instant::now();
    let text = serde_json::to_vec(document).map_err(|e| Problem::new(Kind::Internal, e.to_string()))?;
    state.metrics.step(Step::Hydrate, start.elapsed());
    Ok(text)
}

fn of_generation(mut response: Response, number: u64) -> Response {
    response.headers_mut().insert(GENERATION, HeaderValue::from(number));
    response
}

pub(super) async fn batch(state: Daemon, asked: Extension<Asked>, headers: HeaderMap, body: Body) -> Handled {
    let unpack = |bytes: Bytes| {
        let batch: Batch = parse(&bytes)?;
        let answer: Answerer = Arc::new(asked_alone);
        let elements = batch.queries.into_iter().map(|q| Bytes::from(String::from(Box::<str>::from(q)))).collect();
        Ok(Unpacked { name: "queries", elements, answer })
    };
    several(state, asked, headers, body, unpack, Arc::new(asked_alone), "answers").await
}

/// An element of a batch is a query of its own.
fn asked_alone(state: &State, generation: &Generation, json: &[u8], made: Made) -> Result<Vec<u8>, Halt> {
    let ask = Ask { made, ..parse::<Ask>(json)? };
    Ok(written(state, &answering::answer(state, generation, ask, Manner::Query)?)?)
}

pub(super) async fn matching(state: Daemon, asked: Extension<Asked>, headers: HeaderMap, body: Body) -> Handled {
    let unpack = |bytes: Bytes| {
        let mut all: Match = parse(&bytes)?;
        let captions = std::mem::take(&mut all.captions);
        let answer: Answerer = Arc::new(move |state, generation, json, made| {
            let ask = Ask { made, ..all.ask(parse::<Caption>(json)?) };
            Ok(written(state, &answering::answer(state, generation, ask, Manner::Match)?)?)
        });
        let elements = captions.into_iter().map(|q| Bytes::from(String::from(Box::<str>::from(q)))).collect();
        Ok(Unpacked { name: "captions", elements, answer })
    };
    let line: Answerer = Arc::new(|state, generation, json, made| {
        let ask = Ask { made, ..parse::<MatchLine>(json)?.into() };
        Ok(written(state, &answering::answer(state, generation, ask, Manner::Match)?)?)
    });
    several(state, asked, headers, body, unpack, line, "matches").await
}

/// Answers one element.
type Answerer = Arc<dyn Fn(&State, &Generation, &[u8], Made) -> Result<Vec<u8>, Halt> + Send + Sync>;

/// A document of elements.
struct Unpacked {
    name: &'static str,
    elements: Vec<Bytes>,
    answer: Answerer,
}

/// A document of elements or a stream of lines, answered as one document or as lines.
async fn several(
    extract::State(state): Daemon,
    Extension(asked): Extension<Asked>,
    headers: HeaderMap,
    body: Body,
    unpack: impl FnOnce(Bytes) -> Result<Unpacked, Problem> + Send + 'static,
    line: Answerer,
    answers: &'static str,
) -> Handled {
    let came = bodies::form_of(&headers, true)?;
    let generation = state.generation();
    let number = generation.number;
    let limits = state.config.limits;
    let (ticket, name, elements, answer);
    match came {
        Form::Json => {
            let bytes = bodies::read(body, &state).await?;
            ticket = admitted(&state)?;
            let unpacked =
                awaited(&state, ticket.start(move || unpack(bytes)).within(state.config.timeouts.request())).await?;
            let got = unpacked.elements.len();
            if got > limits.batch {
                let detail =
                    format!("{got} is more than this daemon's limit of {}; stream larger ones as NDJSON", limits.batch);
                return Err(Problem::invalid(unpacked.name, detail));
            }
            (name, elements, answer) =
                (unpacked.name, Elements::Listed(unpacked.elements.into_iter()), unpacked.answer);
        }
        Form::Ndjson => {
            ticket = admitted(&state)?;
            (name, elements, answer) = ("lines", Elements::Streamed(Lines::new(body, &state.config)), line);
        }
    }
    let ticket = Some(ticket);
    let run = Run { state: Arc::clone(&state), generation, ticket, name, answer, request: asked.request };
    match bodies::wanted_form(&headers, came) {
        Form::Ndjson => {
            let (sender, receiver) = mpsc::channel(AHEAD);
            tokio::spawn(async move {
                let _ = run.all(elements, Out::Lines(sender)).await;
            });
            Ok(of_generation(bodies::typed(NDJSON, Body::new(Pieces(receiver))), number))
        }
        Form::Json => {
            let mut document = format!("{{\"{answers}\":[").into_bytes();
            let all = run.all(elements, Out::Document(&mut document));
            match tokio::time::timeout(state.config.timeouts.batch(), all).await {
                Ok(done) => done?,
                Err(_) => {
                    state.metrics.timed_out();
                    let ms = state.config.timeouts.batch_ms;
                    return Err(Problem::new(
                        Kind::Timeout,
                        format!("no answer within {ms} ms; ask for less, or stream it"),
                    ));
                }
            }
            document.extend_from_slice(b"]}");
            Ok(of_generation(bodies::json(document), number))
        }
    }
}

enum Elements {
    Listed(std::vec::IntoIter<Bytes>),
    Streamed(Lines),
}

impl Elements {
    /// May be dropped while it waits.
    async fn next(&mut self) -> Option<Result<Bytes, Problem>> {
        match self {
            Elements::Listed(elements) => elements.next().map(Ok),
            Elements::Streamed(lines) => lines.next().await,
        }
    }
}

enum Out<'a> {
    Lines(mpsc::Sender<std::io::Result<Bytes>>),
    Document(&'a mut Vec<u8>),
}

/// The answering of several elements, all by one generation.
struct Run {
    state: Arc<State>,
    generation: Arc<Generation>,
    /// Given back while a stream has nothing to be searched for.
    ticket: Option<Ticket>,
    name: &'static str,
    answer: Answerer,
    request: String,
}

type Answered = Pin<Box<dyn Future<Output = Result<Vec<u8>, Problem>> + Send>>;

impl Run {
    /// Answers all, in order. Ends early where nobody reads the answers any more.
    async fn all(mut self, mut elements: Elements, mut out: Out<'_>) -> Result<(), Problem> {
        // As many at a time as there are threads: single queries of others come in between.
        let width = self.state.pool.threads();
        let mut running: VecDeque<Answered> = VecDeque::with_capacity(width);
        let (mut begun, mut written, mut more) = (0, 0, true);
        let most = if matches!(out, Out::Document(_)) { self.state.config.limits.batch } else { usize::MAX };
        while more || !running.is_empty() {
            let room = running.len() < width;
            if running.is_empty() && matches!(elements, Elements::Streamed(_)) {
                self.ticket = None;
            }
            let first = running.front_mut();
            tokio::select! {
                element = elements.next(), if more && room => match element {
                    None => more = false,
                    Some(Ok(_)) if begun == most => {
                        let detail = format!("more than this daemon's limit of {most}; ask for lines: Accept: application/x-ndjson");
                        return Err(Problem::invalid(self.name, detail));
                    }
                    Some(Ok(json)) => {
                        running.push_back(self.begin(json).await);
                        begun += 1;
                    }
                    Some(Err(problem)) => {
                        more = false;
                        running.push_back(Box::pin(std::future::ready(Err(problem))));
                    }
                },
                answer = async { match first { Some(answer) => answer.await, None => std::future::pending().await } } => {
                    running.pop_front();
                    let document = answer.unwrap_or_else(|problem| self.in_its_place(problem, written));
                    if !put(&mut out, document, written).await {
                        return Ok(());
                    }
                    written += 1;
                }
            }
        }
        Ok(())
    }

    async fn begin(&mut self, json: Bytes) -> Answered {
        let limit = match self.name {
            "lines" => self.state.config.timeouts.request(),
            _ => self.state.config.timeouts.batch(),
        };
        let ticket = match self.ticket.take() {
            Some(ticket) => ticket,
            None => match self.state.pool.admit_again(limit).await {
                Ok(ticket) => ticket,
                Err(problem) => return Box::pin(std::future::ready(Err(problem))),
            },
        };
        let ticket = self.ticket.insert(ticket).clone();
        let answer = Arc::clone(&self.answer);
        let job = move |state: &State, generation: &Generation, made| answer(state, generation, &json, made);
        Box::pin(begun(&self.state, &self.generation, ticket, (limit, Full::Wait), job))
    }

    /// The problem of one element: its field begins with the element.
    fn in_its_place(&self, problem: Problem, at: usize) -> Vec<u8> {
        let element = format!("{}[{at}]", self.name);
        let field = match &problem.field {
            Some(field) => format!("{element}.{field}"),
            None => element,
        };
        problem.at(&field).document(Some(&self.request)).to_string().into_bytes()
    }
}

/// False where nobody reads.
async fn put(out: &mut Out<'_>, mut answer: Vec<u8>, before: usize) -> bool {
    match out {
        Out::Lines(sender) => {
            answer.push(b'\n');
            sender.send(Ok(answer.into())).await.is_ok()
        }
        Out::Document(document) => {
            if before > 0 {
                document.push(b',');
            }
            document.extend_from_slice(&answer);
            true
        }
    }
}
