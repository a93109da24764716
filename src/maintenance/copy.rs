//! Copies files and digests them on the way. What it reports is on disk.

use std::fs::{self, DirBuilder, File};
use std::io::{Read, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{Context, SHA256};
use indicatif::ProgressBar;

use super::Failed;
use super::manifest::Entry;

/// Read and written at once.
const CHUNK_BYTES: usize = 1 << 20;

/// Makes the folder for this user alone; one that is there has to be empty.
pub(super) fn begin(folder: &Path) -> Result<(), Failed> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(Failed::file(folder))?;
    let mut entries = fs::read_dir(folder).map_err(Failed::file(folder))?;
    if entries.next().is_some() { Err(Failed::NotEmpty { path: folder.to_owned() }) } else { Ok(()) }
}

/// Copies one file, and says what it is. What lies above it is made.
pub(super) fn file(from: &Path, to: &Path, path: &str, progress: &ProgressBar) -> Result<Entry, Failed> {
    let target = to.join(path);
    if let Some(parent) = target.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(parent).map_err(Failed::file(parent))?;
    }
    let mut writing = File::create_new(&target).map_err(Failed::file(&target))?;
    let entry = read(from, path, progress, |chunk| writing.write_all(chunk).map_err(Failed::file(&target)))?;
    writing.sync_all().map_err(Failed::file(&target))?;
    Ok(entry)
}

/// Reads one file, and says what it is.
pub(super) fn digest(folder: &Path, path: &str, progress: &ProgressBar) -> Result<Entry, Failed> {
    read(folder, path, progress, |_| Ok(()))
}

fn read(
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
