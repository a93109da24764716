//! The state of a document: what it is as one update, and the tag of it.

use axum::body::Bytes;
use selvedge_protocol::document_name::DocumentName;

use super::failure::failed;
use super::tag::Tag;
use crate::control::Context;
use crate::control::problem::Problem;
use crate::documents::{Description, EMPTY_UPDATE, State};

impl Tag {
    /// Of a document of which nothing is stored the tag is that of nothing.
    pub(in crate::control) fn of(description: &Description) -> Self {
        Self { created_ms: description.created_ms.unwrap_or_default(), sequence: description.sequence }
    }

    pub(in crate::control) fn of_state(state: &State) -> Self {
        Self { created_ms: state.created_ms, sequence: state.sequence }
    }
}

/// What is committed of a document; nothing in it where it is only open.
pub(in crate::control) async fn state(context: &Context, name: &DocumentName) -> Result<State, Problem> {
    if let Some(state) = context.documents.state(name).await.map_err(failed)? {
        return Ok(state);
    }
    describe(context, name).await?;
    Ok(State { sequence: 0, update: Bytes::from_static(EMPTY_UPDATE), created_ms: 0 })
}

/// What is known of a document that is there.
pub(in crate::control) async fn describe(context: &Context, name: &DocumentName) -> Result<Description, Problem> {
    context.documents.describe(name).await.map_err(failed)?.ok_or_else(not_there)
}

/// The state that a document is in; nothing where there is none.
pub(in crate::control) async fn tag(context: &Context, name: &DocumentName) -> Result<Option<Tag>, Problem> {
    Ok(context.documents.describe(name).await.map_err(failed)?.as_ref().map(Tag::of))
}

pub(in crate::control) fn not_there() -> Problem {
    Problem::not_found("there is no document of this name")
}
