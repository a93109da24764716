//! What a run found: printed as a table, written by `--json`, drawn by `--plot`, stored and compared by `baseline` and `compare`. Plain
//! data; does not know how it was measured or how it is shown.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// One run of one scenario.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Report {
    /// Which, as on the command line.
    pub(crate) scenario: String,
    /// The command line after the program's name, so that the run can be repeated.
    pub(crate) command: Vec<String>,
    /// What was loaded.
    pub(crate) url: String,
    /// Version and commit of this load generator.
    pub(crate) version: String,
    /// When it began, in seconds since 1970.
    pub(crate) started_unix_s: u64,
    /// How long the measured part took, in seconds.
    pub(crate) measured_s: f64,
    pub(crate) machine: Machine,
    /// In the order in which they are shown.
    pub(crate) figures: Vec<Figure>,
    /// In the order in which they are shown.
    pub(crate) latencies: Vec<Latency>,
    /// Oldest first.
    pub(crate) timeline: Vec<Moment>,
    /// Where `--pid` named the server.
    pub(crate) server: Option<ServerCost>,
    pub(crate) generator: GeneratorCost,
    /// What the scenario promised and did not find: any makes the run fail.
    pub(crate) failures: Vec<String>,
    /// What makes figures doubtful, above all that this generator was the limit.
    pub(crate) warnings: Vec<String>,
}

/// What it ran on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Machine {
    pub(crate) cpu_model: String,
    pub(crate) cpus: usize,
    pub(crate) memory_bytes: u64,
    pub(crate) kernel: String,
}

/// One number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Figure {
    /// With its unit, in Prometheus' manner: `updates_per_second`, `opened_per_second`.
    pub(crate) name: String,
    pub(crate) value: f64,
    pub(crate) better: Better,
}

/// Which way is up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Better {
    Higher,
    Lower,
    /// Says what was done, not how well.
    Neither,
}

/// How long one kind of thing took, from the moment it was meant to begin.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Latency {
    /// Of what: `acknowledgement`, `delivery`, `echo`, `sync`, `open`.
    pub(crate) name: String,
    pub(crate) count: u64,
    pub(crate) mean_us: f64,
    pub(crate) max_us: u64,
    /// Microseconds by percentile, named "50", "90", "95", "99", "99.9", "99.99".
    pub(crate) percentiles_us: BTreeMap<String, u64>,
    /// Percentile (0 to 100) and microseconds, dense enough to draw, ascending.
    pub(crate) curve: Vec<(f64, u64)>,
}

/// What happened in one interval of the run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Moment {
    /// End of the interval, in seconds since the measured part began. Negative while connections are still being opened.
    pub(crate) at_s: f64,
    /// By name: `updates_per_second`, `deliveries_per_second`, `connections`, `delivery_p99_us`, ...
    pub(crate) values: BTreeMap<String, f64>,
}

/// What the server spent over the measured part, from `/proc`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ServerCost {
    pub(crate) pid: u32,
    /// User and system time of all threads, in seconds.
    pub(crate) user_s: f64,
    pub(crate) system_s: f64,
    /// 100 is one core, all of the time.
    pub(crate) cpu_percent: f64,
    /// Resident memory of the process: before the first connection, at the end, and the most there was.
    pub(crate) resident_before_bytes: u64,
    pub(crate) resident_bytes: u64,
    pub(crate) resident_max_bytes: u64,
    /// CPU microseconds for each of what the scenario counts: `update`, `delivery`, `echo`, `message`.
    pub(crate) cpu_us_per: BTreeMap<String, f64>,
    /// `(resident_bytes - resident_before_bytes) / connections`, where there are connections.
    pub(crate) user_bytes_per_connection: Option<f64>,
}

/// What this generator spent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct GeneratorCost {
    /// Share of the measured time for which each thread was not waiting, 0 to 1.
    pub(crate) busy: Vec<f64>,
    pub(crate) user_s: f64,
    pub(crate) system_s: f64,
    /// How late messages were sent, against the moment at which they were meant to be; the 99th percentile, in microseconds.
    pub(crate) send_lag_p99_us: u64,
    /// It, not the server, was probably the limit.
    pub(crate) was_the_limit: bool,
}
