//! Webhooks: events, sent to addresses that the operator named. Each target has a queue and threads of its own, so that one that hangs keeps
//! nobody else; the cores do not know that there are any. What cannot be delivered ends in the dead-letter file, as fast as that takes it.
//!
//! What came here is sent at least once: who was not heard to have taken an event is sent it again, with the same id. All of it is in memory: what
//! finds no room on its way here is counted, and told of as an event; and when the process dies, what waits is gone.

mod backoff;
mod breaker;
mod dead_letters;
mod debounce;
mod lanes;
mod schedule;
mod sender;
mod signature;
mod target;

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use breaker::Phase;
pub use target::TargetsFault;

use crate::events::{Kind, KindSet, Told};
use crate::rotating_file;
use crate::settings::Settings;
use dead_letters::DeadLetters;
use schedule::Rules;
use sender::Sender;
use target::Target;

/// Why there are no webhooks.
#[derive(Debug)]
pub enum StartError {
    /// The operator's: the file of targets cannot be taken.
    Targets(TargetsFault),
    /// The operator's: the dead-letter file cannot be written.
    DeadLetters {
        /// As it was named.
        file: std::path::PathBuf,
        /// What the kernel said.
        error: io::Error,
    },
    /// The system has no thread to give.
    Thread(io::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Targets(fault) => fault.fmt(f),
            Self::DeadLetters { file, error } => {
                write!(f, "webhooks_dead_letters_file: {} cannot be written: {error}", file.display())
            }
            Self::Thread(error) => write!(f, "cannot start a thread: {error}"),
        }
    }
}

/// How one target does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetState {
    /// As the file names it.
    pub name: Arc<str>,
    /// Where it is; without path and query, which may be secrets.
    pub origin: Arc<str>,
    /// Whether it is sent anything.
    pub breaker: Phase,
    /// Deliveries that wait, those in flight among them.
    pub waiting: usize,
    /// Deliveries that were taken.
    pub delivered: u64,
    /// Attempts that failed.
    pub failed: u64,
    /// Deliveries that were given up.
    pub dead: u64,
    /// Of those, so many were too many at once to be written down.
    pub lost: u64,
    /// Times that the breaker opened.
    pub opened: u64,
    /// Why the last attempt failed, if none has succeeded since.
    pub error: Option<Arc<str>>,
}

/// All targets.
#[derive(Default)]
pub struct Webhooks {
    senders: Vec<Sender>,
    dead_letters: Arc<DeadLetters>,
}

impl Webhooks {
    /// As the settings say; none where they name no file of targets.
    ///
    /// # Errors
    ///
    /// What they say cannot be done.
    pub fn start(settings: &Settings) -> Result<Self, StartError> {
        let Some(file) = &settings.webhooks_file else { return Ok(Self::default()) };
        let targets = Target::read_all(file).map_err(StartError::Targets)?;
        let dead_letters = Arc::new(match &settings.webhooks_dead_letters_file {
            None => DeadLetters::default(),
            Some(file) => {
                let options = rotating_file::Options {
                    file: file.clone(),
                    file_bytes_max: settings.webhooks_dead_letters_bytes_max as u64,
                    files_max: settings.webhooks_dead_letters_files_max,
                };
                DeadLetters::open(options).map_err(|error| StartError::DeadLetters { file: file.clone(), error })?
            }
        });
        let rules = Rules {
            deliveries_max: settings.webhooks_queue_max,
            attempts_max: u32::try_from(settings.webhooks_attempts_max).unwrap_or(u32::MAX),
            age_ms_max: settings.webhooks_age_max_ms,
            debounce_ms: settings.webhooks_debounce_ms,
            debounce_ms_max: settings.webhooks_debounce_max_ms,
        };
        let timeout = Duration::from_millis(settings.webhooks_timeout_ms);
        let start = |target| Sender::start(target, rules, timeout, Arc::clone(&dead_letters));
        let senders = targets.into_iter().map(start).collect::<Result<_, _>>().map_err(StartError::Thread)?;
        Ok(Self { senders, dead_letters })
    }

    /// There is nobody to be told anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.senders.is_empty()
    }

    /// Hands an event to all targets that want it. Does not wait for any.
    pub fn offer(&self, told: &Arc<Told>) {
        for sender in &self.senders {
            sender.offer(told);
        }
    }

    /// How each target does, in the order of the file.
    #[must_use]
    pub fn states(&self) -> Vec<TargetState> {
        self.senders.iter().map(Sender::state).collect()
    }

    /// Delivers what can be delivered by then, and gives up the rest.
    pub fn stop(&self, deadline: Instant) {
        for sender in &self.senders {
            sender.begin_to_end();
        }
        for sender in &self.senders {
            sender.end(deadline);
        }
        self.dead_letters.flush();
    }
}

/// Kinds that a target is sent where its file does not say.
fn kinds_by_default() -> KindSet {
    [Kind::Created, Kind::Changed, Kind::Deleted, Kind::Opened, Kind::Closed, Kind::Version, Kind::Alert, Kind::Lost]
        .into_iter()
        .collect()
}
