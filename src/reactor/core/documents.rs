//! Connections with many documents: their steps to the shard, and what their sessions are sent back to the socket. What an address means,
//! [`crate::hocuspocus`] knows.

use std::sync::Arc;
use std::time::SystemTime;

use selvedge_shards::{Dialect, Frame, Input, Now, SessionId};

use super::super::seats::{Held, Member};
use super::admitting::GRANT_LOOK_MS;
use super::telling::Why;
use super::{Core, Deadline};
use crate::audit::{Address, How};
use crate::auth::{Denied, Grant};
use crate::close::Goodbye;
use crate::connection::{Hold, Phase};
use crate::driver::ConnectionKey;
use crate::encoder::Encoding;
use crate::events;
use crate::hocuspocus::{Admission, Admitted, Hocuspocus, Matter, Step};
use crate::limits::UserTicket;

impl Core {
    /// A connection is open, and is for many documents.
    pub(super) fn open_documents(&mut self, key: ConnectionKey) {
        self.many.insert(key, Box::new(Hocuspocus::new(self.rules.hocuspocus, self.now)));
        self.arm_documents(key);
    }

    /// What has waited for a token that has come. Says whether the connection may go on to be heard.
    pub(super) fn hear_queued(&mut self, key: ConnectionKey) -> bool {
        loop {
            let may_hear = self.table.get(key).is_some_and(|it| it.phase() == Phase::Open && !it.is_held());
            if !may_hear {
                return false;
            }
            let Some(many) = self.many.get_mut(&key) else { return true };
            let Some(frame) = many.poll_queued() else { return true };
            if !self.hear_of_documents(key, &frame) {
                return false;
            }
        }
    }

    /// One message of a connection with many documents. Says whether it may go on to be heard.
    fn hear_of_documents(&mut self, key: ConnectionKey, frame: &[u8]) -> bool {
        let Some(many) = self.many.get_mut(&key) else { return false };
        match many.hear(frame, self.now) {
            Ok(Step::Said(input)) => {
                self.handle(input);
                true
            }
            Ok(Step::Matter(matter)) => {
                self.take_matter(key, matter);
                true
            }
            Err(fatal) => {
                self.say_goodbye(key, &Goodbye::documents(fatal));
                false
            }
        }
    }

    /// What a message came to that says nothing to the shard.
    pub(super) fn take_matter(&mut self, key: ConnectionKey, matter: Matter) {
        match matter {
            Matter::Nothing => self.tend_documents(key),
            Matter::Left { session } => self.leave_document(key, session, Why::Left("the client left")),
            Matter::Token { place, document, token } => {
                let is_new = self.many.get(&key).is_some_and(|many| many.session_at(place).is_none());
                if is_new && self.refuses_join(key) {
                    return self.say_goodbye(key, &Goodbye::memory_short());
                }
                let judged = self.judge(key, &document, token.as_deref());
                let is_banned = self.write_down(key, &judged, document);
                match judged {
                    Ok((admitted, grant)) => self.admit(key, place, admitted, grant),
                    Err(_) if is_banned => return self.say_goodbye(key, &Goodbye::banned()),
                    // A client that was told once that its token is not good does not come back by itself.
                    Err(denied) if denied.is_transient() => return self.say_goodbye(key, &Goodbye::denied(denied)),
                    Err(denied) => self.deny(key, place, &denied.to_string()),
                }
            }
        }
        self.arm_documents(key);
    }

    /// What a token allows on a document; where none is given, what the one in the request does.
    fn judge(
        &mut self,
        key: ConnectionKey,
        document: &str,
        token: Option<&str>,
    ) -> Result<(Admitted, Arc<Grant>), Denied> {
        let now = SystemTime::now();
        let of_request =
            self.table.get(key).and_then(|it| it.admission()).map(|admission| Arc::clone(&admission.grant));
        let grant = match (token, of_request) {
            (None, Some(grant)) => {
                // It was granted when the connection came.
                self.authority.uphold(&grant, now)?;
                grant
            }
            (token, _) => self.authority.admit(token, now)?,
        };
        Ok((admitted(&grant, document, now, self.now)?, grant))
    }

