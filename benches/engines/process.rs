//! The server under test as a process of its own, so that what it spends is told apart from what its clients spend.

use std::error::Error;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::{env, fs, io};

use rustix::thread::{CpuSet, sched_setaffinity};

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

    pub(crate) fn spent(&self) -> Result<Spent, Box<dyn Error>> {
        Spent::of(self.child.id())
    }

    pub(crate) fn anonymous_bytes(&self) -> Result<u64, Box<dyn Error>> {
        let rollup = fs::read_to_string(format!("/proc/{}/smaps_rollup", self.child.id()))?;
        let line = rollup.lines().find_map(|line| line.strip_prefix("Anonymous:")).ok_or("the kernel says it")?;
        let kilobytes: u64 = line.split_whitespace().next().ok_or("a number")?.parse()?;
        Ok(kilobytes * 1024)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Keeps the calling thread, and those that it starts, on one core.
pub(crate) fn pin(core: usize) -> io::Result<()> {
    let mut set = CpuSet::new();
    set.set(core);
    Ok(sched_setaffinity(None, &set)?)
}
