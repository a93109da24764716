//! `/v1/documents/{name}/content`: what is in a document, as an update, as JSON and as text; and operations on it.
//!
//! One path with three representations rather than three paths: they are of one state, have one tag, and a change answers with it.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, ETAG, VARY};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse, Response};

use super::accept::choose;
use super::body;
use super::bound::bound_to;
use super::failure::{failed, not_viewed};
use super::name::Named;
use super::state::{describe, state};
use super::tag::{Conditions, Representation, Tag};
use super::updates::{self, Answer};
use crate::audit::Action;
use crate::auth::Right;
use crate::control::Context;
use crate::control::access::Caller;
use crate::control::act::Actor;
use crate::control::parameters::Parameters;
use crate::control::problem::Problem;
use crate::view::Operation;

/// In the order in which they are taken where several are wanted.
const OFFERS: [(&str, Representation); 3] = [
    ("application/octet-stream", Representation::Update),
    ("application/json", Representation::Json),
    ("text/plain", Representation::Text),
];

pub(super) async fn read(
    State(context): State<Arc<Context>>,
    caller: Caller,
    Named(name): Named,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    caller.require(name.as_str(), Right::Read)?;
    let parameters = Parameters::read(&uri, &["root"])?;
    let wanted = wanted(&headers, parameters.text("root"))?;
    let representation = wanted.representation;
    let conditions = Conditions::read(&headers)?;
    let about = |tag: Tag| [(ETAG, tag.header(representation)), (VARY, HeaderValue::from_static("Accept"))];
    if !conditions.are_none() {
        // Before all of it is read.
        let tag = Tag::of(&describe(&context, &name).await?);
        if conditions.check_read(tag, representation)? {
            return Ok((StatusCode::NOT_MODIFIED, about(tag)).into_response());
        }
    }
    let mut held = context.room.enter()?;
    let state = state(&context, &name).await?;
    let tag = Tag::of_state(&state);
    // It may have moved on since.
    if conditions.check_read(tag, representation)? {
        return Ok((StatusCode::NOT_MODIFIED, about(tag)).into_response());
    }
    let about = about(tag);
    held.grow(state.update.len())?;
    let (media_type, content) = represent(&context, state.update, wanted).await?;
    let length = HeaderValue::from(content.len());
    let headers = [(CONTENT_TYPE, HeaderValue::from_static(media_type)), (CONTENT_LENGTH, length)];
    Ok((about, headers, held.body(content)?).into_response())
}

/// What of a state is wanted.
pub(in crate::control) struct Wanted {
    pub(in crate::control) representation: Representation,
    root: Option<String>,
}

/// What a request wants to have: `root` is that of which alone the text is wanted.
pub(in crate::control) fn wanted(headers: &HeaderMap, root: Option<&str>) -> Result<Wanted, Problem> {
    // Of one root there is the text alone.
    let offers = if root.is_some() { &OFFERS[2..] } else { &OFFERS };
    let media_types: Vec<&str> = offers.iter().map(|&(media_type, _)| media_type).collect();
    let (_, representation) = offers[choose(headers, &media_types)?];
    Ok(Wanted { representation, root: root.map(str::to_owned) })
}

/// A state as it is wanted, with its media type.
pub(in crate::control) async fn represent(
    context: &Context,
    update: Bytes,
    wanted: Wanted,
) -> Result<(&'static str, Bytes), Problem> {
    Ok(match wanted.representation {
        Representation::Update => ("application/octet-stream", update),
        Representation::Json => ("application/json", context.view.json_bytes(update).await.map_err(not_viewed)?),
        Representation::Text => {
            let text = context.view.text(update, wanted.root).await.map_err(not_viewed)?;
            ("text/plain; charset=utf-8", text.into())
        }
    })
}

pub(super) async fn patch(
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
        let operations: Vec<Operation> = body::read_json(&context.room, &headers, body).await?;
        let deletions = context.documents.deletions(&name).await.map_err(failed)?;
        let state = state(&context, &name).await?;
        let tag = Tag::of_state(&state);
        conditions.check_change(Some(tag))?;
        let mut held = context.room.enter()?;
        held.grow(state.update.len())?;
        let update = context.view.patch(state.update, operations).await.map_err(not_viewed)?;
        let expected = bound_to(tag, deletions, &conditions);
        updates::edit(&context, &name, update, (expected, &conditions)).await
    };
    actor.act(Action::PatchDocument, Some(name.as_str())).run(work).await
}