    /// Who tried to come in, for those who count and write that down.
    pub(super) fn address_of(&mut self, key: ConnectionKey) -> Option<Address> {
        self.table.get(key)?.ticket().map(|ticket| Address::Counted(ticket.address()))
    }

    /// Says whether the address is banned now.
    fn write_down(
        &mut self,
        key: ConnectionKey,
        judged: &Result<(Admitted, Arc<Grant>), Denied>,
        document: Arc<str>,
    ) -> bool {
        let Some(address) = self.address_of(key) else { return false };
        match judged {
            Ok((_, grant)) => {
                self.logged_in(address, grant, Some(document), How::Message);
                false
            }
            Err(denied) => self.login_denied(address, *denied),
        }
    }

    fn admit(&mut self, key: ConnectionKey, place: u32, admitted: Admitted, grant: Arc<Grant>) {
        let now = self.now;
        let Some(many) = self.many.get_mut(&key) else { return };
        let subject =
            many.session_at(place).and_then(|session| self.table.held(session)).map(|held| held.grant.subject.clone());
        // Another token of the same user takes no further place.
        let ticket = match subject {
            Some(before) if before == grant.subject => None,
            Some(_) | None => match self.enter_user(key, &grant, Some(place)) {
                Ok(ticket) => Some(ticket),
                Err(full) => return self.deny(key, place, &full.to_string()),
            },
        };
        let Some(many) = self.many.get_mut(&key) else { return };
        match many.admit(place, Ok(admitted), now) {
            Admission::Told => self.hold_to(key, place, grant, ticket),
            Admission::Open(admitted) => {
                let held = Held { grant, place: ticket.flatten() };
                let session = self.table.insert_session(Member { connection: key, place }, held);
                let name = many.open(place, session, admitted, now);
                if let Some(connection) = self.table.get(key) {
                    connection.prove();
                }
                let access = admitted.right.access();
                self.tell_opened(key, session, &name, events::Dialect::Hocuspocus);
                self.handle(Input::Attached { session, name, access, dialect: Dialect::Hocuspocus });
            }
            Admission::Changed { session, access } => {
                self.hold_to(key, place, grant, ticket);
                self.handle(Input::AccessChanged { session, access });
            }
            Admission::Left { session } => return self.leave_document(key, session, Why::Left("the client left")),
        }
        self.tend_documents(key);
    }

    /// The session goes on with another grant.
    fn hold_to(&mut self, key: ConnectionKey, place: u32, grant: Arc<Grant>, ticket: Option<Option<UserTicket>>) {
        let session = self.many.get(&key).and_then(|many| many.session_at(place));
        if let Some(held) = session.and_then(|session| self.table.held(session)) {
            held.grant = grant;
            if let Some(ticket) = ticket {
                held.place = ticket;
            }
        }
    }

    fn deny(&mut self, key: ConnectionKey, place: u32, reason: &str) {
        tracing::debug!(?key, reason, "a document is denied");
        let now = self.now;
        let Some(many) = self.many.get_mut(&key) else { return };
        match many.admit(place, Err(reason), now) {
            Admission::Left { session } => self.leave_document(key, session, Why::Left(reason)),
            Admission::Told | Admission::Open(_) | Admission::Changed { .. } => self.tend_documents(key),
        }
    }

    /// One of its documents has to go.
    pub(super) fn dismiss_document(&mut self, key: ConnectionKey, place: u32, reason: &str) {
        let Some(many) = self.many.get_mut(&key) else { return };
        let session = many.session_at(place);
        many.closed(place, reason);
        match session {
            Some(session) => self.leave_document(key, session, Why::Left(reason)),
            None => self.tend_documents(key),
        }
    }

