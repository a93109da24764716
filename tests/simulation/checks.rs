//! What must hold, and the books that it takes to know: what clients were promised, and the first thing that went wrong.

use std::collections::BTreeMap;

use selvedge_protocol::update::{self, Known, Limits, Verdict};
use selvedge_shards::{CloseReason, DocumentId};

use crate::coverage::Coverage;
use crate::disk::Disk;
use crate::network::Who;

/// Promises of one document are merged when there are so many.
const PROMISES_MAX: usize = 32;

#[derive(Debug)]
pub(crate) struct Checks {
    pub(crate) failure: Option<String>,
    /// Bytes of the largest message of a client.
    pub(crate) largest_message: usize,
    /// No crash takes back what the server once had, so that a hostile session may speak of it.
    pub(crate) nothing_is_forgotten: bool,
    /// A promise is only one where the `fsync` setting makes it one.
    durable: bool,
    /// By document: updates of which their authors were told that they are safe.
    updates: BTreeMap<usize, Vec<Vec<u8>>>,
    /// By document and client: clocks up to which its author has seen its own updates come back.
    clocks: BTreeMap<(usize, u64), u32>,
    /// By document: how often its deletion was begun or ended. Odd while it is under way. A promise counts only if it was made to somebody
    /// who came after the last of these, and so knows nothing of the document before.
    epochs: BTreeMap<usize, u64>,
    /// By document that is being deleted: what was promised before.
    suspended: BTreeMap<usize, Promises>,
}

/// What was promised of a document.
#[derive(Debug, Default)]
struct Promises {
    updates: Vec<Vec<u8>>,
    clocks: BTreeMap<u64, u32>,
}

impl Checks {
    pub(crate) fn new(durable: bool, nothing_is_forgotten: bool) -> Self {
        Self {
            failure: None,
            largest_message: 0,
            nothing_is_forgotten,
            durable,
            updates: BTreeMap::new(),
            clocks: BTreeMap::new(),
            epochs: BTreeMap::new(),
            suspended: BTreeMap::new(),
        }
    }

    pub(crate) fn epoch(&self, document: usize) -> u64 {
        self.epochs.get(&document).copied().unwrap_or_default()
    }

    pub(crate) fn is_deleting(&self, document: usize) -> bool {
        self.epoch(document) % 2 == 1
    }

    /// It was deleted, or may have been.
    pub(crate) fn was_deleted(&self, document: usize) -> bool {
        self.epoch(document) > 0
    }

    /// Somebody has asked for the end of a document: from here on nothing is sure of it until that is answered.
    pub(crate) fn begin_deletion(&mut self, document: usize) {
        *self.epochs.entry(document).or_default() += 1;
        let promises = self.take_promises(document);
        self.suspended.insert(document, promises);
    }

    /// The document is gone, or nothing was done.
    pub(crate) fn end_deletion(&mut self, document: usize, gone: bool) {
        *self.epochs.entry(document).or_default() += 1;
        let promises = self.suspended.remove(&document).unwrap_or_default();
        if !gone {
            self.updates.insert(document, promises.updates);
            self.clocks.extend(promises.clocks.into_iter().map(|(client, clock)| ((document, client), clock)));
        }
    }

    /// The server has died while a document was being deleted: it is wholly there or wholly gone.
    pub(crate) fn settle_deletion(&mut self, document: usize, disk: &Disk, name: &str) {
        self.end_deletion(document, false);
        match disk.state(DocumentId::of(name)) {
            None => drop(self.take_promises(document)),
            Some(state) => {
                let known = state.known().expect("what is stored is complete");
                if let Some(lost) = self.lost(document, &known) {
                    self.fail(format!("{name:?} is deleted in part: {lost}"));
                }
            }
        }
    }

    /// The server has died while a document was being replaced: it is wholly the old one or wholly the new one.
    pub(crate) fn settle_replacement(&mut self, document: usize, disk: &Disk, name: &str, is_done: bool) {
        self.end_deletion(document, is_done);
        if !is_done {
            let known =
                disk.state(DocumentId::of(name)).map(|state| state.known().expect("what is stored is complete"));
            if let Some(lost) = self.lost(document, &known.unwrap_or_default()) {
                self.fail(format!("{name:?} is replaced in part: {lost}"));
            }
        }
    }

