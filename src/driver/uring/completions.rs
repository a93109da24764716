//! What follows from each completion of the kernel's. Knows the ring and the table, and decides nothing about what was received.
#![expect(unsafe_code, reason = "an accepted descriptor comes as a number")]

use std::io;
use std::os::fd::{FromRawFd, OwnedFd};

use io_uring::cqueue;
use rustix::event::PollFlags;
use rustix::io::Errno;

use super::Uring;
use super::table::Read;
use super::tag::{Kind, Tag};
use crate::driver::demand::Demand;
use crate::driver::{Completion, ConnectionKey, RECEIVE_BYTES_MAX, Socket};

type Visit<'a> = &'a mut dyn FnMut(Completion<'_>);

impl Uring {
    pub(super) fn handle(&mut self, completion: &cqueue::Entry, visit: Visit<'_>) -> io::Result<()> {
        let Tag { kind, key } = Tag::decode(completion.user_data());
        let last = !cqueue::more(completion.flags());
        match kind {
            Kind::Accept => self.handle_accepted(outcome(completion), last, visit),
            Kind::Event => {
                self.waker.drain();
                if last {
                    return self.watch_waker();
                }
            }
            // That the turn has ended is all there is to it.
            Kind::Woken => {}
            // The other ring did not take the message: it is full, or gone, or the kernel is too old for it.
            Kind::Notify => self.wakers[key.index as usize].signal(),
            Kind::Poll => return self.handle_polled(key, outcome(completion), last, visit),
            Kind::Receive => self.handle_received(key, completion, visit),
            Kind::Send => return self.handle_sent(key, outcome(completion), visit),
            Kind::Connect => self.handle_connected(key, outcome(completion), visit),
            // It completed by itself before it could be cancelled.
            Kind::Cancel => {}
        }
        Ok(())
    }

    /// Frees what a completion brings that nobody will see any more.
    pub(super) fn discard(&self, completion: &cqueue::Entry) {
        if Tag::decode(completion.user_data()).kind == Kind::Accept {
            drop(outcome(completion).map(accepted));
        }
    }

    fn handle_accepted(&mut self, outcome: Result<u32, Errno>, last: bool, visit: Visit<'_>) {
        if last {
            self.acceptor.handle_end();
        }
        match outcome {
            Ok(descriptor) => visit(Completion::Accepted { socket: Socket(accepted(descriptor)) }),
            // Stopped, or a peer that left the queue: no reason to rest.
            Err(Errno::CANCELED | Errno::CONNABORTED | Errno::INTR | Errno::AGAIN) => {}
            Err(error) => {
                self.acceptor.back_off();
                visit(Completion::AcceptFailed { error: error.into() });
            }
        }
    }

    fn handle_connected(&mut self, key: ConnectionKey, outcome: Result<u32, Errno>, visit: Visit<'_>) {
        self.connects.remove(key);
        let connection = self.table.expect(key);
        connection.connecting = false;
        if connection.closing {
            return self.close_if_quiet(key, visit);
        }
        let result = outcome.map(drop).map_err(io::Error::from);
        if result.is_err() {
            self.failed.insert(key);
            drop(self.table.remove(key));
        }
        visit(Completion::Connected { key, result });
    }

    fn handle_polled(
        &mut self,
        key: ConnectionKey,
        outcome: Result<u32, Errno>,
        last: bool,
        visit: Visit<'_>,
    ) -> io::Result<()> {
        let Some(connection) = self.table.find(key) else { return Ok(()) };
        connection.polled &= !last;
        if connection.closing {
            self.close_if_quiet(key, visit);
            return Ok(());
        }
        match outcome {
            Ok(events) => {
                let ends = PollFlags::RDHUP | PollFlags::HUP | PollFlags::ERR;
                connection.hung_up |= events & u32::from(ends.bits()) != 0;
                if connection.demand == Demand::Always {
                    if last {
                        // A multishot operation may end at any completion.
                        self.poll(key)?;
                    }
                    self.want_receive(key);
                }
            }
            Err(error) => self.end(key, Some(error), visit),
        }
        Ok(())
    }

    fn handle_received(&mut self, key: ConnectionKey, completion: &cqueue::Entry, visit: Visit<'_>) {
        let outcome = outcome(completion);
        let buffer = cqueue::buffer_select(completion.flags());
        if let Some(connection) = self.table.find(key) {
            let again = connection.read == Read::InFlightAgain;
            connection.read = Read::Idle;
            if connection.closing {
                self.close_if_quiet(key, visit);
            } else {
                match outcome {
                    Ok(0) => self.end(key, None, visit),
                    Ok(bytes) => {
                        let bytes = bytes as usize;
                        let id = buffer.expect("what was received is in a buffer");
                        visit(Completion::Received { key, data: self.buffers.filled(id, bytes) });
                        self.follow_receive(key, again || bytes == RECEIVE_BYTES_MAX);
                    }
                    Err(Errno::AGAIN) => self.repeat_receive(key, again),
                    Err(Errno::NOBUFS) => {
                        // Those given back so far serve the next.
                        self.buffers.publish();
                        self.repeat_receive(key, true);
                    }
                    Err(Errno::INTR | Errno::CANCELED) => self.repeat_receive(key, true),
                    Err(error) => self.end(key, Some(error), visit),
                }
            }
        }
        if let Some(id) = buffer {
            self.buffers.give_back(id);
        }
    }

    /// Data was shown; there may be more.
    fn follow_receive(&mut self, key: ConnectionKey, more: bool) {
        let connection = self.table.expect(key);
        match connection.demand {
            Demand::Once => connection.demand = Demand::Nothing,
            // Data and the end may have come under one hit: then a short receive is followed by another, up to the end.
            Demand::Always if more || connection.hung_up => self.want_receive(key),
            Demand::Always | Demand::Nothing | Demand::Ended => {}
        }
    }

    /// A receive brought nothing, and is to be repeated if anybody waits for it.
    fn repeat_receive(&mut self, key: ConnectionKey, hit: bool) {
        match self.table.expect(key).demand {
            Demand::Once => self.want_receive(key),
            Demand::Always if hit => self.want_receive(key),
            // The poll will say when.
            Demand::Always => {}
            Demand::Nothing | Demand::Ended => {}
        }
    }

    fn handle_sent(&mut self, key: ConnectionKey, outcome: Result<u32, Errno>, visit: Visit<'_>) -> io::Result<()> {
        let Some(connection) = self.table.find(key) else { return Ok(()) };
        let Some(slot) = connection.send else { return Ok(()) };
        let sending = self.sends.at(slot);
        let result = match outcome {
            Ok(bytes) => {
                sending.advance(bytes as usize);
                if sending.rest().is_empty() {
                    Ok(())
                } else if connection.closing {
                    Err(io::ErrorKind::BrokenPipe.into())
                } else if bytes == 0 {
                    Err(io::ErrorKind::WriteZero.into())
                } else {
                    return self.send_rest(key);
                }
            }
            Err(Errno::INTR | Errno::AGAIN) if !connection.closing => return self.send_rest(key),
            Err(error) => Err(error.into()),
        };
        connection.send = None;
        let frame = self.sends.remove(slot).into_frame();
        visit(Completion::Sent { key, frame, result });
        self.close_if_quiet(key, visit);
        Ok(())
    }

    /// Says the end, once.
    fn end(&mut self, key: ConnectionKey, error: Option<Errno>, visit: Visit<'_>) {
        let connection = self.table.expect(key);
        if connection.demand != Demand::Ended {
            connection.demand = Demand::Ended;
            visit(Completion::Ended { key, error: error.map(io::Error::from) });
        }
    }

    fn close_if_quiet(&mut self, key: ConnectionKey, visit: Visit<'_>) {
        let connection = self.table.expect(key);
        if connection.closing && connection.is_quiet() {
            drop(self.table.remove(key));
            visit(Completion::Closed { key });
        }
    }
}

/// A completion's result: a count, descriptor or mask, or an error.
fn outcome(completion: &cqueue::Entry) -> Result<u32, Errno> {
    u32::try_from(completion.result()).map_err(|_| Errno::from_raw_os_error(-completion.result()))
}

fn accepted(descriptor: u32) -> OwnedFd {
    // SAFETY: the kernel has just made this descriptor for this completion, which is handled once.
    unsafe { OwnedFd::from_raw_fd(descriptor as i32) }
}
