//! Copies the data as they are at one moment, beside a server that works on them or without one. Everything that was acknowledged before the
//! command began is in it.

use std::path::Path;
use std::time::SystemTime;

use humantime::format_rfc3339_seconds;

use super::manifest;
use super::source::Source;
use super::{Failed, Plane, bar_of_bytes, copy};

/// Fills a folder that is missing or empty with a backup of the data, and says how many bytes it has.
///
/// # Errors
///
/// There is no backup, or an unfinished one, which [`super::restore()`] does not take.
pub fn backup(data_dir: &Path, to: &Path, plane: &Plane) -> Result<u64, Failed> {
    let created = format_rfc3339_seconds(SystemTime::now()).to_string();
    let source = Source::of(data_dir, plane)?;
    copy::begin(to)?;
    let files = selvedge_storage::files(source.path())?;
    let progress = bar_of_bytes(files.iter().map(|(_, bytes)| bytes).sum());
    let copied: Result<Vec<_>, Failed> =
        files.iter().map(|(path, _)| copy::file(source.path(), to, path, &progress)).collect();
    progress.finish_and_clear();
    let entries = copied?;
    copy::sync_folders(to, &entries)?;
    manifest::write(to, &created, &entries)?;
    Ok(entries.iter().map(|entry| entry.bytes).sum())
}
