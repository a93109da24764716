//! What was so at which time, up to a few minutes ago: every second of the last minute, and every tenth before. Has no clock.

use std::collections::VecDeque;

/// Every sample is kept for so long, in milliseconds.
const FINE_MS: u64 = 61_000;

/// Older ones are kept so far apart.
const COARSE_STEP_MS: u64 = 10_000;

/// And for so long: the last minute, the five before it, and a step more, so that the sixth is whole.
const COARSE_MS: u64 = 6 * 60_000 + COARSE_STEP_MS;

/// Samples with their times, oldest first.
#[derive(Clone, Debug)]
pub struct Timeline<T> {
    coarse: VecDeque<(u64, T)>,
    fine: VecDeque<(u64, T)>,
}

impl<T> Default for Timeline<T> {
    fn default() -> Self {
        Self { coarse: VecDeque::new(), fine: VecDeque::new() }
    }
}

impl<T> Timeline<T> {
    /// Adds what is so now, in milliseconds since any moment.
    pub fn push(&mut self, now_ms: u64, sample: T) {
        self.fine.push_back((now_ms, sample));
        while let Some((at_ms, sample)) = pop_older(&mut self.fine, now_ms, FINE_MS) {
            let last_ms = self.coarse.back().map(|&(last_ms, _)| last_ms);
            if last_ms.is_none_or(|last_ms| at_ms - last_ms >= COARSE_STEP_MS) {
                self.coarse.push_back((at_ms, sample));
            }
        }
        while pop_older(&mut self.coarse, now_ms, COARSE_MS).is_some() {}
    }

    /// The latest.
    pub fn last(&self) -> Option<(u64, &T)> {
        self.fine.back().map(|(at_ms, sample)| (*at_ms, sample))
    }

    /// What was so this long before the latest, or a little longer; nothing where that is not known.
    pub fn before(&self, age_ms: u64) -> Option<(u64, &T)> {
        let until_ms = self.fine.back()?.0.checked_sub(age_ms)?;
        let mut all = self.fine.iter().rev().chain(self.coarse.iter().rev());
        all.find(|(at_ms, _)| *at_ms <= until_ms).map(|(at_ms, sample)| (*at_ms, sample))
    }

    /// The same, or the oldest where that is not known.
    pub fn before_or_first(&self, age_ms: u64) -> Option<(u64, &T)> {
        let first = || self.coarse.front().or(self.fine.front()).map(|(at_ms, sample)| (*at_ms, sample));
        self.before(age_ms).or_else(first)
    }
}

fn pop_older<T>(samples: &mut VecDeque<(u64, T)>, now_ms: u64, age_ms: u64) -> Option<(u64, T)> {
    let is_older = samples.front().is_some_and(|&(at_ms, _)| now_ms.saturating_sub(at_ms) > age_ms);
    if is_older { samples.pop_front() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_so_is_found_to_the_second_and_later_to_ten() {
        let mut timeline = Timeline::default();
        for second in 0..=1_000_u64 {
            timeline.push(second * 1_000, second);
        }
        assert_eq!(timeline.last(), Some((1_000_000, &1_000)));
        for age in 0..=60 {
            assert_eq!(timeline.before(age * 1_000).map(|(_, &second)| second), Some(1_000 - age));
        }
        for age in 61..=360 {
            let (at_ms, &second) = timeline.before(age * 1_000).expect("it is kept for so long");
            assert_eq!(at_ms, second * 1_000);
            assert!(((age)..=(age + 10)).contains(&(1_000 - second)), "{age}: {second}");
        }
        assert_eq!(timeline.before(400_000), None);
        assert!(timeline.coarse.len() + timeline.fine.len() < 105);
    }

    #[test]
    fn who_asks_too_early_gets_the_first() {
        let mut timeline = Timeline::default();
        assert_eq!(timeline.before_or_first(1_000), None);
        timeline.push(5_000, 'a');
        timeline.push(6_000, 'b');
        assert_eq!(timeline.before(60_000), None);
        assert_eq!(timeline.before_or_first(60_000), Some((5_000, &'a')));
    }

    #[test]
    fn a_pause_leaves_a_gap_and_nothing_false() {
        let mut timeline = Timeline::default();
        timeline.push(0, 'a');
        timeline.push(1_000, 'b');
        timeline.push(200_000, 'c');
        assert_eq!(
            timeline.before(1_000),
            Some((0, &'a')),
            "between the two nothing is known but the first of the gap"
        );
    }
}
