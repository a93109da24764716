//! `/v1/documents/{name}`: what is known of a document, making one, deleting one.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{ETAG, LOCATION};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::body;
use super::bound::bound;
use super::failure::failed;
use super::name::{self, Named};
use super::state;
use super::tag::{Conditions, Representation, Tag};
use super::times::rfc_3339;
use crate::audit::Action;
use crate::auth::Right;
use crate::control::Context;
use crate::control::access::Caller;
use crate::control::act::Actor;
use crate::control::parameters::Parameters;
use crate::control::problem::Problem;
use crate::documents::Description;

/// What is known of a document.
#[derive(Debug, Serialize)]
pub(super) struct Metadata {
    name: String,
    sequence: u64,
    created_at: Option<String>,
    updated_at: Option<String>,
    bytes: u64,
    sessions: usize,
}

impl From<Description> for Metadata {
    fn from(described: Description) -> Self {
        Self {
            name: described.name,
            sequence: described.sequence,
            created_at: described.created_ms.map(rfc_3339),
            updated_at: described.updated_ms.map(rfc_3339),
            bytes: described.bytes,
            sessions: described.sessions,
        }
    }
}

impl Metadata {
    /// The answer to whoever has made a document, or found it there.
    pub(super) fn made(self, status: StatusCode, tag: Tag) -> (StatusCode, [(HeaderName, HeaderValue); 2], Json<Self>) {
        let location = format!("/v1/documents/{}", name::escape(&self.name));
        let location = HeaderValue::try_from(location).expect("what is escaped is a header's value");
        (status, [(ETAG, tag.header(Representation::Update)), (LOCATION, location)], Json(self))
    }
}

pub(super) async fn describe(
    State(context): State<Arc<Context>>,
    caller: Caller,
    Named(name): Named,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    caller.require(name.as_str(), Right::Read)?;
    Parameters::read(&uri, &[])?;
    let conditions = Conditions::read(&headers)?;
    let described = state::describe(&context, &name).await?;
    let tag = Tag::of(&described);
    let about = [(ETAG, tag.header(Representation::Update))];
    if conditions.check_read(tag, Representation::Update)? {
        return Ok((StatusCode::NOT_MODIFIED, about).into_response());
    }
    Ok((about, Json(Metadata::from(described))).into_response())
}

pub(super) async fn create(
    State(context): State<Arc<Context>>,
    actor: Actor,
    Named(name): Named,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<impl IntoResponse, Problem> {
    let work = async {
        actor.caller.require(name.as_str(), Right::Write)?;
        Parameters::read(&uri, &[])?;
        body::expect_none(body).await?;
        let conditions = Conditions::read(&headers)?;
        let expected = bound(&context, &name, &conditions).await?;
        let (is_new, _) = context.documents.create(&name, expected).await.map_err(failed)?;
        let described = state::describe(&context, &name).await?;
        let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
        let tag = Tag::of(&described);
        Ok(Metadata::from(described).made(status, tag))
    };
    actor.act(Action::CreateDocument, Some(name.as_str())).run(work).await
}

pub(super) async fn delete(
    State(context): State<Arc<Context>>,
    actor: Actor,
    Named(name): Named,
    uri: Uri,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    let work = async {
        // Unlike an edit it takes the versions too: whoever may write must not be able to.
        actor.caller.require_admin()?;
        Parameters::read(&uri, &[])?;
        let conditions = Conditions::read(&headers)?;
        let expected = bound(&context, &name, &conditions).await?;
        match context.documents.delete(&name, expected).await.map_err(failed)? {
            true => Ok(StatusCode::NO_CONTENT),
            false => Err(state::not_there()),
        }
    };
    actor.act(Action::DeleteDocument, Some(name.as_str())).run(work).await
}
