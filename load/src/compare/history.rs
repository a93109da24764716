//! How each number developed over all stored runs: its values, its slope, and when it last got worse. Only runs that are like the newest, on the
//! same machine and with the same command, are among them. Does not know why a number changed.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{are_alike, by_scenario, find, indexed};
use crate::date::date_text;
use crate::printable::printable;
use crate::reading::{Reading, Verdict, WARNING_PERCENT, judge, readings, worse_percent};
use crate::report::{Better, Report};
use crate::store::Stored;

/// One number over time.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Trend {
    pub(crate) scenario: String,
    pub(crate) name: String,
    /// Oldest first; only of the runs that have it.
    pub(crate) values: Vec<f64>,
    /// How much worse it gets with each run, in percent of its median; less than 0 where it gets better. None for fewer than three runs.
    pub(crate) worse_percent_per_run: Option<f64>,
    /// It got worse slowly, in most of the steps, however small each was.
    pub(crate) drifts: bool,
    pub(crate) last_worse: Option<Step>,
}

/// From one run to the next.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Step {
    pub(crate) file: String,
    pub(crate) started: String,
    pub(crate) version: String,
    pub(crate) worse_percent: f64,
}

/// All trends.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct History {
    pub(crate) runs: usize,
    /// Scenarios of runs that are not like the newest.
    pub(crate) left_out: usize,
    pub(crate) trends: Vec<Trend>,
}

/// Fewer make no slope.
const SLOPE_RUNS_MIN: usize = 3;

/// Fewer make no drift.
const DRIFT_RUNS_MIN: usize = 4;

/// Longer texts of files are cut.
const TEXT_COLUMNS: usize = 80;

impl History {
    /// Of files that are sorted by time, oldest first.
    pub(crate) fn new(files: &[Stored]) -> Self {
        let mut history = Self { runs: files.len(), left_out: 0, trends: Vec::new() };
        let Some(newest) = files.last() else { return history };
        let named: Vec<(&Stored, Vec<(String, &Report)>)> =
            files.iter().map(|file| (file, by_scenario(&file.reports))).collect();
        for (scenario, latest) in by_scenario(&newest.reports) {
            let runs: Vec<(&Stored, &Report)> =
                named.iter().filter_map(|(file, reports)| Some((*file, find(reports, &scenario)?))).collect();
            let all = runs.len();
            let alike: Vec<Run<'_>> = runs
                .into_iter()
                .filter(|(_, report)| are_alike(report, latest))
                .map(|(file, report)| Run { file, report, readings: indexed(report) })
                .collect();
            history.left_out += all - alike.len();
            history.trends.extend(trends(&scenario, latest, &alike));
        }
        history
    }
}

struct Run<'r> {
    file: &'r Stored,
    report: &'r Report,
    readings: BTreeMap<String, Reading>,
}

