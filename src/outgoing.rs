//! How this server asks others over HTTP: what is the same whoever is asked, and wherever a wrong answer could lead. Does not know what for.

use std::sync::Arc;
use std::time::Duration;

use ureq::Agent;
use ureq::tls::{RootCerts, TlsConfig};

/// Heads of answers are not read further.
const HEAD_BYTES_MAX: usize = 16 << 10;

/// For requests to this address, each of which may take so long in all.
pub(crate) fn agent(url: &str, timeout: Duration) -> Agent {
    let is_https = url.starts_with("https://");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = TlsConfig::builder()
        // The authorities that the machine trusts: services inside of companies have certificates of their own.
        .root_certs(RootCerts::PlatformVerifier)
        .unversioned_rustls_crypto_provider(provider)
        .build();
    let config = Agent::config_builder()
        .https_only(is_https)
        .tls_config(tls)
        // Whoever could redirect could choose whose keys are trusted, and who is told what happens, from where this server reaches them.
        .max_redirects(0)
        .max_redirects_will_error(false)
        .http_status_as_error(false)
        .timeout_global(Some(timeout))
        .max_response_header_size(HEAD_BYTES_MAX)
        .max_idle_connections(0)
        .user_agent(concat!("selvedge/", env!("CARGO_PKG_VERSION")));
    // Without encryption it is on this machine or a network of the operator's, where no proxy leads to.
    let config = if is_https { config } else { config.proxy(None) };
    config.build().new_agent()
}
