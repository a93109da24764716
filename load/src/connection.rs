//! One client's WebSocket: from the request for it to its end. Bytes in, events and frames out: has no socket, and does not know what
//! messages say.

use std::fmt;

use selvedge::driver::ConnectionKey;
use selvedge_protocol::http::{UpgradeKey, UpgradeRefused, parse_upgrade_response};
use selvedge_protocol::websocket::{CloseFrame, Event, Limits, Reader, Role, Violation};
use selvedge_shards::Frame;

use crate::clock::Micros;

/// What a connection may hold of what is not sent yet, before whoever sends is told to wait.
pub(crate) const OUTGOING_BYTES_MAX: usize = 256 << 10;

/// Servers may answer with whole documents.
const LIMITS: Limits = Limits { message_bytes_max: 1 << 30, fragments_max: 1 << 20 };

/// One client. Its place in the table of its thread is for life; connections in it come and go.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) inbound: Inbound,
    /// Frames that wait for the one in flight.
    queue: Vec<u8>,
    /// When it was meant to be opened.
    pub(crate) since: Micros,
    /// Which of the successive connections of this place it is.
    generation: u32,
    pub(crate) phase: Phase,
    in_flight: bool,
    /// Somebody was told to wait.
    pub(crate) held_back: bool,
    /// It has what it was opened for.
    pub(crate) attached: bool,
}

// A million idle clients hold a million of these.
const _: () = assert!(size_of::<Connection>() <= 72);

/// Where in its life a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// There is no socket.
    Unused,
    Connecting,
    /// The request is sent, or on its way.
    Upgrading,
    Open,
    /// The driver was told to close it.
    Closing,
}

/// What is received, and how it is read.
#[derive(Debug)]
pub(crate) enum Inbound {
    Nothing,
    Head(Box<Head>),
    Frames(Reader),
}

/// The answer to the request, as far as it has come.
#[derive(Debug)]
pub(crate) struct Head {
    key: UpgradeKey,
    bytes: Vec<u8>,
}

/// What came of received bytes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Heard<'a> {
    /// The WebSocket is open.
    Opened,
    Message(&'a [u8]),
    /// To be answered.
    Ping(&'a [u8]),
    Pong,
    Closed(Option<CloseFrame<'a>>),
}

/// Why a connection cannot go on. The server's fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Refused(UpgradeRefused),
    Violation(Violation),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refused) => refused.fmt(f),
            Self::Violation(violation) => write!(f, "the server broke the WebSocket protocol: {violation}"),
        }
    }
}

impl Connection {
    pub(crate) fn new() -> Self {
        Self {
            inbound: Inbound::Nothing,
            queue: Vec::new(),
            since: 0,
            generation: 0,
            phase: Phase::Unused,
            in_flight: false,
            held_back: false,
            attached: false,
        }
    }

    pub(crate) fn key(&self, client: u32) -> ConnectionKey {
        ConnectionKey { index: client, generation: self.generation }
    }

    pub(crate) fn has_key(&self, key: ConnectionKey) -> bool {
        self.generation == key.generation && self.phase != Phase::Unused
    }

    /// There is a socket to be: the request is queued, for when it stands.
    pub(crate) fn begin(&mut self, since: Micros, key: UpgradeKey, request: Vec<u8>) {
        assert_eq!(self.phase, Phase::Unused, "a place has one connection at a time");
        self.phase = Phase::Connecting;
        self.since = since;
        self.inbound = Inbound::Head(Box::new(Head { key, bytes: Vec::new() }));
        self.queue = request;
    }

    /// There is no socket any more.
    pub(crate) fn finish(&mut self) {
        // As the driver counts them.
        let generation = (self.generation + 1) % (1 << 24);
        *self = Self { generation, ..Self::new() };
    }

    /// Where to append frames. To be flushed.
    pub(crate) fn queue(&mut self) -> &mut Vec<u8> {
        &mut self.queue
    }

    /// Whether a message may be queued now.
    pub(crate) fn has_room(&self) -> bool {
        self.phase == Phase::Open && self.queue.len() < OUTGOING_BYTES_MAX
    }

    /// What is to be sent now; nothing while something is in flight.
    pub(crate) fn poll_frame(&mut self) -> Option<Frame> {
        match self.phase {
            Phase::Upgrading | Phase::Open if !self.in_flight && !self.queue.is_empty() => {
                self.in_flight = true;
                Some(Frame::new(std::mem::take(&mut self.queue)))
            }
            Phase::Unused | Phase::Connecting | Phase::Upgrading | Phase::Open | Phase::Closing => None,
        }
    }

    /// What was in flight has arrived in the kernel.
    pub(crate) fn handle_sent(&mut self) {
        self.in_flight = false;
    }

    /// Nothing is in flight or waits.
    #[cfg(test)]
    fn is_quiet(&self) -> bool {
        !self.in_flight && self.queue.is_empty()
    }
}

