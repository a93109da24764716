//! Deliveries that were given up, as JSON lines in a file of their own, or counted where there is no file. Does not know why.

use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use humantime::format_rfc3339_millis;
use serde_json::{Value, json};

use super::schedule::DeadLetter;
use crate::rotating_file::{Options, RotatingFile};

/// How long it is silent about letters that are written nowhere.
const WARNING_PAUSE: Duration = Duration::from_secs(60);

/// One for all targets.
#[derive(Debug, Default)]
pub(super) struct DeadLetters(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    file: Option<RotatingFile>,
    /// Letters that are written nowhere, since that was said last.
    lost: u64,
    warned_at: Option<Instant>,
}

impl DeadLetters {
    pub(super) fn open(options: Options) -> io::Result<Self> {
        let file = Some(RotatingFile::open(options)?);
        Ok(Self(Mutex::new(Inner { file, ..Inner::default() })))
    }

    /// Writes a delivery to this target down.
    pub(super) fn write(&self, target: &str, letter: &DeadLetter) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let failed = match &mut inner.file {
            Some(file) => file.append(line(target, letter).as_bytes()).err().map(|error| error.to_string()),
            None => Some("there is no webhooks_dead_letters_file".to_owned()),
        };
        if let Some(error) = failed {
            inner.lost += 1;
            inner.warn(target, letter.why.words(), &error);
        }
    }

    /// Says what was not said yet.
    pub(super) fn flush(&self) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.lost > 0 {
            tracing::warn!(deliveries = inner.lost, "webhooks: given up, and written nowhere");
            inner.lost = 0;
        }
    }
}

impl Inner {
    fn warn(&mut self, target: &str, why: &str, error: &str) {
        let now = Instant::now();
        if self.warned_at.is_none_or(|at| now.saturating_duration_since(at) >= WARNING_PAUSE) {
            self.warned_at = Some(now);
            tracing::warn!(deliveries = self.lost, target, why, error, "webhooks: given up, and written nowhere");
            self.lost = 0;
        }
    }
}

fn line(target: &str, letter: &DeadLetter) -> String {
    let event: Value = serde_json::from_str(&letter.delivery.body).expect("events are told as objects");
    let line = json!({
        "time": format_rfc3339_millis(SystemTime::now()).to_string(),
        "target": target,
        "why": letter.why.words(),
        "attempts": letter.delivery.attempts,
        "error": letter.delivery.error.as_deref(),
        "event": event,
    });
    format!("{line}\n")
}
