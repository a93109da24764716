//! What no file shows: whether the kernel makes a ring, and what the tools of the machine say. It does not know what for.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::driver::{self, Descriptors, Kind};

/// Most that is read of what a tool says, in bytes.
const OUTPUT_BYTES_MAX: u64 = 1 << 20;

/// Asks the machine.
pub trait Probe {
    /// Opens a ring as the server does, and closes it again.
    ///
    /// # Errors
    ///
    /// Why there is none.
    fn ring(&self) -> Result<(), String>;

    /// What a tool prints. `None` where there is none, or it fails.
    fn tool(&self, name: &str, arguments: &[&str]) -> Option<String>;
}

/// The machine that this runs on.
#[derive(Clone, Debug)]
pub struct ThisMachine {
    /// Where its tools are; on the search path otherwise.
    tools: Option<PathBuf>,
}

impl ThisMachine {
    /// The machine whose files are below a folder. One that is made up has its tools there as well, and no other is asked.
    #[must_use]
    pub fn below(root: &Path) -> Self {
        Self { tools: (root != Path::new("/")).then(|| root.join("usr/sbin")) }
    }
}

impl Probe for ThisMachine {
    fn ring(&self) -> Result<(), String> {
        driver::open(Kind::Uring, Descriptors::Process, None).map(drop).map_err(|error| error.to_string())
    }

    fn tool(&self, name: &str, arguments: &[&str]) -> Option<String> {
        let mut child =
            Command::new(self.tools.as_ref().map_or_else(|| PathBuf::from(name), |folder| folder.join(name)))
                .args(arguments)
                .env("LC_ALL", "C")
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .spawn()
                .ok()?;
        let mut output = Vec::new();
        let read = child.stdout.take().expect("it is piped").take(OUTPUT_BYTES_MAX).read_to_end(&mut output);
        // Whoever has more to say than fits ends when its pipe is closed, which it is by now.
        let status = child.wait().ok()?;
        (read.is_ok() && status.success()).then(|| String::from_utf8_lossy(&output).into_owned())
    }
}
