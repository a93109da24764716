//! What starts when the loop asks for it. Runs inside of the runtime and waits for nothing.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::rc::Rc;

use rustix::io::Errno;
use rustix::net::{SendFlags, Shutdown, send, shutdown};
use selvedge_shards::Frame;

use super::socket::Socket;
use super::table::{Connection, Sending};
use super::watches::Event;
use super::{Answer, Core};
use crate::driver::demand::Demand;
use crate::driver::{ConnectionKey, Ending, Operation, outgoing};

impl Core {
    pub(super) fn start(&mut self, operation: Operation) {
        match operation {
            Operation::Accept => self.acceptor.start(),
            Operation::StopAccepting => self.acceptor.stop(),
            Operation::Adopt { key, socket } => self.adopt(key, socket.0),
            Operation::Connect { key, from, to, ending } => self.connect(key, from, to, ending),
            Operation::ReceiveOnce { key } => self.receive(key, Demand::Once),
            Operation::Receive { key } => self.receive(key, Demand::Always),
            Operation::Pause { key } => self.pause(key),
            Operation::Send { key, frame } => self.send(key, frame),
            Operation::Release { key } => self.release(key),
            Operation::Close { key } => self.close(key),
            Operation::Wake { core } => self.wake(core),
        }
    }

    fn adopt(&mut self, key: ConnectionKey, socket: OwnedFd) {
        self.table.insert(key, Socket::new(socket).map(Rc::new));
    }

    fn connect(&mut self, key: ConnectionKey, from: Option<IpAddr>, to: SocketAddr, ending: Ending) {
        match outgoing::begin_connect(from, to, ending).and_then(Socket::new) {
            Ok(socket) => {
                self.table.insert(key, Ok(Rc::new(socket)));
                self.table.expect(key).connecting = true;
                self.watch_connect(key);
            }
            Err(error) => {
                self.failed.insert(key);
                self.answers.push_back(Answer::Unconnected(key, error));
            }
        }
    }

    fn receive(&mut self, key: ConnectionKey, demand: Demand) {
        let connection = self.table.expect_connected(key);
        let wanted = match connection.demand {
            Demand::Nothing => true,
            Demand::Once => demand == Demand::Always,
            Demand::Always | Demand::Ended => false,
        };
        if wanted && !connection.closing {
            connection.demand = demand;
            self.watch(key);
        }
    }

    /// A watch stays where it is; its event will find that nobody wants it.
    fn pause(&mut self, key: ConnectionKey) {
        let connection = self.table.expect_connected(key);
        match connection.demand {
            Demand::Nothing | Demand::Ended => {}
            Demand::Once | Demand::Always => connection.demand = Demand::Nothing,
        }
    }

    fn send(&mut self, key: ConnectionKey, frame: Frame) {
        let connection = self.table.expect_connected(key);
        assert!(connection.sending.is_none(), "{key:?} has a send in flight");
        if connection.closing {
            self.answers.push_back(Answer::Sent(key, frame, Err(io::ErrorKind::BrokenPipe.into())));
            return;
        }
        let mut sending = Box::new(Sending { frame, sent: 0 });
        match push_out(connection, &mut sending) {
            Some(result) => {
                self.counters.sends += 1;
                self.counters.sent_bytes += sending.sent as u64;
                self.answers.push_back(Answer::Sent(key, sending.frame, result));
            }
            None => {
                self.counters.short_sends += 1;
                connection.sending = Some(sending);
                self.watch_room(key);
            }
        }
    }

    fn release(&mut self, key: ConnectionKey) {
        let connection = self.table.expect(key);
        assert!(connection.is_quiet() && !connection.closing, "{key:?} was released while something is in flight");
        match descriptor(self.table.remove(key)) {
            Ok(socket) => self.answers.push_back(Answer::Released(key, socket)),
            // There is no socket to give back.
            Err(_) => self.answers.push_back(Answer::Closed(key)),
        }
    }

    fn close(&mut self, key: ConnectionKey) {
        if self.failed.contains(&key) {
            return;
        }
        let connection = self.table.expect(key);
        if connection.closing {
            return;
        }
        connection.closing = true;
        connection.demand = Demand::Ended;
        if connection.is_quiet() {
            drop(descriptor(self.table.remove(key)));
            self.answers.push_back(Answer::Closed(key));
        } else if let Ok(socket) = &connection.socket {
            // Ends the watches. Fails only if the peer was faster.
            let _ = shutdown(socket, Shutdown::Both);
        }
    }

    fn wake(&mut self, core: usize) {
        let waker = self.wakers.get(core).expect("a core that was connected");
        if waker.is_same(&self.waker) {
            self.awake = true;
        } else if waker.claim() {
            self.counters.wakes_sent += 1;
            waker.signal();
        }
    }

    /// Waits for data, unless that is being done.
    pub(super) fn watch(&mut self, key: ConnectionKey) {
        let connection = self.table.expect(key);
        match &connection.socket {
            Ok(_) if connection.watched => {}
            Ok(socket) => {
                connection.watched = true;
                self.watches.readable(socket.clone(), Event::Readable(key));
            }
            Err(error) => {
                connection.demand = Demand::Ended;
                self.answers.push_back(Answer::Failed(key, copy(error)));
            }
        }
    }

    /// Waits for the answer to a connect.
    pub(super) fn watch_connect(&mut self, key: ConnectionKey) {
        if let Ok(socket) = &self.table.expect(key).socket {
            self.watches.writable(socket.clone(), Event::Connected(key));
        }
    }

    /// Waits for room to send.
    pub(super) fn watch_room(&mut self, key: ConnectionKey) {
        if let Ok(socket) = &self.table.expect(key).socket {
            self.watches.writable(socket.clone(), Event::Writable(key));
        }
    }
}

/// Sends until all is sent, the socket fails, or there is no room: `None`.
pub(super) fn push_out(connection: &Connection, sending: &mut Sending) -> Option<io::Result<()>> {
    let socket = match &connection.socket {
        Ok(socket) => socket,
        Err(error) => return Some(Err(copy(error))),
    };
    loop {
        let rest = &sending.frame.as_ref()[sending.sent..];
        if rest.is_empty() {
            return Some(Ok(()));
        }
        match send(socket, rest, SendFlags::NOSIGNAL | SendFlags::DONTWAIT) {
            Ok(0) => return Some(Err(io::ErrorKind::WriteZero.into())),
            Ok(bytes) => sending.sent += bytes,
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => return None,
            Err(error) => return Some(Err(error.into())),
        }
    }
}

/// Takes the descriptor of a connection without watches from the runtime.
pub(super) fn descriptor(connection: Connection) -> io::Result<OwnedFd> {
    let socket = connection.socket?;
    Ok(Rc::into_inner(socket).expect("all its watches are over").into_descriptor())
}

/// For the runtime's error, which is told more than once.
fn copy(error: &io::Error) -> io::Error {
    error.raw_os_error().map_or_else(|| error.kind().into(), io::Error::from_raw_os_error)
}
