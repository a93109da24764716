//! One number of a run that can be compared with that of another run, with how exact it is. Does not know of more than two runs.

use std::fmt;

use serde::Serialize;

use crate::report::{Better, Latency, Report, ServerCost};
use crate::unit::{MICROSECONDS, Unit};

/// From here on worse is worth a warning, or critical; and better is worth saying. In percent.
pub(crate) const WARNING_PERCENT: f64 = 15.0;
pub(crate) const CRITICAL_PERCENT: f64 = 30.0;

/// What is exactly at a limit counts, whatever binary fractions make of it.
const ROUNDING_PERCENT: f64 = 1e-9;

/// A percentile with fewer samples beyond it is made by chance.
const TAIL_SAMPLES_MIN: f64 = 10.0;

/// Differences below these are made by whatever else a machine does. A time:
const TIME_US_MIN: f64 = 50.0;
/// Of one core:
const CPU_PERCENT_MIN: f64 = 1.0;
/// Of memory as a whole, and so of the memory that a figure for each connection was divided from:
const MEMORY_BYTES_MIN: f64 = 1_048_576.0;
/// CPU time is counted in ticks of 10 ms: of less than this in all, nothing can be said.
const CPU_S_MIN: f64 = 0.5;

/// Of a run, how many numbers are compared; a run of ours has some forty. What a file has beyond is not looked at.
const READINGS_MAX: usize = 256;

/// What the number is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    /// By its name in the report.
    Figure(String),
    /// A percentile of a kind.
    Latency {
        kind: String,
        percentile: String,
    },
    /// CPU time for each of something.
    CpuPer(String),
    /// CPU time as a whole, where nothing says what it was spent on.
    Cpu,
    ResidentMax,
    ResidentPerConnection,
}

impl fmt::Display for Subject {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Figure(name) => formatter.write_str(name),
            Self::Latency { kind, percentile } => write!(formatter, "{kind} p{percentile}"),
            Self::CpuPer(what) => write!(formatter, "server CPU per {what}"),
            Self::Cpu => formatter.write_str("server CPU"),
            Self::ResidentMax => formatter.write_str("server memory, at most"),
            Self::ResidentPerConnection => formatter.write_str("server memory per connection"),
        }
    }
}

/// A number and what it takes to compare it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Reading {
    pub(crate) subject: Subject,
    pub(crate) unit: Unit,
    pub(crate) value: f64,
    pub(crate) better: Better,
    precision: Precision,
}

/// What the smallest difference is that says something.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Precision {
    /// This much of the reading's own unit.
    Value { least: f64 },
    /// Of a percentile: how many samples lie beyond it.
    Tail { samples: f64 },
    /// CPU time in all, and as a share of one core.
    Cpu { spent_s: f64, percent: f64 },
    /// Memory in all, of which the value is a part.
    Memory { bytes: f64 },
}

/// What became of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    Critical,
    Warning,
    /// It changed more than the warning limit allows, but that may be chance.
    Noise(Noise),
    Better,
    Steady,
    /// It has no good direction.
    Neither,
}

/// Why a difference may be chance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Noise {
    TooFewSamples,
    TooSmall,
}

impl fmt::Display for Noise {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::TooFewSamples => "too few samples",
            Self::TooSmall => "too small a difference",
        })
    }
}

/// By how much it got worse, in percent of what it was; less than 0 where it got better. Infinite where it was 0.
pub(crate) fn worse_percent(before: f64, after: f64, better: Better) -> f64 {
    let more = match better {
        Better::Higher => before - after,
        Better::Lower => after - before,
        Better::Neither => return 0.0,
    };
    if more == 0.0 { 0.0 } else { more / before.abs() * 100.0 }
}

/// What became of a number between two runs.
pub(crate) fn judge(before: &Reading, after: &Reading) -> Verdict {
    let worse = worse_percent(before.value, after.value, after.better) + ROUNDING_PERCENT;
    match (after.better, noise(before, after)) {
        (Better::Neither, _) => Verdict::Neither,
        (Better::Higher | Better::Lower, _) if worse.abs() < WARNING_PERCENT => Verdict::Steady,
        (Better::Higher | Better::Lower, Some(noise)) => Verdict::Noise(noise),
        (Better::Higher | Better::Lower, None) if worse < 0.0 => Verdict::Better,
        (Better::Higher | Better::Lower, None) if worse < CRITICAL_PERCENT => Verdict::Warning,
        (Better::Higher | Better::Lower, None) => Verdict::Critical,
    }
}

