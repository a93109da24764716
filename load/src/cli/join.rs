//! `selvedge-load join`: options and report. What happens, the scenario knows.

use std::process::ExitCode;

use selvedge::driver::Ending;

use super::run_options::{RunError, RunOptions, Task, above_zero};
use crate::account;
use crate::clock::seconds;
use crate::latency::Timed;
use crate::observer::Goal;
use crate::report::Better;
use crate::scenario::join::{Join, Shape, is_settled};
use crate::tally::Count;
use crate::target::Target;

/// Largest document. Clients of some servers get it in one message, which each holds until it is whole.
const MEGABYTES_MAX: f64 = 512.0;

/// Options of `join`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct JoinOptions {
    /// Where the document is
    #[arg(long, value_name = "URL", default_value = super::URL)]
    url: String,
    /// Clients that join
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    clients: u32,
    /// Text of the document in millions of bytes, which is written first
    #[arg(long, default_value = "2", value_parser = above_zero)]
    megabytes: f64,
    /// Text of each of its structs; two authors take turns, so that they stay apart
    #[arg(long, default_value_t = 40, value_parser = clap::value_parser!(u32).range(1..=32_768))]
    item_bytes: u32,
    #[command(flatten)]
    options: RunOptions,
}

impl JoinOptions {
    pub(crate) fn run(&self) -> Result<ExitCode, RunError> {
        if self.megabytes > MEGABYTES_MAX {
            return Err(RunError::Option(format!("--megabytes: allowed are at most {MEGABYTES_MAX}")));
        }
        let document_bytes = (self.megabytes * 1e6) as u64;
        let shape = Shape { joiners: self.clients, document_bytes, item_bytes: self.item_bytes };
        let task = Task {
            origin: self.options.origin("join", &self.url),
            target: Target::with_documents(&self.url, &self.options.prefix()).map_err(RunError::Target)?,
            connections: self.clients + 1,
            goal: Goal { label: "joined", count: Count::Synced, total: u64::from(self.clients) },
            seconds: None,
            tolerant: false,
            at_once_max: None,
            ending: Ending::Orderly,
            is_settled,
        };
        let (mut outcome, observer) =
            self.options.run(&task, |thread, threads, seed| Join::new(shape, thread, threads, seed))?;
        let written = outcome.opened;
        outcome.opened = outcome.counts.of(Count::Attached);
        let timed = [Timed::Sync];
        let mut report = account::report(&task.origin, &outcome, &observer, &[("join", Count::Synced)], &timed);
        report.figures.retain(|figure| figure.name != "opened_per_second");
        let synced = outcome.counts.of(Count::Synced);
        report.figure("document_bytes", document_bytes as f64, Better::Neither);
        report.figure("synced", synced as f64, Better::Higher);
        if let Some(max) = outcome.latencies.max(Timed::Sync) {
            report.figure("all_synced_s", seconds(max), Better::Lower);
        }
        report.figure("received_bytes", outcome.counts.of(Count::ReceivedBytes) as f64, Better::Neither);
        if outcome.measured_s > 0.0 {
            let rate = outcome.counts.of(Count::ReceivedBytes) as f64 / outcome.measured_s / 1e6;
            report.figure("received_megabytes_per_second", rate, Better::Higher);
        }
        if written > 0 {
            report.missing("clients", u64::from(self.clients), synced);
        } else {
            report.failures.push("the document could not be written".to_owned());
        }
        Ok(self.options.deliver(&report))
    }
}
