//! How often each interesting state came up, so that a simulation that has stopped reaching one of them fails. Knows only names.

use std::collections::BTreeMap;

/// What has to happen at least once over a normal run.
pub(crate) const WANTED: &[&str] = &[
    "awareness: client id contested",
    "awareness: waited for a window",
    "catch-up: from a state vector",
    "catch-up: from a sequence, after an overflow",
    "close: deleted",
    "close: dismissed",
    "close: document full",
    "close: documents full",
    "close: load failed",
    "close: refused",
    "close: sessions full",
    "close: too slow",
    "clock: jump",
    "compaction: squash",
    "compaction: smallest",
    "compaction: collect",
    "connection: cut",
    "connection: half dead",
    "connection: heartbeat",
    "connection: round trip measured",
    "connection: slow reader",
    "connection: stale",
    "disk: commit failed",
    "disk: full",
    "disk: failed sync",
    "disk: failed write",
    "disk: readers busy",
    "document: evicted",
    "document: hot",
    "document: loaded again",
    "errand: base",
    "errand: created",
    "errand: deleted",
    "errand: dismissed",
    "errand: done to what was meant",
    "errand: edited",
    "errand: edited again",
    "errand: edited as prepared",
    "errand: edited in parts",
    "errand: failed",
    "errand: inspected",
    "errand: not done to another",
    "errand: nothing to delete",
    "errand: nothing to replace",
    "errand: outdated",
    "errand: prepared for another",
    "errand: refused",
    "errand: replaced",
    "errand: undecided deletion",
    "errand: undecided edit in parts",
    "errand: was there",
    "late joiner",
    "limits: changed",
    "promise: by echo",
    "promise: by answer",
    "ring: seen in part",
    "server: crash with power loss",
    "server: killed",
    "session: author paused for its document's rate",
    "session: author paused for its rate",
    "session: paused",
    "session: paused for its awareness",
    "session: read only",
    "session: remote",
    "session: remote, of a hot document",
    "session: writer paused",
    "synced: with what was committed",
    "update: duplicate",
    "update: dropped while waiting",
    "update: refused",
    "update: taken in part",
    "update: denied",
    "update: not taken in a stall",
    "update: prepared",
    "update: prepared again",
    "update: waited",
    "update: waited for a window",
];

#[derive(Clone, Debug, Default)]
pub(crate) struct Coverage(BTreeMap<&'static str, u64>);

impl Coverage {
    pub(crate) fn count(&mut self, what: &'static str) {
        self.add(what, 1);
    }

    pub(crate) fn add(&mut self, what: &'static str, count: u64) {
        if count > 0 {
            *self.0.entry(what).or_default() += count;
        }
    }

    pub(crate) fn absorb(&mut self, other: &Self) {
        for (what, count) in &other.0 {
            self.add(what, *count);
        }
    }

    pub(crate) fn never(&self) -> Vec<&'static str> {
        WANTED.iter().copied().filter(|what| !self.0.contains_key(what)).collect()
    }

    pub(crate) fn print(&self) {
        for (what, count) in &self.0 {
            println!("{count:>10}  {what}");
        }
    }
}
