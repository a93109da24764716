//! TLS as the settings ask for it: read at the start, and watched while the server runs.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::SystemTime;

use crate::settings::Settings;
use crate::tls::{Acceptor, Files, Identity, IdentityError, Reloader, SetupError};

/// TLS of the process.
pub(super) struct Tls {
    acceptor: Arc<Acceptor>,
    reloader: Reloader,
}

/// Why the server cannot speak TLS as it was told to.
#[derive(Debug)]
pub(super) enum TlsFailed {
    /// One file was given without the other.
    Half {
        given: &'static str,
        lacking: &'static str,
    },
    Identity(IdentityError),
    /// The library cannot work here.
    Library(SetupError),
    /// The files cannot be watched.
    Thread(io::Error),
}

impl fmt::Display for TlsFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Half { given, lacking } => write!(f, "{given} is given without {lacking}: TLS takes both"),
            Self::Identity(error) => error.fmt(f),
            Self::Library(error) => write!(f, "TLS cannot be set up: {error}"),
            Self::Thread(error) => write!(f, "cannot start a thread: {error}"),
        }
    }
}

impl Tls {
    /// `None` where the settings ask for no TLS.
    pub(super) fn load(settings: &Settings) -> Result<Option<Self>, TlsFailed> {
        let files = match (&settings.tls_certificate_file, &settings.tls_key_file) {
            (None, None) => return Ok(None),
            (Some(certificate), Some(key)) => Files { certificate: certificate.clone(), key: key.clone() },
            (Some(_), None) => return Err(TlsFailed::Half { given: "tls_certificate_file", lacking: "tls_key_file" }),
            (None, Some(_)) => return Err(TlsFailed::Half { given: "tls_key_file", lacking: "tls_certificate_file" }),
        };
        let identity = Identity::load(&files, SystemTime::now()).map_err(TlsFailed::Identity)?;
        let acceptor = Acceptor::new(&identity, settings.tls_min_version).map_err(TlsFailed::Library)?;
        let acceptor = Arc::new(acceptor);
        let reloader = Reloader::spawn(Arc::clone(&acceptor), files, &identity).map_err(TlsFailed::Thread)?;
        tracing::info!(not_after = %identity.not_after(), "connections are inside TLS");
        Ok(Some(Self { acceptor, reloader }))
    }

    /// Where sessions begin.
    pub(super) fn acceptor(&self) -> Arc<Acceptor> {
        Arc::clone(&self.acceptor)
    }

    /// Looks now whether there is another certificate.
    pub(super) fn look(&self) {
        self.reloader.poke();
    }
}
