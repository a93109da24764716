//! Who sits at which place of a core's table: connections, and the further sessions of those connections that have many. One table for
//! both, because a shard's session is named by its place. Knows nothing of what a connection is doing.

use std::sync::Arc;

use selvedge_shards::SessionId;

use super::table::{Place, Table};
use crate::auth::Grant;
use crate::connection::Connection;
use crate::driver::ConnectionKey;
use crate::limits::UserTicket;

/// One place.
#[derive(Debug)]
enum Seat {
    Connection(Connection),
    Session(Member, Held),
}

/// A session of a connection with many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Member {
    /// Whose socket.
    pub(super) connection: ConnectionKey,
    /// Its place among the documents of that connection.
    pub(super) place: u32,
}

/// What such a session is held to.
#[derive(Debug)]
pub(super) struct Held {
    /// Whose it is, and what it may do until when.
    pub(super) grant: Arc<Grant>,
    /// Its place among the sessions of its user; none where it is nobody's in particular.
    pub(super) place: Option<UserTicket>,
}

// An idle connection takes no more for that some places are sessions; there may be a million.
const _: () = assert!(size_of::<Seat>() == size_of::<Connection>() && size_of::<Place<Seat>>() <= 72);

/// The table.
#[derive(Debug)]
pub(super) struct Seats {
    table: Table<Seat>,
    connections: usize,
}

impl Seats {
    pub(super) fn new() -> Self {
        Self { table: Table::new(), connections: 0 }
    }

    /// Connections, without the sessions of those that have many.
    pub(super) fn len(&self) -> usize {
        self.connections
    }

    pub(super) fn insert(&mut self, connection: Connection) -> ConnectionKey {
        self.connections += 1;
        self.table.insert(Seat::Connection(connection))
    }

    pub(super) fn get(&mut self, key: ConnectionKey) -> Option<&mut Connection> {
        match self.table.get(key)? {
            Seat::Connection(connection) => Some(connection),
            Seat::Session(..) => None,
        }
    }

    pub(super) fn remove(&mut self, key: ConnectionKey) -> Option<Connection> {
        self.get(key)?;
        self.connections -= 1;
        match self.table.remove(key)? {
            Seat::Connection(connection) => Some(connection),
            Seat::Session(..) => unreachable!("it was looked at"),
        }
    }

    pub(super) fn keys(&mut self) -> Vec<ConnectionKey> {
        let mut keys = self.table.keys();
        keys.retain(|&key| self.get(key).is_some());
        keys
    }

    /// Places, of which some are nobody's.
    pub(super) fn places(&self) -> usize {
        self.table.places()
    }

    /// Looks at the connections at the next so many places from this one on, or at all up to the last. Gives where to go on.
    pub(super) fn look(
        &mut self,
        from: usize,
        count: usize,
        mut at: impl FnMut(ConnectionKey, &mut Connection),
    ) -> Option<usize> {
        self.table.look(from, count, |key, seat| match seat {
            Seat::Connection(connection) => at(key, connection),
            Seat::Session(..) => {}
        })
    }

    pub(super) fn insert_session(&mut self, member: Member, held: Held) -> SessionId {
        session_of(self.table.insert(Seat::Session(member, held)))
    }

    /// What a session of a connection with many is held to.
    pub(super) fn held(&mut self, session: SessionId) -> Option<&mut Held> {
        match self.table.get(key_of(session))? {
            Seat::Connection(_) => None,
            Seat::Session(_, held) => Some(held),
        }
    }

    /// All sessions of connections with many.
    pub(super) fn sessions(&mut self) -> Vec<SessionId> {
        let mut keys = self.table.keys();
        keys.retain(|&key| self.member(session_of(key)).is_some());
        keys.into_iter().map(session_of).collect()
    }

    /// Whose session it is, where it is one of a connection with many.
    pub(super) fn member(&mut self, session: SessionId) -> Option<Member> {
        match self.table.get(key_of(session))? {
            Seat::Connection(_) => None,
            Seat::Session(member, _) => Some(*member),
        }
    }

    pub(super) fn remove_session(&mut self, session: SessionId) {
        if self.member(session).is_some() {
            self.table.remove(key_of(session));
        }
    }
}

/// The only session of a connection has the connection's name.
pub(super) fn session_of(key: ConnectionKey) -> SessionId {
    SessionId { index: key.index, generation: key.generation }
}

/// The connection of which this is the only session.
pub(super) fn key_of(session: SessionId) -> ConnectionKey {
    ConnectionKey { index: session.index, generation: session.generation }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_and_sessions_share_places_and_are_not_taken_for_each_other() {
        let mut seats = Seats::new();
        let connection = seats.insert(Connection::new());
        let member = Member { connection, place: 3 };
        let session = seats.insert_session(member, Held { grant: Arc::new(Grant::everything()), place: None });
        assert_eq!((seats.len(), seats.keys()), (1, vec![connection]));
        assert!(seats.get(key_of(session)).is_none() && seats.remove(key_of(session)).is_none());
        assert_eq!((seats.member(session), seats.member(session_of(connection))), (Some(member), None));
        seats.remove_session(session_of(connection));
        assert!(seats.get(connection).is_some(), "a connection is no session to be removed");
        seats.remove_session(session);
        assert_eq!(seats.member(session), None);
        let next = seats.insert(Connection::new());
        assert_eq!(next.index, session.index);
        assert_ne!(next.generation, session.generation);
        assert!(seats.remove(connection).is_some() && seats.remove(next).is_some());
        assert_eq!(seats.len(), 0);
    }
}
