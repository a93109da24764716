//! Reading of messages from what arrives, cut anywhere. Owns memory only for what is incomplete. Answers nothing: Pongs
//! and Close frames are the caller's.

mod partial;

use std::ops::Range;

use super::{
    CloseFrame, Deflate, FrameHeader, Inflater, Inflation, OpCode, Role, Utf8Validator, Violation, apply_mask,
};
use partial::{Frame, Message, Partial, Payload, Target};

/// What one connection may make this end hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Largest message, and so also largest frame. Checked as soon as a header declares more.
    pub message_bytes_max: usize,
    /// Most frames in one message, at least 1. Without it, empty fragments would be work without an end and without an
    /// event. Some clients cut large messages, so it should grow with the size allowed.
    pub fragments_max: u32,
}

/// What a message consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MessageKind {
    /// UTF-8, which has been checked.
    Text,
    /// Any bytes.
    Binary,
}

/// What the peer said. Payloads are unmasked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// A whole message, from however many frames.
    Message {
        /// Text or binary.
        kind: MessageKind,
        /// All of it.
        payload: &'a [u8],
    },
    /// To be answered by a Pong with the same payload.
    Ping(&'a [u8]),
    /// A sign of life.
    Pong(&'a [u8]),
    /// The last event: whatever the peer sends after it is discarded (RFC 6455, section 1.4).
    Close(Option<CloseFrame<'a>>),
}

/// What [`Reader::next_inflated`] gives.
#[derive(Debug, PartialEq, Eq)]
pub enum Read<'a> {
    /// As of [`Reader::next`].
    Event(Event<'a>),
    /// A step of a large message was inflated. The next call goes on with it, whatever data it is given.
    Inflating,
}

/// Compressed messages up to this are inflated at once: at worst they become two megabytes, in less than a millisecond.
const INFLATED_AT_ONCE_BYTES_MAX: usize = 2 << 10;

/// The receiving half of one connection.
///
/// An idle connection costs the 16 bytes of this value: everything else is in a box that exists only while a header, a
/// frame or a message is incomplete. A frame that is whole and unfragmented is unmasked where it lies and
/// borrowed from there.
///
/// ```
/// use selvedge_protocol::websocket::{Event, Limits, MessageKind, Reader, Role};
///
/// let limits = Limits { message_bytes_max: 1 << 20, fragments_max: 1024 };
/// let mut reader = Reader::new(Role::Server);
/// let mut data = [0x82, 0x82, 0, 0, 0, 0, b'h', b'i'];
/// let mut consumed = 0;
/// while let Some(event) = reader.next(&mut data, &mut consumed, &limits)? {
///     assert_eq!(event, Event::Message { kind: MessageKind::Binary, payload: b"hi" });
/// }
/// assert_eq!(consumed, data.len());
/// # Ok::<(), selvedge_protocol::websocket::Violation>(())
/// ```
#[derive(Debug)]
pub struct Reader {
    /// Invariant: between calls of [`Reader::next`], absent unless something is incomplete or its event is borrowed.
    partial: Option<Box<Partial>>,
    role: Role,
    /// What was agreed on; with it, messages may be compressed.
    deflate: Option<Deflate>,
    /// A Close frame came or a violation was found: nothing that follows is looked at.
    ended: bool,
}

// A million idle connections hold a million of these.
const _: () = assert!(size_of::<Reader>() <= 16);

/// Where the payload lies of a frame or message that just became whole.
#[derive(Clone)]
enum Ready {
    Data(Whole, Range<usize>),
    Message(Content),
    Control(Control),
}

#[derive(Clone, Copy)]
enum Whole {
    Message(Content),
    Control(Control),
}

/// What the first frame of a message says of its payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Content {
    kind: MessageKind,
    compressed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Control {
    Close,
    Ping,
    Pong,
}

impl Reader {
    /// At the start of a connection, right behind the HTTP upgrade. `role` is the end that reads.
    pub const fn new(role: Role) -> Self {
        Self { partial: None, role, deflate: None, ended: false }
    }

    /// As [`Reader::new`], where permessage-deflate was agreed on: messages may be compressed, and are read by
    /// [`Reader::next_inflated`].
    pub const fn with_deflate(role: Role, deflate: Deflate) -> Self {
        Self { partial: None, role, deflate: Some(deflate), ended: false }
    }

    /// What was agreed on of compression. A reader that has [`ended`](Reader::ended) knows of nothing.
    pub const fn deflate(&self) -> Option<Deflate> {
        self.deflate
    }

    /// For a connection that is not read any further: all bytes are consumed and give no events.
    pub const fn ended(role: Role) -> Self {
        Self { partial: None, role, deflate: None, ended: true }
    }

    /// A Close frame came or a violation was found: where the next frame begins is not known any more.
    pub const fn has_ended(&self) -> bool {
        self.ended
    }

    /// The next event from `data`, which continues where the bytes of earlier calls ended.
    ///
    /// `consumed` is how much of `data` has been read: 0 at first, and moved forward. To be called until it gives `None`;
    /// then all of `data` has been consumed, and what is incomplete at its end has been copied.
    ///
    /// A caller that must stop after an event, because it cannot take more now, keeps `data[consumed..]`, which is
    /// untouched, and later passes it before any newer bytes. (A call with empty `data` gives back the memory of the
    /// message that the last event borrowed.)
    ///
    /// After a violation and after [`Event::Close`], all further bytes are consumed and give no events.
    #[inline]
    pub fn next<'a>(
        &'a mut self,
        data: &'a mut [u8],
        consumed: &mut usize,
        limits: &Limits,
    ) -> Result<Option<Event<'a>>, Violation> {
        debug_assert!(self.deflate.is_none(), "a reader of compressed messages needs an inflater");
        let Some(ready) = self.ready(data, consumed, limits)? else { return Ok(None) };
        let (whole, payload) = self.locate(ready, data);
        whole.event(payload).map(Some)
    }

    /// As [`Reader::next`], for a reader of either kind. `inflater` makes the message of what is compressed, and may be another
    /// one in each call. A message that is refused for what was inflated ends nothing but itself: what follows it can be read.
    ///
    /// A large message is inflated in several calls, of which each but the last gives [`Read::Inflating`].
    #[inline]
    pub fn next_inflated<'a>(
        &'a mut self,
        data: &'a mut [u8],
        consumed: &mut usize,
        limits: &Limits,
        inflater: &'a mut Inflater,
    ) -> Result<Option<Read<'a>>, Violation> {
        if self.is_inflating() {
            return self.go_on_inflating();
        }
        let Some(ready) = self.ready(data, consumed, limits)? else { return Ok(None) };
        if let Some(inflation) = self.begin_inflation(&ready, data, limits) {
            let partial = self.partial_mut();
            // The compressed message is in the inflation.
            partial.message = None;
            partial.inflate(inflation);
            return self.go_on_inflating();
        }
        let (whole, payload) = self.locate(ready, data);
        match whole {
            Whole::Message(Content { kind, compressed: true }) => {
                let payload = inflater.inflate(kind, payload, limits.message_bytes_max)?;
                Ok(Some(Read::Event(Event::Message { kind, payload })))
            }
            Whole::Message(Content { compressed: false, .. }) | Whole::Control(_) => {
                whole.event(payload).map(|event| Some(Read::Event(event)))
            }
        }
    }

    /// Where a message is to be inflated in steps.
    fn begin_inflation(&self, ready: &Ready, data: &[u8], limits: &Limits) -> Option<Inflation> {
        match self.locate(ready.clone(), data) {
            (Whole::Message(Content { kind, compressed: true }), payload)
                if payload.len() > INFLATED_AT_ONCE_BYTES_MAX =>
            {
                Some(Inflation::new(kind, payload.to_vec(), limits.message_bytes_max))
            }
            (Whole::Message(_) | Whole::Control(_), _) => None,
        }
    }

    /// A large message was begun to be inflated: the next call of [`Reader::next_inflated`] takes a step of it.
    #[must_use]
    pub fn is_inflating(&self) -> bool {
        self.partial.as_ref().is_some_and(|partial| partial.is_inflating())
    }

    fn go_on_inflating(&mut self) -> Result<Option<Read<'_>>, Violation> {
        match self.partial_mut().go_on_inflating() {
            Ok(true) => {
                let inflation = self.partial_ref().inflated();
                let (kind, payload) = (inflation.kind(), inflation.message());
                Ok(Some(Read::Event(Event::Message { kind, payload })))
            }
            Ok(false) => Ok(Some(Read::Inflating)),
            Err(violation) => {
                self.release();
                Err(violation)
            }
        }
    }

    /// Reads all of `data` and drops every message in it, compressed ones as they are. Says whether the peer's Close frame was among
    /// them.
    pub fn skip_to_close(&mut self, data: &mut [u8], limits: &Limits) -> Result<bool, Violation> {
        if let Some(partial) = &mut self.partial {
            partial.stop_inflating();
        }
        let mut consumed = 0;
        while let Some(ready) = self.ready(data, &mut consumed, limits)? {
            if let (Whole::Control(Control::Close), payload) = self.locate(ready, data) {
                return CloseFrame::parse(payload).map(|_| true);
            }
        }
        Ok(false)
    }

    /// Heap memory held, in bytes; 0 while nothing is incomplete.
    pub fn memory_bytes(&self) -> usize {
        let Some(partial) = &self.partial else { return 0 };
        size_of::<Partial>() + partial.memory_bytes()
    }

    #[inline]
    fn ready(&mut self, data: &mut [u8], consumed: &mut usize, limits: &Limits) -> Result<Option<Ready>, Violation> {
        let ready = self.advance(data, consumed, limits);
        if ready.is_err() {
            self.end(data, consumed);
        }
        ready
    }

    #[inline]
    fn locate<'a>(&'a self, ready: Ready, data: &'a [u8]) -> (Whole, &'a [u8]) {
        match ready {
            Ready::Data(whole, range) => (whole, &data[range]),
            Ready::Message(content) => (Whole::Message(content), self.partial_ref().assembled()),
            Ready::Control(control) => (Whole::Control(control), self.partial_ref().control.payload()),
        }
    }

    fn advance(&mut self, data: &mut [u8], consumed: &mut usize, limits: &Limits) -> Result<Option<Ready>, Violation> {
        if self.ended {
            self.end(data, consumed);
            return Ok(None);
        }
        if self.partial.is_some() {
            self.release();
        }
        let ready = self.read_frames(data, consumed, limits)?;
        // Before the payload of a Close frame is looked at: the stream ends there, valid or not.
        if let Some(Ready::Data(Whole::Control(Control::Close), _) | Ready::Control(Control::Close)) = ready {
            self.ended = true;
            *consumed = data.len();
        }
        Ok(ready)
    }

    fn read_frames(
        &mut self,
        data: &mut [u8],
        consumed: &mut usize,
        limits: &Limits,
    ) -> Result<Option<Ready>, Violation> {
        loop {
            if let Some(partial) = self.partial.as_deref_mut()
                && let Some(frame) = partial.frame
            {
                match partial.read_payload(frame, data, consumed, limits)? {
                    Payload::Incomplete => return Ok(None),
                    Payload::Fragment => {}
                    Payload::Ready(Whole::Message(content)) => return Ok(Some(Ready::Message(content))),
                    Payload::Ready(Whole::Control(control)) => return Ok(Some(Ready::Control(control))),
                }
            }
            let Some(header) = self.read_header(data, consumed)? else { return Ok(None) };
            if let Some((whole, range)) = self.begin_frame(header, data, consumed, limits)? {
                return Ok(Some(Ready::Data(whole, range)));
            }
        }
    }

    /// The next header, from the bytes kept of it and from `data`.
    #[inline]
    fn read_header(&mut self, data: &[u8], consumed: &mut usize) -> Result<Option<FrameHeader>, Violation> {
        let rest = &data[*consumed..];
        if let Some(partial) = self.partial.as_deref_mut()
            && partial.header_len > 0
        {
            return partial.read_header(rest, consumed, self.role, self.deflate.is_some());
        }
        if let Some((header, length)) = FrameHeader::parse_with(rest, self.role, self.deflate.is_some())? {
            *consumed += length;
            return Ok(Some(header));
        }
        if !rest.is_empty() {
            self.partial_mut().keep_header(rest);
            *consumed = data.len();
        }
        Ok(None)
    }

    /// Checks that the frame may stand here, and reads it if it is a whole event by itself. Any other is left to
    /// [`Partial::read_payload`].
    #[inline]
    fn begin_frame(
        &mut self,
        header: FrameHeader,
        data: &mut [u8],
        consumed: &mut usize,
        limits: &Limits,
    ) -> Result<Option<(Whole, Range<usize>)>, Violation> {
        let message = self.partial.as_deref().and_then(|partial| partial.message.as_ref());
        let whole = match header.opcode {
            OpCode::Close => Some(Whole::Control(Control::Close)),
            OpCode::Ping => Some(Whole::Control(Control::Ping)),
            OpCode::Pong => Some(Whole::Control(Control::Pong)),
            OpCode::Text | OpCode::Binary if message.is_some() => {
                return Err(Violation::MessageInterrupted { opcode: header.opcode });
            }
            OpCode::Text => Some(Whole::message(MessageKind::Text, header.compressed)),
            OpCode::Binary => Some(Whole::message(MessageKind::Binary, header.compressed)),
            OpCode::Continuation if message.is_none() => return Err(Violation::UnexpectedContinuation),
            OpCode::Continuation => None,
        };
        let payload_bytes = if header.opcode.is_control() {
            header.payload_bytes as usize // at most 125, by FrameHeader::parse
        } else {
            check_size(message, header.payload_bytes, limits)?
        };

        let rest = &mut data[*consumed..];
        if let Some(whole) = whole
            && header.fin
            && rest.len() >= payload_bytes
        {
            let payload = &mut rest[..payload_bytes];
            if let Some(key) = header.mask {
                apply_mask(payload, key, 0);
            }
            if let Whole::Message(Content { kind: MessageKind::Text, compressed: false }) = whole {
                check_text(payload)?;
            }
            let start = *consumed;
            *consumed += payload_bytes;
            return Ok(Some((whole, start..*consumed)));
        }

        let partial = self.partial_mut();
        let target = match whole {
            Some(Whole::Control(control)) => {
                partial.control.len = 0;
                Target::Control(control)
            }
            Some(Whole::Message(content)) => {
                partial.message = Some(Message::new(content));
                Target::Message
            }
            None => Target::Message,
        };
        partial.frame = Some(Frame { target, fin: header.fin, mask: header.mask, payload_bytes, read_bytes: 0 });
        Ok(None)
    }

    /// Gives back what the last event borrowed, and the box with it when nothing else is in it.
    fn release(&mut self) {
        if let Some(partial) = self.partial.as_deref_mut() {
            if partial.message.as_ref().is_some_and(|message| message.whole) {
                partial.message = None;
            }
            partial.release_inflated();
            if partial.is_empty() {
                self.partial = None;
            }
        }
    }

    fn end(&mut self, data: &[u8], consumed: &mut usize) {
        self.ended = true;
        self.partial = None;
        *consumed = data.len();
    }

    fn partial_mut(&mut self) -> &mut Partial {
        self.partial.get_or_insert_with(|| Box::new(Partial::new()))
    }

    fn partial_ref(&self) -> &Partial {
        self.partial.as_deref().expect("the payload that is ready lies in the partial state")
    }
}

