//! The one place where reasons become close codes. Clients act on the code: y-websocket takes 4400 to 4499 as final and never comes
//! back, so those are only for what trying again cannot mend; everything else says "try again". Does not close anything.

use std::borrow::Cow;

use selvedge_protocol::websocket::{CloseCode, Violation};
use selvedge_shards::CloseReason;
use selvedge_shards::reading::ReadFailed;

use crate::auth::Denied;
use crate::hocuspocus::Fatal;
use crate::limits::UserFull;

/// What the peer sent can never be taken.
const REFUSED: CloseCode = CloseCode::new(4400).expect("codes from 4000 to 4999 are for applications");
/// There is no token that lets the peer in, or not any longer.
const UNAUTHORIZED: CloseCode = CloseCode::new(4401).expect("codes from 4000 to 4999 are for applications");
/// The token does not allow the document.
const FORBIDDEN: CloseCode = CloseCode::new(4403).expect("codes from 4000 to 4999 are for applications");
/// The document is not there any more.
const DELETED: CloseCode = CloseCode::new(4410).expect("codes from 4000 to 4999 are for applications");
/// The document is as large as it may become, and the peer's part does not fit.
const DOCUMENT_FULL: CloseCode = CloseCode::new(4413).expect("codes from 4000 to 4999 are for applications");

/// Begin again (Hocuspocus: `ResetConnection`).
const RESET: CloseCode = CloseCode::new(4205).expect("codes from 4000 to 4999 are for applications");
/// What was waited for did not come (Hocuspocus: `ConnectionTimeout`).
const TIMEOUT: CloseCode = CloseCode::new(4408).expect("codes from 4000 to 4999 are for applications");

/// What a peer is told at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Goodbye {
    /// For programs.
    pub code: CloseCode,
    /// For people. What does not fit into a Close frame is cut.
    pub reason: Cow<'static, str>,
}

impl Goodbye {
    /// The shard ends a session.
    #[must_use]
    pub fn session(reason: &CloseReason) -> Self {
        match reason {
            CloseReason::UpdateRefused(refused) => Self::new(REFUSED, format!("update refused: {refused}")),
            CloseReason::AwarenessRefused(malformed) => Self::new(REFUSED, format!("awareness refused: {malformed}")),
            CloseReason::StateVectorRefused(refused) => Self::new(REFUSED, format!("state vector refused: {refused}")),
            CloseReason::LoadFailed(ReadFailed::Storage(_)) => {
                Self::new(CloseCode::TRY_AGAIN_LATER, "the document cannot be read now")
            }
            // Not final: the clients come back by themselves when the operator has mended it.
            CloseReason::LoadFailed(ReadFailed::Corrupt(_)) => {
                Self::new(CloseCode::INTERNAL_ERROR, "the stored document is damaged")
            }
            CloseReason::LoadFailed(ReadFailed::Busy) => {
                Self::new(CloseCode::TRY_AGAIN_LATER, "too many documents are being read")
            }
            CloseReason::DocumentFull { bytes_max } => {
                Self::new(DOCUMENT_FULL, format!("the document would exceed {bytes_max} bytes"))
            }
            CloseReason::SessionsFull { sessions_max } => Self::new(
                CloseCode::TRY_AGAIN_LATER,
                format!("the document has {sessions_max} sessions, which is the limit"),
            ),
            CloseReason::DocumentsFull { documents_max } => Self::new(
                CloseCode::TRY_AGAIN_LATER,
                format!("{documents_max} documents are open on this core, which is the limit"),
            ),
            CloseReason::TooSlow => {
                Self::new(CloseCode::TRY_AGAIN_LATER, "the connection is too slow for the document")
            }
            // Who came back by itself would bring back what it has.
            CloseReason::Deleted => Self::new(DELETED, "the document is deleted"),
            CloseReason::Dismissed => Self::dismissed(),
        }
    }

    /// The peer is not let in, or not any longer.
    #[must_use]
    pub fn denied(denied: Denied) -> Self {
        let code = if denied.is_transient() {
            CloseCode::TRY_AGAIN_LATER
        } else if denied == Denied::Forbidden {
            FORBIDDEN
        } else {
            UNAUTHORIZED
        };
        Self::new(code, denied.to_string())
    }

    /// The peer broke RFC 6455, or a limit on frames and messages.
    #[must_use]
    pub fn violation(violation: Violation) -> Self {
        Self::new(violation.close_code(), violation.to_string())
    }

    /// The peer sent text on a route that speaks binary.
    #[must_use]
    pub fn text() -> Self {
        Self::new(CloseCode::UNSUPPORTED_DATA, "only binary messages are spoken here")
    }

    /// The peer sent what is no message.
    #[must_use]
    pub fn malformed_message(what: impl std::fmt::Display) -> Self {
        Self::new(REFUSED, format!("message refused: {what}"))
    }

