//! Which documents have changed since their last automatic version, and when each is due for another. Told of every commit; does not know
//! what changed.

use std::collections::HashMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use selvedge_shards::{DocumentId, Sequence};

/// Documents with changes that are remembered at once. Of any more, changes count from when there is room.
const CHANGED_MAX: usize = 1 << 16;

/// An automatic version is not made sooner than this after the one before, however many updates come.
const APART: Duration = Duration::from_secs(60);

/// When a version is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// So long after the first change.
    pub interval: Duration,
    /// Or after so many updates.
    pub updates: u64,
}

#[derive(Clone, Copy, Debug)]
struct Changed {
    first: Instant,
    /// The last record before the first change.
    before: Sequence,
    last: Sequence,
}

#[derive(Debug, Default)]
struct Inner {
    changed: HashMap<DocumentId, Changed>,
    stopped: bool,
}

/// The changed documents.
#[derive(Debug)]
pub struct Changes {
    pace: Mutex<Pace>,
    inner: Mutex<Inner>,
    stopped: Condvar,
}

impl Changes {
    /// None yet.
    #[must_use]
    pub fn new(pace: Pace) -> Self {
        Self { pace: Mutex::new(pace), inner: Mutex::default(), stopped: Condvar::new() }
    }

    /// When a version is due from here on.
    pub fn set_pace(&self, pace: Pace) {
        *self.pace.lock().unwrap_or_else(PoisonError::into_inner) = pace;
    }

    /// Records are durable. Takes a lock for a moment.
    pub fn committed(&self, commits: &[(DocumentId, Sequence)], now: Instant) {
        let mut inner = self.inner();
        for &(document, sequence) in commits {
            if let Some(changed) = inner.changed.get_mut(&document) {
                // A lower one is of another document of the same name.
                changed.before = changed.before.min(Sequence(sequence.0.saturating_sub(1)));
                changed.last = sequence;
            } else if inner.changed.len() < CHANGED_MAX {
                let before = Sequence(sequence.0.saturating_sub(1));
                inner.changed.insert(document, Changed { first: now, before, last: sequence });
            }
        }
    }

    /// Documents that are gone have no versions.
    pub fn deleted(&self, documents: &[DocumentId]) {
        let mut inner = self.inner();
        for document in documents {
            inner.changed.remove(document);
        }
    }

    /// Takes out those that are due.
    pub fn take_due(&self, now: Instant) -> Vec<DocumentId> {
        let pace = *self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = |changed: &Changed| {
            let age = now.saturating_duration_since(changed.first);
            age >= pace.interval || (changed.last.0 - changed.before.0 >= pace.updates && age >= APART)
        };
        let mut inner = self.inner();
        let due: Vec<DocumentId> =
            inner.changed.iter().filter(|(_, changed)| is_due(changed)).map(|(&document, _)| document).collect();
        for document in &due {
            inner.changed.remove(document);
        }
        due
    }

    /// Lets nobody wait any more.
    pub fn stop(&self) {
        self.inner().stopped = true;
        self.stopped.notify_all();
    }

    /// Waits for so long, or for the end. Says whether that has come.
    pub fn wait(&self, time: Duration) -> bool {
        let inner = self.inner();
        let waited = self.stopped.wait_timeout_while(inner, time, |inner| !inner.stopped);
        waited.unwrap_or_else(PoisonError::into_inner).0.stopped
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACE: Pace = Pace { interval: Duration::from_secs(600), updates: 1_000 };

    fn document(number: u8) -> DocumentId {
        DocumentId([number; 16])
    }

    #[test]
    fn a_document_is_due_after_a_while_of_changes_or_after_many_and_once() {
        let changes = Changes::new(PACE);
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        changes.committed(&[(document(1), Sequence(7)), (document(2), Sequence(1))], at(0));
        changes.committed(&[(document(2), Sequence(999))], at(1));
        assert_eq!(changes.take_due(at(599)), []);
        changes.committed(&[(document(2), Sequence(1_000))], at(2));
        assert_eq!(changes.take_due(at(59)), [], "not one right after the other");
        assert_eq!(changes.take_due(at(60)), [document(2)]);
        assert_eq!(changes.take_due(at(600)), [document(1)]);
        assert_eq!(changes.take_due(at(6_000)), [], "nothing has changed since");
    }

    #[test]
    fn what_is_deleted_is_forgotten_and_another_of_the_same_name_begins_anew() {
        let changes = Changes::new(PACE);
        let start = Instant::now();
        changes.committed(&[(document(1), Sequence(5_000))], start);
        changes.deleted(&[document(1)]);
        assert_eq!(changes.take_due(start + PACE.interval), []);
        changes.committed(&[(document(1), Sequence(1))], start);
        assert_eq!(changes.take_due(start + PACE.interval), [document(1)]);
    }

    #[test]
    fn there_is_room_for_so_many() {
        let changes = Changes::new(PACE);
        let start = Instant::now();
        for number in 0..=CHANGED_MAX as u128 {
            changes.committed(&[(DocumentId(number.to_be_bytes()), Sequence(1))], start);
        }
        assert_eq!(changes.take_due(start + PACE.interval).len(), CHANGED_MAX);
    }
}
