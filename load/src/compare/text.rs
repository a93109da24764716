//! A comparison as a person reads it, at most [`COLUMNS`] columns wide. Does not know how it was found.

use super::history::{History, Trend, sparkline};
use super::suspect::Suspect;
use super::{Change, Comparison, Scenario, Side};
use crate::printable::{printable, wrapped};
use crate::reading::{Verdict, WARNING_PERCENT};
use crate::unit::number;

const COLUMNS: usize = 100;

/// Of a number's name in a row, of its values, and of the line of its history.
const NAME_COLUMNS: usize = 30;
const VALUE_COLUMNS: usize = 14;
const SPARK_COLUMNS: usize = 20;

/// More lines of one kind than this are counted only.
const LINES_MAX: usize = 200;

pub(crate) fn render(comparison: &Comparison, suspects: &[Suspect], history: Option<&History>) -> String {
    let mut lines = vec![side("before", &comparison.before), side("after", &comparison.after)];
    for (which, names) in [("before", &comparison.only_before), ("after", &comparison.only_after)] {
        for name in names.iter().take(LINES_MAX) {
            lines.push(printable(&format!("only {which}: scenario {name}"), COLUMNS));
        }
    }
    if comparison.is_empty() {
        lines.push("NOTHING IN COMMON: there is not one number that both files have".into());
    }
    for compared in &comparison.scenarios {
        lines.push(String::new());
        lines.extend(scenario(compared));
    }
    let drifting: Vec<&Trend> =
        history.iter().flat_map(|history| &history.trends).filter(|trend| trend.drifts).collect();
    if !suspects.is_empty() || !drifting.is_empty() {
        lines.push(String::new());
        lines.push("what to look at first".into());
        lines.extend(
            suspects.iter().take(LINES_MAX).enumerate().flat_map(|(position, suspect)| ranked(position, suspect)),
        );
        lines.extend(drifting.iter().take(LINES_MAX).map(|trend| drift(trend)));
    }
    if let Some(history) = history {
        lines.push(String::new());
        lines.extend(trends(history));
    }
    lines.push(String::new());
    lines.push(summary(comparison));
    let mut text = lines.join("\n");
    text.push('\n');
    text
}

fn side(which: &str, side: &Side) -> String {
    let tail = format!(", {}, selvedge-load {}", side.started, side.version);
    printable(&format!("{which:<7} {}{tail}", side.file), COLUMNS)
}

fn scenario(scenario: &Scenario) -> Vec<String> {
    let mut lines = vec![printable(&scenario.name, COLUMNS)];
    for doubt in scenario.doubts.iter().take(LINES_MAX) {
        lines.extend(hanging("  doubt: ", doubt));
    }
    for failure in scenario.failures.iter().take(LINES_MAX) {
        lines.extend(hanging("  CRITICAL the run failed: ", failure));
    }
    let mut steady = 0;
    for change in scenario.changes.iter().take(LINES_MAX) {
        match row(change) {
            Some(row) => lines.push(row),
            None => steady += 1,
        }
    }
    if steady > 0 {
        lines.push(format!("  {steady} numbers changed by less than {} %", number(WARNING_PERCENT)));
    }
    for (which, names) in [("before", &scenario.only_before), ("after", &scenario.only_after)] {
        if !names.is_empty() {
            let named = names.iter().take(LINES_MAX).map(String::as_str).collect::<Vec<_>>().join(", ");
            lines.extend(hanging(&format!("  only {which}: "), &named));
        }
    }
    lines
}

/// None where there is nothing to say.
fn row(change: &Change) -> Option<String> {
    let (word, remark) = match change.verdict {
        Verdict::Critical => ("CRITICAL", worse(change.worse_percent)),
        Verdict::Warning => ("warning", worse(change.worse_percent)),
        Verdict::Noise(noise) => ("noise", noise.to_string()),
        Verdict::Better => ("better", worse(change.worse_percent)),
        Verdict::Steady => return None,
        Verdict::Neither if change.before == change.after => return None,
        Verdict::Neither => ("differs", String::new()),
    };
    let (before, after) = (change.unit.text(change.before), change.unit.text(change.after));
    let name = printable(&change.name, NAME_COLUMNS - 1);
    let line = format!("  {word:<8} {name:<NAME_COLUMNS$}{before:>VALUE_COLUMNS$} ->{after:>VALUE_COLUMNS$}  {remark}");
    Some(printable(line.trim_end(), COLUMNS))
}

