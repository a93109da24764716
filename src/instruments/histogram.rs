//! How often which value came. Log-linear: each power of two is cut into eight buckets of equal width, so that a value is known to an eighth
//! of itself over nine orders of magnitude. Does not know what the values are.

use std::fmt;

/// Buckets of a power of two, as a power of two.
const CUTS_LOG2: u32 = 3;
const CUTS: usize = 1 << CUTS_LOG2;

/// Values from this one on share the last bucket. In microseconds: 18 minutes.
pub const HISTOGRAM_VALUE_MAX: u64 = 1 << 30;

/// Buckets of a histogram. The first [`CUTS`] hold one value each.
pub const HISTOGRAM_BUCKETS: usize = CUTS * (HISTOGRAM_VALUE_MAX.ilog2() - CUTS_LOG2 + 1) as usize;

// The last bucket ends where the range does.
const _: () = assert!(last_of(HISTOGRAM_BUCKETS - 1) == HISTOGRAM_VALUE_MAX - 1);

/// Plain numbers that only grow: what came between two moments is the difference of two copies.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Histogram {
    sum: u64,
    buckets: [u64; HISTOGRAM_BUCKETS],
}

impl Default for Histogram {
    fn default() -> Self {
        Self { sum: 0, buckets: [0; HISTOGRAM_BUCKETS] }
    }
}

impl Histogram {
    /// This value came.
    pub fn record(&mut self, value: u64) {
        self.record_many(value, 1);
    }

    /// This value came so many times.
    pub fn record_many(&mut self, value: u64, times: u64) {
        self.sum = self.sum.saturating_add(value.saturating_mul(times));
        self.buckets[bucket_of(value)] += times;
    }

    /// How many values came.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// All values together. Exact, unlike everything else here.
    #[must_use]
    pub fn sum(&self) -> u64 {
        self.sum
    }

    /// Nothing came.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.buckets.iter().all(|&count| count == 0)
    }

    /// The average, where something came. Exact.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        let count = self.count();
        (count > 0).then(|| self.sum as f64 / count as f64)
    }

    /// The value that a part of all values (0 to 1) does not exceed, where something came. Within its bucket it is placed by its rank, as if
    /// values were spread evenly there: it is off by less than the width of the bucket, an eighth of the value, and by nothing below 16.
    ///
    /// What is in the last bucket is taken to end at [`HISTOGRAM_VALUE_MAX`], however large it was.
    #[must_use]
    pub fn quantile(&self, part: f64) -> Option<f64> {
        let count = self.count();
        if count == 0 {
            return None;
        }
        let rank = (part.clamp(0.0, 1.0) * count as f64).max(1.0);
        let mut before = 0;
        for (index, &within) in self.buckets.iter().enumerate() {
            if within > 0 && (before + within) as f64 >= rank {
                let (first, last) = (first_of(index) as f64, last_of(index) as f64);
                return Some(first + (last - first) * (rank - before as f64) / within as f64);
            }
            before += within;
        }
        // A rank that was rounded up beyond the count.
        self.largest().map(|largest| largest as f64)
    }

    /// No value was larger, where something came and all of it is below [`HISTOGRAM_VALUE_MAX`]. To an eighth of the value.
    #[must_use]
    pub fn largest(&self) -> Option<u64> {
        self.buckets.iter().rposition(|&count| count > 0).map(last_of)
    }

    /// How many values were below this one. Exact where it is a multiple of an eighth of its power of two, and below 8; else values of its
    /// own bucket are left out.
    #[must_use]
    pub fn below(&self, value: u64) -> u64 {
        let end = if value >= HISTOGRAM_VALUE_MAX { HISTOGRAM_BUCKETS } else { bucket_of(value) };
        self.buckets[..end].iter().sum()
    }

    /// Adds what another one has seen.
    pub fn merge(&mut self, other: &Self) {
        self.sum = self.sum.saturating_add(other.sum);
        for (count, more) in self.buckets.iter_mut().zip(&other.buckets) {
            *count += more;
        }
    }

    /// What has come since an earlier copy of the same histogram.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let mut since = *self;
        since.sum = since.sum.saturating_sub(earlier.sum);
        for (count, before) in since.buckets.iter_mut().zip(&earlier.buckets) {
            *count = count.saturating_sub(*before);
        }
        since
    }
}

