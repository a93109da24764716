//! How the process is, for whoever asks over HTTP: a few atomics, shared by all threads. Does not know who sets them.

mod turning;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

pub use turning::{SILENCE_MAX, Turning};

use crate::limits::{Pressure, Stage};
use crate::persister;

/// One for the process.
#[derive(Debug, Default)]
pub struct Health {
    connections: AtomicUsize,
    draining: AtomicBool,
    writing: Arc<persister::Health>,
    pressure: Arc<Pressure>,
    turning: Turning,
}

/// What a health check is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// As it should be: 200. Otherwise 503.
    pub is_well: bool,
    /// JSON, a line.
    pub body: String,
}

impl Health {
    /// Of a process that serves, writes as well as this says, has memory as this says, and so many cores that start now.
    #[must_use]
    pub fn new(writing: Arc<persister::Health>, pressure: Arc<Pressure>, cores: usize) -> Self {
        Self { writing, pressure, turning: Turning::new(cores, Instant::now()), ..Self::default() }
    }

    /// Which cores turn.
    #[must_use]
    pub fn turning(&self) -> &Turning {
        &self.turning
    }

    /// Whether the process lives: every core turns, and there is somebody who writes. What fails here does not come back by itself.
    #[must_use]
    pub fn liveness(&self) -> Checked {
        let stuck: Vec<String> = self.turning.stuck(Instant::now()).map(|core| core.to_string()).collect();
        // A persister that ends does so at the end of a drain.
        let persister_ended = self.writing.has_ended() && !self.is_draining();
        if stuck.is_empty() && !persister_ended {
            return Checked { is_well: true, body: "{\"status\":\"ok\"}\n".to_owned() };
        }
        let stuck = stuck.join(",");
        let body = format!(
            "{{\"status\":\"failing\",\"cores_not_turning\":[{stuck}],\"persister_ended\":{persister_ended}}}\n"
        );
        Checked { is_well: false, body }
    }

    /// Whether new clients should be sent here.
    #[must_use]
    pub fn readiness(&self) -> Checked {
        let connections = self.connections();
        match self.unready() {
            None => {
                Checked { is_well: true, body: format!("{{\"status\":\"ready\",\"connections\":{connections}}}\n") }
            }
            Some(reason) => {
                // Nothing of the disk but how much space it lacks: anybody may ask.
                let lacking = self.writing.lacking().filter(|_| !self.writing.is_writable());
                let lacking = lacking.map(|lacking| format!(",\"lacking\":\"{lacking}\"")).unwrap_or_default();
                let body = format!(
                    "{{\"status\":\"not ready\",\"reason\":\"{reason}\"{lacking},\"connections\":{connections}}}\n"
                );
                Checked { is_well: false, body }
            }
        }
    }

    /// A connection came. Says how many there are with it.
    pub fn connected(&self) -> usize {
        self.connections.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// A connection went.
    pub fn disconnected(&self) {
        self.connections.fetch_sub(1, Ordering::Relaxed);
    }

    /// Connections now.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// Nothing new is taken from here on.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Nothing new is taken.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// How short memory is.
    #[must_use]
    pub fn memory(&self) -> Stage {
        self.pressure.stage()
    }

    /// What the process used when it was last measured, in bytes.
    #[must_use]
    pub fn memory_used_bytes(&self) -> usize {
        self.pressure.used_bytes()
    }

    /// Why no new clients should be sent here, if so.
    #[must_use]
    pub fn unready(&self) -> Option<&'static str> {
        if self.is_draining() {
            Some("draining")
        } else if !self.writing.is_writable() {
            Some("storage writes fail")
        } else if self.writing.is_stuck() {
            Some("storage does not answer")
        } else if self.pressure.stage() != Stage::Plenty {
            Some("memory is short")
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn cores_that_stand_still_are_named() {
        let started = Instant::now().checked_sub(2 * SILENCE_MAX).expect("the machine has run for some seconds");
        let health = Health { turning: Turning::new(3, started), ..Health::default() };
        for second in 1..=2 * SILENCE_MAX.as_secs() {
            health.turning().alive(started + Duration::from_secs(second));
        }
        health.turning().turned(1, Instant::now());
        let checked = health.liveness();
        assert!(!checked.is_well);
        assert_eq!(checked.body, "{\"status\":\"failing\",\"cores_not_turning\":[0,2],\"persister_ended\":false}\n");
        for core in [0, 2] {
            health.turning().turned(core, Instant::now());
        }
        assert!(health.liveness().is_well);
    }

    #[test]
    fn a_process_without_trouble_is_alive_and_ready() {
        let health = Health::new(Arc::default(), Arc::default(), 2);
        assert!(health.liveness().is_well && health.readiness().is_well);
        health.drain();
        assert!(health.liveness().is_well, "who drains is alive");
        let ready = health.readiness();
        assert!(!ready.is_well && ready.body.contains("\"reason\":\"draining\""), "{ready:?}");
    }
}
