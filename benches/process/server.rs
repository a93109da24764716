//! The built server as a process of its own. Knows nothing of what is measured of it.

use std::error::Error;
use std::fs;
use std::io::{self, BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// What a server needs on the disk. Goes with it.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> io::Result<Self> {
        // A bench has one server at a time.
        let path = std::env::temp_dir().join(format!("selvedge-bench-{}", std::process::id()));
        fs::create_dir_all(&path)?;
        Ok(Self(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left is in the way of nobody.
        drop(fs::remove_dir_all(&self.0));
    }
}

/// A server that listens, without a control plane. Killed when dropped.
pub(crate) struct Server {
    process: Process,
    address: SocketAddr,
    // Last, because the server works in it.
    _folder: Folder,
}

impl Server {
    /// With these flags beside those without which nothing could be measured. It may run where the calling thread may.
    pub(crate) fn start(folder: Folder, arguments: &[&str]) -> Result<Self, Box<dyn Error>> {
        let child = Command::new(env!("CARGO_BIN_EXE_selvedge"))
            .env_clear()
            .args(["--listen", "127.0.0.1:0", "--control=false", "--log-level", "info"])
            .args(arguments)
            .arg("--data-dir")
            .arg(folder.path().join("data"))
            .stderr(Stdio::piped())
            .spawn()?;
        // From here on it ends with this, whatever its log says.
        let mut process = Process(child);
        let mut log = BufReader::new(process.0.stderr.take().ok_or("its log is piped")?);
        let mut said = String::new();
        let address = loop {
            let start = said.len();
            if log.read_line(&mut said)? == 0 {
                return Err(format!("the server ended: {said}").into());
            }
            if let Some((_, rest)) = said[start..].split_once("listening on ") {
                break rest.split_whitespace().next().ok_or("an address")?.parse()?;
            }
        };
        // A full pipe must not stop it.
        std::thread::spawn(move || io::copy(&mut log, &mut io::stderr()));
        Ok(Self { process, address, _folder: folder })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.0.id()
    }
}

struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}
