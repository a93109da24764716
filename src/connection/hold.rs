//! Why a connection's messages have to wait. Several reasons may hold at once.

/// One reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Hold {
    /// The shard paused the session.
    Shard = 1,
    /// The way to another core is full.
    Mesh = 2,
    /// An echo is on its way.
    Echo = 4,
    /// The server takes nothing new any more. Never ends.
    Drain = 8,
    /// It has had its share of this turn.
    Turn = 16,
    /// Too many replies of its own wait for its socket.
    Replies = 32,
    /// It sent too much or too often of late.
    Rate = 64,
}

/// A set of reasons.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Holds(u8);

impl Holds {
    /// Says whether this is the first.
    pub(super) fn insert(&mut self, hold: Hold) -> bool {
        let first = !self.any();
        self.0 |= hold as u8;
        first
    }

    /// Says whether this was there, and the last.
    pub(super) fn remove(&mut self, hold: Hold) -> bool {
        let held = self.any();
        self.0 &= !(hold as u8);
        held && !self.any()
    }

    pub(super) fn contains(self, hold: Hold) -> bool {
        self.0 & hold as u8 != 0
    }

    pub(super) fn any(self) -> bool {
        self.0 != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_and_the_last_reason_matter() {
        let mut holds = Holds::default();
        assert!(!holds.remove(Hold::Shard));
        assert!(holds.insert(Hold::Shard));
        assert!(!holds.insert(Hold::Shard));
        assert!(!holds.insert(Hold::Mesh));
        assert!(!holds.remove(Hold::Shard));
        assert!(holds.any());
        assert!(holds.remove(Hold::Mesh));
        assert!(!holds.any());
    }
}
