//! The crew: all workers of a run, taken through its steps by the main thread, which adds up what they count. Does not know the scenario: that
//! says what is settled and what is shown.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use selvedge::driver::{Engine, Waker};

use crate::clock::{Micros, seconds};
use crate::hands::Means;
use crate::latency::Latencies;
use crate::opening::Opening;
use crate::part::Part;
use crate::step::{Stage, Step, Window};
use crate::tally::{Count, Counts, Tally, Troubles};
use crate::worker::{self, Start};

/// How long the main thread waits for news at a time.
const NEWS_EVERY: Duration = Duration::from_millis(50);
/// Length of an interval of the time line.
const MOMENT_US: Micros = 1_000_000;
/// Between the last connection and the first message, so that all workers know the plan before it begins.
const LEAD_US: Micros = 100_000;
/// How long a step may go on without anything happening.
const STALL_MAX_US: Micros = 30_000_000;

/// What a run is.
pub(crate) struct Plan {
    pub(crate) means: Means,
    /// One for each thread; `None` where it may run anywhere.
    pub(crate) cpus: Vec<Option<usize>>,
    /// Connections a second, in all.
    pub(crate) open_rate_per_s: Option<f64>,
    /// Connections that may be on their way at a time, in all.
    pub(crate) at_once_max: u32,
    /// Whether the run goes on without the connections that failed.
    pub(crate) tolerant: bool,
    pub(crate) warm_up: Micros,
    /// How long the measured part is; `None`: until every part is done.
    pub(crate) length: Option<Micros>,
    /// How long what is on its way may take to arrive after that, as long as nothing does.
    pub(crate) settle_max: Micros,
    /// Whether all that is on its way has arrived.
    pub(crate) is_settled: fn(&Counts) -> bool,
}

/// Looks at a run from outside, such as at what the server spends meanwhile, and shows how far it is.
pub(crate) trait Watch {
    /// A step begins.
    fn begin(&mut self, step: Step);
    /// The measured time begins, or has ended.
    fn mark(&mut self);
    /// Some time has passed.
    fn look(&mut self, now: &Progress<'_>);
}

/// How far a run is.
pub(crate) struct Progress<'a> {
    pub(crate) step: Step,
    pub(crate) counts: &'a Counts,
    /// What was counted in the last interval of a second, and how long that was.
    pub(crate) last: &'a Counts,
    pub(crate) last_s: f64,
    /// Clients that are opened first.
    pub(crate) clients: u32,
}

/// One interval.
pub(crate) struct Interval {
    /// Its end, against the begin of the measured time.
    pub(crate) at_s: f64,
    pub(crate) length_s: f64,
    pub(crate) attached: u64,
    pub(crate) counts: Counts,
    pub(crate) latencies: Latencies,
}

/// What all workers counted.
pub(crate) struct Outcome {
    pub(crate) counts: Counts,
    pub(crate) latencies: Latencies,
    pub(crate) troubles: Troubles,
    pub(crate) intervals: Vec<Interval>,
    /// Busy share of each thread over the measured time.
    pub(crate) busy: Vec<f64>,
    pub(crate) opening_s: f64,
    /// Attached when opening had ended.
    pub(crate) opened: u64,
    pub(crate) measured_s: f64,
    /// What the run promised and did not keep by itself.
    pub(crate) failures: Vec<String>,
}

/// Why there is no outcome.
#[derive(Debug)]
pub(crate) enum CrewError {
    /// The machine has no thread to give.
    Thread(io::Error),
    /// The kernel does not grant what the driver needs, or the driver broke.
    Driver(io::Error),
}

impl fmt::Display for CrewError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Thread(error) => write!(f, "cannot start a thread: {error}"),
            Self::Driver(error) => write!(f, "the driver cannot work: {error}"),
        }
    }
}

impl std::error::Error for CrewError {}

/// Runs the parts, each on a thread of its own, to the end.
pub(crate) fn run<P: Part>(
    plan: &Plan,
    parts: Vec<P>,
    open_driver: impl Fn() -> io::Result<Engine> + Clone + Send + 'static,
    watch: &mut dyn Watch,
) -> Result<Outcome, CrewError> {
    let clients = parts.iter().map(Part::opened_first).sum();
    let (crew, tallies) = Crew::start(plan, parts, open_driver)?;
    Foreman::new(plan, crew, clients).lead(&tallies, watch)
}

struct Crew {
    threads: Vec<JoinHandle<io::Result<()>>>,
    wakers: Vec<Waker>,
    stage: Arc<Stage>,
}

