//! What waits for one session's socket: references to shared frames, in order. Exists only while something waits.

use std::collections::VecDeque;

use crate::config::GATHER_BYTES_MAX;
use crate::frame::Frame;
use crate::id::Sequence;

/// What a frame is, which decides what may be dropped when the session falls behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Updates from this record on. Can be made again from the log.
    Update(Sequence),
    /// Can be made again from the document's awareness.
    Awareness,
    /// An answer. Never dropped; a client that asks on and does not take its answers is not read from ([`ANSWERS_WAITING_MAX`]).
    Answer,
    /// A stateless message. Whether there is room is asked before, and nothing takes it away after that.
    Stateless,
    /// A part of a large answer, of which more follows.
    Part,
}

/// Answers that may wait for a socket before its session is not read from any more. A client that waits for its answers never has
/// so many.
pub(crate) const ANSWERS_WAITING_MAX: u32 = 8;

#[derive(Debug, Default)]
pub(crate) struct Outbox {
    frames: VecDeque<(Kind, Frame)>,
    /// Bytes of what is only taken where there is room.
    bytes: usize,
    answers: u32,
}

/// What an overflow took away.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Dropped {
    /// The first record that was waiting, wherever it stood.
    pub(crate) update: Option<Sequence>,
    pub(crate) awareness: bool,
    pub(crate) bytes: usize,
}

impl Outbox {
    pub(crate) fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// An outbox in which no such bytes wait takes any frame, or one large paste would put every session behind.
    pub(crate) fn has_room(&self, frame: &Frame, bytes_max: usize) -> bool {
        self.bytes == 0 || self.bytes + frame.len() <= bytes_max
    }

    pub(crate) fn push(&mut self, kind: Kind, frame: Frame) {
        match kind {
            Kind::Update(_) | Kind::Awareness | Kind::Stateless => self.bytes += frame.len(),
            Kind::Answer => self.answers += 1,
            Kind::Part => {}
        }
        self.frames.push_back((kind, frame));
    }

    /// All that waits.
    pub(crate) fn waiting_bytes(&self) -> usize {
        self.frames.iter().map(|(_, frame)| frame.len()).sum()
    }

    pub(crate) fn is_glutted(&self) -> bool {
        self.answers >= ANSWERS_WAITING_MAX
    }

    /// The next thing to send: one frame by reference, or several small ones gathered.
    pub(crate) fn pop(&mut self) -> Option<Frame> {
        let first = self.pop_one()?;
        let fits = |gathered: usize, next: &Frame| gathered + next.len() <= GATHER_BYTES_MAX;
        if !self.frames.front().is_some_and(|(_, next)| fits(first.len(), next)) {
            return Some(first);
        }
        let mut bytes = first.as_ref().to_vec();
        while let Some((_, next)) = self.frames.front()
            && fits(bytes.len(), next)
        {
            bytes.extend_from_slice(next.as_ref());
            self.pop_one();
        }
        Some(Frame::new(bytes))
    }

    fn pop_one(&mut self) -> Option<Frame> {
        let (kind, frame) = self.frames.pop_front()?;
        match kind {
            Kind::Update(_) | Kind::Awareness | Kind::Stateless => self.bytes -= frame.len(),
            Kind::Answer => self.answers -= 1,
            Kind::Part => {}
        }
        Some(frame)
    }

    pub(crate) fn drop_what_can_be_made_again(&mut self) -> Dropped {
        let mut dropped = Dropped::default();
        let mut stay = 0;
        self.frames.retain(|(kind, frame)| match kind {
            Kind::Update(sequence) => {
                dropped.update = Some(dropped.update.map_or(*sequence, |first| first.min(*sequence)));
                false
            }
            Kind::Awareness => {
                dropped.awareness = true;
                false
            }
            Kind::Stateless => {
                stay += frame.len();
                true
            }
            Kind::Answer | Kind::Part => true,
        });
        dropped.bytes = self.bytes - stay;
        self.bytes = stay;
        dropped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(len: usize) -> Frame {
        Frame::new(vec![7; len])
    }

    #[test]
    fn an_empty_outbox_takes_any_update() {
        assert!(Outbox::default().has_room(&frame(1_000_000), 10));
    }

    #[test]
    fn small_frames_leave_together_and_large_ones_by_reference() {
        let mut outbox = Outbox::default();
        let large = frame(GATHER_BYTES_MAX);
        outbox.push(Kind::Answer, frame(3));
        outbox.push(Kind::Update(Sequence(1)), frame(4));
        outbox.push(Kind::Part, large.clone());
        assert_eq!(outbox.pop().map(|frame| frame.len()), Some(7));
        assert_eq!(outbox.pop(), Some(large));
        assert_eq!(outbox.pop(), None);
        assert_eq!((outbox.bytes, outbox.answers), (0, 0));
    }

    #[test]
    fn a_stateless_message_takes_room_and_stays() {
        let mut outbox = Outbox::default();
        outbox.push(Kind::Stateless, frame(6));
        outbox.push(Kind::Awareness, frame(3));
        assert!(!outbox.has_room(&frame(2), 10));
        outbox.drop_what_can_be_made_again();
        assert!(outbox.has_room(&frame(4), 10) && !outbox.has_room(&frame(5), 10));
        assert_eq!(outbox.pop().map(|frame| frame.len()), Some(6));
        assert!(outbox.is_empty() && outbox.bytes == 0);
    }

    #[test]
    fn an_overflow_keeps_answers_and_says_where_the_session_stands() {
        let mut outbox = Outbox::default();
        outbox.push(Kind::Update(Sequence(5)), frame(1));
        outbox.push(Kind::Answer, frame(2));
        outbox.push(Kind::Update(Sequence(4)), frame(1));
        outbox.push(Kind::Awareness, frame(1));
        assert_eq!(
            outbox.drop_what_can_be_made_again(),
            Dropped { update: Some(Sequence(4)), awareness: true, bytes: 3 }
        );
        assert_eq!(outbox.pop().map(|frame| frame.len()), Some(2));
        assert!(outbox.is_empty());
    }
}
