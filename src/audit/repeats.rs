//! Which refusals are written one by one, and which are only counted. Has no clock, and writes nothing.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use super::Address;
use crate::limits::AddressKey;

/// Refusals of one address for one reason are written once in so long; the others in it are counted.
const WINDOW: Duration = Duration::from_secs(10);

/// Addresses and reasons that are told apart at once. Further refusals are counted all together.
const KINDS_MAX: usize = 4_096;

/// Lines for refusals in one window, of all addresses together; a flood from many addresses could push everything else out of the files
/// otherwise. Further refusals are counted all together.
const LINES_PER_WINDOW_MAX: usize = 1_000;

#[derive(Debug)]
pub(super) struct Repeats {
    kinds: HashMap<(AddressKey, &'static str), Kind>,
    /// Those that are not told apart.
    others: u64,
    lines: usize,
    began: SystemTime,
}

#[derive(Debug)]
struct Kind {
    address: Address,
    /// Since the one that was written.
    repeated: u64,
}

/// What was only counted in one window.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Summary {
    /// Address, reason, and how many.
    pub(super) repeated: Vec<(Address, &'static str, u64)>,
    /// Those that are not told apart.
    pub(super) others: u64,
}

impl Repeats {
    pub(super) fn new(now: SystemTime) -> Self {
        Self { kinds: HashMap::new(), others: 0, lines: 0, began: now }
    }

    /// A refusal. Says whether it is to be written.
    pub(super) fn refused(&mut self, address: Address, word: &'static str) -> bool {
        let kind = (address.key(), word);
        if let Some(kind) = self.kinds.get_mut(&kind) {
            kind.repeated += 1;
            return false;
        }
        if self.kinds.len() >= KINDS_MAX || self.lines >= LINES_PER_WINDOW_MAX {
            self.others += 1;
            return false;
        }
        self.kinds.insert(kind, Kind { address, repeated: 0 });
        self.lines += 1;
        true
    }

    /// What was only counted, once its window is over or `all` is wanted. The same may be written once more then.
    pub(super) fn take(&mut self, now: SystemTime, all: bool) -> Summary {
        // A clock that was set back ends the window.
        let is_over = now.duration_since(self.began).map_or(true, |elapsed| elapsed >= WINDOW);
        if !is_over && !all {
            return Summary::default();
        }
        self.began = now;
        self.lines = 0;
        let kinds = std::mem::take(&mut self.kinds).into_iter();
        let repeated = kinds.filter(|(_, kind)| kind.repeated > 0);
        let mut repeated: Vec<_> = repeated.map(|((_, word), kind)| (kind.address, word, kind.repeated)).collect();
        repeated.sort_unstable_by_key(|&(address, word, _)| (address.key(), word));
        Summary { repeated, others: std::mem::take(&mut self.others) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_is_written_once_in_a_window_and_counted_otherwise() {
        let start = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000);
        let mut repeats = Repeats::new(start);
        let address = |last| Address::Exact([192, 0, 2, last].into());
        assert!(repeats.refused(address(1), "origin"));
        assert!((0..5).all(|_| !repeats.refused(address(1), "origin")));
        assert!(repeats.refused(address(1), "address-banned"));
        assert!(repeats.refused(address(2), "origin"));
        assert_eq!(repeats.take(start + WINDOW / 2, false), Summary::default());
        let summary = repeats.take(start + WINDOW, false);
        assert_eq!(summary, Summary { repeated: vec![(address(1), "origin", 5)], others: 0 });
        assert!(repeats.refused(address(1), "origin"));
        assert_eq!(repeats.take(start + WINDOW, true), Summary::default(), "nothing was repeated");
    }

    #[test]
    fn many_addresses_are_counted_together() {
        let start = SystemTime::UNIX_EPOCH;
        let mut repeats = Repeats::new(start);
        let flood = (0..10_000_u32).filter(|&n| repeats.refused(Address::Exact(n.to_be_bytes().into()), "origin"));
        assert_eq!(flood.count(), LINES_PER_WINDOW_MAX);
        assert_eq!(repeats.take(start, true).others as usize, 10_000 - LINES_PER_WINDOW_MAX);
    }
}
