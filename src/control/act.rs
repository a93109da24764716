//! What changes something is written down here, whatever comes of it: done, denied, failed, or given up by who asked for it.

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;

use super::Context;
use super::access::Caller;
use super::peer::Peer;
use super::problem::Problem;
use crate::audit::{Action, Audit, Event, Outcome};

/// Who acts, and from where.
#[derive(Clone, Debug)]
pub(super) struct Actor {
    pub(super) caller: Caller,
    peer: Peer,
    audit: Audit,
}

impl Actor {
    /// Begins an action on a document, or on none.
    pub(super) fn act(&self, action: Action, document: Option<&str>) -> Act {
        let event = Event::Acted {
            subject: self.caller.subject().cloned(),
            address: self.peer.address(),
            action,
            document: document.map(Arc::from),
            target: None,
            outcome: Outcome::Unknown,
        };
        Act { audit: self.audit.clone(), event: Some(event) }
    }
}

impl FromRequestParts<Arc<Context>> for Actor {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, context: &Arc<Context>) -> Result<Self, Problem> {
        let caller = Caller::from_request_parts(parts, context).await?;
        let Ok::<_, Infallible>(peer) = Peer::from_request_parts(parts, context).await;
        Ok(Self { caller, peer, audit: context.audit.clone() })
    }
}

/// An action that is going on. Where the request ends before it does, nobody knows whether it was done, and the log says so.
pub(super) struct Act {
    audit: Audit,
    /// As long as it is not recorded.
    event: Option<Event>,
}

impl Act {
    /// What else tells it from others.
    pub(super) fn with_target(mut self, text: &str) -> Self {
        if let Some(Event::Acted { target, .. }) = &mut self.event {
            *target = Some(text.into());
        }
        self
    }

    /// Does it, the check whether it is allowed included.
    pub(super) async fn run<T>(mut self, work: impl Future<Output = Result<T, Problem>>) -> Result<T, Problem> {
        let result = work.await;
        self.record(match result.as_ref().map_err(Problem::status) {
            Ok(_) => Outcome::Done,
            Err(StatusCode::FORBIDDEN) => Outcome::Denied,
            Err(status) => Outcome::Failed { status: status.as_u16() },
        });
        result
    }

    fn record(&mut self, came_of_it: Outcome) {
        if let Some(mut event) = self.event.take() {
            if let Event::Acted { outcome, .. } = &mut event {
                *outcome = came_of_it;
            }
            self.audit.record(event);
        }
    }
}

impl Drop for Act {
    fn drop(&mut self) {
        self.record(Outcome::Unknown);
    }
}