    /// Revocations have changed: sessions whose grants do not hold any more are over.
    pub(super) fn look_at_grants_of_documents(&mut self, now: SystemTime) {
        let sessions = self.table.sessions();
        self.look_at_grants_of(sessions, now);
    }

    fn look_at_grants_of(&mut self, sessions: Vec<SessionId>, now: SystemTime) {
        for session in sessions {
            let Some(held) = self.table.held(session) else { continue };
            let Err(denied) = self.authority.uphold(&held.grant, now) else { continue };
            let subject = held.grant.subject.clone();
            self.write_down_revoked(subject, denied);
            if let Some(member) = self.table.member(session) {
                self.dismiss_document(member.connection, member.place, &denied.to_string());
            }
        }
    }

    fn leave_document(&mut self, key: ConnectionKey, session: SessionId, why: Why<'_>) {
        self.tell_closed(key, session, events::Dialect::Hocuspocus, why);
        self.table.remove_session(session);
        self.handle(Input::Detached { session });
        self.tend_documents(key);
    }

    /// The connection is no longer open: all its sessions are over.
    pub(super) fn leave_all_documents(&mut self, key: ConnectionKey, why: Why<'_>) {
        let Some(many) = self.many.remove(&key) else { return };
        for session in many.sessions() {
            self.tell_closed(key, session, events::Dialect::Hocuspocus, why);
            self.table.remove_session(session);
            self.handle(Input::Detached { session });
        }
    }

    /// A frame for one of its sessions.
    pub(super) fn send_of_document(&mut self, member: Member, session: SessionId, frame: Frame) {
        let Some(many) = self.many.get_mut(&member.connection) else { return };
        let deflate = self.table.get(member.connection).and_then(|connection| connection.deflate());
        let frame = self.encoder.encode(frame, Encoding { address: many.address(member.place), deflate });
        many.send(session, frame);
        self.tend_documents(member.connection);
    }

    /// The shard has ended one of its sessions. Hands nothing to the shard: it is in the middle of its effects.
    pub(super) fn close_document(&mut self, member: Member, session: SessionId, goodbye: &Goodbye) {
        tracing::debug!(key = ?member.connection, reason = %goodbye.reason, "the shard ends a session");
        self.tell_closed(member.connection, session, events::Dialect::Hocuspocus, Why::Told(goodbye));
        self.table.remove_session(session);
        if let Some(many) = self.many.get_mut(&member.connection) {
            many.closed(member.place, &goodbye.reason);
            self.tend_documents(member.connection);
        }
    }

    pub(super) fn pause_document(&mut self, member: Member) {
        if let Some(many) = self.many.get_mut(&member.connection) {
            many.pause(member.place);
            self.tend_documents(member.connection);
        }
    }

    pub(super) fn resume_document(&mut self, member: Member) {
        if let Some(many) = self.many.get_mut(&member.connection) {
            many.resume(member.place);
            self.tend_documents(member.connection);
        }
    }

    /// Says whether the peer is asked, and will be heard.
    pub(super) fn probe_document(&mut self, member: Member) -> bool {
        let Some(connection) = self.table.get(member.connection) else { return false };
        let asked = connection.probe(self.pulses.stamp(self.now, member.connection));
        if asked && let Some(many) = self.many.get_mut(&member.connection) {
            many.probe(member.place);
        }
        self.tend(member.connection);
        asked
    }

    /// The peer is there, and was asked for.
    pub(super) fn documents_alive(&mut self, key: ConnectionKey) {
        let probed = self.many.get_mut(&key).map(|many| many.take_probed()).unwrap_or_default();
        for session in probed {
            self.handle(Input::Alive { session });
        }
    }

    /// The socket has taken what it had.
    pub(super) fn sent_of_documents(&mut self, key: ConnectionKey) {
        let drained = self.many.get_mut(&key).map(|many| many.sent()).unwrap_or_default();
        for session in drained {
            self.handle(Input::Drained { session });
        }
        self.tend_documents(key);
    }

