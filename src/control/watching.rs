//! Looks at the whole server once a second: hands the profiler what is counted anyway, and keeps what it finds for whoever asks. Costs the cores nothing.

mod gather;

use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use selvedge_storage::{Catalog, DocumentKey, Figures};
use tokio::time::{MissedTickBehavior, interval};

use super::Context;
use super::status::rounded;
use crate::alerts::{Live, Severity, Thresholds, Transition};
use crate::events::{self, Event, Events};
use crate::instruments::{Timed, Timings};
use crate::profiler::{Findings, Profiler};
use crate::slow::{Cause, Collected, Log, Slow};

/// How often.
const INTERVAL: Duration = Duration::from_secs(1);

/// The store is asked in one look of so many: it looks at files.
const STORE_EVERY: u32 = 5;

/// What was found last, and by what it is judged.
#[derive(Debug)]
pub struct Watch {
    /// For times of day: when the milliseconds began that the profiler is given.
    began: SystemTime,
    thresholds: Live,
    latest: RwLock<Option<Arc<Findings>>>,
    slow: Collected,
    store: RwLock<Option<Figures>>,
}

impl Watch {
    /// With nothing found yet. Slow operations come from there.
    #[must_use]
    pub fn new(thresholds: Thresholds, slow: Arc<Log>) -> Self {
        slow.set_bounds(&thresholds.slow);
        Self {
            began: SystemTime::now(),
            thresholds: Live::new(thresholds),
            latest: RwLock::default(),
            slow: Collected::new(slow),
            store: RwLock::default(),
        }
    }

    /// Judges by others from now on.
    pub fn set_thresholds(&self, thresholds: Thresholds) {
        self.slow.log().set_bounds(&thresholds.slow);
        self.thresholds.set(thresholds);
    }

    /// Those in force.
    #[must_use]
    pub fn thresholds(&self) -> Arc<Thresholds> {
        self.thresholds.get()
    }

    /// What was found in the last second; nothing in the first.
    #[must_use]
    pub fn latest(&self) -> Option<Arc<Findings>> {
        self.latest.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How the store was some seconds ago; nothing where it is closed after a failure.
    pub(super) fn store(&self) -> Option<Figures> {
        *self.store.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Operations that took too long.
    #[must_use]
    pub fn slow(&self) -> &Collected {
        &self.slow
    }

    /// A moment of the profiler as a time of day.
    pub(super) fn at(&self, ms: u64) -> SystemTime {
        self.began + Duration::from_millis(ms)
    }

    /// The slowest write of the last second. A batch that is synced with its write counts as a sync.
    fn look_at_disk(&self, written: &Timings) {
        let slowest = [Timed::Sync, Timed::Commit].map(|timed| (timed, written.of(timed).largest().unwrap_or(0)));
        let log = self.slow.log();
        if let Some((timed, us)) = slowest.into_iter().find(|&(timed, us)| log.is_slow(timed, us)) {
            let (at, took) = (SystemTime::now(), Duration::from_micros(us));
            log.record_of_others(Slow { at, timed, document: None, took, cause: Cause::Disk });
        }
    }

    fn found(&self, findings: Findings, transitions: Vec<Transition>, events: &Events) {
        for transition in transitions {
            say(&transition);
            events.tell(event(&transition));
        }
        *self.latest.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(findings));
    }
}

/// Watches as long as the control plane is there.
pub(super) async fn watch(context: Arc<Context>) {
    let mut profiler = Profiler::default();
    let mut written = context.writing.timings();
    let mut looks: u32 = 0;
    let mut ticks = interval(INTERVAL);
    // Two looks in one moment would see nothing between them.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let now_ms =
            u64::try_from(context.started.elapsed().as_millis()).expect("no process runs for 2^64 milliseconds");
        let watch = &context.watch;
        let (findings, transitions) = profiler.take(now_ms, gather::sample(&context), &watch.thresholds());
        watch.found(findings, transitions, &context.events);
        let now_written = context.writing.timings();
        watch.look_at_disk(&now_written.since(&written));
        written = now_written;
        // Names and figures may have to be read.
        let reading = Arc::clone(&context);
        let looks_at_store = looks.is_multiple_of(STORE_EVERY);
        looks = looks.wrapping_add(1);
        let read = tokio::task::spawn_blocking(move || {
            if looks_at_store {
                let figures = reading.store.figures();
                *reading.watch.store.write().unwrap_or_else(PoisonError::into_inner) = figures;
            }
            reading.watch.slow.collect(|slow| name_of(&reading, slow));
        });
        if let Err(error) = read.await {
            tracing::error!(%error, "slow operations were not collected");
        }
    }
}

fn name_of(context: &Context, slow: &Slow) -> Option<String> {
    let document = DocumentKey(slow.document?.0);
    // Without a name it is a slow operation all the same.
    context.store.describe(document).ok().flatten().map(|description| description.name)
}

fn event(transition: &Transition) -> Event {
    let Transition { alert, resolved, .. } = transition;
    let (value, threshold) = (rounded(alert.value), rounded(alert.threshold));
    let message = format!(
        "{value} {unit}; the threshold is {threshold}. {recommendation}",
        unit = alert.kind.unit(),
        recommendation = alert.kind.recommendation()
    );
    Event::Alert {
        alert: alert.kind.name().into(),
        severity: match alert.severity {
            Severity::Warning => events::Severity::Warning,
            Severity::Critical => events::Severity::Critical,
        },
        raised: !resolved,
        message: message.into(),
    }
}

fn say(transition: &Transition) {
    let Transition { alert, before, resolved } = *transition;
    let (name, unit, value, threshold) = (alert.kind.name(), alert.kind.unit(), alert.value, alert.threshold);
    let [value, threshold] = [value, threshold].map(rounded);
    match (resolved, alert.severity) {
        (true, _) => tracing::info!(alert = name, value, unit, "alert resolved"),
        (false, _) if before > Some(alert.severity) => {
            tracing::warn!(alert = name, value, threshold, unit, "alert is less bad");
        }
        (false, Severity::Warning) => {
            tracing::warn!(
                alert = name,
                value,
                threshold,
                unit,
                recommendation = alert.kind.recommendation(),
                "alert raised"
            );
        }
        (false, Severity::Critical) => {
            let recommendation = alert.kind.recommendation();
            tracing::error!(alert = name, value, threshold, unit, recommendation, "alert raised: critical");
        }
    }
}
