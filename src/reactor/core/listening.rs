//! From received bytes to messages: to the shard, or back as an echo.

use std::io;

use selvedge_protocol::sync::{self, SyncError};
use selvedge_protocol::websocket::{Limits, MessageKind, OpCode, Violation, put_frame};
use selvedge_shards::{Frame, Input};

use super::telling::Why;
use super::{Core, Rules, session_of};
use crate::close::Goodbye;
use crate::connection::{Connection, Ending, Heard, Hold, Phase, Route};
use crate::driver::ConnectionKey;
use crate::hocuspocus::{Matter, Step};

/// Messages that one token counts as: checking its signature takes up to 60 µs, and a small message less than 1 µs. At the default rate a
/// connection can take less than a hundredth of a core with tokens, be they good or not.
const TOKEN_MESSAGES: usize = 100;

/// What one token takes of a core's turn, as so many bytes.
const TOKEN_SHARE_BYTES: usize = 16 << 10;

/// What a byte counts as where messages may be compressed: a message of 5.4 MB that is nothing but the beginnings of blocks takes 36 ns a byte to
/// inflate, and updates take 5 ns a byte at worst.
const COMPRESSED_WEIGHT: usize = 8;

/// What one message has taken.
struct Taken {
    /// Of the core's turn, in bytes.
    share_bytes: usize,
    /// Of the connection's rate.
    messages: usize,
    /// Of the connection's rate, beside those that were received.
    bytes: usize,
}

impl Taken {
    /// One step has a turn's share to itself; what becomes of it is charged when it is a message.
    const INFLATING: Self = Self { share_bytes: 1 << 20, messages: 0, bytes: 0 };
    const CONTROL: Self = Self { share_bytes: 0, messages: 1, bytes: 0 };
    const TOKEN: Self = Self { share_bytes: TOKEN_SHARE_BYTES, messages: TOKEN_MESSAGES, bytes: 0 };
}

impl Core {
    pub(super) fn received(&mut self, key: ConnectionKey, data: &mut [u8]) {
        if self.awaits_proxy_header(key) {
            return self.received_proxy_header(key, data);
        }
        match self.table.get(key).map(|connection| connection.tls().is_some()) {
            Some(true) => self.received_encrypted(key, data),
            Some(false) => self.received_plain(key, data),
            None => {}
        }
    }

    /// Something has arrived as the peer said it.
    pub(super) fn received_plain(&mut self, key: ConnectionKey, data: &mut [u8]) {
        let was_counted = self.is_counted(key);
        let was_inside = self.is_inside_message(key);
        let Some(connection) = self.table.get(key) else { return };
        if connection.is_alive() {
            match connection.route() {
                Route::Session | Route::Echo => self.handle(Input::Alive { session: session_of(key) }),
                Route::Hocuspocus { .. } => self.documents_alive(key),
            }
        }
        let Some(connection) = self.table.get(key) else { return };
        let weight = if connection.deflate().is_some() { COMPRESSED_WEIGHT } else { 1 };
        connection.meter_mut().charge(&self.rules.rate, self.now.0, 0, data.len() * weight);
        // Also what makes up no message costs time: fragments of nothing, and what is dropped.
        connection.take_share(self.turn, data.len());
        match connection.phase() {
            Phase::Head => self.received_head(key, data),
            Phase::Open if connection.is_held() || connection.has_unread() => self.keep(key, data),
            Phase::Open => {
                let mut consumed = 0;
                self.listen(key, data, &mut consumed);
                self.keep(key, &data[consumed..]);
            }
            Phase::Closing { .. } => {
                connection.discard(data, limits_of(&self.rules, connection));
                if !connection.has_share(self.turn) && connection.wait_for_turn() {
                    self.held_for_turn.push(key);
                }
            }
            Phase::Leaving | Phase::Gone => {}
        }
        self.count_unfinished(key, was_counted, data.len());
        self.watch_message(key, was_inside);
        self.tend(key);
    }