    /// A connection with many documents is ended as a whole. The codes are those of Hocuspocus, whose clients come back after each.
    #[must_use]
    pub fn documents(fatal: Fatal) -> Self {
        match fatal {
            Fatal::Address(error) => Self::malformed_message(error),
            Fatal::QueueFull => Self::new(RESET, "more was sent before the token than is kept"),
            Fatal::Unproven => Self::new(TIMEOUT, "no token was good in time"),
        }
    }

    /// The peer sends more than is taken from it, although it was told to wait.
    #[must_use]
    pub fn too_fast() -> Self {
        Self::new(CloseCode::TRY_AGAIN_LATER, "more was sent than the server can take now")
    }

    /// All connections together have sent too much that is not whole.
    #[must_use]
    pub fn too_much_unfinished() -> Self {
        Self::new(CloseCode::TRY_AGAIN_LATER, "too many large messages are on their way at once")
    }

    /// The user has opened newer connections than this, and as many as allowed.
    #[must_use]
    pub fn displaced() -> Self {
        Self::new(CloseCode::TRY_AGAIN_LATER, "the user has newer connections, and as many as allowed")
    }

    /// The user has as many connections or sessions as allowed.
    #[must_use]
    pub fn user_full(full: UserFull) -> Self {
        Self::new(CloseCode::TRY_AGAIN_LATER, full.to_string())
    }

    /// A message was begun and did not end. Not final: the next network may be a better one.
    #[must_use]
    pub fn message_overdue() -> Self {
        Self::new(CloseCode::TRY_AGAIN_LATER, "a message was begun and did not come in time")
    }

    /// Somebody who may has sent the peer away, who may come back.
    #[must_use]
    pub fn dismissed() -> Self {
        Self::new(CloseCode::TRY_AGAIN_LATER, "disconnected by an administrator")
    }

    /// Memory is short, and this connection holds more of it than others.
    #[must_use]
    pub fn memory_short() -> Self {
        Self::new(CloseCode::TRY_AGAIN_LATER, "memory is short")
    }

    /// From the address of this connection too many logins have failed.
    #[must_use]
    pub fn banned() -> Self {
        Self::new(CloseCode::TRY_AGAIN_LATER, "too many failed logins from this address")
    }

    /// The server stops.
    #[must_use]
    pub fn drain() -> Self {
        Self::new(CloseCode::SERVICE_RESTART, "the server stops")
    }

    fn new(code: CloseCode, reason: impl Into<Cow<'static, str>>) -> Self {
        Self { code, reason: reason.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_final(reason: CloseReason) -> bool {
        let code = Goodbye::session(&reason).code;
        assert!(code.may_be_sent_by(selvedge_protocol::websocket::Role::Server));
        (4400..4500).contains(&code.value())
    }

    #[test]
    fn only_what_cannot_be_mended_is_final() {
        assert!(is_final(CloseReason::DocumentFull { bytes_max: 1 }));
        assert!(is_final(CloseReason::UpdateRefused(selvedge_protocol::update::Refused::Empty)));
        assert!(!is_final(CloseReason::LoadFailed(ReadFailed::Storage("disk".into()))));
        assert!(!is_final(CloseReason::LoadFailed(ReadFailed::Corrupt("checksum".into()))));
        assert!(!is_final(CloseReason::LoadFailed(ReadFailed::Busy)));
        assert!(!is_final(CloseReason::SessionsFull { sessions_max: 1 }));
        assert!(!is_final(CloseReason::DocumentsFull { documents_max: 1 }));
        assert!(!is_final(CloseReason::TooSlow));
        assert!(is_final(CloseReason::Deleted));
        assert!(!is_final(CloseReason::Dismissed));
        assert_eq!(Goodbye::drain().code.value(), 1012);
    }

    #[test]
    fn who_is_not_let_in_is_told_whether_to_come_again() {
        let code = |denied| Goodbye::denied(denied).code.value();
        for denied in [
            Denied::Missing,
            Denied::Ambiguous,
            Denied::Malformed,
            Denied::Untrusted,
            Denied::Claim("exp"),
            Denied::Expired,
            Denied::Audience,
            Denied::Issuer,
            Denied::Revoked,
        ] {
            assert_eq!(code(denied), 4401, "{denied}");
        }
        assert_eq!(code(Denied::Forbidden), 4403);
        for denied in [Denied::NotYetValid, Denied::KeysPending, Denied::KeyPending] {
            assert_eq!(code(denied), 1013, "{denied}");
        }
    }

    #[test]
    fn what_went_wrong_on_our_side_is_not_told_in_detail() {
        for failed in [ReadFailed::Storage("/var/lib/secret".into()), ReadFailed::Corrupt("/var/lib/secret".into())] {
            assert!(!Goodbye::session(&CloseReason::LoadFailed(failed)).reason.contains("secret"));
        }
    }
}
