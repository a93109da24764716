//! What a memory store holds, what of it is durable, and what survives. Does not know who calls it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::{
    Append, Corruption, Deletion, Description, DocumentKey, Durability, Listed, Listing, NewVersion, Outline, Record,
    StoreError, Stored, Version,
};

/// What a key costs on the made-up disk beside its value.
const KEY_BYTES: u64 = 24;

pub(super) struct Disk {
    /// What reads see.
    visible: Contents,
    /// What no crash takes back. Invariant: `visible` is this with `unsynced` applied, in order.
    durable: Contents,
    unsynced: VecDeque<Change>,
    /// The change whose write or sync failed: it may yet turn out to have been written. Invariant: none while
    /// `failure` is none.
    undecided: Option<Change>,
    failure: Option<Failure>,
    corrupt: BTreeSet<(DocumentKey, u64)>,
    random: SplitMix64,
    pub(super) plan: Plan,
}

/// The failures to come.
#[derive(Default)]
pub(super) struct Plan {
    pub(super) writes: u32,
    pub(super) syncs: u32,
    pub(super) reads: u32,
    pub(super) capacity_bytes: Option<u64>,
}

/// Why writes are refused.
#[derive(Clone, Copy)]
enum Failure {
    Write,
    Sync,
    /// This many bytes found no room.
    Full {
        bytes: u64,
    },
}

/// One write batch.
#[derive(Clone)]
pub(super) enum Change {
    Append(Vec<OwnedAppend>),
    Snapshot {
        document: DocumentKey,
        snapshot: Record,
    },
    /// Documents that go, and the first records of those that come.
    Delete {
        gone: Vec<DocumentKey>,
        successors: Vec<OwnedAppend>,
    },
    KeepVersion {
        document: DocumentKey,
        version: Version,
        update: Vec<u8>,
    },
    DropVersions {
        document: DocumentKey,
        ids: Vec<u64>,
    },
}

#[derive(Clone)]
pub(super) struct OwnedAppend {
    document: DocumentKey,
    name: String,
    record: Record,
}

#[derive(Clone, Default)]
struct Contents {
    documents: BTreeMap<DocumentKey, Document>,
    bytes: u64,
    /// Documents and versions that were ever made: what stands for the time.
    made: u64,
}

#[derive(Clone, Default)]
struct Document {
    /// Comes with sequence 1; none where only later ones were appended, which is the caller's mistake.
    name: Option<String>,
    snapshot: Option<Record>,
    log: BTreeMap<u64, Vec<u8>>,
    versions: BTreeMap<u64, (Version, Vec<u8>)>,
    /// What stands for the time at which it was made: no two documents have the same.
    created_ms: u64,
}

impl Disk {
    pub(super) fn new(seed: u64) -> Disk {
        Disk {
            visible: Contents::default(),
            durable: Contents::default(),
            unsynced: VecDeque::new(),
            undecided: None,
            failure: None,
            corrupt: BTreeSet::new(),
            random: SplitMix64(seed),
            plan: Plan::default(),
        }
    }

    pub(super) fn write(&mut self, change: Change, durability: Durability) -> Result<(), StoreError> {
        self.check_writable()?;
        let bytes = change.bytes();
        if !self.has_room(bytes) {
            return self.fail(Failure::Full { bytes });
        }
        if take(&mut self.plan.writes) {
            self.undecided = Some(change);
            return self.fail(Failure::Write);
        }
        match durability {
            Durability::Written => {
                self.accept(change);
                Ok(())
            }
            Durability::Synced if take(&mut self.plan.syncs) => {
                self.undecided = Some(change);
                self.fail(Failure::Sync)
            }
            Durability::Synced => {
                self.accept(change);
                self.make_durable();
                Ok(())
            }
        }
    }

    pub(super) fn sync(&mut self) -> Result<(), StoreError> {
        self.check_writable()?;
        if take(&mut self.plan.syncs) {
            return self.fail(Failure::Sync);
        }
        self.make_durable();
        Ok(())
    }

    pub(super) fn load(&mut self, document: DocumentKey) -> Result<Option<Stored>, StoreError> {
        self.check_readable()?;
        let Some(stored) = self.visible.documents.get(&document) else { return Ok(None) };
        let name = stored.name(document)?;
        let snapshot_sequence = stored.snapshot.as_ref().map_or(0, |snapshot| snapshot.sequence);
        if let Some(snapshot) = &stored.snapshot {
            self.check_intact(document, snapshot.sequence)?;
        }
        let log = self.log_after(document, stored, snapshot_sequence)?;
        if snapshot_sequence == 0 && log.is_empty() {
            return Err(StoreError::Corrupt { document, sequence: 1, why: Corruption::Missing });
        }
        let created_ms = stored.created_ms;
        Ok(Some(Stored { name: name.to_owned(), created_ms, snapshot: stored.snapshot.clone(), log }))
    }

