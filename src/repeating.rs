//! A thread that does something again and again, as long as whoever wants it done is there. Does not know what.

use std::io;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Ends, and waits for the end, when it is dropped.
#[derive(Debug)]
pub(crate) struct Repeating {
    /// Dropped first, which ends the thread.
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Repeating {
    /// Does this on a thread of this name.
    ///
    /// # Errors
    ///
    /// The system has no thread to give.
    pub(crate) fn spawn(name: &str, run: impl FnOnce(&Pause) + Send + 'static) -> io::Result<Self> {
        let (stop, stopped) = mpsc::channel();
        let thread = thread::Builder::new().name(name.to_owned()).spawn(move || run(&Pause(stopped)))?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Repeating {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // What a panic means is decided for all threads; the log has it.
            drop(thread.join());
        }
    }
}

/// Between two times.
#[derive(Debug)]
pub(crate) struct Pause(Receiver<()>);

impl Pause {
    /// Waits so long, or until it has to end; then it says no.
    pub(crate) fn goes_on_after(&self, time: Duration) -> bool {
        self.0.recv_timeout(time) == Err(RecvTimeoutError::Timeout)
    }
}
