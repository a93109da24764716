//! The connections of a core. Knows nothing of how they wait.

use std::io;
use std::task::Poll;

use selvedge_shards::Frame;

use super::stream::Stream;
use crate::driver::ConnectionKey;
use crate::driver::demand::Demand;

/// A frame on its way.
pub(super) struct Sending {
    pub(super) frame: Frame,
    /// Bytes that the kernel has taken.
    pub(super) sent: usize,
}

impl Sending {
    pub(super) fn new(frame: Frame) -> Self {
        Self { frame, sent: 0 }
    }
}

/// One connection.
pub(super) struct Connection {
    pub(super) stream: Stream,
    generation: u32,
    pub(super) demand: Demand,
    pub(super) sending: Option<Box<Sending>>,
    pub(super) connecting: bool,
}

impl Connection {
    /// Sends until all is sent or the socket fails, or has it said when there is room.
    pub(super) fn push_out(&mut self, sending: &mut Sending) -> Poll<io::Result<()>> {
        loop {
            let rest = &sending.frame.as_ref()[sending.sent..];
            if rest.is_empty() {
                return Poll::Ready(Ok(()));
            }
            match self.stream.poll_send(rest) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(bytes)) => sending.sent += bytes,
                Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return Poll::Pending,
            }
        }
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

    pub(super) fn insert(&mut self, key: ConnectionKey, stream: Stream, connecting: bool) {
        let index = key.index as usize;
        if index >= self.connections.len() {
            self.connections.resize_with(index + 1, || None);
        }
        let place = &mut self.connections[index];
        assert!(place.is_none(), "{key:?} was adopted while its place is in use");
        let (generation, demand, sending) = (key.generation, Demand::Nothing, None);
        *place = Some(Connection { stream, generation, demand, sending, connecting });
        self.in_use += 1;
    }

    /// The connection that the key names, unless it is gone.
    pub(super) fn find(&mut self, key: ConnectionKey) -> Option<&mut Connection> {
        let connection = self.connections.get_mut(key.index as usize)?.as_mut()?;
        (connection.generation == key.generation).then_some(connection)
    }

    pub(super) fn expect(&mut self, key: ConnectionKey) -> &mut Connection {
        self.find(key).unwrap_or_else(|| panic!("{key:?} is not adopted"))
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
