//! Looks at the whole server once a second: hands the profiler what is counted anyway, and keeps what it finds for whoever asks. Costs the
//! cores nothing, and goes on where nobody listens for requests, or where what answers them stands still.

mod gather;

use std::io;
use std::sync::mpsc::{self, SyncSender};
use std::sync::{Arc, PoisonError, RwLock};
use std::thread;
use std::time::{Duration, SystemTime};

use selvedge_storage::{Catalog, DocumentKey, Figures};

use super::Context;
use super::status::rounded;
use crate::alerts::{Live, Severity, Thresholds, Transition};
use crate::events::{Event, Events};
use crate::instruments::{Timed, Timings};
use crate::priority;
use crate::profiler::{Findings, Profiler};
use crate::repeating::{Pause, Repeating};
use crate::slow::{Cause, Collected, Log, Slow};

/// The name of its threads. What panics there ends the watch, not the process.
pub const THREAD_NAME: &str = "watch";

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
    /// With nothing found yet. Slow operations come from there; and so the store is now.
    #[must_use]
    pub fn new(thresholds: Thresholds, slow: Arc<Log>, store: Option<Figures>) -> Self {
        slow.set_bounds(&thresholds.slow);
        Self {
            began: SystemTime::now(),
            thresholds: Live::new(thresholds),
            latest: RwLock::default(),
            slow: Collected::new(slow),
            store: RwLock::new(store),
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

    /// How the store was some seconds ago, or when it last answered; nothing where it is closed after a failure.
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

    /// Reads what may have to come from the disk: figures of the store, and names of documents.
    fn read(&self, context: &Context, looks_at_store: bool) {
        if looks_at_store {
            let figures = context.store.figures();
            *self.store.write().unwrap_or_else(PoisonError::into_inner) = figures;
        }
        self.slow.collect(|slow| name_of(context, slow));
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
            events.tell(Event::of_alert(&transition));
        }
        *self.latest.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(findings));
    }
}

/// Watches as long as it is there.
#[derive(Debug)]
pub struct Watcher {
    _thread: Repeating,
}

impl Watcher {
    /// Watches from now on.
    ///
    /// # Errors
    ///
    /// The system has no thread to give.
    pub fn spawn(context: Arc<Context>) -> io::Result<Self> {
        // It takes nothing while the reader is not waiting for it: a disk that hangs must not keep the look at it from being taken.
        let (ask, asked) = mpsc::sync_channel(0);
        let reading = Arc::clone(&context);
        let read = move || {
            priority::stand_back();
            while let Ok(looks_at_store) = asked.recv() {
                reading.watch.read(&reading, looks_at_store);
            }
        };
        // Not waited for at the end: the disk may still hang.
        drop(thread::Builder::new().name(THREAD_NAME.to_owned()).spawn(read)?);
        let look = move |pause: &Pause| {
            priority::stand_back();
            let mut looking = Looking::new(&context, ask);
            looking.look(&context);
            while pause.goes_on_after(INTERVAL) {
                looking.look(&context);
            }
        };
        Ok(Self { _thread: Repeating::spawn(THREAD_NAME, look)? })
    }
}

/// What it remembers from one look to the next.
struct Looking {
    profiler: Profiler,
    written: Timings,
    looks: u32,
    ask: SyncSender<bool>,
}

impl Looking {
    fn new(context: &Context, ask: SyncSender<bool>) -> Self {
        Self { profiler: Profiler::default(), written: context.writing.timings(), looks: 0, ask }
    }

    fn look(&mut self, context: &Context) {
        let now_ms =
            u64::try_from(context.started.elapsed().as_millis()).expect("no process runs for 2^64 milliseconds");
        let watch = &context.watch;
        let (findings, transitions) = self.profiler.take(now_ms, gather::sample(context), &watch.thresholds());
        watch.found(findings, transitions, &context.events);
        let written = context.writing.timings();
        watch.look_at_disk(&written.since(&self.written));
        self.written = written;
        if self.ask.try_send(self.looks.is_multiple_of(STORE_EVERY)).is_ok() {
            self.looks = self.looks.wrapping_add(1);
        }
    }
}

fn name_of(context: &Context, slow: &Slow) -> Option<String> {
    let document = DocumentKey(slow.document?.0);
    // Without a name it is a slow operation all the same.
    context.store.name(document).ok().flatten()
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
