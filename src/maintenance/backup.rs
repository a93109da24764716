//! Copies the data as they are at one moment, beside a server that works on them or without one. Everything that was acknowledged before the
//! command began is in it.

use std::path::Path;
use std::time::SystemTime;

use humantime::format_rfc3339_seconds;

use super::filling::Filling;
use super::source::Source;
use super::{Failed, Plane, apart, bar_of_bytes, copy, manifest};

/// Fills a folder that is missing or empty, and lies outside of the data, with a backup of them, and says how many bytes it has.
///
/// # Errors
///
/// There is no backup. What was copied by then is removed.
pub fn backup(data_dir: &Path, to: &Path, plane: &Plane) -> Result<u64, Failed> {
    if apart::is_within(to, data_dir)? {
        return Err(Failed::InData { path: to.to_owned(), data_dir: data_dir.to_owned() });
    }
    let created = format_rfc3339_seconds(SystemTime::now()).to_string();
    let source = Source::of(data_dir, plane)?;
    let mut filling = Filling::begin(to)?;
    let files = selvedge_storage::files(source.path())?;
    let progress = bar_of_bytes(files.iter().map(|(_, bytes)| bytes).sum());
    let copied: Result<Vec<_>, Failed> =
        files.iter().map(|(path, _)| filling.copy(source.path(), path, &progress)).collect();
    progress.finish_and_clear();
    let entries = copied?;
    copy::sync_folders(to, &entries)?;
    filling.unmark()?;
    filling.put(manifest::MANIFEST, manifest::text(&created, &entries).as_bytes())?;
    filling.keep();
    Ok(entries.iter().map(|entry| entry.bytes).sum())
}
