//! The account of a run: what its outcome says, as a report. Knows the figures that every scenario has; each scenario adds its own.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::clock::Micros;
use crate::crew::{Interval, Outcome};
use crate::effort::BUSY_MAX;
use crate::latency::Timed;
use crate::machine;
use crate::observer::{Marks, Observer};
use crate::report::{Better, Figure, GeneratorCost, Moment, Report, ServerCost};
use crate::tally::Count;

/// Above this, messages left so late that this is about the generator and not about the server.
const LAG_MAX_US: Micros = 5_000;

/// Rates that a time line has, where anything of the kind happened at all.
const RATES: [(&str, Count); 7] = [
    ("updates_per_second", Count::UpdatesSent),
    ("acknowledgements_per_second", Count::Acknowledged),
    ("deliveries_per_second", Count::Delivered),
    ("states_per_second", Count::StatesSent),
    ("state_deliveries_per_second", Count::StatesDelivered),
    ("echoes_per_second", Count::Echoed),
    ("synced_per_second", Count::Synced),
];

/// Latencies that a time line has.
const LATENCIES: [(&str, Timed); 4] = [
    ("acknowledgement_p99_us", Timed::Acknowledgement),
    ("delivery_p99_us", Timed::Delivery),
    ("presence_p99_us", Timed::Presence),
    ("echo_p99_us", Timed::Echo),
];

/// What all reports of this process say alike.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    pub(crate) scenario: &'static str,
    pub(crate) url: String,
    pub(crate) command: Vec<String>,
}

/// A report of what every scenario has. `spent_on` says what the server's CPU time is divided by.
pub(crate) fn report(
    origin: &Origin,
    outcome: &Outcome,
    observer: &Observer,
    spent_on: &[(&str, Count)],
    timed: &[Timed],
) -> Report {
    let started = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let mut report = Report {
        scenario: origin.scenario.to_owned(),
        command: origin.command.clone(),
        url: origin.url.clone(),
        version: env!("VERSION_WITH_COMMIT").to_owned(),
        started_unix_s: started,
        measured_s: outcome.measured_s,
        machine: machine::detect(),
        figures: Vec::new(),
        latencies: timed.iter().filter_map(|&timed| outcome.latencies.report(timed)).collect(),
        timeline: outcome.intervals.iter().map(|interval| moment(interval, outcome)).collect(),
        server: server_cost(outcome, observer, spent_on),
        generator: generator_cost(outcome, &observer.marks),
        failures: outcome.failures.clone(),
        warnings: Vec::new(),
    };
    report.failures.extend(outcome.troubles.iter().map(|(trouble, times)| format!("{times} times: {trouble}")));
    if observer.server().is_some() && report.server.is_none() && outcome.measured_s > 0.0 {
        report.warnings.push("the server's process could not be read any more".to_owned());
    }
    warn_of_limit(&mut report);
    report.figure("connections", outcome.opened as f64, Better::Neither);
    if outcome.opening_s > 0.0 {
        report.figure("opened_per_second", outcome.opened as f64 / outcome.opening_s, Better::Higher);
    }
    report
}

impl Report {
    /// Adds a number.
    pub(crate) fn figure(&mut self, name: &str, value: f64, better: Better) {
        self.figures.push(Figure { name: name.to_owned(), value, better });
    }

    /// Adds how often something happened, and how often a second over the measured time.
    pub(crate) fn rate(&mut self, name: &str, count: u64) {
        self.figure(name, count as f64, Better::Neither);
        if self.measured_s > 0.0 {
            self.figure(&format!("{name}_per_second"), count as f64 / self.measured_s, Better::Higher);
        }
    }

    /// Adds how many of `due` things did not come, which fails the run.
    pub(crate) fn missing(&mut self, name: &str, due: u64, came: u64) {
        let missing = due.saturating_sub(came);
        self.figure(&format!("missing_{name}"), missing as f64, Better::Lower);
        if missing > 0 {
            self.failures.push(format!("{missing} of {due} {name} are missing"));
        }
    }
}

fn moment(interval: &Interval, outcome: &Outcome) -> Moment {
    let mut values = BTreeMap::from([("connections".to_owned(), interval.attached as f64)]);
    for (name, count) in RATES {
        if outcome.counts.of(count) > 0 {
            values.insert(name.to_owned(), interval.counts.of(count) as f64 / interval.length_s);
        }
    }
    for (name, timed) in LATENCIES {
        if let Some(value) = interval.latencies.percentile(timed, 99.0) {
            values.insert(name.to_owned(), value as f64);
        }
    }
    Moment { at_s: interval.at_s, values }
}

fn server_cost(outcome: &Outcome, observer: &Observer, spent_on: &[(&str, Count)]) -> Option<ServerCost> {
    let marks = &observer.marks;
    let (begin, end) = (marks.begin.as_ref()?.server.as_ref()?, marks.end.as_ref()?.server.as_ref()?);
    let counts = spent_on.iter().map(|&(name, count)| (name.to_owned(), outcome.counts.of(count))).collect();
    Some(observer.server()?.cost(marks.before.server.as_ref()?, begin, end, &counts, outcome.opened))
}

fn generator_cost(outcome: &Outcome, marks: &Marks) -> GeneratorCost {
    let spent = || {
        let (begin, end) = (marks.begin.as_ref()?.own.as_ref()?, marks.end.as_ref()?.own.as_ref()?);
        Some((end.user_s() - begin.user_s(), end.system_s() - begin.system_s()))
    };
    let (user_s, system_s) = spent().unwrap_or((0.0, 0.0));
    let send_lag_p99_us = outcome.latencies.percentile(Timed::Lag, 99.0).unwrap_or(0);
    let was_the_limit = outcome.busy.iter().any(|&busy| busy > BUSY_MAX) || send_lag_p99_us > LAG_MAX_US;
    GeneratorCost { busy: outcome.busy.clone(), user_s, system_s, send_lag_p99_us, was_the_limit }
}

fn warn_of_limit(report: &mut Report) {
    let generator = &report.generator;
    if !generator.was_the_limit {
        return;
    }
    let busiest = generator.busy.iter().copied().fold(0.0, f64::max);
    let mut signs = Vec::new();
    if busiest > BUSY_MAX {
        signs.push(format!("its busiest thread had work {:.0} % of the time", busiest * 100.0));
    }
    if generator.send_lag_p99_us > LAG_MAX_US {
        signs.push(format!("it sent up to {:.1} ms late (p99)", generator.send_lag_p99_us as f64 / 1e3));
    }
    report.warnings.push(format!(
        "this load generator was probably the limit: {}; give it more or other --cores, or less to do",
        signs.join(", and ")
    ));
}