fn worse(percent: f64) -> String {
    if percent == f64::INFINITY {
        "worse: there was none".into()
    } else if percent == f64::NEG_INFINITY {
        "better: there was none".into()
    } else if percent < 0.0 {
        format!("{} % better", number(-percent.round()))
    } else {
        format!("{} % worse", number(percent.round()))
    }
}

fn ranked(position: usize, suspect: &Suspect) -> Vec<String> {
    let title = format!("  {}. {}: {}, {}", position + 1, suspect.scenario, suspect.name, worse(suspect.worse_percent));
    let mut lines = vec![printable(&title, COLUMNS)];
    lines.extend(hanging("     ", &suspect.hint));
    lines
}

/// What no comparison of two runs shows.
fn drift(trend: &Trend) -> String {
    let line = format!("  slowly worse: {}: {}, {}", trend.scenario, trend.name, slope(trend));
    printable(&line, COLUMNS)
}

fn slope(trend: &Trend) -> String {
    match trend.worse_percent_per_run {
        None => String::new(),
        // So small a slope is none.
        Some(percent) if percent.abs() < 0.05 => "level".into(),
        Some(percent) if percent > 0.0 => format!("{percent:.1} % worse a run"),
        Some(percent) => format!("{:.1} % better a run", -percent),
    }
}

fn trends(history: &History) -> Vec<String> {
    let mut lines = vec![format!("over {} stored runs, oldest to newest", number(history.runs as f64))];
    if history.left_out > 0 {
        let left_out = number(history.left_out as f64);
        lines.push(format!("  {left_out} left out: another machine or another command than the newest"));
    }
    let mut scenario = "";
    for trend in history.trends.iter().take(LINES_MAX) {
        if trend.scenario != scenario {
            scenario = &trend.scenario;
            lines.push(printable(&format!("  {scenario}"), COLUMNS));
        }
        lines.push(trend_row(trend));
    }
    if history.trends.len() > LINES_MAX {
        lines.push(format!("  and {} more", number((history.trends.len() - LINES_MAX) as f64)));
    }
    lines
}

fn trend_row(trend: &Trend) -> String {
    let since = match (&trend.last_worse, trend.drifts) {
        (Some(step), _) => format!("last worse {}", step.started.split(' ').next().unwrap_or_default()),
        (None, true) => "drifts".into(),
        (None, false) => String::new(),
    };
    let (name, spark) = (printable(&trend.name, NAME_COLUMNS - 1), sparkline(&trend.values, SPARK_COLUMNS));
    let line = format!("    {name:<NAME_COLUMNS$}{spark:<SPARK_COLUMNS$} {:<19} {since}", slope(trend));
    printable(line.trim_end(), COLUMNS)
}

fn summary(comparison: &Comparison) -> String {
    let count = |verdict: Verdict| comparison.changes().filter(|(_, change)| change.verdict == verdict).count();
    let failed: usize = comparison.scenarios.iter().map(|scenario| scenario.failures.len()).sum();
    let doubts = comparison.scenarios.iter().any(|scenario| !scenario.doubts.is_empty());
    let mut text = format!(
        "{} critical, {} worth a warning, {} better",
        count(Verdict::Critical) + failed,
        count(Verdict::Warning),
        count(Verdict::Better)
    );
    if doubts {
        text.push_str("; the runs are not quite alike, see the doubts");
    }
    text
}

