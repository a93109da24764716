//! Makes a folder of data from a backup. Whether it is what was backed up is checked file by file on the way. Who owns the folder owns what is in
//! it.

use std::path::Path;

use selvedge_storage::Examination;

use super::filling::Filling;
use super::owner::Owner;
use super::{Failed, apart, bar_of_bytes, copy, manifest};

/// Fills a folder that is missing or empty with the data of a backup, and says how many bytes that were.
///
/// # Errors
///
/// The backup is damaged or not finished, or the folder cannot be filled. What was copied by then is removed.
pub fn restore(from: &Path, data_dir: &Path) -> Result<u64, Failed> {
    let mut entries = manifest::read(from)?;
    // A store in a backup would be a part of it, and one around it would be no store.
    if apart::is_within(data_dir, from)? || apart::is_within(from, data_dir)? {
        return Err(Failed::InBackup { path: data_dir.to_owned(), backup: from.to_owned() });
    }
    let owner = Owner::of(data_dir)?;
    let mut filling = Filling::begin(data_dir)?;
    // The marker says that the store is complete: last.
    entries.sort_by_key(|entry| !entry.path.contains('/'));
    let progress = bar_of_bytes(entries.iter().map(|entry| entry.bytes).sum());
    let copied = entries.iter().try_for_each(|expected| {
        let found = filling.copy(from, &expected.path, &progress)?;
        expected.check(from, &found)
    });
    progress.finish_and_clear();
    copied?;
    owner.give(data_dir, &entries)?;
    copy::sync_folders(data_dir, &entries)?;
    filling.unmark()?;
    drop(Examination::open(data_dir)?);
    filling.keep();
    Ok(entries.iter().map(|entry| entry.bytes).sum())
}
