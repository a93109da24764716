//! All routes, in layers: what holds for every request stands here, what a path does stands with its part.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{NotForContentType, Predicate, SizeAbove};
use tower_http::set_header::SetResponseHeaderLayer;

use super::bans::keep_out;
use super::guard::guard;
use super::leftover::leftover;
use super::problem::Problem;
use super::{
    Context, checkpoints, documents, events, health, metrics, openapi, playground, settings, status, versions, web,
    webhooks,
};
use crate::settings::Settings;

/// Answers that are smaller are sent as they are.
const COMPRESSED_BYTES_MIN: u64 = 1_024;

/// What browsers are told of every answer, where its route says nothing else: documents are full of what strangers wrote, and none of it is a
/// page of ours.
const FOR_BROWSERS: [(HeaderName, &str); 3] = [
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (REFERRER_POLICY, "no-referrer"),
    (CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
];

/// Lines that are to arrive when they are written.
const PROGRESS: NotForContentType = NotForContentType::const_new("application/x-ndjson");

pub(super) fn all(context: Arc<Context>) -> Router {
    let limits = context.settings();
    let timeout = Duration::from_millis(limits.control_timeout_ms);
    let ordinary = ordinary()
        .layer(DefaultBodyLimit::max(limits.control_body_bytes_max))
        .layer(middleware::from_fn(move |request, next| in_time(timeout, request, next)));
    let compressed = SizeAbove::new(COMPRESSED_BYTES_MIN).and(NotForContentType::SSE).and(PROGRESS);
    let all = ordinary
        .merge(streams(limits))
        .fallback(|| async { Problem::not_found("there is nothing under this path; /openapi.json says what there is") })
        .method_not_allowed_fallback(|| async {
            Problem::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "this path does not know the method; Allow says which it knows",
            )
        })
        .layer(middleware::from_fn_with_state(Arc::clone(&context), guard))
        .layer(middleware::from_fn_with_state(Arc::clone(&context), keep_out))
        .layer(middleware::from_fn(leftover))
        .layer(CompressionLayer::new().compress_when(compressed))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn_with_state(Arc::clone(&context), metrics::count))
        .with_state(context);
    FOR_BROWSERS.into_iter().fold(all, |all, (name, value)| {
        all.layer(SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value)))
    })
}

/// Requests whose bodies, answers and times are bound by the settings.
fn ordinary() -> Router<Arc<Context>> {
    Router::new()
        .merge(checkpoints::routes())
        .merge(documents::routes())
        .merge(health::routes())
        .merge(metrics::routes())
        .merge(openapi::routes())
        .merge(playground::routes())
        .merge(settings::routes())
        .merge(status::routes())
        .merge(versions::routes())
        .merge(web::routes())
        .merge(webhooks::routes())
}

/// Requests that may take as long as they go on: their parts bound themselves what they hold at any moment.
fn streams(settings: &Settings) -> Router<Arc<Context>> {
    Router::new().merge(documents::streams()).merge(events::routes(settings.control_streams_max))
}

/// Gives up what takes longer.
async fn in_time(time: Duration, request: Request, next: Next) -> Response {
    tokio::time::timeout(time, next.run(request)).await.unwrap_or_else(|_| {
        let detail = format!(
            "it took longer than {} ms (control_timeout_ms); a change may have been made all the same",
            time.as_millis()
        );
        Problem::new(StatusCode::REQUEST_TIMEOUT, detail).into_response()
    })
}

fn panicked(_: Box<dyn Any + Send>) -> Response {
    // The hook of the process has written down what it was.
    Problem::internal(&"a handler panicked").into_response()
}
