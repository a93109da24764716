//! A short rest after the kernel could not do something because it lacked what others may give back. Knows nothing of what that was.

use std::time::{Duration, Instant};

/// Long enough not to spin while no descriptor is free, short enough that nobody who connects notices.
const LENGTH: Duration = Duration::from_millis(5);

/// Whether to rest, and until when.
#[derive(Default)]
pub(super) struct Rest(Option<Instant>);

impl Rest {
    pub(super) fn begin(&mut self) {
        self.0 = Some(Instant::now() + LENGTH);
    }

    pub(super) fn end(&mut self) {
        self.0 = None;
    }

    /// It has neither ended nor run out.
    pub(super) fn lasts(&self) -> bool {
        self.0.is_some_and(|end| Instant::now() < end)
    }

    /// How long a turn may wait that has to go on after the rest.
    pub(super) fn limit(&self, timeout: Option<Duration>) -> Option<Duration> {
        match self.0 {
            None => timeout,
            Some(end) => {
                let left = end.saturating_duration_since(Instant::now());
                Some(timeout.map_or(left, |timeout| timeout.min(left)))
            }
        }
    }
}
