//! How fast the server is and what it does: taken once a second from what is counted anyway, kept for some minutes, compared with what was
//! before. Has no clock, and reads nothing: samples come in, findings go out.

mod baseline;
mod sample;
mod timeline;

use crate::alerts::{self, Alerts, COMPARED, Growth, Kind, Outlook, Reading, Thresholds, Transition};
use crate::instruments::{Histogram, Timed, Timings};
use crate::persister;
use crate::settings::SESSIONS_BEHIND_CRITICAL;

pub use baseline::{Bounds, Compared, Comparison, HELD_S_MAX, SAMPLES_MIN};
pub use sample::{CoreSample, Memory, Sample, Storage, Traffic};
pub use timeline::Timeline;

/// Below so many operations in a minute the slowest of them are chance.
const LATENCY_SAMPLES_MIN: u64 = 20;

/// Below so many attempts in a minute a share of failures is chance.
const ATTEMPTS_MIN: u64 = 100;

/// Below so many sessions a share of them is chance.
const SESSIONS_MIN: u64 = 10;

/// How much worse than a warning is critical, where no setting says so.
const CRITICAL: f64 = 2.0;

/// The last second, the last ten, and the last minute, in milliseconds.
pub const RATES_MS: [u64; 3] = [1_000, 10_000, MINUTE_MS];

/// The windows of the profile: ten seconds, a minute, five minutes.
pub const WINDOWS_MS: [u64; 3] = [10_000, MINUTE_MS, 5 * MINUTE_MS];

const MINUTE_MS: u64 = 60_000;

/// Minutes before the last one that it is compared with.
const BASELINE_MINUTES: u64 = 5;

/// What is kept of a sample.
#[derive(Clone, Debug)]
struct Moment {
    traffic: Traffic<u64>,
    timings: Box<Timings>,
    failures: u64,
    cores: Vec<CoreSample>,
}

/// How one operation does.
#[derive(Clone, Debug)]
pub struct Profile {
    /// Which.
    pub timed: Timed,
    /// In each of [`WINDOWS_MS`]; over less time where the server has not run for so long.
    pub windows: [Histogram; WINDOWS_MS.len()],
    /// Against the minutes before; nothing where too little is known, or it is not compared.
    pub compared: Option<Compared>,
}

/// What is found in a second.
#[derive(Clone, Debug)]
pub struct Findings {
    /// Milliseconds of the sample.
    pub at_ms: u64,
    /// The sample.
    pub sample: Sample,
    /// What came in each second, over each of [`RATES_MS`].
    pub rates: [Traffic<f64>; RATES_MS.len()],
    /// Every operation.
    pub profiles: Vec<Profile>,
    /// Cores, in order.
    pub cores: Vec<CoreRates>,
    /// Where memory leads.
    pub outlook: Outlook,
    /// The worst first.
    pub alerts: Vec<alerts::Alert>,
}

/// What a core did in the last second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CoreRates {
    /// Share of the time for which its thread had a processor.
    pub cpu: f64,
    /// Turns of its loop a second.
    pub turns_per_second: f64,
}

/// What it remembers.
#[derive(Debug, Default)]
pub struct Profiler {
    timeline: Timeline<Moment>,
    growth: Growth,
    comparisons: [Comparison; COMPARED.len()],
    alerts: Alerts,
}

impl Profiler {
    /// Takes a sample, about once a second. Milliseconds since any moment; they rise.
    pub fn take(&mut self, now_ms: u64, sample: Sample, thresholds: &Thresholds) -> (Findings, Vec<Transition>) {
        self.growth.push(now_ms, sample.memory.used_bytes);
        self.timeline.push(
            now_ms,
            Moment {
                traffic: sample.traffic.clone(),
                timings: sample.timings.clone(),
                failures: sample.storage.failures,
                cores: sample.cores.clone(),
            },
        );
        let profiles = self.profiles(now_ms, thresholds);
        let outlook = self.growth.outlook(sample.memory.budget_bytes);
        let readings = self.readings(&sample, &profiles, outlook, thresholds);
        let transitions = self.alerts.judge(now_ms, &readings);
        let findings = Findings {
            at_ms: now_ms,
            rates: RATES_MS.map(|window_ms| self.rates(window_ms)),
            profiles,
            cores: self.core_rates(),
            outlook,
            alerts: self.alerts.raised(),
            sample,
        };
        (findings, transitions)
    }

    fn rates(&self, window_ms: u64) -> Traffic<f64> {
        match (self.timeline.last(), self.timeline.before_or_first(window_ms)) {
            (Some((now_ms, now)), Some((then_ms, then))) if now_ms > then_ms => {
                now.traffic.per_second_since(&then.traffic, (now_ms - then_ms) as f64 / 1_000.0)
            }
            _ => Traffic::default(),
        }
    }

    fn core_rates(&self) -> Vec<CoreRates> {
        let (Some((now_ms, now)), Some((then_ms, then))) = (self.timeline.last(), self.timeline.before_or_first(1_000))
        else {
            return Vec::new();
        };
        let seconds = ((now_ms - then_ms) as f64 / 1_000.0).max(0.001);
        let rates = |(now, then): (&CoreSample, &CoreSample)| CoreRates {
            cpu: now.cpu_us.saturating_sub(then.cpu_us) as f64 / 1e6 / seconds,
            turns_per_second: now.turns.saturating_sub(then.turns) as f64 / seconds,
        };
        now.cores.iter().zip(&then.cores).map(rates).collect()
    }

