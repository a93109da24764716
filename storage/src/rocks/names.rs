//! Documents by name: an index that is written with a document's first record, and read in order. Does not know what is in a document.

use rocksdb::{Direction, IteratorMode, ReadOptions, WriteBatch};

use super::Found;
use super::database::{Database, META, NAMES, reading};
use crate::{
    Corruption, DocumentKey, Durability, Listed, Listing, StoreError,
    record::{self, Meta},
};

/// Names that are written at once when the index is made for a database that has none.
const NAMES_PER_BATCH: usize = 4096;

impl Database {
    pub(super) fn put_name(&self, batch: &mut WriteBatch, name: &str, document: DocumentKey, value: &mut Vec<u8>) {
        record::encode_name(name, document, value);
        batch.put_cf(self.family(NAMES), name, value);
    }

    /// Documents in the order of their names. A damaged entry of the index stands for a damaged document.
    pub(super) fn list(&self, listing: Listing<'_>) -> Result<Vec<Listed>, StoreError> {
        let Listing { prefix, after, limit } = listing;
        // The first name behind another is that with a zero byte at its end.
        let after = after.map(|after| [after.as_bytes(), &[0]].concat());
        let from =
            after.filter(|after| after.as_slice() > prefix.as_bytes()).unwrap_or_else(|| prefix.as_bytes().to_vec());
        let view = self.db.snapshot();
        let mode = IteratorMode::From(&from, Direction::Forward);
        let entries = view.iterator_cf_opt(self.family(NAMES), ReadOptions::default(), mode);
        let mut listed = Vec::new();
        for entry in entries.take(limit) {
            let (key, value) = entry.map_err(|error| reading(DocumentKey([0; 16]), 0, &error))?;
            if !key.starts_with(prefix.as_bytes()) {
                break;
            }
            let name = String::from_utf8_lossy(&key).into_owned();
            let outline = match record::parse_name(&name, &value) {
                Ok(document) => match self.meta_in(&view, document) {
                    Ok(meta) => meta.map(|meta| meta.outline()),
                    Err(StoreError::Corrupt { .. }) => None,
                    Err(error) => return Err(error),
                },
                Err(
                    Corruption::Malformed
                    | Corruption::Format { .. }
                    | Corruption::Checksum
                    | Corruption::Missing
                    | Corruption::Block { .. },
                ) => None,
            };
            listed.push(Listed { name, outline });
        }
        Ok(listed)
    }

    /// Holds each entry of the index against its document.
    pub(super) fn walk_names(&self, show: &mut dyn FnMut(Found)) -> Result<(), StoreError> {
        let Some(handle) = self.db.cf_handle(NAMES) else { return Ok(()) };
        for entry in self.db.iterator_cf(handle, IteratorMode::Start) {
            let (key, value) = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    show(Found::Unreadable { family: NAMES, why: error.to_string() });
                    break;
                }
            };
            let Ok(name) = std::str::from_utf8(&key) else {
                show(Found::Foreign { family: NAMES, bytes: key.len() });
                continue;
            };
            match record::parse_name(name, &value) {
                Ok(document) => match self.meta(document) {
                    Ok(Some(meta)) if meta.name == name => {}
                    Ok(_) => show(Found::StrayName { name: name.to_owned(), document }),
                    // It is found by itself.
                    Err(StoreError::Corrupt { .. }) => {}
                    Err(error) => return Err(error),
                },
                Err(why) => show(Found::DamagedName { name: name.to_owned(), why }),
            }
        }
        Ok(())
    }

    /// Whether a document is in the index under its name. So are all in a database that has none.
    pub(super) fn is_named(&self, name: &str, document: DocumentKey) -> Result<bool, StoreError> {
        let Some(handle) = self.db.cf_handle(NAMES) else { return Ok(true) };
        let found = self.db.get_pinned_cf(handle, name).map_err(|error| reading(document, 0, &error))?;
        // An entry that is damaged is found by itself.
        Ok(found.is_some_and(|value| record::parse_name(name, &value).map_or(true, |found| found == document)))
    }

    /// Makes the index for a database that was written without one. Documents whose meta record is damaged have no name to be found by.
    pub(super) fn index_names(&self) -> Result<(), StoreError> {
        let mut batch = WriteBatch::default();
        let mut value = Vec::new();
        for entry in self.db.iterator_cf(self.family(META), IteratorMode::Start) {
            let (key, meta) = entry.map_err(|error| reading(DocumentKey([0; 16]), 0, &error))?;
            let Ok(document) = key.as_ref().try_into().map(DocumentKey) else { continue };
            let Ok(Meta { name, .. }) = record::parse_meta(document, &meta) else { continue };
            self.put_name(&mut batch, &name, document, &mut value);
            if batch.len() >= NAMES_PER_BATCH {
                self.commit(std::mem::take(&mut batch), Durability::Written, |_| Ok(()))?;
            }
        }
        self.commit(batch, Durability::Written, |_| Ok(()))
    }
}
