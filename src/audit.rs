//! The audit log: who came in, who did not, and why, as JSON lines in a file of its own. Never a token, a query or what is in a document: events
//! have no field for them. Does not know who reads it.

mod event;
mod queue;
mod repeats;
mod writer;

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::SystemTime;

pub use crate::rotating_file::Options;
pub use event::{Action, Address, Event, How, Outcome, Reason, SettingHow};

use crate::rotating_file::RotatingFile;
use queue::{Queue, Record};

/// The operator named a file that cannot be the audit log.
#[derive(Debug)]
pub struct OpenFailed {
    /// As it was named.
    pub file: PathBuf,
    /// What the kernel said.
    pub error: io::Error,
}

impl fmt::Display for OpenFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot write the audit log {}: {}", self.file.display(), self.error)
    }
}

impl std::error::Error for OpenFailed {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

/// A way into the log. Cheap to clone; without a file it takes everything and does nothing.
#[derive(Clone, Debug, Default)]
pub struct Audit {
    queue: Option<Arc<Queue>>,
    /// Which core records.
    core: Option<u16>,
}

impl Audit {
    /// A way into a log that nobody keeps.
    #[must_use]
    pub fn off() -> Self {
        Self::default()
    }

    /// The same way, for one core.
    #[must_use]
    pub fn of_core(&self, core: u16) -> Self {
        Self { queue: self.queue.clone(), core: Some(core) }
    }

    /// Writes this down, soon. Never waits for the disk: what finds no room is counted, and the log says how much that was.
    pub fn record(&self, event: Event) {
        if let Some(queue) = &self.queue {
            queue.push(Record { at: SystemTime::now(), core: self.core, event });
        }
    }
}

/// The thread that writes. Dropping it writes what is left, and ends it.
#[derive(Debug)]
pub struct AuditLog {
    queue: Arc<Queue>,
    thread: Option<JoinHandle<()>>,
}

impl AuditLog {
    /// Opens the file, and writes from now on.
    ///
    /// # Errors
    ///
    /// The file cannot be opened, or the machine has no thread to give.
    pub fn open(options: Options) -> Result<Self, OpenFailed> {
        let path = options.file.clone();
        let failed = |error| OpenFailed { file: path.clone(), error };
        let file = RotatingFile::open(options).map_err(failed)?;
        let queue = Arc::new(Queue::default());
        let taken_from = Arc::clone(&queue);
        let thread = thread::Builder::new().name("audit".into());
        let thread = thread.spawn(move || writer::run(&taken_from, file)).map_err(failed)?;
        Ok(Self { queue, thread: Some(thread) })
    }

    /// A way into it.
    #[must_use]
    pub fn audit(&self) -> Audit {
        Audit { queue: Some(Arc::clone(&self.queue)), core: None }
    }
}

impl Drop for AuditLog {
    fn drop(&mut self) {
        self.queue.close();
        if let Some(thread) = self.thread.take() {
            // A panic has aborted the process already.
            drop(thread.join());
        }
    }
}

#[cfg(test)]
mod tests;
