//! How long operations take: a histogram, in microseconds, for each of a closed set. What begins and ends each is said here, and nowhere
//! else; measuring is left to where it happens.

use std::fmt;

use super::Histogram;

/// An operation that is timed. "Handed to the driver" is when the core gives the driver what it has gathered in a turn, which is when the kernel is
/// told to send it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Timed {
    /// From the turn in which a socket was accepted to the one whose end hands the answer to its upgrade to the driver. TLS and the way to
    /// another core are in it. Only of upgrades that were granted.
    Opening,
    /// From a session's attachment on its own core to the first answer to its SyncStep1 handed to the driver: loading the document is in it, and so
    /// is how long the client takes to ask.
    Join,
    /// Handling one message of a session, to the end of what follows from it at once. Timed is the first message of one receive in 16, by
    /// lot: where many come together, the one that finds the caches cold.
    Message,
    /// Time to durable: from the turn in which an update was read to the commit that holds it, told to whoever waits for it (handed to the
    /// driver, or to the core that has the author). One for each update that was accepted.
    Acknowledge,
    /// From the turn in which an update was read to the frame with it handed to the driver for those who wait for no commit. One for each update
    /// of a document with several sessions, on the core that owns it; fan-out windows are in it.
    Deliver,
    /// From a document's load being asked for to its answer on the way to the core: waiting for a reader is in it.
    Load,
    /// As [`Timed::Load`], of a catch-up.
    CatchUp,
    /// As [`Timed::Load`], of a snapshot, which is written and synced.
    Snapshot,
    /// Writing one batch of records; its sync is in it where records are synced at once.
    Commit,
    /// One sync of the log; that of a batch that is synced at once with its write.
    Sync,
    /// One turn of a core's loop that had something to do, without the time it slept.
    Turn,
}

impl Timed {
    /// All, in order.
    pub const ALL: [Self; 11] = [
        Self::Opening,
        Self::Join,
        Self::Message,
        Self::Acknowledge,
        Self::Deliver,
        Self::Load,
        Self::CatchUp,
        Self::Snapshot,
        Self::Commit,
        Self::Sync,
        Self::Turn,
    ];

    /// Its name for programs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Opening => "opening",
            Self::Join => "join",
            Self::Message => "message",
            Self::Acknowledge => "acknowledge",
            Self::Deliver => "deliver",
            Self::Load => "load",
            Self::CatchUp => "catch_up",
            Self::Snapshot => "snapshot",
            Self::Commit => "commit",
            Self::Sync => "sync",
            Self::Turn => "turn",
        }
    }
}

/// A histogram of microseconds for each operation. Whoever times has one; together they are merged.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Timings([Histogram; Timed::ALL.len()]);

impl Timings {
    /// The operation took so long.
    pub fn record(&mut self, timed: Timed, micros: u64) {
        self.0[timed as usize].record(micros);
    }

    /// So many times the operation took so long.
    pub fn record_many(&mut self, timed: Timed, micros: u64, times: u64) {
        self.0[timed as usize].record_many(micros, times);
    }

    /// What was measured of one operation.
    #[must_use]
    pub fn of(&self, timed: Timed) -> &Histogram {
        &self.0[timed as usize]
    }

    /// Adds what others have measured.
    pub fn merge(&mut self, other: &Self) {
        for (histogram, more) in self.0.iter_mut().zip(&other.0) {
            histogram.merge(more);
        }
    }

    /// What was measured since an earlier copy.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let mut since = *self;
        for (histogram, before) in since.0.iter_mut().zip(&earlier.0) {
            *histogram = histogram.since(before);
        }
        since
    }
}

impl fmt::Debug for Timings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let measured = Timed::ALL.into_iter().filter(|&timed| !self.of(timed).is_empty());
        f.debug_map().entries(measured.map(|timed| (timed, self.of(timed)))).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_operation_has_its_own_place_and_name() {
        let mut timings = Timings::default();
        for (place, timed) in Timed::ALL.into_iter().enumerate() {
            assert_eq!(place, timed as usize);
            timings.record_many(timed, 7, place as u64 + 1);
        }
        for (place, timed) in Timed::ALL.into_iter().enumerate() {
            assert_eq!(timings.of(timed).count(), place as u64 + 1);
            assert!(Timed::ALL.into_iter().filter(|other| other.name() == timed.name()).count() == 1);
        }
        let earlier = timings;
        timings.record(Timed::Join, 9);
        assert_eq!(timings.since(&earlier).of(Timed::Join).sum(), 9);
        assert!(timings.since(&earlier).of(Timed::Turn).is_empty());
    }
}
