//! The server as a process, in a folder of its own.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};

use tempfile::TempDir;

/// Killed when dropped.
pub(crate) struct Server {
    child: Child,
    address: String,
    /// Kept open: a server that cannot write its log must not be what is tested.
    _log: BufReader<ChildStderr>,
    _folder: TempDir,
}

impl Server {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        // Binaries of a workspace are built into one folder, but only a package's own tests are told where.
        let binary = Path::new(env!("CARGO_BIN_EXE_selvedge-load")).with_file_name("selvedge");
        let mut child = Command::new(&binary)
            .env_clear()
            .args([
                "--listen",
                "127.0.0.1:0",
                "--control=false",
                "--shards",
                "2",
                "--storage-memory-bytes",
                "16MiB",
                "--data-dir",
            ])
            .arg(folder.path().join("data"))
            .args(arguments)
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}: build the whole workspace first", binary.display()));
        let mut log = BufReader::new(child.stderr.take().expect("it is piped"));
        let mut said = String::new();
        let address = loop {
            let from = said.len();
            assert_ne!(log.read_line(&mut said).expect("the log is text"), 0, "the server ended: {said}");
            if let Some((_, rest)) = said[from..].split_once("listening on ") {
                break rest.split_whitespace().next().expect("an address").to_owned();
            }
        };
        Self { child, address, _log: log, _folder: folder }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn documents(&self) -> String {
        format!("ws://{}/yjs/{{document}}", self.address)
    }

    pub(crate) fn echo(&self) -> String {
        format!("ws://{}/echo", self.address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
