//! Why a command did not do what it was asked, and whose fault it is.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use selvedge_storage::StoreError;

/// One failure.
#[derive(Debug)]
pub enum Failed {
    /// The store cannot be used.
    Store(StoreError),
    /// A file or folder cannot be read or written.
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The folder that is to be filled has something in it.
    NotEmpty {
        /// Which.
        path: PathBuf,
    },
    /// No backup of ours, or one that was not finished.
    NotABackup {
        /// Which.
        path: PathBuf,
        /// What was found.
        why: String,
    },
    /// A file is not what the backup had.
    Changed {
        /// Which.
        path: PathBuf,
        /// How it differs.
        why: &'static str,
    },
    /// A server works on the data, and its control plane does not do what was asked of it.
    Plane {
        /// Where it was asked.
        address: String,
        /// What came of it.
        why: String,
    },
    /// The system has no thread to give, or lets no signal be caught.
    System(io::Error),
    /// No document can have this name.
    Name(String),
    /// There is no document of this name.
    NoDocument {
        /// Which.
        name: String,
    },
    /// The document is damaged.
    Damaged {
        /// Which.
        name: String,
        /// What is wrong.
        why: String,
    },
}

impl Failed {
    pub(super) fn file(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |error| Self::File { path, error }
    }
}

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(error) => error.fmt(f),
            Self::File { path, error } => write!(f, "{}: {error}", path.display()),
            Self::NotEmpty { path } => {
                write!(f, "{}: the folder is not empty; name one that is, or one that does not exist", path.display())
            }
            Self::NotABackup { path, why } => write!(f, "{}: not a backup: {why}", path.display()),
            Self::Changed { path, why } => write!(f, "{}: {why}: the backup is damaged", path.display()),
            Self::Plane { address, why } => write!(
                f,
                "a server works on the data, and its control plane at {address} did not help: {why}; run this with the settings that the server \
                 has (--config, --control-listen), and with --token FILE if it asks for tokens"
            ),
            Self::System(error) => write!(f, "the system refuses a thread or a signal: {error}"),
            Self::Name(why) => write!(f, "no document can have this name: {why}"),
            Self::NoDocument { name } => write!(f, "there is no document {name:?}"),
            Self::Damaged { name, why } => write!(f, "the document {name:?} is damaged: {why}"),
        }
    }
}

impl std::error::Error for Failed {}
