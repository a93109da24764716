//! Why something of a document could not be done, as an answer. The whole policy stands here.

use axum::http::StatusCode;

use crate::control::problem::Problem;
use crate::documents::Failed;
use crate::view::ViewError;

/// Seconds after which a disk may write again, and a crowd be gone.
const STALL_RETRY: u32 = 5;
const CROWD_RETRY: u32 = 1;

/// A document could not be reached or changed.
pub(in crate::control) fn failed(failed: Failed) -> Problem {
    let detail = failed.to_string();
    match failed {
        Failed::Panicked => Problem::internal(&detail),
        Failed::Refused(_) | Failed::Full { .. } => Problem::unprocessable(detail),
        Failed::PreconditionFailed { .. } => Problem::new(StatusCode::PRECONDITION_FAILED, detail),
        Failed::Busy | Failed::Draining => Problem::unavailable(detail, CROWD_RETRY),
        Failed::Stalled(_) | Failed::Storage(_) => Problem::unavailable(detail, STALL_RETRY),
        Failed::TimedOut => Problem::new(StatusCode::GATEWAY_TIMEOUT, detail),
        // Nobody sent it: what is on this disk is not what was written.
        Failed::Damaged(_) => Problem::new(StatusCode::INTERNAL_SERVER_ERROR, detail),
    }
}

/// A document could not be looked into.
pub(in crate::control) fn not_viewed(error: ViewError) -> Problem {
    let detail = error.to_string();
    match error {
        ViewError::Busy | ViewError::Unavailable { .. } => Problem::unavailable(detail, CROWD_RETRY),
        ViewError::TimedOut { .. } => Problem::new(StatusCode::GATEWAY_TIMEOUT, detail),
        ViewError::NoSuchRoot => Problem::not_found(detail),
        // What a document is, or what was asked of it: another try would end in the same way.
        ViewError::TooLarge { .. } | ViewError::Died(_) | ViewError::Malformed | ViewError::BadOperation { .. } => {
            Problem::unprocessable(detail)
        }
    }
}
