//! The shape of `/status`. What is here is a promise to those who read it: fields are added, never renamed.

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde::Serialize;
use serde_json::Value;

use super::super::{Context, webhooks};
use super::latency::Latency;
use super::limits::{self, Limit};
use super::{hit_rate, rounded};
use crate::alerts::Alert;
use crate::connection::Qualities;
use crate::connection::pulse::{EXCELLENT_MS_MAX, GOOD_MS_MAX};
use crate::limits::Stage;
use crate::profiler::{CoreRates, CoreSample, Findings, Profile, Traffic};
use crate::slow::{Cause, Kept};

/// All of it.
#[derive(Serialize)]
pub(super) struct Report {
    version: &'static str,
    /// When the figures were taken (RFC 3339).
    measured_at: String,
    uptime_seconds: f64,
    draining: bool,
    ready: bool,
    /// Why it is not.
    unready_reason: Option<&'static str>,
    connections: usize,
    sessions: u64,
    sessions_behind: u64,
    documents: u64,
    totals: Traffic<u64>,
    per_second: PerSecond,
    /// Over the last minute.
    latency_ms: BTreeMap<&'static str, Latency>,
    operations: Vec<Operation>,
    cache: Cache,
    limits: Vec<Limit>,
    per_core: Vec<Core>,
    memory: Memory,
    storage: Storage,
    quality: Quality,
    /// Processes that read documents as text and JSON.
    view: View,
    slow_operations_total: u64,
    /// The latest first.
    slow_operations: Vec<SlowOperation>,
    /// The worst first.
    alerts: Vec<RaisedAlert>,
    /// Each target, as `/v1/webhooks` says it, in the order of their file.
    webhooks: Value,
}

#[derive(Serialize)]
struct PerSecond {
    over_1_s: Traffic<f64>,
    over_10_s: Traffic<f64>,
    over_60_s: Traffic<f64>,
}

#[derive(Serialize)]
struct Operation {
    operation: &'static str,
    over_10_s_ms: Latency,
    over_60_s_ms: Latency,
    over_300_s_ms: Latency,
    /// Against the five minutes before the last one; nothing where too little is known.
    comparison: Option<Comparison>,
}

#[derive(Serialize)]
struct Comparison {
    baseline_p95_ms: f64,
    current_p95_ms: f64,
    change_percent: f64,
    /// More than chance, the floor and the threshold.
    is_slower: bool,
}

#[derive(Serialize)]
struct Cache {
    hits: u64,
    misses: u64,
    /// From 0 to 1, since the start.
    hit_rate: Option<f64>,
    used_bytes: usize,
    max_bytes: usize,
}

#[derive(Serialize)]
struct Core {
    core: usize,
    turning: bool,
    /// The share of time in which it works, from 0 to 1.
    load: f64,
    /// Processors used over the last second, from 0 to 1.
    cpu: f64,
    turns: u64,
    turns_per_second: f64,
    connections: u64,
    sessions: u64,
    documents: u64,
}

#[derive(Serialize)]
struct Memory {
    used_bytes: u64,
    /// 0 for none.
    budget_bytes: u64,
    used_percent: Option<f64>,
    allocated_bytes: u64,
    resident_bytes: u64,
    /// What is done about it: `plenty`, `refuse_joins`, `delay_catch_ups`, `close`.
    stage: &'static str,
    by_purpose_bytes: BTreeMap<&'static str, u64>,
    growth_bytes_per_second: Option<f64>,
    full_in_seconds: Option<f64>,
}

#[derive(Serialize)]
struct Storage {
    writable: bool,
    /// How long the write at hand has been going on.
    busy_seconds: f64,
    queued_records: u64,
    batches: u64,
    records: u64,
    record_bytes: u64,
    failures: u64,
    /// Loads, catch-ups and snapshots that wait for a reader.
    queued_reads: usize,
    /// Of the disk: files of the op log, the snapshots and what is known of documents, and write-ahead logs.
    files_bytes: BTreeMap<&'static str, u64>,
    compactions_running: u64,
    compaction_pending_bytes: u64,
    /// RocksDB takes no writes until files are sorted out.
    writes_stopped: bool,
    /// Writes are slowed down to so many; 0: they are not.
    delayed_bytes_per_second: u64,
}

