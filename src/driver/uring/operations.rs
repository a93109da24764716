//! What starts when the loop asks for it. Knows the ring and the table, and waits for nothing.
#![expect(unsafe_code, reason = "sends and receives refer to memory that must outlive the call")]

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;

use super::request::Request;
use super::rings::Route;
use super::table::{Connection, Read, Task};
use super::tag::{Kind, Tag};
use super::{Answer, Uring};
use crate::driver::demand::Demand;
use crate::driver::{ConnectionKey, Ending, Operation, outgoing};

impl Uring {
    pub(super) fn start(&mut self, operation: Operation) -> io::Result<()> {
        match operation {
            Operation::Accept => self.acceptor.start(),
            Operation::StopAccepting => {
                if self.acceptor.stop() {
                    self.rings
                        .main()
                        .push(Request::cancel_each(Tag::of_core(Kind::Accept)), Tag::of_core(Kind::Cancel))?;
                }
            }
            Operation::Adopt { key, socket } => self.adopt(key, socket.0)?,
            Operation::Connect { key, from, to, ending } => self.connect(key, from, to, ending)?,
            Operation::ReceiveOnce { key } => self.receive_once(key),
            Operation::Receive { key } => self.receive_always(key)?,
            Operation::Pause { key } => self.pause(key),
            Operation::Send { key, frame } => self.send(key, frame)?,
            Operation::Release { key } => self.release(key)?,
            Operation::Close { key } => self.close(key)?,
            Operation::Wake { core } => self.wake(core)?,
        }
        Ok(())
    }

    fn adopt(&mut self, key: ConnectionKey, socket: OwnedFd) -> io::Result<()> {
        self.table.insert(key, socket);
        self.move_to_slot(key)
    }

    /// In direct mode: frees the descriptor. Where that fails the connection keeps it, and is served all the same.
    pub(super) fn move_to_slot(&mut self, key: ConnectionKey) -> io::Result<()> {
        let connection = self.table.expect(key);
        let descriptor = connection.descriptor().expect("it has just come");
        if self.rings.hold(key.index, descriptor)? {
            connection.move_to_slot();
        }
        Ok(())
    }

    fn connect(&mut self, key: ConnectionKey, from: Option<IpAddr>, to: SocketAddr, ending: Ending) -> io::Result<()> {
        match outgoing::socket(from, to, ending) {
            Ok(socket) => self.table.insert(key, socket.into()),
            Err(error) => {
                self.failed.insert(key);
                self.answers.push(Answer::Unconnected(key, error));
                return Ok(());
            }
        }
        self.table.expect(key).task = Task::Connecting;
        let route = self.route(key);
        let request = self.connects.insert(key, route.target, to);
        self.rings.push(route, request, Tag::new(Kind::Connect, key))
    }

    fn receive_once(&mut self, key: ConnectionKey) {
        let connection = self.table.expect_open(key);
        if !connection.closing && connection.demand == Demand::Nothing {
            connection.demand = Demand::Once;
            self.want_receive(key);
        }
    }

    fn receive_always(&mut self, key: ConnectionKey) -> io::Result<()> {
        let connection = self.table.expect_open(key);
        if connection.closing || matches!(connection.demand, Demand::Always | Demand::Ended) {
            return Ok(());
        }
        connection.demand = Demand::Always;
        if connection.polled {
            // Hits were ignored during the pause.
            self.want_receive(key);
            return Ok(());
        }
        self.poll(key)
    }

    /// The poll stays where it is: a hit that nobody wants costs less than to cancel and arm it again. The window closes because
    /// nobody receives.
    fn pause(&mut self, key: ConnectionKey) {
        let connection = self.table.expect_open(key);
        match connection.demand {
            Demand::Nothing | Demand::Ended => {}
            Demand::Once | Demand::Always => connection.demand = Demand::Nothing,
        }
    }

    fn send(&mut self, key: ConnectionKey, frame: selvedge_shards::Frame) -> io::Result<()> {
        let connection = self.table.expect_open(key);
        assert!(connection.send.is_none(), "{key:?} has a send in flight");
        if connection.closing {
            self.answers.push(Answer::Unsent(key, frame));
            return Ok(());
        }
        connection.send = Some(self.sends.insert(frame));
        self.send_rest(key)
    }

    /// Submits what the kernel has yet to take of the connection's frame.
    pub(super) fn send_rest(&mut self, key: ConnectionKey) -> io::Result<()> {
        let route = self.route(key);
        let slot = self.table.expect(key).send.expect("there is a frame to send");
        let rest = self.sends.at(slot).rest();
        // SAFETY: the bytes of a frame neither move nor change while a reference to it is held, and `sends` holds one until the final
        // completion has been handled; if that never comes, `Uring::drop` leaks it.
        let request = unsafe { Request::send(route.target, rest) };
        self.rings.push(route, request, Tag::new(Kind::Send, key))
    }

