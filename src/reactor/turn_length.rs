//! How long a turn of a core's loop has worked. Has no clock.

use std::time::{Duration, Instant};

/// Of the turn that runs.
#[derive(Debug)]
pub(super) struct TurnLength {
    since: Instant,
    /// Time in it in which there was nothing to do.
    waited: Duration,
}

impl TurnLength {
    /// Of a turn that begins.
    pub(super) fn new(now: Instant) -> Self {
        Self { since: now, waited: Duration::ZERO }
    }

    /// The turn has waited so long.
    pub(super) fn waited(&mut self, duration: Duration) {
        self.waited += duration;
    }

    /// The turn ends, and the next begins. How long it has worked, unless it had nothing to do at all: then it waited, or looked for work that was
    /// not there.
    pub(super) fn ends(&mut self, now: Instant, idle: bool) -> Option<Duration> {
        let worked = now.saturating_duration_since(self.since).saturating_sub(self.waited);
        *self = Self::new(now);
        (!idle).then_some(worked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_is_not_work() {
        let start = Instant::now();
        let us = Duration::from_micros;
        let mut length = TurnLength::new(start);
        length.waited(us(700));
        assert_eq!(length.ends(start + us(1_000), false), Some(us(300)));
        assert_eq!(length.ends(start + us(1_200), false), Some(us(200)));
        length.waited(us(300));
        assert_eq!(length.ends(start + us(1_500), true), None);
        assert_eq!(length.ends(start + us(1_600), false), Some(us(100)));
    }
}
