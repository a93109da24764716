//! What threads without a core (the persister, the readers) tell a core. Does not know what they did.

use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use selvedge_shards::reading::{CaughtUp, Loaded, ReadFailed};
use selvedge_shards::{DocumentId, Input, Judged, Sequence};

use crate::auth::Authority;
use crate::close::Goodbye;
use crate::documents::Request;
use crate::doorbell::Doorbell;
use crate::driver::ConnectionKey;
use crate::reactor::NewRules;

/// Hands a note to the core of this number. Never waits for the core.
pub type Deliver = Arc<dyn Fn(usize, Note) + Send + Sync>;

/// One thing that a core is told. [`Note::visit`] knows which are inputs of its shard as they are; the core deals with the others.
#[derive(Debug)]
pub enum Note {
    /// Records up to these are durable.
    Committed(Vec<(DocumentId, Sequence)>),
    /// Nothing of these documents is stored any more.
    Deleted(Vec<DocumentId>),
    /// Writing fails; what is to be written is kept and tried again.
    CommitFailed(Arc<str>),
    /// Answer to [`selvedge_shards::Effect::Load`].
    Loaded {
        /// The document that was asked for.
        document: DocumentId,
        /// What is stored, or why it cannot be read.
        result: Result<Box<Loaded>, ReadFailed>,
    },
    /// Answer to [`selvedge_shards::Effect::Prepare`].
    Prepared {
        /// The document.
        document: DocumentId,
        /// As in the effect.
        job: u64,
        /// What comes of it.
        judged: Box<Judged>,
    },
    /// Answer to [`selvedge_shards::Effect::CatchUp`].
    CaughtUp {
        /// The document that was asked for.
        document: DocumentId,
        /// As in the effect.
        job: u64,
        /// Frames to send, or why there are none.
        result: Result<CaughtUp, ReadFailed>,
    },
    /// Answer to [`selvedge_shards::Effect::Snapshot`].
    SnapshotTaken {
        /// The document.
        document: DocumentId,
        /// The sequence the snapshot reaches to, and the bytes it has; or why there is none.
        result: Result<(Sequence, u64), ReadFailed>,
    },
    /// Keys or revocations have changed: who is asked from here on.
    Authority(Arc<Authority>),
    /// Limits are others from here on.
    Rules(Box<NewRules>),
    /// Somebody has to go.
    Farewell(Farewell),
    /// The control plane wants something.
    Errand(Box<Request>),
}

/// A connection, or one session on it, has to go.
#[derive(Debug)]
pub struct Farewell {
    /// One that is gone already is ignored.
    pub connection: ConnectionKey,
    /// Which of several sessions on the connection; `None` for all of it.
    pub session: Option<u32>,
    /// What its client is told.
    pub goodbye: Goodbye,
}

impl Note {
    /// Shows the inputs that the note stands for, in order.
    pub fn visit(self, visit: &mut dyn FnMut(Input<'static>)) {
        match self {
            Self::Committed(commits) => {
                for (document, sequence) in commits {
                    visit(Input::Committed { document, sequence });
                }
            }
            Self::Deleted(documents) => {
                for document in documents {
                    visit(Input::Deleted { document });
                }
            }
            Self::CommitFailed(reason) => visit(Input::CommitFailed { reason }),
            Self::Loaded { document, result } => visit(Input::Loaded { document, result }),
            Self::Prepared { document, job, judged } => visit(Input::Prepared { document, job, judged }),
            Self::CaughtUp { document, job, result } => visit(Input::CaughtUp { document, job, result }),
            Self::SnapshotTaken { document, result } => visit(Input::SnapshotTaken { document, result }),
            // The core's, not its shard's.
            Self::Authority(_) | Self::Rules(_) | Self::Farewell(_) | Self::Errand(_) => {}
        }
    }
}

/// The notes of one core that it has not taken yet.
///
/// Bounded by what the core asked for: every note but [`Note::CommitFailed`], [`Note::Authority`], [`Note::Rules`], [`Note::Farewell`] and
/// [`Note::Errand`] answers an append, a deletion, a load, a catch-up, a snapshot or a large update, and those who answer bound what they take in; of the first three
/// only the latest in a row is kept, and there is one farewell for each session that goes for another one, or is revoked; and [`Request`]s hold a
/// place each, of which there are only so many.
#[derive(Debug, Default)]
pub struct Inbox {
    notes: Mutex<Vec<Note>>,
    /// There may be notes. Saves the lock in the turns without any, which are most.
    filled: AtomicBool,
    doorbell: Arc<Doorbell>,
}

impl Inbox {
    /// An inbox whose core is woken by this bell.
    #[must_use]
    pub fn new(doorbell: Arc<Doorbell>) -> Self {
        Self { doorbell, ..Self::default() }
    }

    /// Queues the note, and wakes the core if it sleeps.
    pub fn push(&self, note: Note) {
        {
            let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
            match (notes.last_mut(), note) {
                (Some(Note::CommitFailed(last)), Note::CommitFailed(reason)) => *last = reason,
                (Some(Note::Authority(last)), Note::Authority(authority)) => *last = authority,
                (Some(Note::Rules(last)), Note::Rules(rules)) => *last = rules,
                (_, note) => notes.push(note),
            }
            self.filled.store(true, Ordering::Release);
        }
        self.doorbell.ring();
    }

    /// There is nothing to take.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.filled.load(Ordering::Acquire)
    }

    /// Takes all notes, in the order in which they came; `taken` is empty before and keeps its room for the next time.
    pub fn take(&self, taken: &mut Vec<Note>) {
        debug_assert!(taken.is_empty(), "what was taken before is handled before more is taken");
        if self.is_empty() {
            return;
        }
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        self.filled.store(false, Ordering::Release);
        mem::swap(&mut *notes, taken);
    }
}

/// The way into all inboxes, one for each core.
#[must_use]
pub fn deliver(inboxes: Arc<[Inbox]>) -> Deliver {
    Arc::new(move |core, note| inboxes[core].push(note))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_come_out_in_order_and_failures_do_not_pile_up() {
        let inboxes: Arc<[Inbox]> = (0..2).map(|_| Inbox::default()).collect();
        let deliver = deliver(Arc::clone(&inboxes));
        let document = DocumentId([1; 16]);
        for attempt in 0..1000 {
            deliver(1, Note::CommitFailed(format!("attempt {attempt}").into()));
        }
        deliver(1, Note::Committed(vec![(document, Sequence(7)), (document, Sequence(8))]));
        assert!(inboxes[0].is_empty());

        let mut taken = Vec::new();
        inboxes[1].take(&mut taken);
        assert!(inboxes[1].is_empty());
        let mut seen = Vec::new();
        for note in taken {
            note.visit(&mut |input| seen.push(format!("{input:?}")));
        }
        assert_eq!(seen.len(), 3);
        assert!(seen[0].contains("attempt 999"), "{seen:?}");
        assert!(seen[1].contains("Sequence(7)") && seen[2].contains("Sequence(8)"), "{seen:?}");
    }
}
