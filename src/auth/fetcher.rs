//! The thread that fetches what an issuer publishes, each time it is told to. It may wait for as long as the network makes it, and
//! nobody waits for it. Does not know what a key is.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender};
use std::thread;
use std::time::Duration;

use ureq::Agent;
use ureq::tls::{RootCerts, TlsConfig};

use super::keeper::Command;

/// How long an answer may take, from the name's resolution to its last byte.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Longest answer. Sets of keys have a few kilobytes.
const BODY_BYTES_MAX: u64 = 256 << 10;

/// Starts the thread. It ends when nobody can tell it anything any more.
pub(super) fn spawn(url: String, requests: Receiver<()>, results: SyncSender<Command>) -> io::Result<()> {
    let fetch = move || {
        let agent = agent(&url);
        while requests.recv().is_ok() {
            if results.send(Command::Fetched(fetch(&agent, &url))).is_err() {
                return;
            }
        }
    };
    // Nobody joins it: a drain would wait for a network.
    thread::Builder::new().name("auth-fetcher".to_owned()).spawn(fetch).map(drop)
}

fn agent(url: &str) -> Agent {
    let is_https = url.starts_with("https://");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = TlsConfig::builder()
        // The authorities that the machine trusts: issuers inside of companies have certificates of their own.
        .root_certs(RootCerts::PlatformVerifier)
        .unversioned_rustls_crypto_provider(provider)
        .build();
    let config = Agent::config_builder()
        .https_only(is_https)
        .tls_config(tls)
        // Whoever could redirect could choose whose keys are trusted.
        .max_redirects(0)
        .max_redirects_will_error(false)
        .http_status_as_error(false)
        .timeout_global(Some(TIMEOUT))
        .max_idle_connections(0)
        .user_agent(concat!("selvedge/", env!("CARGO_PKG_VERSION")));
    // Without encryption it is on this machine, where no proxy leads to.
    let config = if is_https { config } else { config.proxy(None) };
    config.build().new_agent()
}

/// What is at the address, or why there is nothing.
fn fetch(agent: &Agent, url: &str) -> Result<Vec<u8>, String> {
    let mut response = agent.get(url).header("Accept", "application/json").call().map_err(|error| error.to_string())?;
    let status = response.status();
    if status != 200 {
        return Err(format!("the answer has status {}", status.as_u16()));
    }
    response.body_mut().with_config().limit(BODY_BYTES_MAX).read_to_vec().map_err(|error| error.to_string())
}
