//! The listener's side of the driver: whether accepting is wanted, watched for, or put off. Knows nothing of connections.

use std::io;
use std::net::TcpListener;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{Shutdown, SocketFlags, accept_with, shutdown};

use super::ready::{Ready, Source};
use super::stream::Stream;
use crate::driver::rest::Rest;

/// Connections taken in one turn; others wait for the next, behind the data that came meanwhile.
const ACCEPTS_PER_TURN_MAX: usize = 256;

#[derive(Default)]
pub(super) struct Acceptor {
    /// Accepted on by us.
    listener: Option<TcpListener>,
    /// The same listener once more, while it is watched.
    watch: Option<Stream>,
    wanted: bool,
    rest: Rest,
}

impl Acceptor {
    pub(super) fn listen(&mut self, listener: TcpListener) -> io::Result<()> {
        listener.set_nonblocking(true)?;
        self.listener = Some(listener);
        Ok(())
    }

    pub(super) fn start(&mut self) {
        assert!(self.listener.is_some(), "accepting needs a listener");
        self.wanted = true;
    }

    /// Refuses whoever has not been accepted, also while the rings still watch.
    pub(super) fn stop(&mut self) {
        (self.wanted, self.watch) = (false, None);
        self.rest.end();
        if let Some(listener) = self.listener.take() {
            // Fails only where it is not listening any more.
            let _ = shutdown(&listener, Shutdown::Both);
        }
    }

    /// Waits for somebody to accept, if that is wanted and not being done.
    pub(super) fn watch(&mut self, ready: &Ready) -> io::Result<()> {
        let Some(listener) = &self.listener else { return Ok(()) };
        if !self.wanted || self.watch.is_some() || self.rest.lasts() {
            return Ok(());
        }
        self.rest.end();
        match listener.as_fd().try_clone_to_owned() {
            Ok(copy) => self.watch = Some(Stream::watch(copy, ready.wire(Source::Listener))),
            // The copy takes a descriptor too. The accept that finds none either says so.
            Err(_) => ready.push(Source::Listener),
        }
        Ok(())
    }

    /// Somebody can be accepted, or the listener is gone.
    pub(super) fn handle_ready(&mut self, mut visit: impl FnMut(io::Result<OwnedFd>)) {
        self.watch = None;
        let Some(listener) = &self.listener else { return };
        for _ in 0..ACCEPTS_PER_TURN_MAX {
            match accept_with(listener, SocketFlags::CLOEXEC) {
                Ok(socket) => visit(Ok(socket)),
                Err(Errno::AGAIN) => return,
                // A peer that left the queue: no reason to rest.
                Err(Errno::CONNABORTED | Errno::INTR) => {}
                Err(error) => {
                    self.rest.begin();
                    return visit(Err(error.into()));
                }
            }
        }
    }

    /// How long a turn may wait.
    pub(super) fn limit(&self, timeout: Option<Duration>) -> Option<Duration> {
        self.rest.limit(timeout)
    }
}
