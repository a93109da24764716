//! How webhooks do, over HTTP. What they are told, [`crate::webhooks`] knows.

use std::sync::Arc;

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use super::Context;
use super::access::Admin;

pub(super) fn routes() -> Router<Arc<Context>> {
    Router::new().route("/v1/webhooks", get(read))
}

async fn read(_: Admin, State(context): State<Arc<Context>>) -> Json<Value> {
    Json(json!({"targets": states(&context)}))
}

/// How each target does: for whoever shows how the process is.
pub(super) fn states(context: &Context) -> Value {
    let shown = context.webhooks.states().into_iter().map(|state| {
        json!({
            "name": &*state.name,
            "origin": &*state.origin,
            "breaker": state.breaker.word(),
            "waiting": state.waiting,
            "delivered": state.delivered,
            "failed": state.failed,
            "dead": state.dead,
            "lost": state.lost,
            "opened": state.opened,
            "error": state.error.as_deref(),
        })
    });
    Value::Array(shown.collect())
}
