//! What one connection may have of a turn of its core, so that those who send without end leave the turn to others. Does not know what a
//! message leads to, only how large it is.

/// What all who send more than fits may have of one turn together: so many small messages, which take a core about 0.2 ms.
const TURN_COST_MAX: u32 = 256;

/// What each connection has at least, however many send more than fits. More than any client sends in one turn that is not flooding.
const SHARE_COST_MIN: u32 = 8;

/// Bytes that cost as much as a message itself.
const BYTES_PER_COST: usize = 256;

/// What has been had in the turn of this number.
#[derive(Clone, Copy, Debug, Default)]
pub struct Share {
    turn: u16,
    cost: u16,
}

/// A turn, and what each connection may have of it.
#[derive(Clone, Copy, Debug)]
pub struct Turn {
    /// Wraps around; a connection that last sent exactly so long ago has a smaller share once.
    number: u16,
    share: u32,
}

impl Turn {
    /// One in which nobody is known to send more than fits.
    #[must_use]
    pub fn first() -> Self {
        Self { number: 1, share: TURN_COST_MAX }
    }

    /// The next one, where so many connections did not get through with what they have sent.
    #[must_use]
    pub fn next(self, greedy: usize) -> Self {
        let greedy = u32::try_from(greedy).unwrap_or(u32::MAX).max(1);
        Self { number: self.number.wrapping_add(1), share: (TURN_COST_MAX / greedy).max(SHARE_COST_MIN) }
    }
}

impl Share {
    /// There is some left. The last message may take more than that, whatever its size.
    pub(super) fn is_left(self, turn: Turn) -> bool {
        self.turn != turn.number || u32::from(self.cost) < turn.share
    }

    /// A message of so many bytes was handled, or a control frame.
    pub(super) fn take(&mut self, turn: Turn, bytes: usize) {
        if self.turn != turn.number {
            *self = Self { turn: turn.number, cost: 0 };
        }
        let cost = u16::try_from(1 + bytes / BYTES_PER_COST).unwrap_or(u16::MAX);
        self.cost = self.cost.saturating_add(cost);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages_in(turn: Turn, bytes: usize) -> usize {
        let mut share = Share::default();
        (0..)
            .take_while(|_| {
                share.is_left(turn) && {
                    share.take(turn, bytes);
                    true
                }
            })
            .count()
    }

    #[test]
    fn the_more_send_without_end_the_less_each_may() {
        let turn = Turn::first();
        assert_eq!(messages_in(turn, 20), 256);
        assert_eq!(messages_in(turn.next(4), 20), 64);
        assert_eq!(messages_in(turn.next(1_000_000), 20), 8);
        assert_eq!(messages_in(turn.next(4), 1 << 30), 1, "one message goes through whatever its size");
    }

    #[test]
    fn every_turn_gives_a_share_anew() {
        let (mut turn, mut share) = (Turn::first(), Share::default());
        for _ in 0..100_000 {
            assert!(share.is_left(turn));
            share.take(turn, 1 << 20);
            assert!(!share.is_left(turn));
            turn = turn.next(1);
        }
    }
}
