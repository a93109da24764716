//! RocksDB, opened: the documents in its column families. Does not know when writes are refused, nor how it is reopened.

use std::{path::Path, thread, time::Duration};

use rocksdb::checkpoint::Checkpoint;
use rocksdb::{
    ColumnFamily, ColumnFamilyDescriptor, DB, DEFAULT_COLUMN_FAMILY_NAME, Direction, ErrorKind, IteratorMode, Options,
    ReadOptions, Snapshot, WriteBatch, WriteOptions,
};

use super::{Figures, Found, RocksOptions, directory, figures, keys};
use crate::{
    Append, Corruption, Description, DocumentKey, Durability, Outline, Record, StoreError, Stored,
    record::{self, Logged, Meta, SnapshotMeta},
};

pub(super) const LOG: &str = "log";
pub(super) const SNAPSHOT: &str = "snapshot";
pub(super) const META: &str = "meta";
pub(super) const NAMES: &str = "names";
pub(super) const VERSION: &str = "version";
pub(super) const VERSION_PART: &str = "version part";
/// In the default column family: the format as a little-endian u32, as in the directory's marker.
const FORMAT_KEY: &[u8] = b"format";

/// The bytes of a snapshot in one value. RocksDB reads, checks, compresses and caches values whole: parts keep what it
/// allocates at once small, and a snapshot is never in memory twice while it is read.
pub(super) const PART_BYTES: usize = 256 << 10;

/// What a batch takes for each record beside the update: keys, archive, checksum and RocksDB's own framing.
const RECORD_OVERHEAD_BYTES: usize = 64;

/// How long a refused write waits before it is tried again.
const STALL_PAUSE: Duration = Duration::from_millis(10);

/// As many records are removed one by one; more as a range. Reads begin behind them either way. But every read of a
/// column family weighs all ranges that its memtable holds, and with many documents there would be one for each snapshot.
pub(super) const TRIM_POINTS_MAX: u64 = 4096;

pub(super) struct Database {
    pub(super) db: DB,
    /// Those that it was opened with: they count what it does.
    settings: Options,
}

/// What a database is opened for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// For reading and writing; made where it is missing.
    Create,
    /// For reading and writing, though an earlier build may have written it: what that did not have is made.
    Upgrade,
    /// For reading and writing.
    Write,
    /// For reading, without changing anything on the disk.
    Read,
}

/// When records are written.
#[derive(Clone, Copy)]
pub(super) struct WrittenAt {
    /// By this machine's clock, in milliseconds since 1970.
    pub(super) now_ms: u64,
    /// That of documents which begin with them.
    pub(super) created_ms: u64,
}

/// Whether RocksDB merges its files as they become many.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Merging {
    Automatic,
    /// Because one is damaged: each attempt fails there, and RocksDB then takes no writes, of whatever document. Without merging, reads
    /// become slower with time, and nothing else happens.
    Never,
}

impl Database {
    pub(super) fn open(
        path: &Path,
        options: &RocksOptions,
        access: Access,
        merging: Merging,
    ) -> Result<Database, StoreError> {
        let cache = options.cache();
        let names = [DEFAULT_COLUMN_FAMILY_NAME, LOG, SNAPSHOT, META, NAMES, VERSION, VERSION_PART];
        let settings = options.database(access);
        // A store of an earlier build that is only looked at has fewer.
        let present = match access {
            Access::Read => DB::list_cf(&settings, path).map_err(|error| opening(path, &error))?,
            Access::Create | Access::Upgrade | Access::Write => Vec::new(),
        };
        let wanted = names.into_iter().filter(|name| present.is_empty() || present.iter().any(|other| other == name));
        let families = wanted.map(|name| {
            // Whether a document is new is asked of `meta`, and the answer is often yes.
            ColumnFamilyDescriptor::new(name, options.column_family(&cache, name == META, merging))
        });
        let opened = match access {
            Access::Create | Access::Upgrade | Access::Write => DB::open_cf_descriptors(&settings, path, families),
            Access::Read => DB::open_cf_descriptors_read_only(&settings, path, families, false),
        };
        let database = Database { db: opened.map_err(|error| opening(path, &error))?, settings };
        database.check_format(path, access)?;
        Ok(database)
    }

    /// How it is, and what it has done since it was opened.
    pub(super) fn figures(&self) -> Figures {
        figures::figures(&self.db, &self.settings, self.db.path())
    }

