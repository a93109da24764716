//! How a connection ends: a last answer or a Close frame goes out, the peer's is waited for, and then the socket is of no more use.

use selvedge_protocol::websocket::{CloseFrame, Limits, Reader, Role, put_close};

use super::{Connection, Pending, Phase, pending_of};
use crate::close::Goodbye;

impl Connection {
    /// Queues the whole answer to a request, after which the connection ends. Where there may be more to come from the peer, that is read
    /// and dropped for a while: closing a socket with unread bytes resets it, and could take the answer away from the peer.
    pub fn answer(&mut self, response: Vec<u8>, peer_done: bool) {
        self.phase = Phase::Closing { peer_done };
        drop(self.take_unread());
        self.pending_mut().queue.last(response);
    }

    /// Reads on while closing, only to find the peer's Close frame. Everything else is dropped; so is all that follows a request which
    /// was answered, as the reader finds no frame in it.
    pub fn discard(&mut self, data: &mut [u8], limits: &Limits) {
        let Phase::Closing { peer_done: false } = self.phase else { return };
        // After a violation it is not known where a frame begins. But a peer that has read the Close sends nothing any more than its own, which
        // then comes by itself: taking other bytes for it only ends a linger early.
        let mut fresh = Reader::new(Role::Server);
        let reader = if self.reader.has_ended() { &mut fresh } else { &mut self.reader };
        let peer_done = reader.skip_to_close(data, limits).unwrap_or(false);
        self.phase = Phase::Closing { peer_done };
    }

    /// Begins to close an open connection from this side: a Close frame goes out behind what waits, and the peer's is waited for, be it
    /// among the bytes that were kept.
    pub fn close(&mut self, goodbye: &Goodbye, limits: &Limits) {
        assert_eq!(self.phase, Phase::Open, "only an open connection says goodbye");
        self.phase = Phase::Closing { peer_done: false };
        queue_close(&mut self.pending, Some(goodbye));
        let mut unread = self.take_unread();
        let (bytes, consumed) = unread.parts();
        self.discard(&mut bytes[*consumed..], limits);
    }

    /// As [`Connection::close`], but drops what has arrived and is not whole, so that the peer's Close frame cannot be found any more.
    pub fn cut_off(&mut self, goodbye: &Goodbye) {
        assert_eq!(self.phase, Phase::Open, "only an open connection says goodbye");
        self.phase = Phase::Closing { peer_done: false };
        queue_close(&mut self.pending, Some(goodbye));
        drop(self.take_unread());
        self.reader = Reader::ended(Role::Server);
    }

    /// The socket is of no more use.
    pub fn gone(&mut self) {
        self.phase = Phase::Gone;
        self.pending = None;
        drop(self.special.take_tls());
        self.reader = Reader::new(Role::Server);
    }

    /// Everything is said on both sides: the socket can be closed.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        match self.phase {
            Phase::Closing { .. } => {
                self.is_spoken_out() && self.special.tls().is_none_or(|tls| tls.has_closed() && tls.is_flushed())
            }
            Phase::Head | Phase::Leaving | Phase::Open | Phase::Gone => false,
        }
    }

    /// Everything that is not TLS's own is said on both sides.
    pub(super) fn is_spoken_out(&self) -> bool {
        match self.phase {
            Phase::Closing { peer_done } => (peer_done || self.ended) && self.outgoing.is_last_sent(),
            Phase::Head | Phase::Leaving | Phase::Open | Phase::Gone => false,
        }
    }
}

/// Queues a Close frame, which goes out behind what waits.
pub(super) fn queue_close(pending: &mut Option<Box<Pending>>, goodbye: Option<&Goodbye>) {
    let mut bytes = Vec::new();
    put_close(&mut bytes, goodbye.map(|goodbye| CloseFrame { code: goodbye.code, reason: &goodbye.reason }));
    pending_of(pending).queue.last(bytes);
}
