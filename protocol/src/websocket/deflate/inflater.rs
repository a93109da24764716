//! Messages inflated, one by one, in steps and never beyond a limit. Does not know who sent them.

use flate2::{Decompress, FlushDecompress, Status};

use super::super::{MessageKind, Utf8Validator, Violation};
use super::{KEPT_BYTES_MAX, TAIL, forget};

/// What is inflated between two looks at the limit and at the text.
const STEP_BYTES: usize = 16 << 10;

/// Streams in one message. Beginning one costs as much as inflating a hundred bytes and takes two, so that a message full of empty ones would
/// hold a core for seconds; a message with more is refused as broken.
const STREAMS_MAX: u32 = 256;

/// The last block of a stream: empty. Put behind a message, it ends the stream if the message has ended where a block does, and only then.
const END: [u8; 5] = [0x01, 0x00, 0x00, 0xff, 0xff];

/// Inflates messages of any number of connections: nothing of one is left when the next begins.
///
/// It holds about 48 KiB from the first message on.
#[derive(Debug, Default)]
pub struct Inflater {
    stream: Option<Decompress>,
    out: Vec<u8>,
}

/// How far a piece of the stream went.
enum Fed {
    /// It is used up, and the stream goes on.
    All,
    /// The final block of the stream has ended after so much of it.
    Ended(usize),
    /// The budget is used up, after so much of it.
    Paused(usize),
}

/// What of a message is being inflated.
#[derive(Clone, Copy, Debug, Default)]
enum Part {
    /// The message itself.
    #[default]
    Payload,
    /// What its sender has taken off.
    Tail,
    /// What ends the stream, and must not give anything; before it, the message had so many bytes.
    End { message_bytes: usize },
}

/// Where a message that is inflated in several goes stands.
#[derive(Debug, Default)]
struct Place {
    part: Part,
    /// How much of the part was taken.
    at: usize,
    /// Streams that have ended.
    streams: u32,
}

impl Inflater {
    /// The message whose compressed payload this is. At most `message_bytes_max` and one byte more are inflated, however large it
    /// would become; a text ends with the step in which it is found not to be UTF-8.
    pub fn inflate(
        &mut self,
        kind: MessageKind,
        compressed: &[u8],
        message_bytes_max: usize,
    ) -> Result<&[u8], Violation> {
        forget(&mut self.out);
        let stream = self.stream.get_or_insert_with(|| Decompress::new(false));
        stream.reset(false);
        let mut inflating = Inflating { stream, out: &mut self.out, text: &mut text_of(kind), message_bytes_max };
        let whole = inflating.go_on(compressed, &mut Place::default(), usize::MAX)?;
        debug_assert!(whole, "the budget has no end");
        Ok(&self.out)
    }

    /// Heap memory held by the message that was inflated last.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.out.capacity()
    }

    /// Gives back the memory that a large message has taken.
    pub fn tidy(&mut self) {
        if self.out.capacity() > KEPT_BYTES_MAX {
            forget(&mut self.out);
        }
    }
}

/// A large message on its way, inflated step by step, so that whoever does it can do something else in between.
#[derive(Debug)]
pub struct Inflation {
    kind: MessageKind,
    compressed: Vec<u8>,
    place: Place,
    stream: Decompress,
    /// Has room for all that may come: growing would copy what is there, and room that is not used takes no memory.
    out: Vec<u8>,
    text: Option<Utf8Validator>,
    message_bytes_max: usize,
}

/// A compressed byte gives no more than so many (the longest match, in the fewest bits).
const INFLATED_PER_BYTE_MAX: usize = 1_032;

/// A byte of input counts as so many of output in the budget of a step: beginnings of blocks take 36 ns a byte to read, what they give 1 ns.
const INPUT_WEIGHT: usize = 32;

/// What is left of a budget below this is not worth another call.
const BUDGET_MIN: usize = 64 * INPUT_WEIGHT;

impl Inflation {
    /// Nothing is inflated yet.
    #[must_use]
    pub fn new(kind: MessageKind, compressed: Vec<u8>, message_bytes_max: usize) -> Self {
        let room = compressed.len().saturating_mul(INFLATED_PER_BYTE_MAX).saturating_add(STEP_BYTES);
        Self {
            kind,
            place: Place::default(),
            stream: Decompress::new(false),
            out: Vec::with_capacity(room.min(message_bytes_max)),
            text: text_of(kind),
            compressed,
            message_bytes_max,
        }
    }

    /// Inflates about `budget` bytes more. Says whether the message is whole.
    ///
    /// # Errors
    ///
    /// As [`Inflater::inflate`].
    pub fn step(&mut self, budget: usize) -> Result<bool, Violation> {
        let Self { compressed, place, stream, out, text, message_bytes_max, .. } = self;
        let mut inflating = Inflating { stream, out, text, message_bytes_max: *message_bytes_max };
        inflating.go_on(compressed, place, budget)
    }

    /// Text or binary.
    #[must_use]
    pub fn kind(&self) -> MessageKind {
        self.kind
    }

    /// What is there of it.
    #[must_use]
    pub fn message(&self) -> &[u8] {
        &self.out
    }

    /// Heap memory held, without room that nothing was written to.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.compressed.capacity() + self.out.len() + STREAM_BYTES
    }
}

