//! The third driver, for measuring only: glommio waits on its rings, and its streams make the system calls. Compiled with the feature
//! `glommio`, never in a release.
//!
//! A turn is a run of glommio's executor, which is not how glommio wants to be used: it would own the loop, with a task for each
//! connection. Here nothing is a task; a stream is asked again when what it waits for has happened. That leaves its three rings, its
//! way to sleep and its system calls, which is what is to be compared. Every operation works on it. Unlike the other drivers it
//! has every adopted socket watched from the start, because glommio's streams begin so; it closes a socket that was to be released where no
//! descriptor is free for the copy that has to be made of it; and glommio never closes one eventfd of each executor that has run.

mod acceptor;
mod completions;
mod operations;
mod ready;
mod stream;
mod table;

use std::collections::{HashSet, VecDeque};
use std::io;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::time::Duration;

use glommio::{LocalExecutor, LocalExecutorBuilder, Placement};
use rustix::net::{Shutdown, shutdown};
use selvedge_shards::Frame;

use super::{Completion, ConnectionKey, Counters, Driver, Operation, RECEIVE_BYTES_MAX, Waker};
use acceptor::Acceptor;
use ready::{Ready, Source};
use stream::Stream;
use table::Table;

/// Entries of each of glommio's submission queues: its default. Deeper ones made no difference to an echo of 200 connections.
const RING_ENTRIES: usize = 128;
/// Bytes that glommio takes for files, which this driver has none of. Its least.
const FILE_BYTES: usize = 64 << 10;

/// The driver on glommio.
pub struct Glommio {
    core: Core,
    // Last, because the streams live in it.
    executor: LocalExecutor,
}

/// All that a turn works on; apart from the executor, inside of which it does so.
struct Core {
    table: Table,
    acceptor: Acceptor,
    ready: Ready,
    /// Keys whose connect has failed since the operations of the last turn were given: some of those of the next may still name them.
    failed: HashSet<ConnectionKey>,
    /// Answers that are known before the turn waits.
    answers: VecDeque<Answer>,
    waker: Waker,
    /// The waker's eventfd once more, while it is watched.
    event: Option<Stream>,
    /// Those of all cores, by number.
    wakers: Vec<Waker>,
    /// This core woke itself.
    awake: bool,
    counters: Counters,
    buffer: Box<[u8; RECEIVE_BYTES_MAX]>,
}

/// A completion that is known before the turn waits.
enum Answer {
    Closed(ConnectionKey),
    Released(ConnectionKey, OwnedFd),
    /// There is no socket to connect, or it failed at once.
    Unconnected(ConnectionKey, io::Error),
    Sent(ConnectionKey, Frame, io::Result<()>),
}

impl Glommio {
    /// Makes the executor for the calling thread.
    ///
    /// # Errors
    ///
    /// Where the kernel does not grant io_uring, or a descriptor is lacking.
    pub fn open() -> io::Result<Self> {
        let executor = LocalExecutorBuilder::new(Placement::Unbound)
            .ring_depth(RING_ENTRIES)
            .io_memory(FILE_BYTES)
            .make()
            .map_err(|error| io::Error::other(error.to_string()))?;
        let core = Core {
            table: Table::default(),
            acceptor: Acceptor::default(),
            ready: Ready::default(),
            failed: HashSet::new(),
            answers: VecDeque::new(),
            waker: Waker::new(None)?,
            event: None,
            wakers: Vec::new(),
            awake: false,
            counters: Counters::default(),
            buffer: Box::new([0; RECEIVE_BYTES_MAX]),
        };
        Ok(Self { core, executor })
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
}

impl Driver for Glommio {
    fn connect(&mut self, wakers: Vec<Waker>) {
        self.core.wakers = wakers;
    }

    fn waker(&self) -> Waker {
        self.core.waker.clone()
    }

    /// What glommio asks of the kernel cannot be seen: enters are turns, submissions are streams that were left to wait, and completions
    /// what their waiting came to.
    fn counters(&self) -> Counters {
        self.core.counters
    }

    fn turn(
        &mut self,
        operations: &mut Vec<Operation>,
        timeout: Option<Duration>,
        visit: &mut dyn FnMut(Completion<'_>),
    ) -> io::Result<()> {
        self.executor.run(self.core.turn(operations, timeout, visit))
    }
}

impl Core {
    /// The executor has looked at the kernel when it begins, and does so whenever it waits.
    async fn turn(
        &mut self,
        operations: &mut Vec<Operation>,
        timeout: Option<Duration>,
        visit: &mut dyn FnMut(Completion<'_>),
    ) -> io::Result<()> {
        self.watch_event()?;
        self.counters.enters += 1;
        for operation in operations.drain(..) {
            self.start(operation);
        }
        self.failed.clear();
        self.acceptor.watch(&self.ready)?;
        let timeout = if self.is_busy() { Some(Duration::ZERO) } else { self.acceptor.limit(timeout) };
        if timeout != Some(Duration::ZERO) {
            self.ready.wait(timeout).await;
        }
        self.awake = false;
        self.waker.reset();
        while let Some(answer) = self.answers.pop_front() {
            self.failed.extend(answer.unconnected());
            answer.show(visit);
        }
        // Not more than there are now: what handling them adds is for the next turn.
        for _ in 0..self.ready.len() {
            if let Some(source) = self.ready.pop() {
                self.counters.completions += 1;
                self.handle(source, visit);
            }
        }
        Ok(())
    }

    fn is_busy(&self) -> bool {
        self.awake || !self.answers.is_empty() || self.ready.len() > 0
    }

    fn watch_event(&mut self) -> io::Result<()> {
        if self.event.is_none() {
            let copy = self.waker.event().try_clone_to_owned()?;
            self.event = Some(Stream::watch(copy, self.ready.wire(Source::Waker)));
            self.counters.submissions += 1;
        }
        Ok(())
    }
}

impl Answer {
    /// The key that failed to connect.
    fn unconnected(&self) -> Option<ConnectionKey> {
        match self {
            Self::Unconnected(key, _) => Some(*key),
            Self::Closed(_) | Self::Released(..) | Self::Sent(..) => None,
        }
    }

    fn show(self, visit: &mut dyn FnMut(Completion<'_>)) {
        visit(match self {
            Self::Closed(key) => Completion::Closed { key },
            Self::Released(key, socket) => Completion::Released { key, socket: super::Socket(socket) },
            Self::Unconnected(key, error) => Completion::Connected { key, result: Err(error) },
            Self::Sent(key, frame, result) => Completion::Sent { key, frame, result },
        });
    }
}

impl Drop for Glommio {
    /// What the rings still watch goes only with them, which would hold the sockets open until then.
    fn drop(&mut self) {
        self.core.acceptor.stop();
        for connection in self.core.table.iter() {
            // Fails only if the peer was faster.
            let _ = shutdown(&connection.stream, Shutdown::Both);
        }
    }
}
