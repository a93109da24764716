//! Documents' states that were read, under one budget: what was not used for longest goes first. Does not know where they come from.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use selvedge_shards::DocumentId;
use selvedge_shards::reading::State;

/// Counted for each state beside its bytes.
pub const CACHED_OVERHEAD_BYTES: usize = 256;

/// The states. Readers that hold one while it goes keep it alive; each holds one at most.
#[derive(Debug)]
pub(super) struct Cache {
    bytes_max: usize,
    /// Invariant: the sum of the entries' sizes, and at most `bytes_max`.
    bytes: usize,
    entries: HashMap<DocumentId, Entry>,
    /// Invariant: one for each entry, by its `used`.
    order: BTreeMap<u64, DocumentId>,
    uses: u64,
    lookups: Lookups,
}

/// How often a document was looked for that somebody needed. Numbers that only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lookups {
    /// It was there.
    pub hits: u64,
    /// It had to be read.
    pub misses: u64,
}

#[derive(Debug)]
struct Entry {
    state: Arc<State>,
    used: u64,
}

impl Cache {
    pub(super) fn new(bytes_max: usize) -> Self {
        Self {
            bytes_max,
            bytes: 0,
            entries: HashMap::new(),
            order: BTreeMap::new(),
            uses: 0,
            lookups: Lookups::default(),
        }
    }

    /// The state of a document, which counts as used.
    pub(super) fn find(&mut self, document: DocumentId) -> Option<Arc<State>> {
        let Some(entry) = self.entries.get_mut(&document) else {
            self.lookups.misses += 1;
            return None;
        };
        self.lookups.hits += 1;
        self.order.remove(&entry.used);
        self.uses += 1;
        entry.used = self.uses;
        self.order.insert(entry.used, document);
        Some(Arc::clone(&entry.state))
    }

    /// Keeps the state instead of what was kept of the document; unless it is larger than the whole budget.
    pub(super) fn insert(&mut self, document: DocumentId, state: Arc<State>) {
        self.remove(document);
        let bytes = size(&state);
        if bytes > self.bytes_max {
            return;
        }
        while self.bytes + bytes > self.bytes_max {
            let (_, &oldest) = self.order.first_key_value().expect("what takes up room is in the order");
            self.remove(oldest);
        }
        self.bytes += bytes;
        self.uses += 1;
        self.order.insert(self.uses, document);
        self.entries.insert(document, Entry { state, used: self.uses });
    }

    pub(super) fn remove(&mut self, document: DocumentId) {
        if let Some(entry) = self.entries.remove(&document) {
            self.order.remove(&entry.used);
            self.bytes -= size(&entry.state);
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn lookups(&self) -> Lookups {
        self.lookups
    }
}

fn size(state: &State) -> usize {
    state.update().len() + CACHED_OVERHEAD_BYTES
}
