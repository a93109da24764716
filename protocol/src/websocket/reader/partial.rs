//! What a reader keeps of an incomplete header, frame or message. Does not know which frame may follow which.

use super::super::{
    CONTROL_PAYLOAD_BYTES_MAX, FRAME_HEADER_BYTES_MAX, FrameHeader, Inflation, Role, Utf8Validator, Violation,
    apply_mask,
};
use super::{Content, Control, Limits, MessageKind, Whole};

/// What is incomplete of one connection.
#[derive(Debug)]
pub(super) struct Partial {
    /// The first bytes of a header that is not complete.
    header: [u8; FRAME_HEADER_BYTES_MAX],
    pub(super) header_len: usize,
    /// The frame whose payload is being read.
    pub(super) frame: Option<Frame>,
    /// The message that frames are being added to. Stays while control frames come in between.
    pub(super) message: Option<Message>,
    pub(super) control: ControlPayload,
    inflating: Option<Inflating>,
}

/// A large compressed message that has arrived.
#[derive(Debug)]
struct Inflating {
    inflation: Inflation,
    /// Its event has been given out, or it was refused; the next call releases it.
    over: bool,
}

/// What is inflated in one step, in bytes: less than a tenth of a millisecond.
const INFLATION_STEP_BYTES: usize = 64 << 10;

#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    pub(super) target: Target,
    pub(super) fin: bool,
    pub(super) mask: Option<[u8; 4]>,
    pub(super) payload_bytes: usize,
    pub(super) read_bytes: usize,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Target {
    Message,
    Control(Control),
}

#[derive(Debug)]
pub(super) struct Message {
    content: Content,
    pub(super) payload: Vec<u8>,
    text: Utf8Validator,
    pub(super) fragments: u32,
    /// Its event has been given out; the next call releases it.
    pub(super) whole: bool,
}

#[derive(Debug)]
pub(super) struct ControlPayload {
    bytes: [u8; CONTROL_PAYLOAD_BYTES_MAX],
    pub(super) len: usize,
}

/// How far the payload of a frame came.
pub(super) enum Payload {
    /// The data is used up.
    Incomplete,
    /// The frame is whole, its message is not.
    Fragment,
    Ready(Whole),
}

