use super::*;
use crate::alerts::Severity;

fn thresholds() -> Thresholds {
    Thresholds::of(&crate::settings::Settings::default())
}

/// A server that runs, whose samples a test changes.
struct Served {
    profiler: Profiler,
    now_ms: u64,
    sample: Sample,
    log: Vec<(u64, Kind, Option<Severity>)>,
}

impl Served {
    fn new() -> Self {
        let cores = vec![CoreSample { turns_lately: true, sessions: 50, ..CoreSample::default() }; 2];
        let memory = Memory { used_bytes: 500, budget_bytes: 1_000, ..Memory::default() };
        let storage = Storage { writable: true, ..Storage::default() };
        let sample = Sample { cores, memory, storage, ..Sample::default() };
        Self { profiler: Profiler::default(), now_ms: 1_000_000, sample, log: Vec::new() }
    }

    /// Seconds pass, in each of which the sample is changed.
    fn pass(&mut self, seconds: u64, mut each: impl FnMut(&mut Sample)) -> Findings {
        let mut last = None;
        for _ in 0..seconds {
            each(&mut self.sample);
            self.now_ms += 1_000;
            let (findings, transitions) = self.profiler.take(self.now_ms, self.sample.clone(), &thresholds());
            self.log.extend(
                transitions.iter().map(|it| {
                    (self.now_ms / 1_000 - 1_000, it.alert.kind, (!it.resolved).then_some(it.alert.severity))
                }),
            );
            last = Some(findings);
        }
        last.expect("a second passes")
    }
}

type Change = fn(&mut Sample);

fn acknowledges(ms: u64, count: u64) -> impl FnMut(&mut Sample) {
    move |sample| {
        sample.timings.record_many(Timed::Acknowledge, ms * 1_000, count);
        sample.traffic.updates += count;
        sample.traffic.updates_accepted += count;
        sample.cores[0].cpu_us += 250_000;
        sample.cores[0].turns += 100;
    }
}

#[test]
fn figures_are_those_of_the_window_and_not_of_the_start() {
    let mut served = Served::new();
    served.pass(400, acknowledges(20, 10));
    let findings = served.pass(30, acknowledges(100, 30));
    let [of_1_s, of_10_s, of_60_s] = &findings.rates;
    assert_eq!((of_1_s.updates, of_10_s.updates, of_60_s.updates), (30.0, 30.0, 20.0));
    let [ten, minute, five] = &findings.profiles[Timed::Acknowledge as usize].windows;
    assert_eq!((ten.count(), minute.count()), (300, 1_200));
    assert!((3_600..=3_700).contains(&five.count()), "to ten seconds: {}", five.count());
    assert_eq!(minute.mean().map(|us| us / 1_000.0), Some((30.0 * 10.0 * 20.0 + 30.0 * 30.0 * 100.0) / 1_200.0));
    assert!(minute.quantile(0.95).is_some_and(|us| (88_000.0..113_000.0).contains(&us)));
    assert_eq!(findings.cores, [CoreRates { cpu: 0.25, turns_per_second: 100.0 }, CoreRates::default()]);
    assert_eq!(
        served.profiler.take(served.now_ms + 1_000, served.sample.clone(), &thresholds()).0.rates[0].updates,
        0.0
    );
}

#[test]
fn the_first_second_divides_by_nothing() {
    let findings = Served::new().pass(1, acknowledges(20, 10));
    assert_eq!(findings.rates[0], Traffic::default());
    assert_eq!(findings.alerts, []);
}

#[test]
fn what_becomes_slower_is_told_and_so_that_it_is_over() {
    let mut served = Served::new();
    served.pass(600, acknowledges(40, 20));
    assert_eq!(served.log, []);
    served.pass(120, acknowledges(60, 20));
    let [(raised, Kind::Slower(Timed::Acknowledge), Some(Severity::Critical))] = served.log[..] else {
        panic!("{:?}", served.log);
    };
    assert!((600..680).contains(&raised), "{raised}");
    served.pass(120, acknowledges(40, 20));
    assert_eq!(
        served.log[1..].iter().map(|it| (it.1, it.2)).collect::<Vec<_>>(),
        [(Kind::Slower(Timed::Acknowledge), None)]
    );
}

#[test]
fn what_becomes_slower_is_not_over_because_little_comes_through() {
    let mut served = Served::new();
    served.pass(600, acknowledges(40, 20));
    served.pass(60, acknowledges(200, 20));
    served.pass(240, acknowledges(200, 2));
    served.pass(120, acknowledges(200, 20));
    let [(raised, Kind::Slower(Timed::Acknowledge), Some(Severity::Critical))] = served.log[..] else {
        panic!("{:?}", served.log);
    };
    assert!((600..660).contains(&raised), "{raised}");
    served.pass(120, acknowledges(40, 20));
    assert_eq!(served.log[1..].iter().map(|it| it.2).collect::<Vec<_>>(), [None]);
}

#[test]
fn thresholds_hold_without_any_past() {
    let mut served = Served::new();
    served.pass(20, acknowledges(900, 20));
    assert_eq!(
        served.log.iter().map(|it| (it.1, it.2)).collect::<Vec<_>>(),
        [(Kind::AcknowledgeLatency, Some(Severity::Critical))]
    );
    assert!(served.log[0].0 <= 13, "{:?}", served.log);
}

#[test]
fn facts_of_disk_memory_and_cores_raise_their_alerts() {
    let cases: [(Change, Kind, Severity); 8] = [
        (|sample| sample.cores[1].turns_lately = false, Kind::CoresNotTurning, Severity::Critical),
        (|sample| sample.storage.writable = false, Kind::StorageNotWritable, Severity::Critical),
        (|sample| sample.storage.busy_seconds = 7.0, Kind::StorageNotAnswering, Severity::Warning),
        (|sample| sample.storage.failures = 2, Kind::SyncFailures, Severity::Warning),
        (|sample| sample.memory.used_bytes = 850, Kind::MemoryUse, Severity::Warning),
        (|sample| sample.memory.used_bytes = 930, Kind::MemoryUse, Severity::Critical),
        (|sample| sample.sessions_behind = 30, Kind::SessionsBehind, Severity::Critical),
        (
            |sample| {
                sample.traffic.updates += 100;
                sample.traffic.updates_refused += 2;
                // As many as come do not raise it to critical.
                sample.traffic.updates_stalled += 90;
            },
            Kind::ErrorRate,
            Severity::Warning,
        ),
    ];
    for (change, kind, severity) in cases {
        let mut served = Served::new();
        served.pass(30, |_| {});
        assert_eq!(served.log, []);
        let findings = served.pass(30, change);
        let raised: Vec<_> = findings.alerts.iter().map(|alert| (alert.kind, alert.severity)).collect();
        assert_eq!(raised, [(kind, severity)]);
    }
}

#[test]
fn a_leak_is_told_with_the_minutes_that_are_left() {
    let mut served = Served::new();
    served.sample.memory = Memory { used_bytes: 1 << 30, budget_bytes: 8 << 30, ..Memory::default() };
    let findings = served.pass(1_200, |sample| sample.memory.used_bytes += 2 << 20);
    let kinds: Vec<_> = findings.alerts.iter().map(|alert| (alert.kind, alert.severity)).collect();
    assert_eq!(kinds, [(Kind::MemoryGrowth, Severity::Warning)]);
    assert!((35.0..42.0).contains(&findings.alerts[0].value), "{:?}", findings.alerts);
}
