//! The routes, and what every request passes through.
//!
//! ```text
//! request ──► id, log, count ──► token ──► route ──► handler ──► answer, or Problem ──► written with the id
//! ```

use super::auth::{Access, OPEN};
use super::problem::{Kind, Problem};
use super::state::State;
use super::{catalogs, openapi, ops, pages, queries};
use axum::Router;
use axum::extract::{self, MatchedPath, Request};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

/// How long one waits to be told that there is no room. Refusals that come at once are asked again at once, and then the daemon
/// does little else: with 256 connections that never rest, answers fell to less than half of what they are without.
const PAUSE: Duration = Duration::from_millis(34);
/// Who is turned away within so long is told at one time.
const STEP: Duration = Duration::from_millis(10);
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What handlers may want to know of their request.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    /// Its id.
    pub request: String,
}

/// The request came over TCP, where browsers ask, too.
#[derive(Debug, Clone, Copy)]
pub(super) struct OverTcp;

/// The daemon as a service, without sockets.
pub fn app(state: Arc<State>) -> Router {
    let routes = Router::new()
        .route("/v1/query", post(queries::query))
        .route("/v1/query:batch", post(queries::batch))
        .route("/v1/explain", post(queries::explain))
        .route("/v1/match", post(queries::matching))
        .route("/v1/vectors:search", post(queries::search))
        .route("/v1/verify", post(queries::verify))
        .route("/v1/images:search", post(queries::by_image))
        .route("/v1/indexes", get(catalogs::indexes))
        .route("/v1/splits", get(catalogs::splits))
        .route("/v1/samples/{id}", get(catalogs::sample))
        .route("/v1/images/{id}", get(catalogs::image))
        .route("/v1/reload", post(ops::reload))
        .route("/livez", get(ops::live))
        .route("/readyz", get(ops::ready))
        .route("/metrics", get(ops::metrics))
        .route("/openapi.json", get(openapi::document))
        .route("/docs", get(openapi::page))
        .merge(pages::router());
    routes
        .fallback(nowhere)
        .method_not_allowed_fallback(another_method)
        .layer(from_fn_with_state(Arc::clone(&state), admitted))
        .layer(from_fn_with_state(Arc::clone(&state), observed))
        .with_state(state)
}

/// The next of the moments, [`STEP`] apart, at which those that were turned away are told so together: searches lose less to one
/// waking for many than to one for each.
fn together(after: tokio::time::Instant) -> tokio::time::Instant {
    static BEGIN: LazyLock<tokio::time::Instant> = LazyLock::new(tokio::time::Instant::now);
    let since = after.saturating_duration_since(*BEGIN).as_micros();
    let steps = since.div_ceil(STEP.as_micros()) as u32;
    BEGIN.checked_add(STEP * steps).unwrap_or(after)
}

async fn nowhere(request: Request) -> Problem {
    Problem::new(Kind::NotFound, format!("nothing is at {}; /docs tells what there is", request.uri().path()))
}

async fn another_method(request: Request) -> Problem {
    let (method, path) = (request.method(), request.uri().path());
    Problem::new(Kind::MethodNotAllowed, format!("{path} is not asked by {method}; the Allow header tells how"))
}

/// Whoever asks must show his token, or be signed in, on every path but those that tell whether the daemon lives and those
/// by which one signs in.
async fn admitted(extract::State(state): extract::State<Arc<State>>, mut request: Request, next: Next) -> Response {
    if request.extensions().get::<OverTcp>().is_some()
        && !state.config.auth.allow_unauthenticated
        && let Err(problem) = state.tokens.demand_local_host(request.headers())
    {
        return problem.into_response();
    }
    let path = request.uri().path();
    let access = match OPEN.contains(&path) || pages::is_open(path) {
        true => Access::Read,
        false => match state.tokens.access(request.headers()) {
            Ok(access) => access,
            Err(_) if by_session(&state, &request) => Access::Read,
            Err(problem) => {
                let page = pages::closed(request.uri(), request.headers());
                return page.unwrap_or_else(|| problem.into_response());
            }
        },
    };
    request.extensions_mut().insert(access);
    next.run(request).await
}

