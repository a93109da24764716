//! `/v1/documents/{name}/versions`: whole states of a document that were kept, to be looked at, compared and brought back.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{FromRequestParts, State};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, ETAG, LOCATION, VARY};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use selvedge_protocol::document_name::DocumentName;
use selvedge_storage::{VERSION_TEXT_BYTES_MAX, Version};
use serde::{Deserialize, Serialize};

use super::Context;
use super::access::Caller;
use super::act::Actor;
use super::documents::body;
use super::documents::bound::bound_to;
use super::documents::content::{represent, wanted};
use super::documents::failure::{failed, not_viewed};
use super::documents::name::{Named, escape};
use super::documents::state::{describe, not_there, state};
use super::documents::tag::{Conditions, Tag};
use super::documents::times::rfc_3339;
use super::documents::updates::{self, Answer};
use super::parameters::Parameters;
use super::problem::Problem;
use crate::audit::Action;
use crate::auth::Right;
use crate::versions::{NotKept, Wish};

/// Which segment of `/v1/documents/{name}/versions/{id}` is the number, where the first one is empty.
const SEGMENT: usize = 5;

/// Of the name of a version, as the OpenAPI file has it.
const NAME_CHARACTERS_MAX: usize = 256;

// Each takes four bytes at most.
const _: () = assert!(NAME_CHARACTERS_MAX * 4 <= VERSION_TEXT_BYTES_MAX);

/// A version that is kept before another is brought back is called so.
const BEFORE_RESTORE: &str = "before restoring";

pub(super) fn routes() -> Router<Arc<Context>> {
    Router::new()
        .route("/v1/documents/{name}/versions", get(list).post(save))
        .route("/v1/documents/{name}/versions/{id}", get(find).delete(delete))
        .route("/v1/documents/{name}/versions/{id}/content", get(read))
        .route("/v1/documents/{name}/versions/{id}/compare", get(compare))
        .route("/v1/documents/{name}/versions/{id}/restore", post(restore))
}

/// The number of a version in a path.
struct Numbered(u64);

impl<S: Sync> FromRequestParts<S> for Numbered {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let segment = parts.uri.path().split('/').nth(SEGMENT).unwrap_or_default();
        segment.parse().map(Self).map_err(|_| Problem::bad_request("a version is a number"))
    }
}

/// A version as it is shown.
#[derive(Debug, Serialize)]
struct Shown {
    id: u64,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    author: Option<String>,
    created_at: String,
    sequence: u64,
    bytes: u64,
    automatic: bool,
}

impl Shown {
    /// Who may not know everything learns who kept a version as little as whose sessions there are.
    fn of(version: Version, tells_all: bool) -> Self {
        let author = version.author.clone().filter(|_| tells_all);
        let Version { id, name, author: _, taken_ms, sequence, bytes, is_automatic } = version;
        Self { id, name, author, created_at: rfc_3339(taken_ms), sequence, bytes, automatic: is_automatic }
    }
}

/// All versions of a document, the newest first. There are at most as many as the setting allows.
#[derive(Debug, Serialize)]
struct Page {
    versions: Vec<Shown>,
}

async fn list(
    State(context): State<Arc<Context>>,
    caller: Caller,
    Named(name): Named,
    uri: Uri,
) -> Result<Json<Page>, Problem> {
    caller.require(name.as_str(), Right::Read)?;
    Parameters::read(&uri, &[])?;
    let mut versions = context.versions.list(&name).await.map_err(failed)?;
    if versions.is_empty() {
        describe(&context, &name).await?;
    }
    versions.reverse();
    let versions = versions.into_iter().map(|version| Shown::of(version, caller.0.admin));
    Ok(Json(Page { versions: versions.collect() }))
}

/// What is to be said of a version that is to be kept.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct New {
    /// What it is called.
    #[serde(default)]
    name: String,
}

async fn save(
    State(context): State<Arc<Context>>,
    actor: Actor,
    Named(name): Named,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let work = async {
        actor.caller.require(name.as_str(), Right::Write)?;
        Parameters::read(&uri, &[])?;
        Conditions::refuse(&headers)?;
        let New { name: called } = body::read_json(&context.room, &headers, body).await?;
        if called.chars().count() > NAME_CHARACTERS_MAX || called.chars().any(char::is_control) {
            let detail = format!("a name has at most {NAME_CHARACTERS_MAX} characters and no control characters");
            return Err(Problem::unprocessable(detail));
        }
        let wish = Wish { name: called, author: author(&actor.caller), is_automatic: false };
        let version = context.versions.save(&name, wish).await.map_err(not_kept)?.ok_or_else(not_there)?;
        let location = format!("/v1/documents/{}/versions/{}", escape(name.as_str()), version.id);
        Ok((StatusCode::CREATED, [(LOCATION, location)], Json(Shown::of(version, true))).into_response())
    };
    actor.act(Action::SaveVersion, Some(name.as_str())).run(work).await
}

async fn find(
    State(context): State<Arc<Context>>,
    caller: Caller,
    Named(name): Named,
    Numbered(id): Numbered,
    uri: Uri,
) -> Result<Json<Shown>, Problem> {
    caller.require(name.as_str(), Right::Read)?;
    Parameters::read(&uri, &[])?;
    let versions = context.versions.list(&name).await.map_err(failed)?;
    let found = versions.into_iter().find(|version| version.id == id).ok_or_else(no_version)?;
    Ok(Json(Shown::of(found, caller.0.admin)))
}

