//! Whose a folder becomes that is made for somebody else: root restores, and a service with a user of its own has to open it. Does not know
//! what is in it.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, lchown};
use std::path::{Path, PathBuf};

use super::Failed;
use super::manifest::Entry;

/// The user id of root, who alone can give files away.
const ROOT: u32 = 0;

/// Looked up before anything is made.
#[derive(Debug)]
pub(super) struct Owner {
    uid: u32,
    gid: u32,
    /// Folders that are not there yet, the innermost first.
    missing: Vec<PathBuf>,
}

impl Owner {
    /// Of the folder where it is there, else of the nearest above that is.
    pub(super) fn of(folder: &Path) -> Result<Self, Failed> {
        let mut missing = Vec::new();
        for path in folder.ancestors() {
            let looked_at = if path.as_os_str().is_empty() { Path::new(".") } else { path };
            match fs::metadata(looked_at) {
                Ok(found) => return Ok(Self { uid: found.uid(), gid: found.gid(), missing }),
                Err(error) if error.kind() == ErrorKind::NotFound => missing.push(path.to_owned()),
                Err(error) => return Err(Failed::File { path: looked_at.to_owned(), error }),
            }
        }
        Err(Failed::File { path: folder.to_owned(), error: ErrorKind::NotFound.into() })
    }

    /// Gives all that was made to them where root made it; what others make stays theirs.
    pub(super) fn give(&self, folder: &Path, files: &[Entry]) -> Result<(), Failed> {
        let files: Vec<PathBuf> = files.iter().map(|file| folder.join(&file.path)).collect();
        let Some(made) = files.first() else { return Ok(()) };
        let made_by = fs::metadata(made).map_err(Failed::file(made))?.uid();
        if made_by != ROOT || self.uid == ROOT {
            return Ok(());
        }
        // From the inside out: the owner cannot put anything else there before all of it is theirs.
        let mut inner: Vec<&Path> = files.iter().filter_map(|file| file.parent()).filter(|it| *it != folder).collect();
        inner.sort();
        inner.dedup();
        let files = files.iter().map(PathBuf::as_path);
        for path in files.chain(inner).chain(self.missing.iter().map(PathBuf::as_path)) {
            lchown(path, Some(self.uid), Some(self.gid)).map_err(Failed::file(path))?;
            File::open(path).and_then(|given| given.sync_all()).map_err(Failed::file(path))?;
        }
        Ok(())
    }
}
