//! The listener's side of the driver: whether accepting is wanted, watched for, or put off. Knows nothing of connections.

use std::io;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{Shutdown, SocketFlags, accept_with, shutdown};

use super::socket::Socket;
use super::watches::{Event, Watches};
use crate::driver::rest::Rest;

/// Connections taken in one turn; others wait for the next, behind the data that came meanwhile.
const ACCEPTS_PER_TURN_MAX: usize = 256;

#[derive(Default)]
pub(super) struct Acceptor {
    /// Accepted on by us.
    listener: Option<TcpListener>,
    /// The same listener once more, watched by the runtime.
    watched: Option<Rc<Socket>>,
    wanted: bool,
    watching: bool,
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

    /// Refuses whoever has not been accepted, also where the runtime still watches.
    pub(super) fn stop(&mut self) {
        self.wanted = false;
        self.rest.end();
        if let Some(listener) = self.listener.take() {
            // Ends the watch, which holds the same listener. Fails only where it is not listening any more.
            let _ = shutdown(&listener, Shutdown::Both);
        }
        self.close_if_done();
    }

    /// Waits for somebody to accept, if that is wanted and not being done.
    pub(super) fn watch(&mut self, watches: &Watches) -> io::Result<()> {
        let Some(listener) = &self.listener else { return Ok(()) };
        if !self.wanted || self.watching || self.rest.lasts() {
            return Ok(());
        }
        self.rest.end();
        let watched = match &self.watched {
            Some(watched) => watched.clone(),
            None => {
                let copy = OwnedFd::from(listener.try_clone()?);
                self.watched.insert(Rc::new(Socket::new(copy)?)).clone()
            }
        };
        self.watching = true;
        watches.readable(watched, Event::Acceptable);
        Ok(())
    }

    /// Somebody can be accepted, or the listener is gone.
    pub(super) fn handle_acceptable(&mut self, mut visit: impl FnMut(io::Result<OwnedFd>)) {
        self.watching = false;
        self.close_if_done();
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

    /// The runtime's copy is given back inside of the runtime.
    fn close_if_done(&mut self) {
        if self.listener.is_none() && !self.watching {
            let watched = self.watched.take().map(|socket| Rc::into_inner(socket).expect("its watch is over"));
            drop(watched.map(Socket::into_descriptor));
        }
    }
}
