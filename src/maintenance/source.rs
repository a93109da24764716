//! A store that does not change while it is read: the data itself where nobody works on it, a checkpoint where a server does.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use selvedge_storage::{HeldStore, StoreError};

use super::lease::{Lease, RENEWED_EVERY};
use super::{Advice, Failed, Plane};

/// Where a server makes checkpoints, in the folder of the data: on the same file system, so that files are linked.
pub const CHECKPOINTS: &str = "checkpoints";

/// Given back when dropped.
pub(super) enum Source {
    /// No server can begin on it as long as this is held.
    Own { path: PathBuf, _held: HeldStore },
    /// A server works on the data.
    Lent(Lease),
}

impl Source {
    /// Finds one for the data in this folder.
    pub(super) fn of(data_dir: &Path, plane: &Plane) -> Result<Self, Failed> {
        match HeldStore::hold(data_dir) {
            Ok(held) => Ok(Self::Own { path: data_dir.to_owned(), _held: held }),
            Err(StoreError::Locked { .. }) => {
                let lease = Lease::begin(plane, plane.checkpoint()?, RENEWED_EVERY).map_err(Failed::System)?;
                let source = Self::Lent(lease);
                // Of two servers on one machine the wrong one may have been asked.
                let folder = data_dir.join(CHECKPOINTS);
                if !is_same(source.path().parent(), &folder) {
                    let why = format!("it serves other data than those in {}", data_dir.display());
                    return Err(plane.failed(why, Some(Advice::Settings)));
                }
                Ok(source)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The store's folder.
    pub(super) fn path(&self) -> &Path {
        match self {
            Self::Own { path, .. } => path,
            Self::Lent(lease) => &lease.checkpoint().path,
        }
    }
}

/// Whether both are one folder, by whichever path.
fn is_same(one: Option<&Path>, other: &Path) -> bool {
    let identity = |path: &Path| fs::metadata(path).ok().map(|found| (found.dev(), found.ino()));
    one.and_then(identity).is_some_and(|one| identity(other) == Some(one))
}
