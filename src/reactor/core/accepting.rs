//! From an accepted socket to an open WebSocket, be it on this core or on the document's.

use std::io;
use std::sync::Arc;
use std::time::SystemTime;

use selvedge_shards::{Dialect, DocumentId, Input, Now, ShardId};

use super::super::drain::Step;
use super::{Core, Deadline, SURPLUS_CONNECTIONS_MAX, session_of};
use crate::close::Goodbye;
use crate::connection::{Connection, Phase, Route};
use crate::driver::{ConnectionKey, Operation, Socket};
use crate::endpoints::{Endpoints, Routed, Target, Upgrade};
use crate::events;
use crate::handoff::{Handed, owner_of};
use crate::limits::{Door, Meter, Reception};
use crate::mesh::Parcel;

/// How long a core is silent about accepting that goes on failing.
const ACCEPT_WARNING_MS: u64 = 10_000;

impl Core {
    pub(super) fn accepted(&mut self, socket: Socket) {
        self.counters.accepted += 1;
        let connections = self.health.connected();
        let surplus = connections > self.rules.connections_max;
        if self.step != Step::Serve || connections > self.rules.connections_max + SURPLUS_CONNECTIONS_MAX {
            self.counters.unheard += 1;
            self.health.disconnected();
            return drop(socket);
        }
        let Some(mut connection) = self.receive(&socket, surplus) else {
            self.health.disconnected();
            return drop(socket);
        };
        self.counters.surplus += u64::from(surplus);
        if let Some(acceptor) = &self.acceptor {
            connection.encrypt(Box::new(acceptor.accept()));
        }
        let key = self.table.insert(connection);
        self.measuring.accepted(key);
        self.operations.push(Operation::Adopt { key, socket });
        self.operations.push(Operation::ReceiveOnce { key });
        self.timers.insert(self.now.0 + self.rules.upgrade_timeout_ms, Deadline::Head(key));
    }

    /// The driver goes on trying, several hundred times in a second: a log of that would fill the disk as well.
    pub(super) fn accepting_failed(&mut self, error: &io::Error) {
        self.counters.accept_failures += 1;
        if self.now >= self.accept_warning_due {
            self.accept_warning_due = Now(self.now.0 + ACCEPT_WARNING_MS);
            tracing::warn!(%error, core = self.id.0, "accepting fails; nothing more is said of it for a while");
        }
    }

    /// A piece of the request has arrived. The usual one comes in one piece, and is read where it lies.
    pub(super) fn received_head(&mut self, key: ConnectionKey, data: &[u8]) {
        let Some(connection) = self.table.get(key) else { return };
        let door = Door::new(&self.limiting.limits, connection.reception(), self.now);
        let endpoints = Endpoints {
            head_bytes_max: self.rules.head_bytes_max,
            conformance: self.rules.conformance,
            compression: self.rules.compression,
            health: &self.health,
            authority: &self.authority,
            now: SystemTime::now(),
            door: Some(&door),
        };
        let surplus = connection.reception() == Reception::Surplus;
        let in_one_piece = !connection.has_unread();
        let received = if in_one_piece { data } else { connection.gather_head(data) };
        let routed = endpoints.route(received, surplus);
        let seen = door.into_seen();
        self.after_door(key, seen, &routed);
        let Some(connection) = self.table.get(key) else { return };
        match routed {
            Routed::Incomplete => {
                if in_one_piece {
                    connection.gather_head(data);
                }
                self.operations.push(Operation::ReceiveOnce { key });
            }
            Routed::Upgrade { upgrade, head_bytes } => {
                finish_head(connection, data, in_one_piece, head_bytes);
                self.upgrade(key, upgrade);
            }
            Routed::Refused { refused, head_bytes } => {
                finish_head(connection, data, in_one_piece, head_bytes);
                self.refuse(key, &refused);
            }
            Routed::Answer { response, unread } => {
                self.counters.answered += 1;
                connection.answer(response, !unread);
                self.lingering(key);
            }
        }
    }

    fn upgrade(&mut self, key: ConnectionKey, upgrade: Upgrade) {
        match &upgrade.target {
            Target::Document(name) if self.belongs_elsewhere(name) => {
                if let Some(connection) = self.table.get(key) {
                    connection.leave(upgrade);
                    self.release_if_leaving(key);
                }
            }
            Target::Document(_) | Target::Hocuspocus | Target::Echo => self.open(key, upgrade),
        }
    }

    /// Asks for the socket once nothing is in flight on it.
    pub(super) fn release_if_leaving(&mut self, key: ConnectionKey) {
        if let Some(connection) = self.table.get(key)
            && connection.phase() == Phase::Leaving
            && connection.may_be_released()
        {
            self.operations.push(Operation::Release { key });
        }
    }

