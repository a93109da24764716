//! The connections of a core, dense and small: what a million idle ones cost is decided here. Knows nothing of the ring.

use std::os::fd::OwnedFd;

use super::sends::Slot;
use crate::driver::ConnectionKey;
use crate::driver::demand::Demand;

/// The one receive that a connection may have. One, so that data keeps its order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Read {
    /// None.
    Idle,
    /// Waits for its turn.
    Queued,
    /// The kernel has it.
    InFlight,
    /// The kernel has it, and something arrived since: another must follow.
    InFlightAgain,
}

/// State of one place in the table.
pub(super) struct Connection {
    /// `None` while the place is free.
    socket: Option<OwnedFd>,
    generation: u32,
    /// Where its send is; `None` while nothing is being sent.
    pub(super) send: Option<Slot>,
    pub(super) demand: Demand,
    pub(super) read: Read,
    /// The kernel is connecting it: nothing else is in flight.
    pub(super) connecting: bool,
    /// The kernel has its multishot poll.
    pub(super) polled: bool,
    /// The peer has ended its side, or the socket has failed: a receive that came back short does not mean that no other is due.
    pub(super) hung_up: bool,
    /// To be closed as soon as nothing is in flight.
    pub(super) closing: bool,
}

// A million of them are 20 MB.
const _: () = assert!(size_of::<Connection>() <= 20);

impl Connection {
    const FREE: Self = Self {
        socket: None,
        generation: 0,
        send: None,
        demand: Demand::Nothing,
        read: Read::Idle,
        connecting: false,
        polled: false,
        hung_up: false,
        closing: false,
    };

    pub(super) fn socket(&self) -> &OwnedFd {
        self.socket.as_ref().expect("a connection in use has a socket")
    }

    /// The kernel has nothing of it.
    pub(super) fn is_quiet(&self) -> bool {
        let reading = match self.read {
            Read::Idle | Read::Queued => false,
            Read::InFlight | Read::InFlightAgain => true,
        };
        !self.connecting && !self.polled && !reading && self.send.is_none()
    }
}

/// Connections by the index of their key.
#[derive(Default)]
pub(super) struct Table {
    connections: Vec<Connection>,
    in_use: usize,
}

impl Table {
    pub(super) fn len(&self) -> usize {
        self.in_use
    }

    pub(super) fn insert(&mut self, key: ConnectionKey, socket: OwnedFd) {
        let index = key.index as usize;
        if index >= self.connections.len() {
            // By an eighth: doubling would leave up to half of the table unused.
            if index >= self.connections.capacity() {
                let len = self.connections.len();
                self.connections.reserve_exact(index + 1 + len / 8 - len);
            }
            self.connections.resize_with(index + 1, || Connection::FREE);
        }
        let place = &mut self.connections[index];
        assert!(place.socket.is_none(), "{key:?} was adopted while its place is in use");
        *place = Connection { socket: Some(socket), generation: key.generation, ..Connection::FREE };
        self.in_use += 1;
    }

    /// The connection that the key names, unless it is gone.
    pub(super) fn find(&mut self, key: ConnectionKey) -> Option<&mut Connection> {
        self.connections
            .get_mut(key.index as usize)
            .filter(|place| place.socket.is_some() && place.generation == key.generation)
    }

    /// The connection that an operation names.
    pub(super) fn expect(&mut self, key: ConnectionKey) -> &mut Connection {
        self.find(key).unwrap_or_else(|| panic!("{key:?} is not adopted"))
    }

    /// The connection that an operation names, which must not be still connecting.
    pub(super) fn expect_connected(&mut self, key: ConnectionKey) -> &mut Connection {
        let connection = self.expect(key);
        assert!(!connection.connecting, "{key:?} is not connected yet");
        connection
    }

    pub(super) fn remove(&mut self, key: ConnectionKey) -> OwnedFd {
        let place = self.expect(key);
        let socket = place.socket.take().expect("found, hence in use");
        *place = Connection::FREE;
        self.in_use -= 1;
        socket
    }
}
