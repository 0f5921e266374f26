//! The routes of operation: alive, ready, counted, reloaded.

use super::auth::Access;
use super::bodies;
use super::problem::{Kind, Problem};
use super::state::State;
use axum::Extension;
use axum::body::Body;
use axum::extract;
use axum::http::HeaderValue;
use axum::response::Response;
use serde_json::json;
use std::sync::Arc;

type Handled = Result<Response, Problem>;
type Daemon = extract::State<Arc<State>>;

/// The process answers.
pub(super) async fn live() -> Handled {
    Ok(bodies::json(r#"{"status":"live"}"#))
}

/// It answers queries, and will go on doing so.
pub(super) async fn ready(extract::State(state): Daemon) -> Handled {
    match state.is_stopping() {
        true => Err(Problem::new(Kind::Stopping, "the daemon is stopping")),
        false => Ok(bodies::json(json!({ "status": "ready", "generation": state.generation().number }).to_string())),
    }
}

pub(super) async fn metrics(extract::State(state): Daemon) -> Handled {
    let media_type = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    Ok(bodies::typed(media_type, Body::from(state.metrics.text(&state))))
}

pub(super) async fn reload(extract::State(state): Daemon, Extension(access): Extension<Access>) -> Handled {
    state.tokens.demand_admin(access)?;
    let reloading = Arc::clone(&state);
    let done = tokio::task::spawn_blocking(move || reloading.reload()).await;
    let generation = done.map_err(|e| Problem::new(Kind::Internal, e.to_string()))??;
    let indexes: Vec<_> = generation
        .served
        .iter()
        .map(|s| json!({ "index": s.name, "checksum": s.index.checksum.to_string() }))
        .collect();
    Ok(bodies::json(json!({ "generation": generation.number, "indexes": indexes }).to_string()))
}