    fn take_promises(&mut self, document: usize) -> Promises {
        let updates = self.updates.remove(&document).unwrap_or_default();
        let mut clocks = BTreeMap::new();
        self.clocks.retain(|&(of, client), &mut clock| {
            if of == document {
                clocks.insert(client, clock);
            }
            of != document
        });
        Promises { updates, clocks }
    }

    /// Whether what somebody was told of the document at that time still holds: a disk that is not synced may have lost it since.
    pub(crate) fn counts(&self, document: usize, epoch: u64) -> bool {
        self.durable && epoch == self.epoch(document) && !self.is_deleting(document)
    }

    pub(crate) fn fail(&mut self, what: String) {
        self.failure.get_or_insert(what);
    }

    /// The server has ended a session.
    pub(crate) fn closed(&mut self, who: Who, reason: &CloseReason, document_bytes_max: u64) {
        let Who::Client(client) = who else { return };
        let innocent = match reason {
            CloseReason::UpdateRefused(_) | CloseReason::AwarenessRefused(_) | CloseReason::StateVectorRefused(_) => {
                true
            }
            CloseReason::DocumentFull { .. } => document_bytes_max > 1 << 20,
            CloseReason::LoadFailed(_)
            | CloseReason::SessionsFull { .. }
            | CloseReason::DocumentsFull { .. }
            | CloseReason::TooSlow
            | CloseReason::Deleted
            | CloseReason::Dismissed => false,
        };
        if innocent {
            self.fail(format!("client {client} has done nothing wrong and is closed: {reason:?}"));
        }
    }

    /// The author has seen the answer to a SyncStep1 that it sent after these updates.
    pub(crate) fn promise(&mut self, document: usize, epoch: u64, updates: &[Vec<u8>], coverage: &mut Coverage) {
        if !self.counts(document, epoch) || updates.is_empty() {
            return;
        }
        coverage.count("promise: by answer");
        let promised = self.updates.entry(document).or_default();
        promised.extend_from_slice(updates);
        if promised.len() > PROMISES_MAX {
            let merged = update::merge(promised).expect("what clients send can be merged");
            *promised = vec![merged];
        }
    }

    /// The author has seen its own structs below this clock come back.
    pub(crate) fn promise_clock(
        &mut self,
        document: usize,
        epoch: u64,
        (client, clock): (u64, u32),
        coverage: &mut Coverage,
    ) {
        if self.counts(document, epoch) {
            coverage.count("promise: by echo");
            let promised = self.clocks.entry((document, client)).or_default();
            *promised = clock.max(*promised);
        }
    }

    /// Everything promised is stored. To be asked when the server is down.
    pub(crate) fn verify(&mut self, disk: &Disk, documents: &[String]) {
        for (number, name) in documents.iter().enumerate() {
            let known =
                disk.state(DocumentId::of(name)).map(|state| state.known().expect("what is stored is complete"));
            let known = known.unwrap_or_default();
            if let Some(lost) = self.lost(number, &known) {
                self.fail(format!("{name:?} has lost what its author was told is stored: {lost}"));
            }
        }
    }

    fn lost(&self, document: usize, known: &Known) -> Option<String> {
        for (&(_, client), &clock) in self.clocks.range((document, 0)..=(document, u64::MAX)) {
            let stored = known.clocks().clock(client);
            if stored < clock {
                return Some(format!("client {client} saw its updates up to {clock}, {stored} are there"));
            }
        }
        for promised in self.updates.get(&document).into_iter().flatten() {
            match update::accept(known, promised, &Limits::UNLIMITED) {
                Verdict::Duplicate => {}
                verdict @ (Verdict::Accepted(_) | Verdict::Missing { .. } | Verdict::Refused(_)) => {
                    return Some(format!("an update of {} bytes is {verdict:?}", promised.len()));
                }
            }
        }
        None
    }
}
