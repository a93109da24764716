//! How long to wait before a connection is sent something, by how well it does and what it speaks. Does not know connections.

use super::{QUESTIONS_MAX, Quality, ticks};

/// What a peer takes for a sign that the server is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// A message: an empty awareness update. Pings do not reach its code.
    YWebsocket,
    /// A message: one byte, which it answers by one. Pings do not reach its code.
    Hocuspocus,
    /// A WebSocket ping.
    Plain,
}

/// Intervals between beats.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    shortest: u16,
    longest_of_messages: u16,
    longest: u16,
    answer: u16,
}

impl Pace {
    /// In so much time every connection is looked at once. Beats come so much later than they are due at most, and a turn of the loop.
    pub const LOOK_MS: u64 = 2_000;

    /// In milliseconds: between beats of connections that do badly; of those whose peers wait for messages; of others; and until a
    /// connection from which nothing is heard is given up.
    #[must_use]
    pub fn new(min_ms: u64, message_ms: u64, max_ms: u64, stale_ms: u64) -> Self {
        Self {
            shortest: ticks(min_ms),
            longest_of_messages: ticks(message_ms),
            longest: ticks(max_ms),
            answer: ticks(stale_ms / u64::from(QUESTIONS_MAX)),
        }
    }

    /// After so long without an answer the question is asked again.
    pub(super) fn answer_ticks(&self) -> u16 {
        self.answer
    }

    /// Ticks until something has to be sent to one to whom nothing is sent.
    pub(super) fn interval(&self, dialect: Dialect, quality: Quality) -> u16 {
        let longest = match dialect {
            Dialect::YWebsocket | Dialect::Hocuspocus => self.longest_of_messages,
            Dialect::Plain => self.longest,
        };
        let shortest = self.shortest.min(longest);
        match (quality, dialect) {
            // Nothing but the beat itself would tell, and who sends and hears nothing for a while is not in doubt for that.
            (Quality::Unknown, Dialect::Plain) => longest,
            (Quality::Unknown | Quality::Poor, _) => shortest,
            (Quality::Good, _) => shortest + (longest - shortest) / 2,
            (Quality::Excellent, _) => longest,
        }
    }
}
