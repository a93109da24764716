//! Takes documents away, with everything that is kept of them, in one batch. Does not know why.

use rocksdb::{Direction, ErrorKind, IteratorMode, ReadOptions, WriteBatch};

use super::database::{
    Database, LOG, META, NAMES, SNAPSHOT, TRIM_POINTS_MAX, VERSION, VERSION_PART, WrittenAt, reading,
};
use super::keys;
use crate::{Deletion, DocumentKey, StoreError};

impl Database {
    /// The batch that takes all these documents away, and puts their successors in their places.
    pub(super) fn prepare_deletion(&self, documents: &[Deletion<'_>], at: WrittenAt) -> Result<WriteBatch, StoreError> {
        let mut batch = WriteBatch::default();
        let mut value = Vec::new();
        for &deletion in documents {
            let Deletion { document, name, successor: _ } = deletion;
            batch.delete_cf(self.family(NAMES), name);
            batch.delete_cf(self.family(META), document.0);
            // Records that a snapshot has made dead may be there still: what they would be part of is another document then.
            for family in [LOG, SNAPSHOT, VERSION, VERSION_PART] {
                self.clear(&mut batch, family, document)?;
            }
            for append in deletion.appends() {
                self.put_record(&mut batch, &append, append.sequence == 1, at, &mut value);
            }
        }
        Ok(batch)
    }

    /// When a document was made; nothing where none is stored, or it is damaged.
    pub(super) fn made_ms(&self, document: DocumentKey) -> Option<u64> {
        self.meta(document).ok().flatten().map(|meta| meta.created_ms)
    }

    /// Removes all keys of a document: one by one where they are few, and found without walking over many that were removed before; else as
    /// a range. Damaged ones go as well as any.
    fn clear(&self, batch: &mut WriteBatch, family: &str, document: DocumentKey) -> Result<(), StoreError> {
        let keys = keys::of(document);
        let mut options = ReadOptions::default();
        options.set_iterate_upper_bound(keys.end.clone());
        options.set_max_skippable_internal_keys(TRIM_POINTS_MAX);
        options.fill_cache(false);
        let mode = IteratorMode::From(&keys.start, Direction::Forward);
        let mut found = Vec::new();
        for entry in self.db.iterator_cf_opt(self.family(family), options, mode) {
            match entry {
                Ok((key, _)) if (found.len() as u64) < TRIM_POINTS_MAX => found.push(key),
                Err(error) if !matches!(error.kind(), ErrorKind::Incomplete | ErrorKind::Corruption) => {
                    return Err(reading(document, 0, &error));
                }
                Ok(_) | Err(_) => {
                    batch.delete_range_cf(self.family(family), &keys.start, &keys.end);
                    return Ok(());
                }
            }
        }
        for key in found {
            batch.delete_cf(self.family(family), key);
        }
        Ok(())
    }
}
