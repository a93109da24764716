//! What one connection has to send: one thing in flight, and what waits behind it. Knows frames, not what they say.

use selvedge_protocol::websocket::{OpCode, frame_header_len, put_frame};
use selvedge_shards::Frame;

use super::pulse::Stamp;

/// Bytes of Pongs that wait behind a send. A peer that pings faster than it takes the answers gets the one to its latest ping, which
/// is all that it may count on (RFC 6455, section 5.5.3).
const PONG_BYTES_MAX: usize = 2048;

/// What is in flight.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Outgoing {
    /// Nothing.
    #[default]
    Idle,
    /// A frame that somebody waits for.
    Data,
    /// Something of the connection's own.
    Control,
    /// The last bytes of this connection.
    Last,
    /// Nothing, ever again.
    Done,
}

/// What a send that ended was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// A frame given to [`super::Connection::send`].
    Data,
    /// Something of the connection's own.
    Control,
    /// The last bytes of the connection.
    Last,
    /// A part of one of these, or something that only TLS knows of.
    Part,
}

/// What waits.
#[derive(Debug, Default)]
pub(super) struct Queue {
    /// The answer to the upgrade request.
    opening: Vec<u8>,
    /// Complete Pong frames.
    pongs: Vec<u8>,
    ping: Option<Stamp>,
    /// A message that says nothing.
    beat: Option<Frame>,
    data: Option<Frame>,
    last: Option<Vec<u8>>,
}

impl Queue {
    pub(super) fn is_empty(&self) -> bool {
        let Self { opening, pongs, ping, beat, data, last } = self;
        opening.is_empty() && pongs.is_empty() && ping.is_none() && beat.is_none() && data.is_none() && last.is_none()
    }

    /// The answer to the upgrade request, which goes before everything else.
    pub(super) fn opening(&mut self, bytes: Vec<u8>) {
        assert!(self.is_empty(), "the answer to the request is the first thing that is sent");
        self.opening = bytes;
    }

    pub(super) fn pong(&mut self, payload: &[u8]) {
        if self.pongs.len() + frame_header_len(payload.len()) + payload.len() > PONG_BYTES_MAX {
            self.pongs.clear();
        }
        put_frame(&mut self.pongs, OpCode::Pong, payload);
    }

    pub(super) fn ping(&mut self, stamp: Stamp) {
        self.ping = Some(stamp);
    }

    pub(super) fn beat(&mut self, frame: Frame) {
        self.beat = Some(frame);
    }

    pub(super) fn data(&mut self, frame: Frame) {
        assert!(self.data.is_none(), "a frame is given only after the one before was sent");
        self.data = Some(frame);
    }

    /// What ends the connection. The first one stays: two Close frames would be one too many.
    pub(super) fn last(&mut self, bytes: Vec<u8>) {
        self.last.get_or_insert(bytes);
    }
}

impl Outgoing {
    pub(super) fn in_flight(self) -> bool {
        match self {
            Self::Data | Self::Control | Self::Last => true,
            Self::Idle | Self::Done => false,
        }
    }

    pub(super) fn is_last_sent(self) -> bool {
        self == Self::Done
    }

    /// Control frames first, because they are small and waited for; then data; and the last bytes last.
    pub(super) fn poll(&mut self, queue: &mut Queue) -> Option<Frame> {
        if *self != Self::Idle {
            return None;
        }
        let mut control = std::mem::take(&mut queue.opening);
        control.append(&mut queue.pongs);
        if let Some(stamp) = queue.ping.take() {
            put_frame(&mut control, OpCode::Ping, &stamp);
        }
        if let Some(beat) = queue.beat.take() {
            if control.is_empty() {
                *self = Self::Control;
                return Some(beat);
            }
            control.extend_from_slice(beat.as_ref());
        }
        if !control.is_empty() {
            *self = Self::Control;
            return Some(Frame::new(control));
        }
        if let Some(frame) = queue.data.take() {
            *self = Self::Data;
            return Some(frame);
        }
        let last = queue.last.take()?;
        *self = Self::Last;
        Some(Frame::new(last))
    }

    /// Nothing is said any more, and nothing that was begun will end.
    pub(super) fn break_off(&mut self) {
        *self = Self::Done;
    }

    pub(super) fn sent(&mut self) -> Sent {
        let (next, sent) = match *self {
            Self::Data => (Self::Idle, Sent::Data),
            Self::Control => (Self::Idle, Sent::Control),
            Self::Last => (Self::Done, Sent::Last),
            Self::Idle | Self::Done => panic!("a send ended that was not begun"),
        };
        *self = next;
        sent
    }
}
