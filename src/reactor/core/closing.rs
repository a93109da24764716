//! The ends of connections: said goodbye to, given up, or overdue.

use selvedge_protocol::http::{self, Status};
use selvedge_shards::{Input, SessionId};

use super::super::drain::Step;
use super::listening::limits_of;
use super::telling::Why;
use super::{Core, Deadline, key_of, session_of};
use crate::close::Goodbye;
use crate::connection::{Hold, Phase, Route};
use crate::driver::{ConnectionKey, Operation};
use crate::events::Dialect;

/// How long a socket stays open, and what arrives is dropped, after the last word to a peer that cannot be understood: closing it with
/// unread bytes would reset it, and could take the last word away from the peer.
const LINGER_MS: u64 = 500;

impl Core {
    /// Takes this step with all connections.
    pub(in super::super) fn take_step(&mut self, step: Step) {
        self.step = step;
        match step {
            Step::Serve | Step::Settle | Step::Acknowledge => {}
            Step::Quiet => {
                self.operations.push(Operation::StopAccepting);
                for key in self.table.keys() {
                    self.hold(key, Hold::Drain);
                }
            }
            Step::Close => {
                for key in self.table.keys() {
                    match self.table.get(key).map(|connection| connection.phase()) {
                        Some(Phase::Open) => self.say_goodbye(key, &Goodbye::drain()),
                        Some(Phase::Head) => self.abort(key),
                        Some(Phase::Leaving | Phase::Closing { .. } | Phase::Gone) | None => {}
                    }
                }
            }
        }
    }

    /// Closes an open connection in order.
    pub(super) fn say_goodbye(&mut self, key: ConnectionKey, goodbye: &Goodbye) {
        let Some(connection) = self.table.get(key) else { return };
        if connection.phase() != Phase::Open {
            return;
        }
        tracing::debug!(?key, code = goodbye.code.value(), reason = %goodbye.reason, "closing");
        self.counters.closed.by_server(goodbye.code);
        connection.close(goodbye, limits_of(&self.rules, connection));
        self.detach(key, Why::Told(goodbye));
        self.closing(key);
    }

    /// Closes an open connection whose next bytes cannot be understood, because it holds half a message and that is dropped.
    pub(super) fn send_away(&mut self, key: ConnectionKey, goodbye: &Goodbye) {
        let Some(connection) = self.table.get(key) else { return };
        if connection.phase() != Phase::Open {
            return;
        }
        tracing::debug!(?key, code = goodbye.code.value(), reason = %goodbye.reason, "closing in the middle of a message");
        self.counters.closed.by_server(goodbye.code);
        connection.cut_off(goodbye);
        self.detach(key, Why::Told(goodbye));
        self.lingering(key);
    }

    /// Closes the connection of a session that the shard has ended. Hands nothing to the shard: it is in the middle of its effects.
    pub(super) fn end_session(&mut self, session: SessionId, goodbye: &Goodbye) {
        if let Some(member) = self.table.member(session) {
            return self.close_document(member, session, goodbye);
        }
        let key = key_of(session);
        let Some(connection) = self.table.get(key) else { return };
        if connection.phase() == Phase::Open {
            tracing::debug!(?key, code = goodbye.code.value(), reason = %goodbye.reason, "the shard ends a session");
            self.counters.closed.by_server(goodbye.code);
            connection.close(goodbye, limits_of(&self.rules, connection));
            self.tell_closed(key, session, Dialect::YWebsocket, Why::Told(goodbye));
            self.closing(key);
        }
    }

    /// A connection is no longer open: if it was a session, or many, the shard hears of it.
    pub(super) fn detach(&mut self, key: ConnectionKey, why: Why<'_>) {
        match self.table.get(key).map(|connection| connection.route()) {
            Some(Route::Session) => {
                self.tell_closed(key, session_of(key), Dialect::YWebsocket, why);
                self.handle(Input::Detached { session: session_of(key) });
            }
            Some(Route::Hocuspocus { .. }) => self.leave_all_documents(key, why),
            Some(Route::Echo) | None => {}
        }
    }

    /// A connection has begun to close: the peer has so long to take part.
    pub(super) fn closing(&mut self, key: ConnectionKey) {
        self.close_within(key, self.rules.close_timeout_ms);
    }

    /// A connection has begun to close, and nothing that the peer says matters any more.
    pub(super) fn lingering(&mut self, key: ConnectionKey) {
        self.close_within(key, LINGER_MS.min(self.rules.close_timeout_ms));
    }

    fn close_within(&mut self, key: ConnectionKey, timeout_ms: u64) {
        self.timers.insert(self.now.0 + timeout_ms, Deadline::Close(key));
        self.tend(key);
    }

    /// Closes the socket without a word: nobody is there to hear one.
    pub(super) fn abort(&mut self, key: ConnectionKey) {
        let Some(connection) = self.table.get(key) else { return };
        let was_open = connection.phase() == Phase::Open;
        connection.gone();
        self.operations.push(Operation::Close { key });
        if was_open {
            self.counters.closed.lost += 1;
            self.detach(key, Why::Gone);
        }
    }

    pub(super) fn overdue(&mut self, deadline: Deadline) {
        match deadline {
            Deadline::Head(key) => {
                let Some(connection) = self.table.get(key) else { return };
                match connection.phase() {
                    // Browsers open connections in advance: no request was begun, so none is answered.
                    Phase::Head if !connection.has_unread() => self.abort(key),
                    Phase::Head => {
                        let mut response = Vec::new();
                        let body = b"the request did not come in time\n";
                        let text = "text/plain; charset=utf-8";
                        let close = http::Connection::Close;
                        http::write_response(&mut response, Status::RequestTimeout, text, body, &[], close);
                        connection.answer(response, true);
                        self.closing(key);
                    }
                    Phase::Leaving | Phase::Open | Phase::Closing { .. } | Phase::Gone => {}
                }
            }
            Deadline::Grant(key) => self.look_at_grant(key),
            Deadline::Documents(key) => self.documents_due(key),
            Deadline::Close(key) => {
                let Some(connection) = self.table.get(key) else { return };
                match connection.phase() {
                    Phase::Closing { .. } => self.hang_up(key),
                    Phase::Head | Phase::Leaving | Phase::Open | Phase::Gone => {}
                }
            }
            Deadline::Message(key) => self.look_at_message(key),
        }
    }
}
