//! A folder that a command fills: empty before, whole afterwards, and as it was where the command fails. One that was killed leaves a mark. Does not
//! know what the folder is filled with.

use std::fs::{self, DirBuilder, File};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use indicatif::ProgressBar;
use selvedge_storage::UNFINISHED;

use super::manifest::Entry;
use super::{Failed, copy};

/// For whoever looks into the mark.
const MARK: &[u8] = b"selvedge was broken off while it filled this folder. What is here is not whole.\n";

/// What was made is taken away again when this is dropped, unless it was finished.
#[derive(Debug)]
pub(super) struct Filling {
    folder: PathBuf,
    /// Files, in the order in which they were made.
    files: Vec<PathBuf>,
    /// Folders, the same.
    folders: Vec<PathBuf>,
}

impl Filling {
    /// Makes the folder for this user alone; one that is there has to be empty.
    pub(super) fn begin(folder: &Path) -> Result<Self, Failed> {
        let mut filling = Self { folder: folder.to_owned(), files: Vec::new(), folders: Vec::new() };
        filling.make_folders(folder)?;
        let path = folder.to_owned();
        match fs::read_dir(folder).map_err(Failed::file(folder))?.next() {
            None => {}
            Some(_) if folder.join(UNFINISHED).exists() => return Err(Failed::Unfinished { path }),
            Some(_) => return Err(Failed::NotEmpty { path }),
        }
        filling.put(UNFINISHED, MARK)?;
        Ok(filling)
    }

    /// Copies one file, and says what it is. What lies above it is made.
    pub(super) fn copy(&mut self, from: &Path, path: &str, progress: &ProgressBar) -> Result<Entry, Failed> {
        let target = self.folder.join(path);
        if let Some(parent) = target.parent() {
            self.make_folders(parent)?;
        }
        let mut writing = File::create_new(&target).map_err(Failed::file(&target))?;
        self.files.push(target.clone());
        let entry = copy::read(from, path, progress, |chunk| writing.write_all(chunk).map_err(Failed::file(&target)))?;
        writing.sync_all().map_err(Failed::file(&target))?;
        Ok(entry)
    }

    /// Makes one file, and has it on disk.
    pub(super) fn put(&mut self, name: &str, bytes: &[u8]) -> Result<(), Failed> {
        let target = self.folder.join(name);
        let mut writing = File::create_new(&target).map_err(Failed::file(&target))?;
        self.files.push(target.clone());
        writing.write_all(bytes).and_then(|()| writing.sync_all()).map_err(Failed::file(&target))?;
        self.sync()
    }

    /// What was copied is whole, and on disk. Takes the mark away.
    pub(super) fn unmark(&mut self) -> Result<(), Failed> {
        let mark = self.folder.join(UNFINISHED);
        fs::remove_file(&mark).map_err(Failed::file(&mark))?;
        self.files.retain(|file| *file != mark);
        self.sync()
    }

    /// What was made stays.
    pub(super) fn keep(mut self) {
        self.files.clear();
        self.folders.clear();
    }

    fn sync(&self) -> Result<(), Failed> {
        File::open(&self.folder).and_then(|folder| folder.sync_all()).map_err(Failed::file(&self.folder))
    }

    fn make_folders(&mut self, folder: &Path) -> Result<(), Failed> {
        let missing = |path: &&Path| !path.as_os_str().is_empty() && !path.exists();
        let mut missing: Vec<&Path> = folder.ancestors().take_while(missing).collect();
        missing.reverse();
        for path in missing {
            match DirBuilder::new().mode(0o700).create(path) {
                Ok(()) => self.folders.push(path.to_owned()),
                // By somebody else, or by another name for it.
                Err(error) if error.kind() == ErrorKind::AlreadyExists && path.is_dir() => {}
                Err(error) => return Err(Failed::File { path: path.to_owned(), error }),
            }
        }
        // Also where it is a file.
        if folder.is_dir() {
            return Ok(());
        }
        Err(Failed::File { path: folder.to_owned(), error: ErrorKind::NotADirectory.into() })
    }
}

impl Drop for Filling {
    /// The mark was made first, and goes last of the files. What others have put there stays, and with it the folder.
    fn drop(&mut self) {
        for file in self.files.iter().rev() {
            if let Err(error) = fs::remove_file(file) {
                eprintln!("warning: {} stays: {error}", file.display());
            }
        }
        for folder in self.folders.iter().rev() {
            if let Err(error) = fs::remove_dir(folder) {
                eprintln!("warning: {} stays: {error}", folder.display());
            }
        }
    }
}
