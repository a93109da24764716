//! The clock of a run: microseconds since it was started, the same on every thread. What stands in stamps is read from it.

use std::time::{Duration, Instant};

/// Microseconds since the clock was started.
pub(crate) type Micros = u64;

/// Counts from one moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock(Instant);

impl Clock {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn now(self) -> Micros {
        micros(self.0.elapsed())
    }
}

pub(crate) fn micros(duration: Duration) -> Micros {
    u64::try_from(duration.as_micros()).expect("no run takes 2^64 microseconds")
}

/// From a span of seconds as options give it: finite and not negative.
pub(crate) fn micros_of_seconds(seconds: f64) -> Micros {
    micros(Duration::from_secs_f64(seconds))
}

pub(crate) fn seconds(micros: Micros) -> f64 {
    Duration::from_micros(micros).as_secs_f64()
}
