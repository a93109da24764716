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
        }
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
            | CloseReason::TooSlow => false,
        };
        if innocent {
            self.fail(format!("client {client} has done nothing wrong and is closed: {reason:?}"));
        }
    }

    /// The author has seen the answer to a SyncStep1 that it sent after these updates.
    pub(crate) fn promise(&mut self, document: usize, updates: &[Vec<u8>], coverage: &mut Coverage) {
        if !self.durable || updates.is_empty() {
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
    pub(crate) fn promise_clock(&mut self, document: usize, client: u64, clock: u32, coverage: &mut Coverage) {
        if self.durable {
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
