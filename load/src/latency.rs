//! Latencies: how long things took, in HDR histograms of microseconds. Does not know from when to when: whoever records counts from the
//! moment at which a thing was meant to begin.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;

use crate::clock::Micros;
use crate::report;

/// Below this all is one microsecond.
const MIN_US: u64 = 1;
/// Longer waits are recorded as this long.
const MAX_US: u64 = 600_000_000;
const SIGNIFICANT_DIGITS: u8 = 3;

const PERCENTILES: [(&str, f64); 6] =
    [("50", 50.0), ("90", 90.0), ("95", 95.0), ("99", 99.0), ("99.9", 99.9), ("99.99", 99.99)];

/// What is timed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Timed {
    /// From the intended connect to the attached session.
    Open,
    /// From an update's intended time to its return to its writer.
    Acknowledgement,
    /// From an update's intended time to each of the others.
    Delivery,
    /// From an awareness state's intended time to each of the others.
    Presence,
    /// From a message's intended time to its echo.
    Echo,
    /// From the beginning to the whole document.
    Sync,
    /// From the cut to the attached session.
    Back,
    /// From a question to its answer, when all is quiet.
    Answer,
    /// From a message's intended time to its being handed to the driver.
    Lag,
}

impl Timed {
    const ALL: [Self; 9] = [
        Self::Open,
        Self::Acknowledgement,
        Self::Delivery,
        Self::Presence,
        Self::Echo,
        Self::Sync,
        Self::Back,
        Self::Answer,
        Self::Lag,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Acknowledgement => "acknowledgement",
            Self::Delivery => "delivery",
            Self::Presence => "presence",
            Self::Echo => "echo",
            Self::Sync => "sync",
            Self::Back => "back",
            Self::Answer => "answer",
            Self::Lag => "send_lag",
        }
    }
}

/// One histogram for each kind that occurred.
#[derive(Clone, Debug, Default)]
pub(crate) struct Latencies([Option<Box<Histogram<u64>>>; Timed::ALL.len()]);

impl Latencies {
    pub(crate) fn record(&mut self, timed: Timed, took: Micros) {
        let histogram = self.0[timed as usize].get_or_insert_with(|| Box::new(empty()));
        histogram.saturating_record(took.max(MIN_US));
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        for (ours, theirs) in self.0.iter_mut().zip(&other.0) {
            if let Some(theirs) = theirs {
                let ours = ours.get_or_insert_with(|| Box::new(empty()));
                ours.add(&**theirs).expect("all histograms have the same bounds");
            }
        }
    }

    /// The value that `percentile` (0 to 100) of them do not exceed.
    pub(crate) fn percentile(&self, timed: Timed, percentile: f64) -> Option<Micros> {
        self.0[timed as usize].as_ref().map(|histogram| histogram.value_at_percentile(percentile))
    }

    pub(crate) fn max(&self, timed: Timed) -> Option<Micros> {
        self.0[timed as usize].as_ref().map(|histogram| histogram.max())
    }

    /// What was recorded, as it is reported.
    pub(crate) fn report(&self, timed: Timed) -> Option<report::Latency> {
        let histogram = self.0[timed as usize].as_ref()?;
        let at = |percentile: f64| histogram.value_at_percentile(percentile).min(histogram.max());
        Some(report::Latency {
            name: timed.name().to_owned(),
            count: histogram.len(),
            mean_us: histogram.mean(),
            max_us: histogram.max(),
            percentiles_us: PERCENTILES
                .iter()
                .map(|&(name, value)| (name.to_owned(), at(value)))
                .collect::<BTreeMap<_, _>>(),
            curve: curve_percentiles().map(|percentile| (percentile, at(percentile))).collect(),
        })
    }
}

/// Every percent first, then closer the nearer to 100, as far as 99.999.
fn curve_percentiles() -> impl Iterator<Item = f64> {
    let ninths = |tail: f64| (0..9).map(move |step| 100.0 - tail * (1.0 - f64::from(step) / 10.0));
    (0..90).map(f64::from).chain([10.0, 1.0, 0.1, 0.01].into_iter().flat_map(ninths)).chain([99.999, 100.0])
}

fn empty() -> Histogram<u64> {
    Histogram::new_with_bounds(MIN_US, MAX_US, SIGNIFICANT_DIGITS).expect("the bounds are legal")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_within_a_thousandth_and_the_curve_ascends() {
        let mut latencies = Latencies::default();
        for took in 1..=100_000 {
            latencies.record(Timed::Delivery, took);
        }
        let report = latencies.report(Timed::Delivery).expect("something was recorded");
        assert_eq!((report.count, report.name.as_str()), (100_000, "delivery"));
        for (name, value) in [("50", 50_000.0), ("99", 99_000.0), ("99.99", 99_990.0)] {
            let found = report.percentiles_us[name] as f64;
            assert!((found / value - 1.0).abs() <= 0.001, "p{name}: {found}");
        }
        assert!(report.curve.windows(2).all(|two| two[0].0 < two[1].0 && two[0].1 <= two[1].1), "{:?}", report.curve);
        assert_eq!(report.curve.last().map(|&(percentile, _)| percentile), Some(100.0));
        assert!(latencies.report(Timed::Echo).is_none());
    }

    #[test]
    fn what_is_out_of_bounds_is_recorded_at_the_bound() {
        let mut latencies = Latencies::default();
        latencies.record(Timed::Open, 0);
        latencies.record(Timed::Open, u64::MAX);
        let mut both = latencies.clone();
        both.merge(&latencies);
        let report = both.report(Timed::Open).expect("something was recorded");
        assert_eq!(report.count, 4);
        assert!(report.max_us >= MAX_US && report.percentiles_us["50"] == 1);
    }
}
