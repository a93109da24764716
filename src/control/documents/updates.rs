//! `POST /v1/documents/{name}/updates`: an update joins a document, like that of any client.

use std::sync::Arc;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::ETAG;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Uri};
use selvedge_protocol::document_name::DocumentName;
use selvedge_shards::Expected;
use serde::Serialize;

use super::body;
use super::bound::bound;
use super::failure::failed;
use super::name::Named;
use super::parts::{bytes_max, parts};
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
        let expected = bound(&context, &name, &conditions).await?;
        edit(&context, &name, update, (expected, &conditions)).await
    };
    actor.act(Action::UpdateDocument, Some(name.as_str())).run(work).await
}

/// Puts a change in, in as many parts as it takes, and answers with the state that it led to.
pub(in crate::control) async fn edit(
    context: &Context,
    name: &DocumentName,
    update: Bytes,
    (expected, conditions): (Expected, &Conditions),
) -> Result<Answer, Problem> {
    let parts = parts(context, update).await?;
    let edited = context.documents.edit(name, parts, expected).await.map_err(|failure| match failure {
        Failed::PreconditionFailed { .. } if conditions.are_none() => {
            Problem::not_found("the document was deleted meanwhile")
        }
        failure => failed(failure),
    })?;
    // Whoever deletes it in the same moment leaves nothing to name.
    let created_ms = context.documents.created_ms(name, &edited).await.map_err(failed)?.unwrap_or_default();
    let tag = Tag { sequence: edited.sequence, created_ms };
    let answer = Edited { sequence: edited.sequence, changed: edited.is_new };
    Ok(([(ETAG, tag.header(Representation::Update))], Json(answer)))
}
