//! What all TLS sessions of the process have in common: the versions, the tickets, and the identity, which may be exchanged at any time.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use rustls::crypto::aws_lc_rs;
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use rustls::{ServerConfig, SupportedProtocolVersion};

use super::{Identity, Session};

/// The only protocol that is spoken inside (RFC 7301); WebSocket begins in it.
const ALPN: &[u8] = b"http/1.1";

/// Tickets that a client of TLS 1.3 is given: it uses each once, and opens one socket at a time.
const TICKETS: usize = 1;

/// The oldest version that is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MinVersion {
    /// TLS 1.2 and 1.3.
    Tls12,
    /// TLS 1.3 only.
    Tls13,
}

impl MinVersion {
    fn versions(self) -> &'static [&'static SupportedProtocolVersion] {
        static ALL: [&SupportedProtocolVersion; 2] = [&TLS13, &TLS12];
        match self {
            Self::Tls12 => &ALL,
            Self::Tls13 => &ALL[..1],
        }
    }
}

/// One for the process. Sessions are resumed by what is in their tickets, encrypted with a key that all cores share and that changes
/// every few hours: nothing is kept here for a client that is gone.
pub struct Acceptor {
    config: Arc<ServerConfig>,
    certificate: Arc<Certificate>,
}

impl Acceptor {
    /// Sessions begin with this identity, until another is put in its place.
    ///
    /// # Errors
    ///
    /// The library has no randomness for its tickets.
    pub fn new(identity: &Identity, min_version: MinVersion) -> Result<Self, rustls::Error> {
        let certificate = Arc::new(Certificate(RwLock::new(Arc::clone(&identity.key))));
        let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(min_version.versions())?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&certificate) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![ALPN.to_vec()];
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.ticketer = aws_lc_rs::Ticketer::new()?;
        config.send_tls13_tickets = TICKETS;
        debug_assert_eq!(config.max_early_data_size, 0, "what comes early can be replayed");
        Ok(Self { config: Arc::new(config), certificate })
    }

    /// A session for a socket that was accepted.
    ///
    /// # Panics
    ///
    /// Never: the configuration was checked when this was made.
    #[must_use]
    pub fn accept(&self) -> Session {
        Session::new(Arc::clone(&self.config)).expect("a session needs no more than its configuration")
    }

    /// Handshakes that begin from now on show this identity. Sessions go on as they are.
    pub fn replace(&self, identity: &Identity) {
        *self.certificate.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&identity.key);
    }
}

impl fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Acceptor(..)")
    }
}

/// The identity of now. Read once for each handshake, and written when files change.
#[derive(Debug)]
struct Certificate(RwLock<Arc<CertifiedKey>>);

impl ResolvesServerCert for Certificate {
    /// The same for every name: there is one.
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner)))
    }
}