    /// Goes on where a connection was held back: with what waits unread.
    pub(super) fn read_on(&mut self, key: ConnectionKey) {
        let Some(connection) = self.table.get(key) else { return };
        if connection.phase() == Phase::Open && !connection.is_held() {
            let mut unread = connection.take_unread();
            self.excuse_message(key);
            let was_inside = self.is_inside_message(key);
            let (data, consumed) = unread.parts();
            self.listen(key, data, consumed);
            if let Some(connection) = self.table.get(key) {
                match connection.phase() {
                    Phase::Open => connection.put_back(unread),
                    Phase::Closing { .. } => {
                        let (data, consumed) = unread.parts();
                        connection.discard(&mut data[*consumed..], limits_of(&self.rules, connection));
                    }
                    Phase::Head | Phase::Leaving | Phase::Gone => {}
                }
            }
            self.watch_message(key, was_inside);
            self.end_if_heard_out(key);
        }
        self.tend(key);
    }

    /// The peer has ended its side, or the socket failed. What it said before that still counts.
    pub(super) fn ended(&mut self, key: ConnectionKey, error: Option<&io::Error>) {
        let Some(connection) = self.table.get(key) else { return };
        if let Some(error) = error {
            tracing::debug!(%error, ?key, "a socket failed");
        }
        connection.end();
        match connection.phase() {
            Phase::Open => self.end_if_heard_out(key),
            Phase::Closing { .. } if error.is_none() => {}
            Phase::Head | Phase::Closing { .. } => self.abort(key),
            Phase::Leaving | Phase::Gone => {}
        }
        self.tend(key);
    }

    pub(super) fn end_if_heard_out(&mut self, key: ConnectionKey) {
        if let Some(connection) = self.table.get(key)
            && connection.phase() == Phase::Open
            && connection.has_ended()
            && !connection.has_unread()
        {
            self.hang_up(key);
        }
    }

