//! The driver on io_uring: one pool of buffers and one system call per turn for each core; and one ring, unless sockets are held in its
//! slots and these are not enough.
//!
//! An idle connection is one multishot poll in the kernel and a place in a table here. When the poll hits, a receive follows in the next
//! turn's submission, into a buffer that is given back before that turn ends.

mod acceptor;
mod buffers;
mod completions;
mod connects;
mod installs;
mod operations;
mod refusal;
mod request;
mod ring;
mod rings;
mod sends;
mod table;
mod tag;
mod target;

use std::collections::{HashSet, VecDeque};
use std::io;
use std::mem;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use io_uring::cqueue;
use selvedge_shards::Frame;

use super::{Completion, ConnectionKey, Counters, Descriptors, Driver, Operation, Socket, Waker};
use acceptor::Acceptor;
use buffers::Buffers;
use connects::Connects;
use installs::Installs;
pub use refusal::Refusal;
use request::Request;
use rings::Rings;
use sends::Sends;
use table::{Table, Task};
use tag::{Kind, Tag};

/// How long [`Drop`] waits for the kernel to let go of what is in flight.
const QUIESCE_MAX: Duration = Duration::from_secs(5);

/// The driver on io_uring. Needs Linux 6.1.
pub struct Uring {
    // First, so that it ends before the memory that the kernel uses through it.
    rings: Rings,
    buffers: Buffers,
    sends: Sends,
    connects: Connects,
    table: Table,
    acceptor: Acceptor,
    installs: Installs,
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
    /// Without what the rings count.
    counters: Counters,
    /// Empty between turns; kept for its memory.
    completions: Vec<cqueue::Entry>,
}

/// A completion that is known before the kernel is entered.
enum Answer {
    /// It was quiet when it was closed.
    Closed(ConnectionKey),
    /// It has a descriptor to be given back.
    Released(ConnectionKey),
    /// There is no socket to connect.
    Unconnected(ConnectionKey, io::Error),
    /// Given for a connection that is being closed.
    Unsent(ConnectionKey, Frame),
}

impl Uring {
    /// Makes the ring, for the calling thread.
    ///
    /// # Errors
    ///
    /// What this kernel lacks or forbids.
    pub fn open(descriptors: Descriptors) -> Result<Self, Refusal> {
        let mut rings = Rings::open(descriptors)?;
        let waker = Waker::new(Some(rings.main().descriptor())).map_err(Refusal::Descriptor)?;
        let mut driver = Self {
            rings,
            buffers: Buffers::new(),
            sends: Sends::default(),
            connects: Connects::default(),
            table: Table::default(),
            acceptor: Acceptor::default(),
            installs: Installs::default(),
            ready: VecDeque::new(),
            failed: HashSet::new(),
            answers: Vec::new(),
            waker,
            wakers: Vec::new(),
            awake: false,
            counters: Counters::default(),
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

    /// It holds sockets in slots, not as descriptors.
    #[must_use]
    pub fn is_direct(&self) -> bool {
        self.rings.is_direct()
    }

    /// How often the queues of its ring were halved, because the kernel had no memory for longer ones.
    #[must_use]
    pub fn halvings(&self) -> u32 {
        self.rings.halvings()
    }

    fn watch_waker(&mut self) -> io::Result<()> {
        self.rings.main().push(Request::watch(self.waker.event()), Tag::of_core(Kind::Event))
    }

    fn accept(&mut self) -> io::Result<()> {
        while let Some(listener) = self.acceptor.poll_accept() {
            self.rings.main().push(Request::accept(listener), Tag::of_core(Kind::Accept))?;
        }
        Ok(())
    }

    /// Starts the receives that wait, as many as there are buffers: nearly always all of them are free between turns.
    fn receive(&mut self) -> io::Result<()> {
        while self.buffers.any_free()
            && let Some(key) = self.ready.pop_front()
        {
            self.receive_from(key)?;
        }
        self.counters.receives_put_off += self.ready.len() as u64;
        Ok(())
    }

    /// Tries again to release those for whom there was no descriptor.
    fn install_waiting(&mut self) -> io::Result<()> {
        for key in self.installs.take_due() {
            // It may have been closed since, and its place may have a new owner.
            if self.table.find(key).is_some_and(|connection| connection.task == Task::Releasing && !connection.closing)
            {
                self.install(key)?;
            }
        }
        Ok(())
    }

    /// Whether the turn must not wait, because it has something to show or to do already.
    fn is_busy(&self) -> bool {
        self.awake || !self.answers.is_empty() || !self.ready.is_empty()
    }

    fn show_answers(&mut self, visit: &mut dyn FnMut(Completion<'_>)) -> io::Result<()> {
        let mut answers = mem::take(&mut self.answers);
        // What was asked for after the close is answered before it: nothing is heard of a key that is closed.
        answers.sort_by_key(|answer| matches!(answer, Answer::Closed(_)));
        for answer in answers.drain(..) {
            visit(match answer {
                Answer::Closed(key) => {
                    drop(self.remove(key)?);
                    Completion::Closed { key }
                }
                // Closed after it was released.
                Answer::Released(key) if self.table.expect(key).closing => continue,
                Answer::Released(key) => {
                    let descriptor = self.remove(key)?.expect("it was released with a descriptor");
                    Completion::Released { key, socket: Socket(descriptor) }
                }
                Answer::Unconnected(key, error) => {
                    self.failed.insert(key);
                    Completion::Connected { key, result: Err(error) }
                }
                Answer::Unsent(key, frame) => {
                    Completion::Sent { key, frame, result: Err(io::ErrorKind::BrokenPipe.into()) }
                }
            });
        }
        self.answers = answers;
        Ok(())
    }

    /// Ends all that is in flight. `false` if the kernel does not let go of it.
    fn quiesce(&mut self) -> bool {
        let deadline = Instant::now() + QUIESCE_MAX;
        self.rings.quiesce(deadline, &mut Self::discard)
    }
}

impl Driver for Uring {
    fn connect(&mut self, wakers: Vec<Waker>) {
        self.wakers = wakers;
    }

    fn waker(&self) -> Waker {
        self.waker.clone()
    }

    fn counters(&self) -> Counters {
        let mut counters = self.counters;
        counters += self.rings.counters();
        counters
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
        self.install_waiting()?;
        self.receive()?;
        self.accept()?;
        let timeout = self.installs.limit(self.acceptor.limit(timeout));
        let timeout = if self.is_busy() { Some(Duration::ZERO) } else { timeout };
        // Copied out first, because handling them makes new requests.
        let mut completions = mem::take(&mut self.completions);
        self.rings.turn(timeout, &mut completions)?;
        self.awake = false;
        self.waker.reset();
        self.show_answers(visit)?;
        for completion in completions.drain(..) {
            self.handle(&completion, visit)?;
        }
        self.completions = completions;
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
