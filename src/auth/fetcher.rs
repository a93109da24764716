//! The thread that fetches what an issuer publishes, each time it is told to. It may wait for as long as the network makes it, and
//! nobody waits for it. Does not know what a key is.

use std::io;
use std::sync::mpsc::{Receiver, SyncSender};
use std::thread;
use std::time::Duration;

use ureq::Agent;

use super::keeper::Command;
use crate::outgoing;

/// How long an answer may take, from the name's resolution to its last byte.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Longest answer. Sets of keys have a few kilobytes.
const BODY_BYTES_MAX: u64 = 256 << 10;

/// Starts the thread. It ends when nobody can tell it anything any more.
pub(super) fn spawn(url: String, requests: Receiver<()>, results: SyncSender<Command>) -> io::Result<()> {
    let fetch = move || {
        let agent = outgoing::agent(&url, TIMEOUT);
        while requests.recv().is_ok() {
            if results.send(Command::Fetched(fetch(&agent, &url))).is_err() {
                return;
            }
        }
    };
    // Nobody joins it: a drain would wait for a network.
    thread::Builder::new().name("auth-fetcher".to_owned()).spawn(fetch).map(drop)
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
