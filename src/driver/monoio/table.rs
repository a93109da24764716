//! The connections of a core. Knows nothing of tasks.

use std::io;
use std::rc::Rc;

use selvedge_shards::Frame;

use super::socket::Socket;
use crate::driver::ConnectionKey;
use crate::driver::demand::Demand;

/// A frame on its way.
pub(super) struct Sending {
    pub(super) frame: Frame,
    /// Bytes that the kernel has taken.
    pub(super) sent: usize,
}

/// One connection.
pub(super) struct Connection {
    /// An error if the runtime could not take the socket in.
    pub(super) socket: io::Result<Rc<Socket>>,
    generation: u32,
    pub(super) demand: Demand,
    /// `None` while nothing is being sent; then it is watched for room.
    pub(super) sending: Option<Box<Sending>>,
    /// It is watched for being connected, and for nothing else.
    pub(super) connecting: bool,
    /// A watch for data is not over, or its event has not been handled.
    pub(super) watched: bool,
    /// To be closed as soon as nothing is in flight.
    pub(super) closing: bool,
}

impl Connection {
    /// No watch is left.
    pub(super) fn is_quiet(&self) -> bool {
        !self.connecting && !self.watched && self.sending.is_none()
    }
}

/// Connections by the index of their key.
#[derive(Default)]
pub(super) struct Table {
    connections: Vec<Option<Connection>>,
    in_use: usize,
}

impl Table {
    pub(super) fn len(&self) -> usize {
        self.in_use
    }

    pub(super) fn insert(&mut self, key: ConnectionKey, socket: io::Result<Rc<Socket>>) {
        let index = key.index as usize;
        if index >= self.connections.len() {
            self.connections.resize_with(index + 1, || None);
        }
        let place = &mut self.connections[index];
        assert!(place.is_none(), "{key:?} was adopted while its place is in use");
        *place = Some(Connection {
            socket,
            generation: key.generation,
            demand: Demand::Nothing,
            sending: None,
            connecting: false,
            watched: false,
            closing: false,
        });
        self.in_use += 1;
    }

    /// The connection that the key names. Every watch is over before its connection goes, so that no event comes too late.
    pub(super) fn expect(&mut self, key: ConnectionKey) -> &mut Connection {
        self.connections
            .get_mut(key.index as usize)
            .and_then(Option::as_mut)
            .filter(|connection| connection.generation == key.generation)
            .unwrap_or_else(|| panic!("{key:?} is not adopted"))
    }

    /// As [`Table::expect`], for a connection that must not be still connecting.
    pub(super) fn expect_connected(&mut self, key: ConnectionKey) -> &mut Connection {
        let connection = self.expect(key);
        assert!(!connection.connecting, "{key:?} is not connected yet");
        connection
    }

    pub(super) fn remove(&mut self, key: ConnectionKey) -> Connection {
        self.expect(key);
        self.in_use -= 1;
        self.connections[key.index as usize].take().expect("found above")
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Connection> {
        self.connections.iter().flatten()
    }
}
