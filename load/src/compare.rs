//! Two runs, or two lists of them, side by side: which numbers got worse, and whether the runs can be compared at all. Does not know of older
//! runs, nor why a number got worse.

pub(crate) mod history;
pub(crate) mod suspect;
pub(crate) mod text;

use std::collections::BTreeMap;

use serde::Serialize;

use crate::date::date_text;
use crate::printable::printable;
use crate::reading::{Reading, Subject, Verdict, judge, readings, worse_percent};
use crate::report::Report;
use crate::store::Stored;
use crate::unit::Unit;

/// Flags of this program that change nothing about the load; their values differ between runs that can be compared. `true` for those that take a
/// value. The URL is compared by itself.
const FLAGS_WITHOUT_EFFECT: [(&str, bool); 8] = [
    ("--url", true),
    ("--pid", true),
    ("--json", true),
    ("--plot", true),
    ("--store", true),
    ("--out", true),
    ("--history", true),
    ("--no-progress", false),
];

/// Longer texts of files are cut.
const TEXT_COLUMNS: usize = 160;

/// Runs of which one took this many times as long as the other are not alike.
const DURATION_FACTOR: f64 = 2.0;

/// What was found.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Comparison {
    pub(crate) before: Side,
    pub(crate) after: Side,
    /// In the order of the earlier file.
    pub(crate) scenarios: Vec<Scenario>,
    /// Scenarios that only one of them ran.
    pub(crate) only_before: Vec<String>,
    pub(crate) only_after: Vec<String>,
}

/// One of the two files.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Side {
    pub(crate) file: String,
    pub(crate) started: String,
    pub(crate) version: String,
}

/// A scenario that both ran.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Scenario {
    pub(crate) name: String,
    pub(crate) changes: Vec<Change>,
    /// Numbers that only one of them has.
    pub(crate) only_before: Vec<String>,
    pub(crate) only_after: Vec<String>,
    /// Why these runs are perhaps not alike.
    pub(crate) doubts: Vec<String>,
    /// What the later run promised and did not find. As critical as the worst number.
    pub(crate) failures: Vec<String>,
}

/// What became of one number.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Change {
    pub(crate) name: String,
    #[serde(skip)]
    pub(crate) subject: Subject,
    #[serde(skip)]
    pub(crate) unit: Unit,
    pub(crate) before: f64,
    pub(crate) after: f64,
    /// Less than 0 where it got better. Infinite, in JSON null, where it was 0 before.
    pub(crate) worse_percent: f64,
    pub(crate) verdict: Verdict,
}

impl Comparison {
    pub(crate) fn new(before: &Stored, after: &Stored) -> Self {
        let (earlier, later) = (by_scenario(&before.reports), by_scenario(&after.reports));
        let scenarios = earlier
            .iter()
            .filter_map(|(name, report)| Some(Scenario::new(name, report, find(&later, name)?)))
            .collect();
        let missing = |of: &[(String, &Report)], from: &[(String, &Report)]| {
            of.iter().map(|(name, _)| name.clone()).filter(|name| find(from, name).is_none()).collect()
        };
        Self {
            before: Side::new(before),
            after: Side::new(after),
            scenarios,
            only_before: missing(&earlier, &later),
            only_after: missing(&later, &earlier),
        }
    }

    pub(crate) fn is_critical(&self) -> bool {
        self.scenarios.iter().any(|scenario| !scenario.failures.is_empty())
            || self.changes().any(|(_, change)| change.verdict == Verdict::Critical)
    }

    /// Whether there is a single number in both.
    pub(crate) fn is_empty(&self) -> bool {
        self.changes().next().is_none()
    }

    fn changes(&self) -> impl Iterator<Item = (&Scenario, &Change)> {
        self.scenarios.iter().flat_map(|scenario| scenario.changes.iter().map(move |change| (scenario, change)))
    }
}

impl Side {
    fn new(stored: &Stored) -> Self {
        let version = stored.reports.first().map_or("", |report| report.version.as_str());
        Self {
            file: printable(&stored.path.to_string_lossy(), TEXT_COLUMNS),
            started: date_text(stored.started_unix_s()),
            version: printable(version, TEXT_COLUMNS),
        }
    }
}

/// The scenarios of a file, each with a name of its own: the second run of `edit` is `edit #2`.
pub(crate) fn by_scenario(reports: &[Report]) -> Vec<(String, &Report)> {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    let named = reports.iter().map(|report| {
        let number = seen.entry(&report.scenario).and_modify(|number| *number += 1).or_insert(1);
        let name = printable(&report.scenario, TEXT_COLUMNS);
        (if *number == 1 { name } else { format!("{name} #{number}") }, report)
    });
    named.collect()
}