    /// Bytes that are in no table file yet, but in memory and in logs. Of a database that is open for reading these are all that its logs hold beside
    /// what is in table files.
    pub(super) fn unsorted_bytes(&self) -> u64 {
        figures::unsorted_bytes(&self.db)
    }

    /// Writes all records in one batch.
    pub(super) fn append(
        &self,
        records: &[Append<'_>],
        durability: Durability,
        at: WrittenAt,
        stalled: impl Fn(u32) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let bytes = records.iter().map(|record| record.update.len() + RECORD_OVERHEAD_BYTES).sum();
        let mut batch = WriteBatch::with_capacity_bytes(bytes);
        let mut value = Vec::new();
        for append in records {
            let is_first = append.sequence == 1 && self.is_new(append.document)?;
            self.put_record(&mut batch, append, is_first, at, &mut value);
        }
        self.commit(batch, durability, stalled)
    }

    /// `is_first`: with it begins a document. `value` is room to write in.
    pub(super) fn put_record(
        &self,
        batch: &mut WriteBatch,
        append: &Append<'_>,
        is_first: bool,
        at: WrittenAt,
        value: &mut Vec<u8>,
    ) {
        let &Append { document, name, sequence, update } = append;
        if is_first {
            let meta = Meta { name: name.to_owned(), created_ms: at.created_ms, snapshot: None };
            record::encode_meta(document, &meta, value);
            batch.put_cf(self.family(META), document.0, &*value);
            self.put_name(batch, name, document, value);
        }
        record::encode_log(document, sequence, Logged { update, written_ms: at.now_ms }, value);
        batch.put_cf(self.family(LOG), keys::log(document, sequence), &*value);
    }

    /// The batch that puts a snapshot in place of the older one and of the records in it; `None` where the stored one is
    /// as new.
    pub(super) fn prepare_snapshot(
        &self,
        document: DocumentKey,
        sequence: u64,
        update: &[u8],
        now_ms: u64,
    ) -> Result<Option<WriteBatch>, StoreError> {
        let mut meta = self.meta(document)?.ok_or(StoreError::Unknown { document })?;
        let (older_sequence, older_parts) = meta.snapshot.map_or((0, 0), |older| (older.sequence, older.parts));
        if sequence <= older_sequence {
            return Ok(None);
        }
        let mut batch = WriteBatch::with_capacity_bytes(update.len() + update.len() / 64 + 4096);
        let mut value = Vec::with_capacity(update.len().min(PART_BYTES) + RECORD_OVERHEAD_BYTES);
        let mut parts = 0_u32;
        for bytes in update.chunks(PART_BYTES) {
            record::encode_snapshot_part(document, sequence, parts, bytes, &mut value);
            batch.put_cf(self.family(SNAPSHOT), keys::snapshot_part(document, parts), &value);
            parts += 1;
        }
        for part in parts..older_parts {
            batch.delete_cf(self.family(SNAPSHOT), keys::snapshot_part(document, part));
        }
        self.trim(&mut batch, document, older_sequence + 1, sequence);
        meta.snapshot = Some(SnapshotMeta { sequence, bytes: update.len() as u64, parts, taken_ms: now_ms });
        record::encode_meta(document, &meta, &mut value);
        batch.put_cf(self.family(META), document.0, &value);
        Ok(Some(batch))
    }

    /// Writes a batch. Where RocksDB wants writes to wait, `stalled` is asked again and again whether waiting makes sense.
    ///
    /// RocksDB would wait itself, but on a full disk it waits for space, in the middle of the write and for ever.
    pub(super) fn commit(
        &self,
        batch: WriteBatch,
        durability: Durability,
        stalled: impl Fn(u32) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut options = WriteOptions::new();
        options.set_sync(match durability {
            Durability::Synced => true,
            Durability::Written => false,
        });
        options.set_no_slowdown(true);
        // The binding takes the batch with it, even if nothing was written.
        let data = batch.data().to_vec();
        let mut batch = batch;
        let mut refusals = 0_u32;
        loop {
            match self.db.write_opt(batch, &options) {
                Ok(()) => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Incomplete => stalled(refusals)?,
                Err(error) => return Err(writing(&error)),
            }
            refusals = refusals.saturating_add(1);
            thread::sleep(STALL_PAUSE);
            batch = WriteBatch::from_data(&data);
        }
    }

    pub(super) fn sync(&self) -> Result<(), StoreError> {
        self.db.flush_wal(true).map_err(|error| writing(&error))
    }

    pub(super) fn load(&self, document: DocumentKey) -> Result<Option<Stored>, StoreError> {
        let view = self.db.snapshot();
        let Some(meta) = self.meta_in(&view, document)? else { return Ok(None) };
        let snapshot = match meta.snapshot {
            Some(snapshot) => Some(self.snapshot_in(&view, document, snapshot)?),
            None => None,
        };
        let after = snapshot.as_ref().map_or(0, |snapshot| snapshot.sequence);
        let log = self.log_in(&view, document, after)?;
        if after == 0 && log.is_empty() {
            return Err(StoreError::Corrupt { document, sequence: 1, why: Corruption::Missing });
        }
        Ok(Some(Stored { name: meta.name, created_ms: meta.created_ms, snapshot, log }))
    }

    pub(super) fn tail(&self, document: DocumentKey, after: u64) -> Result<Option<Vec<Record>>, StoreError> {
        let view = self.db.snapshot();
        match self.meta_in(&view, document)? {
            None => Ok(Some(Vec::new())),
            Some(Meta { snapshot: Some(snapshot), .. }) if after < snapshot.sequence => Ok(None),
            Some(_) => self.log_in(&view, document, after).map(Some),
        }
    }

    pub(super) fn meta(&self, document: DocumentKey) -> Result<Option<Meta>, StoreError> {
        self.meta_in(&self.db.snapshot(), document)
    }

    pub(super) fn meta_in(&self, view: &Snapshot<'_>, document: DocumentKey) -> Result<Option<Meta>, StoreError> {
        let found = view.get_pinned_cf_opt(self.family(META), document.0, ReadOptions::default());
        match found.map_err(|error| reading(document, 0, &error))? {
            Some(value) => {
                let corrupt = |why| StoreError::Corrupt { document, sequence: 0, why };
                record::parse_meta(document, &value).map(Some).map_err(corrupt)
            }
            None if self.has_records(view, document)? => {
                Err(StoreError::Corrupt { document, sequence: 0, why: Corruption::Missing })
            }
            None => Ok(None),
        }
    }

    fn snapshot_in(
        &self,
        view: &Snapshot<'_>,
        document: DocumentKey,
        meta: SnapshotMeta,
    ) -> Result<Record, StoreError> {
        let sequence = meta.sequence;
        let corrupt = |why| StoreError::Corrupt { document, sequence, why };
        let mut update = Vec::with_capacity(usize::try_from(meta.bytes).unwrap_or(0));
        for part in 0..meta.parts {
            let mut options = ReadOptions::default();
            // Whoever reads a snapshot keeps it; the cache is for what is small and asked for often.
            options.fill_cache(false);
            let found = view.get_pinned_cf_opt(self.family(SNAPSHOT), keys::snapshot_part(document, part), options);
            let value = found.map_err(|error| reading(document, sequence, &error))?;
            let value = value.ok_or_else(|| corrupt(Corruption::Missing))?;
            let bytes = record::parse_snapshot_part(document, sequence, part, &value).map_err(corrupt)?;
            update.extend_from_slice(bytes);
        }
        if update.len() as u64 != meta.bytes {
            return Err(corrupt(Corruption::Missing));
        }
        Ok(Record { sequence, update })
    }

    fn log_in(&self, view: &Snapshot<'_>, document: DocumentKey, after: u64) -> Result<Vec<Record>, StoreError> {
        let mut log = Vec::new();
        self.visit_log(view, document, after, |sequence, logged| {
            log.push(Record { sequence, update: logged.update.to_vec() });
        })?;
        Ok(log)
    }

    /// The records after a sequence. Records at or below a snapshot's are never looked at: neither deleted ones, over
    /// which an iteration would be slow, nor such as were appended again after they had been trimmed.
    fn visit_log(
        &self,
        view: &Snapshot<'_>,
        document: DocumentKey,
        after: u64,
        mut visit: impl FnMut(u64, Logged<'_>),
    ) -> Result<(), StoreError> {
        let Some(first) = after.checked_add(1) else { return Ok(()) };
        let keys = keys::log_from(document, first);
        let mut options = ReadOptions::default();
        options.set_iterate_upper_bound(keys.end);
        let mode = IteratorMode::From(&keys.start, Direction::Forward);
        for (expected, entry) in (first..).zip(view.iterator_cf_opt(self.family(LOG), options, mode)) {
            let corrupt = |why| StoreError::Corrupt { document, sequence: expected, why };
            let (key, value) = entry.map_err(|error| reading(document, expected, &error))?;
            if keys::log_sequence(&key) != Some(expected) {
                return Err(corrupt(Corruption::Missing));
            }
            visit(expected, record::parse_log(document, expected, &value).map_err(corrupt)?);
        }
        Ok(())
    }

    /// What is known of a document without its updates.
    pub(super) fn describe(&self, document: DocumentKey) -> Result<Option<Description>, StoreError> {
        let view = self.db.snapshot();
        let Some(meta) = self.meta_in(&view, document)? else { return Ok(None) };
        let outline = meta.outline();
        let (mut sequence, mut updated_ms) = (outline.snapshot_sequence, outline.snapshot_ms);
        let mut log_bytes = 0;
        self.visit_log(&view, document, outline.snapshot_sequence, |at, logged| {
            (sequence, updated_ms) = (at, logged.written_ms);
            log_bytes += logged.update.len() as u64;
        })?;
        let log_records = sequence - outline.snapshot_sequence;
        Ok(Some(Description { name: meta.name, outline, sequence, log_records, log_bytes, updated_ms }))
    }

    pub(super) fn contains(&self, document: DocumentKey) -> Result<bool, StoreError> {
        match self.meta(document) {
            Ok(meta) => Ok(meta.is_some()),
            // There, damaged.
            Err(StoreError::Corrupt { .. }) => Ok(true),
            Err(error) => Err(error),
        }
    }

    fn has_records(&self, view: &Snapshot<'_>, document: DocumentKey) -> Result<bool, StoreError> {
        let keys = keys::log_from(document, 0);
        let mut options = ReadOptions::default();
        options.set_iterate_upper_bound(keys.end);
        let mode = IteratorMode::From(&keys.start, Direction::Forward);
        match view.iterator_cf_opt(self.family(LOG), options, mode).next() {
            None => Ok(false),
            Some(Ok(_)) => Ok(true),
            Some(Err(error)) => Err(reading(document, 0, &error)),
        }
    }

    /// Removes the records `first..=last`.
    fn trim(&self, batch: &mut WriteBatch, document: DocumentKey, first: u64, last: u64) {
        let log = self.family(LOG);
        if last - first < TRIM_POINTS_MAX {
            (first..=last).for_each(|sequence| batch.delete_cf(log, keys::log(document, sequence)));
        } else {
            let end = [&keys::log(document, last)[..], &[0]].concat();
            batch.delete_range_cf(log, &keys::log(document, first)[..], &end);
        }
    }

    fn is_new(&self, document: DocumentKey) -> Result<bool, StoreError> {
        match self.db.get_pinned_cf(self.family(META), document.0) {
            Ok(found) => Ok(found.is_none()),
            // It is there, damaged: writing a new one would hide that, and failing would stop other documents.
            Err(error) if error.kind() == ErrorKind::Corruption => Ok(false),
            Err(error) => Err(writing(&error)),
        }
    }

    /// Links or copies all files, as they are now, into a new database.
    pub(super) fn checkpoint(&self, path: &Path) -> Result<(), StoreError> {
        let made = Checkpoint::new(&self.db).and_then(|checkpoint| checkpoint.create_checkpoint(path));
        made.map_err(|error| match error.kind() {
            _any if is_full(error.as_ref()) => StoreError::Full,
            _other => StoreError::NotAccessible { path: path.to_owned(), why: error.to_string() },
        })
    }

    /// Shows what lies under all keys, one line for what belongs to one document.
    pub(super) fn walk(&self, show: &mut dyn FnMut(Found)) -> Result<(), StoreError> {
        let shapes = [
            (META, 16),
            (SNAPSHOT, 20),
            (LOG, keys::LOG_KEY_BYTES),
            (VERSION, keys::LOG_KEY_BYTES),
            (VERSION_PART, keys::VERSION_PART_KEY_BYTES),
        ];
        for (family, shape) in shapes {
            let Some(handle) = self.db.cf_handle(family) else { continue };
            let mut cursor = self.db.raw_iterator_cf(handle);
            cursor.seek_to_first();
            while let Some(key) = cursor.key() {
                let Some(document) = key.first_chunk().copied().map(DocumentKey).filter(|_| key.len() == shape) else {
                    show(Found::Foreign { family, bytes: key.len() });
                    cursor.next();
                    continue;
                };
                let version = keys::version_id(key).filter(|_| family == VERSION);
                match version {
                    _ if family != META && !self.has_meta(document)? => show(Found::Stray { document, family }),
                    Some(id) => {
                        show(Found::Version { document, id });
                        cursor.next();
                        continue;
                    }
                    None if family == META => show(Found::Document(document)),
                    None => {}
                }
                // What else there is of it is read with it.
                cursor.seek(keys::of(document).end);
            }
            if let Err(error) = cursor.status() {
                show(Found::Unreadable { family, why: error.to_string() });
            }
        }
        self.walk_names(show)
    }

    fn has_meta(&self, document: DocumentKey) -> Result<bool, StoreError> {
        let found = self.db.get_pinned_cf(self.family(META), document.0);
        found.map(|found| found.is_some()).map_err(|error| reading(document, 0, &error))
    }

    pub(super) fn documents_about(&self) -> u64 {
        let keys = self.db.property_int_value_cf(self.family(META), "rocksdb.estimate-num-keys");
        keys.ok().flatten().unwrap_or(0)
    }

    fn check_format(&self, path: &Path, access: Access) -> Result<(), StoreError> {
        let found = self.db.get_pinned(FORMAT_KEY).map_err(|error| opening(path, &error))?;
        let not_ours = |why: &str| StoreError::NotADatabase { path: path.to_owned(), why: why.to_owned() };
        match (found, access) {
            (Some(value), _) => match value.as_ref().try_into().map(u32::from_le_bytes) {
                Ok(directory::FORMAT) => Ok(()),
                Ok(directory::FORMAT_WITHOUT_NAMES) if access == Access::Read => Ok(()),
                Ok(directory::FORMAT_WITHOUT_NAMES) if matches!(access, Access::Upgrade | Access::Create) => {
                    self.index_names()?;
                    self.put_format()
                }
                Ok(found) => Err(StoreError::Version { path: path.to_owned(), found, supported: directory::FORMAT }),
                Err(_) => Err(not_ours("its format is not a number")),
            },
            (None, Access::Create) => self.put_format(),
            (None, Access::Upgrade | Access::Write | Access::Read) => Err(not_ours("it has no format")),
        }
    }

    /// Everything that makes this format is there.
    fn put_format(&self) -> Result<(), StoreError> {
        let mut batch = WriteBatch::default();
        batch.put(FORMAT_KEY, directory::FORMAT.to_le_bytes());
        self.commit(batch, Durability::Synced, |_| Ok(()))
    }

    pub(super) fn family(&self, name: &str) -> &ColumnFamily {
        self.db.cf_handle(name).expect("the database was opened with all column families")
    }
}

/// An error while opening.
fn opening(path: &Path, error: &rocksdb::Error) -> StoreError {
    let why = error.to_string();
    match error.kind() {
        ErrorKind::IOError if is_full(&why) => StoreError::Full,
        ErrorKind::IOError if why.contains("/LOCK:") => StoreError::Locked { path: path.to_owned() },
        // A missing database or manifest, or column families that are not ours.
        ErrorKind::InvalidArgument => StoreError::NotADatabase { path: path.to_owned(), why },
        _other => StoreError::NotAccessible { path: path.to_owned(), why },
    }
}

impl Meta {
    pub(super) fn outline(&self) -> Outline {
        let snapshot = self.snapshot.unwrap_or(SnapshotMeta { sequence: 0, bytes: 0, parts: 0, taken_ms: 0 });
        Outline {
            created_ms: self.created_ms,
            snapshot_sequence: snapshot.sequence,
            snapshot_bytes: snapshot.bytes,
            snapshot_ms: snapshot.taken_ms,
        }
    }
}

/// An error of a write, whatever RocksDB calls it: after each it takes no further ones.
pub(super) fn writing(error: &rocksdb::Error) -> StoreError {
    let why = error.to_string();
    match error.kind() {
        _any if is_full(&why) => StoreError::Full,
        ErrorKind::Corruption => StoreError::Damaged { why },
        _other => StoreError::Io { why },
    }
}

/// An error of a read: the document's where RocksDB found damage, the disk's otherwise.
pub(super) fn reading(document: DocumentKey, sequence: u64, error: &rocksdb::Error) -> StoreError {
    let why = error.to_string();
    match error.kind() {
        ErrorKind::Corruption => StoreError::Corrupt { document, sequence, why: Corruption::Block { why } },
        _other => StoreError::Io { why },
    }
}

/// RocksDB gives the system's error only as text: ENOSPC's and EDQUOT's.
fn is_full(why: &str) -> bool {
    why.contains("No space left on device") || why.contains("Disk quota exceeded")
}
