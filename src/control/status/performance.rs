//! The small summary: what fits on a line of a dashboard or into a script.

use serde::Serialize;

use super::super::Context;
use super::latency::Latency;
use super::{hit_rate, rounded};
use crate::alerts::Severity;
use crate::instruments::Timed;
use crate::profiler::Findings;

/// As it is sent.
#[derive(Serialize)]
pub(super) struct Performance {
    uptime_seconds: f64,
    connections: usize,
    sessions: u64,
    /// Over the last ten seconds.
    updates_per_second: f64,
    deliveries_per_second: f64,
    bytes_received_per_second: f64,
    bytes_sent_per_second: f64,
    /// Over the last minute.
    acknowledge_ms: Latency,
    deliver_ms: Latency,
    /// Of the busiest core, from 0 to 1.
    load_max: f64,
    memory_used_bytes: u64,
    cache_hit_rate: Option<f64>,
    alerts_warning: usize,
    alerts_critical: usize,
}

impl Performance {
    pub(super) fn of(context: &Context, findings: &Findings) -> Self {
        let [_, rates, _] = &findings.rates;
        let latency = |timed: Timed| Latency::of(&findings.profiles[timed as usize].windows[1]);
        let sample = &findings.sample;
        let alerts = |severity| findings.alerts.iter().filter(|alert| alert.severity == severity).count();
        let load_permille = sample.cores.iter().map(|core| core.load_permille).max().unwrap_or(0);
        Self {
            uptime_seconds: rounded(context.started.elapsed().as_secs_f64()),
            connections: context.health.connections(),
            sessions: sample.sessions(),
            updates_per_second: rounded(rates.updates),
            deliveries_per_second: rounded(rates.deliveries),
            bytes_received_per_second: rounded(rates.bytes_received),
            bytes_sent_per_second: rounded(rates.bytes_sent),
            acknowledge_ms: latency(Timed::Acknowledge),
            deliver_ms: latency(Timed::Deliver),
            load_max: load_permille as f64 / 1_000.0,
            memory_used_bytes: sample.memory.used_bytes,
            cache_hit_rate: hit_rate(context.reader.cache_lookups()),
            alerts_warning: alerts(Severity::Warning),
            alerts_critical: alerts(Severity::Critical),
        }
    }
}
