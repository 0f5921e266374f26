//! Signing in from a browser: the token once, then a session.
//!
//! A browser cannot send `Authorization` of itself. It shows the token once, in a form, and gets a cookie that holds a number made
//! by chance: the token itself is kept nowhere in the browser. The cookie goes to this daemon alone (`SameSite=Strict`), is out of
//! scripts' reach (`HttpOnly`), and allows what the token for asking allows, by GET and by the forms of the pages,
//! which only ask: nothing that another site could make a browser do changes anything. Sessions end after half a day, and with the process.

use super::super::auth::{Access, own_page};
use super::super::bodies;
use super::super::problem::{Kind, Problem};
use super::super::state::State;
use super::form::{Form, local, query};
use super::{Frame, html, problem_page};
use askama::Template;
use axum::body::Body;
use axum::extract;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use std::collections::VecDeque;
use std::io::Read;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use subtle::ConstantTimeEq;

const COOKIE: &str = "mispair_session";
const LASTS: Duration = Duration::from_secs(12 * 60 * 60);
/// Sessions at a time: the oldest makes room.
const MOST: usize = 256;

type Daemon = extract::State<Arc<State>>;

/// Who is signed in.
#[derive(Default)]
pub(crate) struct Sessions(Mutex<VecDeque<(String, Instant)>>);

impl Sessions {
    fn begin(&self) -> std::io::Result<String> {
        let mut bytes = [0; 32];
        std::fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
        let name: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|(_, since)| since.elapsed() < LASTS);
        if all.len() == MOST {
            all.pop_front();
        }
        all.push_back((name.clone(), Instant::now()));
        Ok(name)
    }

    fn end(&self, headers: &HeaderMap) {
        if let Some(name) = cookie(headers) {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|(known, _)| known != name);
        }
    }

    /// Does the request bring a session that has not ended?
    pub fn knows(&self, headers: &HeaderMap) -> bool {
        let Some(given) = cookie(headers) else { return false };
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // All are compared, whichever it is.
        all.iter().fold(false, |found, (name, since)| {
            found | (bool::from(name.as_bytes().ct_eq(given.as_bytes())) & (since.elapsed() < LASTS))
        })
    }
}

fn cookie(headers: &HeaderMap) -> Option<&str> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|v| v.to_str().ok());
    all.flat_map(|v| v.split(';')).find_map(|pair| pair.trim().strip_prefix(COOKIE)?.strip_prefix('='))
}

#[derive(Template)]
#[template(path = "signin.html")]
struct SignIn {
    frame: Frame,
    /// Where to go on.
    next: String,
    /// What was wrong.
    problem: Option<&'static str>,
}

fn form(status: StatusCode, next: &str, problem: Option<&'static str>) -> Response {
    let page = SignIn { frame: Frame::new("Sign in", ""), next: local(Some(next)).into_owned(), problem };
    match page.render() {
        Ok(text) => html(status, text),
        Err(e) => problem_page(&Problem::new(Kind::Internal, e.to_string())),
    }
}

/// Instead of a page: the way in, and then to that page.
pub(super) fn closed(path_and_query: &str) -> Response {
    let next = if path_and_query == "/signout" { "/" } else { path_and_query };
    let mut response = form(StatusCode::UNAUTHORIZED, next, None);
    // What programs send; browsers do not ask for it by themselves.
    response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"mispair\""));
    response
}

pub(super) async fn page(uri: Uri) -> Response {
    let given = Form::read(uri.query().unwrap_or_default());
    form(StatusCode::OK, given.get("next").unwrap_or("/"), None)
}

pub(super) async fn sign_in(extract::State(state): Daemon, headers: HeaderMap, body: Body) -> Response {
    if let Err(problem) = own_page(&headers) {
        return problem_page(&problem);
    }
    let body = match bodies::read(body, &state).await {
        Ok(body) => body,
        Err(problem) => return problem_page(&problem),
    };
    let given = Form::read(&String::from_utf8_lossy(&body));
    let next = local(given.get("next")).into_owned();
    // The token in the shape in which programs show it: one place decides.
    let mut shown = HeaderMap::new();
    if let Ok(value) = HeaderValue::from_str(&format!("Bearer {}", given.get("token").unwrap_or_default())) {
        shown.insert(header::AUTHORIZATION, value);
    }
    let access: Result<Access, Problem> = state.tokens.access(&shown);
    if access.is_err() {
        return form(StatusCode::UNAUTHORIZED, &next, Some("That is not one of this daemon’s tokens."));
    }
    let session = match state.sessions.begin() {
        Ok(session) => session,
        Err(e) => return problem_page(&Problem::new(Kind::Internal, format!("no session can be made: {e}"))),
    };
    let age = LASTS.as_secs();
    redirected(
        &next,
        &format!("{COOKIE}={session}; Path=/; Max-Age={age}; HttpOnly; SameSite=Strict{}", secure(&headers)),
    )
}

pub(super) async fn sign_out(extract::State(state): Daemon, headers: HeaderMap) -> Response {
    if let Err(problem) = own_page(&headers) {
        return problem_page(&problem);
    }
    state.sessions.end(&headers);
    let to = format!("/signin?{}", query(&[("next", "/")]));
    redirected(&to, &format!("{COOKIE}=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict{}", secure(&headers)))
}

/// Behind a proxy that speaks TLS the cookie is for TLS only.
fn secure(headers: &HeaderMap) -> &'static str {
    let tls = headers.get("x-forwarded-proto").is_some_and(|p| p.as_bytes().eq_ignore_ascii_case(b"https"));
    if tls { "; Secure" } else { "" }
}

fn redirected(to: &str, cookie: &str) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    for (name, value) in [(header::LOCATION, to), (header::SET_COOKIE, cookie)] {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}
