//! `selvedge-load storm`: options and report. What happens, the scenario knows.

use std::process::ExitCode;

use selvedge::driver::Ending;

use super::run_options::{RunError, RunOptions, Task};
use crate::account;
use crate::clock::seconds;
use crate::latency::Timed;
use crate::observer::Goal;
use crate::report::Better;
use crate::scenario::storm::{Shape, Storm, is_settled};
use crate::stamp::WRITERS_MAX;
use crate::tally::Count;
use crate::target::Target;

/// Options of `storm`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct StormOptions {
    /// Where documents are
    #[arg(long, value_name = "URL", default_value = super::URL)]
    url: String,
    /// Connections that are cut and come back
    #[arg(long, default_value_t = 2000, value_parser = clap::value_parser!(u32).range(1..=WRITERS_MAX as i64 - 1))]
    connections: u32,
    /// Documents, to which connections are dealt out in turn
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..))]
    documents: u32,
    /// Connections are cut as if the clients had crashed (RST), and not as when they leave (FIN)
    #[arg(long)]
    reset: bool,
    #[command(flatten)]
    options: RunOptions,
}

impl StormOptions {
    pub(crate) fn run(&self) -> Result<ExitCode, RunError> {
        let shape = Shape { connections: self.connections, documents: self.documents.min(self.connections) };
        let task = Task {
            origin: self.options.origin("storm", &self.url),
            target: Target::with_documents(&self.url, &self.options.prefix()).map_err(RunError::Target)?,
            connections: self.connections,
            goal: Goal { label: "back", count: Count::Synced, total: u64::from(self.connections) },
            seconds: None,
            tolerant: false,
            at_once_max: None,
            ending: if self.reset { Ending::Reset } else { Ending::Orderly },
            is_settled,
        };
        let (outcome, observer) = self.options.run(&task, |thread, threads, _| Storm::new(shape, thread, threads))?;
        let timed = [Timed::Back, Timed::Open];
        let mut report = account::report(&task.origin, &outcome, &observer, &[("back", Count::Synced)], &timed);
        let back = outcome.counts.of(Count::Synced);
        report.figure("back", back as f64, Better::Higher);
        report.figure("turned_away", outcome.counts.of(Count::Failed) as f64, Better::Lower);
        if let Some(max) = outcome.latencies.max(Timed::Back) {
            report.figure("all_back_s", seconds(max), Better::Lower);
            report.figure("back_per_second", back as f64 / seconds(max), Better::Higher);
        }
        report.missing("clients", outcome.opened, back);
        Ok(self.options.deliver(&report))
    }
}