/// A browser that is signed in may look, whatever it is that it looks at, may send the forms of the pages, and may sign out. It
/// has no Authorization header: whoever sends one is judged by it.
fn by_session(state: &State, request: &Request) -> bool {
    let looks = [Method::GET, Method::HEAD].contains(request.method()) || request.uri().path() == "/signout";
    let sends = *request.method() == Method::POST && pages::is_form(request.uri().path());
    (looks || sends)
        && !request.headers().contains_key(header::AUTHORIZATION)
        && state.sessions.knows(request.headers())
}

/// The outermost layer: gives the request its id, counts it, logs it, and writes its problem, if it has one.
async fn observed(extract::State(state): extract::State<Arc<State>>, mut request: Request, next: Next) -> Response {
    let start = Instant::now();
    let id = request_id(request.headers());
    let route = request.extensions().get::<MatchedPath>().map_or("unmatched", MatchedPath::as_str).to_owned();
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    request.extensions_mut().insert(Asked { request: id.clone() });
    let in_flight = state.metrics.in_flight();
    let mut response = next.run(request).await;
    drop(in_flight);
    let problem = response.extensions_mut().remove::<Problem>();
    // A page tells its kind alone: it is written already.
    let kind = problem.as_ref().map(|p| p.kind).or(response.extensions().get::<Kind>().copied());
    let turned_away = kind == Some(Kind::Overloaded);
    if turned_away {
        tokio::time::sleep_until(together(tokio::time::Instant::now() + PAUSE)).await;
    }
    if let Some(problem) = &problem {
        let mut written = problem.written(Some(&id));
        if let Some(allow) = response.headers_mut().remove(header::ALLOW) {
            written.headers_mut().insert(header::ALLOW, allow);
        }
        response = written;
    }
    let took = start.elapsed();
    let status = response.status().as_u16();
    state.metrics.request(&route, status, took);
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert(REQUEST_ID, id);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let took_us = took.as_micros() as u64;
    let kind = kind.map_or("", Kind::slug);
    match turned_away || OPEN.contains(&route.as_str()) {
        // Asked every few seconds for ever, or thousands of times a second.
        true => tracing::debug!(request_id = id, %method, route, status, took_us, problem = kind, "request"),
        false => tracing::info!(request_id = id, %method, route, status, took_us, problem = kind, "request"),
    }
    if turned_away && let Some(requests) = state.turned_away.one_more() {
        tracing::warn!(requests, "turned away for want of room, since this was last told");
    }
    tracing::debug!(
        request_id = id,
        path,
        problem = problem.as_ref().map_or("", |p| p.detail.as_str()),
        "request in full"
    );
    response
}

/// Taken over where it is sane: 1 to 128 of `A-Z a-z 0-9 . _ -`. Else made.
fn request_id(headers: &HeaderMap) -> String {
    let sane = |id: &&str| {
        (1..=128).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
    };
    if let Some(id) = headers.get(REQUEST_ID).and_then(|v| v.to_str().ok()).filter(sane) {
        return id.to_owned();
    }
    static MADE: AtomicU64 = AtomicU64::new(0);
    static KEYS: LazyLock<RandomState> = LazyLock::new(RandomState::new);
    format!("{:016x}", KEYS.hash_one(MADE.fetch_add(1, Relaxed)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_ids() {
        let of = |id: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(REQUEST_ID, HeaderValue::from_str(id).unwrap());
            request_id(&headers)
        };
        assert_eq!(of("abc-1.2_3"), "abc-1.2_3");
        for odd in ["", "two words", "a\"b", &"x".repeat(129), "a;b"] {
            assert_ne!(of(odd), odd);
        }
        let made: std::collections::HashSet<_> = (0..1000).map(|_| request_id(&HeaderMap::new())).collect();
        assert_eq!(made.len(), 1000);
    }
}
