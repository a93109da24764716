//! The description of everything that can be asked over HTTP (OpenAPI 3.1), for people and their tools. Needs no token.

use std::sync::Arc;

use axum::Router;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::IntoResponse;
use axum::routing::get;

use super::Context;

/// Written by hand; `tests/documents.rs` holds it against what is answered.
const DESCRIPTION: &str = include_str!("openapi.json");

pub(super) fn routes() -> Router<Arc<Context>> {
    Router::new().route("/openapi.json", get(describe))
}

async fn describe() -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-cache")], DESCRIPTION)
}
