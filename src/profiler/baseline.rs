//! Whether an operation takes longer than it did before: the last minute against the five before it. Has no clock, and does not know what is
//! said about it.

use crate::instruments::Histogram;

/// What is compared. A single slow second is less than the twentieth of a minute, and changes nothing.
const PART: f64 = 0.95;

/// Below so many, on either side, chance says more than the server.
pub const SAMPLES_MIN: u64 = 200;

/// Below so many minutes in which anything was done there is nothing to compare with: the first are those of a server, or of a load, that warms up.
const MINUTES_MIN: usize = 3;

/// Standard deviations on either side by which the two have to lie apart.
const DEVIATIONS: f64 = 3.0;

/// What has begun to count does so until it is less than this part of where it began.
const HYSTERESIS: f64 = 0.9;

/// After so many seconds what was a degradation is what is usual: somebody has looked at it, or nobody minds.
pub const HELD_S_MAX: u64 = 1_800;

/// From where on a difference counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds {
    /// Percent by which it has to be slower.
    pub percent: f64,
    /// Microseconds by which it has to be slower: what nobody feels alarms nobody.
    pub floor_us: f64,
}

/// One comparison.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Compared {
    /// Of 100 operations 95 were done within so many microseconds, in the five minutes.
    pub baseline_us: f64,
    /// And in the last one.
    pub current_us: f64,
    /// By how much slower; less than nothing where it has become faster.
    pub percent: f64,
    /// That is more than chance, and more than the bounds.
    pub is_slower: bool,
}

/// What the minutes before were like.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Baseline {
    us: f64,
    /// Chance aside it is not above this.
    upper_us: f64,
    /// The worst of the single minutes: what varies by itself has been there before.
    worst_minute_us: f64,
}

/// One for each operation.
#[derive(Clone, Debug, Default)]
pub struct Comparison {
    /// A degradation must not be compared with itself once it lasts for minutes.
    held: Option<Held>,
}

/// An operation that is slower.
#[derive(Clone, Copy, Debug)]
struct Held {
    since_s: u64,
    /// Than this.
    baseline: Baseline,
    /// What was found last. It stands while too little comes in to say more: the slower an operation is, the fewer are done by those who wait for it.
    last: Compared,
}

impl Comparison {
    /// Looks once more. `minutes`: those before the current one, as many as are known. Nothing where too little was measured to say, unless
    /// it has been slower until then.
    pub fn look(&mut self, now_s: u64, current: &Histogram, minutes: &[Histogram], bounds: Bounds) -> Option<Compared> {
        self.held = self.held.filter(|held| now_s.saturating_sub(held.since_s) < HELD_S_MAX);
        let held = self.held;
        if current.count() < SAMPLES_MIN {
            return held.map(|held| held.last);
        }
        let baseline = held.map(|held| held.baseline).or_else(|| Baseline::of(minutes))?;
        let current_us = current.quantile(PART)?;
        let lower_us = current.quantile(PART - spread(current.count()))?;
        let percent = (current_us / baseline.us.max(1.0) - 1.0) * 100.0;
        let begins = lower_us > baseline.upper_us && current_us > baseline.worst_minute_us;
        let ease = if held.is_some() { HYSTERESIS } else { 1.0 };
        let is_slower = (held.is_some() || begins)
            && percent >= bounds.percent * ease
            && current_us - baseline.us >= bounds.floor_us * ease;
        let last = Compared { baseline_us: baseline.us, current_us, percent, is_slower };
        let since_s = held.map_or(now_s, |held| held.since_s);
        self.held = is_slower.then_some(Held { since_s, baseline, last });
        Some(last)
    }
}

impl Baseline {
    fn of(minutes: &[Histogram]) -> Option<Self> {
        if minutes.iter().filter(|minute| minute.count() > 0).count() < MINUTES_MIN {
            return None;
        }
        let mut all = Histogram::default();
        minutes.iter().for_each(|minute| all.merge(minute));
        if all.count() < SAMPLES_MIN {
            return None;
        }
        let us = all.quantile(PART)?;
        let upper_us = all.quantile(PART + spread(all.count()))?;
        let told = minutes.iter().filter(|minute| minute.count() >= SAMPLES_MIN);
        let worst_minute_us = told.filter_map(|minute| minute.quantile(PART)).fold(us, f64::max);
        Some(Self { us, upper_us, worst_minute_us })
    }
}

/// By how much the rank of the quantile may be off among so many, however they are distributed: deviations of the binomial distribution.
fn spread(samples: u64) -> f64 {
    DEVIATIONS * (PART * (1.0 - PART) / samples as f64).sqrt()
}

