//! The observer of a run: what server, kernel and this process spend while the workers load, and the bar that shows how far it is. Does not
//! know the scenario.

use crate::crew::{Progress, Watch};
use crate::kernel_memory::KernelMemory;
use crate::process::{Process, Sample};
use crate::progress;
use crate::step::Step;
use crate::tally::Count;
use crate::unit::Unit;

/// What a scenario's bar counts while it runs, and up to where.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Goal {
    pub(crate) label: &'static str,
    pub(crate) count: Count,
    pub(crate) total: u64,
}

/// See the module.
pub(crate) struct Observer {
    goal: Goal,
    shown: bool,
    /// The bar of the opening was made.
    opening_shown: bool,
    bar: progress::Progress,
    server: Option<Process>,
    own: Option<Process>,
    pub(crate) marks: Marks,
}

/// Samples of one moment. What cannot be read is left out.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mark {
    pub(crate) server: Option<Sample>,
    pub(crate) own: Option<Sample>,
    pub(crate) kernel: Option<KernelMemory>,
}

/// Those of a run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Marks {
    /// Before the first connection.
    pub(crate) before: Mark,
    /// When all connections had been opened.
    pub(crate) opened: Option<Mark>,
    /// Begin and end of the measured time.
    pub(crate) begin: Option<Mark>,
    pub(crate) end: Option<Mark>,
}

impl Observer {
    pub(crate) fn new(goal: Goal, server: Option<Process>, shown: bool) -> Self {
        let own = Process::open(std::process::id()).ok();
        let bar = progress::Progress::hidden();
        let mut observer = Self { goal, shown, opening_shown: false, bar, server, own, marks: Marks::default() };
        observer.marks.before = observer.sample();
        observer
    }

    pub(crate) fn server(&self) -> Option<&Process> {
        self.server.as_ref()
    }

    /// What all have spent until now.
    pub(crate) fn sample(&self) -> Mark {
        let of = |process: &Option<Process>| process.as_ref().and_then(|process| process.sample().ok());
        Mark { server: of(&self.server), own: of(&self.own), kernel: KernelMemory::sample().ok() }
    }

    fn replace_bar(&mut self, total: u64, label: &str) {
        let bar = if self.shown { progress::Progress::new(total, label) } else { progress::Progress::hidden() };
        std::mem::replace(&mut self.bar, bar).finish();
    }

    pub(crate) fn finish(&mut self) {
        std::mem::replace(&mut self.bar, progress::Progress::hidden()).finish();
    }
}

impl Watch for Observer {
    fn begin(&mut self, step: Step) {
        match step {
            // Its bar is made at the first look, which knows how many clients there are.
            Step::Open => {}
            Step::Run => {
                self.marks.opened = Some(self.sample());
                self.replace_bar(self.goal.total, self.goal.label);
            }
            Step::Settle | Step::Verify => {}
            Step::End => self.finish(),
        }
    }

    fn mark(&mut self) {
        let mark = self.sample();
        let place = if self.marks.begin.is_none() { &mut self.marks.begin } else { &mut self.marks.end };
        *place = Some(mark);
    }

    fn look(&mut self, now: &Progress<'_>) {
        match now.step {
            Step::Open => {
                if !std::mem::replace(&mut self.opening_shown, true) {
                    self.replace_bar(u64::from(now.clients), "opening");
                }
                let rate = now.last.of(Count::Attached) as f64 / now.last_s;
                self.bar.set(now.counts.of(Count::Attached), &Unit::PerSecond.text(rate.round()));
            }
            Step::Run | Step::Settle => {
                let rate = now.last.of(self.goal.count) as f64 / now.last_s;
                self.bar.set(now.counts.of(self.goal.count), &Unit::PerSecond.text(rate.round()));
            }
            Step::Verify | Step::End => {}
        }
    }
}
