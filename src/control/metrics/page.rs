//! One page of metrics, family by family. Knows the words of the format, and no family.

use std::fmt;

use prometheus_client::encoding::{DescriptorEncoder, EncodeCounterValue, EncodeGaugeValue, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;

use super::Seen;
use crate::instruments::Histogram;
use crate::reactor::Counted;

/// Labels of one series. Each value is one of a set that does not grow with traffic.
pub(super) type Labels<'a> = &'a [(&'a str, &'a str)];

/// The unit of a family, which stands in its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum In {
    /// A plain count of what the name says.
    Count,
    Seconds,
    Bytes,
    /// From 0 to 1.
    Ratio,
}

impl In {
    fn unit(self) -> Option<Unit> {
        match self {
            Self::Count => None,
            Self::Seconds => Some(Unit::Seconds),
            Self::Bytes => Some(Unit::Bytes),
            Self::Ratio => Some(Unit::Other("ratio".to_owned())),
        }
    }
}

/// Name without prefix, unit and suffix; unit; what it means, in one line.
pub(super) type Family<'a> = (&'a str, In, &'a str);

pub(super) struct Page<'a>(DescriptorEncoder<'a>);

impl<'a> Page<'a> {
    pub(super) fn new(encoder: DescriptorEncoder<'a>) -> Self {
        Self(encoder)
    }

    /// A number that only grows. The name on the page ends in `_total`.
    pub(super) fn counter(&mut self, family: Family<'_>, value: impl EncodeCounterValue) -> fmt::Result {
        self.family(family, MetricType::Counter, |mut metric| metric.encode_counter::<NoLabelSet, _, f64>(&value, None))
    }

    /// The same by several labels.
    pub(super) fn counters<'l, V: EncodeCounterValue>(
        &mut self,
        family: Family<'_>,
        series: impl IntoIterator<Item = (Labels<'l>, V)>,
    ) -> fmt::Result {
        self.family(family, MetricType::Counter, |mut metric| {
            series.into_iter().try_for_each(|(labels, value)| {
                metric.encode_family(&labels)?.encode_counter::<NoLabelSet, _, f64>(&value, None)
            })
        })
    }

    /// The same by one label.
    pub(super) fn counter_by<'l, V: EncodeCounterValue>(
        &mut self,
        family: Family<'_>,
        label: &str,
        series: impl IntoIterator<Item = (&'l str, V)>,
    ) -> fmt::Result {
        self.family(family, MetricType::Counter, |mut metric| {
            series.into_iter().try_for_each(|(name, value)| {
                metric.encode_family(&[(label, name)])?.encode_counter::<NoLabelSet, _, f64>(&value, None)
            })
        })
    }

    /// A number that goes up and down.
    pub(super) fn gauge(&mut self, family: Family<'_>, value: impl EncodeGaugeValue) -> fmt::Result {
        self.family(family, MetricType::Gauge, |mut metric| metric.encode_gauge(&value))
    }

    /// The same by one label.
    pub(super) fn gauge_by<'l, V: EncodeGaugeValue>(
        &mut self,
        family: Family<'_>,
        label: &str,
        series: impl IntoIterator<Item = (&'l str, V)>,
    ) -> fmt::Result {
        self.family(family, MetricType::Gauge, |mut metric| {
            series
                .into_iter()
                .try_for_each(|(name, value)| metric.encode_family(&[(label, name)])?.encode_gauge(&value))
        })
    }

    /// The same by several labels.
    pub(super) fn gauges<'l, V: EncodeGaugeValue>(
        &mut self,
        family: Family<'_>,
        series: impl IntoIterator<Item = (Labels<'l>, V)>,
    ) -> fmt::Result {
        self.family(family, MetricType::Gauge, |mut metric| {
            series.into_iter().try_for_each(|(labels, value)| metric.encode_family(&labels)?.encode_gauge(&value))
        })
    }

    /// The same number of each core.
    pub(super) fn counter_of_cores<V: EncodeCounterValue>(
        &mut self,
        family: Family<'_>,
        seen: &Seen,
        of: impl Fn(&Counted) -> V,
    ) -> fmt::Result {
        self.family(family, MetricType::Counter, |mut metric| {
            seen.cores.iter().enumerate().try_for_each(|(core, counted)| {
                let labels = [("core", core.to_string())];
                metric.encode_family(&labels)?.encode_counter::<NoLabelSet, _, f64>(&of(counted), None)
            })
        })
    }

    pub(super) fn gauge_of_cores<V: EncodeGaugeValue>(
        &mut self,
        family: Family<'_>,
        seen: &Seen,
        of: impl Fn(&Counted) -> V,
    ) -> fmt::Result {
        self.family(family, MetricType::Gauge, |mut metric| {
            seen.cores.iter().enumerate().try_for_each(|(core, counted)| {
                let labels = [("core", core.to_string())];
                metric.encode_family(&labels)?.encode_gauge(&of(counted))
            })
        })
    }

    /// Something that does not change while the process runs, as labels. The name on the page ends in `_info`.
    pub(super) fn info(&mut self, (name, _, help): Family<'_>, labels: Labels<'_>) -> fmt::Result {
        self.0.encode_descriptor(name, help, None, MetricType::Info)?.encode_info(&labels)
    }

    /// How often which value came, in buckets that end at these values.
    pub(super) fn histogram(
        &mut self,
        family: Family<'_>,
        histogram: &Histogram,
        bounds: impl Iterator<Item = (f64, u64)>,
        scale: f64,
    ) -> fmt::Result {
        self.family(family, MetricType::Histogram, |mut metric| put_histogram(&mut metric, histogram, bounds, scale))
    }

    /// The same by one label.
    pub(super) fn histogram_by<'l, B: Iterator<Item = (f64, u64)>>(
        &mut self,
        family: Family<'_>,
        label: &str,
        series: impl IntoIterator<Item = (&'l str, &'l Histogram)>,
        bounds: impl Fn() -> B,
        scale: f64,
    ) -> fmt::Result {
        self.family(family, MetricType::Histogram, |mut metric| {
            series.into_iter().try_for_each(|(name, histogram)| {
                put_histogram(&mut metric.encode_family(&[(label, name)])?, histogram, bounds(), scale)
            })
        })
    }

    fn family(
        &mut self,
        (name, unit, help): Family<'_>,
        kind: MetricType,
        put: impl FnOnce(MetricEncoder<'_>) -> fmt::Result,
    ) -> fmt::Result {
        debug_assert!(!help.contains(['\n', '\\']), "a meaning is one plain line");
        let unit = unit.unit();
        put(self.0.encode_descriptor(name, help, unit.as_ref(), kind)?)
    }
}

/// `bounds`: each as it stands on the page, and the first value of the histogram above it. Times are rounded down to whole units, so what is below a
/// bound took less than that.
fn put_histogram(
    metric: &mut MetricEncoder<'_>,
    histogram: &Histogram,
    bounds: impl Iterator<Item = (f64, u64)>,
    scale: f64,
) -> fmt::Result {
    let mut before = 0;
    let within = bounds.map(|(bound, first_above)| {
        let below = histogram.below(first_above);
        (bound, below - std::mem::replace(&mut before, below))
    });
    let mut buckets: Vec<(f64, u64)> = within.collect();
    let count = histogram.count();
    buckets.push((f64::INFINITY, count - before));
    metric.encode_histogram::<NoLabelSet>(histogram.sum() as f64 * scale, count, &buckets, None)
}
