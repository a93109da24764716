//! Documents over HTTP. What a path does stands in a file of its own; what they need in common beside them.

mod accept;
mod archive;
pub(super) mod body;
pub(super) mod bound;
pub(super) mod content;
mod copy;
mod cursor;
mod entry_name;
mod export;
pub(super) mod failure;
mod import;
mod inventory;
mod list;
mod metadata;
pub(super) mod name;
mod parts;
mod places;
mod pump;
pub(super) mod room;
mod sessions;
pub(super) mod state;
pub(super) mod tag;
pub(super) mod times;
mod under_way;
pub(super) mod updates;
mod users;

use std::sync::Arc;

use axum::Router;
use axum::routing::{delete, get, post};

use super::Context;

pub(super) fn routes() -> Router<Arc<Context>> {
    Router::new()
        .route("/v1/documents", get(list::list))
        .route("/v1/documents/{name}", get(metadata::describe).put(metadata::create).delete(metadata::delete))
        .route("/v1/documents/{name}/content", get(content::read).patch(content::patch))
        .route("/v1/documents/{name}/updates", post(updates::apply))
        .route("/v1/documents/{name}/copy", post(copy::copy))
        .route("/v1/documents/{name}/export", get(export::one))
        .route("/v1/documents/{name}/sessions", get(sessions::list))
        .route("/v1/documents/{name}/sessions/{session}", delete(sessions::dismiss))
        .route("/v1/documents/{name}/stateless", post(sessions::tell))
        .route("/v1/users/{subject}/sessions", delete(users::dismiss))
        .route("/v1/users/{subject}/revoke", post(users::revoke))
}

/// What may take as long as it goes on.
pub(super) fn streams() -> Router<Arc<Context>> {
    Router::new().route("/v1/export", get(export::all)).route("/v1/import", post(import::import))
}
