//! The listener's side of the driver: whether accepting is wanted, in flight, or put off. Knows nothing of connections.

use std::net::TcpListener;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use crate::driver::rest::Rest;

/// State of the one multishot accept.
#[derive(Default)]
pub(super) struct Acceptor {
    listener: Option<TcpListener>,
    wanted: bool,
    in_flight: bool,
    rest: Rest,
}

impl Acceptor {
    pub(super) fn listen(&mut self, listener: TcpListener) {
        self.listener = Some(listener);
    }

    pub(super) fn start(&mut self) {
        assert!(self.listener.is_some(), "accepting needs a listener");
        self.wanted = true;
    }

    /// Whether the accept in flight must be cancelled.
    pub(super) fn stop(&mut self) -> bool {
        self.wanted = false;
        self.rest.end();
        self.close_if_done();
        self.in_flight
    }

    /// The listener to accept on now, if an accept is due. It counts as in flight from here on.
    pub(super) fn poll_accept(&mut self) -> Option<BorrowedFd<'_>> {
        if !self.wanted || self.in_flight || self.rest.lasts() {
            return None;
        }
        self.rest.end();
        self.in_flight = true;
        Some(self.listener.as_ref()?.as_fd())
    }

    /// The accept gave its final completion.
    pub(super) fn handle_end(&mut self) {
        self.in_flight = false;
        self.close_if_done();
    }

    /// Rest before the next attempt.
    pub(super) fn back_off(&mut self) {
        if self.wanted {
            self.rest.begin();
        }
    }

    /// How long a turn may wait.
    pub(super) fn limit(&self, timeout: Option<Duration>) -> Option<Duration> {
        self.rest.limit(timeout)
    }

    fn close_if_done(&mut self) {
        if !self.wanted && !self.in_flight {
            self.listener = None;
        }
    }
}
