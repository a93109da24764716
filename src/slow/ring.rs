//! Slow operations of one thread until they are collected. Bounded: where everything is slow, the slowest say enough.

use super::Slow;

/// Between two collections.
const SLOW_MAX: usize = 64;

/// Invariant: at most [`SLOW_MAX`].
#[derive(Debug, Default)]
pub(super) struct Ring {
    slow: Vec<Slow>,
    missed: u64,
}

impl Ring {
    /// Adds one. Without room the one that took least goes.
    pub(super) fn push(&mut self, slow: Slow) {
        if self.slow.len() < SLOW_MAX {
            return self.slow.push(slow);
        }
        self.missed += 1;
        let least = self.slow.iter_mut().min_by_key(|slow| slow.took).expect("it is full");
        if least.took < slow.took {
            *least = slow;
        }
    }

    /// Takes all out. Says how many found no room.
    pub(super) fn take(&mut self, taken: &mut Vec<Slow>) -> u64 {
        taken.append(&mut self.slow);
        std::mem::take(&mut self.missed)
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::super::Cause;
    use super::*;
    use crate::instruments::Timed;

    #[test]
    fn without_room_the_slowest_stay() {
        let slow = |ms| Slow {
            at: SystemTime::UNIX_EPOCH,
            timed: Timed::Load,
            document: None,
            took: Duration::from_millis(ms),
            cause: Cause::Unknown,
        };
        let mut ring = Ring::default();
        (0..1_000).for_each(|ms| ring.push(slow(ms)));
        let mut taken = Vec::new();
        assert_eq!(ring.take(&mut taken), 1_000 - SLOW_MAX as u64);
        assert!(taken.len() == SLOW_MAX && taken.iter().all(|slow| slow.took >= Duration::from_millis(936)));
        assert_eq!(ring.take(&mut taken), 0);
    }
}
