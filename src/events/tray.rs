//! Where events wait to be collected: bounded, and what finds no room is counted. Does not know what they say.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use super::Event;
use super::growth::TOLD_PER_TICK_MAX;

/// Events that wait at most. They are collected four times a second.
const EVENTS_MAX: usize = 4_096;

/// Bytes that wait at most, as far as events vary in size.
const BYTES_MAX: usize = 2 << 20;

/// What clients bring about at will gets no further than this: a storm of them leaves room for what happens to documents, which nobody tells again.
const CLIENT_EVENTS_MAX: usize = EVENTS_MAX / 2;

/// And their bytes.
const CLIENT_BYTES_MAX: usize = BYTES_MAX / 2;

// All documents that are told of in one tick are created and changed in it at most.
const _: () = assert!(2 * TOLD_PER_TICK_MAX <= EVENTS_MAX - CLIENT_EVENTS_MAX);

/// Refusals get no further than this: a flood of them leaves room for what happens to those who were let in.
const REFUSALS_MAX: usize = 256;

/// Something, and when it happened.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) at: SystemTime,
    pub(super) event: Event,
}

/// Events in order, and how many more there were.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) records: Vec<Record>,
    pub(super) dropped: u64,
    bytes: usize,
    /// Of these, what clients bring about.
    of_clients: usize,
    of_clients_bytes: usize,
    refusals: usize,
}

impl Batch {
    /// Takes it, or counts it.
    pub(super) fn push(&mut self, record: Record) {
        let bytes = record.event.text_bytes();
        let (is_of_clients, is_refusal) = match record.event {
            Event::Refused { .. } => (true, true),
            Event::Opened { .. } | Event::Closed { .. } | Event::Stateless { .. } => (true, false),
            Event::Created { .. }
            | Event::Changed { .. }
            | Event::Deleted { .. }
            | Event::Version { .. }
            | Event::Alert { .. }
            | Event::Lost { .. } => (false, false),
        };
        let is_full = self.records.len() >= EVENTS_MAX || self.bytes + bytes > BYTES_MAX;
        let is_share_full = self.of_clients >= CLIENT_EVENTS_MAX || self.of_clients_bytes + bytes > CLIENT_BYTES_MAX;
        if is_full || (is_of_clients && is_share_full) || (is_refusal && self.refusals >= REFUSALS_MAX) {
            self.dropped += 1;
            return;
        }
        self.bytes += bytes;
        if is_of_clients {
            self.of_clients += 1;
            self.of_clients_bytes += bytes;
        }
        self.refusals += usize::from(is_refusal);
        self.records.push(record);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.records.is_empty() && self.dropped == 0
    }

    /// What another has, behind what is here.
    fn append(&mut self, other: &mut Self) {
        self.dropped += std::mem::take(&mut other.dropped);
        for record in other.records.drain(..) {
            self.push(record);
        }
        *other = Self { records: std::mem::take(&mut other.records), ..Self::default() };
    }
}

#[derive(Debug, Default)]
pub(super) struct Tray(Mutex<Batch>);

impl Tray {
    pub(super) fn put(&self, at: SystemTime, event: Event) {
        self.batch().push(Record { at, event });
    }

    /// Lays out what was gathered, and leaves the batch empty.
    pub(super) fn lay_out(&self, gathered: &mut Batch) {
        self.batch().append(gathered);
    }

    /// Takes all that waits.
    pub(super) fn take(&self) -> Batch {
        std::mem::take(&mut *self.batch())
    }

    fn batch(&self) -> MutexGuard<'_, Batch> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use selvedge_protocol::document_name::NAME_BYTES_MAX;
    use selvedge_shards::SessionId;

    use super::*;
    use crate::events::{Dialect, SessionAt};

    fn refused() -> Event {
        Event::Refused { address: None, subject: None, reason: "origin", detail: None }
    }

    fn stateless(bytes: usize) -> Event {
        Event::Stateless {
            document: None,
            session: None,
            subject: None,
            bytes,
            payload: Some("x".repeat(bytes).into()),
        }
    }

    #[test]
    fn what_finds_no_room_is_counted_and_refusals_leave_room_for_others() {
        let tray = Tray::default();
        for _ in 0..REFUSALS_MAX + 10 {
            tray.put(SystemTime::UNIX_EPOCH, refused());
        }
        let mut gathered = Batch::default();
        for _ in 0..CLIENT_EVENTS_MAX {
            gathered.push(Record { at: SystemTime::UNIX_EPOCH, event: stateless(1) });
        }
        tray.lay_out(&mut gathered);
        assert!(gathered.is_empty());
        let taken = tray.take();
        assert_eq!((taken.records.len(), taken.dropped), (CLIENT_EVENTS_MAX, 10 + REFUSALS_MAX as u64));
        assert!(tray.take().is_empty());
    }

    #[test]
    fn large_events_are_bounded_together() {
        let tray = Tray::default();
        for _ in 0..100 {
            tray.put(SystemTime::UNIX_EPOCH, stateless(BYTES_MAX / 10));
        }
        assert_eq!(tray.take().records.len(), 4, "their other parts count as well");
    }

    #[test]
    fn a_storm_of_sessions_leaves_room_for_what_happens_to_documents() {
        let name: std::sync::Arc<str> = "n".repeat(NAME_BYTES_MAX).into();
        let session = SessionAt { core: 0, session: SessionId { index: 1, generation: 1 } };
        let opened = Event::Opened {
            session,
            document: std::sync::Arc::clone(&name),
            subject: None,
            address: None,
            dialect: Dialect::YWebsocket,
        };
        let changed = Event::Changed { document: name, sequence: 1, updates: 1, bytes: 1 };
        let tray = Tray::default();
        let mut gathered = Batch::default();
        for _ in 0..EVENTS_MAX {
            gathered.push(Record { at: SystemTime::UNIX_EPOCH, event: opened.clone() });
        }
        let mut batch = Batch::default();
        for _ in 0..2 * TOLD_PER_TICK_MAX {
            batch.push(Record { at: SystemTime::UNIX_EPOCH, event: changed.clone() });
        }
        tray.lay_out(&mut gathered);
        tray.lay_out(&mut batch);
        let taken = tray.take();
        let documents = taken.records.iter().filter(|record| matches!(record.event, Event::Changed { .. })).count();
        assert_eq!((documents, taken.records.len() as u64 + taken.dropped), (2_048, 6_144));
        assert!(taken.dropped >= 2_048, "{}", taken.dropped);
    }
}
