//! Versions on disk: what describes one, and its state in parts. Does not know which are kept for how long.

use rocksdb::{Direction, IteratorMode, ReadOptions, WriteBatch};

use super::database::{Database, PART_BYTES, VERSION, VERSION_PART, reading};
use super::keys;
use crate::{
    Corruption, DocumentKey, NewVersion, StoreError, Version,
    record::{self, VersionMeta},
};

impl Database {
    /// The batch that keeps a version, if its document is still the one that it was made of.
    pub(super) fn prepare_version(
        &self,
        new: NewVersion<'_>,
        now_ms: u64,
    ) -> Result<(WriteBatch, Version), StoreError> {
        let NewVersion { document, created_ms, name, author, is_automatic, sequence, update } = new;
        let meta = self.meta(document)?.filter(|meta| meta.created_ms == created_ms);
        meta.ok_or(StoreError::Unknown { document })?;
        // Numbers go up with the time, and where that was set back, all the same; so one that was taken away is not given again.
        let id = self.last_version(document)?.map_or(now_ms, |last| now_ms.max(last + 1));
        let bytes = update.len() as u64;
        let (name, author) = (name.to_owned(), author.map(str::to_owned));
        let version = Version { id, name, author, taken_ms: now_ms, sequence, bytes, is_automatic };
        let mut batch = WriteBatch::with_capacity_bytes(update.len() + update.len() / 64 + 4096);
        let mut value = Vec::new();
        let mut parts = 0_u32;
        for bytes in update.chunks(PART_BYTES) {
            record::encode_version_part(document, id, parts, bytes, &mut value);
            batch.put_cf(self.family(VERSION_PART), keys::version_part(document, id, parts), &value);
            parts += 1;
        }
        let meta = VersionMeta { version, parts };
        record::encode_version(document, &meta, &mut value);
        batch.put_cf(self.family(VERSION), keys::version(document, id), &value);
        Ok((batch, meta.version))
    }

    /// The batch that takes versions away.
    pub(super) fn prepare_version_deletion(
        &self,
        document: DocumentKey,
        ids: &[u64],
    ) -> Result<WriteBatch, StoreError> {
        let mut batch = WriteBatch::default();
        for &id in ids {
            batch.delete_cf(self.family(VERSION), keys::version(document, id));
            let keys = keys::version_parts(document, id);
            let mut options = ReadOptions::default();
            options.set_iterate_upper_bound(keys.end);
            options.fill_cache(false);
            let mode = IteratorMode::From(&keys.start, Direction::Forward);
            for entry in self.db.iterator_cf_opt(self.family(VERSION_PART), options, mode) {
                let (key, _) = entry.map_err(|error| reading_version(document, id, &error))?;
                batch.delete_cf(self.family(VERSION_PART), key);
            }
        }
        Ok(batch)
    }

    /// All that can be read, ascending.
    pub(super) fn versions(&self, document: DocumentKey) -> Result<Vec<Version>, StoreError> {
        let keys = keys::of(document);
        let mut options = ReadOptions::default();
        options.set_iterate_upper_bound(keys.end);
        let mode = IteratorMode::From(&keys.start, Direction::Forward);
        let mut versions = Vec::new();
        for entry in self.db.iterator_cf_opt(self.family(VERSION), options, mode) {
            let (key, value) = entry.map_err(|error| reading(document, 0, &error))?;
            let Some(id) = keys::version_id(&key) else { continue };
            if let Ok(meta) = record::parse_version(document, id, &value) {
                versions.push(meta.version);
            }
        }
        Ok(versions)
    }

    pub(super) fn version(&self, document: DocumentKey, id: u64) -> Result<Option<(Version, Vec<u8>)>, StoreError> {
        let view = self.db.snapshot();
        let corrupt = |why| StoreError::CorruptVersion { document, id, why };
        let found = view.get_pinned_cf(self.family(VERSION), keys::version(document, id));
        let Some(value) = found.map_err(|error| reading_version(document, id, &error))? else { return Ok(None) };
        let VersionMeta { version, parts } = record::parse_version(document, id, &value).map_err(corrupt)?;
        let mut update = Vec::with_capacity(usize::try_from(version.bytes).unwrap_or(0));
        for part in 0..parts {
            let mut options = ReadOptions::default();
            options.fill_cache(false);
            let key = keys::version_part(document, id, part);
            let found = view.get_pinned_cf_opt(self.family(VERSION_PART), key, options);
            let value = found.map_err(|error| reading_version(document, id, &error))?;
            let value = value.ok_or_else(|| corrupt(Corruption::Missing))?;
            update.extend_from_slice(record::parse_version_part(document, id, part, &value).map_err(corrupt)?);
        }
        if update.len() as u64 != version.bytes {
            return Err(corrupt(Corruption::Missing));
        }
        Ok(Some((version, update)))
    }

    fn last_version(&self, document: DocumentKey) -> Result<Option<u64>, StoreError> {
        let keys = keys::of(document);
        let mut options = ReadOptions::default();
        options.set_iterate_lower_bound(keys.start);
        let mode = IteratorMode::From(&keys.end, Direction::Reverse);
        match self.db.iterator_cf_opt(self.family(VERSION), options, mode).next() {
            None => Ok(None),
            Some(Ok((key, _))) => Ok(keys::version_id(&key)),
            Some(Err(error)) => Err(reading(document, 0, &error)),
        }
    }
}

/// An error of a read: the version's where RocksDB found damage, the disk's otherwise.
fn reading_version(document: DocumentKey, id: u64, error: &rocksdb::Error) -> StoreError {
    match reading(document, 0, error) {
        StoreError::Corrupt { document, sequence: _, why } => StoreError::CorruptVersion { document, id, why },
        other => other,
    }
}
