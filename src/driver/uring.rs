//! The driver on io_uring: one ring, one group of buffers and one system call per turn for each core.
//!
//! An idle connection is one multishot poll in the kernel and a place in a table here. When the poll hits, a receive follows in the next
//! turn's submission, into a buffer that is given back before that turn ends.

mod acceptor;
mod buffers;
mod completions;
mod connects;
mod operations;
mod refusal;
mod request;
mod ring;
mod sends;
mod table;
mod tag;

use std::collections::{HashSet, VecDeque};
use std::io;
use std::mem;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use io_uring::cqueue;
use selvedge_shards::Frame;

use super::{Completion, ConnectionKey, Driver, Operation, Socket, Waker};
use acceptor::Acceptor;
use buffers::Buffers;
use connects::Connects;
pub use refusal::Refusal;
use request::Request;
use ring::Ring;
use sends::Sends;
use table::{Connection, Table};
use tag::{Kind, Tag};

/// How long [`Drop`] waits for the kernel to let go of what is in flight.
const QUIESCE_MAX: Duration = Duration::from_secs(5);

/// The driver on io_uring. Needs Linux 6.1.
pub struct Uring {
    // First, so that it ends before the memory that the kernel uses through it.
    ring: Ring,
    buffers: Buffers,
    sends: Sends,
    connects: Connects,
    table: Table,
    acceptor: Acceptor,
    /// Connections with [`table::Read::Queued`], and perhaps some that no longer are. Each gets one receive, then it stands at the end again: no
    /// connection takes more than its turn, and receives never outnumber the buffers by much.
    ready: VecDeque<ConnectionKey>,
    /// Keys whose connect has failed since the operations of the last turn were given: some of those of the next may still name them.
    failed: HashSet<ConnectionKey>,
    /// Answers that needed no kernel.
    answers: Vec<Answer>,
    waker: Waker,
    /// Those of all cores, by number.
    wakers: Vec<Waker>,
    /// This core woke itself.
    awake: bool,
    /// Empty between turns; kept for its memory.
    completions: Vec<cqueue::Entry>,
}

/// A completion that is known before the kernel is entered.
enum Answer {
    Closed(ConnectionKey),
    Released(ConnectionKey, OwnedFd),
    /// There is no socket to connect.
    Unconnected(ConnectionKey, io::Error),
    /// Given for a connection that is being closed.
    Unsent(ConnectionKey, Frame),
}

impl Uring {
    /// User memory of a connection with nothing in flight: its place in the table.
    pub const IDLE_CONNECTION_BYTES: usize = size_of::<Connection>();

    /// Makes the ring, for the calling thread.
    ///
    /// # Errors
    ///
    /// What this kernel lacks or forbids.
    pub fn open() -> Result<Self, Refusal> {
        let ring = Ring::open()?;
        let buffers = Buffers::register(&ring).map_err(Refusal::Buffers)?;
        let waker = Waker::new(Some(ring.descriptor())).map_err(Refusal::Descriptor)?;
        let mut driver = Self {
            ring,
            buffers,
            sends: Sends::default(),
            connects: Connects::default(),
            table: Table::default(),
            acceptor: Acceptor::default(),
            ready: VecDeque::new(),
            failed: HashSet::new(),
            answers: Vec::new(),
            waker,
            wakers: Vec::new(),
            awake: false,
            completions: Vec::new(),
        };
        driver.watch_waker().map_err(Refusal::Setup)?;
        Ok(driver)
    }

    /// Accept on this listener, once [`Operation::Accept`] says so.
    pub fn listen(&mut self, listener: TcpListener) {
        self.acceptor.listen(listener);
    }

    /// Connections that are adopted.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.table.len()
    }

    fn watch_waker(&mut self) -> io::Result<()> {
        self.ring.push(Request::watch(self.waker.event()), Tag::of_core(Kind::Event))
    }

    fn accept(&mut self) -> io::Result<()> {
        match self.acceptor.poll_accept() {
            Some(listener) => self.ring.push(Request::accept(listener), Tag::of_core(Kind::Accept)),
            None => Ok(()),
        }
    }

    /// Starts the receives that wait, as many as there are buffers: all of them are free between turns.
    fn receive(&mut self) -> io::Result<()> {
        for _ in 0..self.ready.len().min(usize::from(buffers::COUNT)) {
            let key = self.ready.pop_front().expect("counted");
            self.receive_from(key)?;
        }
        Ok(())
    }

    /// Whether the turn must not wait, because it has something to show or to do already.
    fn is_busy(&self) -> bool {
        self.awake || !self.answers.is_empty() || !self.ready.is_empty()
    }

    fn show_answers(&mut self, visit: &mut dyn FnMut(Completion<'_>)) {
        for answer in self.answers.drain(..) {
            visit(match answer {
                Answer::Closed(key) => Completion::Closed { key },
                Answer::Released(key, socket) => Completion::Released { key, socket: Socket(socket) },
                Answer::Unconnected(key, error) => {
                    self.failed.insert(key);
                    Completion::Connected { key, result: Err(error) }
                }
                Answer::Unsent(key, frame) => {
                    Completion::Sent { key, frame, result: Err(io::ErrorKind::BrokenPipe.into()) }
                }
            });
        }
    }

    /// Ends all that is in flight. `false` if the kernel does not let go of it.
    fn quiesce(&mut self) -> bool {
        let deadline = Instant::now() + QUIESCE_MAX;
        if self.ring.push(Request::cancel_all(), Tag::of_core(Kind::Cancel)).is_err() {
            return false;
        }
        while self.ring.in_flight() > 0 {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || self.ring.enter(Some(left)).is_err() {
                return false;
            }
            self.ring.collect(&mut self.completions);
            for completion in mem::take(&mut self.completions) {
                self.discard(&completion);
            }
        }
        true
    }
}

impl Driver for Uring {
    fn connect(&mut self, wakers: Vec<Waker>) {
        self.wakers = wakers;
    }

    fn waker(&self) -> Waker {
        self.waker.clone()
    }

    fn turn(
        &mut self,
        operations: &mut Vec<Operation>,
        timeout: Option<Duration>,
        visit: &mut dyn FnMut(Completion<'_>),
    ) -> io::Result<()> {
        for operation in operations.drain(..) {
            self.start(operation)?;
        }
        self.failed.clear();
        self.receive()?;
        self.accept()?;
        let timeout = if self.is_busy() { Some(Duration::ZERO) } else { self.acceptor.limit(timeout) };
        self.ring.enter(timeout)?;
        self.awake = false;
        self.waker.reset();
        self.show_answers(visit);
        // Copied out first, because handling them makes new requests.
        let mut completions = mem::take(&mut self.completions);
        self.ring.collect(&mut completions);
        for completion in completions.drain(..) {
            self.handle(&completion, visit)?;
        }
        self.completions = completions;
        self.buffers.publish();
        Ok(())
    }
}

impl Drop for Uring {
    fn drop(&mut self) {
        if !self.quiesce() {
            // The kernel may still write to the buffers and read the frames and addresses: they stay.
            mem::forget(mem::take(&mut self.sends));
            mem::forget(mem::take(&mut self.connects));
            self.buffers.abandon();
        }
    }
}