async fn delete(
    State(context): State<Arc<Context>>,
    actor: Actor,
    Named(name): Named,
    Numbered(id): Numbered,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, Problem> {
    let work = async {
        // What an edit cannot take away, who may only edit must not.
        actor.caller.require_admin()?;
        Parameters::read(&uri, &[])?;
        Conditions::refuse(&headers)?;
        body::expect_none(body).await?;
        match context.versions.delete(&name, id).await.map_err(failed)? {
            true => Ok(StatusCode::NO_CONTENT),
            false => Err(no_version()),
        }
    };
    actor.act(Action::DeleteVersion, Some(name.as_str())).with_target(&id.to_string()).run(work).await
}

async fn read(
    State(context): State<Arc<Context>>,
    caller: Caller,
    Named(name): Named,
    Numbered(id): Numbered,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    caller.require(name.as_str(), Right::Read)?;
    let parameters = Parameters::read(&uri, &["root"])?;
    let wanted = wanted(&headers, parameters.text("root"))?;
    let conditions = Conditions::read(&headers)?;
    let mut held = context.room.enter()?;
    let (version, update) = version(&context, &name, id).await?;
    // A version never changes: its number says which one it is.
    let tag = Tag { created_ms: version.id, sequence: version.sequence };
    let about = [(ETAG, tag.header(wanted.representation)), (VARY, HeaderValue::from_static("Accept"))];
    if conditions.check_read(tag, wanted.representation)? {
        return Ok((StatusCode::NOT_MODIFIED, about).into_response());
    }
    held.grow(update.len())?;
    let (media_type, content) = represent(&context, update, wanted).await?;
    let length = HeaderValue::from(content.len());
    let headers = [(CONTENT_TYPE, HeaderValue::from_static(media_type)), (CONTENT_LENGTH, length)];
    Ok((about, headers, held.body(content)?).into_response())
}

async fn compare(
    State(context): State<Arc<Context>>,
    caller: Caller,
    Named(name): Named,
    Numbered(id): Numbered,
    uri: Uri,
) -> Result<Response, Problem> {
    caller.require(name.as_str(), Right::Read)?;
    let parameters = Parameters::read(&uri, &["to"])?;
    let to = match parameters.text("to") {
        None | Some("current") => None,
        Some(_) => parameters.value::<u64>("to", "current, or the number of a version")?,
    };
    let mut held = context.room.enter()?;
    let (_, before) = version(&context, &name, id).await?;
    held.grow(before.len())?;
    let after = match to {
        None => state(&context, &name).await?.update,
        Some(id) => version(&context, &name, id).await?.1,
    };
    held.grow(before.len() + after.len())?;
    let comparison = context.view.compare_bytes(before, after).await.map_err(not_viewed)?;
    let length = HeaderValue::from(comparison.len());
    let headers = [(CONTENT_TYPE, HeaderValue::from_static("application/json")), (CONTENT_LENGTH, length)];
    Ok((headers, held.body(comparison)?).into_response())
}

async fn restore(
    State(context): State<Arc<Context>>,
    actor: Actor,
    Named(name): Named,
    Numbered(id): Numbered,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Answer, Problem> {
    let work = async {
        actor.caller.require(name.as_str(), Right::Write)?;
        Parameters::read(&uri, &[])?;
        body::expect_none(body).await?;
        let conditions = Conditions::read(&headers)?;
        let mut held = context.room.enter()?;
        let (_, wanted) = version(&context, &name, id).await?;
        held.grow(wanted.len())?;
        if !conditions.are_none() {
            // What is refused leaves nothing behind.
            conditions.check_change(Some(Tag::of(&describe(&context, &name).await?)))?;
        }
        // Whatever comes of it, there is a way back. It is kept before the state is read that is changed.
        let wish = Wish { name: BEFORE_RESTORE.to_owned(), author: author(&actor.caller), is_automatic: true };
        context.versions.save(&name, wish).await.map_err(not_kept)?;
        let deletions = context.documents.deletions(&name).await.map_err(failed)?;
        let now = state(&context, &name).await?;
        let tag = Tag::of_state(&now);
        conditions.check_change(Some(tag))?;
        held.grow(wanted.len() + now.update.len())?;
        let update = context.view.restore(now.update, wanted).await.map_err(not_viewed)?;
        let expected = bound_to(tag, deletions, &conditions);
        updates::edit(&context, &name, update, (expected, &conditions)).await
    };
    actor.act(Action::RestoreVersion, Some(name.as_str())).with_target(&id.to_string()).run(work).await
}

async fn version(context: &Context, name: &DocumentName, id: u64) -> Result<(Version, Bytes), Problem> {
    context.versions.get(name, id).await.map_err(failed)?.ok_or_else(no_version)
}

/// Who keeps a version, as far as there is room for the name.
fn author(caller: &Caller) -> Option<String> {
    caller.subject().filter(|subject| subject.len() <= VERSION_TEXT_BYTES_MAX).map(|subject| subject.to_string())
}

fn no_version() -> Problem {
    Problem::not_found("the document has no version of this number")
}

fn not_kept(not_kept: NotKept) -> Problem {
    match not_kept {
        NotKept::NoDocument => Problem::not_found("nothing is stored of a document of this name"),
        NotKept::NoRoom(room) => Problem::unprocessable(format!(
            "those versions of a document that are kept by hand are at most {} with {} bytes in all (half of versions_per_document_max and of \
             versions_bytes_per_document_max): delete some",
            room.versions_max, room.bytes_max
        )),
        NotKept::Unreadable(why) => failed(why.into()),
        NotKept::Store(error) => failed(error.into()),
    }
}
