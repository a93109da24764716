use proptest::prelude::*;

use super::*;

const KIND: Kind = Kind::AcknowledgeLatency;

fn reading(value: Option<f64>) -> Reading {
    Reading { kind: KIND, value, warning: Some(250.0), critical: Some(500.0) }
}

/// Judges one value a second. Gives what changed, with the second.
fn run(alerts: &mut Alerts, from: u64, values: impl IntoIterator<Item = Option<f64>>) -> Vec<(u64, Option<Severity>)> {
    let mut changes = Vec::new();
    for (second, value) in (from..).zip(values) {
        for transition in alerts.judge(second * 1_000, &[reading(value)]) {
            assert_eq!(transition.alert.kind, KIND);
            changes.push((second, (!transition.resolved).then_some(transition.alert.severity)));
        }
    }
    changes
}

#[test]
fn an_alert_is_raised_after_a_while_becomes_worse_and_is_resolved() {
    let mut alerts = Alerts::default();
    let values = [100.0; 20].into_iter().chain([300.0; 30]).chain([600.0; 30]).chain([300.0; 30]).chain([100.0; 30]);
    let changes = run(&mut alerts, 0, values.map(Some));
    let warning = Some(Severity::Warning);
    assert_eq!(changes, [(30, warning), (60, Some(Severity::Critical)), (95, warning), (125, None)]);
    assert!(alerts.raised().is_empty());
}

#[test]
fn what_is_raised_says_since_when_and_its_latest_figure() {
    let mut alerts = Alerts::default();
    run(&mut alerts, 0, [Some(300.0); 11].into_iter().chain([Some(610.0); 20]));
    let expected = Alert { kind: KIND, severity: Severity::Critical, since_ms: 10_000, value: 610.0, threshold: 500.0 };
    assert_eq!(alerts.raised(), [expected]);
    run(&mut alerts, 31, [None]);
    assert_eq!(alerts.raised(), [expected], "a moment without a figure neither resolves it nor changes what it says");
    assert_eq!(run(&mut alerts, 32, [None; 20]), [(46, None)]);
}

#[test]
fn a_peak_alarms_nobody() {
    let mut alerts = Alerts::default();
    let values = (0..600).map(|second| Some(if second % 10 < 9 { 900.0 } else { 10.0 }));
    assert_eq!(run(&mut alerts, 0, values), [], "never for ten seconds without a break");
}

#[test]
fn figures_that_are_bad_when_small_pass_their_bound_downwards() {
    let mut alerts = Alerts::default();
    let low =
        |value| Reading { kind: Kind::MemoryGrowth, value: Some(value), warning: Some(60.0), critical: Some(15.0) };
    let mut raised = |from: u64, value| {
        (from..from + 90).flat_map(|second| alerts.judge(second * 1_000, &[low(value)])).collect::<Vec<_>>()
    };
    assert_eq!(raised(0, 300.0), []);
    let found: Vec<_> = raised(100, 40.0).iter().map(|it| (it.alert.severity, it.resolved)).collect();
    assert_eq!(found, [(Severity::Warning, false)]);
    let found: Vec<_> = raised(200, 10.0).iter().map(|it| (it.alert.severity, it.before)).collect();
    assert_eq!(found, [(Severity::Critical, Some(Severity::Warning))]);
    assert!(raised(300, 61.0).iter().all(|it| !it.resolved), "61 minutes nearly are 60");
    assert!(raised(400, 300.0).iter().any(|it| it.resolved));
}

#[test]
fn facts_are_told_at_once_and_the_worst_first() {
    let mut alerts = Alerts::default();
    let stuck = Reading { kind: Kind::CoresNotTurning, value: Some(1.0), warning: None, critical: Some(1.0) };
    let memory = Reading { kind: Kind::MemoryUse, value: Some(85.0), warning: Some(80.0), critical: Some(90.0) };
    for second in 0..10 {
        alerts.judge(second * 1_000, &[memory]);
    }
    assert_eq!(alerts.judge(10_000, &[memory, stuck]).len(), 1);
    let kinds: Vec<_> = alerts.raised().iter().map(|alert| alert.kind).collect();
    assert_eq!(kinds, [Kind::CoresNotTurning, Kind::MemoryUse]);
}

#[test]
fn every_kind_has_a_name_of_its_own_and_says_what_to_do() {
    let mut names: Vec<_> = Kind::all().map(Kind::name).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
    assert!(Kind::all().all(|kind| kind.recommendation().len() > 80 && kind.recommendation().ends_with('.')));
}

proptest! {
    #[test]
    fn noise_below_the_bound_never_raises_and_what_stays_above_always_does(
        noise in prop::collection::vec(0.0..249.0_f64, 0..200),
        above in 250.0..10_000.0_f64,
        unsteady in prop::collection::vec(0.0..0.2_f64, 40),
    ) {
        let mut alerts = Alerts::default();
        let count = noise.len() as u64;
        prop_assert_eq!(run(&mut alerts, 0, noise.into_iter().map(Some)), []);
        let values = unsteady.into_iter().map(|part| Some(above * (1.0 + part)));
        let changes = run(&mut alerts, count, values);
        prop_assert!(!changes.is_empty() && changes.iter().all(|(_, severity)| severity.is_some()), "{:?}", changes);
        prop_assert!(changes.len() <= 3, "{:?}", changes);
        let resolved = run(&mut alerts, count + 40, [Some(0.0); 20]);
        prop_assert_eq!(resolved, [(count + 55, None)]);
    }

    #[test]
    fn changes_of_one_alert_fit_together(values in prop::collection::vec(prop::option::of(0.0..800.0_f64), 0..400)) {
        let mut alerts = Alerts::default();
        let mut before = None;
        for (second, value) in (0..).zip(values) {
            for transition in alerts.judge(second * 1_000, &[reading(value)]) {
                prop_assert_eq!(transition.before, before);
                before = (!transition.resolved).then_some(transition.alert.severity);
                prop_assert_ne!(transition.before, before);
            }
            prop_assert_eq!(alerts.raised().first().map(|alert| alert.severity), before);
        }
    }
}