impl Whole {
    const fn message(kind: MessageKind, compressed: bool) -> Self {
        Self::Message(Content { kind, compressed })
    }

    /// What is said by something that is not compressed.
    #[inline]
    fn event(self, payload: &[u8]) -> Result<Event<'_>, Violation> {
        Ok(match self {
            Self::Message(Content { kind, compressed: _ }) => Event::Message { kind, payload },
            Self::Control(Control::Ping) => Event::Ping(payload),
            Self::Control(Control::Pong) => Event::Pong(payload),
            Self::Control(Control::Close) => Event::Close(CloseFrame::parse(payload)?),
        })
    }
}

/// The size of a data frame, if the message it belongs to stays within the limits.
#[inline]
fn check_size(message: Option<&Message>, payload_bytes: u64, limits: &Limits) -> Result<usize, Violation> {
    let (read_bytes, fragments) = message.map_or((0, 0), |message| (message.payload.len(), message.fragments));
    if fragments >= limits.fragments_max {
        return Err(Violation::TooManyFragments { fragments_max: limits.fragments_max });
    }
    // The top bit of a length is never set, so the sum cannot overflow.
    let message_bytes = read_bytes as u64 + payload_bytes;
    if message_bytes > limits.message_bytes_max as u64 {
        return Err(Violation::TooBig { message_bytes, message_bytes_max: limits.message_bytes_max });
    }
    Ok(payload_bytes as usize)
}

/// Checks a whole text. Only one that is wrong costs the second pass that finds where.
fn check_text(text: &[u8]) -> Result<(), Violation> {
    if simdutf8::basic::from_utf8(text).is_ok() {
        return Ok(());
    }
    let offset = Utf8Validator::new().feed(text).err().map_or(text.len(), |error| error.offset);
    Err(Violation::TextNotUtf8 { offset })
}

#[cfg(test)]
mod tests;
