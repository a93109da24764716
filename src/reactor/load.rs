//! How busy a core is: the share of time in which its loop does not wait. Has no clock; does not know what follows from it.

use std::time::{Duration, Instant};

use selvedge_shards::Load;

/// How often the share is taken.
const SAMPLE: Duration = Duration::from_millis(10);

/// What was longer ago than this has hardly any weight: a burst must not widen windows for long, nor a short one at all.
const MEMORY: Duration = Duration::from_millis(100);

/// Time in which the loop waited, against all time.
#[derive(Debug)]
pub(super) struct LoadMeter {
    /// Where the sample begins.
    since: Instant,
    /// Time waited within it.
    waited: Duration,
    /// Smoothed, from 0 to 1.
    load: f64,
}

impl LoadMeter {
    /// Of a core that has done nothing yet.
    pub(super) fn new(now: Instant) -> Self {
        Self { since: now, waited: Duration::ZERO, load: 0.0 }
    }

    /// The loop has waited so long, or has looked for work that was not there.
    pub(super) fn waited(&mut self, duration: Duration) {
        self.waited += duration;
    }

    /// Takes the time. To be called every turn.
    pub(super) fn look(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.since);
        if elapsed < SAMPLE {
            return;
        }
        let worked = elapsed.saturating_sub(self.waited).as_secs_f64() / elapsed.as_secs_f64();
        // A sample counts by its length: after a long sleep nothing of what was before is left.
        let weight = elapsed.as_secs_f64() / (elapsed + MEMORY).as_secs_f64();
        self.load += (worked - self.load) * weight;
        self.since = now;
        self.waited = Duration::ZERO;
    }

    /// The share of late.
    pub(super) fn load(&self) -> Load {
        // Between 0 and 1,000.
        Load((self.load * 1_000.0).round() as u16)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So many turns of so many microseconds, of which the loop waits some.
    fn turns(meter: &mut LoadMeter, now: &mut Instant, count: u32, turn_us: u64, waited_us: u64) {
        for _ in 0..count {
            *now += Duration::from_micros(turn_us);
            meter.waited(Duration::from_micros(waited_us));
            meter.look(*now);
        }
    }

    #[test]
    fn the_share_of_work_is_found_whatever_the_turns_are_like() {
        for (turn_us, waited_us, load) in [(100, 100, 0), (100, 0, 1_000), (200, 150, 250), (250_000, 125_000, 500)] {
            let mut now = Instant::now();
            let mut meter = LoadMeter::new(now);
            turns(&mut meter, &mut now, 20_000, turn_us, waited_us);
            assert_eq!(meter.load(), Load(load), "{turn_us} us, {waited_us} us waited");
        }
    }

    #[test]
    fn a_burst_is_felt_after_a_while_and_forgotten_after_a_sleep() {
        let mut now = Instant::now();
        let mut meter = LoadMeter::new(now);
        turns(&mut meter, &mut now, 2, 5_000, 0);
        assert!(meter.load() < Load(100), "{:?}", meter.load());
        turns(&mut meter, &mut now, 100, 5_000, 0);
        assert!(meter.load() > Load(900), "{:?}", meter.load());
        turns(&mut meter, &mut now, 4, 250_000, 250_000);
        assert!(meter.load() < Load(20), "{:?}", meter.load());
    }
}
