//! `POST /v1/documents/{name}/updates`: an update joins a document, like that of any client.

use std::sync::Arc;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::ETAG;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Uri};
use selvedge_protocol::document_name::DocumentName;
use selvedge_shards::{Expected, Sequence};
use serde::Serialize;

use super::body;
use super::failure::failed;
use super::name::Named;
use super::parts::bytes_max;
use super::state::tag;
use super::tag::{Conditions, Representation, Tag};
use crate::audit::Action;
use crate::auth::Right;
use crate::control::Context;
use crate::control::act::Actor;
use crate::control::parameters::Parameters;
use crate::control::problem::Problem;
use crate::documents::Failed;

/// What came of an edit.
#[derive(Debug, Serialize)]
pub(in crate::control) struct Edited {
    sequence: u64,
    changed: bool,
}

/// An answer with the tag of the state that it led to.
pub(in crate::control) type Answer = ([(HeaderName, HeaderValue); 1], Json<Edited>);

pub(super) async fn apply(
    State(context): State<Arc<Context>>,
    actor: Actor,
    Named(name): Named,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Answer, Problem> {
    let work = async {
        actor.caller.require(name.as_str(), Right::Write)?;
        Parameters::read(&uri, &[])?;
        let conditions = Conditions::read(&headers)?;
        let bytes_max = bytes_max(&context).min(context.settings().control_body_bytes_max);
        let (update, _held) =
            body::read(&context.room, &headers, body, &["application/octet-stream"], bytes_max).await?;
        let expected = expected(&context, &name, &conditions).await?;
        edit(&context, &name, update, expected).await
    };
    actor.act(Action::UpdateDocument, Some(name.as_str())).run(work).await
}

/// The sequence to which a change is bound by the request; nothing where it is bound to none.
pub(super) async fn expected(
    context: &Context,
    name: &DocumentName,
    conditions: &Conditions,
) -> Result<Expected, Problem> {
    if conditions.are_none() {
        return Ok(Expected::Any);
    }
    let tag = tag(context, name).await?;
    conditions.check_change(tag)?;
    let is_bound = conditions.name_states() || conditions.need_none();
    let bound = || Expected::Exactly(Sequence(tag.map_or(0, |tag| tag.sequence)));
    Ok(if is_bound { bound() } else { Expected::Any })
}

/// Where a document has to stand for a change that was made from a state of it. Without a condition it may have moved on, but not be gone: what
/// was deleted does not come back because of what was changed in it.
pub(in crate::control) fn made_from(tag: Tag, conditions: &Conditions) -> Expected {
    let state = Sequence(tag.sequence);
    if conditions.name_states() { Expected::Exactly(state) } else { Expected::AtLeast(state) }
}

pub(in crate::control) async fn edit(
    context: &Context,
    name: &DocumentName,
    update: Bytes,
    expected: Expected,
) -> Result<Answer, Problem> {
    let edited = context.documents.edit(name, update, expected).await.map_err(|failure| match (expected, failure) {
        (Expected::AtLeast(_), Failed::PreconditionFailed { .. }) => {
            Problem::not_found("the document was deleted meanwhile")
        }
        (Expected::Any | Expected::Exactly(_) | Expected::AtLeast(_), failure) => failed(failure),
    })?;
    let tag = tag(context, name).await?;
    // Whoever deletes it in the same moment leaves nothing to name.
    let tag = Tag { sequence: edited.sequence, created_ms: tag.map_or(0, |tag| tag.created_ms) };
    let answer = Edited { sequence: edited.sequence, changed: edited.is_new };
    Ok(([(ETAG, tag.header(Representation::Update))], Json(answer)))
}
