//! Who the server is: a chain of certificates and its private key, read together from two files. Does not know who watches the files.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use super::validity::NotAfter;

/// A chain or a key is some kilobytes; what is longer is another file, in bytes.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// What keys look like that need a passphrase, in either of their forms.
const ENCRYPTED_MARKS: [&[u8]; 2] = [b"-----BEGIN ENCRYPTED PRIVATE KEY-----", b"Proc-Type: 4,ENCRYPTED"];

/// Where a pair is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// The chain, in PEM: the server's certificate first.
    pub certificate: PathBuf,
    /// The key, in PEM.
    pub key: PathBuf,
}

/// What both files held in one moment.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Contents {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

/// A pair that belongs together and holds.
pub struct Identity {
    pub(super) key: Arc<CertifiedKey>,
    /// What it was read from.
    pub(super) contents: Contents,
    not_after: NotAfter,
}

/// Why two files are no identity. All of it the operator's to mend.
#[derive(Debug)]
pub enum IdentityError {
    /// A file cannot be read.
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// There is no certificate in PEM.
    NoCertificate {
        /// Where one should be.
        path: PathBuf,
    },
    /// What is there is not X.509, or not in PEM.
    BadCertificate {
        /// Where it is.
        path: PathBuf,
    },
    /// There is no private key in PEM.
    NoKey {
        /// Where one should be.
        path: PathBuf,
    },
    /// The key needs a passphrase, and nobody is there to type one.
    EncryptedKey {
        /// Where it is.
        path: PathBuf,
    },
    /// The key is of a kind that TLS cannot use.
    BadKey {
        /// Where it is.
        path: PathBuf,
        /// What is wrong with it.
        error: rustls::Error,
    },
    /// The key is not that of the certificate.
    Mismatch {
        /// The two files.
        files: Files,
    },
    /// The certificate has ended.
    Expired {
        /// Where it is.
        path: PathBuf,
        /// When that was.
        not_after: NotAfter,
    },
}

impl fmt::Display for IdentityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { path, error } => write!(f, "{}: cannot be read: {error}", path.display()),
            Self::NoCertificate { path } => write!(f, "{}: there is no certificate in it (PEM)", path.display()),
            Self::BadCertificate { path } => write!(f, "{}: what is in it is not a certificate", path.display()),
            Self::NoKey { path } => write!(f, "{}: there is no private key in it (PEM)", path.display()),
            Self::EncryptedKey { path } => {
                write!(f, "{}: the private key is encrypted; the server needs it without a passphrase", path.display())
            }
            Self::BadKey { path, error } => write!(f, "{}: the private key cannot be used: {error}", path.display()),
            Self::Mismatch { files: Files { certificate, key } } => {
                write!(f, "{}: this is not the key of the certificate in {}", key.display(), certificate.display())
            }
            Self::Expired { path, not_after } => {
                write!(f, "{}: the certificate expired on {not_after}", path.display())
            }
        }
    }
}

impl std::error::Error for IdentityError {}

impl Files {
    /// Reads both.
    pub(super) fn read(&self) -> Result<Contents, IdentityError> {
        Ok(Contents { certificate: read(&self.certificate)?, key: read(&self.key)? })
    }
}

impl Identity {
    /// Reads a pair that holds at this time.
    ///
    /// # Errors
    ///
    /// The files cannot be read, or what they hold is no such pair.
    pub fn load(files: &Files, now: SystemTime) -> Result<Self, IdentityError> {
        Self::of(files.read()?, files, now)
    }

    pub(super) fn of(contents: Contents, files: &Files, now: SystemTime) -> Result<Self, IdentityError> {
        let path = || files.certificate.clone();
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&contents.certificate)
            .collect::<Result<_, _>>()
            .map_err(|_| IdentityError::BadCertificate { path: path() })?;
        let first = chain.first().ok_or_else(|| IdentityError::NoCertificate { path: path() })?;
        let not_after = NotAfter::of(first).ok_or_else(|| IdentityError::BadCertificate { path: path() })?;
        let key = private_key(&contents.key, &files.key)?;
        let provider = aws_lc_rs::default_provider();
        let key = CertifiedKey::from_der(chain, key, &provider).map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => IdentityError::Mismatch { files: files.clone() },
            rustls::Error::InvalidCertificate(_) => IdentityError::BadCertificate { path: path() },
            error => IdentityError::BadKey { path: files.key.clone(), error },
        })?;
        if not_after.time() < now {
            return Err(IdentityError::Expired { path: path(), not_after });
        }
        Ok(Self { key: Arc::new(key), contents, not_after })
    }

    /// Until when the certificate holds.
    #[must_use]
    pub fn not_after(&self) -> NotAfter {
        self.not_after
    }
}

fn private_key(pem: &[u8], path: &Path) -> Result<PrivateKeyDer<'static>, IdentityError> {
    if ENCRYPTED_MARKS.iter().any(|mark| pem.windows(mark.len()).any(|window| window == *mark)) {
        return Err(IdentityError::EncryptedKey { path: path.into() });
    }
    PrivateKeyDer::from_pem_slice(pem).map_err(|_| IdentityError::NoKey { path: path.into() })
}

fn read(path: &Path) -> Result<Vec<u8>, IdentityError> {
    let unreadable = |error| IdentityError::Unreadable { path: path.into(), error };
    // A pipe would wait for ever, and a device never end.
    if !fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err(unreadable(io::Error::other("not a file")));
    }
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)).map_err(unreadable)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(unreadable(io::Error::other(format!("longer than {FILE_BYTES_MAX} bytes"))));
    }
    Ok(bytes)
}

impl fmt::Debug for Contents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Contents(..)")
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("not_after", &self.not_after).finish_non_exhaustive()
    }
}
