//! What can be wrong with what is given for tokens, and the words for it: at the start, and of files that change later.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use super::file::FILE_BYTES_MAX;
use super::key::{KeyFault, SetFault};
use super::revoked::RevokedFault;

/// Why the server does not start.
#[derive(Debug)]
pub enum StartError {
    /// Others reach the address, and nothing was said of who may come.
    Unprotected {
        /// Where it would listen.
        listen: SocketAddr,
    },
    /// Tokens are to be asked for, and there is nothing to check them with.
    NoKeys,
    /// A file cannot be taken.
    File {
        /// The setting that names it.
        setting: &'static str,
        /// Which.
        path: PathBuf,
        /// Why.
        fault: FileFault,
    },
    /// The system has no thread to give.
    Thread(io::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unprotected { listen } => write!(
                f,
                "listen = {listen}: whoever reaches this address could read and change every document; give keys to check tokens \
                 with (auth_secret_file, auth_keys_file or auth_jwks_url), or say auth = none"
            ),
            Self::NoKeys => f.write_str(
                "auth = jwt: there are no keys to check tokens with; give auth_secret_file, auth_keys_file or auth_jwks_url",
            ),
            Self::File { setting, path, fault } => write!(f, "{setting} = {}: {fault}", path.display()),
            Self::Thread(error) => write!(f, "cannot start a thread: {error}"),
        }
    }
}

impl std::error::Error for StartError {}

/// What is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileFault {
    /// The system does not give it; what it says.
    Unreadable(String),
    /// A folder, a pipe, a device.
    NotAFile,
    /// More than a file of this kind has.
    TooLong,
    /// No key.
    Key(KeyFault),
    /// No set of keys.
    Set(SetFault),
    /// A set without any key.
    EmptySet,
    /// A set with a key that cannot be used.
    KeyInSet {
        /// Counted from 1.
        number: usize,
        /// Its name.
        id: Option<Box<str>>,
        /// Why.
        fault: KeyFault,
    },
    /// No list of subjects.
    Revoked(RevokedFault),
}

impl fmt::Display for FileFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(error) => write!(f, "cannot be read: {error}"),
            Self::NotAFile => f.write_str("not a file"),
            Self::TooLong => write!(f, "more than {FILE_BYTES_MAX} bytes"),
            Self::Key(fault) => fault.fmt(f),
            Self::Set(fault) => fault.fmt(f),
            Self::EmptySet => f.write_str("a JWK set without keys"),
            Self::KeyInSet { number, id: Some(id), fault } => write!(f, "key {number} ({id:?}): {fault}"),
            Self::KeyInSet { number, id: None, fault } => write!(f, "key {number}: {fault}"),
            Self::Revoked(fault) => fault.fmt(f),
        }
    }
}
