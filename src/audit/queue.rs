//! Events on their way to the thread that writes them: bounded, and nobody waits. Does not know what becomes of them.

use std::collections::VecDeque;
use std::mem;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use super::{Event, Outcome};

/// Events that wait at most.
const EVENTS_MAX: usize = 8_192;

/// Refusals get no further than this, so that a flood of them leaves room for what matters more.
const REFUSALS_MAX: usize = EVENTS_MAX / 2;

/// How long the first event waits for others: the thread is woken once for all of them, and not at every login of a storm.
const GATHER: Duration = Duration::from_millis(10);

/// One event, and where and when it happened.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) at: SystemTime,
    pub(super) core: Option<u16>,
    pub(super) event: Event,
}

#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    came: Condvar,
}

/// What was taken out at once.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    pub(super) records: VecDeque<Record>,
    /// Those that found no room.
    pub(super) dropped: u64,
    /// Nothing will come any more.
    pub(super) closed: bool,
}

impl Queue {
    pub(super) fn push(&self, record: Record) {
        let room = match record.event {
            Event::Refused { .. } | Event::Acted { outcome: Outcome::Denied, .. } => REFUSALS_MAX,
            Event::Started { .. }
            | Event::Stopped
            | Event::LoggedIn { .. }
            | Event::Banned { .. }
            | Event::Revoked { .. }
            | Event::Closed { .. }
            | Event::SettingChanged { .. }
            | Event::Acted { outcome: Outcome::Done | Outcome::Failed { .. } | Outcome::Unknown, .. } => EVENTS_MAX,
        };
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.records.len() >= room {
            waiting.dropped += 1;
            return;
        }
        let is_first = waiting.records.is_empty();
        waiting.records.push_back(record);
        drop(waiting);
        if is_first {
            self.came.notify_one();
        }
    }

    pub(super) fn close(&self) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).closed = true;
        self.came.notify_one();
    }

    /// Takes all that waits; waits for something to come, at most so long, and then a moment for what comes with it.
    pub(super) fn take(&self, timeout: Duration) -> Waiting {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let is_empty = |waiting: &mut Waiting| waiting.records.is_empty() && waiting.dropped == 0 && !waiting.closed;
        let (waiting, result) =
            self.came.wait_timeout_while(waiting, timeout, is_empty).unwrap_or_else(PoisonError::into_inner);
        let gather = if result.timed_out() { Duration::ZERO } else { GATHER.min(timeout) };
        let (mut waiting, _) = self
            .came
            .wait_timeout_while(waiting, gather, |waiting| !waiting.closed)
            .unwrap_or_else(PoisonError::into_inner);
        let closed = waiting.closed;
        Waiting { closed, ..mem::replace(&mut *waiting, Waiting { closed, ..Waiting::default() }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{Address, Reason};

    #[test]
    fn a_flood_of_refusals_leaves_room_for_everything_else_and_both_are_bounded() {
        let queue = Queue::default();
        let address = Address::Exact([192, 0, 2, 1].into());
        let push = |event: &Event| queue.push(Record { at: SystemTime::UNIX_EPOCH, core: None, event: event.clone() });
        for _ in 0..EVENTS_MAX {
            push(&Event::Refused { address, reason: Reason::Origin });
        }
        for _ in 0..EVENTS_MAX {
            push(&Event::Banned { address, ban_ms: 1 });
        }
        let taken = queue.take(Duration::ZERO);
        assert_eq!(taken.records.len(), EVENTS_MAX);
        assert_eq!(taken.dropped as usize, EVENTS_MAX);
        let refusals = taken.records.iter().filter(|record| matches!(record.event, Event::Refused { .. })).count();
        assert_eq!(refusals, REFUSALS_MAX);
        assert!(queue.take(Duration::ZERO).records.is_empty());
    }
}
