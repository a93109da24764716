//! The one clock of the process, as shards read it.

use std::time::{Duration, Instant};

use selvedge_shards::{Moment, Now};

/// Counts from the same moment on every core.
#[derive(Clone, Copy, Debug)]
pub struct Clock(Instant);

impl Clock {
    /// Counts from now.
    #[must_use]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// This moment.
    #[must_use]
    pub fn now(&self) -> Now {
        self.at(Instant::now())
    }

    /// How long it is from a moment to a time, not rounded.
    #[must_use]
    pub fn until(&self, due: Now, from: Instant) -> Duration {
        Duration::from_millis(due.0).saturating_sub(from.saturating_duration_since(self.0))
    }

    /// That moment, finer.
    #[must_use]
    pub fn moment(&self, moment: Instant) -> Moment {
        let elapsed = moment.saturating_duration_since(self.0).as_micros();
        Moment(u64::try_from(elapsed).expect("no process runs for 2^64 microseconds"))
    }

    /// That moment.
    #[must_use]
    pub fn at(&self, moment: Instant) -> Now {
        let elapsed = moment.saturating_duration_since(self.0).as_millis();
        Now(u64::try_from(elapsed).expect("no process runs for 2^64 milliseconds"))
    }
}
