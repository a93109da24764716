//! A running server, asked through its control plane for what only it can do.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use ureq::{Agent, RequestBuilder};

use super::{Advice, Failed};

/// RocksDB writes what it has in memory to files first.
const TIMEOUT: Duration = Duration::from_secs(120);

/// The way to it.
#[derive(Clone, Debug)]
pub struct Plane {
    /// Where its control plane is.
    pub address: SocketAddr,
    /// A token with the admin claim.
    pub token: Option<String>,
}

/// A second store that the server has made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Checkpoint {
    pub(super) id: String,
    /// Where it is.
    pub(super) path: PathBuf,
}

impl Plane {
    pub(super) fn checkpoint(&self) -> Result<Checkpoint, Failed> {
        let request = self.signed(self.agent().post(self.url("/v1/checkpoints")));
        let unreached = |error: ureq::Error| self.failed(error.to_string(), Some(Advice::Settings));
        let mut response = request.send_empty().map_err(unreached)?;
        let status = response.status();
        let body = response.body_mut().read_to_string().map_err(unreached)?;
        let answer: Value = serde_json::from_str(&body).unwrap_or_default();
        match (status.is_success(), answer["id"].as_str(), answer["path"].as_str()) {
            (true, Some(id), Some(path)) => Ok(Checkpoint { id: id.to_owned(), path: path.into() }),
            _ => Err(match answer["detail"].as_str() {
                Some(detail) => {
                    let is_stranger = matches!(status.as_u16(), 401 | 403);
                    self.failed(format!("{status}, {detail}"), is_stranger.then_some(Advice::Token))
                }
                None => {
                    let why = format!("it answered {status}, not as a control plane of Selvedge");
                    self.failed(why, Some(Advice::Settings))
                }
            }),
        }
    }

    /// Says that it is still needed.
    pub(super) fn renew(&self, checkpoint: &Checkpoint) {
        let renewed = self.signed(self.agent().put(self.of(checkpoint))).send_empty();
        let why = match renewed.map(|response| response.status()) {
            Ok(status) if status.is_success() => return,
            Ok(status) => status.to_string(),
            Err(error) => error.to_string(),
        };
        eprintln!("warning: the server may remove {} while it is read: {why}", checkpoint.path.display());
    }

    /// The server removes it by itself where this fails, only later.
    pub(super) fn release(&self, checkpoint: &Checkpoint) {
        if let Err(error) = self.signed(self.agent().delete(self.of(checkpoint))).call() {
            eprintln!("warning: the server keeps {} for now: {error}", checkpoint.path.display());
        }
    }

    fn of(&self, checkpoint: &Checkpoint) -> String {
        self.url(&format!("/v1/checkpoints/{}", checkpoint.id))
    }

    fn signed<B>(&self, request: RequestBuilder<B>) -> RequestBuilder<B> {
        match &self.token {
            Some(token) => request.header("Authorization", format!("Bearer {token}")),
            None => request,
        }
    }

    fn agent(&self) -> Agent {
        Agent::config_builder().timeout_global(Some(TIMEOUT)).http_status_as_error(false).proxy(None).build().into()
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(super) fn failed(&self, why: String, advice: Option<Advice>) -> Failed {
        Failed::Plane { address: self.address.to_string(), why, advice }
    }
}

/// A token in a file, without what is around it.
///
/// # Errors
///
/// The file cannot be read.
pub fn token(path: &Path) -> Result<String, Failed> {
    Ok(std::fs::read_to_string(path).map_err(Failed::file(path))?.trim().to_owned())
}