fn find<'r>(reports: &[(String, &'r Report)], name: &str) -> Option<&'r Report> {
    reports.iter().find(|(of, _)| of == name).map(|(_, report)| *report)
}

impl Scenario {
    fn new(name: &str, before: &Report, after: &Report) -> Self {
        let (earlier, later) = (indexed(before), indexed(after));
        let changes = readings(before)
            .iter()
            .filter_map(|reading| Some(Change::new(reading, later.get(&reading.subject.to_string())?)))
            .collect();
        let missing = |of: &Report, from: &BTreeMap<String, Reading>| {
            let names = readings(of).into_iter().map(|reading| reading.subject.to_string());
            names.filter(|name| !from.contains_key(name)).map(|name| printable(&name, TEXT_COLUMNS)).collect()
        };
        Self {
            name: name.into(),
            changes,
            only_before: missing(before, &later),
            only_after: missing(after, &earlier),
            doubts: doubts(before, after),
            failures: after.failures.iter().map(|failure| printable(failure, TEXT_COLUMNS)).collect(),
        }
    }
}

/// By name; of a name that a file has twice, the first.
pub(crate) fn indexed(report: &Report) -> BTreeMap<String, Reading> {
    readings(report).into_iter().rev().map(|reading| (reading.subject.to_string(), reading)).collect()
}

impl Change {
    fn new(before: &Reading, after: &Reading) -> Self {
        Self {
            name: printable(&after.subject.to_string(), TEXT_COLUMNS),
            subject: after.subject.clone(),
            unit: after.unit,
            before: before.value,
            after: after.value,
            worse_percent: worse_percent(before.value, after.value, after.better),
            verdict: judge(before, after),
        }
    }
}

/// Whether two runs put the same load on the same machine.
pub(crate) fn are_alike(one: &Report, other: &Report) -> bool {
    one.machine == other.machine && load(&one.command) == load(&other.command)
}

fn doubts(before: &Report, after: &Report) -> Vec<String> {
    let mut doubts = Vec::new();
    let mut differ = |what: &str, one: String, other: String| {
        if one != other {
            doubts.push(printable(&format!("different {what}: {one}, then {other}"), 2 * TEXT_COLUMNS));
        }
    };
    differ("machines", before.machine.to_string(), after.machine.to_string());
    differ("commands", load(&before.command).join(" "), load(&after.command).join(" "));
    differ("servers", host(&before.url).into(), host(&after.url).into());
    let (short, long) = (before.measured_s.min(after.measured_s), before.measured_s.max(after.measured_s));
    if long > short * DURATION_FACTOR {
        let seconds = Unit::Time { micros: 1_000_000 };
        let (one, other) = (seconds.text(before.measured_s), seconds.text(after.measured_s));
        doubts.push(format!("measured for different times: {one}, then {other}"));
    }
    for (which, report) in [("earlier", before), ("later", after)] {
        if report.generator.was_the_limit {
            doubts.push(format!("in the {which} run the load generator was probably the limit, not the server"));
        }
        for warning in report.warnings.iter().take(WARNINGS_MAX) {
            doubts.push(format!("the {which} run warned: {}", printable(warning, TEXT_COLUMNS)));
        }
    }
    if !before.failures.is_empty() {
        doubts.push("the earlier run failed".into());
    }
    doubts
}

/// Of a run's own warnings, how many are repeated.
const WARNINGS_MAX: usize = 8;

/// The command line without what changes nothing about the load.
fn load(command: &[String]) -> Vec<&str> {
    let mut kept = Vec::new();
    let mut words = command.iter().map(String::as_str).peekable();
    while let Some(word) = words.next() {
        let (flag, has_value) = word.split_once('=').map_or((word, false), |(flag, _)| (flag, true));
        match FLAGS_WITHOUT_EFFECT.iter().find(|(name, _)| *name == flag) {
            Some((_, takes_value)) => {
                if *takes_value && !has_value {
                    words.next_if(|value| !value.starts_with("--"));
                }
            }
            None => kept.push(word),
        }
    }
    kept
}

