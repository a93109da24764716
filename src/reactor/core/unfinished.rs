//! What all connections of a core hold of messages that are not whole, and who has to go when it is too much. Does not know what
//! the messages say.

use std::collections::HashSet;

use super::Core;
use crate::close::Goodbye;
use crate::connection::Phase;
use crate::driver::{ConnectionKey, RECEIVE_BYTES_MAX};

/// Up to this a connection is not counted: a few receives, as the kernel itself may hold for each socket.
const UNCOUNTED_BYTES_MAX: usize = 4 * RECEIVE_BYTES_MAX;

impl Core {
    /// To be asked before something is received, and told to [`Core::count_unfinished`] after it.
    pub(super) fn is_counted(&mut self, key: ConnectionKey) -> bool {
        self.unfinished_bytes(key) > UNCOUNTED_BYTES_MAX
    }

    /// So many bytes were received: from here on the connection is looked at, for as long as it holds much.
    pub(super) fn count_unfinished(&mut self, key: ConnectionKey, was_counted: bool, bytes: usize) {
        if !self.is_counted(key) {
            return;
        }
        if was_counted {
            self.unfinished_growth += bytes;
        } else {
            self.unfinished_growth += self.unfinished_bytes(key);
            self.unfinished.push(key);
        }
    }

    /// At the end of a turn. Looking at all of them pays only when they may have grown by a good part of the limit, which is how far
    /// it may be passed.
    pub(super) fn limit_unfinished(&mut self) {
        if self.unfinished_growth >= self.rules.unfinished_bytes_max / 8 {
            self.unfinished_growth = 0;
            self.send_first_unfinished_away();
        }
    }

    /// Sends those away who began first, until what is left is within the limit: an honest message ends soon, and one that is
    /// meant to take memory does not.
    fn send_first_unfinished_away(&mut self) {
        // One that has finished a message and begun another since was listed again.
        let mut listed = HashSet::new();
        let counted =
            std::mem::take(&mut self.unfinished).into_iter().filter(|&key| listed.insert(key) && self.is_counted(key));
        let counted: Vec<ConnectionKey> = counted.collect();
        let mut held: usize = counted.iter().map(|&key| self.unfinished_bytes(key)).sum();
        for key in counted {
            if held <= self.rules.unfinished_bytes_max {
                self.unfinished.push(key);
                continue;
            }
            held -= self.unfinished_bytes(key);
            match self.table.get(key).map(|connection| connection.phase()) {
                // What is half read cannot be read on: nothing that the peer says matters any more.
                Some(Phase::Open) => {
                    self.limiting.counters.unfinished_closed += 1;
                    self.send_away(key, &Goodbye::too_much_unfinished());
                }
                Some(Phase::Head | Phase::Closing { .. }) => {
                    self.limiting.counters.unfinished_closed += 1;
                    self.abort(key);
                }
                // The driver gives the socket up at this moment, and must not be asked for anything else.
                Some(Phase::Leaving | Phase::Gone) | None => {}
            }
        }
    }

    /// What those hold that are looked at. Forgets those that no longer hold much.
    pub(super) fn unfinished_bytes_in_all(&mut self) -> usize {
        let mut listed = HashSet::new();
        let mut unfinished = std::mem::take(&mut self.unfinished);
        unfinished.retain(|&key| self.is_counted(key) && listed.insert(key));
        let held = unfinished.iter().map(|&key| self.unfinished_bytes(key)).sum();
        self.unfinished = unfinished;
        held
    }

    pub(super) fn unfinished_bytes(&mut self, key: ConnectionKey) -> usize {
        self.table.get(key).map_or(0, |connection| connection.unfinished_bytes()) + self.queued_bytes(key)
    }
}
