//! An axis of a picture: where a value stands on it, which values are marked and how they are written. Does not know what is drawn along it.

use std::ops::Range;

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};

use crate::unit::Unit;

/// The percentiles that are marked, each a tenth of what is left of the one before.
const PERCENTILES: [f64; 7] = [0.0, 50.0, 90.0, 99.0, 99.9, 99.99, 99.999];

/// About how many values are marked on a linear axis.
const TICKS: f64 = 5.0;

/// On more decades than this, only powers of ten are marked.
const DETAILED_DECADES: f64 = 2.0;

/// No measured value is larger; and up to here differences of two are exact enough to be drawn.
pub(super) const VALUE_MAX: f64 = 1e15;

/// The smallest value of a logarithmic axis.
pub(super) const LOGARITHM_MIN: f64 = 1.0;

/// Built by the kind of scale.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Axis {
    scale: Scale,
    low: f64,
    high: f64,
    ticks: Vec<f64>,
    unit: Option<Unit>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scale {
    Linear,
    Logarithm,
    /// As HDR histograms are drawn: equal steps for 90, 99, 99.9.
    Percentile,
}

impl Scale {
    fn project(self, value: f64) -> f64 {
        match self {
            Self::Linear => value,
            Self::Logarithm => value.max(LOGARITHM_MIN).log10(),
            Self::Percentile => -(1.0 - value.clamp(0.0, 99.999_9) / 100.0).log10(),
        }
    }
}

impl Axis {
    /// Up to 99.99, or to 99.999 where there is something to see.
    pub(super) fn percentile(highest: f64) -> Self {
        let high = if highest > 99.99 { 99.999 } else { 99.99 };
        let ticks = PERCENTILES.into_iter().filter(|tick| *tick <= high).collect();
        Self { scale: Scale::Percentile, low: 0.0, high, ticks, unit: None }
    }

    /// From `low` to `high`, neither less than [`LOGARITHM_MIN`]; ends between marks.
    pub(super) fn logarithm(low: f64, high: f64, unit: Unit) -> Self {
        let low = low.clamp(LOGARITHM_MIN, VALUE_MAX);
        let high = high.clamp(low, VALUE_MAX) * 1.3;
        let low = (low / 1.3).max(LOGARITHM_MIN);
        let steps: &[f64] = if (high / low).log10() <= DETAILED_DECADES { &[1.0, 2.0, 5.0] } else { &[1.0] };
        let decades = low.log10().floor() as i32..=high.log10().ceil() as i32;
        let ticks = decades
            .flat_map(|decade| steps.iter().map(move |step| step * 10_f64.powi(decade)))
            .filter(|tick| (low..=high).contains(tick))
            .collect();
        Self { scale: Scale::Logarithm, low, high, ticks, unit: Some(unit) }
    }

    /// From `low` to `high`; where `low` is 0 or more, from 0, so that heights can be compared.
    pub(super) fn from_zero(low: f64, high: f64, unit: Unit) -> Self {
        let high = high.clamp(-VALUE_MAX, VALUE_MAX);
        let low = low.clamp(-VALUE_MAX, VALUE_MAX).min(0.0);
        Self::linear(low, if high > low { low + (high - low) * 1.1 } else { low + 1.0 }, unit)
    }

    /// From `low` to `high`.
    pub(super) fn linear(low: f64, high: f64, unit: Unit) -> Self {
        let high = if high > low { high } else { low + 1.0 };
        let rough = (high - low) / TICKS;
        let decade = 10_f64.powf(rough.log10().floor());
        let step = match unit {
            // Written in units of 1,024, of which a power of ten is no round number.
            Unit::Bytes => 2_f64.powf(rough.log2().ceil()),
            Unit::PerSecond | Unit::Time { .. } | Unit::Percent | Unit::Ratio | Unit::Count => {
                [1.0, 2.0, 5.0, 10.0].map(|step| step * decade).into_iter().find(|step| *step >= rough).unwrap_or(rough)
            }
        };
        let first = (low / step).ceil();
        let ticks = (0..)
            .map(|number| (first + f64::from(number)) * step)
            .take_while(|tick| *tick <= high)
            .take(2 * TICKS as usize)
            .collect();
        Self { scale: Scale::Linear, low, high, ticks, unit: Some(unit) }
    }