    fn belongs_elsewhere(&self, name: &str) -> bool {
        let document = DocumentId::of(name);
        document.owner(self.cores) != self.id && !self.shard.is_hot(document)
    }

    /// The socket is free, and goes to the core that owns its document.
    pub(super) fn released(&mut self, key: ConnectionKey, socket: Socket) {
        let mut connection = self.table.remove(key).expect("a connection stays until its socket is released");
        let (tls, ticket) = (connection.take_tls(), connection.take_ticket());
        let (upgrade, unread) = connection.take_upgrade().expect("only a leaving connection is released");
        self.counters.handed_over += 1;
        let since = self.measuring.leaves(key);
        let owner = self.owner_of(&upgrade);
        self.mesh.push(owner, Parcel::Handed(Box::new(Handed { socket, upgrade, ticket, unread, tls, since })));
    }

    fn owner_of(&self, upgrade: &Upgrade) -> ShardId {
        match &upgrade.target {
            Target::Document(name) => owner_of(name, self.cores),
            // On which of the documents there will be most to do, nobody knows yet.
            Target::Hocuspocus | Target::Echo => self.id,
        }
    }

    /// A socket comes from the core that accepted it.
    pub(super) fn adopt(&mut self, handed: Handed) {
        let Handed { socket, upgrade, ticket, unread, tls, since } = handed;
        if self.step != Step::Serve {
            self.health.disconnected();
            return drop(socket);
        }
        let mut connection = Connection::received(Reception::Welcome, ticket);
        if let Some(tls) = tls {
            connection.encrypt(tls);
        }
        connection.put_back(unread.into());
        let key = self.table.insert(connection);
        self.measuring.adopted(key, since);
        self.operations.push(Operation::Adopt { key, socket });
        self.open(key, upgrade);
    }

    /// Grants the request. From here on the connection is a session, or an echo.
    fn open(&mut self, key: ConnectionKey, upgrade: Upgrade) {
        let Some(connection) = self.table.get(key) else { return };
        debug_assert_eq!(connection.phase(), Phase::Head, "a connection is opened once");
        // What was granted on the way here may be over.
        if let Err(denied) = self.authority.uphold(&upgrade.admission.grant, SystemTime::now()) {
            return self.refuse(key, &upgrade.refused(denied));
        }
        let response = upgrade.response();
        let Upgrade { target, mut admission, .. } = upgrade;
        let entered = match target {
            // Each of its documents takes a place of its user's; for the connection one is theirs as well while it has any.
            Target::Hocuspocus => Ok(None),
            Target::Document(_) | Target::Echo => self.enter_user(key, &admission.grant, None),
        };
        let Some(connection) = self.table.get(key) else { return };
        *connection.meter_mut() = Meter::starting(self.now.0);
        match entered {
            Ok(place) => admission.place = place,
            Err(full) => {
                // Opened to be closed: only so a browser tells its page why.
                connection.open(Route::Session, response, None);
                return self.say_goodbye(key, &Goodbye::user_full(full));
            }
        }
        connection.agree_on(admission.deflate);
        connection.begin_pulse(self.now);
        self.measuring.opened(key);
        let grant = Arc::clone(&admission.grant);
        // Where no tokens are asked for, a million connections would hold the same.
        let held = grant.subject.is_some().then_some(admission);
        match target {
            Target::Document(name) => {
                self.counters.opened_document += 1;
                let access = grant.right_on(&name).expect("who may not even read was refused").access();
                connection.open(Route::Session, response, held);
                let session = session_of(key);
                self.tell_opened(key, session, &name, events::Dialect::YWebsocket);
                self.handle(Input::Attached { session, name, access, dialect: Dialect::YWebsocket });
            }
            Target::Hocuspocus => {
                self.counters.opened_hocuspocus += 1;
                connection.open(Route::Hocuspocus { proven: false }, response, held);
                self.open_documents(key);
            }
            Target::Echo => {
                self.counters.opened_echo += 1;
                connection.open(Route::Echo, response, held);
            }
        }
        self.look_at_grant(key);
        self.read_on(key);
    }
}

/// What is left of the received bytes is what follows the head.
fn finish_head(connection: &mut Connection, data: &[u8], in_one_piece: bool, head_bytes: usize) {
    if !in_one_piece {
        connection.finish_head(head_bytes);
    } else if data.len() > head_bytes {
        // An empty head keeps nothing: a client waits for the answer before it sends more.
        connection.gather_head(&data[head_bytes..]);
    }
}
