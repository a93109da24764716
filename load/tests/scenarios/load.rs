//! The load generator as a process, and what it reports.

use std::process::Command;

use serde_json::Value;

/// A run with its report.
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    /// What it said for people.
    pub(crate) said: String,
    report: Value,
}

/// Runs to the end.
pub(crate) fn load(arguments: &[&str]) -> Run {
    let output = Command::new(env!("CARGO_BIN_EXE_selvedge-load"))
        .args(arguments)
        .args(["--no-progress", "--json", "-"])
        .output()
        .expect("it was built");
    let said = String::from_utf8(output.stderr).expect("text");
    let report =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {said}"));
    Run { code: output.status.code(), said, report }
}

/// Runs to the end; gives the exit code and all that was said.
pub(crate) fn plain(arguments: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_selvedge-load")).args(arguments).output().expect("it was built");
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(said).expect("text"))
}

impl Run {
    pub(crate) fn figure(&self, name: &str) -> f64 {
        let figures = self.report["figures"].as_array().expect("a list");
        let figure = figures.iter().find(|figure| figure["name"] == name);
        figure.unwrap_or_else(|| panic!("{name} is reported: {figures:?}"))["value"].as_f64().expect("a number")
    }

    /// How many samples a latency has.
    pub(crate) fn samples(&self, name: &str) -> u64 {
        let latencies = self.report["latencies"].as_array().expect("a list");
        let latency = latencies.iter().find(|latency| latency["name"] == name);
        latency.unwrap_or_else(|| panic!("{name} is reported"))["count"].as_u64().expect("a number")
    }

    pub(crate) fn failures(&self) -> Vec<&str> {
        let failures = self.report["failures"].as_array().expect("a list");
        failures.iter().map(|failure| failure.as_str().expect("text")).collect()
    }

    pub(crate) fn server_memory(&self) -> f64 {
        self.report["server"]["resident_bytes"].as_f64().expect("a number")
    }
}
