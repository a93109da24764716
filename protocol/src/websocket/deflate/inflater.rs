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
enum Fed<'a> {
    /// It is used up, and the stream goes on.
    All,
    /// The final block of the stream has ended before the rest.
    Ended(&'a [u8]),
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
        if self.out.capacity() > message_bytes_max {
            // Room is what a step may fill.
            self.out = Vec::new();
        }
        let mut inflating = Inflating {
            stream: self.stream.get_or_insert_with(|| Decompress::new(false)),
            out: &mut self.out,
            text: match kind {
                MessageKind::Text => Some(Utf8Validator::new()),
                MessageKind::Binary => None,
            },
            message_bytes_max,
        };
        inflating.message(compressed)?;
        inflating.finish_text()?;
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

/// One message on its way.
struct Inflating<'a> {
    stream: &'a mut Decompress,
    out: &'a mut Vec<u8>,
    text: Option<Utf8Validator>,
    message_bytes_max: usize,
}

impl Inflating<'_> {
    fn message(&mut self, compressed: &[u8]) -> Result<(), Violation> {
        self.stream.reset(false);
        let (mut rest, mut streams) = (compressed, 1);
        // A sender may flush with a final block, and go on with another stream behind it (section 7.2.3.4).
        while let Fed::Ended(behind) = self.feed(rest)? {
            if behind.is_empty() {
                return Ok(());
            }
            if streams == STREAMS_MAX {
                return Err(Violation::DeflateBroken);
            }
            streams += 1;
            self.stream.reset(false);
            rest = behind;
        }
        match self.feed(&TAIL)? {
            Fed::All => {}
            Fed::Ended([]) => return Ok(()),
            Fed::Ended(_) => return Err(Violation::DeflateBroken),
        }
        let message_bytes = self.out.len();
        match self.feed(&END)? {
            Fed::Ended([]) if self.out.len() == message_bytes => Ok(()),
            Fed::Ended(_) | Fed::All => Err(Violation::DeflateBroken),
        }
    }

    fn feed<'a>(&mut self, mut input: &'a [u8]) -> Result<Fed<'a>, Violation> {
        loop {
            let known = self.out.len();
            let (consumed, status) = self.step(input)?;
            input = &input[consumed..];
            if let Some(text) = &mut self.text {
                let checked = text.feed(&self.out[known..]);
                checked.map_err(|error| Violation::TextNotUtf8 { offset: known + error.offset })?;
            }
            match status {
                Status::StreamEnd => return Ok(Fed::Ended(input)),
                // Where there is room left, nothing more can come of what was given.
                Status::Ok | Status::BufError if input.is_empty() && self.out.len() < self.out.capacity() => {
                    return Ok(Fed::All);
                }
                Status::Ok | Status::BufError if consumed == 0 && self.out.len() == known => {
                    // At the limit, or the stream would have gone on.
                    if input.is_empty() && known == self.message_bytes_max {
                        return Ok(Fed::All);
                    }
                    return Err(Violation::DeflateBroken);
                }
                Status::Ok | Status::BufError => {}
            }
        }
    }

    /// Inflates once, and says how much of `input` that took.
    fn step(&mut self, input: &[u8]) -> Result<(usize, Status), Violation> {
        let (before_in, before_out) = (self.stream.total_in(), self.stream.total_out());
        let full = self.out.len() == self.message_bytes_max;
        let status = if full {
            // Whether anything more would come, only its first byte tells.
            self.stream.decompress(input, &mut [0], FlushDecompress::None)
        } else {
            self.make_room();
            self.stream.decompress_vec(input, self.out, FlushDecompress::None)
        };
        let status = status.map_err(|_| Violation::DeflateBroken)?;
        if full && self.stream.total_out() > before_out {
            let message_bytes = self.message_bytes_max as u64 + 1;
            return Err(Violation::TooBig { message_bytes, message_bytes_max: self.message_bytes_max });
        }
        Ok(((self.stream.total_in() - before_in) as usize, status))
    }

    /// Room for a step, more where much has come already, and never more than the limit leaves.
    fn make_room(&mut self) {
        if self.out.len() == self.out.capacity() {
            let more = self.out.len().max(STEP_BYTES).min(self.message_bytes_max - self.out.len());
            self.out.reserve_exact(more);
        }
    }

    fn finish_text(&self) -> Result<(), Violation> {
        match &self.text {
            Some(text) => text.finish().map_err(|_| Violation::TextNotUtf8 { offset: self.out.len() }),
            None => Ok(()),
        }
    }
}