#[derive(Serialize)]
struct Quality {
    excellent: u64,
    good: u64,
    poor: u64,
    /// Not measured yet.
    unknown: u64,
    excellent_within_ms: u32,
    good_within_ms: u32,
}

#[derive(Serialize)]
struct View {
    requests: u64,
    answered: u64,
    busy: u64,
    timed_out: u64,
    died: u64,
    waiting: usize,
    workers_busy: usize,
    workers_idle: usize,
    workers_started: u64,
    workers_lost: u64,
}

#[derive(Serialize)]
struct SlowOperation {
    at: String,
    operation: &'static str,
    document: Option<String>,
    took_ms: f64,
    cause: &'static str,
    /// What goes with the cause.
    #[serde(skip_serializing_if = "Option::is_none")]
    waited_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    document_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    arrivals: Option<u64>,
}

#[derive(Serialize)]
struct RaisedAlert {
    severity: &'static str,
    name: &'static str,
    since: String,
    value: f64,
    threshold: f64,
    unit: &'static str,
    recommendation: &'static str,
}

impl Report {
    pub(super) fn of(context: &Context, findings: &Findings) -> Self {
        let sample = &findings.sample;
        let [over_1_s, over_10_s, over_60_s] = findings.rates.clone().map(|rates| rates.map(rounded));
        let unready_reason = context.health.unready();
        Self {
            version: env!("CARGO_PKG_VERSION"),
            measured_at: time(context.watch.at(findings.at_ms)),
            uptime_seconds: rounded(context.started.elapsed().as_secs_f64()),
            draining: context.health.is_draining(),
            ready: unready_reason.is_none(),
            unready_reason,
            connections: context.health.connections(),
            sessions: sample.sessions(),
            sessions_behind: sample.sessions_behind,
            documents: sample.cores.iter().map(|core| core.documents).sum(),
            totals: sample.traffic.clone(),
            per_second: PerSecond { over_1_s, over_10_s, over_60_s },
            latency_ms: findings.profiles.iter().map(|it| (it.timed.name(), Latency::of(&it.windows[1]))).collect(),
            operations: findings.profiles.iter().map(Operation::of).collect(),
            cache: Cache::of(context),
            limits: limits::of(context),
            per_core: findings.cores.iter().zip(&sample.cores).enumerate().map(Core::of).collect(),
            memory: Memory::of(context, findings),
            storage: Storage::of(context),
            quality: Quality::of(context),
            view: View::of(context),
            slow_operations_total: context.watch.slow().total(),
            slow_operations: context.watch.slow().latest().into_iter().map(SlowOperation::of).collect(),
            alerts: findings.alerts.iter().map(|alert| RaisedAlert::of(context, alert)).collect(),
            webhooks: webhooks::states(context),
        }
    }
}

impl Operation {
    fn of(profile: &Profile) -> Self {
        let [ten, minute, five] = &profile.windows;
        let comparison = profile.compared.map(|compared| Comparison {
            baseline_p95_ms: rounded(compared.baseline_us / 1_000.0),
            current_p95_ms: rounded(compared.current_us / 1_000.0),
            change_percent: rounded(compared.percent),
            is_slower: compared.is_slower,
        });
        Self {
            operation: profile.timed.name(),
            over_10_s_ms: Latency::of(ten),
            over_60_s_ms: Latency::of(minute),
            over_300_s_ms: Latency::of(five),
            comparison,
        }
    }
}

impl Cache {
    fn of(context: &Context) -> Self {
        let lookups = context.reader.cache_lookups();
        Self {
            hits: lookups.hits,
            misses: lookups.misses,
            hit_rate: hit_rate(lookups),
            used_bytes: context.reader.cached_bytes(),
            max_bytes: context.live.current().effective.settings.state_cache_bytes,
        }
    }
}

impl Core {
    fn of((core, (rates, sample)): (usize, (&CoreRates, &CoreSample))) -> Self {
        Self {
            core,
            turning: sample.turns_lately,
            load: sample.load_permille as f64 / 1_000.0,
            cpu: rounded(rates.cpu),
            turns: sample.turns,
            turns_per_second: rounded(rates.turns_per_second),
            connections: sample.connections,
            sessions: sample.sessions,
            documents: sample.documents,
        }
    }
}

