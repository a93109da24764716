//! A store that nobody works on, kept so for who reads its files. Nothing in it is written, repaired or brought to a newer format.

use std::fs::{self, File};
use std::path::Path;

use super::directory;
use crate::StoreError;

/// RocksDB's diary, of which it keeps the former ones as `LOG.old.`, and what it locks: an opening makes them anew.
const DIARY: &str = "LOG";
const LOCK: &str = "LOCK";

/// Held as long as this lives: no store can be opened there meanwhile.
#[derive(Debug)]
pub struct HeldStore {
    marker: File,
}

impl HeldStore {
    /// Holds the complete store in `path`.
    ///
    /// # Errors
    ///
    /// There is none, or somebody works on it.
    pub fn hold(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let path = path.as_ref();
        directory::look(path)?;
        Ok(Self { marker: directory::hold(path)? })
    }
}

impl Drop for HeldStore {
    fn drop(&mut self) {
        // Closing it unlocks it as well, only later.
        let _unlocked = self.marker.unlock();
    }
}

/// The files that a store consists of, by their paths in it, in order, and their bytes. Nobody may work on it.
///
/// # Errors
///
/// They cannot be listed.
pub fn files(path: &Path) -> Result<Vec<(String, u64)>, StoreError> {
    let database = directory::look(path)?;
    let listed = |entry: std::io::Result<fs::DirEntry>| {
        let entry = entry?;
        let name = entry.file_name().into_string().ok().filter(|name| name != LOCK && !name.starts_with(DIARY));
        let metadata = entry.metadata()?;
        Ok(name.filter(|_| metadata.is_file()).map(|name| (format!("{}/{name}", directory::DATABASE), metadata.len())))
    };
    let inaccessible = |error| directory::not_accessible(&database, &error);
    let entries = fs::read_dir(&database).map_err(inaccessible)?;
    let mut files: Vec<_> =
        entries.map(listed).filter_map(Result::transpose).collect::<Result<_, _>>().map_err(inaccessible)?;
    let marker = path.join(directory::MARKER);
    let metadata = fs::metadata(&marker).map_err(|error| directory::not_accessible(&marker, &error))?;
    files.push((directory::MARKER.to_owned(), metadata.len()));
    files.sort();
    Ok(files)
}
