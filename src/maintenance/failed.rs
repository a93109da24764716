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
    /// An earlier command was killed while it filled the folder.
    Unfinished {
        /// Which.
        path: PathBuf,
    },
    /// The folder for a backup is the one of the data, or lies in it.
    InData {
        /// Which.
        path: PathBuf,
        /// That of the data.
        data_dir: PathBuf,
    },
    /// The folder to restore into and the backup lie in each other.
    InBackup {
        /// Which.
        path: PathBuf,
        /// That of the backup.
        backup: PathBuf,
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
        /// What may help; nothing where the server itself says what is wrong with it.
        advice: Option<Advice>,
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

/// What whoever asked a control plane can do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advice {
    /// Ask the right one.
    Settings,
    /// Say who asks.
    Token,
}

impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Settings => "run this with the settings that the server has (--config, --control-listen)",
            Self::Token => "name a token with the admin claim (--token FILE)",
        })
    }
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
            Self::Unfinished { path } => write!(
                f,
                "{}: a backup or a restore was broken off there, and what is in the folder is not whole; remove it, or name another folder",
                path.display()
            ),
            Self::InData { path, data_dir } => write!(
                f,
                "{}: the folder is in the data in {}, which are the server's alone; name one outside of them",
                path.display(),
                data_dir.display()
            ),
            Self::InBackup { path, backup } => write!(
                f,
                "{}: the folder for the data and the backup in {} lie in each other; name a folder apart from it",
                path.display(),
                backup.display()
            ),
            Self::NotABackup { path, why } => write!(f, "{}: not a backup: {why}", path.display()),
            Self::Changed { path, why } => write!(f, "{}: {why}: the backup is damaged", path.display()),
            Self::Plane { address, why, advice } => {
                write!(f, "a server works on the data, and its control plane at {address} did not help: {why}")?;
                advice.map_or(Ok(()), |advice| write!(f, "; {advice}"))
            }
            Self::System(error) => write!(f, "the system refuses a thread or a signal: {error}"),
            Self::Name(why) => write!(f, "no document can have this name: {why}"),
            Self::NoDocument { name } => write!(f, "there is no document {name:?}"),
            Self::Damaged { name, why } => write!(f, "the document {name:?} is damaged: {why}"),
        }
    }
}

impl std::error::Error for Failed {}
