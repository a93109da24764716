//! Which documents of a core have grown since that was told last, and which are deleted: counted for each, not told for each record. Has no clock.

use std::collections::HashMap;
use std::sync::Arc;

use selvedge_shards::{DocumentId, Now, Sequence};

use super::Event;

/// Documents that are followed at once. Any more are counted as events that found no room.
const DOCUMENTS_MAX: usize = 16_384;

/// How often one document is told of at most.
const PAUSE_MS: u64 = 1_000;

/// Documents that are told of in one tick: the others come in the next.
pub(super) const TOLD_PER_TICK_MAX: usize = 1_024;

/// One document.
#[derive(Debug)]
struct Growth {
    name: Arc<str>,
    /// The last record that was told of, or the one before the first that was appended while somebody listened.
    told: Sequence,
    appended: Sequence,
    committed: Sequence,
    /// Appended since it was told of last.
    bytes: u64,
    told_at: Option<Now>,
}

impl Growth {
    /// Everything that is committed, in as few events as possible.
    fn tell(&mut self, tell: &mut impl FnMut(Event)) {
        if self.told == Sequence(0) {
            tell(Event::Created { document: Arc::clone(&self.name) });
        }
        tell(Event::Changed {
            document: Arc::clone(&self.name),
            sequence: self.committed.0,
            updates: self.committed.0 - self.told.0,
            bytes: std::mem::take(&mut self.bytes),
        });
        self.told = self.committed;
    }
}

#[derive(Debug, Default)]
pub(super) struct Growths {
    growing: HashMap<DocumentId, Growth>,
    /// Their deletion is on its way to the disk: as many at most as may be asked for at once.
    going: HashMap<DocumentId, Arc<str>>,
}

impl Growths {
    /// A record is on its way to the disk. Says whether there was room to follow its document.
    pub(super) fn appended(&mut self, document: DocumentId, name: &Arc<str>, sequence: Sequence, bytes: usize) -> bool {
        let is_full = self.growing.len() >= DOCUMENTS_MAX;
        let before = Sequence(sequence.0 - 1);
        let growth = match self.growing.get_mut(&document) {
            Some(growth) => growth,
            None if is_full => return false,
            None => {
                let told = before;
                let (name, bytes, told_at) = (Arc::clone(name), 0, None);
                self.growing.entry(document).or_insert(Growth {
                    name,
                    told,
                    appended: told,
                    committed: told,
                    bytes,
                    told_at,
                })
            }
        };
        if sequence <= growth.appended {
            // It was deleted, and begins anew.
            *growth = Growth { told: before, committed: before, bytes: 0, name: Arc::clone(name), ..*growth };
        }
        growth.appended = sequence;
        growth.bytes += bytes as u64;
        true
    }

    /// Records up to this one are durable.
    pub(super) fn committed(&mut self, document: DocumentId, sequence: Sequence) {
        if let Some(growth) = self.growing.get_mut(&document) {
            growth.committed = growth.committed.max(sequence.min(growth.appended));
        }
    }

    /// The deletion of a document is on its way to the disk, behind everything of it. Tells what was not told yet; what is appended from here on
    /// is of the document that takes its place.
    pub(super) fn deleting(&mut self, document: DocumentId, name: &Arc<str>, mut tell: impl FnMut(Event)) {
        if let Some(mut growth) = self.growing.remove(&document)
            && growth.committed != growth.told
        {
            growth.tell(&mut tell);
        }
        self.going.insert(document, Arc::clone(name));
    }

    /// It is durable.
    pub(super) fn deleted(&mut self, document: DocumentId, mut tell: impl FnMut(Event)) {
        if let Some(name) = self.going.remove(&document) {
            tell(Event::Deleted { document: name });
        }
    }

