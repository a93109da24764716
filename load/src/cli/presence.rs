//! `selvedge-load presence`: options and report. What happens, the scenario knows.

use std::process::ExitCode;

use selvedge::driver::Ending;

use super::run_options::{RunError, RunOptions, Task, above_zero, seconds_above_zero};
use crate::account;
use crate::latency::Timed;
use crate::observer::Goal;
use crate::presence_state::STATE_BYTES_MIN;
use crate::report::Better;
use crate::scenario::presence::{Presence, Shape, is_settled};
use crate::tally::Count;
use crate::target::Target;

/// Longest state.
const BYTES_MAX: u64 = 4096;
/// Every user is checked against every other: this many take 400 MB.
const USERS_MAX: i64 = 10_000;

/// Options of `presence`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct PresenceOptions {
    /// Where the document is
    #[arg(long, value_name = "URL", default_value = super::URL)]
    url: String,
    /// Users of the one document
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(2..=USERS_MAX))]
    users: u32,
    /// States a second of each
    #[arg(long, value_name = "PER_SECOND", default_value = "1", value_parser = above_zero)]
    rate: f64,
    /// Length of a state, which is JSON
    #[arg(long, default_value_t = 80, value_parser = clap::value_parser!(u64).range(STATE_BYTES_MIN as u64..=BYTES_MAX))]
    bytes: u64,
    /// How long to measure
    #[arg(long, default_value = "5", value_parser = seconds_above_zero)]
    seconds: f64,
    #[command(flatten)]
    options: RunOptions,
}

impl PresenceOptions {
    pub(crate) fn run(&self) -> Result<ExitCode, RunError> {
        self.options.check_writer(self.rate, self.seconds, 0)?;
        let bytes = usize::try_from(self.bytes).expect("at most 4 KiB");
        let shape = Shape { users: self.users, rate_per_s: self.rate, bytes };
        let sent = (f64::from(self.users) * self.rate * (self.seconds + self.options.warm_up)) as u64;
        let total = sent * u64::from(self.users - 1);
        let task = Task {
            origin: self.options.origin("presence", &self.url),
            target: Target::with_documents(&self.url, &self.options.prefix()).map_err(RunError::Target)?,
            connections: self.users,
            goal: Goal { label: "states delivered", count: Count::StatesDelivered, total },
            seconds: Some(self.seconds),
            tolerant: false,
            at_once_max: None,
            ending: Ending::Orderly,
            is_settled,
        };
        let (outcome, observer) =
            self.options.run(&task, |thread, threads, seed| Presence::new(shape, thread, threads, seed))?;
        let spent_on = [("state", Count::States), ("state_delivery", Count::StateDeliveries)];
        let timed = [Timed::Presence, Timed::Open];
        let mut report = account::report(&task.origin, &outcome, &observer, &spent_on, &timed);
        let count = |count| outcome.counts.of(count);
        report.rate("states", count(Count::States));
        report.rate("state_deliveries", count(Count::StateDeliveries));
        let due = count(Count::StatesSent) * u64::from(self.users - 1);
        if due > 0 {
            let replaced = due.saturating_sub(count(Count::StatesDelivered)) as f64 / due as f64;
            report.figure("replaced_before_delivery_percent", replaced * 100.0, Better::Neither);
        }
        report.figure("duplicates", count(Count::Duplicates) as f64, Better::Lower);
        report.figure("held_back", count(Count::HeldBack) as f64, Better::Lower);
        report.missing("newest_states", count(Count::NewestDue), count(Count::NewestDelivered));
        Ok(self.options.deliver(&report))
    }
}