impl Partial {
    pub(super) fn new() -> Self {
        Self {
            header: [0; FRAME_HEADER_BYTES_MAX],
            header_len: 0,
            frame: None,
            message: None,
            control: ControlPayload { bytes: [0; CONTROL_PAYLOAD_BYTES_MAX], len: 0 },
            inflating: None,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.message.is_none() && self.frame.is_none() && self.header_len == 0 && self.inflating.is_none()
    }

    /// Heap memory held beside this value.
    pub(super) fn memory_bytes(&self) -> usize {
        let message = self.message.as_ref().map_or(0, |message| message.payload.capacity());
        message + self.inflating.as_ref().map_or(0, |inflating| inflating.inflation.memory_bytes())
    }

    pub(super) fn inflate(&mut self, inflation: Inflation) {
        self.inflating = Some(Inflating { inflation, over: false });
    }

    pub(super) fn is_inflating(&self) -> bool {
        self.inflating.as_ref().is_some_and(|inflating| !inflating.over)
    }

    /// One step. Says whether the message is whole.
    pub(super) fn go_on_inflating(&mut self) -> Result<bool, Violation> {
        let inflating = self.inflating.as_mut().expect("the caller has begun to inflate");
        let result = inflating.inflation.step(INFLATION_STEP_BYTES);
        inflating.over = !matches!(result, Ok(false));
        result
    }

    pub(super) fn inflated(&self) -> &Inflation {
        &self.inflating.as_ref().expect("the message that is whole has not been released").inflation
    }

    pub(super) fn release_inflated(&mut self) {
        self.inflating.take_if(|inflating| inflating.over);
    }

    pub(super) fn stop_inflating(&mut self) {
        self.inflating = None;
    }

    pub(super) fn assembled(&self) -> &[u8] {
        &self.message.as_ref().expect("the message that is ready has not been released").payload
    }

    /// Keeps as much of `rest` as could belong to the header; says how much.
    pub(super) fn keep_header(&mut self, rest: &[u8]) -> usize {
        let taken = rest.len().min(FRAME_HEADER_BYTES_MAX - self.header_len);
        self.header[self.header_len..self.header_len + taken].copy_from_slice(&rest[..taken]);
        self.header_len += taken;
        taken
    }

    pub(super) fn read_header(
        &mut self,
        rest: &[u8],
        consumed: &mut usize,
        role: Role,
        deflate: bool,
    ) -> Result<Option<FrameHeader>, Violation> {
        let kept = self.header_len;
        let taken = self.keep_header(rest);
        let Some((header, length)) = FrameHeader::parse_with(&self.header[..self.header_len], role, deflate)? else {
            *consumed += taken;
            return Ok(None);
        };
        self.header_len = 0;
        *consumed += length - kept;
        Ok(Some(header))
    }

    pub(super) fn read_payload(
        &mut self,
        mut frame: Frame,
        data: &mut [u8],
        consumed: &mut usize,
        limits: &Limits,
    ) -> Result<Payload, Violation> {
        let rest = &mut data[*consumed..];
        let taken = rest.len().min(frame.payload_bytes - frame.read_bytes);
        let piece = &mut rest[..taken];
        if let Some(key) = frame.mask {
            apply_mask(piece, key, frame.read_bytes);
        }
        *consumed += taken;
        let unread_bytes = frame.payload_bytes - frame.read_bytes - taken;
        match frame.target {
            Target::Control(_) => self.control.push(piece),
            Target::Message => {
                // The final size is known only in the last frame; before, it is anything up to the limit.
                let message = self.message.as_mut().expect("a data frame belongs to a message");
                let final_bytes_max =
                    if frame.fin { message.payload.len() + taken + unread_bytes } else { limits.message_bytes_max };
                message.push(piece, final_bytes_max)?;
            }
        }
        if unread_bytes > 0 {
            frame.read_bytes += taken;
            self.frame = Some(frame);
            return Ok(Payload::Incomplete);
        }

        self.frame = None;
        match frame.target {
            Target::Control(control) => Ok(Payload::Ready(Whole::Control(control))),
            Target::Message => {
                let message = self.message.as_mut().expect("a data frame belongs to a message");
                if !frame.fin {
                    message.fragments += 1;
                    return Ok(Payload::Fragment);
                }
                message.finish()?;
                Ok(Payload::Ready(Whole::Message(message.content)))
            }
        }
    }
}

impl Content {
    /// Text that can be checked as it comes.
    fn is_plain_text(self) -> bool {
        match self.kind {
            MessageKind::Text => !self.compressed,
            MessageKind::Binary => false,
        }
    }
}

impl Message {
    pub(super) fn new(content: Content) -> Self {
        Self { content, payload: Vec::new(), text: Utf8Validator::new(), fragments: 0, whole: false }
    }

    fn push(&mut self, piece: &[u8], final_bytes_max: usize) -> Result<(), Violation> {
        let read_bytes = self.payload.len();
        if self.content.is_plain_text() {
            self.text.feed(piece).map_err(|error| Violation::TextNotUtf8 { offset: read_bytes + error.offset })?;
        }
        // Memory follows what has arrived, never what was declared: doubling, and no further than the message can go.
        let needed = read_bytes + piece.len();
        if needed > self.payload.capacity() {
            let capacity = (self.payload.capacity() * 2).min(final_bytes_max).max(needed);
            self.payload.reserve_exact(capacity - read_bytes);
        }
        self.payload.extend_from_slice(piece);
        Ok(())
    }

    fn finish(&mut self) -> Result<(), Violation> {
        if self.content.is_plain_text() {
            self.text.finish().map_err(|_| Violation::TextNotUtf8 { offset: self.payload.len() })?;
        }
        self.whole = true;
        Ok(())
    }
}

impl ControlPayload {
    pub(super) fn payload(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    fn push(&mut self, piece: &[u8]) {
        self.bytes[self.len..self.len + piece.len()].copy_from_slice(piece);
        self.len += piece.len();
    }
}
