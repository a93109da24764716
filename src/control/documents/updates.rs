//! `POST /v1/documents/{name}/updates`: an update joins a document, like that of any client.

use std::sync::Arc;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::ETAG;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Uri};
use selvedge_protocol::document_name::DocumentName;
use serde::Serialize;

use super::body;
use super::failure::failed;
use super::name::Named;
use super::state::tag;
use super::tag::{Conditions, Representation, Tag};
use crate::audit::Action;
use crate::auth::Right;
use crate::control::Context;
use crate::control::act::Actor;
use crate::control::parameters::Parameters;
use crate::control::problem::Problem;

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
        let bytes_max = context.settings().message_bytes_max.min(context.settings().control_body_bytes_max);
        let (update, _held) = body::read(&headers, body, &["application/octet-stream"], bytes_max).await?;
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
) -> Result<Option<u64>, Problem> {
    if conditions.are_none() {
        return Ok(None);
    }
    let tag = tag(context, name).await?;
    conditions.check_change(tag)?;
    let is_bound = conditions.name_states() || conditions.need_none();
    Ok(is_bound.then(|| tag.map_or(0, |tag| tag.sequence)))
}

pub(in crate::control) async fn edit(
    context: &Context,
    name: &DocumentName,
    update: Bytes,
    expected: Option<u64>,
) -> Result<Answer, Problem> {
    let edited = context.documents.edit(name, update, expected).await.map_err(failed)?;
    let tag = tag(context, name).await?;
    // Whoever deletes it in the same moment leaves nothing to name.
    let tag = Tag { sequence: edited.sequence, created_ms: tag.map_or(0, |tag| tag.created_ms) };
    let answer = Edited { sequence: edited.sequence, changed: edited.is_new };
    Ok(([(ETAG, tag.header(Representation::Update))], Json(answer)))
}
