//! The listener's side of the driver: whether accepting is wanted, how much of it is in flight, or put off. Knows nothing of connections.

use std::net::TcpListener;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use crate::driver::UNSEEN_ACCEPTS_MAX;
use crate::driver::rest::Rest;

/// State of the accepts, each of which is for one connection: nothing bounds how many a multishot one takes before anybody looks at them.
#[derive(Default)]
pub(super) struct Acceptor {
    listener: Option<TcpListener>,
    wanted: bool,
    in_flight: usize,
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

    /// Whether there are accepts in flight, which must be cancelled.
    pub(super) fn stop(&mut self) -> bool {
        self.wanted = false;
        self.rest.end();
        self.close_if_done();
        self.in_flight > 0
    }

    /// The listener to accept on now, if another accept is due. It counts as in flight from here on.
    pub(super) fn poll_accept(&mut self) -> Option<BorrowedFd<'_>> {
        if !self.wanted || self.in_flight == UNSEEN_ACCEPTS_MAX || self.rest.lasts() {
            return None;
        }
        self.rest.end();
        self.in_flight += 1;
        Some(self.listener.as_ref()?.as_fd())
    }

    /// An accept has completed.
    pub(super) fn handle_end(&mut self) {
        self.in_flight -= 1;
        self.close_if_done();
    }

    /// Rest before the next attempt. `false` if it rests already: the others in flight fail with the first.
    pub(super) fn back_off(&mut self) -> bool {
        let begins = self.wanted && !self.rest.lasts();
        if begins {
            self.rest.begin();
        }
        begins
    }

    /// How long a turn may wait.
    pub(super) fn limit(&self, timeout: Option<Duration>) -> Option<Duration> {
        self.rest.limit(timeout)
    }

    fn close_if_done(&mut self) {
        if !self.wanted && self.in_flight == 0 {
            self.listener = None;
        }
    }
}
