//! Reads files and digests them on the way; sees that folders are on disk.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{Context, SHA256};
use indicatif::ProgressBar;

use super::Failed;
use super::manifest::Entry;

/// Read and written at once.
const CHUNK_BYTES: usize = 1 << 20;

/// Reads one file, and says what it is.
pub(super) fn digest(folder: &Path, path: &str, progress: &ProgressBar) -> Result<Entry, Failed> {
    read(folder, path, progress, |_| Ok(()))
}

/// The same, and hands on what it reads.
pub(super) fn read(
    folder: &Path,
    path: &str,
    progress: &ProgressBar,
    mut take: impl FnMut(&[u8]) -> Result<(), Failed>,
) -> Result<Entry, Failed> {
    let source = folder.join(path);
    let mut reading = File::open(&source).map_err(Failed::file(&source))?;
    let mut digest = Context::new(&SHA256);
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut bytes = 0;
    loop {
        let length = reading.read(&mut chunk).map_err(Failed::file(&source))?;
        if length == 0 {
            break;
        }
        digest.update(&chunk[..length]);
        take(&chunk[..length])?;
        bytes += length as u64;
        progress.inc(length as u64);
    }
    let sha256 = digest.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Entry { path: path.to_owned(), bytes, sha256 })
}

/// The names in these folders are on disk.
pub(super) fn sync_folders(folder: &Path, files: &[Entry]) -> Result<(), Failed> {
    let mut folders: Vec<PathBuf> =
        files.iter().filter_map(|file| folder.join(&file.path).parent().map(Path::to_owned)).collect();
    folders.push(folder.to_owned());
    folders.sort();
    folders.dedup();
    for folder in folders {
        File::open(&folder).and_then(|opened| opened.sync_all()).map_err(Failed::file(&folder))?;
    }
    Ok(())
}