/// Without the port, which is another one for each run of a server that takes any.
fn host(url: &str) -> &str {
    let host = url.split_once("://").map_or(url, |(_, rest)| rest);
    let host = host.split('/').next().unwrap_or(host);
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        Some(_) | None => host,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::sample;

    pub(crate) fn stored(file: &str, reports: Vec<Report>) -> Stored {
        Stored { path: file.into(), reports }
    }

    pub(crate) fn compared(before: Report, after: Report) -> Comparison {
        Comparison::new(&stored("a.json", vec![before]), &stored("b.json", vec![after]))
    }

    fn verdict(comparison: &Comparison, name: &str) -> Verdict {
        let change = comparison.changes().find(|(_, change)| change.name == name);
        change.unwrap_or_else(|| panic!("no {name} in {comparison:?}")).1.verdict
    }

    #[test]
    fn a_run_compared_with_itself_is_steady() {
        let comparison = compared(sample::edit(), sample::edit());
        assert_eq!(comparison.changes().count(), 21);
        for (_, change) in comparison.changes() {
            assert!(matches!(change.verdict, Verdict::Steady | Verdict::Neither), "{change:?}");
        }
        assert!(!comparison.is_critical() && comparison.scenarios[0].doubts.is_empty());
    }

    #[test]
    fn what_got_worse_is_flagged_and_nothing_else() {
        let after = sample::slower(sample::edit(), "acknowledgement", 1.2);
        let after = sample::with_figure(after, "updates_per_second", 6_900.0);
        let comparison = compared(sample::edit(), after);
        assert_eq!(verdict(&comparison, "acknowledgement p99"), Verdict::Warning);
        assert_eq!(verdict(&comparison, "updates_per_second"), Verdict::Critical);
        assert_eq!(verdict(&comparison, "delivery p99"), Verdict::Steady);
        assert!(comparison.is_critical());
        let only_warnings = compared(sample::edit(), sample::slower(sample::edit(), "delivery", 1.29));
        assert!(!only_warnings.is_critical());
    }

    #[test]
    fn a_run_that_failed_is_critical() {
        let after = Report { failures: vec!["a text differs".into()], ..sample::edit() };
        assert!(compared(sample::edit(), after.clone()).is_critical());
        let mended = compared(after, sample::edit());
        assert!(!mended.is_critical());
        assert_eq!(mended.scenarios[0].doubts, ["the earlier run failed"]);
    }

    #[test]
    fn what_is_only_in_one_of_them_is_said() {
        let mut after = sample::edit();
        after.latencies.remove(1);
        after.figures[0].name = "messages_per_second".into();
        let comparison = compared(sample::edit(), after);
        let scenario = &comparison.scenarios[0];
        assert_eq!(scenario.only_after, ["messages_per_second"]);
        assert_eq!(scenario.only_before.len(), 7, "{:?}", scenario.only_before);
        let renamed = Report { scenario: "echo".into(), ..sample::edit() };
        let comparison = compared(sample::edit(), renamed);
        assert_eq!(
            (comparison.only_before.as_slice(), comparison.only_after.as_slice()),
            (&["edit".into()][..], &["echo".into()][..])
        );
        assert!(comparison.is_empty());
    }

    #[test]
    fn runs_of_the_same_scenario_are_matched_in_their_order() {
        let fast = sample::edit();
        let slow = sample::slower(sample::edit(), "delivery", 10.0);
        let before = stored("a", vec![fast.clone(), slow.clone()]);
        let comparison = Comparison::new(&before, &stored("b", vec![fast.clone(), slow]));
        assert!(!comparison.is_critical());
        assert_eq!(comparison.scenarios[1].name, "edit #2");
        let comparison = Comparison::new(&before, &stored("b", vec![fast]));
        assert_eq!(comparison.only_before, ["edit #2"]);
    }

    #[test]
    fn apples_and_pears_are_told_apart() {
        let mut after = sample::edit();
        after.command =
            ["edit", "--url=ws://10.0.0.1:1", "--no-progress", "--rate", "99", "--json", "--writers", "200"]
                .map(String::from)
                .to_vec();
        after.url = "ws://10.0.0.1:1/room".into();
        after.machine.cpus = 8;
        after.measured_s = 10.0;
        after.generator.was_the_limit = true;
        let doubts = &compared(sample::edit(), after).scenarios[0].doubts;
        let expected = [
            "different machines: Intel(R) Xeon(R) Processor, 4 CPUs, 23.6 GiB, kernel 6.18.44, then Intel(R) Xeon(R) \
             Processor, 8 CPUs, 23.6 GiB, kernel 6.18.44",
            "different commands: edit --writers 200 --rate 50, then edit --rate 99 --writers 200",
            "different servers: 127.0.0.1, then 10.0.0.1",
            "measured for different times: 60.0 s, then 10.0 s",
            "in the later run the load generator was probably the limit, not the server",
        ];
        assert_eq!(*doubts, expected);
    }

    #[test]
    fn another_port_or_process_makes_no_difference() {
        let mut after = sample::edit();
        after.url = "ws://127.0.0.1:9".into();
        after.command =
            ["edit", "--writers", "200", "--rate", "50", "--pid=7", "--url", "ws://127.0.0.1:9", "--plot", "x"]
                .map(String::from)
                .to_vec();
        assert!(are_alike(&sample::edit(), &after));
        assert!(compared(sample::edit(), after).scenarios[0].doubts.is_empty());
        assert_eq!(host("ws://[::1]:80/x"), "[::1]");
        assert_eq!(host("example.com"), "example.com");
    }
}
