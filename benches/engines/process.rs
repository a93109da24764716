//! The server under test as a process of its own, so that what it spends is told apart from what its clients spend.

use std::env;
use std::error::Error;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use crate::spent::Spent;

/// A server that runs until it is dropped.
pub(crate) struct Server {
    child: Child,
    address: SocketAddr,
    name: String,
}

impl Server {
    /// Starts this program once more, with the flag that makes it serve.
    pub(crate) fn start(engine: &str, core: usize, environment: &[(&str, &str)]) -> Result<Self, Box<dyn Error>> {
        let mut child = Command::new(env::current_exe()?)
            .args(["--serve", engine, &core.to_string()])
            .envs(environment.iter().copied())
            // It ends when this is closed, so that it never outlives us.
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().ok_or("it is piped")?).read_line(&mut line)?;
        let (address, name) = line.trim_end().split_once(' ').ok_or_else(|| format!("{engine} does not start"))?;
        Ok(Self { address: address.parse()?, name: name.to_owned(), child })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// What the engine calls itself.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn spent(&self) -> Result<Spent, Box<dyn Error>> {
        Spent::of(self.child.id())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
