//! A connection inside TLS: what it says goes through the session, and what the session says by itself goes out in between.

use selvedge_protocol::websocket::{Reader, Role};
use selvedge_shards::Frame;

use super::{Connection, Phase};
use crate::tls::Session;

impl Connection {
    /// Whatever is received and sent from here on is inside this session.
    pub fn encrypt(&mut self, tls: Box<Session>) {
        debug_assert!(!self.is_sending(), "nothing may be said outside of it");
        // Behind its request, on another core: the socket does not say that again.
        self.ended = tls.has_peer_closed();
        self.special.set_tls(tls);
    }

    /// The session, where there is one.
    pub fn tls(&mut self) -> Option<&mut Session> {
        self.special.tls_mut()
    }

    /// Takes the session away: to another core with the socket, or because the peer knows nothing of TLS.
    pub fn take_tls(&mut self) -> Option<Box<Session>> {
        self.special.take_tls()
    }

    /// Nothing is with the driver that only TLS knows of, so that a socket of which nothing was answered yet can be released.
    #[must_use]
    pub fn may_be_released(&self) -> bool {
        self.special.tls().is_none_or(|tls| !tls.is_in_flight())
    }

    /// The session broke: nothing can be said or understood any more, but its alert goes out.
    pub fn break_off(&mut self) {
        self.phase = Phase::Closing { peer_done: false };
        self.outgoing.break_off();
        self.pending = None;
        self.reader = Reader::ended(Role::Server);
    }

    /// The peer said inside TLS that it sends nothing more. The driver does not know: it has to be told to pause.
    pub fn end_inside(&mut self) {
        self.ended = true;
    }

    /// There is nothing to wait for any more: says so to the peer, where TLS has a word for it. `false` where nothing is left to be said.
    pub fn hang_up(&mut self) -> bool {
        let has_a_word = self.special.tls().is_some_and(|tls| !tls.is_handshaking() && !tls.has_closed());
        // Behind a frame that does not get through nothing else does.
        if !has_a_word || self.outgoing.in_flight() {
            return false;
        }
        self.break_off();
        self.phase = Phase::Closing { peer_done: true };
        true
    }

    /// The next records, if none are with the driver.
    pub(super) fn poll_encrypted(&mut self) -> Option<Frame> {
        // What waits while the socket moves goes out where it arrives.
        if self.phase == Phase::Leaving {
            return None;
        }
        let takes_frame = self.special.tls().is_some_and(|tls| tls.takes_frame());
        let frame = if takes_frame { self.poll_plain() } else { None };
        let is_spoken_out = self.is_spoken_out();
        let tls = self.special.tls_mut()?;
        if let Some(frame) = frame {
            tls.send(frame);
        }
        if is_spoken_out {
            tls.close();
        }
        match tls.poll() {
            Ok(records) => records,
            Err(failure) => {
                // The peer hears the end and closes.
                tracing::debug!(%failure, "a TLS session ends");
                tls.poll().ok().flatten()
            }
        }
    }
}