/// The first line after `title`, the others below its text.
fn hanging(title: &str, text: &str) -> Vec<String> {
    let indent = title.chars().count();
    let line = |(position, line): (usize, &String)| {
        if position == 0 { format!("{title}{line}") } else { format!("{:indent$}{line}", "") }
    };
    wrapped(text, COLUMNS - indent).iter().take(LINES_MAX).enumerate().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::super::suspect::suspects;
    use super::super::tests::{compared, stored};
    use super::*;
    use crate::report::{Better, Figure, Report};
    use crate::sample;

    #[test]
    fn a_comparison_is_shown_with_its_history_and_what_to_look_at_first() {
        let mut after = sample::slower(sample::edit(), "acknowledgement", 1.4);
        after = sample::with_figure(after, "connections", 1_100.0);
        after.started_unix_s += 86_400;
        after.latencies[1].count = 2_000;
        after.latencies[1].percentiles_us.insert("99.9".into(), 9_000);
        after.machine.cpus = 8;
        after.figures.remove(3);
        let mut before = sample::edit();
        before.figures.truncate(4);
        before.latencies[0].percentiles_us.retain(|name, _| name == "50" || name == "99");
        let comparison = compared(before, after.clone());
        let mut steps: Vec<Report> = vec![sample::edit(); 4];
        steps.push(after.clone());
        steps.iter_mut().for_each(|report| {
            report.machine.cpus = 8;
            report.figures.truncate(1);
            report.latencies.truncate(1);
            report.server = None;
        });
        steps[0].machine.cpus = 64;
        for (number, value) in [10_000.0, 9_400.0, 8_800.0, 8_200.0].into_iter().enumerate() {
            steps[number + 1].figures[0].value = value;
        }
        let files: Vec<_> = steps.into_iter().map(|report| stored("x.json", vec![report])).collect();
        let text = render(&comparison, &suspects(&comparison), Some(&History::new(&files)));
        let expected = "\
before  a.json, 2026-11-21 04:33:17 UTC, selvedge-load 0.1.0 (2b4a7eb5d3aa)
after   b.json, 2026-11-22 04:33:17 UTC, selvedge-load 0.1.0 (2b4a7eb5d3aa)

edit
  doubt: different machines: Intel(R) Xeon(R) Processor, 4 CPUs, 23.6 GiB, kernel 6.18.44, then
         Intel(R) Xeon(R) Processor, 8 CPUs, 23.6 GiB, kernel 6.18.44
  differs  connections                            1,200 ->         1,100
  CRITICAL acknowledgement p50                   792 us ->       1.11 ms  40 % worse
  CRITICAL acknowledgement p99                  5.60 ms ->       7.84 ms  40 % worse
  noise    delivery p99.9                       4.21 ms ->       9.00 ms  too few samples
  11 numbers changed by less than 15 %
  only before: lost_updates
  only after: kernel_bytes_per_connection, acknowledgement p90, acknowledgement p95, acknowledgement
              p99.9, acknowledgement p99.99

what to look at first
  1. edit: acknowledgement p50, 40 % worse
     Others still get the update as fast as before, so it is the commit: time of one sync of this
     disk, updates per commit, who else writes to it.
  slowly worse: edit: updates_per_second, 6.6 % worse a run

over 5 stored runs, oldest to newest
  1 left out: another machine or another command than the newest
  edit
    updates_per_second            █▆▃▁                 6.6 % worse a run   drifts
    acknowledgement p50           ▁▁▁█                 6.7 % worse a run   last worse 2026-11-22
    acknowledgement p90           ▁▁▁█                 6.7 % worse a run   last worse 2026-11-22
    acknowledgement p95           ▁▁▁█                 6.7 % worse a run   last worse 2026-11-22
    acknowledgement p99           ▁▁▁█                 6.7 % worse a run   last worse 2026-11-22
    acknowledgement p99.9         ▁▁▁█                 6.7 % worse a run   last worse 2026-11-22
    acknowledgement p99.99        ▁▁▁█                 6.7 % worse a run   last worse 2026-11-22

2 critical, 0 worth a warning, 0 better; the runs are not quite alike, see the doubts
";
        assert_eq!(text, expected, "\n{text}");
    }

    #[test]
    fn nothing_in_common_is_said() {
        let comparison = compared(sample::edit(), Report { scenario: "echo".into(), ..sample::edit() });
        let text = render(&comparison, &[], None);
        for expected in ["NOTHING IN COMMON", "only before: scenario edit", "only after: scenario echo"] {
            assert!(text.contains(expected), "{expected}: {text}");
        }
    }

    #[test]
    fn no_file_makes_it_wider_or_endless() {
        let long = "x\u{1b}]0;y ".repeat(400);
        let hostile = |value: f64| {
            let mut report = sample::edit();
            report.scenario = long.clone();
            report.version = long.clone();
            report.failures = vec![long.clone(); 1_000];
            report.warnings = vec![long.clone(); 1_000];
            report.command = vec![format!("{long}{value}")];
            report.figures = (0..1_000)
                .map(|number| Figure { name: format!("{number}{long}_bytes"), value, better: Better::Lower })
                .collect();
            report.latencies[0].name = long.clone();
            report
        };
        let comparison = compared(hostile(1.0), hostile(f64::MAX));
        let files = [1.0, f64::MIN, f64::MAX, -1.0, f64::MAX].map(|value| stored(&long, vec![hostile(value)]));
        let text = render(&comparison, &suspects(&comparison), Some(&History::new(&files)));
        assert!(!text.contains('\u{1b}') && text.lines().count() < 40 * LINES_MAX, "{} lines", text.lines().count());
        for line in text.lines() {
            assert!(line.chars().count() <= COLUMNS, "{} columns: {line}", line.chars().count());
        }
    }
}
