//! `selvedge-load echo`: options and report. What happens, the scenario knows.

use std::process::ExitCode;

use selvedge::driver::Ending;

use super::run_options::{RunError, RunOptions, Task, above_zero, seconds_above_zero};
use crate::account;
use crate::latency::Timed;
use crate::observer::Goal;
use crate::report::Better;
use crate::scenario::echo::{Echo, Load, Shape, is_settled};
use crate::stamp::{STAMP_BYTES, WRITERS_MAX};
use crate::tally::Count;
use crate::target::Target;

/// Longest message.
const BYTES_MAX: u64 = 1 << 20;
/// Most that can be on its way at once on one connection.
const IN_FLIGHT_MAX: i64 = 4096;

/// Options of `echo`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct EchoOptions {
    /// Who echoes. Selvedge does so where it was started with --conformance
    #[arg(long, value_name = "URL", default_value = "ws://127.0.0.1:8420/echo")]
    url: String,
    /// Connections
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=WRITERS_MAX as i64 - 1))]
    connections: u32,
    /// Messages on their way on each connection. A slow server is asked less then, and its latency says nothing of its stalls: for that,
    /// give a rate
    #[arg(long, default_value_t = 1, conflicts_with = "rate", value_parser = clap::value_parser!(u32).range(1..=IN_FLIGHT_MAX))]
    in_flight: u32,
    /// Messages a second on each connection, whatever the server does
    #[arg(long, value_name = "PER_SECOND", value_parser = above_zero)]
    rate: Option<f64>,
    /// Length of a message
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u64).range(STAMP_BYTES as u64..=BYTES_MAX))]
    bytes: u64,
    /// How long to measure
    #[arg(long, default_value = "5", value_parser = seconds_above_zero)]
    seconds: f64,
    #[command(flatten)]
    options: RunOptions,
}

impl EchoOptions {
    pub(crate) fn run(&self) -> Result<ExitCode, RunError> {
        let load = match self.rate {
            Some(rate_per_s) => Load::Open { rate_per_s },
            None => Load::Closed { in_flight: self.in_flight },
        };
        let bytes = usize::try_from(self.bytes).expect("at most 1 MiB");
        let shape = Shape { connections: self.connections, bytes, load };
        let total = match load {
            Load::Open { rate_per_s } => {
                self.options.check_writer(rate_per_s, self.seconds, 0)?;
                (f64::from(self.connections) * rate_per_s * (self.seconds + self.options.warm_up)) as u64
            }
            Load::Closed { .. } => 0,
        };
        let task = Task {
            origin: self.options.origin("echo", &self.url),
            target: Target::parse(&self.url, &self.options.prefix()).map_err(RunError::Target)?,
            connections: self.connections,
            goal: Goal { label: "echoes", count: Count::Echoed, total },
            seconds: Some(self.seconds),
            tolerant: false,
            at_once_max: None,
            ending: Ending::Orderly,
            is_settled,
        };
        let (outcome, observer) = self.options.run(&task, |thread, threads, _| Echo::new(shape, thread, threads))?;
        let timed = [Timed::Echo, Timed::Open];
        let mut report = account::report(&task.origin, &outcome, &observer, &[("echo", Count::Echoes)], &timed);
        report.rate("echoes", outcome.counts.of(Count::Echoes));
        report.figure("held_back", outcome.counts.of(Count::HeldBack) as f64, Better::Lower);
        report.missing("echoes", outcome.counts.of(Count::EchoesDue), outcome.counts.of(Count::Echoed));
        Ok(self.options.deliver(&report))
    }
}
