//! The files that pages load: style, script, htmx, the icon. All are part of the binary.

use super::super::problem::{Kind, Problem};
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use xxhash_rust::xxh3::xxh3_64;

/// Name, type, bytes. `htmx.min.js` is htmx 4.0.1, Zero-Clause BSD: its licence lies beside it.
const FILES: [(&str, &str, &[u8]); 4] = [
    ("page.css", "text/css; charset=utf-8", include_bytes!("static/page.css")),
    ("page.js", "text/javascript; charset=utf-8", include_bytes!("static/page.js")),
    ("htmx.min.js", "text/javascript; charset=utf-8", include_bytes!("static/htmx.min.js")),
    ("icon.svg", "image/svg+xml", include_bytes!("static/icon.svg")),
];

/// Is there such a file?
pub(super) fn is_one(name: &str) -> bool {
    FILES.iter().any(|f| f.0 == name)
}

pub(super) async fn asset(Path(name): Path<String>, headers: HeaderMap) -> Response {
    let Some((_, media_type, bytes)) = FILES.iter().find(|f| f.0 == name) else {
        return Problem::new(Kind::NotFound, format!("no file of the pages is called {name:?}")).into_response();
    };
    // Asked for anew each time, sent only when it has changed: a new daemon never meets an old style.
    let tag = format!("\"{:016x}\"", xxh3_64(bytes));
    let known = headers.get(header::IF_NONE_MATCH).is_some_and(|v| v.as_bytes() == tag.as_bytes());
    let mut response = match known {
        true => StatusCode::NOT_MODIFIED.into_response(),
        false => (StatusCode::OK, *bytes).into_response(),
    };
    let to = response.headers_mut();
    to.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    to.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        to.insert(header::ETAG, tag);
    }
    response
}
