//! `selvedge-load idle`: options and report. What happens, the scenario knows.

use std::process::ExitCode;

use selvedge::driver::Ending;

use super::run_options::{RunError, RunOptions, Task, above_zero, rate_or_none, seconds_above_zero, seconds_or_none};
use crate::account;
use crate::latency::Timed;
use crate::observer::{Goal, Observer};
use crate::presence_state::STATE_BYTES_MIN;
use crate::report::{Better, Report};
use crate::scenario::idle::{Idle, Shape, is_settled};
use crate::stamp::{STAMP_BYTES, WRITERS_MAX};
use crate::tally::Count;
use crate::target::Target;

/// Longest text or state.
const BYTES_MAX: u64 = 4096;

/// Options of `idle`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct IdleOptions {
    /// Where documents are
    #[arg(long, value_name = "URL", default_value = super::URL)]
    url: String,
    /// Connections
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=WRITERS_MAX as i64 - 1))]
    connections: u32,
    /// Documents, to which connections are dealt out in turn; a tenth of the connections where it is not given
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    documents: Option<u32>,
    /// How long all are idle
    #[arg(long, value_name = "SECONDS", default_value = "3", value_parser = seconds_or_none)]
    hold: f64,
    /// Share of the clients that edit and move after that, from 0 to 1, such as 0.01; above 0, it is one client at least. What is measured
    /// is that time then, and --hold takes the place of --warm-up
    #[arg(long, value_name = "SHARE", default_value = "0", value_parser = share)]
    active: f64,
    /// Updates a second of an active client
    #[arg(long, value_name = "PER_SECOND", default_value = "1", value_parser = rate_or_none)]
    edits: f64,
    /// Awareness states a second of an active client
    #[arg(long, value_name = "PER_SECOND", default_value = "1", value_parser = rate_or_none)]
    states: f64,
    /// Text that an update inserts
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(STAMP_BYTES as u64..=BYTES_MAX))]
    bytes: u64,
    /// Length of a state
    #[arg(long, default_value_t = 80, value_parser = clap::value_parser!(u64).range(STATE_BYTES_MIN as u64..=BYTES_MAX))]
    state_bytes: u64,
    /// How long they are active; without --active, what is measured is --hold
    #[arg(long, default_value = "5", value_parser = seconds_above_zero)]
    seconds: f64,
    /// Every client sends an empty awareness message so often
    #[arg(long, value_name = "SECONDS", value_parser = above_zero)]
    renew: Option<f64>,
    /// Clients that are asked at the end whether they are still served
    #[arg(long, default_value_t = 1000)]
    sample: u32,
    #[command(flatten)]
    options: RunOptions,
}

fn share(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
        Ok(_) | Err(_) => Err("allowed is a share from 0 to 1".to_owned()),
    }
}

impl IdleOptions {
    fn shape(&self) -> Shape {
        let one_at_least = u32::from(self.active > 0.0);
        Shape {
            connections: self.connections,
            documents: self.documents.unwrap_or(self.connections.div_ceil(10)).min(self.connections),
            active: ((f64::from(self.connections) * self.active).round() as u32).max(one_at_least),
            edits_per_s: self.edits,
            states_per_s: self.states,
            bytes: usize::try_from(self.bytes).expect("at most 4 KiB"),
            state_bytes: usize::try_from(self.state_bytes).expect("at most 4 KiB"),
            renew_s: self.renew,
            sample: self.sample,
        }
    }

