//! The built server as a process of its own, on the cores that are its, with the limits that a server on the internet has.

use std::error::Error;
use std::fs;
use std::io::{self, BufRead, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use rustix::thread::{CpuSet, sched_setaffinity};

pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
    folder: PathBuf,
}

impl Server {
    pub(crate) fn start(cores: &[usize], flags: &[&str]) -> Result<Self, Box<dyn Error>> {
        let folder = std::env::temp_dir().join(format!("selvedge-abuse-{}", std::process::id()));
        fs::create_dir_all(&folder)?;
        // The child inherits where it may run.
        pin(cores)?;
        let mut child = Command::new(env!("CARGO_BIN_EXE_selvedge"))
            .env_clear()
            .args(["--listen", "127.0.0.1:0", "--control=false", "--log-level", "info"])
            .args(flags)
            .arg("--data-dir")
            .arg(folder.join("data"))
            .stderr(Stdio::piped())
            .spawn()?;
        let mut log = BufReader::new(child.stderr.take().ok_or("its log is piped")?);
        let mut lines = String::new();
        let address = loop {
            let start = lines.len();
            if log.read_line(&mut lines)? == 0 {
                return Err(format!("the server ended: {lines}").into());
            }
            if let Some((_, rest)) = lines[start..].split_once("listening on ") {
                break rest.split_whitespace().next().ok_or("an address")?.parse()?;
            }
        };
        // A full pipe must not stop it.
        std::thread::spawn(move || io::copy(&mut log, &mut io::stderr()));
        Ok(Self { child, address, folder })
    }

    pub(crate) fn resident_bytes(&self) -> Result<u64, Box<dyn Error>> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("the server has ended")?;
        let kilobytes: u64 = line.split_whitespace().next().ok_or("a number")?.parse()?;
        Ok(kilobytes * 1024)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
        drop(fs::remove_dir_all(&self.folder));
    }
}

/// Keeps the calling thread, and what it starts, on these cores.
pub(crate) fn pin(cores: &[usize]) -> io::Result<()> {
    let mut set = CpuSet::new();
    for &core in cores {
        set.set(core);
    }
    Ok(sched_setaffinity(None, &set)?)
}