impl Crew {
    fn start<P: Part>(
        plan: &Plan,
        parts: Vec<P>,
        open_driver: impl Fn() -> io::Result<Engine> + Clone + Send + 'static,
    ) -> Result<(Self, Receiver<Tally>), CrewError> {
        let stage = Arc::new(Stage::new());
        let (tallies, news) = mpsc::channel();
        let (ready, readiness) = mpsc::channel();
        let at_once_max = (plan.at_once_max / plan.means.threads).max(1);
        let mut threads = Vec::new();
        for ((thread, part), &cpu) in (0..).zip(parts).zip(&plan.cpus) {
            let opening = Opening::new(part.opened_first(), plan.open_rate_per_s, at_once_max);
            let (means, stage, tallies) = (plan.means.clone(), Arc::clone(&stage), tallies.clone());
            let start = Start { means, thread, cpu, part, opening, stage, tallies };
            let (ready, open_driver) = (ready.clone(), open_driver.clone());
            let run = move || {
                // Who does not listen any more has heard of another thread's trouble.
                worker::run(start, open_driver, &|waker| drop(ready.send(waker)))
            };
            let builder = thread::Builder::new().name(format!("load-{thread}"));
            threads.push(builder.spawn(run).map_err(CrewError::Thread)?);
        }
        drop(ready);
        let wakers: io::Result<Vec<Waker>> = readiness.iter().take(threads.len()).collect();
        match wakers {
            Ok(wakers) => Ok((Self { threads, wakers, stage }, news)),
            Err(error) => {
                // The others find nobody to tell; they end, so that the error can be told.
                stage.set_step(Step::End);
                Err(CrewError::Driver(error))
            }
        }
    }

    fn set_step(&self, step: Step) {
        self.stage.set_step(step);
        for waker in &self.wakers {
            waker.wake();
        }
    }

    /// A worker ends before it is told to only where its driver broke.
    fn has_lost_one(&self) -> bool {
        self.threads.iter().any(JoinHandle::is_finished)
    }

    fn join(self) -> Result<(), CrewError> {
        self.threads.into_iter().try_for_each(|thread| match thread.join() {
            Ok(result) => result.map_err(CrewError::Driver),
            Err(panic) => std::panic::resume_unwind(panic),
        })
    }
}

/// Leads the crew through the steps.
struct Foreman<'a> {
    plan: &'a Plan,
    crew: Crew,
    clients: u32,
    step: Step,
    step_began: Micros,
    window: Window,
    marked_begin: bool,
    /// By thread: the last step that its part was done with.
    done: Vec<Option<Step>>,
    busy: Vec<Option<f64>>,
    counts: Counts,
    latencies: Latencies,
    troubles: Troubles,
    /// When something but failures was counted last.
    moved: Micros,
    interval: Interval,
    interval_began: Micros,
    last: Counts,
    last_s: f64,
    intervals: Vec<(Micros, Interval)>,
    opening_s: f64,
    opened: u64,
    failures: Vec<String>,
}

impl<'a> Foreman<'a> {
    fn new(plan: &'a Plan, crew: Crew, clients: u32) -> Self {
        let (threads, now) = (crew.threads.len(), plan.means.clock.now());
        Self {
            plan,
            crew,
            clients,
            step: Step::Open,
            step_began: now,
            window: Window::NEVER,
            marked_begin: false,
            done: vec![None; threads],
            busy: vec![None; threads],
            counts: Counts::default(),
            latencies: Latencies::default(),
            troubles: Troubles::default(),
            moved: now,
            interval: empty_interval(),
            interval_began: now,
            last: Counts::default(),
            last_s: 1.0,
            intervals: Vec::new(),
            opening_s: 0.0,
            opened: 0,
            failures: Vec::new(),
        }
    }

    fn lead(mut self, news: &Receiver<Tally>, watch: &mut dyn Watch) -> Result<Outcome, CrewError> {
        watch.begin(Step::Open);
        while self.step != Step::End {
            match news.recv_timeout(NEWS_EVERY) {
                Ok(tally) => self.add(tally),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
            }
            let now = self.plan.means.clock.now();
            if self.crew.has_lost_one() {
                self.crew.set_step(Step::End);
                break;
            }
            if self.step == Step::Run && !self.marked_begin && now >= self.window.from {
                self.marked_begin = true;
                watch.mark();
            }
            self.end_interval(now);
            watch.look(&self.progress());
            self.advance(now, watch);
        }
        self.finish(news)
    }

    fn add(&mut self, tally: Tally) {
        if tally.counts.have_progress() {
            self.moved = self.plan.means.clock.now();
        }
        self.counts.merge(&tally.counts);
        self.latencies.merge(&tally.latencies);
        self.troubles.merge(&tally.troubles);
        self.interval.counts.merge(&tally.counts);
        self.interval.latencies.merge(&tally.latencies);
        self.done[tally.thread] = tally.done;
        if let Some(effort) = tally.effort {
            self.busy[tally.thread] = Some(effort.busy);
        }
    }