    fn profiles(&mut self, now_ms: u64, thresholds: &Thresholds) -> Vec<Profile> {
        let Some((_, now)) = self.timeline.last() else { return Vec::new() };
        let then = WINDOWS_MS.map(|window_ms| self.timeline.before_or_first(window_ms).map(|(_, moment)| moment));
        let profile = |timed| {
            let of = |moment: &Moment| *moment.timings.of(timed);
            let windows = then.map(|then| then.map_or_else(Histogram::default, |then| of(now).since(&of(then))));
            Profile { timed, windows, compared: None }
        };
        let mut profiles: Vec<Profile> = Timed::ALL.into_iter().map(profile).collect();
        // The ends of the minutes before the last, the latest first.
        let ends: Vec<&Moment> = (1..=BASELINE_MINUTES + 1)
            .map_while(|age| self.timeline.before(age * MINUTE_MS))
            .map(|(_, it)| it)
            .collect();
        let bounds = Bounds {
            percent: thresholds.degradation_warning_percent,
            floor_us: thresholds.degradation_floor_ms * 1_000.0,
        };
        for (timed, comparison) in COMPARED.into_iter().zip(&mut self.comparisons) {
            let of = |moment: &Moment| *moment.timings.of(timed);
            let minutes: Vec<Histogram> = ends.windows(2).map(|pair| of(pair[0]).since(&of(pair[1]))).collect();
            let profile = &mut profiles[timed as usize];
            let [_, minute, _] = &profile.windows;
            profile.compared = comparison.look(now_ms / 1_000, minute, &minutes, bounds);
        }
        profiles
    }

    fn readings(
        &self,
        sample: &Sample,
        profiles: &[Profile],
        outlook: Outlook,
        thresholds: &Thresholds,
    ) -> Vec<Reading> {
        let fact = |kind, value: u64| Reading { kind, value: Some(value as f64), warning: None, critical: Some(1.0) };
        let scaled =
            |kind, value, warning, by| Reading { kind, value, warning: Some(warning), critical: Some(warning * by) };
        let p99_ms = |timed: Timed| {
            let [_, minute, _] = &profiles[timed as usize].windows;
            (minute.count() >= LATENCY_SAMPLES_MIN).then(|| minute.quantile(0.99)).flatten().map(|us| us / 1_000.0)
        };
        let stuck = sample.cores.iter().filter(|core| !core.turns_lately).count() as u64;
        let storage = &sample.storage;
        let mut readings = vec![
            fact(Kind::CoresNotTurning, stuck),
            fact(Kind::StorageNotWritable, u64::from(!storage.writable)),
            Reading {
                kind: Kind::StorageNotAnswering,
                value: Some(storage.busy_seconds),
                warning: Some(persister::STUCK.as_secs_f64() / CRITICAL),
                critical: Some(persister::STUCK.as_secs_f64()),
            },
            scaled(Kind::SyncFailures, self.failures(), thresholds.sync_failures, 5.0),
            scaled(Kind::AcknowledgeLatency, p99_ms(Timed::Acknowledge), thresholds.acknowledge_p99_ms, CRITICAL),
            scaled(Kind::DeliverLatency, p99_ms(Timed::Deliver), thresholds.deliver_p99_ms, CRITICAL),
            Reading {
                kind: Kind::ErrorRate,
                value: self.error_percent(),
                warning: Some(thresholds.error_warning_percent),
                critical: Some(thresholds.error_critical_percent),
            },
            scaled(
                Kind::SessionsBehind,
                sample.behind_percent(SESSIONS_MIN),
                thresholds.sessions_behind_percent,
                SESSIONS_BEHIND_CRITICAL as f64,
            ),
            Reading {
                kind: Kind::MemoryUse,
                value: sample.memory.used_percent(),
                warning: Some(thresholds.memory_percent),
                critical: Some(thresholds.memory_percent.max(Memory::REFUSES_JOINS_PERCENT)),
            },
            scaled(
                Kind::MemoryGrowth,
                outlook.full_in_seconds.map(|seconds| seconds / 60.0),
                thresholds.memory_full_minutes,
                0.25,
            ),
        ];
        readings.extend(COMPARED.into_iter().map(|timed| {
            let compared = profiles[timed as usize].compared.filter(|compared| compared.is_slower);
            Reading {
                kind: Kind::Slower(timed),
                value: compared.map(|compared| compared.percent),
                warning: Some(thresholds.degradation_warning_percent),
                critical: Some(thresholds.degradation_critical_percent),
            }
        }));
        readings
    }

    /// Writes and syncs that failed in the last minute.
    fn failures(&self) -> Option<f64> {
        let (_, now) = self.timeline.last()?;
        let (_, then) = self.timeline.before_or_first(MINUTE_MS)?;
        Some(now.failures.saturating_sub(then.failures) as f64)
    }

    /// Of what was attempted in the last minute, what failed, in percent.
    fn error_percent(&self) -> Option<f64> {
        let (_, now) = self.timeline.last()?;
        let (_, then) = self.timeline.before_or_first(MINUTE_MS)?;
        let attempted = now.traffic.attempted().saturating_sub(then.traffic.attempted());
        let failed = now.traffic.failed().saturating_sub(then.traffic.failed());
        (attempted >= ATTEMPTS_MIN).then(|| failed as f64 * 100.0 / attempted as f64)
    }
}

#[cfg(test)]
mod tests;
