//! Errors as clients see them: RFC 9457, `application/problem+json`.
//!
//! A [`Problem`] travels as an extension of its response; the outermost layer writes the body, which names the request.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use std::time::Duration;

/// A kind of problem: its `type` is `/docs#problem-SLUG`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// No JSON, or no request.
    Malformed,
    /// No token, or a wrong one.
    Unauthorized,
    /// The token does not reach so far.
    Forbidden,
    /// No such page, sample or image.
    NotFound,
    /// Not this method.
    MethodNotAllowed,
    /// The body did not come.
    BodyTimeout,
    /// The body is too long.
    TooLarge,
    /// Not a body of that type.
    UnsupportedMediaType,
    /// A field is wrong, missing, unknown, or beyond a limit.
    Invalid,
    /// A rule lacks its fact.
    MissingFact,
    /// A fault of the daemon.
    Internal,
    /// More requests than can be worked on.
    Overloaded,
    /// A model gives no vector, through no fault of the request.
    ModelFailed,
    /// The daemon is stopping.
    Stopping,
    /// The answer did not come in time.
    Timeout,
    /// The indexes could not be opened again.
    ReloadFailed,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Kind; 16] = [
        Kind::Malformed,
        Kind::Unauthorized,
        Kind::Forbidden,
        Kind::NotFound,
        Kind::MethodNotAllowed,
        Kind::BodyTimeout,
        Kind::TooLarge,
        Kind::UnsupportedMediaType,
        Kind::Invalid,
        Kind::MissingFact,
        Kind::Internal,
        Kind::Overloaded,
        Kind::ModelFailed,
        Kind::Stopping,
        Kind::Timeout,
        Kind::ReloadFailed,
    ];

    /// Status, slug, title.
    fn row(self) -> (u16, &'static str, &'static str) {
        match self {
            Kind::Malformed => (400, "malformed", "The request cannot be read"),
            Kind::Unauthorized => (401, "unauthorized", "A token is needed"),
            Kind::Forbidden => (403, "forbidden", "The token does not allow this"),
            Kind::NotFound => (404, "not-found", "There is no such thing"),
            Kind::MethodNotAllowed => (405, "method-not-allowed", "Not by this method"),
            Kind::BodyTimeout => (408, "body-timeout", "The body did not come in time"),
            Kind::TooLarge => (413, "too-large", "The body is too long"),
            Kind::UnsupportedMediaType => (415, "unsupported-media-type", "Not a body of this type"),
            Kind::Invalid => (422, "invalid", "A field is not as it must be"),
            Kind::MissingFact => (422, "missing-fact", "A rule lacks its fact"),
            Kind::Internal => (500, "internal", "A fault of the daemon"),
            Kind::Overloaded => (503, "overloaded", "Too many requests at once"),
            Kind::ModelFailed => (503, "model-failed", "A model does not answer"),
            Kind::Stopping => (503, "stopping", "The daemon is stopping"),
            Kind::Timeout => (504, "timeout", "The answer did not come in time"),
            Kind::ReloadFailed => (500, "reload-failed", "The indexes could not be opened again"),
        }
    }

    /// The HTTP status.
    pub fn status(self) -> StatusCode {
        StatusCode::from_u16(self.row().0).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The last part of its `type`.
    pub fn slug(self) -> &'static str {
        self.row().1
    }

    /// Seconds after which it may go better.
    pub(super) fn retry_after(self) -> Option<HeaderValue> {
        matches!(self, Kind::Overloaded | Kind::ModelFailed | Kind::Stopping).then(|| HeaderValue::from_static("1"))
    }

    /// The same for every problem of the kind.
    pub fn title(self) -> &'static str {
        self.row().2
    }
}

/// One problem.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    /// What kind.
    pub kind: Kind,
    /// What happened, and what to do.
    pub detail: String,
    /// The field at fault: `k`, `captions[3].vectors.clip-text`.
    pub field: Option<String>,
}

impl Problem {
    /// A problem of no field.
    pub fn new(kind: Kind, detail: impl Into<String>) -> Problem {
        Problem { kind, detail: detail.into(), field: None }
    }

    /// A field is not as it must be.
    pub fn invalid(field: &str, detail: impl Into<String>) -> Problem {
        Problem { field: Some(field.to_owned()), ..Problem::new(Kind::Invalid, detail) }
    }

    /// The answer did not come within its time.
    pub(super) fn late(limit: Duration) -> Problem {
        let ms = limit.as_millis();
        Problem::new(Kind::Timeout, format!("no answer within {ms} ms; ask for less, or raise timeouts.request_ms"))
    }

    /// The same of another field.
    pub fn at(self, field: &str) -> Problem {
        Problem { field: Some(field.to_owned()), ..self }
    }

    /// The body.
    pub fn document(&self, request: Option<&str>) -> Value {
        let mut body = json!({
            "type": format!("/docs#problem-{}", self.kind.slug()),
            "title": self.kind.title(),
            "status": self.kind.status().as_u16(),
            "detail": self.detail,
        });
        if let Some(field) = &self.field {
            body["field"] = json!(field);
        }
        if let Some(request) = request {
            body["request_id"] = json!(request);
        }
        body
    }

    /// The whole response.
    pub(super) fn written(&self, request: Option<&str>) -> Response {
        let mut response = (self.kind.status(), self.document(request).to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.kind.retry_after() {
            headers.insert(header::RETRY_AFTER, seconds);
        }
        match self.kind {
            Kind::Unauthorized => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"mispair\""));
            }
            // What is left of the body is not waited for.
            Kind::BodyTimeout | Kind::TooLarge => {
                headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            _ => {}
        }
        response
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.kind.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}
