//! A comparison as a person reads it, at most [`COLUMNS`] columns wide. Does not know how it was found.

use super::history::{History, Trend, sparkline};
use super::suspect::Suspect;
use super::{Change, Comparison, Scenario, Side};
use crate::printable::{printable, wrapped};
use crate::reading::{Verdict, WARNING_PERCENT};
use crate::unit::number;

const COLUMNS: usize = 100;

/// Of a number's name in a row, of its values, and of the line of its history.
const NAME_COLUMNS: usize = 32;
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
    if !suspects.is_empty() {
        lines.push(String::new());
        lines.push("what to look at first".into());
        lines.extend(
            suspects.iter().take(LINES_MAX).enumerate().flat_map(|(position, suspect)| ranked(position, suspect)),
        );
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
        lines.push(format!("  {steady} more numbers changed by less than {} %", number(WARNING_PERCENT)));
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
    let name = printable(&change.name, NAME_COLUMNS);
    let line = format!("  {word:<8} {name:<NAME_COLUMNS$}{before:>VALUE_COLUMNS$} ->{after:>VALUE_COLUMNS$}  {remark}");
    Some(printable(line.trim_end(), COLUMNS + REMARK_COLUMNS))
}

/// Remarks of noise are longer than what is left of a line.
const REMARK_COLUMNS: usize = 0;

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
    let slope = trend.worse_percent_per_run.map_or(String::new(), |percent| {
        // So small a slope is none.
        if percent.abs() < 0.05 {
            "level".into()
        } else {
            format!("{:.1} % {} a run", percent.abs(), if percent > 0.0 { "worse" } else { "better" })
        }
    });
    let since = match (&trend.last_worse, trend.drifts) {
        (Some(step), _) => format!("last worse {}", step.started),
        (None, true) => "drifts".into(),
        (None, false) => String::new(),
    };
    let (name, spark) = (printable(&trend.name, NAME_COLUMNS - 1), sparkline(&trend.values, SPARK_COLUMNS));
    let line = format!("    {name:<NAME_COLUMNS$}{spark:<SPARK_COLUMNS$} {slope:<19} {since}");
    printable(line.trim_end(), COLUMNS + 12)
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