    /// Hands in message after message, until there is none, or the connection is held back.
    fn listen(&mut self, key: ConnectionKey, data: &mut [u8], consumed: &mut usize) {
        // What a document had to wait with comes before what has arrived since, also where the connection was let go only now.
        if self.table.get(key).is_some_and(|it| matches!(it.route(), Route::Hocuspocus { .. }))
            && !self.hear_queued(key)
        {
            return;
        }
        // By the message that was dealt with last.
        let mut taken = None;
        let mut drawn = self.measuring.draw();
        loop {
            let Some(connection) = self.table.get(key) else { return };
            if let Some(Taken { share_bytes, messages, bytes }) = taken {
                connection.take_share(self.turn, share_bytes);
                connection.meter_mut().charge(&self.rules.rate, self.now.0, messages, bytes);
            }
            if connection.phase() != Phase::Open || connection.is_held() {
                return;
            }
            if self.mesh.is_congested() {
                connection.hold(Hold::Mesh);
                self.held_by_mesh.push(key);
                return;
            }
            if !connection.has_share(self.turn) || (self.inflated && connection.is_inflating()) {
                if connection.wait_for_turn() {
                    self.held_for_turn.push(key);
                }
                return;
            }
            if let Some(wait_ms) = connection.meter_mut().wait_ms(&self.rules.rate, self.now.0) {
                return self.hold_for_rate(key, wait_ms);
            }
            let (route, deflate) = (connection.route(), connection.deflate());
            let limits = limits_of(&self.rules, connection);
            // Where this ends the connection, or holds it back, the next round finds that out.
            match connection.hear(data, consumed, limits, &mut self.inflater) {
                None => return,
                Some(Heard::Inflating) => {
                    self.inflated = true;
                    taken = Some(Taken::INFLATING);
                }
                Some(Heard::Control) => taken = Some(Taken::CONTROL),
                Some(Heard::Pong { stamp }) => {
                    taken = Some(Taken::CONTROL);
                    self.pulses.answered(self.now, key, stamp, connection);
                }
                Some(Heard::Closing(ending)) => {
                    tracing::debug!(?key, %ending, "closing");
                    self.detach(key, Why::Ended(ending));
                    self.counters.closed.by_itself(ending);
                    if let Ending::Violation(Violation::TooBig { .. }) = ending {
                        self.limiting.counters.messages_too_big += 1;
                    }
                    match ending {
                        Ending::Peer(_) | Ending::Text => self.closing(key),
                        Ending::Violation(_) => self.lingering(key),
                    }
                }
                Some(Heard::Message { kind, payload }) => {
                    // What a message becomes is a thousand times what was received, at worst, and takes as long as if it had come.
                    let bytes = if deflate.is_some() { payload.len() } else { 0 };
                    taken = Some(Taken { share_bytes: payload.len(), messages: 1, bytes });
                    self.messages.ended = true;
                    match route {
                        Route::Echo => {
                            let echo = self.encoder.compress(echo_of(kind, payload), deflate);
                            connection.send(echo);
                            connection.hold(Hold::Echo);
                        }
                        Route::Hocuspocus { .. } => {
                            let Some(many) = self.many.get_mut(&key) else { return };
                            let since = self.measuring.message_begins(&mut drawn);
                            match many.hear(payload, self.now) {
                                Ok(Step::Said(input)) => {
                                    self.busy = true;
                                    self.shard.handle(self.now, input);
                                    self.drain_effects();
                                    self.measuring.message_ends(since);
                                }
                                Ok(Step::Matter(matter)) => {
                                    if let Matter::Token { .. } = matter {
                                        taken = Some(Taken::TOKEN);
                                    }
                                    self.take_matter(key, matter);
                                    // What the document had to wait with comes before what follows.
                                    self.hear_queued(key);
                                }
                                Err(fatal) => self.say_goodbye(key, &Goodbye::documents(fatal)),
                            }
                        }
                        Route::Session => {
                            let since = self.measuring.message_begins(&mut drawn);
                            match sync::parse(payload) {
                                Ok(message) => {
                                    self.busy = true;
                                    self.shard.handle(self.now, Input::Message { session: session_of(key), message });
                                    self.drain_effects();
                                    self.measuring.message_ends(since);
                                }
                                // Other software uses types of its own between its clients; a server passes over them.
                                Err(SyncError::UnknownMessage { .. }) => {}
                                Err(error) => self.say_goodbye(key, &Goodbye::malformed_message(error)),
                            }
                        }
                    }
                }
            }
        }
    }

    /// Keeps what a connection that is held back has sent; what a closing one has sent is only looked through for the end.
    fn keep(&mut self, key: ConnectionKey, data: &[u8]) {
        let Some(connection) = self.table.get(key) else { return };
        match connection.phase() {
            Phase::Open if connection.keep(data) => {}
            Phase::Open => self.say_goodbye(key, &Goodbye::too_fast()),
            Phase::Closing { .. } => connection.discard(&mut data.to_vec(), limits_of(&self.rules, connection)),
            Phase::Head | Phase::Leaving | Phase::Gone => {}
        }
    }
}

pub(super) fn limits_of<'a>(rules: &'a Rules, connection: &Connection) -> &'a Limits {
    match connection.route() {
        Route::Session | Route::Hocuspocus { proven: true } => &rules.session,
        Route::Hocuspocus { proven: false } => &rules.unproven,
        Route::Echo => &rules.echo,
    }
}

fn echo_of(kind: MessageKind, payload: &[u8]) -> Frame {
    let opcode = match kind {
        MessageKind::Text => OpCode::Text,
        MessageKind::Binary => OpCode::Binary,
    };
    let mut echo = Vec::new();
    put_frame(&mut echo, opcode, payload);
    Frame::new(echo)
}