    fn release(&mut self, key: ConnectionKey) -> io::Result<()> {
        let connection = self.table.expect_open(key);
        assert!(connection.is_quiet() && !connection.closing, "{key:?} was released while something is in flight");
        if connection.descriptor().is_some() {
            connection.task = Task::Releasing;
            self.answers.push(Answer::Released(key));
            return Ok(());
        }
        self.install(key)
    }

    /// Asks for a process descriptor for a connection in a slot.
    pub(super) fn install(&mut self, key: ConnectionKey) -> io::Result<()> {
        self.table.expect(key).task = Task::Installing;
        let route = self.route(key);
        self.rings.push(route, Request::install(route.target), Tag::new(Kind::Install, key))
    }

    fn close(&mut self, key: ConnectionKey) -> io::Result<()> {
        if self.failed.contains(&key) {
            return Ok(());
        }
        let connection = self.table.expect(key);
        if connection.closing {
            return Ok(());
        }
        connection.closing = true;
        connection.demand = Demand::Ended;
        if connection.is_quiet() {
            self.answers.push(Answer::Closed(key));
            return Ok(());
        }
        // What was given before this starts before it, and a send that finds room is done then. A receive does not wait, and ends by itself.
        let Connection { task, polled, send, .. } = *connection;
        let route = self.route(key);
        if task == Task::Connecting {
            self.cancel(route, Tag::new(Kind::Connect, key))?;
        }
        if polled {
            self.cancel(route, Tag::new(Kind::Poll, key))?;
        }
        if send.is_some() {
            self.cancel(route, Tag::new(Kind::Send, key))?;
        }
        Ok(())
    }

    fn wake(&mut self, core: usize) -> io::Result<()> {
        let waker = self.wakers.get(core).expect("a core that was connected");
        if waker.is_same(&self.waker) {
            self.awake = true;
        } else if waker.claim() {
            self.counters.wakes_sent += 1;
            match waker.ring() {
                Some(ring) => {
                    let core = u32::try_from(core).expect("cores are counted in 32 bits");
                    let key = ConnectionKey { index: core, generation: 0 };
                    self.rings.main().push(Request::wake(ring), Tag::new(Kind::Notify, key))?;
                }
                None => waker.signal(),
            }
        }
        Ok(())
    }

    /// Puts the connection into the queue for a receive, or lets one follow that which is in flight.
    pub(super) fn want_receive(&mut self, key: ConnectionKey) {
        let connection = self.table.expect(key);
        connection.read = match connection.read {
            Read::Idle => {
                self.ready.push_back(key);
                Read::Queued
            }
            Read::Queued => Read::Queued,
            Read::InFlight(id) | Read::InFlightAgain(id) => Read::InFlightAgain(id),
        }
    }

    /// Submits the receive of a connection whose turn has come.
    pub(super) fn receive_from(&mut self, key: ConnectionKey) -> io::Result<()> {
        // It may have been closed since, and its place may have a new owner.
        let Some(connection) = self.table.find(key) else { return Ok(()) };
        if connection.read != Read::Queued {
            return Ok(());
        }
        match connection.demand {
            Demand::Nothing | Demand::Ended => {
                connection.read = Read::Idle;
                return Ok(());
            }
            Demand::Once | Demand::Always => {}
        }
        let id = self.buffers.take().expect("a receive starts only where a buffer is free");
        connection.read = Read::InFlight(id);
        let route = self.route(key);
        // SAFETY: the buffer is this receive's until `handle_received` gives it back, and its memory lasts until nothing is in flight; if
        // that never comes, `Uring::drop` leaks it.
        let request = unsafe { Request::receive(route.target, self.buffers.address(id)) };
        self.rings.push(route, request, Tag::new(Kind::Receive, key))
    }

    /// Waits for something to receive: once, or for as long as everything is wanted.
    pub(super) fn poll(&mut self, key: ConnectionKey) -> io::Result<()> {
        let connection = self.table.expect(key);
        if connection.polled {
            return Ok(());
        }
        connection.polled = true;
        let once = connection.demand != Demand::Always;
        let route = self.route(key);
        self.rings.push(route, Request::poll(route.target, once), Tag::new(Kind::Poll, key))
    }

    fn cancel(&mut self, route: Route, tag: Tag) -> io::Result<()> {
        self.rings.push(route, Request::cancel(tag), Tag::of_core(Kind::Cancel))
    }

    fn route(&mut self, key: ConnectionKey) -> Route {
        self.rings.route(key.index, self.table.expect(key).descriptor())
    }
}
