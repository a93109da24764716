//! What follows from each completion of the kernel's. Knows the ring and the table, and decides nothing about what was received.
#![expect(
    unsafe_code,
    reason = "a new descriptor comes as a number, and what was received as a promise about a buffer"
)]

use std::io;
use std::os::fd::{FromRawFd, OwnedFd};

use io_uring::cqueue;
use rustix::event::PollFlags;
use rustix::io::Errno;

use super::Uring;
use super::table::{Read, Task};
use super::tag::{Kind, Tag};
use crate::driver::demand::Demand;
use crate::driver::{Completion, ConnectionKey, RECEIVE_BYTES_MAX, Socket};

type Visit<'a> = &'a mut dyn FnMut(Completion<'_>);

impl Uring {
    pub(super) fn handle(&mut self, completion: &cqueue::Entry, visit: Visit<'_>) -> io::Result<()> {
        let Tag { kind, key } = Tag::decode(completion.user_data());
        let last = !cqueue::more(completion.flags());
        match kind {
            Kind::Accept => self.handle_accepted(outcome(completion), visit),
            Kind::Event => {
                self.counters.wakes_received += 1;
                self.waker.drain();
                if last {
                    return self.watch_waker();
                }
            }
            // That the turn has ended is all there is to it.
            Kind::Woken => self.counters.wakes_received += 1,
            // The other ring did not take the message: it is full, or gone, or the kernel is too old for it.
            Kind::Notify => self.wakers[key.index as usize].signal(),
            Kind::Poll => return self.handle_polled(key, outcome(completion), last, visit),
            Kind::Receive => return self.handle_received(key, outcome(completion), visit),
            Kind::Send => return self.handle_sent(key, outcome(completion), visit),
            Kind::Connect => return self.handle_connected(key, outcome(completion), visit),
            Kind::Install => return self.handle_installed(key, outcome(completion), visit),
            // The rings that rang say themselves that they have work.
            Kind::Bell => {
                if last {
                    return self.rings.watch_bell();
                }
            }
            // It completed by itself before it could be cancelled.
            Kind::Cancel => {}
        }
        Ok(())
    }

    /// Frees what a completion brings that nobody will see any more.
    pub(super) fn discard(completion: &cqueue::Entry) {
        match Tag::decode(completion.user_data()).kind {
            Kind::Accept | Kind::Install => drop(outcome(completion).map(owned)),
            Kind::Event
            | Kind::Woken
            | Kind::Notify
            | Kind::Poll
            | Kind::Receive
            | Kind::Send
            | Kind::Cancel
            | Kind::Connect
            | Kind::Bell => {}
        }
    }

    fn handle_accepted(&mut self, outcome: Result<u32, Errno>, visit: Visit<'_>) {
        self.acceptor.handle_end();
        match outcome {
            Ok(descriptor) => visit(Completion::Accepted { socket: Socket(owned(descriptor)) }),
            // Stopped, or a peer that left the queue: no reason to rest.
            Err(Errno::CANCELED | Errno::CONNABORTED | Errno::INTR | Errno::AGAIN) => {}
            Err(error) => {
                if self.acceptor.back_off() {
                    visit(Completion::AcceptFailed { error: error.into() });
                }
            }
        }
    }

    fn handle_connected(
        &mut self,
        key: ConnectionKey,
        outcome: Result<u32, Errno>,
        visit: Visit<'_>,
    ) -> io::Result<()> {
        self.connects.remove(key);
        let connection = self.table.expect(key);
        connection.task = Task::Nothing;
        if connection.closing {
            return self.close_if_quiet(key, visit);
        }
        let result = outcome.map(drop).map_err(io::Error::from);
        if result.is_ok() {
            self.move_to_slot(key)?;
        } else {
            self.failed.insert(key);
            drop(self.table.remove(key));
        }
        visit(Completion::Connected { key, result });
        Ok(())
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
            return self.close_if_quiet(key, visit);
        }
        match outcome {
            Ok(events) => {
                let ends = PollFlags::RDHUP | PollFlags::HUP | PollFlags::ERR;
                connection.hung_up |= events & u32::from(ends.bits()) != 0;
                match connection.demand {
                    Demand::Once => self.want_receive(key),
                    Demand::Always => {
                        // A multishot operation may end at any completion.
                        self.poll(key)?;
                        self.want_receive(key);
                    }
                    Demand::Nothing | Demand::Ended => {}
                }
            }
            Err(error) => self.end(key, Some(error), visit),
        }
        Ok(())
    }

    fn handle_received(&mut self, key: ConnectionKey, outcome: Result<u32, Errno>, visit: Visit<'_>) -> io::Result<()> {
        let connection = self.table.expect(key);
        let (id, again) = match connection.read {
            Read::InFlight(id) => (id, false),
            Read::InFlightAgain(id) => (id, true),
            Read::Idle | Read::Queued => panic!("{key:?} has received what it did not ask for"),
        };
        connection.read = Read::Idle;
        if connection.closing {
            self.buffers.give_back(id);
            return self.close_if_quiet(key, visit);
        }
        match outcome {
            Ok(0) => self.end(key, None, visit),
            Ok(bytes) => {
                let bytes = bytes as usize;
                self.counters.receives += 1;
                self.counters.received_bytes += bytes as u64;
                // SAFETY: this was the final completion of the only receive into this buffer, which is free from below on only.
                visit(Completion::Received { key, data: unsafe { self.buffers.filled(id, bytes) } });
                self.follow_receive(key, again || bytes == RECEIVE_BYTES_MAX);
            }
            Err(Errno::AGAIN) => self.repeat_receive(key, again)?,
            Err(Errno::INTR | Errno::CANCELED) => self.repeat_receive(key, true)?,
            Err(error) => self.end(key, Some(error), visit),
        }
        self.buffers.give_back(id);
        Ok(())
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

    /// A receive brought nothing, and is to be repeated if anybody waits for it: at once if there was a hit since.
    fn repeat_receive(&mut self, key: ConnectionKey, hit: bool) -> io::Result<()> {
        match self.table.expect(key).demand {
            Demand::Once | Demand::Always if hit => self.want_receive(key),
            Demand::Once | Demand::Always => self.poll(key)?,
            Demand::Nothing | Demand::Ended => {}
        }
        Ok(())
    }

    fn handle_installed(
        &mut self,
        key: ConnectionKey,
        outcome: Result<u32, Errno>,
        visit: Visit<'_>,
    ) -> io::Result<()> {
        let connection = self.table.expect(key);
        connection.task = Task::Releasing;
        let descriptor = outcome.map(owned);
        if connection.closing {
            return self.close_if_quiet(key, visit);
        }
        match descriptor {
            Ok(descriptor) => {
                self.remove(key)?;
                visit(Completion::Released { key, socket: Socket(descriptor) });
            }
            Err(Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::INTR | Errno::AGAIN) => self.installs.wait(key),
            // It cannot leave its slot.
            Err(_) => {
                self.remove(key)?;
                visit(Completion::Closed { key });
            }
        }
        Ok(())
    }

    fn handle_sent(&mut self, key: ConnectionKey, outcome: Result<u32, Errno>, visit: Visit<'_>) -> io::Result<()> {
        let Some(connection) = self.table.find(key) else { return Ok(()) };
        let Some(slot) = connection.send else { return Ok(()) };
        let sending = self.sends.at(slot);
        let result = match outcome {
            Ok(bytes) => {
                sending.advance(bytes as usize);
                self.counters.sent_bytes += u64::from(bytes);
                if sending.rest().is_empty() {
                    Ok(())
                } else if connection.closing {
                    Err(io::ErrorKind::BrokenPipe.into())
                } else if bytes == 0 {
                    Err(io::ErrorKind::WriteZero.into())
                } else {
                    self.counters.short_sends += 1;
                    return self.send_rest(key);
                }
            }
            Err(Errno::INTR | Errno::AGAIN) if !connection.closing => return self.send_rest(key),
            Err(error) => Err(error.into()),
        };
        connection.send = None;
        self.counters.sends += 1;
        let frame = self.sends.remove(slot).into_frame();
        visit(Completion::Sent { key, frame, result });
        self.close_if_quiet(key, visit)
    }

    /// Says the end, once.
    fn end(&mut self, key: ConnectionKey, error: Option<Errno>, visit: Visit<'_>) {
        let connection = self.table.expect(key);
        if connection.demand != Demand::Ended {
            connection.demand = Demand::Ended;
            visit(Completion::Ended { key, error: error.map(io::Error::from) });
        }
    }

    fn close_if_quiet(&mut self, key: ConnectionKey, visit: Visit<'_>) -> io::Result<()> {
        let connection = self.table.expect(key);
        if connection.closing && connection.is_quiet() {
            drop(self.remove(key)?);
            visit(Completion::Closed { key });
        }
        Ok(())
    }

    /// Forgets a connection of which the kernel has nothing any more. Gives its descriptor, if it is not in its slot.
    pub(super) fn remove(&mut self, key: ConnectionKey) -> io::Result<Option<OwnedFd>> {
        let descriptor = self.table.remove(key);
        if descriptor.is_none() {
            self.rings.clear(key.index)?;
        }
        Ok(descriptor)
    }
}

/// A completion's result: a count, descriptor or mask, or an error.
fn outcome(completion: &cqueue::Entry) -> Result<u32, Errno> {
    u32::try_from(completion.result()).map_err(|_| Errno::from_raw_os_error(-completion.result()))
}

fn owned(descriptor: u32) -> OwnedFd {
    // SAFETY: the kernel has just made this descriptor for this completion, which is handled once.
    unsafe { OwnedFd::from_raw_fd(descriptor as i32) }
}