impl Inbound {
    /// Takes the next thing out of `data`, which continues what was received before. To be called until it gives `None`.
    pub(crate) fn next<'a>(&'a mut self, data: &'a mut [u8], consumed: &mut usize) -> Result<Option<Heard<'a>>, Fault> {
        match self {
            Self::Nothing => {
                *consumed = data.len();
                return Ok(None);
            }
            Self::Head(head) => {
                let known = head.bytes.len();
                head.bytes.extend_from_slice(&data[*consumed..]);
                let read = parse_upgrade_response(&head.bytes, &head.key).map_err(Fault::Refused)?;
                let Some(length) = read else {
                    *consumed = data.len();
                    return Ok(None);
                };
                *consumed += length - known;
                *self = Self::Frames(Reader::new(Role::Client));
                return Ok(Some(Heard::Opened));
            }
            Self::Frames(_) => {}
        }
        let Self::Frames(reader) = self else { unreachable!("the other cases are above") };
        Ok(reader.next(data, consumed, &LIMITS).map_err(Fault::Violation)?.map(|event| match event {
            Event::Message { kind: _, payload } => Heard::Message(payload),
            Event::Ping(payload) => Heard::Ping(payload),
            Event::Pong(_) => Heard::Pong,
            Event::Close(close) => Heard::Closed(close),
        }))
    }
}

#[cfg(test)]
mod tests {
    use selvedge_protocol::http::write_upgrade;
    use selvedge_protocol::websocket::{CloseCode, OpCode, put_close, put_frame};

    use super::*;

    /// An answer to the request, and what a server may send behind it.
    fn stream(key: &UpgradeKey) -> Vec<u8> {
        let mut bytes = Vec::new();
        write_upgrade(&mut bytes, key, None, None);
        put_frame(&mut bytes, OpCode::Binary, b"first");
        put_frame(&mut bytes, OpCode::Ping, b"there?");
        put_frame(&mut bytes, OpCode::Binary, &[7; 300]);
        put_close(&mut bytes, Some(CloseFrame { code: CloseCode::TRY_AGAIN_LATER, reason: "full" }));
        bytes
    }

    fn heard(inbound: &mut Inbound, data: &[u8]) -> Result<Vec<String>, Fault> {
        let mut data = data.to_vec();
        let (mut consumed, mut all) = (0, Vec::new());
        while let Some(heard) = inbound.next(&mut data, &mut consumed)? {
            all.push(match heard {
                Heard::Opened => "opened".to_owned(),
                Heard::Message(payload) => format!("message of {}", payload.len()),
                Heard::Ping(payload) => format!("ping {}", String::from_utf8_lossy(payload)),
                Heard::Pong => "pong".to_owned(),
                Heard::Closed(close) => format!("closed {:?}", close.map(|close| close.code.value())),
            });
        }
        assert_eq!(consumed, data.len());
        Ok(all)
    }

    #[test]
    fn a_stream_is_read_the_same_wherever_it_is_cut() {
        let key = UpgradeKey::new([9; 16]);
        let bytes = stream(&key);
        let expected = ["opened", "message of 5", "ping there?", "message of 300", "closed Some(1013)"];
        for cut in 0..=bytes.len() {
            let mut connection = Connection::new();
            connection.begin(0, key, Vec::new());
            let mut all = heard(&mut connection.inbound, &bytes[..cut]).expect("legal");
            all.extend(heard(&mut connection.inbound, &bytes[cut..]).expect("legal"));
            assert_eq!(all, expected, "cut at {cut}");
        }
    }

    #[test]
    fn a_server_that_refuses_or_breaks_the_protocol_is_a_fault() {
        let key = UpgradeKey::new([9; 16]);
        let mut connection = Connection::new();
        connection.begin(0, key, Vec::new());
        let refused = heard(&mut connection.inbound, b"HTTP/1.1 404 Not Found\r\n\r\n").expect_err("no WebSocket");
        assert!(refused.to_string().contains("404 Not Found"), "{refused}");

        let mut open = Inbound::Frames(Reader::new(Role::Client));
        let masked = heard(&mut open, &[0x82, 0x80, 1, 2, 3, 4]).expect_err("a server does not mask");
        assert!(masked.to_string().contains("broke the WebSocket protocol"), "{masked}");
    }

    #[test]
    fn one_frame_is_in_flight_and_the_rest_leaves_together() {
        let mut connection = Connection::new();
        connection.begin(5, UpgradeKey::new([9; 16]), b"GET".to_vec());
        assert!(connection.poll_frame().is_none(), "there is no socket yet");
        connection.phase = Phase::Upgrading;
        assert_eq!(connection.poll_frame().as_ref().map(Frame::as_ref), Some(&b"GET"[..]));
        connection.queue().extend_from_slice(b"one");
        connection.queue().extend_from_slice(b"two");
        assert!(connection.poll_frame().is_none(), "one is in flight");
        connection.handle_sent();
        assert_eq!(connection.poll_frame().as_ref().map(Frame::as_ref), Some(&b"onetwo"[..]));
        connection.handle_sent();
        assert!(connection.is_quiet());
    }

    #[test]
    fn a_full_queue_holds_back_and_an_old_key_is_no_key() {
        let mut connection = Connection::new();
        connection.begin(0, UpgradeKey::new([9; 16]), Vec::new());
        connection.phase = Phase::Open;
        assert!(connection.has_room());
        connection.queue().resize(OUTGOING_BYTES_MAX, 0);
        assert!(!connection.has_room());
        let key = connection.key(3);
        assert!(connection.has_key(key));
        connection.finish();
        assert!(!connection.has_key(key) && connection.phase == Phase::Unused);
        assert_ne!(connection.key(3), key);
    }
}