    pub(super) fn low(&self) -> f64 {
        self.low
    }

    pub(super) fn high(&self) -> f64 {
        self.high
    }

    /// 0 at the low end and 1 at the high.
    fn share(&self, value: f64) -> f64 {
        let (low, high) = (self.scale.project(self.low), self.scale.project(self.high));
        ((self.scale.project(value) - low) / (high - low)).clamp(0.0, 1.0)
    }
}

impl Ranged for Axis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        limit.0 + (f64::from(limit.1 - limit.0) * self.share(*value)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, _hint: Hint) -> Vec<f64> {
        self.ticks.clone()
    }

    fn range(&self) -> Range<f64> {
        self.low..self.high
    }
}

impl ValueFormatter<f64> for Axis {
    fn format_ext(&self, value: &f64) -> String {
        if *value == 0.0 {
            return "0".into();
        }
        // 1.00 ms reads worse than 1 ms, and a mark is a round number.
        self.unit.map_or_else(|| format!("{value}"), |unit| round(&unit.text(*value)))
    }
}

/// Without zeros after the point.
fn round(text: &str) -> String {
    let (number, unit) = text.split_once(' ').map_or((text, ""), |(number, unit)| (number, unit));
    let number = if number.contains('.') && !number.contains('e') {
        number.trim_end_matches('0').trim_end_matches('.')
    } else {
        number
    };
    if unit.is_empty() { number.into() } else { format!("{number} {unit}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unit::MICROSECONDS;

    #[test]
    fn each_nine_takes_the_same_room() {
        let axis = Axis::percentile(99.995);
        let at = |percentile: f64| axis.map(&percentile, (0, 1_000));
        assert_eq!([0.0, 90.0, 99.0, 99.9, 99.99, 99.999].map(at), [0, 200, 400, 600, 800, 1_000]);
        assert_eq!((at(100.0), at(-1.0)), (1_000, 0));
        assert_eq!(Axis::percentile(99.0).ticks.last(), Some(&99.99));
    }

    #[test]
    fn marks_are_round_and_on_the_axis() {
        for (axis, marks) in [
            (Axis::from_zero(10.0, 1_234_567.0, Unit::PerSecond), "0 500,000/s 1,000,000/s"),
            (Axis::from_zero(0.0, 98e6, Unit::Bytes), "0 32 MiB 64 MiB 96 MiB"),
            (Axis::linear(-5.0, 60.0, Unit::Time { micros: 1_000_000 }), "0 20 s 40 s 60 s"),
            (Axis::logarithm(150.0, 2_000.0, MICROSECONDS), "200 us 500 us 1 ms 2 ms"),
            (Axis::logarithm(150.0, 90_000.0, MICROSECONDS), "1 ms 10 ms 100 ms"),
            (Axis::from_zero(0.0, 0.0, Unit::Count), "0 0.2 0.4 0.6 0.8 1"),
        ] {
            let texts: Vec<String> = axis.ticks.iter().map(|tick| axis.format_ext(tick)).collect();
            assert_eq!(texts.join(" "), marks);
        }
    }

    #[test]
    fn no_value_leaves_the_axis_or_makes_endless_marks() {
        let edges = [0.0, -VALUE_MAX, VALUE_MAX, 1e-300, f64::MAX, f64::MIN, f64::INFINITY];
        for low in edges {
            for high in edges {
                let linear = Axis::from_zero(low, high, Unit::Count);
                for axis in [linear, Axis::logarithm(low, high, MICROSECONDS)] {
                    assert!(axis.ticks.len() <= 60, "{axis:?}");
                    for value in edges {
                        let place = axis.map(&value, (10, 20));
                        assert!((10..=20).contains(&place), "{axis:?} {value}: {place}");
                    }
                }
            }
        }
    }
}
