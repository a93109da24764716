//! `POST /v1/documents/{name}/copy`: another document with the same state. Its history and versions are its own.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::IntoResponse;
use selvedge_protocol::document_name::DocumentName;
use selvedge_shards::Expected;
use serde::Deserialize;

use super::body;
use super::failure::failed;
use super::metadata::Metadata;
use super::name::Named;
use super::parts::parts;
use super::state::{describe, state};
use super::tag::{Conditions, Tag};
use crate::audit::Action;
use crate::auth::Right;
use crate::control::Context;
use crate::control::act::Actor;
use crate::control::parameters::Parameters;
use crate::control::problem::Problem;
use crate::documents::Failed;

/// What is wanted.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    to: String,
    #[serde(default)]
    overwrite: bool,
}

pub(super) async fn copy(
    State(context): State<Arc<Context>>,
    actor: Actor,
    Named(name): Named,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<impl IntoResponse, Problem> {
    let mut act = actor.act(Action::CopyDocument, Some(name.as_str()));
    let read = async {
        actor.caller.require(name.as_str(), Right::Read)?;
        Parameters::read(&uri, &[])?;
        let conditions = Conditions::read(&headers)?;
        let wanted: Wanted = body::read_json(&context.room, &headers, body).await?;
        let to = DocumentName::new(&wanted.to).map_err(|error| Problem::unprocessable(format!("to: {error}")))?;
        Ok((to, wanted.overwrite, conditions))
    };
    let (to, overwrite, conditions) = match read.await {
        Ok(read) => {
            act = act.with_target(read.0.as_str());
            read
        }
        Err(problem) => return act.run(async { Err(problem) }).await,
    };
    let work = async {
        actor.caller.require(to.as_str(), Right::Write)?;
        if overwrite {
            // It deletes what was there, versions and all.
            actor.caller.require_admin()?;
        }
        if to == name {
            return Err(Problem::new(StatusCode::CONFLICT, "a document is no copy of itself"));
        }
        let state = state(&context, &name).await?;
        // They speak of what is copied.
        conditions.check_change(Some(Tag::of_state(&state)))?;
        let mut held = context.room.enter()?;
        held.grow(state.update.len())?;
        let parts = parts(&context, state.update).await?;
        let put = match overwrite {
            true => context.documents.replace(&to, parts).await,
            // Who is first of two that copy to one name has it.
            false => context.documents.put_whole(&to, parts, Expected::Nothing).await.map(|_| false),
        };
        let replaced = put.map_err(|failure| match failure {
            Failed::PreconditionFailed { .. } => {
                Problem::new(StatusCode::CONFLICT, "there is a document of this name already")
            }
            failure => failed(failure),
        })?;
        let described = describe(&context, &to).await?;
        let tag = Tag::of(&described);
        let status = if replaced { StatusCode::OK } else { StatusCode::CREATED };
        Ok(Metadata::from(described).made(status, tag))
    };
    act.run(work).await
}
