//! `/v1/users/{subject}`: closing the sessions of a user, and letting the user in no more.

use std::sync::Arc;

use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{StatusCode, Uri};
use selvedge_protocol::http::percent_decode;
use serde::Serialize;

use super::failure::failed;
use crate::audit::Action;
use crate::auth::{RevokeError, SUBJECT_BYTES_MAX, is_subject};
use crate::control::Context;
use crate::control::act::Actor;
use crate::control::parameters::Parameters;
use crate::control::problem::Problem;
use crate::documents::blocking;

/// Which segment of `/v1/users/{subject}` it is, where the first one is empty.
const SEGMENT: usize = 3;

/// The user in a path.
pub(super) struct Subject(String);

impl<S: Sync> FromRequestParts<S> for Subject {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let segment = parts.uri.path().split('/').nth(SEGMENT).unwrap_or_default();
        let text = percent_decode(segment).ok().and_then(|bytes| String::from_utf8(bytes.into_owned()).ok());
        text.filter(|text| is_subject(text)).map(Self).ok_or_else(not_a_subject)
    }
}

fn not_a_subject() -> Problem {
    let allowed = format!("1 to {SUBJECT_BYTES_MAX} bytes of UTF-8 without control characters, percent-encoded");
    Problem::bad_request(format!("no token can have this subject; allowed are {allowed}"))
}

#[derive(Debug, Serialize)]
pub(super) struct Dismissed {
    sessions: usize,
}

pub(super) async fn dismiss(
    State(context): State<Arc<Context>>,
    actor: Actor,
    Subject(subject): Subject,
    uri: Uri,
) -> Result<Json<Dismissed>, Problem> {
    let act = actor.act(Action::DismissUser, None).with_target(&subject);
    let work = async {
        actor.caller.require_admin()?;
        Parameters::read(&uri, &[])?;
        let sessions = context.documents.dismiss_user(&subject);
        Ok(Json(Dismissed { sessions }))
    };
    act.run(work).await
}

pub(super) async fn revoke(
    State(context): State<Arc<Context>>,
    actor: Actor,
    Subject(subject): Subject,
    uri: Uri,
) -> Result<StatusCode, Problem> {
    let act = actor.act(Action::RevokeUser, None).with_target(&subject);
    let work = async {
        actor.caller.require_admin()?;
        Parameters::read(&uri, &[])?;
        let revoker = context.revoker.clone();
        // It waits until every core has been told.
        blocking(move || revoker.revoke(&subject)).await.map_err(failed)?.map_err(|error| match error {
            RevokeError::NotASubject => not_a_subject(),
            RevokeError::NoTokens | RevokeError::Full => Problem::new(StatusCode::CONFLICT, error.to_string()),
            RevokeError::Stopping => Problem::unavailable(error.to_string(), 1),
        })?;
        Ok(StatusCode::NO_CONTENT)
    };
    act.run(work).await
}
