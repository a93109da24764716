//! The portable driver: monoio waits, on io_uring or on epoll, and the driver makes the system calls once something is ready.
//!
//! An idle connection is a task that waits for readiness and holds no buffer: all of a core receive into one.

mod acceptor;
mod completions;
mod operations;
mod runtime;
mod socket;
mod table;
mod watches;

use std::collections::{HashSet, VecDeque};
use std::io;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::{Duration, Instant};

use rustix::net::{Shutdown, shutdown};
use selvedge_shards::Frame;

use super::{Completion, ConnectionKey, Counters, Driver, Operation, RECEIVE_BYTES_MAX, Waker};
use acceptor::Acceptor;
use runtime::Runtime;
use socket::Socket;
use table::Table;
use watches::{Event, Watches};

/// How long [`Drop`] waits for the tasks to end.
const QUIESCE_MAX: Duration = Duration::from_secs(5);

/// The driver on monoio.
pub struct Monoio {
    core: Core,
    // Last, because the watches end in it.
    runtime: Runtime,
}

/// All that a turn works on; apart from the runtime, inside of which it does so.
struct Core {
    table: Table,
    acceptor: Acceptor,
    watches: Watches,
    /// Keys whose connect has failed since the operations of the last turn were given: some of those of the next may still name them.
    failed: HashSet<ConnectionKey>,
    /// Answers that are known before the turn waits.
    answers: VecDeque<Answer>,
    waker: Waker,
    /// The waker's eventfd once more, watched by the runtime. `None` before the first turn.
    event: Option<Rc<Socket>>,
    watching_event: bool,
    /// Those of all cores, by number.
    wakers: Vec<Waker>,
    /// This core woke itself.
    awake: bool,
    buffer: Box<[u8; RECEIVE_BYTES_MAX]>,
    /// Without what the watches count.
    counters: Counters,
}

/// A completion that is known before the turn waits.
enum Answer {
    Closed(ConnectionKey),
    Released(ConnectionKey, OwnedFd),
    Failed(ConnectionKey, io::Error),
    /// There is no socket to connect, or it failed at once.
    Unconnected(ConnectionKey, io::Error),
    Sent(ConnectionKey, Frame, io::Result<()>),
}

impl Monoio {
    /// Makes the runtime for the calling thread, on io_uring where the kernel grants it, otherwise on epoll.
    ///
    /// # Errors
    ///
    /// Where neither is granted, or a descriptor is lacking.
    pub fn open() -> io::Result<Self> {
        Self::on(Runtime::open()?)
    }

    /// Makes the runtime for the calling thread, on epoll.
    ///
    /// # Errors
    ///
    /// Where it is not granted, or a descriptor is lacking.
    pub fn open_epoll() -> io::Result<Self> {
        Self::on(Runtime::open_epoll()?)
    }

    fn on(runtime: Runtime) -> io::Result<Self> {
        let core = Core {
            table: Table::default(),
            acceptor: Acceptor::default(),
            watches: Watches::default(),
            failed: HashSet::new(),
            answers: VecDeque::new(),
            waker: Waker::new(None)?,
            event: None,
            watching_event: false,
            wakers: Vec::new(),
            awake: false,
            buffer: Box::new([0; RECEIVE_BYTES_MAX]),
            counters: Counters::default(),
        };
        Ok(Self { core, runtime })
    }

    /// Accept on this listener, once [`Operation::Accept`] says so.
    ///
    /// # Errors
    ///
    /// If it cannot be made non-blocking.
    pub fn listen(&mut self, listener: TcpListener) -> io::Result<()> {
        self.core.acceptor.listen(listener)
    }

    /// Connections that are adopted.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.core.table.len()
    }

    /// It runs on epoll, not on io_uring.
    #[must_use]
    pub fn is_epoll(&self) -> bool {
        self.runtime.is_epoll()
    }
}

impl Driver for Monoio {
    fn connect(&mut self, wakers: Vec<Waker>) {
        self.core.wakers = wakers;
    }

    fn waker(&self) -> Waker {
        self.core.waker.clone()
    }

