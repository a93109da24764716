//! Watches the files of an identity, and exchanges it when they have changed. Does not know who else uses them.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, SystemTime};

use super::identity::Contents;
use super::validity::NotAfter;
use super::{Acceptor, Files, Identity, IdentityError};

/// How often the files are looked at. Reading them tells more than their times do: a volume may be mounted anew with older times.
const POLL: Duration = Duration::from_secs(1);

/// How long before its end a certificate that is still in use is worth a warning: whoever renews it has failed by then.
const ENDS_SOON: Duration = Duration::from_secs(7 * 86_400);

/// The thread that watches. It ends when this is dropped, unless a file system keeps it waiting.
#[derive(Debug)]
pub struct Reloader(Sender<()>);

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
        thread::Builder::new().name("tls-reload".to_owned()).spawn(run)?;
        Ok(Self(poke))
    }

    /// Looks now.
    pub fn poke(&self) {
        self.0.send(()).expect("the thread ends only with this");
    }
}

fn run(watch: &mut Watch, acceptor: &Acceptor, pokes: &Receiver<()>) {
    loop {
        match pokes.recv_timeout(POLL) {
            Ok(()) | Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        let now = SystemTime::now();
        if let Some(not_after) = watch.ends_soon(now) {
            tracing::warn!(%not_after, "the certificate in use ends soon, or has ended");
        }
        match watch.look(now) {
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
    /// When the identity in use ends, until that was said.
    ends: Option<NotAfter>,
}

impl Watch {
    fn new(files: Files, identity: &Identity) -> Self {
        let judged = identity.contents.clone();
        Self { seen: Some(judged.clone()), judged, files, complained: false, ends: Some(identity.not_after()) }
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
        let identity = Identity::of(contents, &self.files, now);
        if let Ok(identity) = &identity {
            self.ends = Some(identity.not_after());
        }
        Some(identity)
    }

    /// When the identity in use ends, where that is soon, and once.
    fn ends_soon(&mut self, now: SystemTime) -> Option<NotAfter> {
        self.ends.take_if(|ends| ends.time() < now + ENDS_SOON)
    }
}

#[cfg(test)]
mod tests;
