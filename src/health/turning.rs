//! When each core's loop came round last: written by the cores at every tick, read by whoever wants to know whether they are alive. Has no clock of
//! its own.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use selvedge_shards::TICK_MS;

/// A core that has not ticked for so long does not turn. The longest turn that a client can bring about takes far less.
pub const SILENCE_MAX: Duration = Duration::from_secs(5);

/// Where nobody at all has shown a sign of life for so long, the process was stopped, or its machine was.
const PAUSE_MIN: Duration = Duration::from_secs(4);

// A core that sleeps ticks all the same.
const _: () = assert!(SILENCE_MAX.as_millis() >= 4 * TICK_MS as u128);

// What is shorter than a pause does not make cores look as if they stood still.
const _: () = assert!(PAUSE_MIN.as_millis() + TICK_MS as u128 <= SILENCE_MAX.as_millis());

/// Of a core that has come to its end, in order.
const ENDED: u64 = u64::MAX;

/// One place for each core.
#[derive(Debug)]
pub struct Turning {
    started: Instant,
    /// Milliseconds since then, or [`ENDED`].
    turned_ms: Box<[AtomicU64]>,
    /// The last sign of life of anybody, in the same milliseconds.
    alive_ms: AtomicU64,
    /// When it was stopped last and ran again: from then on cores have their time to turn.
    resumed_ms: AtomicU64,
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
        Self {
            started: now,
            turned_ms: (0..cores).map(|_| AtomicU64::new(0)).collect(),
            alive_ms: AtomicU64::new(0),
            resumed_ms: AtomicU64::new(0),
        }
    }

    /// A core has come round.
    pub fn turned(&self, core: usize, now: Instant) {
        self.alive(now);
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

    /// A thread that is no core is there. Where cores stand still, it alone tells that the process runs.
    pub fn alive(&self, now: Instant) {
        let now_ms = self.ms(now);
        let since_ms = now_ms.saturating_sub(self.alive_ms.load(Ordering::Acquire));
        if u128::from(since_ms) > PAUSE_MIN.as_millis() {
            self.resumed_ms.fetch_max(now_ms, Ordering::Relaxed);
        }
        // Behind it: whoever finds no pause any more finds when it was over.
        self.alive_ms.fetch_max(now_ms, Ordering::Release);
    }

    /// Cores that have not turned of late. Whoever asks is alive.
    pub fn stuck(&self, now: Instant) -> impl Iterator<Item = usize> {
        self.alive(now);
        let oldest_ms = self.ms(now).saturating_sub(self.ms(self.started + SILENCE_MAX));
        let resumed_ms = self.resumed_ms.load(Ordering::Relaxed);
        self.turned_ms
            .iter()
            .enumerate()
            .filter(move |(_, turned_ms)| turned_ms.load(Ordering::Relaxed).max(resumed_ms) < oldest_ms)
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
        for ms in (22_000..60_000).step_by(1_000) {
            turning.alive(at(ms));
        }
        assert_eq!(stuck(60_000), [0, 1], "one that has ended is not waited for");
    }

    #[test]
    fn after_a_pause_of_the_process_cores_have_their_time() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let turning = Turning::new(2, start);
        let stuck = |ms| turning.stuck(at(ms)).collect::<Vec<usize>>();
        let run = |from: u64, to, cores: &[usize]| {
            for ms in (from..to).step_by(250) {
                turning.alive(at(ms));
                for &core in cores {
                    turning.turned(core, at(ms));
                }
            }
        };
        run(0, 10_000, &[0, 1]);
        assert_eq!(stuck(22_000), NONE, "whoever asks is the first that runs again");
        run(22_250, 27_000, &[0]);
        assert_eq!(stuck(27_000), NONE);
        assert_eq!(stuck(27_001), [1], "it has not come back");
        run(27_250, 30_000, &[0, 1]);
        assert_eq!(stuck(30_000), NONE);
        run(42_000, 42_001, &[0]);
        assert_eq!(stuck(42_001), NONE, "a core that runs before the others does not speak against them");
        // A pause that goes on and on, and a core that is stuck in it.
        run(42_250, 60_000, &[0]);
        assert_eq!(stuck(60_000), [1]);
    }
}