    fn counters(&self) -> Counters {
        let submissions = self.core.watches.begun();
        let waiting = (self.core.watches.tasks() + self.core.watches.len()) as u64;
        Counters { submissions, completions: submissions - waiting, ..self.core.counters }
    }

    fn turn(
        &mut self,
        operations: &mut Vec<Operation>,
        timeout: Option<Duration>,
        visit: &mut dyn FnMut(Completion<'_>),
    ) -> io::Result<()> {
        let epoll = self.runtime.is_epoll();
        self.runtime.block_on(self.core.turn(epoll, operations, timeout, visit))
    }
}

impl Core {
    async fn turn(
        &mut self,
        epoll: bool,
        operations: &mut Vec<Operation>,
        timeout: Option<Duration>,
        visit: &mut dyn FnMut(Completion<'_>),
    ) -> io::Result<()> {
        self.counters.enters += 1;
        self.watch_event()?;
        for operation in operations.drain(..) {
            self.start(operation);
        }
        self.failed.clear();
        self.acceptor.watch(&self.watches)?;
        let timeout = if self.is_busy() { Some(Duration::ZERO) } else { self.acceptor.limit(timeout) };
        let must_not_wait = timeout == Some(Duration::ZERO);
        if must_not_wait || epoll {
            // Lets the runtime look at the kernel once without waiting. On epoll a watch may also be over without that look, and a busy
            // connection would keep all others from being seen.
            monoio::spawn(async {}).await;
        }
        if !must_not_wait {
            self.watches.wait(timeout).await;
        }
        self.awake = false;
        self.waker.reset();
        while let Some(answer) = self.answers.pop_front() {
            self.failed.extend(answer.unconnected());
            answer.show(visit);
        }
        // Not more than there are now: what handling them adds is for the next turn.
        for _ in 0..self.watches.len() {
            if let Some(event) = self.watches.pop() {
                self.handle(event, visit);
            }
        }
        Ok(())
    }

    fn is_busy(&self) -> bool {
        self.awake || !self.answers.is_empty() || self.watches.len() > 0
    }

    fn watch_event(&mut self) -> io::Result<()> {
        if self.watching_event {
            return Ok(());
        }
        let event = match &self.event {
            Some(event) => event.clone(),
            None => {
                let copy = self.waker.event().try_clone_to_owned()?;
                self.event.insert(Rc::new(Socket::new(copy)?)).clone()
            }
        };
        self.watching_event = true;
        self.watches.readable(event, Event::Woken);
        Ok(())
    }

    /// Ends all watches. A task that still waits would keep the runtime's memory, and its socket, for ever.
    async fn quiesce(&mut self) {
        self.acceptor.stop();
        for connection in self.table.iter() {
            if let Ok(socket) = &connection.socket {
                // Fails only if the peer was faster.
                let _ = shutdown(socket, Shutdown::Both);
            }
        }
        self.waker.signal();
        let deadline = Instant::now() + QUIESCE_MAX;
        while self.watches.tasks() > 0 {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            self.watches.wait(Some(left)).await;
            while self.watches.pop().is_some() {}
        }
    }
}

impl Answer {
    /// The key that failed to connect.
    fn unconnected(&self) -> Option<ConnectionKey> {
        match self {
            Self::Unconnected(key, _) => Some(*key),
            Self::Closed(_) | Self::Released(..) | Self::Failed(..) | Self::Sent(..) => None,
        }
    }

    fn show(self, visit: &mut dyn FnMut(Completion<'_>)) {
        visit(match self {
            Self::Closed(key) => Completion::Closed { key },
            Self::Released(key, socket) => Completion::Released { key, socket: super::Socket(socket) },
            Self::Unconnected(key, error) => Completion::Connected { key, result: Err(error) },
            Self::Failed(key, error) => Completion::Ended { key, error: Some(error) },
            Self::Sent(key, frame, result) => Completion::Sent { key, frame, result },
        });
    }
}

impl Drop for Monoio {
    fn drop(&mut self) {
        self.runtime.block_on(self.core.quiesce());
    }
}
