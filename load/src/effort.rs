//! Effort: for how much of the time a thread did not wait. Counts as effort also that it was ready to run and had no CPU, because then, too, it
//! was late on its own account and not on the server's.

use std::time::Duration;

use crate::clock::{Clock, Micros, micros};

/// Above this share a thread has no time left to be punctual.
pub(crate) const BUSY_MAX: f64 = 0.85;

/// What a thread spent between two moments.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Effort {
    /// Share of the time for which it ran or wanted to, 0 to 1.
    pub(crate) busy: f64,
}

/// A moment of the calling thread.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EffortMark {
    at: Micros,
    spent: Micros,
}

impl EffortMark {
    pub(crate) fn now(clock: Clock) -> Self {
        Self { at: clock.now(), spent: spent() }
    }

    /// What the calling thread spent since.
    pub(crate) fn since(self, clock: Clock) -> Effort {
        let now = Self::now(clock);
        let passed = now.at.saturating_sub(self.at).max(1);
        Effort { busy: (now.spent.saturating_sub(self.spent) as f64 / passed as f64).min(1.0) }
    }
}

/// Time that the calling thread ran or waited for a CPU. Where the kernel does not tell the waiting, only the running.
fn spent() -> Micros {
    let schedstat = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    schedstat.as_deref().and_then(parse_schedstat).unwrap_or_else(|| {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        let (seconds, nanos) = (u64::try_from(time.tv_sec), u32::try_from(time.tv_nsec));
        micros(Duration::new(seconds.unwrap_or(0), nanos.unwrap_or(0)))
    })
}

/// Nanoseconds run, nanoseconds waited for a CPU, number of turns.
fn parse_schedstat(line: &str) -> Option<Micros> {
    let mut numbers = line.split_ascii_whitespace().map(str::parse::<u64>);
    let (ran, waited) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
    Some(ran.saturating_add(waited) / 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn running_and_waiting_for_a_cpu_both_count() {
        assert_eq!(parse_schedstat("2000000 1000000 17\n"), Some(3000));
        assert_eq!(parse_schedstat(""), None);
        assert_eq!(parse_schedstat("1 x 2"), None);
    }

    #[test]
    fn what_a_thread_spends_is_seen() {
        let clock = Clock::start();
        let mark = EffortMark::now(clock);
        // As long as it takes: the thread's own time moves only by its own work.
        let mut effort = mark.since(clock);
        while effort.busy == 0.0 {
            effort = mark.since(clock);
        }
        assert!(effort.busy <= 1.0);
    }
}