    pub(super) fn tail(&mut self, document: DocumentKey, after: u64) -> Result<Option<Vec<Record>>, StoreError> {
        self.check_readable()?;
        match self.visible.documents.get(&document) {
            None => Ok(Some(Vec::new())),
            Some(Document { snapshot: Some(snapshot), .. }) if after < snapshot.sequence => Ok(None),
            Some(stored) => {
                stored.name(document)?;
                self.log_after(document, stored, after).map(Some)
            }
        }
    }

    pub(super) fn list(&mut self, listing: Listing<'_>) -> Result<Vec<Listed>, StoreError> {
        self.check_readable()?;
        let Listing { prefix, after, limit } = listing;
        let documents = self.visible.documents.values();
        let named = documents.filter_map(|document| Some((document.name.as_deref()?, document)));
        let sorted: BTreeMap<&str, &Document> = named.filter(|(name, _)| name.starts_with(prefix)).collect();
        let behind = sorted.into_iter().filter(|&(name, _)| after.is_none_or(|after| name > after));
        let listed =
            |(name, document): (&str, &Document)| Listed { name: name.to_owned(), outline: Some(document.outline()) };
        Ok(behind.take(limit).map(listed).collect())
    }

    pub(super) fn describe(&mut self, document: DocumentKey) -> Result<Option<Description>, StoreError> {
        let Some(Stored { name, snapshot, log, .. }) = self.load(document)? else { return Ok(None) };
        let outline = self.visible.documents.get(&document).map(Document::outline).unwrap_or_default();
        let sequence = log.last().or(snapshot.as_ref()).map_or(0, |last| last.sequence);
        let log_bytes = log.iter().map(|record| record.update.len() as u64).sum();
        let updated_ms = outline.created_ms;
        Ok(Some(Description { name, outline, sequence, log_records: log.len() as u64, log_bytes, updated_ms }))
    }

    pub(super) fn contains(&mut self, document: DocumentKey) -> Result<bool, StoreError> {
        self.check_readable()?;
        Ok(self.visible.documents.contains_key(&document))
    }

    pub(super) fn keep_version(&mut self, new: NewVersion<'_>) -> Result<Version, StoreError> {
        let NewVersion { document, created_ms, name, author, is_automatic, sequence, update } = new;
        let stored = self.visible.documents.get(&document).filter(|stored| stored.created_ms == created_ms);
        let stored = stored.ok_or(StoreError::Unknown { document })?;
        let last = stored.versions.last_key_value().map_or(0, |(&last, _)| last);
        let id = (last + 1).max(self.visible.made + 1);
        let (name, author) = (name.to_owned(), author.map(str::to_owned));
        let version = Version { id, name, author, taken_ms: id, sequence, bytes: update.len() as u64, is_automatic };
        let change = Change::KeepVersion { document, version: version.clone(), update: update.to_vec() };
        self.write(change, Durability::Synced)?;
        Ok(version)
    }

    pub(super) fn versions(&mut self, document: DocumentKey) -> Result<Vec<Version>, StoreError> {
        self.check_readable()?;
        let versions = self.visible.documents.get(&document).into_iter().flat_map(|stored| stored.versions.values());
        Ok(versions.map(|(version, _)| version.clone()).collect())
    }

    pub(super) fn version(&mut self, document: DocumentKey, id: u64) -> Result<Option<(Version, Vec<u8>)>, StoreError> {
        self.check_readable()?;
        Ok(self.visible.documents.get(&document).and_then(|stored| stored.versions.get(&id)).cloned())
    }

    /// The sequence of a document's snapshot; `None` where it has none.
    pub(super) fn snapshot_sequence(&self, document: DocumentKey) -> Result<Option<u64>, StoreError> {
        let stored = self.visible.documents.get(&document).filter(|stored| stored.name.is_some());
        let stored = stored.ok_or(StoreError::Unknown { document })?;
        Ok(stored.snapshot.as_ref().map(|snapshot| snapshot.sequence))
    }

    pub(super) fn recover(&mut self) -> Result<(), StoreError> {
        let Some(failure) = self.failure else { return Ok(()) };
        match failure {
            Failure::Full { bytes } if !self.has_room(bytes) => return Err(failure.error()),
            Failure::Full { .. } | Failure::Write | Failure::Sync => {}
        }
        if take(&mut self.plan.writes) {
            return Err(Failure::Write.error());
        }
        if take(&mut self.plan.syncs) {
            return Err(Failure::Sync.error());
        }
        match failure {
            // The kernel has what came before.
            Failure::Full { .. } | Failure::Write => {
                let undecided = self.undecided.take().filter(|_| self.random.below(2) == 1);
                if let Some(change) = undecided {
                    self.accept(change);
                }
            }
            // The kernel may have dropped what it could not write.
            Failure::Sync => self.forget_unsynced(),
        }
        self.failure = None;
        Ok(())
    }

