//! All routes, in layers: what holds for every request stands here, what a path does stands with its part.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::middleware;
use axum::response::{IntoResponse, Response};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{NotForContentType, Predicate, SizeAbove};
use tower_http::timeout::TimeoutLayer;

use super::Context;
use super::documents;
use super::guard::guard;
use super::leftover::leftover;
use super::openapi;
use super::problem::Problem;

/// Answers that are smaller are sent as they are.
const COMPRESSED_BYTES_MIN: u64 = 1_024;

/// Lines that are to arrive when they are written.
const PROGRESS: NotForContentType = NotForContentType::const_new("application/x-ndjson");

pub(super) fn all(context: Arc<Context>) -> Router {
    let settings = context.settings();
    let timeout = Duration::from_millis(settings.control_timeout_ms);
    let ordinary = ordinary()
        .layer(DefaultBodyLimit::max(settings.control_body_bytes_max))
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, timeout));
    let compressed = SizeAbove::new(COMPRESSED_BYTES_MIN).and(NotForContentType::SSE).and(PROGRESS);
    ordinary
        .merge(streams())
        .fallback(|| async { Problem::not_found("there is nothing under this path; /openapi.json says what there is") })
        .method_not_allowed_fallback(|| async {
            Problem::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "this path does not know the method; Allow says which it knows",
            )
        })
        .layer(middleware::from_fn_with_state(Arc::clone(&context), guard))
        .layer(middleware::from_fn(leftover))
        .layer(CompressionLayer::new().compress_when(compressed))
        .layer(CatchPanicLayer::custom(panicked))
        .with_state(context)
}

/// Requests whose bodies, answers and times are bound by the settings.
fn ordinary() -> Router<Arc<Context>> {
    Router::new().merge(openapi::routes()).merge(documents::routes())
}

/// Requests that may take as long as they go on: their parts bound themselves what they hold at any moment.
fn streams() -> Router<Arc<Context>> {
    Router::new().merge(documents::streams())
}

fn panicked(_: Box<dyn Any + Send>) -> Response {
    // The hook of the process has written down what it was.
    Problem::internal(&"a handler panicked").into_response()
}
