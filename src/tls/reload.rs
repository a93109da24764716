//! Watches the files of an identity, and exchanges it when they have changed. Does not know who else uses them.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime};

use super::identity::Contents;
use super::{Acceptor, Files, Identity, IdentityError};

/// How often the files are looked at. Reading them tells more than their times do: a volume may be mounted anew with older times.
const POLL: Duration = Duration::from_secs(1);

/// The thread that watches. Ends when dropped.
#[derive(Debug)]
pub struct Reloader {
    poke: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Reloader {
    /// Watches from now on. This identity was read from the files, and is in use.
    ///
    /// # Errors
    ///
    /// The machine has no thread to give.
    pub fn spawn(acceptor: Arc<Acceptor>, files: Files, identity: &Identity) -> io::Result<Self> {
        let (poke, pokes) = mpsc::channel();
        let mut watch = Watch::new(files, identity);
        let run = move || run(&mut watch, &acceptor, &pokes);
        let thread = thread::Builder::new().name("tls-reload".to_owned()).spawn(run)?;
        Ok(Self { poke: Some(poke), thread: Some(thread) })
    }

    /// Looks now.
    pub fn poke(&self) {
        if let Some(poke) = &self.poke {
            poke.send(()).expect("the thread ends only with this");
        }
    }
}

impl Drop for Reloader {
    fn drop(&mut self) {
        drop(self.poke.take());
        if let Some(thread) = self.thread.take() {
            // A panic has aborted the process already.
            drop(thread.join());
        }
    }
}

fn run(watch: &mut Watch, acceptor: &Acceptor, pokes: &Receiver<()>) {
    loop {
        match pokes.recv_timeout(POLL) {
            Ok(()) | Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        match watch.look(SystemTime::now()) {
            None => {}
            Some(Ok(identity)) => {
                acceptor.replace(&identity);
                tracing::info!(not_after = %identity.not_after(), "new handshakes use the new certificate");
            }
            Some(Err(error)) => {
                tracing::error!(%error, "the new certificate cannot be used; the one before stays in use");
            }
        }
    }
}

/// What was seen of the files.
#[derive(Debug)]
struct Watch {
    files: Files,
    /// What was taken or refused last.
    judged: Contents,
    /// What was there at the last look; `None` where it could not be read.
    seen: Option<Contents>,
    /// It was said that they cannot be read.
    complained: bool,
}

impl Watch {
    fn new(files: Files, identity: &Identity) -> Self {
        let judged = identity.contents.clone();
        Self { seen: Some(judged.clone()), judged, files, complained: false }
    }

    /// Looks at both files. What is new is judged once it has stayed the same for two looks: in the middle of a rotation one file is new
    /// and the other is old, and neither is anybody's mistake.
    fn look(&mut self, now: SystemTime) -> Option<Result<Identity, IdentityError>> {
        let contents = match self.files.read() {
            Ok(contents) => contents,
            Err(error) => {
                // Said at the second look, for the same reason, and once.
                let settled = self.seen.take().is_none();
                return (settled && !std::mem::replace(&mut self.complained, true)).then_some(Err(error));
            }
        };
        self.complained = false;
        let settled = self.seen.as_ref() == Some(&contents);
        if !settled || self.judged == contents {
            self.seen = Some(contents);
            return None;
        }
        self.judged = contents.clone();
        Some(Identity::of(contents, &self.files, now))
    }
}

#[cfg(test)]
mod tests;
