//! Certificates made for a test, as files for the server and as trust for its clients.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ED25519, PKCS_RSA_SHA256, SignatureAlgorithm};
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};

pub(crate) struct Identity {
    pub(crate) certificate: CertificateDer<'static>,
    certificate_pem: String,
    key_pem: String,
}

impl Identity {
    pub(crate) fn new() -> Self {
        Self::with(&PKCS_ECDSA_P256_SHA256)
    }

    /// One of each kind of key that certificates are made with.
    pub(crate) fn of_each_kind() -> [Self; 3] {
        [&PKCS_ECDSA_P256_SHA256, &PKCS_ED25519, &PKCS_RSA_SHA256].map(Self::with)
    }

    fn with(algorithm: &'static SignatureAlgorithm) -> Self {
        let key = KeyPair::generate_for(algorithm).expect("a key");
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let certificate = CertificateParams::new(names).expect("names").self_signed(&key).expect("a certificate");
        Self {
            certificate: certificate.der().clone(),
            certificate_pem: certificate.pem(),
            key_pem: key.serialize_pem(),
        }
    }

    pub(crate) fn write(&self, files: &Files) {
        self.write_certificate(files);
        self.write_key(files);
    }

    pub(crate) fn write_certificate(&self, files: &Files) {
        std::fs::write(&files.certificate, &self.certificate_pem).expect("a file");
    }

    pub(crate) fn write_key(&self, files: &Files) {
        std::fs::write(&files.key, &self.key_pem).expect("a file");
    }

    /// A client that trusts it, and speaks these versions.
    pub(crate) fn client(&self, versions: &[&'static SupportedProtocolVersion]) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).expect("a certificate");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(versions);
        Arc::new(builder.expect("versions that the library has").with_root_certificates(roots).with_no_client_auth())
    }
}

/// Where the server reads them.
pub(crate) struct Files {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

impl Files {
    pub(crate) fn new(folder: &Path) -> Self {
        Self { certificate: folder.join("certificate.pem"), key: folder.join("key.pem") }
    }

    /// The flags that name them.
    pub(crate) fn flags(&self) -> [&str; 4] {
        [
            "--tls-certificate-file",
            self.certificate.to_str().expect("names of tests are text"),
            "--tls-key-file",
            self.key.to_str().expect("names of tests are text"),
        ]
    }
}