/// What the state of one stream takes: the window, and tables.
const STREAM_BYTES: usize = 48 << 10;

fn text_of(kind: MessageKind) -> Option<Utf8Validator> {
    match kind {
        MessageKind::Text => Some(Utf8Validator::new()),
        MessageKind::Binary => None,
    }
}

/// One message on its way.
struct Inflating<'a> {
    stream: &'a mut Decompress,
    out: &'a mut Vec<u8>,
    text: &'a mut Option<Utf8Validator>,
    message_bytes_max: usize,
}

impl Inflating<'_> {
    /// Goes on until the message is whole, or the budget used up.
    fn go_on(&mut self, compressed: &[u8], place: &mut Place, mut budget: usize) -> Result<bool, Violation> {
        loop {
            let part: &[u8] = match place.part {
                Part::Payload => compressed,
                Part::Tail => &TAIL,
                Part::End { .. } => &END,
            };
            let rest = &part[place.at..];
            match (self.feed(rest, &mut budget)?, place.part) {
                (Fed::Paused(consumed), _) => {
                    place.at += consumed;
                    return Ok(false);
                }
                // A sender may flush with a final block, and go on with another stream behind it (section 7.2.3.4).
                (Fed::Ended(consumed), Part::Payload) if consumed < rest.len() => {
                    place.streams += 1;
                    if place.streams == STREAMS_MAX {
                        return Err(Violation::DeflateBroken);
                    }
                    self.stream.reset(false);
                    place.at += consumed;
                }
                (Fed::Ended(_), Part::Payload) => break,
                (Fed::All, Part::Payload) => *place = Place { part: Part::Tail, at: 0, ..*place },
                (Fed::Ended(consumed), Part::Tail) if consumed == rest.len() => break,
                (Fed::All, Part::Tail) => {
                    *place = Place { part: Part::End { message_bytes: self.out.len() }, at: 0, ..*place };
                }
                (Fed::Ended(consumed), Part::End { message_bytes })
                    if consumed == rest.len() && self.out.len() == message_bytes =>
                {
                    break;
                }
                (Fed::Ended(_) | Fed::All, Part::Tail | Part::End { .. }) => return Err(Violation::DeflateBroken),
            }
        }
        self.finish_text()?;
        Ok(true)
    }

    fn feed(&mut self, all: &[u8], budget: &mut usize) -> Result<Fed, Violation> {
        let mut input = all;
        loop {
            let known = self.out.len();
            let piece = &input[..input.len().min((*budget / INPUT_WEIGHT).max(1))];
            let (consumed, had_room, status) = self.step(piece)?;
            input = &input[consumed..];
            if let Some(text) = &mut self.text {
                let checked = text.feed(&self.out[known..]);
                checked.map_err(|error| Violation::TextNotUtf8 { offset: known + error.offset })?;
            }
            let spent = consumed.saturating_mul(INPUT_WEIGHT).saturating_add(self.out.len() - known);
            *budget = budget.saturating_sub(spent);
            match status {
                Status::StreamEnd => return Ok(Fed::Ended(all.len() - input.len())),
                // Where there is room left, nothing more can come of what was given.
                Status::Ok | Status::BufError if input.is_empty() && had_room => {
                    return Ok(Fed::All);
                }
                Status::Ok | Status::BufError if consumed == 0 && self.out.len() == known => {
                    // At the limit, or the stream would have gone on.
                    if input.is_empty() && known == self.message_bytes_max {
                        return Ok(Fed::All);
                    }
                    return Err(Violation::DeflateBroken);
                }
                Status::Ok | Status::BufError if *budget < BUDGET_MIN => {
                    return Ok(Fed::Paused(all.len() - input.len()));
                }
                Status::Ok | Status::BufError => {}
            }
        }
    }

    /// Inflates once. Says how much of `input` that took, and whether there was room for more.
    fn step(&mut self, input: &[u8]) -> Result<(usize, bool, Status), Violation> {
        // On the stack: flate2 writes zeros into all the room that it is given.
        let mut scratch = [0; STEP_BYTES];
        let room = self.message_bytes_max - self.out.len();
        // At the limit, whether anything more would come, only its first byte tells.
        let scratch = &mut scratch[..room.clamp(1, STEP_BYTES)];
        let (before_in, before_out) = (self.stream.total_in(), self.stream.total_out());
        let status = self.stream.decompress(input, scratch, FlushDecompress::None);
        let status = status.map_err(|_| Violation::DeflateBroken)?;
        let given = (self.stream.total_out() - before_out) as usize;
        if given > room {
            let message_bytes = self.message_bytes_max as u64 + 1;
            return Err(Violation::TooBig { message_bytes, message_bytes_max: self.message_bytes_max });
        }
        if self.out.capacity() - self.out.len() < given {
            // More where much has come already, and never more than the limit leaves.
            self.out.reserve_exact(self.out.len().max(STEP_BYTES).min(room));
        }
        self.out.extend_from_slice(&scratch[..given]);
        Ok(((self.stream.total_in() - before_in) as usize, given < room.min(STEP_BYTES), status))
    }

    fn finish_text(&self) -> Result<(), Violation> {
        match &self.text {
            Some(text) => text.finish().map_err(|_| Violation::TextNotUtf8 { offset: self.out.len() }),
            None => Ok(()),
        }
    }
}
