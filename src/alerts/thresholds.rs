//! From where on something is worth an alert, or a line among the slow operations. Can be exchanged while the server runs.

use std::sync::{Arc, PoisonError, RwLock};

use crate::instruments::Timed;
use crate::settings::Settings;

/// All of them together: whoever judges takes one look.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Thresholds {
    /// 99 % of acknowledgements of the last minute are faster; a warning from here on, critical at twice that.
    pub acknowledge_p99_ms: f64,
    /// The same of deliveries.
    pub deliver_p99_ms: f64,
    /// Work not done for clients, in percent: a warning.
    pub error_warning_percent: f64,
    /// The same, critical.
    pub error_critical_percent: f64,
    /// Memory in use, in percent of the budget: a warning.
    pub memory_percent: f64,
    /// Minutes until memory is full: a warning; critical at a quarter of that.
    pub memory_full_minutes: f64,
    /// Sessions that are behind, in percent: a warning, critical at four times that.
    pub sessions_behind_percent: f64,
    /// Writes and syncs that failed within a minute: a warning, critical at five times that.
    pub sync_failures: f64,
    /// By how many percent an operation is slower than in the five minutes before: a warning.
    pub degradation_warning_percent: f64,
    /// The same, critical.
    pub degradation_critical_percent: f64,
    /// By how many milliseconds it has to be slower besides.
    pub degradation_floor_ms: f64,
    /// From where on an operation is kept among the slow ones.
    pub slow: SlowMs,
}

/// Milliseconds from which on an operation is slow; 0 where it never is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlowMs {
    /// As [`Timed::Acknowledge`], and so on.
    pub acknowledge: u64,
    /// Of a delivery.
    pub deliver: u64,
    /// Of a join.
    pub join: u64,
    /// Of a load and of a catch-up.
    pub load: u64,
    /// Of a snapshot.
    pub snapshot: u64,
    /// Of a sync and of a commit.
    pub sync: u64,
    /// Of a turn of a core's loop.
    pub turn: u64,
}

impl SlowMs {
    /// Of an operation.
    #[must_use]
    pub fn of(&self, timed: Timed) -> u64 {
        match timed {
            // Both wait for the peer, and a message is part of a turn.
            Timed::Opening | Timed::Message => 0,
            Timed::Join => self.join,
            Timed::Acknowledge => self.acknowledge,
            Timed::Deliver => self.deliver,
            Timed::Load | Timed::CatchUp => self.load,
            Timed::Snapshot => self.snapshot,
            Timed::Commit | Timed::Sync => self.sync,
            Timed::Turn => self.turn,
        }
    }
}

impl Thresholds {
    /// As they are set.
    #[must_use]
    pub fn of(settings: &Settings) -> Self {
        Self {
            acknowledge_p99_ms: settings.alert_acknowledge_p99_ms as f64,
            deliver_p99_ms: settings.alert_deliver_p99_ms as f64,
            error_warning_percent: settings.alert_error_warning_percent as f64,
            error_critical_percent: settings.alert_error_critical_percent as f64,
            memory_percent: settings.alert_memory_percent as f64,
            memory_full_minutes: settings.alert_memory_full_ms as f64 / 60_000.0,
            sessions_behind_percent: settings.alert_sessions_behind_percent as f64,
            sync_failures: settings.alert_sync_failures as f64,
            degradation_warning_percent: settings.alert_degradation_warning_percent as f64,
            degradation_critical_percent: settings.alert_degradation_critical_percent as f64,
            degradation_floor_ms: settings.alert_degradation_floor_ms as f64,
            slow: SlowMs {
                acknowledge: settings.slow_acknowledge_ms,
                deliver: settings.slow_deliver_ms,
                join: settings.slow_join_ms,
                load: settings.slow_load_ms,
                snapshot: settings.slow_snapshot_ms,
                sync: settings.slow_sync_ms,
                turn: settings.slow_turn_ms,
            },
        }
    }
}

/// Those in force, between who sets them and who judges by them.
#[derive(Debug)]
pub struct Live(RwLock<Arc<Thresholds>>);

impl Live {
    /// As at the start.
    #[must_use]
    pub fn new(thresholds: Thresholds) -> Self {
        Self(RwLock::new(Arc::new(thresholds)))
    }

    /// Those in force.
    #[must_use]
    pub fn get(&self) -> Arc<Thresholds> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// From the next look on, within a second.
    pub fn set(&self, thresholds: Thresholds) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(thresholds);
    }
}
