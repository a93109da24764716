//! Messages that were begun and do not end: since when each, and who is cut off. Costs nothing where messages come whole.

use std::collections::HashMap;

use selvedge_shards::Now;

use super::{Core, Deadline};
use crate::audit::Reason;
use crate::close::Goodbye;
use crate::connection::Phase;
use crate::driver::ConnectionKey;

/// Bytes for each of which a message gets a millisecond more: who sends 8 KiB in a second sends slowly, and not in vain.
const BYTES_PER_MS: usize = 8;

/// Connections that were inside a message within the last timeout; each has one deadline in the wheel.
#[derive(Default)]
pub(super) struct Messages {
    /// Since when the message comes; `None` where none does at the moment.
    begun: HashMap<ConnectionKey, Option<Now>>,
    /// The message that was being read has ended, so that another one is begun by what follows.
    pub(super) ended: bool,
}

impl Core {
    pub(super) fn is_inside_message(&mut self, key: ConnectionKey) -> bool {
        self.table.get(key).is_some_and(|connection| connection.is_inside_message())
    }

    /// Something was read. `was_inside`: a message had come in part before that.
    pub(super) fn watch_message(&mut self, key: ConnectionKey, was_inside: bool) {
        let ended = std::mem::take(&mut self.messages.ended);
        let is_inside = self.is_inside_message(key);
        if !was_inside && !is_inside {
            return;
        }
        let begun = is_inside.then_some(self.now);
        match self.messages.begun.get_mut(&key) {
            Some(since) if is_inside && !ended && since.is_some() => {}
            Some(since) => *since = begun,
            None if is_inside => {
                self.messages.begun.insert(key, begun);
                self.timers.insert(self.now.0 + self.rules.message_timeout_ms, Deadline::Message(key));
            }
            None => {}
        }
    }

    /// The connection was not read for a while, which is not its peer's fault.
    pub(super) fn excuse_message(&mut self, key: ConnectionKey) {
        if !self.messages.begun.is_empty()
            && let Some(Some(since)) = self.messages.begun.get_mut(&key)
        {
            *since = self.now;
        }
    }

    /// It is time to look at a connection that was inside a message.
    pub(super) fn look_at_message(&mut self, key: ConnectionKey) {
        let now = self.now.0;
        let Some(since) = self.messages.begun.get(&key).copied() else { return };
        let connection = self.table.get(key).filter(|connection| connection.phase() == Phase::Open);
        let (Some(since), Some(connection)) = (since, connection) else {
            self.messages.begun.remove(&key);
            return;
        };
        let allowed = self.rules.message_timeout_ms + (connection.unfinished_bytes() / BYTES_PER_MS) as u64;
        let since = if connection.is_held() { now } else { since.0 };
        if since + allowed > now {
            self.timers.insert(since + allowed, Deadline::Message(key));
            return;
        }
        self.messages.begun.remove(&key);
        self.limiting.counters.messages_overdue += 1;
        self.limit_closes_connection(key, Reason::MessageTimeout);
        self.send_away(key, &Goodbye::message_overdue());
    }
}
