//! Who asks, and whether they may. The token is in the header `Authorization: Bearer`, and nowhere else: addresses end up in logs.

use std::sync::Arc;
use std::time::SystemTime;

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};

use super::Context;
use super::peer::Peer;
use super::problem::Problem;
use crate::auth::{Grant, Right};

/// Whoever asks, with what they may do.
#[derive(Clone, Debug)]
pub(super) struct Caller(pub(super) Arc<Grant>);

/// Somebody who may do everything.
#[derive(Clone, Debug)]
pub(super) struct Admin(pub(super) Caller);

impl Caller {
    /// Whether they have this right on a document.
    pub(super) fn may(&self, document: &str, right: Right) -> bool {
        self.0.admin || self.0.right_on(document) >= Some(right)
    }

    /// Refuses those who have less than this right on a document.
    pub(super) fn require(&self, document: &str, right: Right) -> Result<(), Problem> {
        if self.may(document, right) {
            return Ok(());
        }
        Err(Problem::forbidden(format!("the token does not allow to {} this document", right.name())))
    }

    /// Refuses those without the admin claim.
    pub(super) fn require_admin(&self) -> Result<(), Problem> {
        if self.0.admin {
            return Ok(());
        }
        Err(Problem::forbidden("the token has no admin claim (selvedge.admin: true)"))
    }

    /// Refuses those whose token has ended, or who were revoked, while what they asked for goes on.
    pub(super) fn uphold(&self, context: &Context) -> Result<(), Problem> {
        let upheld = context.authority().uphold(&self.0, SystemTime::now());
        upheld.map_err(|denied| Problem::new(StatusCode::UNAUTHORIZED, denied.to_string()))
    }

    /// Who it is, for the audit log; nobody where no tokens are asked for.
    pub(super) fn subject(&self) -> Option<&Arc<str>> {
        self.0.subject.as_ref()
    }
}

fn token(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (value, further) = (values.next(), values.next());
    let malformed = || Problem::new(StatusCode::UNAUTHORIZED, "Authorization has to be `Bearer TOKEN`, once");
    match (value, further) {
        (None, _) => Ok(None),
        (Some(_), Some(_)) => Err(malformed()),
        (Some(value), None) => {
            let (scheme, token) = value.to_str().ok().and_then(|text| text.split_once(' ')).ok_or_else(malformed)?;
            if scheme.eq_ignore_ascii_case("bearer") { Ok(Some(token.trim())) } else { Err(malformed()) }
        }
    }
}

impl FromRequestParts<Arc<Context>> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, context: &Arc<Context>) -> Result<Self, Problem> {
        let admitted = context.authority().admit(token(&parts.headers)?, SystemTime::now());
        let denied = match admitted {
            Ok(grant) => return Ok(Self(grant)),
            Err(denied) if denied.is_transient() => return Err(Problem::unavailable(denied.to_string(), 1)),
            Err(denied) => denied,
        };
        let Peer(address) = Peer::of(&parts.extensions);
        context.bans.login_denied(address, denied);
        Err(Problem::new(StatusCode::UNAUTHORIZED, denied.to_string()))
    }
}

impl FromRequestParts<Arc<Context>> for Admin {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, context: &Arc<Context>) -> Result<Self, Problem> {
        let caller = Caller::from_request_parts(parts, context).await?;
        caller.require_admin()?;
        Ok(Self(caller))
    }
}
