//! How much of one turn of a core's loop goes to handshakes, and who waits for the next. Does not know what a handshake is.

use std::collections::VecDeque;

use crate::driver::ConnectionKey;

/// Steps of handshakes that one turn computes; a signature is the dear part of one. Whoever has an open connection on the core waits
/// for these at most: see the decision record for what they take.
pub(super) const STEPS_PER_TURN_MAX: u32 = 2;

/// One core's share for handshakes.
#[derive(Debug)]
pub struct Turns {
    /// Steps that this turn may still compute.
    left: u32,
    /// Who waits, first come first served. At most one entry for each connection: it is not read on while it waits.
    waiting: VecDeque<ConnectionKey>,
}

impl Turns {
    /// Nobody waits.
    #[must_use]
    pub fn new() -> Self {
        Self { left: STEPS_PER_TURN_MAX, waiting: VecDeque::new() }
    }

    /// This turn computes no more.
    #[must_use]
    pub fn is_spent(&self) -> bool {
        self.left == 0
    }

    /// A step was computed.
    pub fn spend(&mut self) {
        self.left = self.left.saturating_sub(1);
    }

    /// Goes on in a later turn.
    pub fn put_off(&mut self, key: ConnectionKey) {
        self.waiting.push_back(key);
    }

    /// A turn has begun, with all of its share.
    pub fn begin(&mut self) {
        self.left = STEPS_PER_TURN_MAX;
    }

    /// Who goes on now.
    pub fn poll(&mut self) -> Option<ConnectionKey> {
        if self.is_spent() {
            return None;
        }
        let key = self.waiting.pop_front();
        if self.waiting.is_empty() {
            // A storm must not leave its memory behind.
            self.waiting = VecDeque::new();
        }
        key
    }

    /// Somebody waits.
    #[must_use]
    pub fn are_waited_for(&self) -> bool {
        !self.waiting.is_empty()
    }
}

impl Default for Turns {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_computes_its_share_and_who_waits_goes_on_in_order() {
        let mut turns = Turns::new();
        for index in 0..STEPS_PER_TURN_MAX + 1 {
            turns.put_off(ConnectionKey { index, generation: 0 });
        }
        for index in 0..STEPS_PER_TURN_MAX {
            assert_eq!(turns.poll().map(|key| key.index), Some(index));
            turns.spend();
        }
        assert!(turns.is_spent() && turns.poll().is_none() && turns.are_waited_for());
        turns.begin();
        assert_eq!(turns.poll().map(|key| key.index), Some(STEPS_PER_TURN_MAX));
        assert!(turns.poll().is_none() && !turns.are_waited_for() && !turns.is_spent());
    }
}
