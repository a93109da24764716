//! A store that does not change while it is read: the data itself where nobody works on it, a checkpoint where a server does.

use std::fs;
use std::path::{Path, PathBuf};

use selvedge_storage::{Examination, RocksOptions, RocksStore, StoreError};

use super::plane::Checkpoint;
use super::{Failed, Plane};

/// Where checkpoints are made, in the folder of the data: on the same file system, so that files are linked.
pub const CHECKPOINTS: &str = "checkpoints";

/// The checkpoint of a command that has found no server.
const OFFLINE: &str = "offline";

/// Given back when dropped.
pub(super) struct Source<'a> {
    path: PathBuf,
    kept: Kept<'a>,
}

enum Kept<'a> {
    /// Nobody else works on it as long as this is open.
    Own {
        _store: Box<RocksStore>,
    },
    Server(&'a Plane, Checkpoint),
}

impl<'a> Source<'a> {
    /// Finds one for the data in this folder.
    pub(super) fn of(data_dir: &Path, plane: &'a Plane) -> Result<Self, Failed> {
        // Opening for writing would begin a store where there is none.
        drop(Examination::open(data_dir)?);
        match RocksStore::open(data_dir, RocksOptions::default()) {
            Ok(store) => {
                let path = data_dir.join(CHECKPOINTS).join(OFFLINE);
                // Of a command that did not come to its end.
                match fs::remove_dir_all(&path) {
                    Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                        return Err(Failed::File { path, error });
                    }
                    Ok(()) | Err(_) => {}
                }
                let folder = data_dir.join(CHECKPOINTS);
                fs::create_dir_all(&folder).map_err(Failed::file(&folder))?;
                store.checkpoint(&path)?;
                Ok(Self { path, kept: Kept::Own { _store: Box::new(store) } })
            }
            Err(StoreError::Locked { .. }) => {
                let checkpoint = plane.checkpoint()?;
                Ok(Self { path: checkpoint.path.clone(), kept: Kept::Server(plane, checkpoint) })
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The store's folder.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Source<'_> {
    fn drop(&mut self) {
        match &self.kept {
            Kept::Own { .. } => {
                if let Err(error) = fs::remove_dir_all(&self.path) {
                    eprintln!("warning: {} could not be removed: {error}", self.path.display());
                }
            }
            Kept::Server(plane, checkpoint) => plane.release(checkpoint),
        }
    }
}
