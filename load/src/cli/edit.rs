//! `selvedge-load edit` and `fanout`: options and report. What happens, the scenario knows.

use std::process::ExitCode;

use selvedge::driver::Ending;

use super::run_options::{RunError, RunOptions, Task, above_zero, seconds_above_zero};
use crate::account;
use crate::latency::Timed;
use crate::observer::Goal;
use crate::report::Report;
use crate::scenario::edit::{Edit, Shape, is_settled};
use crate::stamp::{STAMP_BYTES, WRITERS_MAX};
use crate::tally::Count;
use crate::target::Target;

/// Longest text of one update.
const BYTES_MAX: u64 = 64 << 10;
/// Every client is checked against every writer of its document: so many pairs take 400 MB.
const PAIRS_MAX: u64 = 100_000_000;

/// Options of `edit`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct EditOptions {
    /// Where documents are
    #[arg(long, value_name = "URL", default_value = super::URL)]
    pub(crate) url: String,
    /// Writers, in all
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=WRITERS_MAX as i64 - 1))]
    pub(crate) writers: u32,
    /// Documents, to which writers are dealt out in turn; no more than writers
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) documents: u32,
    /// Readers in each document
    #[arg(long, default_value_t = 1)]
    pub(crate) readers: u32,
    /// Updates a second of each writer
    #[arg(long, value_name = "PER_SECOND", default_value = "10", value_parser = above_zero)]
    pub(crate) rate: f64,
    /// Text that an update inserts
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(STAMP_BYTES as u64..=BYTES_MAX))]
    pub(crate) bytes: u64,
    /// How long to measure
    #[arg(long, default_value = "5", value_parser = seconds_above_zero)]
    pub(crate) seconds: f64,
    #[command(flatten)]
    pub(crate) options: RunOptions,
}

/// Options of `fanout`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct FanoutOptions {
    /// Where documents are
    #[arg(long, value_name = "URL", default_value = super::URL)]
    url: String,
    /// Readers of the one document
    #[arg(long, default_value_t = 200)]
    readers: u32,
    /// Its writers, who read too. Several show whether a server sends what comes together as one
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=WRITERS_MAX as i64 - 1))]
    writers: u32,
    /// Updates a second of each writer
    #[arg(long, value_name = "PER_SECOND", default_value = "25", value_parser = above_zero)]
    rate: f64,
    /// Text that an update inserts
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(STAMP_BYTES as u64..=BYTES_MAX))]
    bytes: u64,
    /// How long to measure
    #[arg(long, default_value = "5", value_parser = seconds_above_zero)]
    seconds: f64,
    #[command(flatten)]
    options: RunOptions,
}

impl EditOptions {
    pub(crate) fn run(&self) -> Result<ExitCode, RunError> {
        Ok(self.options.deliver(&self.measure("edit")?))
    }

    pub(crate) fn measure(&self, scenario: &'static str) -> Result<Report, RunError> {
        let shape = Shape {
            documents: self.documents.min(self.writers),
            writers: self.writers,
            readers: self.readers,
            rate_per_s: self.rate,
            bytes: usize::try_from(self.bytes).expect("at most 64 KiB"),
        };
        let connections = shape
            .documents
            .checked_mul(shape.readers)
            .and_then(|readers| readers.checked_add(shape.writers))
            .ok_or_else(|| RunError::Option("--readers: too many connections in all".to_owned()))?;
        let pairs = u64::from(connections) * u64::from(shape.writers.div_ceil(shape.documents));
        if pairs > PAIRS_MAX {
            return Err(RunError::Option(format!(
                "allowed are {PAIRS_MAX} pairs of a connection and a writer of its document, and these are {pairs}: give fewer --writers or \
                 --readers, or more --documents"
            )));
        }
        self.options.check_writer(self.rate, self.seconds, self.bytes)?;
        let per_update = u64::from((shape.writers / shape.documents).max(1) + shape.readers - 1);
        let sent = (f64::from(shape.writers) * shape.rate_per_s * (self.seconds + self.options.warm_up)) as u64;
        let goal = if per_update > 0 {
            Goal { label: "deliveries", count: Count::Delivered, total: sent * per_update }
        } else {
            Goal { label: "updates", count: Count::UpdatesSent, total: sent }
        };
        let task = Task {
            origin: self.options.origin(scenario, &self.url),
            target: Target::with_documents(&self.url, &self.options.prefix()).map_err(RunError::Target)?,
            connections,
            goal,
            seconds: Some(self.seconds),
            tolerant: false,
            at_once_max: None,
            ending: Ending::Orderly,
            is_settled,
        };
        let (outcome, observer) =
            self.options.run(&task, |thread, threads, seed| Edit::new(shape, thread, threads, seed))?;
        let spent_on = [("update", Count::Updates), ("delivery", Count::Deliveries)];
        let timed = [Timed::Acknowledgement, Timed::Delivery, Timed::Open];
        let mut report = account::report(&task.origin, &outcome, &observer, &spent_on, &timed);
        super::tell_edits(&mut report, &outcome);
        Ok(report)
    }
}

impl FanoutOptions {
    pub(crate) fn run(&self) -> Result<ExitCode, RunError> {
        let Self { url, readers, writers, rate, bytes, seconds, options } = self.clone();
        let edit = EditOptions { url, writers, documents: 1, readers, rate, bytes, seconds, options };
        Ok(self.options.deliver(&edit.measure("fanout")?))
    }
}
