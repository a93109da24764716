//! What a shard says of how long things took: what has ended, and when it began. When that was, and what becomes of it, whoever runs the shard
//! knows.

use crate::core::Core;
use crate::id::{DocumentId, Moment, SessionId};

/// Times that are kept apart of updates that travel together. Of what comes later it is said that it came with the last of them, so that it seems to
/// have taken longer, and never shorter.
const ARRIVALS_MAX: usize = 64;

/// Something has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measured {
    /// So many updates that were accepted are durable, and who waits for that is told.
    Acknowledged {
        /// Of which document.
        document: DocumentId,
        /// When they came.
        since: Moment,
        /// How many.
        updates: u32,
    },
    /// So many updates were sent to all sessions here that wait for no commit.
    Delivered {
        /// Of which document.
        document: DocumentId,
        /// When they came.
        since: Moment,
        /// How many.
        updates: u32,
    },
    /// A document with several sessions sent what it had gathered.
    FannedOut {
        /// How much.
        updates: u64,
    },
    /// A session was given what it had asked for first.
    Joined {
        /// Which; it may be gone by now.
        session: SessionId,
        /// When it was attached.
        since: Moment,
    },
}

/// When the updates came that are on their way together. Empty where nobody measures.
#[derive(Debug, Default)]
pub(crate) struct Arrivals {
    /// Apart, because mostly there is no other, and each update comes by here.
    last: Option<Arrival>,
    before: Vec<Arrival>,
}

#[derive(Clone, Copy, Debug)]
struct Arrival {
    since: Moment,
    updates: u32,
}

impl Arrivals {
    /// An update came in this turn.
    #[inline]
    pub(crate) fn note(&mut self, now: Option<Moment>) {
        match (&mut self.last, now) {
            (Some(last), Some(now)) if last.since == now => last.updates += 1,
            (Some(_) | None, Some(since)) => self.add(Arrival { since, updates: 1 }),
            (Some(_) | None, None) => {}
        }
    }

    /// These go on together with others.
    pub(crate) fn append(&mut self, others: &Self) {
        others.iter().for_each(|arrival| self.add(arrival));
    }

    /// Once a turn and document: apart from what each update comes by.
    #[cold]
    fn add(&mut self, arrival: Arrival) {
        let full = self.before.len() + 1 >= ARRIVALS_MAX;
        match &mut self.last {
            Some(last) if last.since == arrival.since || full => last.updates += arrival.updates,
            Some(last) => self.before.push(std::mem::replace(last, arrival)),
            None => self.last = Some(arrival),
        }
    }

    fn iter(&self) -> impl Iterator<Item = Arrival> + '_ {
        self.before.iter().copied().chain(self.last)
    }
}

impl Core {
    pub(crate) fn acknowledged(&mut self, document: DocumentId, arrivals: &Arrivals) {
        let measured =
            arrivals.iter().map(|Arrival { since, updates }| Measured::Acknowledged { document, since, updates });
        self.measured.extend(measured);
    }

    pub(crate) fn delivered(&mut self, document: DocumentId, arrivals: &Arrivals, updates: u64) {
        if self.moment.is_some() {
            self.measured.push(Measured::FannedOut { updates });
        }
        let measured =
            arrivals.iter().map(|Arrival { since, updates }| Measured::Delivered { document, since, updates });
        self.measured.extend(measured);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noted(arrivals: &Arrivals) -> Vec<(u64, u32)> {
        arrivals.iter().map(|arrival| (arrival.since.0, arrival.updates)).collect()
    }

    #[test]
    fn updates_of_one_turn_share_an_entry() {
        let mut arrivals = Arrivals::default();
        for at in [5, 5, 9, 9, 9] {
            arrivals.note(Some(Moment(at)));
        }
        assert_eq!(noted(&arrivals), [(5, 2), (9, 3)]);
        let mut all = Arrivals::default();
        all.append(&arrivals);
        all.append(&arrivals);
        assert_eq!(noted(&all), [(5, 2), (9, 3), (5, 2), (9, 3)]);
    }

    #[test]
    fn what_finds_no_place_seems_older_and_is_not_lost() {
        let mut arrivals = Arrivals::default();
        (0..200).for_each(|at| arrivals.note(Some(Moment(at))));
        let noted = noted(&arrivals);
        assert_eq!(noted.len(), ARRIVALS_MAX);
        assert_eq!(noted.last(), Some(&(63, 137)));
    }

    #[test]
    fn where_nobody_measures_nothing_is_noted() {
        let mut arrivals = Arrivals::default();
        arrivals.note(None);
        assert!(noted(&arrivals).is_empty());
    }
}
