//! The daemon in a browser: search, explanations, checks, status. Everything comes from this binary; nothing is loaded from elsewhere.
//!
//! ```text
//! query string ──► form.rs ──► asking.rs: Ask ──► the pool: answering.rs ──► view ──► template ──► HTML
//! ```
//! Pages ask as the API's routes do: admitted, on the threads that search, within the same limits. They work without scripts;
//! with scripts, htmx exchanges the answer in place. Captions, ids and query strings are untrusted: templates escape them,
//! and the content policy lets no script or style but the daemon's own files run.
//!
//! | file | responsibility |
//! |---|---|
//! | `form.rs` | query strings: read, and written for links |
//! | `asking.rs` | a form as typed → what is asked; what may be chosen |
//! | `search.rs` | `/`: by id, words, vector, text or photo; the tiles |
//! | `photo.rs` | a photo that a form brings; what it can be searched for in |
//! | `words.rs` | samples by the words of their captions |
//! | `tiles.rs` | a sample as a tile |
//! | `snippets.rs` | the same request for curl and for Python |
//! | `explain.rs` | `/explain`: why this image, and why not the others |
//! | `check.rs` | `/check`: does the caption belong to the image? |
//! | `rules.rs` | rules in words, verdicts as chips |
//! | `status.rs` | `/status`: what is served, and how fast |
//! | `signin.rs` | `/signin`: a token for a session |
//! | `assets.rs` | `/static/…` |
//! | `text.rs` | numbers and links as text |

mod asking;
mod assets;
mod check;
mod explain;
mod form;
mod photo;
mod rules;
mod search;
mod signin;
mod snippets;
mod status;
mod text;
mod tiles;
mod words;

pub(super) use signin::Sessions;

use super::encoding::{Full, Halt, Made, begun};
use super::problem::{Kind, Problem};
use super::queries::admitted;
use super::state::{Generation, State};
use askama::Template;
use axum::Router;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use std::sync::Arc;

/// Nothing but the daemon's own files, and forms to itself.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// The routes of the pages.
pub(super) fn router() -> Router<Arc<State>> {
    Router::new()
        .route("/", get(search::page).post(search::sent))
        .route("/explain", get(explain::page))
        .route("/check", get(check::page).post(check::sent))
        .route("/status", get(status::page))
        .route("/signin", get(signin::page).post(signin::sign_in))
        .route("/signout", post(signin::sign_out))
        .route("/static/{name}", get(assets::asset))
        .layer(map_response(guarded))
}

/// May be fetched without a token: what the page to sign in is made of.
pub(super) fn is_open(path: &str) -> bool {
    path == "/signin" || path.strip_prefix("/static/").is_some_and(assets::is_one)
}

/// A form of the pages that is sent rather than asked for: it brings a photo, and changes nothing.
pub(super) fn is_form(path: &str) -> bool {
    ["/", "/check"].contains(&path)
}

/// The way to sign in, for a browser whose session is missing or over; `None` where a program asks.
pub(super) fn closed(uri: &Uri, headers: &HeaderMap) -> Option<Response> {
    let is_page = ["/", "/explain", "/check", "/status", "/signout", "/docs"].contains(&uri.path());
    let reads_html = headers.get(header::ACCEPT).is_some_and(|v| v.to_str().is_ok_and(|v| v.contains("text/html")));
    let next = uri.path_and_query().map_or("/", |p| p.as_str());
    (is_page && reads_html).then(|| guard(signin::closed(next)))
}

async fn guarded(response: Response) -> Response {
    guard(response)
}

fn guard(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// What every page shows around its own matter.
struct Frame {
    title: String,
    /// Which part of the menu: `search`, `explain`, `check`, `status`, or none.
    here: &'static str,
    /// The index that links lead to, as part of a query string.
    index: String,
    /// Offers to sign out.
    signed_in: bool,
}

impl Frame {
    fn new(title: impl Into<String>, here: &'static str) -> Frame {
        Frame { title: title.into(), here, index: String::new(), signed_in: false }
    }

    /// A page about an index.
    fn over(title: impl Into<String>, here: &'static str, index: &str, signed_in: bool) -> Frame {
        Frame { index: form::query(&[("index", index)]), signed_in, ..Frame::new(title, here) }
    }
}

/// A page that could not be made: what happened, and the way back.
#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage {
    frame: Frame,
    title: &'static str,
    detail: String,
    /// It may go better another time.
    again: bool,
}

/// A page of HTML.
fn html(status: StatusCode, text: String) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        // What is shown changes with every reload of the indexes.
        (header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache")),
    ];
    (status, headers, text).into_response()
}

fn rendered(page: &impl Template) -> Result<String, Problem> {
    page.render().map_err(|e| Problem::new(Kind::Internal, e.to_string()))
}

/// A problem as a person should see it; the response tells the outermost layer what kind it is.
fn problem_page(problem: &Problem) -> Response {
    let page = ProblemPage {
        frame: Frame::new(problem.kind.title(), ""),
        title: problem.kind.title(),
        detail: problem.detail.clone(),
        again: matches!(problem.kind, Kind::Overloaded | Kind::ModelFailed | Kind::Stopping | Kind::Timeout),
    };
    let Ok(text) = page.render() else { return problem.clone().into_response() };
    let mut response = html(problem.kind.status(), text);
    response.extensions_mut().insert(problem.kind);
    if let Some(seconds) = problem.kind.retry_after() {
        response.headers_mut().insert(header::RETRY_AFTER, seconds);
    }
    response
}

/// Makes a page on a thread that searches.
async fn made(
    state: Arc<State>,
    job: impl Fn(&State, &Generation, Made) -> Result<(StatusCode, String), Halt> + Send + Sync + 'static,
) -> Response {
    let generation = state.generation();
    let page = async {
        let limit = (state.config.timeouts.request(), Full::Refuse);
        begun(&state, &generation, admitted(&state)?, limit, job).await
    };
    match page.await {
        Ok((status, text)) => html(status, text),
        Err(problem) => problem_page(&problem),
    }
}

/// Does the request come with a session?
fn has_session(state: &State, headers: &HeaderMap) -> bool {
    state.sessions.knows(headers)
}
