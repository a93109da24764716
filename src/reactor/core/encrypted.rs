//! Where ciphertext comes in: through the session to whoever reads the plaintext, and no more handshakes in a turn than its share.

use selvedge_protocol::http::{self, Status};

use super::Core;
use super::telling::Why;
use crate::connection::Phase;
use crate::driver::{ConnectionKey, Operation};
use crate::tls::{Failure, Received};

/// What a core has for TLS beside the sessions.
#[derive(Debug, Default)]
pub(super) struct Tls {
    pub(super) turns: crate::tls::Turns,
    pub(super) counters: crate::tls::Counters,
    /// Plaintext of one receive. Kept, because it is needed all the time, and a core reads one connection at a time: at most what waited to
    /// be whole and one receive.
    plaintext: Vec<u8>,
}

impl Core {
    /// Something has arrived inside TLS.
    pub(super) fn received_encrypted(&mut self, key: ConnectionKey, data: &mut [u8]) {
        let was_counted = self.is_counted(key);
        let Some(connection) = self.table.get(key) else { return };
        if matches!(connection.phase(), Phase::Leaving | Phase::Gone) {
            return;
        }
        let Some(tls) = connection.tls() else { return };
        if tls.is_handshaking() && self.tls.turns.is_spent() {
            tls.put_off(data);
            self.tls.turns.put_off(key);
            self.tls.counters.put_off += 1;
            return;
        }
        let mut plaintext = std::mem::take(&mut self.tls.plaintext);
        let outcome = tls.receive(data, &mut plaintext);
        if outcome.is_err() && connection.phase() == Phase::Head {
            // Nobody can be answered any more; and a request that is granted may be on its way to another core already, where nothing
            // must be said of this one.
            plaintext.clear();
        }
        if plaintext.is_empty() {
            self.count_unfinished(key, was_counted, data.len());
        } else {
            // Also where the session broke behind it.
            self.received_plain(key, &mut plaintext);
            plaintext.clear();
        }
        self.tls.plaintext = plaintext;
        match outcome {
            Ok(received) => self.went_on(key, received),
            Err(failure) => self.broke(key, &failure),
        }
        self.tend(key);
    }

    fn went_on(&mut self, key: ConnectionKey, received: Received) {
        let Received { computed, completed, closed, plaintext } = received;
        if computed {
            self.tls.turns.spend();
        }
        let Some(connection) = self.table.get(key) else { return };
        let phase = connection.phase();
        if completed {
            self.tls.counters.handshakes += 1;
            self.tls.counters.resumed += u64::from(connection.tls().is_some_and(|tls| tls.is_resumed()));
        }
        if closed {
            connection.end_inside();
            match phase {
                Phase::Head => self.hang_up(key),
                Phase::Open => self.end_if_heard_out(key),
                Phase::Leaving | Phase::Closing { .. } | Phase::Gone => {}
            }
        } else if phase == Phase::Head && !plaintext {
            // Where there was plaintext, whoever read the head has asked for more, or needs none.
            self.operations.push(Operation::ReceiveOnce { key });
        }
    }

    fn broke(&mut self, key: ConnectionKey, failure: &Failure) {
        tracing::debug!(%failure, ?key, "a TLS session came to nothing");
        self.tls.counters.failures += 1;
        let Some(connection) = self.table.get(key) else { return };
        let phase = connection.phase();
        if phase == Phase::Gone {
            return;
        }
        if phase == Phase::Head {
            // How far the handshake came before it broke is the peer's choice.
            self.tls.turns.spend();
        }
        match failure {
            Failure::PlainHttp => {
                self.tls.counters.plain_http += 1;
                connection.take_tls();
                connection.answer(plain_http_answer(), false);
            }
            Failure::Tls(_) | Failure::Oversized | Failure::KeyWornOut => connection.break_off(),
        }
        if phase == Phase::Open {
            self.counters.closed.lost += 1;
            self.detach(key, Why::Gone);
        }
        self.lingering(key);
    }

    /// A new turn of the loop: who waited for their handshakes go on first. Says whether some still wait.
    pub(super) fn go_on_with_handshakes(&mut self) -> bool {
        self.tls.turns.begin();
        while let Some(key) = self.tls.turns.poll() {
            self.received_encrypted(key, &mut []);
        }
        self.tls.turns.are_waited_for()
    }

    /// Ends a connection that the peer has ended, and says so where TLS has a word for it.
    pub(super) fn hang_up(&mut self, key: ConnectionKey) {
        let Some(connection) = self.table.get(key) else { return };
        let was_open = connection.phase() == Phase::Open;
        if !connection.hang_up() {
            return self.abort(key);
        }
        self.lingering(key);
        if was_open {
            self.counters.closed.lost += 1;
            self.detach(key, Why::Gone);
        }
    }
}

/// Browsers and proxies that were given the wrong scheme show this to people.
fn plain_http_answer() -> Vec<u8> {
    let mut response = Vec::new();
    let body = b"this port speaks TLS: use wss:// or https://\n";
    let text = "text/plain; charset=utf-8";
    http::write_response(&mut response, Status::BadRequest, text, body, &[], http::Connection::Close);
    response
}