// With the fewest samples the upper rank is still one: 3 * sqrt(0.0475 / 200) is less than 0.05.
const _: () = assert!(SAMPLES_MIN >= 172);

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds { percent: 15.0, floor_us: 5_000.0 };

    /// Reproducible numbers from 0 to 1 (xorshift).
    struct Random(u64);

    impl Random {
        fn next(&mut self) -> f64 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            (self.0 >> 11) as f64 / (1_u64 << 53) as f64
        }

        /// About the shape of latencies: most near the middle, a long tail.
        fn latency_us(&mut self, middle_us: f64) -> u64 {
            let normal = (0..12).map(|_| self.next()).sum::<f64>() - 6.0;
            (middle_us * (0.4 * normal).exp()) as u64
        }
    }

    fn run(
        seed: u64,
        seconds: usize,
        rate: usize,
        middle_us: impl Fn(usize, &mut Random) -> f64,
    ) -> Vec<Option<Compared>> {
        run_at(seed, seconds, |_| rate, middle_us)
    }

    /// Looks once a second at minutes that slide over `middle_us`, with so many operations in each second. Gives what was found.
    fn run_at(
        seed: u64,
        seconds: usize,
        rate: impl Fn(usize) -> usize,
        middle_us: impl Fn(usize, &mut Random) -> f64,
    ) -> Vec<Option<Compared>> {
        let mut random = Random(seed);
        let each: Vec<Histogram> = (0..seconds)
            .map(|second| {
                let middle = middle_us(second, &mut random);
                let mut histogram = Histogram::default();
                (0..rate(second)).for_each(|_| histogram.record(random.latency_us(middle)));
                histogram
            })
            .collect();
        let sum = |seconds: &[Histogram]| {
            let mut all = Histogram::default();
            seconds.iter().for_each(|second| all.merge(second));
            all
        };
        let mut comparison = Comparison::default();
        (60..=seconds)
            .map(|end| {
                let before = &each[..end - 60];
                let minutes: Vec<_> = before.rchunks(60).take(5).filter(|minute| minute.len() == 60).map(sum).collect();
                comparison.look(end as u64, &sum(&each[end - 60..end]), &minutes, BOUNDS)
            })
            .collect()
    }

    fn slower(found: &[Option<Compared>]) -> usize {
        found.iter().flatten().filter(|compared| compared.is_slower).count()
    }

    #[test]
    fn steady_noise_is_never_slower() {
        for seed in 1..=12 {
            // Each second of its own, as disks are: 20 % up and down besides the spread within it.
            let found = run(seed, 900, 20, |_, random| 40_000.0 * (1.0 + 0.4 * (random.next() - 0.5)));
            assert_eq!(slower(&found), 0, "seed {seed}");
            assert!(found.iter().flatten().count() > 600, "it was looked at");
        }
    }

    #[test]
    fn a_step_of_a_third_is_always_found_within_a_minute_and_held_until_it_ends() {
        for seed in 1..=12 {
            let found =
                run(seed, 1_500, 20, |second, _| if (600..1_200).contains(&second) { 53_000.0 } else { 40_000.0 });
            let at = |second: usize| found[second - 60].is_some_and(|compared| compared.is_slower);
            assert!((60..600).all(|second| !at(second)), "seed {seed}");
            assert!((665..1_190).all(at), "seed {seed}: ten minutes, which is longer than the baseline reaches");
            assert!((1_262..1_500).all(|second| !at(second)), "seed {seed}");
            let percent = found[700 - 60].map(|compared| compared.percent);
            assert!(percent.is_some_and(|percent| (20.0..50.0).contains(&percent)), "seed {seed}: {percent:?}");
        }
    }

    #[test]
    fn what_is_so_slow_that_little_comes_through_is_slower_all_the_while() {
        // Clients wait for their answers: 20 operations a second, then 2, then 20 that are still slow, and at last as before.
        let rate = |second: usize| if (660..900).contains(&second) { 2 } else { 20 };
        let middle_us =
            |second: usize, _: &mut Random| if (600..1_100).contains(&second) { 200_000.0 } else { 40_000.0 };
        for seed in 1..=12 {
            let found = run_at(seed, 1_300, rate, middle_us);
            let at = |second: usize| found[second - 60].is_some_and(|compared| compared.is_slower);
            assert!((610..1_090).all(at), "seed {seed}");
            let told = |second: usize| found[second - 60].map(|compared| compared.baseline_us);
            assert_eq!(told(1_090), told(650), "seed {seed}: the minutes before are what it is compared with");
            assert!((1_162..1_300).all(|second| !at(second)), "seed {seed}");
        }
        // And no longer than anything else.
        let found = run_at(
            1,
            3_000,
            |second| if second < 660 { 20 } else { 2 },
            |second, _| {
                if second < 600 { 40_000.0 } else { 200_000.0 }
            },
        );
        let last = found.iter().rposition(Option::is_some).expect("it was found") + 60;
        assert!((HELD_S_MAX as usize + 600..HELD_S_MAX as usize + 620).contains(&last), "{last}");
    }

    #[test]
    fn the_first_minutes_are_compared_with_nothing() {
        // It warms up: a cache that fills is no degradation.
        let found = run(7, 600, 20, |second, _| if second < 60 { 20_000.0 } else { 40_000.0 });
        assert!(found[..180].iter().all(Option::is_none), "three minutes before the last one");
        assert_eq!((slower(&found), found[181..].iter().flatten().count() > 300), (0, true));
    }

    #[test]
    fn what_stays_becomes_usual_after_half_an_hour() {
        let found = run(3, 3_000, 10, |second, _| if second < 400 { 40_000.0 } else { 80_000.0 });
        let last = found.iter().rposition(|it| it.is_some_and(|compared| compared.is_slower)).expect("it was found");
        assert!((HELD_S_MAX as usize + 300..HELD_S_MAX as usize + 500).contains(&(last + 60)), "{last}");
    }

    #[test]
    fn microseconds_and_a_handful_of_samples_alarm_nobody() {
        let doubled = |low: f64| move |second: usize, _: &mut Random| if second < 400 { low } else { 2.0 * low };
        assert_eq!(slower(&run(5, 600, 20, doubled(900.0))), 0, "a millisecond more is below the floor");
        assert!(slower(&run(5, 600, 20, doubled(20_000.0))) > 100);
        assert!(run(5, 600, 3, doubled(20_000.0)).iter().all(Option::is_none), "180 in a minute are too few");
    }

    #[test]
    fn one_slow_second_changes_nothing() {
        let found = run(9, 600, 50, |second, _| if second == 450 { 900_000.0 } else { 40_000.0 });
        assert_eq!(slower(&found), 0);
    }
}