    pub(crate) fn run(&self) -> Result<ExitCode, RunError> {
        let shape = self.shape();
        let is_active = shape.active > 0;
        let mut options = self.options.clone();
        // Where there is traffic, the idle time comes before the measured one.
        let seconds = if is_active { self.seconds } else { self.hold };
        if is_active {
            options.warm_up = self.hold;
        }
        options.check_writer(self.edits, seconds, self.bytes)?;
        options.check_writer(self.states, seconds, 0)?;
        let task = Task {
            origin: options.origin("idle", &self.url),
            target: Target::with_documents(&self.url, &options.prefix()).map_err(RunError::Target)?,
            connections: self.connections,
            goal: Goal { label: "deliveries", count: Count::Delivered, total: 0 },
            seconds: Some(seconds),
            tolerant: true,
            at_once_max: None,
            ending: Ending::Orderly,
            is_settled,
        };
        let (outcome, observer) =
            options.run(&task, |thread, threads, seed| Idle::new(shape, thread, threads, seed))?;
        let spent_on =
            [("update", Count::Updates), ("delivery", Count::Deliveries), ("state_delivery", Count::StateDeliveries)];
        let timed = [Timed::Acknowledgement, Timed::Delivery, Timed::Presence, Timed::Open, Timed::Answer];
        let mut report = account::report(&task.origin, &outcome, &observer, &spent_on, &timed);
        let count = |count| outcome.counts.of(count);
        report.figure("attached", outcome.opened as f64, Better::Higher);
        report.figure("documents", f64::from(shape.documents), Better::Neither);
        report.figure("opening_s", outcome.opening_s, Better::Lower);
        report.figure("failed_connections", count(Count::Failed) as f64, Better::Lower);
        report.figure("sample_sent", count(Count::SampleSent) as f64, Better::Neither);
        report.figure("sample_answered", count(Count::SampleAnswered) as f64, Better::Higher);
        tell_resources(&mut report, &observer, outcome.opened, task.target.address.ip().is_loopback(), is_active);
        if is_active {
            report.figure("active_clients", f64::from(shape.active), Better::Neither);
            report.rate("updates", count(Count::Updates));
            report.rate("deliveries", count(Count::Deliveries));
            report.rate("states", count(Count::States));
            report.rate("state_deliveries", count(Count::StateDeliveries));
            report.figure("held_back", count(Count::HeldBack) as f64, Better::Lower);
            report.missing("deliveries", count(Count::DeliveriesDue), count(Count::Delivered));
        }
        let (sent, answered) = (count(Count::SampleSent), count(Count::SampleAnswered));
        if answered < sent {
            report.failures.push(format!("{} of a sample of {sent} did not answer", sent - answered));
        }
        Ok(options.deliver(&report))
    }
}

/// What the idle connections cost. Kernel memory is that of the whole machine, so on loopback it holds both ends.
fn tell_resources(report: &mut Report, observer: &Observer, connections: u64, loopback: bool, is_active: bool) {
    let marks = &observer.marks;
    let idle = if is_active { &marks.begin } else { &marks.end };
    let Some(idle) = idle.as_ref().filter(|_| connections > 0) else { return };
    let each = |bytes: f64| bytes / connections as f64;
    let before = &marks.before;
    if let (Some(server), Some(first)) = (&idle.server, &before.server) {
        let grown = server.resident_bytes() as f64 - first.resident_bytes() as f64;
        report.figure("user_bytes_per_connection", each(grown), Better::Lower);
        let since = if is_active { marks.opened.as_ref() } else { marks.begin.as_ref() };
        if let Some(opened) = since.and_then(|mark| mark.server.as_ref()) {
            report.figure("idle_cpu_percent", server.cpu_percent_since(opened), Better::Lower);
        }
    }
    if let (Some(own), Some(first)) = (&idle.own, &before.own) {
        let grown = own.resident_bytes() as f64 - first.resident_bytes() as f64;
        report.figure("generator_bytes_per_connection", each(grown), Better::Lower);
    }
    if let (Some(kernel), Some(first)) = (&idle.kernel, &before.kernel) {
        let growth = kernel.growth_since(first);
        let both = each(growth.bytes() as f64);
        report.figure("kernel_bytes_per_connection", if loopback { both / 2.0 } else { both }, Better::Lower);
        if loopback {
            report.figure("kernel_both_ends_bytes_per_connection", both, Better::Lower);
        }
        report.figures.extend(growth.figures(0));
    }
}
