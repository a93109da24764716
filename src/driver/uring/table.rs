//! The connections of a core, dense and small: what a million idle ones cost is decided here. Knows nothing of the ring.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use super::buffers::BufferId;
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
    /// The kernel has it, and writes to the buffer.
    InFlight(BufferId),
    /// The kernel has it, and something arrived since: another must follow.
    InFlightAgain(BufferId),
}

/// What is done with a connection that is not open: then nothing else is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Task {
    /// Nothing: it is open.
    Nothing,
    /// The kernel is connecting it.
    Connecting,
    /// It is released, and the kernel is making a process descriptor for it.
    Installing,
    /// It is released, and the answer or another attempt at a process descriptor is due.
    Releasing,
}

/// State of one place in the table.
pub(super) struct Connection {
    /// `None` while the place is free, and while the socket is in a slot.
    descriptor: Option<OwnedFd>,
    /// The socket is in the slot of this place.
    in_slot: bool,
    generation: u32,
    /// Where its send is; `None` while nothing is being sent.
    pub(super) send: Option<Slot>,
    pub(super) demand: Demand,
    pub(super) read: Read,
    pub(super) task: Task,
    /// The kernel has its poll.
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
        descriptor: None,
        in_slot: false,
        generation: 0,
        send: None,
        demand: Demand::Nothing,
        read: Read::Idle,
        task: Task::Nothing,
        polled: false,
        hung_up: false,
        closing: false,
    };

    fn in_use(&self) -> bool {
        self.descriptor.is_some() || self.in_slot
    }

    /// `None`: it is in its slot.
    pub(super) fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.descriptor.as_ref().map(AsFd::as_fd)
    }

    /// Its slot holds the socket as well: the descriptor is closed.
    pub(super) fn move_to_slot(&mut self) {
        self.descriptor = None;
        self.in_slot = true;
    }

    /// The kernel has nothing of it.
    pub(super) fn is_quiet(&self) -> bool {
        let reading = match self.read {
            Read::Idle | Read::Queued => false,
            Read::InFlight(_) | Read::InFlightAgain(_) => true,
        };
        let doing = match self.task {
            Task::Nothing | Task::Releasing => false,
            Task::Connecting | Task::Installing => true,
        };
        !doing && !self.polled && !reading && self.send.is_none()
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

    pub(super) fn insert(&mut self, key: ConnectionKey, descriptor: OwnedFd) {
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
        assert!(!place.in_use(), "{key:?} was adopted while its place is in use");
        *place = Connection { descriptor: Some(descriptor), generation: key.generation, ..Connection::FREE };
        self.in_use += 1;
    }

    /// The connection that the key names, unless it is gone.
    pub(super) fn find(&mut self, key: ConnectionKey) -> Option<&mut Connection> {
        self.connections
            .get_mut(key.index as usize)
            .filter(|place| place.in_use() && place.generation == key.generation)
    }

    /// The connection that an operation names.
    pub(super) fn expect(&mut self, key: ConnectionKey) -> &mut Connection {
        self.find(key).unwrap_or_else(|| panic!("{key:?} is not adopted"))
    }

    /// The connection that an operation names, which must be neither connecting nor released.
    pub(super) fn expect_open(&mut self, key: ConnectionKey) -> &mut Connection {
        let connection = self.expect(key);
        assert!(connection.task == Task::Nothing, "{key:?} is not open: {:?}", connection.task);
        connection
    }

    /// Gives the descriptor of a connection that is not in its slot.
    pub(super) fn remove(&mut self, key: ConnectionKey) -> Option<OwnedFd> {
        let place = std::mem::replace(self.expect(key), Connection::FREE);
        self.in_use -= 1;
        place.descriptor
    }
}