impl Memory {
    fn of(context: &Context, findings: &Findings) -> Self {
        let memory = &findings.sample.memory;
        Self {
            used_bytes: memory.used_bytes,
            budget_bytes: memory.budget_bytes,
            used_percent: memory.used_percent().map(rounded),
            allocated_bytes: memory.allocated_bytes,
            resident_bytes: memory.resident_bytes,
            stage: match context.health.memory() {
                Stage::Plenty => "plenty",
                Stage::RefuseJoins => "refuse_joins",
                Stage::DelayCatchUps => "delay_catch_ups",
                Stage::Close => "close",
            },
            by_purpose_bytes: memory.by_purpose.iter().copied().collect(),
            growth_bytes_per_second: findings.outlook.bytes_per_second.map(f64::round),
            full_in_seconds: findings.outlook.full_in_seconds.map(f64::round),
        }
    }
}

impl Storage {
    fn of(context: &Context) -> Self {
        let writing = &context.writing;
        let store = context.watch.store().unwrap_or_default();
        let families = store.families.iter().map(|family| (family.name, family.files_bytes));
        Self {
            writable: writing.is_writable(),
            busy_seconds: rounded(writing.busy_for().as_secs_f64()),
            queued_records: writing.queued_records(),
            batches: writing.batches(),
            records: writing.records(),
            record_bytes: writing.bytes(),
            failures: writing.failures(),
            queued_reads: context.reader.waiting(),
            files_bytes: families.chain([("write_ahead_log", store.write_ahead_log_bytes)]).collect(),
            compactions_running: store.compactions_running,
            compaction_pending_bytes: store.families.iter().map(|family| family.compaction_pending_bytes).sum(),
            writes_stopped: store.writes_stopped,
            delayed_bytes_per_second: store.delayed_bytes_per_second,
        }
    }
}

impl Quality {
    fn of(context: &Context) -> Self {
        let sum = |of: fn(&Qualities) -> u64| context.board.read().map(|counted| of(&counted.pulses.qualities)).sum();
        Self {
            excellent: sum(|it| it.excellent),
            good: sum(|it| it.good),
            poor: sum(|it| it.poor),
            unknown: sum(|it| it.unknown),
            excellent_within_ms: EXCELLENT_MS_MAX,
            good_within_ms: GOOD_MS_MAX,
        }
    }
}

impl View {
    fn of(context: &Context) -> Self {
        let counters = context.view.counters();
        Self {
            requests: counters.requests,
            answered: counters.answered,
            busy: counters.busy,
            timed_out: counters.timed_out,
            died: counters.died,
            waiting: counters.waiting,
            workers_busy: counters.workers_busy,
            workers_idle: counters.workers_idle,
            workers_started: counters.workers_started,
            workers_lost: counters.workers_lost,
        }
    }
}

impl SlowOperation {
    fn of(Kept { slow, name }: Kept) -> Self {
        let (waited_ms, document_bytes, arrivals) = match slow.cause {
            Cause::ReaderQueue { waited_ms } => (Some(waited_ms), None, None),
            Cause::LargeDocument { bytes } => (None, Some(bytes), None),
            Cause::Turn { arrivals } => (None, None, Some(arrivals)),
            Cause::Commit | Cause::Stalled | Cause::Mesh | Cause::Disk | Cause::Unknown => (None, None, None),
        };
        Self {
            at: time(slow.at),
            operation: slow.timed.name(),
            document: name,
            took_ms: rounded(slow.took.as_secs_f64() * 1_000.0),
            cause: slow.cause.name(),
            waited_ms,
            document_bytes,
            arrivals,
        }
    }
}

impl RaisedAlert {
    fn of(context: &Context, alert: &Alert) -> Self {
        Self {
            severity: alert.severity.name(),
            name: alert.kind.name(),
            since: time(context.watch.at(alert.since_ms)),
            value: rounded(alert.value),
            threshold: rounded(alert.threshold),
            unit: alert.kind.unit(),
            recommendation: alert.kind.recommendation(),
        }
    }
}

fn time(at: SystemTime) -> String {
    humantime::format_rfc3339_millis(at).to_string()
}
