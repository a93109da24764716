//! The thread that keeps what the cores know of keys and revocations up to date: looks at files, has keys fetched, and tells every core
//! what has changed. It never waits for the network; that does [`super::fetcher`].

mod fetching;

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::Authority;
use super::claims::is_subject;
use super::revoked::REVOKED_MAX;
use super::sources::{Known, Sources};
use fetching::Fetching;

/// How often files are looked at. A change of keys counts at the second look, a revocation at the first.
const LOOK: Duration = Duration::from_millis(250);

// Sessions of who was revoked close within a second: a look, and a turn of a loop.
const _: () = assert!(LOOK.as_millis() <= 500);

/// What may wait for the thread. Cores do not wait for room; others do.
const COMMANDS_MAX: usize = 64;

/// What the thread is told.
#[derive(Debug)]
pub(super) enum Command {
    /// A token names a key that is not known.
    Unknown(Box<str>),
    /// What was fetched, or why nothing was.
    Fetched(Result<Vec<u8>, String>),
    /// A subject is not let in any more.
    Revoke {
        subject: Box<str>,
        /// Is told when every core is.
        done: SyncSender<Result<(), RevokeError>>,
    },
    /// Everything ends.
    Stop,
}

/// Gives a new authority to every core.
pub type Publish = Box<dyn Fn(&Arc<Authority>) + Send>;

/// The thread's owner.
#[derive(Debug)]
pub struct Keeper {
    /// None where no tokens are asked for: there is nothing to keep then.
    thread: Option<(SyncSender<Command>, JoinHandle<()>)>,
}

/// Why a subject is not revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RevokeError {
    /// No tokens are asked for, so nobody has a name.
    NoTokens,
    /// No token could have it as its subject.
    NotASubject,
    /// As many are revoked already as can be.
    Full,
    /// The server ends.
    Stopping,
}

impl fmt::Display for RevokeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoTokens => f.write_str("no tokens are asked for"),
            Self::NotASubject => f.write_str("no token can have this subject"),
            Self::Stopping => f.write_str("the server stops"),
            Self::Full => {
                write!(f, "{REVOKED_MAX} subjects are revoked already; the file of the setting takes no more either")
            }
        }
    }
}

impl std::error::Error for RevokeError {}

/// A way to the thread, for those who revoke.
#[derive(Clone, Debug)]
pub struct Revoker(Option<SyncSender<Command>>);

impl Revoker {
    /// Revokes a subject until the process ends; what is to hold for longer belongs into the file. Waits until every core has been told.
    ///
    /// # Errors
    ///
    /// Nobody was revoked.
    pub fn revoke(&self, subject: &str) -> Result<(), RevokeError> {
        if !is_subject(subject) {
            return Err(RevokeError::NotASubject);
        }
        let Some(commands) = &self.0 else { return Err(RevokeError::NoTokens) };
        let (done, answer) = mpsc::sync_channel(1);
        let command = Command::Revoke { subject: subject.into(), done };
        // The thread ends with the server.
        commands.send(command).map_err(|_| RevokeError::Stopping)?;
        answer.recv().map_err(|_| RevokeError::Stopping)?
    }
}

impl Keeper {
    /// Starts the thread, and says what holds at first.
    ///
    /// # Errors
    ///
    /// The system has no thread to give.
    pub fn spawn(sources: Sources, publish: Publish) -> io::Result<(Self, Arc<Authority>)> {
        let Some(known) = sources.0 else { return Ok((Self { thread: None }, Arc::new(Authority::open()))) };
        let (commands, received) = mpsc::sync_channel(COMMANDS_MAX);
        let authority = Arc::new(known.authority(&commands));
        let fetching = known
            .published_at
            .clone()
            .map(|(url, refresh)| Fetching::spawn(url, refresh, commands.clone()))
            .transpose()?;
        let ask = commands.clone();
        let work = Work { known, ask, received, publish, fetching, look_due: Instant::now() + LOOK };
        let thread = thread::Builder::new().name("auth".to_owned()).spawn(move || work.run())?;
        Ok((Self { thread: Some((commands, thread)) }, authority))
    }

    /// A way to revoke subjects, for other threads.
    #[must_use]
    pub fn revoker(&self) -> Revoker {
        Revoker(self.thread.as_ref().map(|(commands, _)| commands.clone()))
    }

    /// Ends the thread.
    pub fn stop(self) {
        if let Some((commands, thread)) = self.thread {
            commands.send(Command::Stop).expect("the thread lives as long as its owner");
            // A panic has aborted the process already.
            drop(thread.join());
        }
    }
}

/// What the thread has.
struct Work {
    known: Box<Known>,
    /// The way that cores have to this thread.
    ask: SyncSender<Command>,
    received: Receiver<Command>,
    publish: Publish,
    fetching: Option<Fetching>,
    look_due: Instant,
}

impl Work {
    fn run(mut self) {
        loop {
            let wait = self.look_due.saturating_duration_since(Instant::now());
            match self.received.recv_timeout(wait) {
                Ok(Command::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                Ok(command) => self.handle(command),
                Err(RecvTimeoutError::Timeout) => {}
            }
            let now = Instant::now();
            if now >= self.look_due {
                self.look_due = now + LOOK;
                if self.known.look() {
                    self.tell_cores();
                }
            }
            if let Some(fetching) = &mut self.fetching {
                fetching.follow(now);
            }
        }
    }

    fn handle(&mut self, command: Command) {
        match command {
            Command::Unknown(id) => {
                if let Some(fetching) = &mut self.fetching {
                    fetching.ask(id);
                }
            }
            Command::Fetched(result) => self.fetched(result),
            Command::Revoke { subject, done } => {
                let revoked = self.known.revoke(&subject);
                if revoked.is_ok() {
                    self.tell_cores();
                }
                // Whoever asked may not wait any more.
                let _ = done.send(revoked);
            }
            Command::Stop => unreachable!("the loop ends with it"),
        }
    }

    fn fetched(&mut self, result: Result<Vec<u8>, String>) {
        let fetching = self.fetching.as_mut().expect("only what fetches has fetched");
        let was_pending = self.known.is_pending();
        let taken = match result {
            Ok(body) => self.known.fetched(&body, fetching.asked_for()),
            Err(error) => {
                tracing::warn!(url = fetching.address(), %error, "keys cannot be fetched; those that are known stay");
                false
            }
        };
        fetching.ended(taken, Instant::now());
        if taken {
            if was_pending {
                tracing::info!(url = fetching.address(), "keys are fetched");
            }
            self.tell_cores();
        }
    }

    fn tell_cores(&self) {
        (self.publish)(&Arc::new(self.known.authority(&self.ask)));
    }
}
