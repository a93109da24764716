//! What follows when something is ready. Runs inside of the runtime and decides nothing about what was received.

use std::io;

use rustix::io::Errno;
use rustix::net::{RecvFlags, getpeername, recv, sockopt};

use super::Core;
use super::operations::{descriptor, push_out};
use super::watches::Event;
use crate::driver::demand::Demand;
use crate::driver::{Completion, ConnectionKey, RECEIVE_BYTES_MAX, Socket};

/// Receives of one connection before the others have their turn.
const RECEIVES_PER_TURN_MAX: usize = 4;

type Visit<'a> = &'a mut dyn FnMut(Completion<'_>);

impl Core {
    pub(super) fn handle(&mut self, event: Event, visit: Visit<'_>) {
        match event {
            Event::Acceptable => self.acceptor.handle_acceptable(|accepted| {
                visit(match accepted {
                    Ok(socket) => Completion::Accepted { socket: Socket(socket) },
                    Err(error) => Completion::AcceptFailed { error },
                });
            }),
            Event::Woken => {
                self.watching_event = false;
                self.counters.wakes_received += 1;
                self.waker.drain();
            }
            Event::Connected(key) => self.handle_connected(key, visit),
            Event::Readable(key) => self.handle_readable(key, visit),
            Event::Writable(key) => self.handle_writable(key, visit),
        }
    }

    fn handle_connected(&mut self, key: ConnectionKey, visit: Visit<'_>) {
        let connection = self.table.expect(key);
        if connection.closing {
            connection.connecting = false;
            return self.close_if_quiet(key, visit);
        }
        let socket = connection.socket.as_ref().expect("only a socket is watched");
        let result = match sockopt::socket_error(socket) {
            Ok(result) => result.map_err(io::Error::from),
            Err(error) => Err(error.into()),
        };
        // Room to send may be said of a socket that has not begun: then the watch was early.
        if result.is_ok() && getpeername(socket).is_err_and(|error| error == Errno::NOTCONN) {
            return self.watch_connect(key);
        }
        connection.connecting = false;
        if result.is_err() {
            self.failed.insert(key);
            drop(descriptor(self.table.remove(key)));
        }
        visit(Completion::Connected { key, result });
    }

    fn handle_readable(&mut self, key: ConnectionKey, visit: Visit<'_>) {
        let connection = self.table.expect(key);
        connection.watched = false;
        if connection.closing {
            return self.close_if_quiet(key, visit);
        }
        for _ in 0..RECEIVES_PER_TURN_MAX {
            let connection = self.table.expect(key);
            if !matches!(connection.demand, Demand::Once | Demand::Always) {
                return;
            }
            let socket = connection.socket.as_ref().expect("only a socket is watched");
            match recv(socket, &mut self.buffer[..], RecvFlags::DONTWAIT) {
                Ok((0, _)) => return self.end(key, None, visit),
                Ok((bytes, _)) => {
                    self.counters.receives += 1;
                    self.counters.received_bytes += bytes as u64;
                    if connection.demand == Demand::Once {
                        connection.demand = Demand::Nothing;
                    }
                    visit(Completion::Received { key, data: &mut self.buffer[..bytes] });
                    if bytes < RECEIVE_BYTES_MAX {
                        break;
                    }
                }
                Err(Errno::AGAIN | Errno::INTR) => break,
                Err(error) => return self.end(key, Some(error), visit),
            }
        }
        match self.table.expect(key).demand {
            // A watch that begins sees what is there already, the end included.
            Demand::Once | Demand::Always => self.watch(key),
            Demand::Nothing | Demand::Ended => {}
        }
    }

    fn handle_writable(&mut self, key: ConnectionKey, visit: Visit<'_>) {
        let connection = self.table.expect(key);
        let mut sending = connection.sending.take().expect("room is watched for while sending");
        match push_out(connection, &mut sending) {
            Some(result) => {
                self.counters.sends += 1;
                self.counters.sent_bytes += sending.sent as u64;
                visit(Completion::Sent { key, frame: sending.frame, result });
                self.close_if_quiet(key, visit);
            }
            None => {
                self.counters.short_sends += 1;
                connection.sending = Some(sending);
                self.watch_room(key);
            }
        }
    }

    /// Says the end, once.
    fn end(&mut self, key: ConnectionKey, error: Option<Errno>, visit: Visit<'_>) {
        self.table.expect(key).demand = Demand::Ended;
        visit(Completion::Ended { key, error: error.map(io::Error::from) });
    }

    fn close_if_quiet(&mut self, key: ConnectionKey, visit: Visit<'_>) {
        let connection = self.table.expect(key);
        if connection.closing && connection.is_quiet() {
            drop(descriptor(self.table.remove(key)));
            visit(Completion::Closed { key });
        }
    }
}