    fn end_interval(&mut self, now: Micros) {
        let length = now.saturating_sub(self.interval_began);
        if length < MOMENT_US {
            return;
        }
        let mut interval = std::mem::replace(&mut self.interval, empty_interval());
        interval.length_s = seconds(length);
        interval.attached = self.counts.of(Count::Attached);
        (self.last, self.last_s) = (interval.counts, interval.length_s);
        self.intervals.push((now, interval));
        self.interval_began = now;
    }

    fn progress(&self) -> Progress<'_> {
        Progress { step: self.step, counts: &self.counts, last: &self.last, last_s: self.last_s, clients: self.clients }
    }

    fn all_done(&self) -> bool {
        self.done.iter().all(|&done| done >= Some(self.step))
    }

    fn has_stalled(&self, now: Micros, max: Micros) -> bool {
        now.saturating_sub(self.moved.max(self.step_began)) > max
    }

    fn advance(&mut self, now: Micros, watch: &mut dyn Watch) {
        match self.step {
            Step::Open => self.advance_open(now, watch),
            Step::Run => {
                let over = match self.plan.length {
                    Some(_) => now >= self.window.until,
                    None if self.has_stalled(now, STALL_MAX_US) => {
                        self.failures.push(format!("nothing happened for {} s", seconds(STALL_MAX_US)));
                        true
                    }
                    None => self.all_done(),
                };
                if over {
                    if !self.marked_begin {
                        self.marked_begin = true;
                        watch.mark();
                    }
                    self.window.until = self.window.until.min(now);
                    self.crew.stage.set_window(self.window);
                    watch.mark();
                    self.begin(Step::Settle, now, watch);
                }
            }
            Step::Settle => {
                let settled = self.all_done() && (self.plan.is_settled)(&self.counts);
                if settled || self.has_stalled(now, self.plan.settle_max) {
                    self.begin(Step::Verify, now, watch);
                }
            }
            Step::Verify => {
                if self.all_done() || self.has_stalled(now, STALL_MAX_US) {
                    self.begin(Step::End, now, watch);
                }
            }
            Step::End => {}
        }
    }

    fn advance_open(&mut self, now: Micros, watch: &mut dyn Watch) {
        let stalled = self.has_stalled(now, STALL_MAX_US);
        if !self.all_done() && !stalled {
            return;
        }
        self.opened = self.counts.of(Count::Attached);
        self.opening_s = seconds(now.saturating_sub(self.step_began));
        let lacking = u64::from(self.clients).saturating_sub(self.opened);
        if stalled {
            self.failures.push(format!(
                "{lacking} of {} connections hung: nothing happened for {} s",
                self.clients,
                seconds(STALL_MAX_US)
            ));
        } else if lacking > 0 {
            self.failures.push(format!("{lacking} of {} connections could not be opened", self.clients));
        }
        if self.opened == 0 && self.clients > 0 || lacking > 0 && !self.plan.tolerant {
            return self.begin(Step::End, now, watch);
        }
        let start = now + LEAD_US;
        let from = start + self.plan.warm_up;
        let until = self.plan.length.map_or(Micros::MAX, |length| from + length);
        self.window = Window { start, from, until };
        self.crew.stage.set_window(self.window);
        self.begin(Step::Run, now, watch);
    }

    fn begin(&mut self, step: Step, now: Micros, watch: &mut dyn Watch) {
        self.step = step;
        self.step_began = now;
        self.crew.set_step(step);
        watch.begin(step);
    }

    fn finish(mut self, news: &Receiver<Tally>) -> Result<Outcome, CrewError> {
        // Workers hold the sending ends: this ends when the last of them does.
        while let Ok(tally) = news.recv() {
            self.add(tally);
        }
        self.crew.join()?;
        let began = self.window.from;
        let at_s = |at: Micros| if at >= began { seconds(at - began) } else { -seconds(began - at) };
        let intervals = self.intervals.into_iter().map(|(at, interval)| Interval {
            at_s: if began == Micros::MAX { seconds(at) } else { at_s(at) },
            ..interval
        });
        let measured = if began == Micros::MAX { 0 } else { self.window.until.saturating_sub(began) };
        Ok(Outcome {
            counts: self.counts,
            latencies: self.latencies,
            troubles: self.troubles,
            intervals: intervals.collect(),
            busy: self.busy.into_iter().map(|busy| busy.unwrap_or(0.0)).collect(),
            opening_s: self.opening_s,
            opened: self.opened,
            measured_s: seconds(measured),
            failures: self.failures,
        })
    }
}

fn empty_interval() -> Interval {
    Interval { at_s: 0.0, length_s: 0.0, attached: 0, counts: Counts::default(), latencies: Latencies::default() }
}
