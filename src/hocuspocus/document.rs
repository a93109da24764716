//! One document of a connection: it waits for a token with what came before that, is a session, or is over. Does not know the others.

use std::collections::VecDeque;
use std::sync::Arc;

use selvedge_protocol::hocuspocus::Address;
use selvedge_shards::{Now, SessionId};

use super::Admitted;
use crate::auth::Right;

/// What one queued message costs beside its bytes.
const ENTRY_BYTES: usize = size_of::<Box<[u8]>>();

/// What waits for tokens, over all documents of a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Queued {
    pub(super) bytes: usize,
    pub(super) messages: usize,
}

#[derive(Debug)]
pub(super) struct Document {
    /// As it stands in front of messages.
    pub(super) address: Box<[u8]>,
    pub(super) name: Arc<str>,
    /// Whole frames that came before the token, and are not heard yet. Nothing else of the document is heard before them.
    queue: VecDeque<Box<[u8]>>,
    pub(super) state: State,
}

#[derive(Debug)]
pub(super) enum State {
    /// For a token.
    Waits {
        since: Now,
    },
    Open(Open),
    /// It was denied, or has ended, and the client was told. A token begins it anew; of what comes before that only questions wait.
    Over {
        /// Since when something waits.
        heard: Option<Now>,
    },
}

/// A session.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) id: SessionId,
    pub(super) right: Right,
    pub(super) paused: bool,
    pub(super) probed: bool,
    expires: Option<Now>,
    /// When another token is asked for, until it is.
    asks: Option<Now>,
}

/// What has to be done by now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    Nothing,
    /// Ask for another token.
    Ask,
    /// It is over.
    End(&'static str),
    /// What came after its end was not followed by a token.
    DropQueue,
}

impl Document {
    pub(super) fn new(address: Address<'_>, now: Now) -> Self {
        Self {
            address: address.encoded().into(),
            name: address.document().into(),
            queue: VecDeque::new(),
            state: State::Waits { since: now },
        }
    }

    pub(super) fn session(&self) -> Option<&Open> {
        match &self.state {
            State::Waits { .. } | State::Over { .. } => None,
            State::Open(open) => Some(open),
        }
    }

    pub(super) fn session_mut(&mut self) -> Option<&mut Open> {
        match &mut self.state {
            State::Waits { .. } | State::Over { .. } => None,
            State::Open(open) => Some(open),
        }
    }

    pub(super) fn open(&mut self, id: SessionId, admitted: Admitted, refresh_ms: u64, now: Now) {
        assert!(self.session().is_none(), "a document is opened once");
        let mut open = Open { id, right: admitted.right, paused: false, probed: false, expires: None, asks: None };
        open.renew(admitted, refresh_ms, now);
        self.state = State::Open(open);
    }

    /// Nothing is to be said to the client about it.
    pub(super) fn is_over(&self) -> bool {
        matches!(self.state, State::Over { .. })
    }

    pub(super) fn queue(&mut self, frame: &[u8], queued: &mut Queued, now: Now) {
        if let State::Over { heard } = &mut self.state {
            heard.get_or_insert(now);
        }
        queued.bytes += frame.len() + ENTRY_BYTES;
        queued.messages += 1;
        self.queue.push_back(frame.into());
    }

    pub(super) fn poll_queued(&mut self, queued: &mut Queued) -> Option<Box<[u8]>> {
        self.session()?;
        let frame = self.queue.pop_front()?;
        if self.queue.is_empty() {
            self.queue = VecDeque::new();
        }
        queued.bytes -= frame.len() + ENTRY_BYTES;
        queued.messages -= 1;
        Some(frame)
    }

    pub(super) fn drop_queue(&mut self, queued: &mut Queued) {
        if let State::Over { heard } = &mut self.state {
            *heard = None;
        }
        for frame in std::mem::take(&mut self.queue) {
            queued.bytes -= frame.len() + ENTRY_BYTES;
            queued.messages -= 1;
        }
    }

    /// When it has to be looked at.
    pub(super) fn due(&self, timeout_ms: u64) -> Option<Now> {
        match &self.state {
            State::Waits { since } => Some(Now(since.0 + timeout_ms)),
            State::Open(open) => open.asks.or(open.expires),
            State::Over { heard } => heard.map(|heard| Now(heard.0 + timeout_ms)),
        }
    }

    pub(super) fn look_at_clock(&mut self, timeout_ms: u64, now: Now) -> Due {
        match &mut self.state {
            State::Waits { since } if now.since(*since) >= timeout_ms => Due::End("no token came in time"),
            State::Waits { .. } => Due::Nothing,
            State::Open(open) if open.expires.is_some_and(|expires| now >= expires) => {
                Due::End("the token has expired")
            }
            State::Open(open) if open.asks.is_some_and(|asks| now >= asks) => {
                open.asks = None;
                Due::Ask
            }
            State::Over { heard: Some(heard) } if now.since(*heard) >= timeout_ms => Due::DropQueue,
            State::Open(_) | State::Over { .. } => Due::Nothing,
        }
    }
}

impl Open {
    /// A token was good, be it the first or a later one.
    pub(super) fn renew(&mut self, admitted: Admitted, refresh_ms: u64, now: Now) {
        self.right = admitted.right;
        self.expires = admitted.expires;
        self.asks = admitted.expires.map(|expires| {
            let left = expires.since(now);
            Now(expires.0 - refresh_ms.min(left / 2))
        });
    }
}
