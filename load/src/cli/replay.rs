//! `selvedge-load replay`: options and report. What happens, the scenario knows.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use selvedge::driver::Ending;

use super::run_options::{RunError, RunOptions, Task};
use crate::account;
use crate::latency::Timed;
use crate::observer::Goal;
use crate::report::Better;
use crate::scenario::replay::{Replay, Shape, is_settled};
use crate::tally::Count;
use crate::target::Target;
use crate::trace::Trace;

/// Options of `replay`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ReplayOptions {
    /// Where documents are
    #[arg(long, value_name = "URL", default_value = super::URL)]
    url: String,
    /// A recorded session, such as tests/traces/friendsforever.yup.jsonl.gz
    #[arg(long, value_name = "FILE")]
    trace: PathBuf,
    /// So often at the same time, each in a document of its own
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    copies: u32,
    /// Updates of a copy that may be sent and not acknowledged
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    window: u32,
    /// Copies that are loaded at the end and compared; all where it is not given
    #[arg(long)]
    compared: Option<u32>,
    #[command(flatten)]
    options: RunOptions,
}

impl ReplayOptions {
    pub(crate) fn run(&self) -> Result<ExitCode, RunError> {
        let trace = Trace::read(&self.trace).map_err(|error| RunError::Option(format!("--trace: {error}")))?;
        let trace = Arc::new(trace);
        let too_many = || RunError::Option("--copies: too many connections in all".to_owned());
        let connections = self.copies.checked_mul(trace.agents).ok_or_else(too_many)?;
        let updates = trace.updates.len() as u64 * u64::from(self.copies);
        let compared = self.compared.unwrap_or(self.copies).min(self.copies);
        let shape = Shape { trace: Arc::clone(&trace), copies: self.copies, window: self.window, compared };
        let task = Task {
            origin: self.options.origin("replay", &self.url),
            target: Target::with_documents(&self.url, &self.options.prefix()).map_err(RunError::Target)?,
            connections,
            goal: Goal { label: "updates acknowledged", count: Count::Acknowledged, total: updates },
            seconds: None,
            tolerant: false,
            at_once_max: None,
            ending: Ending::Orderly,
            is_settled,
        };
        let (outcome, observer) =
            self.options.run(&task, |thread, threads, _| Replay::new(shape.clone(), thread, threads))?;
        let spent_on = [("update", Count::Acknowledged)];
        let timed = [Timed::Acknowledgement, Timed::Sync, Timed::Open];
        let mut report = account::report(&task.origin, &outcome, &observer, &spent_on, &timed);
        let count = |count| outcome.counts.of(count);
        report.figure("copies", f64::from(self.copies), Better::Neither);
        report.rate("updates", count(Count::Acknowledged));
        report.figure("texts_compared", count(Count::TextsCompared) as f64, Better::Neither);
        report.figure("texts_differing", count(Count::TextsDiffering) as f64, Better::Lower);
        report.missing("acknowledgements", updates, count(Count::Acknowledged));
        report.missing("texts", u64::from(compared), count(Count::TextsCompared));
        Ok(self.options.deliver(&report))
    }
}