    pub(super) fn crash(&mut self) {
        self.forget_unsynced();
        self.make_durable();
        self.failure = None;
        self.plan = Plan { capacity_bytes: self.plan.capacity_bytes, ..Plan::default() };
    }

    pub(super) fn corrupt(&mut self, document: DocumentKey, sequence: u64) {
        self.corrupt.insert((document, sequence));
    }

    /// Keeps any number of the first of what is not durable.
    fn forget_unsynced(&mut self) {
        let mut changes = std::mem::take(&mut self.unsynced);
        changes.extend(self.undecided.take());
        changes.truncate(self.random.below(changes.len() + 1));
        self.visible = self.durable.clone();
        for change in changes {
            self.accept(change);
        }
    }

    fn accept(&mut self, change: Change) {
        for written in change.written() {
            self.corrupt.remove(&written);
        }
        match &change {
            Change::Snapshot { document, snapshot } => {
                self.corrupt.retain(|(damaged, sequence)| damaged != document || *sequence > snapshot.sequence);
            }
            Change::Delete { gone, .. } => self.corrupt.retain(|(damaged, _)| !gone.contains(damaged)),
            Change::Append(_) | Change::KeepVersion { .. } | Change::DropVersions { .. } => {}
        }
        self.visible.apply(&change);
        self.unsynced.push_back(change);
    }

    fn make_durable(&mut self) {
        for change in self.unsynced.drain(..) {
            self.durable.apply(&change);
        }
    }

    fn fail(&mut self, failure: Failure) -> Result<(), StoreError> {
        self.failure = Some(failure);
        Err(failure.error())
    }

    fn check_writable(&self) -> Result<(), StoreError> {
        self.failure.map_or(Ok(()), |failure| Err(failure.error()))
    }

    fn check_readable(&mut self) -> Result<(), StoreError> {
        if take(&mut self.plan.reads) { Err(StoreError::Io { why: "ordered read failure".to_owned() }) } else { Ok(()) }
    }

    fn check_intact(&self, document: DocumentKey, sequence: u64) -> Result<(), StoreError> {
        if self.corrupt.contains(&(document, sequence)) {
            return Err(StoreError::Corrupt { document, sequence, why: Corruption::Checksum });
        }
        Ok(())
    }

    fn has_room(&self, bytes: u64) -> bool {
        self.plan.capacity_bytes.is_none_or(|capacity| self.visible.bytes.saturating_add(bytes) <= capacity)
    }

    fn log_after(&self, document: DocumentKey, stored: &Document, after: u64) -> Result<Vec<Record>, StoreError> {
        let Some(first) = after.checked_add(1) else { return Ok(Vec::new()) };
        let mut log = Vec::new();
        for (expected, (&sequence, update)) in (first..).zip(stored.log.range(first..)) {
            if sequence != expected {
                return Err(StoreError::Corrupt { document, sequence: expected, why: Corruption::Missing });
            }
            self.check_intact(document, sequence)?;
            log.push(Record { sequence, update: update.clone() });
        }
        Ok(log)
    }
}

