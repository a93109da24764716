//! `/healthz` and `/readyz`: what those are told who start, stop and send clients here. Asked without a token; the port of the clients says the same.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::Context;
use crate::health::Checked;

/// Where everybody is told, whatever else they did.
pub(super) const PATHS: [&str; 2] = ["/healthz", "/readyz"];

pub(super) fn routes() -> Router<Arc<Context>> {
    Router::new().route("/healthz", get(healthz)).route("/readyz", get(readyz))
}

async fn healthz(State(context): State<Arc<Context>>) -> Response {
    answer(context.health.liveness())
}

async fn readyz(State(context): State<Arc<Context>>) -> Response {
    answer(context.health.readiness())
}

fn answer(Checked { is_well, body }: Checked) -> Response {
    let status = if is_well { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-store")], body).into_response()
}
