//! The server's end of one connection, from the open WebSocket on: bytes in, messages and frames out, one send in flight, and nothing
//! handed in while it is held back. Has no socket and no shard.

use selvedge_protocol::websocket::{CloseCode, CloseFrame, Event, Limits, OpCode, Reader, Role, put_close, put_frame};
use selvedge_shards::Frame;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flight {
    Data,
    Control,
    Last,
}

/// Where in its life it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Open,
    Closing { peer_done: bool },
}

/// What came out of received bytes.
#[derive(Debug)]
pub(crate) enum Heard {
    Message(Vec<u8>),
    Control,
    /// It is closing from here on.
    Closing,
}

#[derive(Debug)]
pub(crate) struct Connection {
    reader: Reader,
    pub(crate) phase: Phase,
    unread: Vec<u8>,
    pongs: Vec<u8>,
    ping: bool,
    data: Option<Frame>,
    last: Option<Vec<u8>>,
    flight: Option<Flight>,
    last_sent: bool,
    pub(crate) held: bool,
    probed: bool,
    pub(crate) ended: bool,
}

/// Text where only binary is spoken, and whatever else breaks the protocol.
fn code_of(violation: selvedge_protocol::websocket::Violation) -> CloseCode {
    violation.close_code()
}

impl Connection {
    pub(crate) fn open() -> Self {
        Self {
            reader: Reader::new(Role::Server),
            phase: Phase::Open,
            unread: Vec::new(),
            pongs: Vec::new(),
            ping: false,
            data: None,
            last: None,
            flight: None,
            last_sent: false,
            held: false,
            probed: false,
            ended: false,
        }
    }

    /// Adds what has arrived to what waits unread. Says whether it answers a probe.
    pub(crate) fn receive(&mut self, bytes: &[u8]) -> bool {
        self.unread.extend_from_slice(bytes);
        std::mem::take(&mut self.probed)
    }

    /// The next message, unless it is held back.
    pub(crate) fn hear(&mut self, limits: &Limits) -> Option<Heard> {
        if self.held || self.phase != Phase::Open {
            return None;
        }
        let mut consumed = 0;
        let event = self.reader.next(&mut self.unread, &mut consumed, limits);
        let mut close = None;
        let heard = match event {
            Ok(None) => None,
            Ok(Some(Event::Message { kind: selvedge_protocol::websocket::MessageKind::Text, .. })) => {
                close = Some((Phase::Closing { peer_done: false }, Some(CloseCode::UNSUPPORTED_DATA)));
                Some(Heard::Closing)
            }
            Ok(Some(Event::Message { payload, .. })) => Some(Heard::Message(payload.to_vec())),
            Ok(Some(Event::Ping(payload))) => {
                self.pongs.clear();
                put_frame(&mut self.pongs, OpCode::Pong, payload);
                Some(Heard::Control)
            }
            Ok(Some(Event::Pong(_))) => Some(Heard::Control),
            Ok(Some(Event::Close(frame))) => {
                close = Some((Phase::Closing { peer_done: true }, frame.map(|frame| frame.code)));
                Some(Heard::Closing)
            }
            Err(violation) => {
                close = Some((Phase::Closing { peer_done: false }, Some(code_of(violation))));
                Some(Heard::Closing)
            }
        };
        if let Some((phase, code)) = close {
            self.phase = phase;
            self.say_last(code.map(|code| CloseFrame { code, reason: "" }));
        }
        self.unread.drain(..consumed);
        heard
    }

    /// Reads on while closing, only to find the peer's Close frame.
    pub(crate) fn discard(&mut self, limits: &Limits) {
        let Phase::Closing { peer_done: false } = self.phase else { return };
        let mut consumed = 0;
        let mut peer_done = false;
        while let Ok(Some(event)) = self.reader.next(&mut self.unread, &mut consumed, limits) {
            if let Event::Close(_) = event {
                peer_done = true;
                break;
            }
        }
        self.unread.clear();
        self.phase = Phase::Closing { peer_done };
    }

    pub(crate) fn close(&mut self, code: CloseCode) {
        if self.phase == Phase::Open {
            self.phase = Phase::Closing { peer_done: false };
            self.data = None;
            self.say_last(Some(CloseFrame { code, reason: "" }));
        }
    }

    pub(crate) fn has_unread(&self) -> bool {
        !self.unread.is_empty()
    }

    /// Queues a ping. False where the answer could not be heard.
    pub(crate) fn probe(&mut self) -> bool {
        if self.held || self.phase != Phase::Open {
            return false;
        }
        self.probed = true;
        self.ping = true;
        true
    }

    pub(crate) fn send(&mut self, frame: Frame) {
        if self.phase == Phase::Open {
            assert!(self.data.replace(frame).is_none() && self.flight != Some(Flight::Data), "one send at a time");
        }
    }

    /// The next bytes for the socket, if nothing is in flight.
    pub(crate) fn poll_send(&mut self) -> Option<Frame> {
        if self.flight.is_some() || self.last_sent {
            return None;
        }
        let mut control = std::mem::take(&mut self.pongs);
        if std::mem::take(&mut self.ping) {
            put_frame(&mut control, OpCode::Ping, b"");
        }
        if !control.is_empty() {
            self.flight = Some(Flight::Control);
            return Some(Frame::new(control));
        }
        if let Some(frame) = self.data.take() {
            self.flight = Some(Flight::Data);
            return Some(frame);
        }
        let last = self.last.take()?;
        self.flight = Some(Flight::Last);
        Some(Frame::new(last))
    }

    /// What was in flight is with the kernel. True where a frame of the shard's was.
    pub(crate) fn sent(&mut self) -> bool {
        let flight = self.flight.take().expect("something was in flight");
        self.last_sent = flight == Flight::Last;
        flight == Flight::Data
    }

    pub(crate) fn is_finished(&self) -> bool {
        match self.phase {
            Phase::Open => false,
            Phase::Closing { peer_done } => (peer_done || self.ended) && self.last_sent,
        }
    }

    pub(crate) fn wants_to_receive(&self) -> bool {
        match self.phase {
            Phase::Open => !self.held && !self.ended,
            Phase::Closing { peer_done } => !peer_done,
        }
    }

    fn say_last(&mut self, frame: Option<CloseFrame<'_>>) {
        let mut bytes = Vec::new();
        put_close(&mut bytes, frame);
        self.last = Some(bytes);
    }
}
