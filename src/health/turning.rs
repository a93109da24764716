//! When each core's loop came round last: written by the cores at every tick, read by whoever wants to know whether they are alive. Has no clock of
//! its own.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use selvedge_shards::TICK_MS;

/// A core that has not ticked for so long does not turn. The longest turn that a client can bring about takes far less.
pub const SILENCE_MAX: Duration = Duration::from_secs(5);

// A core that sleeps ticks all the same.
const _: () = assert!(SILENCE_MAX.as_millis() >= 4 * TICK_MS as u128);

/// Of a core that has come to its end, in order.
const ENDED: u64 = u64::MAX;

/// One place for each core.
#[derive(Debug)]
pub struct Turning {
    started: Instant,
    /// Milliseconds since then, or [`ENDED`].
    turned_ms: Box<[AtomicU64]>,
}

impl Default for Turning {
    /// Of a process without cores.
    fn default() -> Self {
        Self::new(0, Instant::now())
    }
}

impl Turning {
    /// Of cores that start now.
    #[must_use]
    pub fn new(cores: usize, now: Instant) -> Self {
        Self { started: now, turned_ms: (0..cores).map(|_| AtomicU64::new(0)).collect() }
    }

    /// A core has come round.
    pub fn turned(&self, core: usize, now: Instant) {
        if let Some(turned_ms) = self.turned_ms.get(core) {
            turned_ms.store(self.ms(now), Ordering::Relaxed);
        }
    }

    /// A core has ended as it should.
    pub fn ended(&self, core: usize) {
        if let Some(turned_ms) = self.turned_ms.get(core) {
            turned_ms.store(ENDED, Ordering::Relaxed);
        }
    }

    /// Cores that have not turned of late.
    pub fn stuck(&self, now: Instant) -> impl Iterator<Item = usize> {
        let oldest_ms = self.ms(now).saturating_sub(self.ms(self.started + SILENCE_MAX));
        self.turned_ms
            .iter()
            .enumerate()
            .filter(move |(_, turned_ms)| turned_ms.load(Ordering::Relaxed) < oldest_ms)
            .map(|(core, _)| core)
    }

    fn ms(&self, moment: Instant) -> u64 {
        let ms = moment.saturating_duration_since(self.started).as_millis();
        u64::try_from(ms).expect("no process runs for 2^64 milliseconds")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: [usize; 0] = [];

    #[test]
    fn a_core_that_does_not_turn_is_noticed_and_so_that_it_turns_again() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let turning = Turning::new(3, start);
        let stuck = |ms| turning.stuck(at(ms)).collect::<Vec<usize>>();
        assert_eq!(stuck(4_000), NONE, "they may take their time to start");
        for ms in (250..20_000).step_by(250) {
            turning.turned(0, at(ms));
            turning.turned(1, at(ms.min(10_000)));
        }
        turning.ended(2);
        assert_eq!(stuck(15_000), NONE);
        assert_eq!(stuck(15_001), [1]);
        turning.turned(1, at(20_000));
        assert_eq!(stuck(21_000), NONE);
        assert_eq!(stuck(60_000), [0, 1], "one that has ended is not waited for");
    }
}
