//! What waits for the socket of a connection with many documents: of each session one frame at most, which is its shard's promise, and
//! replies of the connection's own. Knows frames, not what they say.

use std::collections::VecDeque;

use selvedge_shards::{Frame, SessionId};

/// What is gathered into one send, where several frames wait. Larger frames go by reference, alone.
const GATHER_BYTES_MAX: usize = 64 * 1024;

/// Replies of its own that may wait before nothing more is heard: each message of the client leads to two at most.
const REPLIES_MAX: usize = 64;

#[derive(Debug, Default)]
pub(super) struct Outgoing {
    waiting: VecDeque<Part>,
    /// Those of `waiting` that are nobody's.
    replies: usize,
    /// Whose frames the socket has. Only meaningful while it has any.
    in_flight: Vec<SessionId>,
    busy: bool,
}

#[derive(Debug)]
struct Part {
    /// Who waits for it to be taken.
    session: Option<SessionId>,
    frame: Frame,
}

impl Outgoing {
    pub(super) fn send(&mut self, session: SessionId, frame: Frame) {
        self.waiting.push_back(Part { session: Some(session), frame });
    }

    pub(super) fn reply(&mut self, put: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = Vec::new();
        put(&mut bytes);
        self.replies += 1;
        self.waiting.push_back(Part { session: None, frame: Frame::new(bytes) });
    }

    /// Nobody waits any more for what was sent to this session.
    pub(super) fn disown(&mut self, session: SessionId) {
        for part in self.waiting.iter_mut().filter(|part| part.session == Some(session)) {
            part.session = None;
            self.replies += 1;
        }
    }

    pub(super) fn is_glutted(&self) -> bool {
        self.replies >= REPLIES_MAX
    }

    /// The next thing to send: one frame by reference, or several small ones gathered.
    pub(super) fn poll(&mut self) -> Option<Frame> {
        if self.busy {
            return None;
        }
        let first = self.pop()?;
        self.busy = true;
        let fits = |gathered: usize, next: &Part| gathered + next.frame.len() <= GATHER_BYTES_MAX;
        if !self.waiting.front().is_some_and(|next| fits(first.len(), next)) {
            return Some(first);
        }
        let mut bytes = first.as_ref().to_vec();
        while self.waiting.front().is_some_and(|next| fits(bytes.len(), next)) {
            let next = self.pop().expect("it was looked at");
            bytes.extend_from_slice(next.as_ref());
        }
        Some(Frame::new(bytes))
    }

    fn pop(&mut self) -> Option<Frame> {
        let Part { session, frame } = self.waiting.pop_front()?;
        if self.waiting.is_empty() {
            // Who rests holds nothing.
            self.waiting = VecDeque::new();
        }
        match session {
            Some(session) => self.in_flight.push(session),
            None => self.replies -= 1,
        }
        Some(frame)
    }

    pub(super) fn sent(&mut self) -> Vec<SessionId> {
        assert!(std::mem::take(&mut self.busy), "what was taken was sent before");
        std::mem::take(&mut self.in_flight)
    }
}
