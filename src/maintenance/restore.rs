//! Makes a folder of data from a backup. Whether it is what was backed up is checked file by file on the way. Who owns the folder owns what is in
//! it.

use std::path::Path;

use selvedge_storage::Examination;

use super::owner::Owner;
use super::{Failed, bar_of_bytes, copy, manifest};

/// Fills a folder that is missing or empty with the data of a backup, and says how many bytes that were.
///
/// # Errors
///
/// The backup is damaged or not finished, or the folder cannot be filled. What was copied by then stays, and no server takes it.
pub fn restore(from: &Path, data_dir: &Path) -> Result<u64, Failed> {
    let mut entries = manifest::read(from)?;
    let owner = Owner::of(data_dir)?;
    copy::begin(data_dir)?;
    // The marker says that the store is complete: last.
    entries.sort_by_key(|entry| !entry.path.contains('/'));
    let progress = bar_of_bytes(entries.iter().map(|entry| entry.bytes).sum());
    let copied = entries.iter().try_for_each(|expected| {
        let found = copy::file(from, data_dir, &expected.path, &progress)?;
        expected.check(from, &found)
    });
    progress.finish_and_clear();
    if let Err(failed) = copied.and_then(|()| owner.give(data_dir, &entries)) {
        // Of a marker that was copied no store may be left.
        for marker in entries.iter().filter(|entry| !entry.path.contains('/')) {
            drop(std::fs::remove_file(data_dir.join(&marker.path)));
        }
        return Err(failed);
    }
    copy::sync_folders(data_dir, &entries)?;
    drop(Examination::open(data_dir)?);
    Ok(entries.iter().map(|entry| entry.bytes).sum())
}