fn noise(before: &Reading, after: &Reading) -> Option<Noise> {
    let difference = (after.value - before.value).abs();
    let too_small = |small: bool| small.then_some(Noise::TooSmall);
    match (before.precision, after.precision) {
        (Precision::Tail { samples: one }, Precision::Tail { samples: other }) => {
            if one.min(other) < TAIL_SAMPLES_MIN {
                Some(Noise::TooFewSamples)
            } else {
                too_small(difference < TIME_US_MIN)
            }
        }
        (Precision::Cpu { spent_s: one, .. }, Precision::Cpu { spent_s: other, percent }) => {
            // What the difference comes to, of one core, at the load of the later run.
            let of_core = if after.value > 0.0 { percent * difference / after.value } else { f64::INFINITY };
            too_small(one.min(other) < CPU_S_MIN || of_core < CPU_PERCENT_MIN)
        }
        // Each is a part of its own whole: the whole of the larger decides.
        (Precision::Memory { bytes: one }, Precision::Memory { bytes: other }) => {
            let larger = if after.value >= before.value { (after.value, other) } else { (before.value, one) };
            too_small(larger.0 > 0.0 && larger.1.abs() * difference / larger.0 < MEMORY_BYTES_MIN)
        }
        (Precision::Value { least }, Precision::Value { .. }) => too_small(difference < least),
        // A figure of one name is measured one way.
        (
            Precision::Value { .. } | Precision::Tail { .. } | Precision::Cpu { .. } | Precision::Memory { .. },
            Precision::Value { .. } | Precision::Tail { .. } | Precision::Cpu { .. } | Precision::Memory { .. },
        ) => None,
    }
}

/// All that can be compared of a run, in the order of the report. The slowest of all (`max_us`) is not among it: it is one sample.
pub(crate) fn readings(report: &Report) -> Vec<Reading> {
    let figures = report.figures.iter().map(|figure| {
        let unit = Unit::of(&figure.name);
        let precision = Precision::Value { least: least(unit, &figure.name) };
        Reading {
            subject: Subject::Figure(figure.name.clone()),
            unit,
            value: figure.value,
            better: figure.better,
            precision,
        }
    });
    let mut all: Vec<Reading> = figures.chain(report.latencies.iter().flat_map(percentiles)).collect();
    if let Some(cost) = &report.server {
        all.extend(server(cost));
    }
    all.truncate(READINGS_MAX);
    all
}

fn least(unit: Unit, name: &str) -> f64 {
    match unit {
        Unit::Time { micros } => TIME_US_MIN / f64::from(micros),
        // For each of something, a byte matters.
        Unit::Bytes if name.contains("_per_") => 0.0,
        Unit::Bytes => MEMORY_BYTES_MIN,
        Unit::Percent => CPU_PERCENT_MIN,
        Unit::PerSecond | Unit::Ratio | Unit::Count => 0.0,
    }
}

fn percentiles(latency: &Latency) -> Vec<Reading> {
    let reading = |(name, us): (&String, &u64)| {
        let beyond = 1.0 - name.parse::<f64>().ok().filter(|percentile| (0.0..100.0).contains(percentile))? / 100.0;
        Some(Reading {
            subject: Subject::Latency { kind: latency.name.clone(), percentile: name.clone() },
            unit: MICROSECONDS,
            value: *us as f64,
            better: Better::Lower,
            precision: Precision::Tail { samples: latency.count as f64 * beyond },
        })
    };
    if latency.count == 0 { Vec::new() } else { latency.percentiles_us.iter().filter_map(reading).collect() }
}

