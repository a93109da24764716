//! Connections that are not let in, or not any longer: told why in words that their client understands, and closed. Knows no token.

use std::sync::Arc;
use std::time::SystemTime;

use super::{Core, Deadline};
use crate::auth::{Authority, Denied};
use crate::close::Goodbye;
use crate::connection::{Phase, Route};
use crate::driver::ConnectionKey;
use crate::endpoints::Refused;

/// A grant is looked at this often at least, however long it is good: its entry among the timers is gone this long after its connection,
/// and a clock that was set is noticed this much later.
pub(super) const GRANT_LOOK_MS: u64 = 600_000;

impl Core {
    /// Opens a WebSocket only to say why there is none: JavaScript clients see a close code, and never the status of a response.
    pub(super) fn refuse(&mut self, key: ConnectionKey, refused: &Refused) {
        let Some(connection) = self.table.get(key) else { return };
        let goodbye = Goodbye::denied(refused.denied);
        tracing::debug!(?key, code = goodbye.code.value(), reason = %goodbye.reason, "not let in");
        // The shard has never heard of it, so nothing is detached.
        connection.open(Route::Session, refused.response(), None);
        connection.close(&goodbye, &self.rules.session);
        self.closing(key);
    }

    /// Sees to it that a connection ends with its grant.
    pub(super) fn look_at_grant(&mut self, key: ConnectionKey) {
        let Some(connection) = self.table.get(key) else { return };
        let (Phase::Open, Some(admission)) = (connection.phase(), connection.admission()) else { return };
        if matches!(connection.route(), Route::Hocuspocus { .. }) {
            // The end of its documents' grants is theirs; they may have had others since.
            return;
        }
        let now = SystemTime::now();
        if let Err(denied) = self.authority.uphold(&admission.grant, now) {
            return self.say_goodbye(key, &Goodbye::denied(denied));
        }
        let Some(end) = admission.grant.expires_at else { return };
        let left = end.duration_since(now).unwrap_or_default();
        let left_ms = u64::try_from(left.as_millis()).unwrap_or(u64::MAX).min(GRANT_LOOK_MS);
        // Not a moment early: it would be found to hold, and looked at again and again.
        self.timers.insert(self.now.0 + left_ms + 1, Deadline::Grant(key));
    }

    /// Keys or revocations have changed. Who was granted something by a key that is gone keeps it until it is over; who is revoked goes.
    pub(super) fn take_authority(&mut self, authority: &Arc<Authority>) {
        let revokes = authority.revokes_beyond(&self.authority);
        self.authority = Arc::clone(authority);
        if !revokes {
            return;
        }
        let now = SystemTime::now();
        for key in self.table.keys() {
            let Some(connection) = self.table.get(key) else { continue };
            let (Phase::Open, Some(admission)) = (connection.phase(), connection.admission()) else { continue };
            match self.authority.uphold(&admission.grant, now) {
                // The end of what was granted in time is looked at elsewhere.
                Ok(()) | Err(Denied::Expired) => {}
                Err(denied) => {
                    let subject = admission.grant.subject.clone();
                    self.write_down_revoked(subject, denied);
                    self.say_goodbye(key, &Goodbye::denied(denied));
                }
            }
        }
        self.look_at_grants_of_documents(now);
    }
}
