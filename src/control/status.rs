//! `/status`: everything that a person or a dashboard asks of a running server, and `/api/performance`, the few figures of it that fit on a
//! line. Both say what was found in the last second.

mod latency;
mod limits;
mod performance;
mod report;

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};

use super::Context;
use super::access::Admin;
use super::problem::Problem;
use crate::reader::Lookups;
use performance::Performance;
use report::Report;

pub(super) fn routes() -> Router<Arc<Context>> {
    Router::new().route("/status", get(status)).route("/api/performance", get(performance))
}

async fn status(_: Admin, State(context): State<Arc<Context>>) -> Result<Response, Problem> {
    let findings = context.watch.latest().ok_or_else(too_early)?;
    Ok(([(CACHE_CONTROL, "no-store")], Json(Report::of(&context, &findings))).into_response())
}

async fn performance(_: Admin, State(context): State<Arc<Context>>) -> Result<Response, Problem> {
    let findings = context.watch.latest().ok_or_else(too_early)?;
    Ok(([(CACHE_CONTROL, "no-store")], Json(Performance::of(&context, &findings))).into_response())
}

/// What `/status` says, in a line; nothing in the first second.
pub(super) fn json(context: &Context) -> Option<String> {
    let findings = context.watch.latest()?;
    let report = serde_json::to_string(&Report::of(context, &findings));
    Some(report.expect("its keys are text, and its figures are finite or nothing"))
}

fn too_early() -> Problem {
    Problem::unavailable("the server has just started: nothing was measured yet", 1)
}

/// From 0 to 1; nothing before anything was looked for.
fn hit_rate(lookups: Lookups) -> Option<f64> {
    let wanted = lookups.hits + lookups.misses;
    (wanted > 0).then(|| rounded(lookups.hits as f64 / wanted as f64))
}

/// To thousandths: more is noise.
pub(super) fn rounded(value: f64) -> f64 {
    (value * 1_000.0).round() / 1_000.0
}