impl Change {
    pub(super) fn append(records: &[Append<'_>]) -> Change {
        Change::Append(records.iter().map(OwnedAppend::of).collect())
    }

    pub(super) fn snapshot(document: DocumentKey, sequence: u64, update: &[u8]) -> Change {
        Change::Snapshot { document, snapshot: Record { sequence, update: update.to_vec() } }
    }

    pub(super) fn delete(documents: &[Deletion<'_>]) -> Change {
        let successors = documents.iter().flat_map(|deletion| deletion.appends());
        Change::Delete {
            gone: documents.iter().map(|deletion| deletion.document).collect(),
            successors: successors.map(|append| OwnedAppend::of(&append)).collect(),
        }
    }

    fn bytes(&self) -> u64 {
        match self {
            Change::Append(appends) => appends.iter().map(|append| cost(&append.record.update)).sum(),
            Change::Snapshot { snapshot, .. } => cost(&snapshot.update),
            Change::Delete { gone, successors } => {
                let successors: u64 = successors.iter().map(|append| cost(&append.record.update)).sum();
                KEY_BYTES * gone.len() as u64 + successors
            }
            Change::KeepVersion { update, .. } => cost(update),
            Change::DropVersions { ids, .. } => KEY_BYTES * ids.len() as u64,
        }
    }

    fn written(&self) -> Vec<(DocumentKey, u64)> {
        match self {
            Change::Append(appends) => appends.iter().map(|append| (append.document, append.record.sequence)).collect(),
            Change::Snapshot { document, snapshot } => vec![(*document, snapshot.sequence)],
            Change::Delete { .. } | Change::KeepVersion { .. } | Change::DropVersions { .. } => Vec::new(),
        }
    }
}

impl OwnedAppend {
    fn of(append: &Append<'_>) -> Self {
        Self {
            document: append.document,
            name: append.name.to_owned(),
            record: Record { sequence: append.sequence, update: append.update.to_vec() },
        }
    }
}

impl Contents {
    fn apply(&mut self, change: &Change) {
        match change {
            Change::Append(appends) => appends.iter().for_each(|append| self.apply_append(append)),
            Change::Snapshot { document, snapshot } => self.apply_snapshot(*document, snapshot),
            Change::Delete { gone, successors } => {
                gone.iter().for_each(|document| self.apply_deletion(*document));
                successors.iter().for_each(|append| self.apply_append(append));
            }
            Change::KeepVersion { document, version, update } => {
                self.made = self.made.max(version.id);
                let Some(stored) = self.documents.get_mut(document) else { return };
                self.bytes += cost(update);
                stored.versions.insert(version.id, (version.clone(), update.clone()));
            }
            Change::DropVersions { document, ids } => {
                let Some(stored) = self.documents.get_mut(document) else { return };
                for (_, update) in ids.iter().filter_map(|id| stored.versions.remove(id)).collect::<Vec<_>>() {
                    self.bytes -= cost(&update);
                }
            }
        }
    }

    fn apply_deletion(&mut self, document: DocumentKey) {
        let Some(gone) = self.documents.remove(&document) else { return };
        let snapshot = gone.snapshot.iter().map(|snapshot| cost(&snapshot.update));
        let versions = gone.versions.values().map(|(_, update)| cost(update));
        self.bytes -= gone.log.values().map(|update| cost(update)).chain(snapshot).chain(versions).sum::<u64>();
    }

    fn apply_append(&mut self, append: &OwnedAppend) {
        let made = &mut self.made;
        let document = self.documents.entry(append.document).or_insert_with(|| {
            *made += 1;
            Document { created_ms: *made, ..Document::default() }
        });
        if append.record.sequence == 1 {
            document.name.get_or_insert_with(|| append.name.clone());
        }
        let snapshot_sequence = document.snapshot.as_ref().map_or(0, |snapshot| snapshot.sequence);
        if append.record.sequence <= snapshot_sequence {
            return;
        }
        let replaced = document.log.insert(append.record.sequence, append.record.update.clone());
        self.bytes += cost(&append.record.update);
        self.bytes -= replaced.map_or(0, |update| cost(&update));
    }

    fn apply_snapshot(&mut self, document: DocumentKey, snapshot: &Record) {
        let stored = self.documents.get_mut(&document).expect("a snapshot is taken of a document that exists");
        let kept = match snapshot.sequence.checked_add(1) {
            Some(next) => stored.log.split_off(&next),
            None => BTreeMap::new(),
        };
        let trimmed = std::mem::replace(&mut stored.log, kept);
        let replaced = stored.snapshot.replace(snapshot.clone());
        self.bytes += cost(&snapshot.update);
        self.bytes -= trimmed.values().map(|update| cost(update)).sum::<u64>();
        self.bytes -= replaced.map_or(0, |older| cost(&older.update));
    }
}

impl Document {
    fn outline(&self) -> Outline {
        Outline {
            created_ms: self.created_ms,
            snapshot_sequence: self.snapshot.as_ref().map_or(0, |snapshot| snapshot.sequence),
            snapshot_bytes: self.snapshot.as_ref().map_or(0, |snapshot| snapshot.update.len() as u64),
            snapshot_ms: 0,
        }
    }

    fn name(&self, document: DocumentKey) -> Result<&str, StoreError> {
        self.name.as_deref().ok_or(StoreError::Corrupt { document, sequence: 0, why: Corruption::Missing })
    }
}

impl Failure {
    fn error(self) -> StoreError {
        match self {
            Failure::Write => StoreError::Io { why: "ordered write failure".to_owned() },
            Failure::Sync => StoreError::Io { why: "ordered sync failure".to_owned() },
            Failure::Full { .. } => StoreError::Full,
        }
    }
}

fn cost(update: &[u8]) -> u64 {
    KEY_BYTES + update.len() as u64
}

/// Counts an ordered failure down; true where there was one.
fn take(count: &mut u32) -> bool {
    let due = *count > 0;
    *count = count.saturating_sub(1);
    due
}

/// Steele, Lea and Flood's generator: small, seedable, and good enough to choose.
struct SplitMix64(u64);

impl SplitMix64 {
    /// A number below `bound`, which is not 0.
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        (mixed % bound as u64) as usize
    }
}
