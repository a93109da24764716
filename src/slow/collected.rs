//! The latest slow operations, with the names of their documents, for whoever asks and for the log. On the control plane's thread.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::{Log, Slow};

/// Operations that are kept.
pub const KEPT_MAX: usize = 100;

/// Bytes of a document's name that are kept.
const NAME_BYTES_MAX: usize = 256;

/// Lines in the log a minute; the rest are counted in one more.
const LINES_PER_MINUTE: u32 = 10;

/// One that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// What took too long.
    pub slow: Slow,
    /// The document's name, perhaps cut off; nothing where nothing of it was stored yet.
    pub name: Option<String>,
}

/// All that are kept.
#[derive(Debug)]
pub struct Collected {
    log: Arc<Log>,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// Oldest first.
    kept: VecDeque<Kept>,
    /// Since the start, those that were not kept as well.
    total: u64,
    lines: Lines,
}

/// What the log is told in a minute.
#[derive(Debug, Default)]
struct Lines {
    since: Option<Instant>,
    said: u32,
    unsaid: u64,
}

impl Collected {
    pub(crate) fn new(log: Arc<Log>) -> Self {
        Self { log, inner: Mutex::default() }
    }

    /// Where they come from.
    #[must_use]
    pub fn log(&self) -> &Arc<Log> {
        &self.log
    }

    /// Takes in what has come. Names come from the function, which may wait for a disk and is asked for [`KEPT_MAX`] at most.
    pub fn collect(&self, name_of: impl Fn(&Slow) -> Option<String>) {
        let (mut taken, missed) = self.log.take();
        let count = taken.len() as u64;
        if count == 0 {
            return;
        }
        let surplus = taken.len().saturating_sub(KEPT_MAX);
        taken.drain(..surplus);
        let named: Vec<Kept> =
            taken.into_iter().map(|slow| Kept { name: name_of(&slow).map(shortened), slow }).collect();
        let inner = &mut *self.inner();
        inner.total += count + missed;
        for kept in named {
            inner.lines.say(&kept, Instant::now());
            inner.kept.push_back(kept);
        }
        let surplus = inner.kept.len().saturating_sub(KEPT_MAX);
        inner.kept.drain(..surplus);
    }

    /// The latest first.
    #[must_use]
    pub fn latest(&self) -> Vec<Kept> {
        self.inner().kept.iter().rev().cloned().collect()
    }

    /// How many there were since the start.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.inner().total
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lines {
    fn say(&mut self, kept: &Kept, now: Instant) {
        let since = *self.since.get_or_insert(now);
        if now.saturating_duration_since(since).as_secs() >= 60 {
            if self.unsaid > 0 {
                tracing::warn!(operations = self.unsaid, "further slow operations");
            }
            *self = Self { since: Some(now), ..Self::default() };
        }
        if self.said >= LINES_PER_MINUTE {
            self.unsaid += 1;
            return;
        }
        self.said += 1;
        let Kept { slow, name } = kept;
        let (operation, cause, took_ms) = (slow.timed.name(), slow.cause, slow.took.as_millis());
        tracing::warn!(operation, took_ms, ?cause, document = name.as_deref(), "slow operation");
    }
}

fn shortened(mut name: String) -> String {
    name.truncate(name.floor_char_boundary(NAME_BYTES_MAX));
    name
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::super::{Cause, SlowMs};
    use super::*;
    use crate::instruments::Timed;

    const BOUNDS: SlowMs =
        SlowMs { acknowledge: 250, deliver: 250, join: 1_000, load: 500, snapshot: 5_000, sync: 250, turn: 0 };

    fn slow(at_s: u64) -> Slow {
        Slow {
            at: SystemTime::UNIX_EPOCH + Duration::from_secs(at_s),
            timed: Timed::Load,
            document: None,
            took: Duration::from_secs(1),
            cause: Cause::Disk,
        }
    }

    #[test]
    fn a_bound_is_what_is_set_and_nothing_is_slow_without_one() {
        let log = Log::new(2);
        assert!(!log.is_slow(Timed::Load, 1 << 60));
        log.set_bounds(&BOUNDS);
        assert!(log.is_slow(Timed::Load, 500_000) && !log.is_slow(Timed::Load, 499_999));
        assert!(!log.is_slow(Timed::Turn, 1 << 60), "0 is never");
    }

    #[test]
    fn the_latest_are_kept_of_all_threads_together() {
        let log = Arc::new(Log::new(2));
        let collected = Collected::new(Arc::clone(&log));
        for round in 0..10 {
            for one in 0..30 {
                let at = round * 100 + one;
                match one % 3 {
                    0 => log.record_of_core(0, slow(at)),
                    1 => log.record_of_core(1, slow(at)),
                    _ => log.record_of_others(slow(at)),
                }
            }
            collected.collect(|slow| Some(format!("{:?}{}", slow.timed, "ä".repeat(200))));
        }
        let latest = collected.latest();
        assert_eq!((latest.len(), collected.total()), (KEPT_MAX, 300));
        assert!(latest.windows(2).all(|pair| pair[0].slow.at >= pair[1].slow.at), "the latest first");
        assert_eq!(latest[0].slow.at, slow(929).at);
        assert!(latest.iter().all(|kept| kept.name.as_ref().is_some_and(|name| name.len() <= NAME_BYTES_MAX)));
    }
}