    /// What there is to tell of by now; forgets those of which there is nothing more.
    pub(super) fn tell(&mut self, now: Now, mut tell: impl FnMut(Event)) {
        let mut left = TOLD_PER_TICK_MAX;
        self.growing.retain(|_, growth| {
            let is_due = growth.told_at.is_none_or(|at| now.since(at) >= PAUSE_MS);
            if growth.committed == growth.told {
                // One that is told of again soon has to know when it was last.
                return growth.appended != growth.told || !is_due;
            }
            if is_due && left > 0 {
                left -= 1;
                growth.tell(&mut tell);
                growth.told_at = Some(now);
            }
            true
        });
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(growths: &mut Growths, now: u64) -> Vec<String> {
        let mut told = Vec::new();
        growths.tell(Now(now), |event| told.push(words(&event)));
        told
    }

    fn words(event: &Event) -> String {
        match event {
            Event::Created { document } => format!("{document} created"),
            Event::Changed { document, sequence, updates, bytes } => format!("{document} {sequence} {updates} {bytes}"),
            Event::Deleted { document } => format!("{document} deleted"),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_document_is_told_of_when_it_is_committed_and_not_too_often() {
        let mut growths = Growths::default();
        let (document, name) = (DocumentId([1; 16]), Arc::<str>::from("a"));
        assert!(growths.appended(document, &name, Sequence(1), 10));
        assert!(told(&mut growths, 0).is_empty(), "it is not on disk");
        growths.committed(document, Sequence(1));
        assert_eq!(told(&mut growths, 250), ["a created", "a 1 1 10"]);
        for sequence in 2..=5 {
            growths.appended(document, &name, Sequence(sequence), 1);
        }
        growths.committed(document, Sequence(4));
        assert!(told(&mut growths, 500).is_empty(), "it was told of a moment ago");
        assert_eq!(told(&mut growths, 1_250), ["a 4 3 4"]);
        growths.committed(document, Sequence(5));
        assert_eq!(told(&mut growths, 2_250), ["a 5 1 0"], "bytes are told when they are appended");
        assert!(told(&mut growths, 2_500).is_empty());
        assert_eq!(growths.growing.len(), 1);
        assert!(told(&mut growths, 3_250).is_empty());
        assert!(growths.growing.is_empty());
    }

    #[test]
    fn a_deletion_is_told_when_it_is_durable_and_after_what_was_before() {
        let mut growths = Growths::default();
        let (document, name) = (DocumentId([1; 16]), Arc::<str>::from("a"));
        let deleting = |growths: &mut Growths| {
            let mut told = Vec::new();
            growths.deleting(document, &name, |event| told.push(words(&event)));
            told
        };
        let deleted = |growths: &mut Growths| {
            let mut told = Vec::new();
            growths.deleted(document, |event| told.push(words(&event)));
            told
        };
        assert!(deleted(&mut growths).is_empty(), "it was ordered while nobody listened");
        growths.appended(document, &name, Sequence(1), 10);
        growths.committed(document, Sequence(1));
        assert_eq!(deleting(&mut growths), ["a created", "a 1 1 10"]);
        // What takes its place gets to the disk together with the deletion.
        growths.appended(document, &name, Sequence(1), 2);
        assert_eq!(deleted(&mut growths), ["a deleted"]);
        growths.committed(document, Sequence(1));
        assert_eq!(told(&mut growths, 250), ["a created", "a 1 1 2"]);
        assert!(deleting(&mut growths).is_empty());
        assert_eq!(deleted(&mut growths), ["a deleted"]);
        assert!(told(&mut growths, 9_000).is_empty());
        assert!(growths.growing.is_empty() && growths.going.is_empty());
    }

    #[test]
    fn a_document_that_was_deleted_is_created_once_more() {
        let mut growths = Growths::default();
        let (document, name) = (DocumentId([1; 16]), Arc::<str>::from("a"));
        growths.appended(document, &name, Sequence(7), 1);
        growths.committed(document, Sequence(7));
        assert_eq!(told(&mut growths, 0), ["a 7 1 1"]);
        growths.appended(document, &name, Sequence(1), 2);
        growths.committed(document, Sequence(1));
        assert_eq!(told(&mut growths, 1_000), ["a created", "a 1 1 2"]);
    }

    #[test]
    fn documents_that_were_there_before_are_not_created_and_their_number_is_bounded() {
        let mut growths = Growths::default();
        for number in 0..DOCUMENTS_MAX as u32 + 1 {
            let mut id = [0; 16];
            id[..4].copy_from_slice(&number.to_be_bytes());
            let document = DocumentId(id);
            let room = growths.appended(document, &"b".into(), Sequence(7), 1);
            assert_eq!(room, (number as usize) < DOCUMENTS_MAX);
            growths.committed(document, Sequence(9));
        }
        let first = told(&mut growths, 0);
        assert_eq!((first.len(), first[0].as_str()), (TOLD_PER_TICK_MAX, "b 7 1 1"));
        let all: usize = (1..16).map(|tick| told(&mut growths, tick).len()).sum();
        assert_eq!(first.len() + all, DOCUMENTS_MAX);
    }
}
