//! Changes of documents, held back until there are none for a while: many of them are told of as one. Has no clock.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use crate::events::{Event, Told};

/// Documents whose changes are held back at once. For a further one, the one that is due first is let go.
const DOCUMENTS_MAX: usize = 16_384;

#[derive(Debug)]
struct Held {
    told: Arc<Told>,
    /// When the first of the changes came.
    since: u64,
    due: u64,
}

/// Of one target.
#[derive(Debug)]
pub(super) struct Debounce {
    quiet_ms: u64,
    longest_ms: u64,
    held: HashMap<Arc<str>, Held>,
    due: BTreeSet<(u64, Arc<str>)>,
}

impl Debounce {
    /// A change is let go when no other has come for so long, and at the latest so long after the first.
    pub(super) fn new(quiet_ms: u64, longest_ms: u64) -> Self {
        Self { quiet_ms, longest_ms, held: HashMap::new(), due: BTreeSet::new() }
    }

    /// Holds a change of this document back. Gives one that has to go for it.
    pub(super) fn hold(&mut self, now: u64, document: &Arc<str>, told: &Arc<Told>) -> Option<Arc<Told>> {
        if let Some(held) = self.held.get_mut(document) {
            self.due.remove(&(held.due, Arc::clone(document)));
            held.told = merged(&held.told, told);
            held.due = (now + self.quiet_ms).min(held.since + self.longest_ms);
            self.due.insert((held.due, Arc::clone(document)));
            return None;
        }
        let first = if self.held.len() >= DOCUMENTS_MAX { self.pop_first() } else { None };
        let due = now + self.quiet_ms.min(self.longest_ms);
        self.held.insert(Arc::clone(document), Held { told: Arc::clone(told), since: now, due });
        self.due.insert((due, Arc::clone(document)));
        first
    }

    /// The change of this document that is held back, due or not.
    pub(super) fn release(&mut self, document: &Arc<str>) -> Option<Arc<Told>> {
        let held = self.held.remove(document)?;
        self.due.remove(&(held.due, Arc::clone(document)));
        Some(held.told)
    }

    /// The next change that is due by then.
    pub(super) fn poll(&mut self, now: u64) -> Option<Arc<Told>> {
        if self.next_due()? <= now { self.pop_first() } else { None }
    }

    pub(super) fn next_due(&self) -> Option<u64> {
        self.due.first().map(|(due, _)| *due)
    }

    pub(super) fn len(&self) -> usize {
        self.held.len()
    }

    fn pop_first(&mut self) -> Option<Arc<Told>> {
        let (_, document) = self.due.pop_first()?;
        self.held.remove(&document).map(|held| held.told)
    }
}

/// Two changes of one document as one: the later one, with what both brought.
fn merged(earlier: &Told, later: &Arc<Told>) -> Arc<Told> {
    match (&earlier.event, &later.event) {
        (
            Event::Changed { updates: before, bytes: bytes_before, .. },
            Event::Changed { document, sequence, updates, bytes },
        ) => {
            let (updates, bytes) = (before + updates, bytes_before + bytes);
            let event = Event::Changed { document: Arc::clone(document), sequence: *sequence, updates, bytes };
            Arc::new(Told { event, ..Told::clone(later) })
        }
        (_, _) => Arc::clone(later),
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    fn changed(document: &str, number: u64) -> Arc<Told> {
        let event = Event::Changed { document: document.into(), sequence: number, updates: 1, bytes: 10 };
        Arc::new(Told { number, id: format!("0-{number}").into(), at: SystemTime::UNIX_EPOCH, event })
    }

    fn fields(told: Option<Arc<Told>>) -> Option<(u64, u64, u64)> {
        match &told?.event {
            Event::Changed { sequence, updates, bytes, .. } => Some((*sequence, *updates, *bytes)),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn many_changes_are_told_as_one_when_they_pause() {
        let mut debounce = Debounce::new(2_000, 10_000);
        let document: Arc<str> = "a".into();
        for number in 1..=3 {
            assert!(debounce.hold(number * 1_000, &document, &changed("a", number)).is_none());
        }
        assert_eq!(debounce.next_due(), Some(5_000));
        assert!(debounce.poll(4_999).is_none());
        assert_eq!(fields(debounce.poll(5_000)), Some((3, 3, 30)));
        assert_eq!((debounce.next_due(), debounce.len()), (None, 0));
    }

    #[test]
    fn a_document_that_never_rests_is_told_of_all_the_same() {
        let mut debounce = Debounce::new(2_000, 10_000);
        let document: Arc<str> = "a".into();
        for number in 0..100 {
            debounce.hold(number * 100, &document, &changed("a", number));
        }
        assert_eq!(debounce.next_due(), Some(10_000));
        debounce.hold(0, &"b".into(), &changed("b", 7));
        assert_eq!(fields(debounce.release(&document)), Some((99, 100, 1_000)));
        assert_eq!(fields(debounce.poll(2_000)), Some((7, 1, 10)));
    }

    #[test]
    fn the_number_of_documents_is_bounded() {
        let mut debounce = Debounce::new(2_000, 10_000);
        let pushed_out = (0..DOCUMENTS_MAX as u64 + 3).filter_map(|number| {
            let name: Arc<str> = number.to_string().into();
            fields(debounce.hold(number, &name, &changed(&name, number)))
        });
        assert_eq!(pushed_out.collect::<Vec<_>>(), [(0, 1, 10), (1, 1, 10), (2, 1, 10)]);
        assert_eq!(debounce.len(), DOCUMENTS_MAX);
    }
}
