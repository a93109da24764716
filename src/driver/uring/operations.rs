//! What starts when the loop asks for it. Knows the ring and the table, and waits for nothing.
#![expect(unsafe_code, reason = "a send refers to memory that must outlive the call")]

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsFd;

use rustix::net::{Shutdown, shutdown};

use super::request::Request;
use super::table::{Connection, Read};
use super::tag::{Kind, Tag};
use super::{Answer, Uring};
use crate::driver::demand::Demand;
use crate::driver::{ConnectionKey, Operation, outgoing};

impl Uring {
    pub(super) fn start(&mut self, operation: Operation) -> io::Result<()> {
        match operation {
            Operation::Accept => self.acceptor.start(),
            Operation::StopAccepting => {
                if self.acceptor.stop() {
                    self.cancel(Tag::of_core(Kind::Accept))?;
                }
            }
            Operation::Adopt { key, socket } => self.table.insert(key, socket.0),
            Operation::Connect { key, from, to } => self.connect(key, from, to)?,
            Operation::ReceiveOnce { key } => self.receive_once(key),
            Operation::Receive { key } => self.receive_always(key)?,
            Operation::Pause { key } => self.pause(key)?,
            Operation::Send { key, frame } => self.send(key, frame)?,
            Operation::Release { key } => self.release(key),
            Operation::Close { key } => self.close(key)?,
            Operation::Wake { core } => self.wake(core)?,
        }
        Ok(())
    }

    fn connect(&mut self, key: ConnectionKey, from: Option<IpAddr>, to: SocketAddr) -> io::Result<()> {
        match outgoing::socket(from, to) {
            Ok(socket) => self.table.insert(key, socket.into()),
            Err(error) => {
                self.failed.insert(key);
                self.answers.push(Answer::Unconnected(key, error));
                return Ok(());
            }
        }
        let connection = self.table.expect(key);
        connection.connecting = true;
        let request = self.connects.insert(key, connection.socket().as_fd(), to);
        self.ring.push(request, Tag::new(Kind::Connect, key))
    }

    fn receive_once(&mut self, key: ConnectionKey) {
        let connection = self.table.expect_connected(key);
        if !connection.closing && connection.demand == Demand::Nothing {
            connection.demand = Demand::Once;
            self.want_receive(key);
        }
    }

    fn receive_always(&mut self, key: ConnectionKey) -> io::Result<()> {
        let connection = self.table.expect_connected(key);
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
    fn pause(&mut self, key: ConnectionKey) -> io::Result<()> {
        let connection = self.table.expect_connected(key);
        match connection.demand {
            Demand::Nothing | Demand::Ended => {}
            Demand::Always => connection.demand = Demand::Nothing,
            Demand::Once => {
                connection.demand = Demand::Nothing;
                // This receive waits, and would take the next data.
                if connection.read != Read::Queued {
                    self.cancel(Tag::new(Kind::Receive, key))?;
                }
            }
        }
        Ok(())
    }

    fn send(&mut self, key: ConnectionKey, frame: selvedge_shards::Frame) -> io::Result<()> {
        let connection = self.table.expect_connected(key);
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
        let connection = self.table.expect(key);
        let slot = connection.send.expect("there is a frame to send");
        let rest = self.sends.at(slot).rest();
        // SAFETY: the bytes of a frame neither move nor change while a reference to it is held, and `sends` holds one until the final
        // completion has been handled; if that never comes, `Uring::drop` leaks it.
        let request = unsafe { Request::send(connection.socket().as_fd(), rest) };
        self.ring.push(request, Tag::new(Kind::Send, key))
    }

    fn release(&mut self, key: ConnectionKey) {
        let connection = self.table.expect(key);
        assert!(connection.is_quiet() && !connection.closing, "{key:?} was released while something is in flight");
        let socket = self.table.remove(key);
        self.answers.push(Answer::Released(key, socket));
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
            drop(self.table.remove(key));
            self.answers.push(Answer::Closed(key));
            return Ok(());
        }
        let sending = connection.send.is_some();
        if sending {
            // One that was given in this turn starts before the socket is shut down.
            self.ring.submit()?;
        }
        let connection = self.table.expect(key);
        let Connection { connecting, polled, read, .. } = *connection;
        // Fails only if the peer was faster.
        let _ = shutdown(connection.socket(), Shutdown::Both);
        if connecting {
            self.cancel(Tag::new(Kind::Connect, key))?;
        }
        if polled {
            self.cancel(Tag::new(Kind::Poll, key))?;
        }
        match read {
            Read::Idle | Read::Queued => {}
            Read::InFlight | Read::InFlightAgain => self.cancel(Tag::new(Kind::Receive, key))?,
        }
        if sending {
            self.cancel(Tag::new(Kind::Send, key))?;
        }
        Ok(())
    }

    fn wake(&mut self, core: usize) -> io::Result<()> {
        let waker = self.wakers.get(core).expect("a core that was connected");
        if waker.is_same(&self.waker) {
            self.awake = true;
        } else if waker.claim() {
            match waker.ring() {
                Some(ring) => {
                    let core = u32::try_from(core).expect("cores are counted in 32 bits");
                    let key = ConnectionKey { index: core, generation: 0 };
                    self.ring.push(Request::wake(ring), Tag::new(Kind::Notify, key))?;
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
            Read::InFlight | Read::InFlightAgain => Read::InFlightAgain,
        }
    }

    /// Submits the receive of a connection whose turn has come.
    pub(super) fn receive_from(&mut self, key: ConnectionKey) -> io::Result<()> {
        // It may have been closed since, and its place may have a new owner.
        let Some(connection) = self.table.find(key) else { return Ok(()) };
        if connection.read != Read::Queued {
            return Ok(());
        }
        let wait = match connection.demand {
            Demand::Nothing | Demand::Ended => {
                connection.read = Read::Idle;
                return Ok(());
            }
            Demand::Once => true,
            Demand::Always => false,
        };
        connection.read = Read::InFlight;
        let request = Request::receive(connection.socket().as_fd(), wait);
        self.ring.push(request, Tag::new(Kind::Receive, key))
    }

    pub(super) fn poll(&mut self, key: ConnectionKey) -> io::Result<()> {
        let connection = self.table.expect(key);
        connection.polled = true;
        let request = Request::poll(connection.socket().as_fd());
        self.ring.push(request, Tag::new(Kind::Poll, key))
    }

    fn cancel(&mut self, tag: Tag) -> io::Result<()> {
        self.ring.push(Request::cancel(tag), Tag::of_core(Kind::Cancel))
    }
}