fn trends(scenario: &str, latest: &Report, runs: &[Run<'_>]) -> Vec<Trend> {
    let mut names: Vec<String> = Vec::new();
    for reading in readings(latest) {
        let name = reading.subject.to_string();
        match reading.better {
            Better::Higher | Better::Lower if !names.contains(&name) => names.push(name),
            Better::Higher | Better::Lower | Better::Neither => {}
        }
    }
    names.iter().filter_map(|name| trend(scenario, name, runs)).collect()
}

fn trend(scenario: &str, name: &str, runs: &[Run<'_>]) -> Option<Trend> {
    let points: Vec<(&Run<'_>, &Reading)> =
        runs.iter().filter_map(|run| Some((run, run.readings.get(name)?))).collect();
    let (_, oldest) = points.first()?;
    let (_, newest) = points.last()?;
    let values: Vec<f64> = points.iter().map(|(_, reading)| reading.value).collect();
    let worse_percent_per_run = slope_percent(&values).map(|percent| match newest.better {
        Better::Higher => -percent,
        Better::Lower | Better::Neither => percent,
    });
    let drift = worse_percent_per_run.unwrap_or(0.0) * (values.len() - 1) as f64;
    let mut steps: Vec<f64> = points
        .array_windows()
        .map(|[(_, before), (_, after)]| worse_percent(before.value, after.value, after.better))
        .collect();
    // One large step turns the slope of a few runs, but not the step that is in the middle.
    let is_slow = !steps.is_empty() && median(&mut steps) * steps.len() as f64 >= WARNING_PERCENT;
    let is_worse = |verdict| match verdict {
        Verdict::Critical | Verdict::Warning => true,
        Verdict::Noise(_) | Verdict::Better | Verdict::Steady | Verdict::Neither => false,
    };
    let last_worse = points.array_windows().rev().find(|[(_, before), (_, after)]| is_worse(judge(before, after)));
    Some(Trend {
        scenario: scenario.into(),
        name: printable(name, TEXT_COLUMNS),
        worse_percent_per_run,
        drifts: values.len() >= DRIFT_RUNS_MIN
            && is_slow
            && drift >= WARNING_PERCENT
            && is_worse(judge(oldest, newest)),
        last_worse: last_worse.map(|[(_, before), (run, after)]| Step {
            file: printable(&run.file.path.file_name().unwrap_or_default().to_string_lossy(), TEXT_COLUMNS),
            started: date_text(run.report.started_unix_s),
            version: printable(&run.report.version, TEXT_COLUMNS),
            worse_percent: worse_percent(before.value, after.value, after.better),
        }),
        values,
    })
}

/// The median of the slopes between all pairs (Theil and Sen), which one bad run does not turn, in percent of the median value.
fn slope_percent(values: &[f64]) -> Option<f64> {
    if values.len() < SLOPE_RUNS_MIN {
        return None;
    }
    let mut slopes = Vec::new();
    for (first, one) in values.iter().enumerate() {
        for (distance, other) in values[first + 1..].iter().enumerate() {
            slopes.push((other - one) / (distance + 1) as f64);
        }
    }
    let middle = median(&mut values.to_vec()).abs();
    (middle > 0.0).then(|| median(&mut slopes) / middle * 100.0)
}

/// Of at least one.
fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len().is_multiple_of(2) { f64::midpoint(values[middle - 1], values[middle]) } else { values[middle] }
}

/// A character for each value, from the lowest to the highest; of the newest where there are more than `columns`.
pub(crate) fn sparkline(values: &[f64], columns: usize) -> String {
    /// A difference of less than this share of the values is drawn flat: it says nothing.
    const FLAT: f64 = 0.02;
    const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let values = &values[values.len().saturating_sub(columns)..];
    let (low, high) =
        values.iter().fold((f64::MAX, f64::MIN), |(low, high), value| (low.min(*value), high.max(*value)));
    let block = |value: &f64| {
        if high - low <= FLAT * high.abs().max(low.abs()) {
            return BLOCKS[3];
        }
        let step = (value - low) / (high - low) * (BLOCKS.len() - 1) as f64;
        BLOCKS[(step.round() as usize).min(BLOCKS.len() - 1)]
    };
    values.iter().map(block).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::stored;
    use super::*;
    use crate::sample;

    /// Files, each with a run of which the delivery latencies are those of the sample times this.
    fn files(factors: &[f64]) -> Vec<Stored> {
        let file = |(position, factor): (usize, &f64)| {
            let mut report = sample::slower(sample::edit(), "delivery", *factor);
            report.started_unix_s += position as u64 * 86_400;
            stored(&format!("{position}.json"), vec![report])
        };
        factors.iter().enumerate().map(file).collect()
    }

    fn trend_of(history: &History, name: &str) -> Trend {
        history.trends.iter().find(|trend| trend.name == name).unwrap_or_else(|| panic!("no {name}")).clone()
    }

    #[test]
    fn a_step_is_found_where_it_was_made() {
        let history = History::new(&files(&[1.0, 1.02, 1.6, 1.58, 1.6]));
        let trend = trend_of(&history, "delivery p99");
        let step = trend.last_worse.expect("it got worse");
        assert_eq!((step.file.as_str(), step.started.as_str()), ("2.json", "2026-11-23 04:33:17 UTC"));
        assert!(step.worse_percent > 50.0 && step.worse_percent < 60.0, "{step:?}");
        assert!(!trend.drifts, "one step is no drift");
        assert_eq!(trend_of(&history, "acknowledgement p99").last_worse, None);
        assert!(
            history.trends.iter().all(|trend| trend.name != "connections"),
            "what has no good direction has no trend"
        );
    }

    #[test]
    fn slow_drift_is_found_though_no_step_is_large() {
        let history = History::new(&files(&[1.0, 1.06, 1.12, 1.18, 1.24]));
        let trend = trend_of(&history, "delivery p99");
        assert!(trend.drifts && trend.last_worse.is_none(), "{trend:?}");
        let slope = trend.worse_percent_per_run.expect("there are enough runs");
        assert!((5.0..6.0).contains(&slope), "{slope}");
        assert!(!trend_of(&history, "acknowledgement p99").drifts);
        let better = trend_of(&History::new(&files(&[1.5, 1.4, 1.2, 1.1])), "delivery p99");
        assert!(!better.drifts && better.worse_percent_per_run.expect("there are enough runs") < -5.0);
    }

    #[test]
    fn one_bad_run_makes_no_slope() {
        let trend = trend_of(&History::new(&files(&[1.0, 1.0, 9.0, 1.0, 1.0, 1.0])), "delivery p99");
        assert_eq!((trend.worse_percent_per_run, trend.drifts), (Some(0.0), false));
        assert_eq!(trend.last_worse.map(|step| step.file), Some("2.json".into()));
    }

    #[test]
    fn less_of_what_should_be_more_is_worse() {
        let report = |value| sample::with_figure(sample::edit(), "updates_per_second", value);
        let files: Vec<Stored> =
            [10_000.0, 9_000.0, 8_000.0, 7_000.0].map(|value| stored("x.json", vec![report(value)])).into();
        let trend = trend_of(&History::new(&files), "updates_per_second");
        assert!(trend.drifts && trend.worse_percent_per_run.expect("there are enough runs") > 11.0, "{trend:?}");
    }

    #[test]
    fn runs_of_other_machines_are_left_out() {
        let mut files = files(&[9.0, 1.0, 1.0]);
        files[0].reports[0].machine.cpus = 64;
        let history = History::new(&files);
        assert_eq!((history.runs, history.left_out), (3, 1));
        let trend = trend_of(&history, "delivery p99");
        assert_eq!((trend.values.len(), trend.worse_percent_per_run), (2, None));
        assert_eq!(History::new(&[]).trends, []);
    }

    #[test]
    fn a_sparkline_shows_the_newest() {
        assert_eq!(sparkline(&[1.0, 2.0, 3.0, 8.0], 10), "▁▂▃█");
        assert_eq!(sparkline(&[9.0, 1.0, 8.0], 2), "▁█");
        assert_eq!(sparkline(&[100.0, 101.0, 100.5], 5), "▄▄▄");
        assert_eq!(sparkline(&[0.0, 0.0], 5), "▄▄");
        assert_eq!(sparkline(&[], 5), "");
        assert_eq!(sparkline(&[f64::MIN, f64::MAX], 5).chars().count(), 2);
    }
}
