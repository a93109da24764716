//! What follows when something has happened. Runs inside of the executor and decides nothing about what was received.

use std::io;
use std::task::Poll;

use super::Core;
use super::ready::Source;
use crate::driver::demand::Demand;
use crate::driver::{Completion, ConnectionKey, Socket};

/// Receives of one connection before the others have their turn.
const RECEIVES_PER_TURN_MAX: usize = 4;

type Visit<'a> = &'a mut dyn FnMut(Completion<'_>);

impl Core {
    pub(super) fn handle(&mut self, source: Source, visit: Visit<'_>) {
        match source {
            Source::Listener => self.acceptor.handle_ready(|accepted| {
                visit(match accepted {
                    Ok(socket) => Completion::Accepted { socket: Socket(socket) },
                    Err(error) => Completion::AcceptFailed { error },
                });
            }),
            Source::Waker => {
                self.event = None;
                self.waker.drain();
                self.counters.wakes_received += 1;
            }
            // Streams are not waited for until they are over, so that one may speak when it is gone.
            Source::Connection(key) => match self.table.find(key) {
                Some(connection) if connection.connecting => self.handle_connecting(key, visit),
                Some(_) => {
                    self.handle_room(key, visit);
                    self.handle_data(key, visit);
                }
                None => {}
            },
        }
    }

    fn handle_connecting(&mut self, key: ConnectionKey, visit: Visit<'_>) {
        let connection = self.table.expect(key);
        let result = match connection.stream.poll_send(&[]) {
            Poll::Pending => {
                self.counters.submissions += 1;
                return;
            }
            Poll::Ready(result) => result.map(drop),
        };
        connection.connecting = false;
        if result.is_err() {
            self.failed.insert(key);
            drop(self.table.remove(key));
        }
        visit(Completion::Connected { key, result });
    }

    fn handle_room(&mut self, key: ConnectionKey, visit: Visit<'_>) {
        let connection = self.table.expect(key);
        let Some(mut sending) = connection.sending.take() else { return };
        match connection.push_out(&mut sending) {
            Poll::Ready(result) => {
                self.counters.sends += 1;
                self.counters.sent_bytes += sending.sent as u64;
                visit(Completion::Sent { key, frame: sending.frame, result });
            }
            Poll::Pending => {
                self.counters.short_sends += 1;
                self.counters.submissions += 1;
                connection.sending = Some(sending);
            }
        }
    }

    fn handle_data(&mut self, key: ConnectionKey, visit: Visit<'_>) {
        for _ in 0..RECEIVES_PER_TURN_MAX {
            let connection = self.table.expect(key);
            if !matches!(connection.demand, Demand::Once | Demand::Always) {
                return;
            }
            match connection.stream.poll_receive(&mut self.buffer[..]) {
                Poll::Pending => {
                    self.counters.submissions += 1;
                    return;
                }
                Poll::Ready(Ok(0)) => return self.end(key, None, visit),
                Poll::Ready(Ok(bytes)) => {
                    if connection.demand == Demand::Once {
                        connection.demand = Demand::Nothing;
                    }
                    self.counters.receives += 1;
                    self.counters.received_bytes += bytes as u64;
                    visit(Completion::Received { key, data: &mut self.buffer[..bytes] });
                }
                Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                Poll::Ready(Err(error)) => return self.end(key, Some(error), visit),
            }
        }
        // There may be more, and nobody was asked to say so.
        self.ready.push(Source::Connection(key));
    }

    /// Says the end, once.
    fn end(&mut self, key: ConnectionKey, error: Option<io::Error>, visit: Visit<'_>) {
        self.table.expect(key).demand = Demand::Ended;
        visit(Completion::Ended { key, error });
    }
}
