//! What starts when the loop asks for it. Runs inside of the executor and waits for nothing.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::task::Poll;

use rustix::net::{Shutdown, shutdown};
use selvedge_shards::Frame;

use super::ready::Source;
use super::stream::Stream;
use super::table::Sending;
use super::{Answer, Core};
use crate::driver::demand::Demand;
use crate::driver::{ConnectionKey, Ending, Operation, outgoing};

impl Core {
    pub(super) fn start(&mut self, operation: Operation) {
        match operation {
            Operation::Accept => self.acceptor.start(),
            Operation::StopAccepting => self.acceptor.stop(),
            Operation::Adopt { key, socket } => self.insert(key, socket.0, false),
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

    fn insert(&mut self, key: ConnectionKey, socket: OwnedFd, connecting: bool) {
        let stream = Stream::new(socket, self.ready.wire(Source::Connection(key)));
        self.table.insert(key, stream, connecting);
    }

    fn connect(&mut self, key: ConnectionKey, from: Option<IpAddr>, to: SocketAddr, ending: Ending) {
        match outgoing::begin_connect(from, to, ending) {
            Ok(socket) => {
                self.insert(key, socket, true);
                self.ready.push(Source::Connection(key));
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
        if wanted {
            connection.demand = demand;
            self.ready.push(Source::Connection(key));
        }
    }

    /// glommio goes on watching; what it says will find that nobody wants it.
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
        let mut sending = Sending::new(frame);
        match connection.push_out(&mut sending) {
            Poll::Ready(result) => {
                self.counters.sends += 1;
                self.counters.sent_bytes += sending.sent as u64;
                self.answers.push_back(Answer::Sent(key, sending.frame, result));
            }
            Poll::Pending => {
                self.counters.short_sends += 1;
                self.counters.submissions += 1;
                connection.sending = Some(Box::new(sending));
            }
        }
    }

    fn release(&mut self, key: ConnectionKey) {
        let connection = self.table.remove(key);
        let is_quiet = !connection.connecting && connection.sending.is_none() && connection.demand != Demand::Always;
        assert!(is_quiet, "{key:?} was released while something is in flight");
        self.answers.push_back(match connection.stream.into_descriptor() {
            Ok(socket) => Answer::Released(key, socket),
            // There is no socket to give back: no descriptor is free.
            Err(_) => Answer::Closed(key),
        });
    }

    fn close(&mut self, key: ConnectionKey) {
        if self.failed.contains(&key) {
            return;
        }
        // It was to be released, which has not been said yet.
        let released = |answer: &&mut Answer| matches!(answer, Answer::Released(of, _) if *of == key);
        if let Some(answer) = self.answers.iter_mut().find(released) {
            *answer = Answer::Closed(key);
            return;
        }
        let connection = self.table.remove(key);
        // The rings may hold the socket a little longer; the peer need not. Fails only if the peer was faster.
        let _ = shutdown(&connection.stream, Shutdown::Both);
        if let Some(sending) = connection.sending {
            self.answers.push_back(Answer::Sent(key, sending.frame, Err(io::ErrorKind::BrokenPipe.into())));
        }
        self.answers.push_back(Answer::Closed(key));
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
}
