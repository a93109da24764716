//! The settings over HTTP: what is in force, other values while the server runs, and the way back. What a value may be, the table of settings
//! says.

use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{ETAG, IF_MATCH};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::{Map, Value, json};

use super::Context;
use super::access::Admin;
use super::documents::body;
use super::problem::Problem;
use crate::settings::live::{Change, Changed, Rejected, Revision};
use crate::settings::{Literal, SETTINGS, Setting, Settings, report};

/// What stands for a value that nobody is shown.
const SECRET: &str = "(secret)";

/// Largest body: several times all names with values. What is checked on this thread keeps everybody else.
const BODY_BYTES_MAX: usize = 64 << 10;

pub(super) fn routes() -> Router<Arc<Context>> {
    Router::new().route("/v1/settings", get(read).patch(change)).route("/v1/settings/rollback", post(roll_back))
}

/// Where all bodies are bound by less, these are as well.
fn body_bytes_max(settings: &Settings) -> usize {
    settings.control_body_bytes_max.min(BODY_BYTES_MAX)
}

async fn read(_: Admin, State(context): State<Arc<Context>>) -> Response {
    let revision = context.live.current();
    let defaults = Settings::default();
    let settings: Vec<Value> = SETTINGS.iter().map(|setting| shown(setting, &revision, &defaults)).collect();
    let body = json!({
        "revision": revision.number,
        "settings": settings,
        "pending": revision.pending.iter().map(change_shown).collect::<Vec<_>>(),
    });
    tagged(&revision, body)
}

async fn change(
    Admin(caller): Admin,
    State(context): State<Arc<Context>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    body::expect_plain(&headers)?;
    let (body, _held) = body::whole(&context.room, &headers, body, body_bytes_max(context.settings())).await?;
    let patch: Map<String, Value> = serde_json::from_slice(&body)
        .map_err(|error| Problem::bad_request(format!("the body has to be an object of names and values: {error}")))?;
    let changed = context.live.patch(&patch, expected(&headers)?, caller.subject().cloned());
    changed.map(|changed| answer(&changed)).map_err(|rejected| problem(&rejected))
}

async fn roll_back(
    Admin(caller): Admin,
    State(context): State<Arc<Context>>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let changed = context.live.roll_back(expected(&headers)?, caller.subject().cloned());
    changed.map(|changed| answer(&changed)).map_err(|rejected| problem(&rejected))
}

fn shown(setting: &Setting, revision: &Revision, defaults: &Settings) -> Value {
    json!({
        "name": setting.name,
        "group": setting.group,
        "value": value(setting.shown(&revision.effective.settings)),
        "default": report::json_value((setting.write)(defaults)),
        "unit": (setting.unit)(),
        "allowed": (setting.allowed)(),
        "meaning": setting.meaning(),
        "live": setting.is_live(),
        "origin": revision.effective.origin(setting).to_string(),
    })
}

fn value(literal: Option<Literal>) -> Value {
    literal.map_or_else(|| SECRET.into(), report::json_value)
}

fn change_shown(change: &Change) -> Value {
    json!({"name": change.setting.name, "old": value(change.old.clone()), "new": value(change.new.clone())})
}

/// Changes are gone with the process: whoever wants to keep them writes them into the settings file.
fn answer(changed: &Changed) -> Response {
    let changes: Vec<Value> = changed.changes.iter().map(change_shown).collect();
    tagged(&changed.revision, json!({"revision": changed.revision.number, "persisted": false, "changed": changes}))
}

fn tagged(revision: &Revision, body: Value) -> Response {
    let tag = HeaderValue::from_str(&format!("\"{}\"", revision.number)).expect("a number in quotes is a header");
    ([(ETAG, tag)], Json(body)).into_response()
}

/// The revision that whoever asks has seen (RFC 9110, section 13.1.1).
fn expected(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let Some(value) = headers.get(IF_MATCH) else { return Ok(None) };
    let text = value.to_str().unwrap_or_default().trim();
    if text == "*" {
        return Ok(None);
    }
    let number = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).and_then(|number| number.parse().ok());
    number.map(Some).ok_or_else(|| Problem::bad_request("If-Match has to be one ETag of /v1/settings, or *"))
}

fn problem(rejected: &Rejected) -> Problem {
    let status = match rejected {
        Rejected::Outdated { .. } => StatusCode::PRECONDITION_FAILED,
        Rejected::NothingBefore => StatusCode::CONFLICT,
        Rejected::TooMany { .. } | Rejected::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
    };
    Problem::new(status, rejected.to_string())
}