impl fmt::Debug for Histogram {
    /// For a log: not two hundred numbers.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [p50, p95, p99] = [0.5, 0.95, 0.99].map(|part| self.quantile(part).unwrap_or_default().round());
        let (count, largest) = (self.count(), self.largest().unwrap_or_default());
        write!(f, "{{ count: {count}, sum: {}, p50: {p50}, p95: {p95}, p99: {p99}, max: {largest} }}", self.sum)
    }
}

fn bucket_of(value: u64) -> usize {
    let value = value.min(HISTOGRAM_VALUE_MAX - 1);
    // Of what is smaller than the number of cuts, each value has a bucket.
    let shift = value.max(1).ilog2().saturating_sub(CUTS_LOG2);
    // Below 2 * CUTS, so it fits.
    shift as usize * CUTS + (value >> shift) as usize
}

/// The smallest value of a bucket.
const fn first_of(index: usize) -> u64 {
    if index < CUTS {
        return index as u64;
    }
    let shift = index / CUTS - 1;
    ((CUTS + index % CUTS) as u64) << shift
}

/// The largest value of a bucket.
const fn last_of(index: usize) -> u64 {
    first_of(index + 1) - 1
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn buckets_follow_one_another_without_a_gap_and_are_an_eighth_wide() {
        let mut next = 0;
        for index in 0..HISTOGRAM_BUCKETS {
            let (first, last) = (first_of(index), last_of(index));
            assert_eq!(first, next);
            assert_eq!((bucket_of(first), bucket_of(last)), (index, index));
            assert!(last - first <= first / CUTS as u64, "{first} to {last}");
            next = last + 1;
        }
        assert_eq!(next, HISTOGRAM_VALUE_MAX);
        assert_eq!(bucket_of(u64::MAX), HISTOGRAM_BUCKETS - 1);
    }

    #[test]
    fn an_empty_histogram_says_nothing() {
        let histogram = Histogram::default();
        assert_eq!((histogram.quantile(0.5), histogram.mean(), histogram.largest()), (None, None, None));
        assert!(histogram.is_empty());
    }

    #[test]
    fn small_values_are_exact() {
        let mut histogram = Histogram::default();
        (0..10).for_each(|value| histogram.record(value));
        assert_eq!(
            (histogram.quantile(0.0), histogram.quantile(0.5), histogram.quantile(1.0)),
            (Some(0.0), Some(4.0), Some(9.0))
        );
        assert_eq!((histogram.below(4), histogram.mean(), histogram.largest()), (4, Some(4.5), Some(9)));
    }

    #[test]
    fn what_is_beyond_the_range_is_counted_at_its_end() {
        let mut histogram = Histogram::default();
        histogram.record_many(u64::MAX, 3);
        assert_eq!((histogram.count(), histogram.sum()), (3, u64::MAX));
        assert_eq!(histogram.quantile(0.5).map(|value| value < HISTOGRAM_VALUE_MAX as f64), Some(true));
        assert_eq!((histogram.below(HISTOGRAM_VALUE_MAX / 2), histogram.below(HISTOGRAM_VALUE_MAX)), (0, 3));
    }

    proptest! {
        #[test]
        fn a_quantile_is_off_by_less_than_an_eighth(
            mut values in prop::collection::vec(0..HISTOGRAM_VALUE_MAX, 1..200),
            part in 0.0..=1.0_f64,
        ) {
            let mut histogram = Histogram::default();
            values.iter().for_each(|&value| histogram.record(value));
            values.sort_unstable();
            let rank = ((part * values.len() as f64).ceil() as usize).clamp(1, values.len());
            let (exact, found) = (values[rank - 1] as f64, histogram.quantile(part).expect("there are values"));
            prop_assert!((found - exact).abs() <= exact / 8.0, "{found} for {exact}");
            prop_assert!(values.last().is_some_and(|&last| histogram.largest() >= Some(last)));
        }

        #[test]
        fn a_difference_is_what_came_between(
            before in prop::collection::vec(0..u64::MAX >> 20, 0..50),
            after in prop::collection::vec(0..u64::MAX >> 20, 0..50),
        ) {
            let mut histogram = Histogram::default();
            before.iter().for_each(|&value| histogram.record(value));
            let earlier = histogram;
            let mut alone = Histogram::default();
            for &value in &after {
                histogram.record(value);
                alone.record(value);
            }
            prop_assert_eq!(histogram.since(&earlier), alone);
            let mut merged = earlier;
            merged.merge(&alone);
            prop_assert_eq!(merged, histogram);
        }
    }
}
