//! A second store beside the first, as it is at one moment: RocksDB's files do not change once they are written, so they are linked.

use std::fs;
use std::path::Path;

use super::RocksStore;
use super::directory;
use crate::StoreError;

impl RocksStore {
    /// Makes a complete store of its own in `path`, which must not exist, and be on the same file system. It holds everything that was appended
    /// before the call, and of each batch all or nothing. Appends wait only while RocksDB notes which files there are.
    ///
    /// # Errors
    ///
    /// It cannot be made. What was begun is removed.
    pub fn checkpoint(&self, path: &Path) -> Result<(), StoreError> {
        fs::create_dir(path).map_err(|error| directory::not_accessible(path, &error))?;
        let made = self
            .read(|database| database.checkpoint(&path.join(directory::DATABASE)))
            .and_then(|()| directory::finish_copy(path));
        if made.is_err() {
            // The failure is told; what is left over can be removed by hand.
            drop(fs::remove_dir_all(path));
        }
        made
    }
}