fn server(cost: &ServerCost) -> Vec<Reading> {
    let lower = |subject, unit, value, precision| Reading { subject, unit, value, better: Better::Lower, precision };
    let cpu = Precision::Cpu { spent_s: cost.user_s + cost.system_s, percent: cost.cpu_percent };
    let mut all: Vec<Reading> = cost
        .cpu_us_per
        .iter()
        .map(|(what, micros)| lower(Subject::CpuPer(what.clone()), MICROSECONDS, *micros, cpu))
        .collect();
    if all.is_empty() {
        // Otherwise a server that does more in the same time would be blamed for it.
        all.push(lower(Subject::Cpu, Unit::Percent, cost.cpu_percent, cpu));
    }
    let max = cost.resident_max_bytes as f64;
    all.push(lower(Subject::ResidentMax, Unit::Bytes, max, Precision::Memory { bytes: max }));
    if let Some(each) = cost.user_bytes_per_connection {
        let grown = Precision::Memory { bytes: cost.resident_bytes as f64 - cost.resident_before_bytes as f64 };
        all.push(lower(Subject::ResidentPerConnection, Unit::Bytes, each, grown));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    fn reading(value: f64, better: Better, precision: Precision) -> Reading {
        Reading { subject: Subject::Cpu, unit: Unit::Count, value, better, precision }
    }

    fn check(better: Better, precision: Precision, before: f64, after: f64, expected: Verdict) {
        let verdict = judge(&reading(before, better, precision), &reading(after, better, precision));
        assert_eq!(verdict, expected, "{better:?} {precision:?}: {before} -> {after}");
    }

    #[test]
    fn fifteen_percent_is_a_warning_and_thirty_critical() {
        let exact = Precision::Value { least: 0.0 };
        for (before, after, expected) in [
            (1_000.0, 1_149.0, Verdict::Steady),
            (1_000.0, 1_150.0, Verdict::Warning),
            (1_000.0, 1_299.0, Verdict::Warning),
            (1_000.0, 1_300.0, Verdict::Critical),
            (1_000.0, 851.0, Verdict::Steady),
            (1_000.0, 840.0, Verdict::Better),
            (0.0, 0.0, Verdict::Steady),
            (0.0, 3.0, Verdict::Critical),
            (3.0, 0.0, Verdict::Better),
        ] {
            check(Better::Lower, exact, before, after, expected);
        }
        for (before, after, expected) in [
            (1_000.0, 860.0, Verdict::Steady),
            (1_000.0, 850.0, Verdict::Warning),
            (1_000.0, 700.0, Verdict::Critical),
            (1_000.0, 0.0, Verdict::Critical),
            (1_000.0, 1_200.0, Verdict::Better),
            (0.0, 7.0, Verdict::Better),
        ] {
            check(Better::Higher, exact, before, after, expected);
        }
        check(Better::Neither, exact, 1.0, 100.0, Verdict::Neither);
    }

    #[test]
    fn what_may_be_chance_is_noise() {
        let (few, small) = (Verdict::Noise(Noise::TooFewSamples), Verdict::Noise(Noise::TooSmall));
        for (precision, before, after, expected) in [
            (Precision::Tail { samples: 9.9 }, 1_000.0, 9_000.0, few),
            (Precision::Tail { samples: 10.0 }, 1_000.0, 9_000.0, Verdict::Critical),
            (Precision::Tail { samples: 1e6 }, 20.0, 69.0, small),
            (Precision::Tail { samples: 1e6 }, 20.0, 70.0, Verdict::Critical),
            (Precision::Cpu { spent_s: 0.4, percent: 90.0 }, 10.0, 20.0, small),
            (Precision::Cpu { spent_s: 4.0, percent: 1.9 }, 10.0, 20.0, small),
            (Precision::Cpu { spent_s: 4.0, percent: 90.0 }, 10.0, 20.0, Verdict::Critical),
            (Precision::Memory { bytes: 1_000_000.0 }, 200.0, 400.0, small),
            (Precision::Memory { bytes: 100_000_000.0 }, 200.0, 400.0, Verdict::Critical),
            // Even where it got better by a lot.
            (Precision::Tail { samples: 1.0 }, 9_000.0, 1_000.0, few),
        ] {
            check(Better::Lower, precision, before, after, expected);
        }
    }

    #[test]
    fn a_report_gives_all_that_can_be_compared() {
        let names: Vec<String> = readings(&sample::edit()).iter().map(|reading| reading.subject.to_string()).collect();
        let expected = [
            "updates_per_second",
            "deliveries_per_second",
            "connections",
            "lost_updates",
            "kernel_bytes_per_connection",
            "acknowledgement p50",
            "acknowledgement p90",
            "acknowledgement p95",
            "acknowledgement p99",
            "acknowledgement p99.9",
            "acknowledgement p99.99",
            "delivery p50",
            "delivery p90",
            "delivery p95",
            "delivery p99",
            "delivery p99.9",
            "delivery p99.99",
            "server CPU per delivery",
            "server CPU per update",
            "server memory, at most",
            "server memory per connection",
        ];
        assert_eq!(names, expected);
    }

    #[test]
    fn a_file_with_endless_numbers_is_compared_up_to_a_limit() {
        let mut report = sample::edit();
        report.figures = vec![report.figures[0].clone(); 10_000];
        assert_eq!(readings(&report).len(), READINGS_MAX);
    }

    #[test]
    fn percentiles_that_are_none_are_left_out() {
        let mut latency = sample::latency("echo", 100, 50.0);
        latency.percentiles_us =
            [("100", 1), ("-1", 1), ("NaN", 1), ("fast", 1), ("50", 1)].map(|(name, us)| (name.to_string(), us)).into();
        assert_eq!(percentiles(&latency).len(), 1);
        latency.count = 0;
        assert!(percentiles(&latency).is_empty());
    }
}