    pub(super) fn documents_due(&mut self, key: ConnectionKey) {
        // The clock of the machine may have been set since they were granted.
        let sessions = self.many.get(&key).map(|many| many.sessions().collect()).unwrap_or_default();
        self.look_at_grants_of(sessions, SystemTime::now());
        let Some(many) = self.many.get_mut(&key) else { return };
        match many.look_at_clock(self.now) {
            Ok(over) => {
                for session in over {
                    self.tell_closed(
                        key,
                        session,
                        events::Dialect::Hocuspocus,
                        Why::Left("no further token came in time"),
                    );
                    self.table.remove_session(session);
                    self.handle(Input::Detached { session });
                }
                self.tend_documents(key);
                self.arm_documents(key);
            }
            Err(fatal) => self.say_goodbye(key, &Goodbye::documents(fatal)),
        }
    }

    /// Bytes that wait for tokens.
    pub(super) fn queued_bytes(&self, key: ConnectionKey) -> usize {
        self.many.get(&key).map_or(0, |many| many.queued_bytes())
    }

    /// Gives the connection what its documents have for it, and holds it back as they want. To be called after everything that was done
    /// to one.
    fn tend_documents(&mut self, key: ConnectionKey) {
        let Some(many) = self.many.get_mut(&key) else { return };
        let Some(connection) = self.table.get(key) else { return };
        if connection.phase() != Phase::Open {
            return;
        }
        if let Some(frame) = many.poll_send() {
            connection.send(frame);
        }
        let (paused, glutted) = (many.is_paused(), many.is_glutted());
        for (hold, wanted) in [(Hold::Shard, paused), (Hold::Replies, glutted)] {
            if wanted { self.hold(key, hold) } else { self.unhold(key, hold) }
        }
        self.tend(key);
    }

    fn arm_documents(&mut self, key: ConnectionKey) {
        if let Some(due) = self.many.get_mut(&key).and_then(|many| many.poll_alarm()) {
            let look = Now(self.now.0 + GRANT_LOOK_MS);
            self.timers.insert(due.min(look).0, Deadline::Documents(key));
        }
    }
}

/// What a grant allows on a document, in the time of this core.
fn admitted(grant: &Grant, document: &str, wall: SystemTime, now: Now) -> Result<Admitted, Denied> {
    let expires = match grant.expires_at.map(|expires| expires.duration_since(wall)) {
        None => None,
        Some(Ok(left)) if !left.is_zero() => {
            Some(Now(now.0.saturating_add(u64::try_from(left.as_millis()).unwrap_or(u64::MAX))))
        }
        Some(Ok(_) | Err(_)) => return Err(Denied::Expired),
    };
    let right = grant.right_on(document).ok_or(Denied::Forbidden)?;
    Ok(Admitted { right, expires })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::auth::{Pattern, Right};

    #[test]
    fn a_grant_is_judged_by_name_and_time() {
        let wall = SystemTime::UNIX_EPOCH + Duration::from_secs(100);
        let grant = |expires: Option<u64>| Grant {
            subject: None,
            expires_at: expires.map(|seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)),
            documents: vec![(Pattern::new("notes/*"), Right::Comment)],
            admin: false,
        };
        let at = |expires, name| admitted(&grant(expires), name, wall, Now(7));
        let comment = |expires| Ok(Admitted { right: Right::Comment, expires });
        assert_eq!(at(None, "notes/a"), comment(None));
        assert_eq!(at(Some(160), "notes/a"), comment(Some(Now(60_007))));
        assert_eq!(at(Some(160), "other"), Err(Denied::Forbidden));
        assert_eq!(at(Some(100), "notes/a"), Err(Denied::Expired));
        assert_eq!(at(Some(99), "notes/a"), Err(Denied::Expired));
    }
}
