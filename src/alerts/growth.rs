//! Whether memory grows, and when it will be used up: lines through what was measured in the last minutes. Has no clock.

use std::collections::VecDeque;

/// Time between two samples that are kept, in milliseconds.
const STEP_MS: u64 = 10_000;

/// The lines go through so much of the past, in milliseconds, or as much of it as is known. What grows must do so in both: a saw grows in its teeth
/// only.
const WINDOWS_MS: [u64; 2] = [5 * 60_000, 30 * 60_000];

/// Growth of less than one in so many of the budget within a window is noise.
const NOISE_SHARE: f64 = 0.01;

/// Where it leads.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Outlook {
    /// Bytes a second, less than nothing where memory is given back; nothing before five minutes were measured.
    pub bytes_per_second: Option<f64>,
    /// Seconds until the budget is used up; nothing where memory does not grow steadily, or there is no budget.
    pub full_in_seconds: Option<f64>,
}

/// What was measured.
#[derive(Clone, Debug, Default)]
pub struct Growth(VecDeque<(u64, f64)>);

impl Growth {
    /// So many bytes are used.
    pub fn push(&mut self, now_ms: u64, used_bytes: u64) {
        if self.0.back().is_some_and(|&(last_ms, _)| now_ms.saturating_sub(last_ms) < STEP_MS) {
            return;
        }
        self.0.push_back((now_ms, used_bytes as f64));
        let longest_ms = WINDOWS_MS[WINDOWS_MS.len() - 1];
        while self.0.front().is_some_and(|&(at_ms, _)| now_ms.saturating_sub(at_ms) > longest_ms) {
            self.0.pop_front();
        }
    }

    /// Where it leads, with this budget; 0 for none.
    #[must_use]
    pub fn outlook(&self, budget_bytes: u64) -> Outlook {
        let (Some(&(first_ms, _)), Some(&(last_ms, used))) = (self.0.front(), self.0.back()) else {
            return Outlook::default();
        };
        if last_ms - first_ms < WINDOWS_MS[0] {
            return Outlook::default();
        }
        let windows = WINDOWS_MS.map(|window_ms| self.slope(last_ms.saturating_sub(window_ms)));
        let [slope, ..] = windows;
        let budget = budget_bytes as f64;
        let slowest = windows.into_iter().fold(f64::INFINITY, f64::min);
        let grown = slowest * WINDOWS_MS[0] as f64 / 1_000.0;
        let full_in_seconds =
            (budget > 0.0 && grown > budget * NOISE_SHARE).then(|| ((budget - used) / slowest).max(0.0));
        Outlook { bytes_per_second: Some(slope), full_in_seconds }
    }

    /// Bytes a second, of the line with the least squares through what is not older.
    fn slope(&self, from_ms: u64) -> f64 {
        let points = || self.0.iter().filter(|&&(at_ms, _)| at_ms >= from_ms);
        let count = points().count().max(1) as f64;
        let at = |at_ms: u64| (at_ms - from_ms) as f64 / 1_000.0;
        let middle_at = points().map(|&(at_ms, _)| at(at_ms)).sum::<f64>() / count;
        let middle = points().map(|&(_, bytes)| bytes).sum::<f64>() / count;
        let along: f64 = points().map(|&(at_ms, _)| (at(at_ms) - middle_at).powi(2)).sum();
        let both: f64 = points().map(|&(at_ms, bytes)| (at(at_ms) - middle_at) * (bytes - middle)).sum();
        if along > 0.0 { both / along } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUDGET: u64 = 10_000_000_000;

    fn after(seconds: u64, bytes: impl Fn(u64) -> u64) -> Outlook {
        let mut growth = Growth::default();
        (0..=seconds).for_each(|second| growth.push(second * 1_000, bytes(second)));
        growth.outlook(BUDGET)
    }

    #[test]
    fn a_leak_is_seen_and_when_memory_will_be_full() {
        let outlook = after(1_000, |second| 1_000_000_000 + second * 2_000_000);
        let full = outlook.full_in_seconds.expect("it grows");
        assert!((full - 3_500.0).abs() < 20.0, "{full}");
        assert!(outlook.bytes_per_second.is_some_and(|slope| (slope - 2e6).abs() < 1e3), "{outlook:?}");
    }

    #[test]
    fn a_saw_a_level_noise_and_giving_back_are_no_growth() {
        let shapes: [fn(u64) -> u64; 4] = [
            |second| 4_000_000_000 + second % 240 * 3_000_000,
            |_| 9_000_000_000,
            |second| 5_000_000_000 + second * 7_919 % 97 * 1_000_000,
            |second| 9_000_000_000 - second * 2_000_000,
        ];
        for (shape, bytes) in shapes.into_iter().enumerate() {
            // At a tooth's end the last minutes alone would say otherwise.
            for seconds in [1_000, 1_150, 1_190, 2_000, 2_390] {
                assert_eq!(after(seconds, bytes).full_in_seconds, None, "shape {shape} after {seconds} s");
            }
        }
    }

    #[test]
    fn nothing_is_said_too_early_or_without_a_budget() {
        assert_eq!(after(200, |second| second * 10_000_000), Outlook::default());
        let mut growth = Growth::default();
        (0..=1_000).for_each(|second| growth.push(second * 1_000, second * 2_000_000));
        assert_eq!(growth.outlook(0).full_in_seconds, None);
        assert!(growth.outlook(0).bytes_per_second.is_some());
        assert!(growth.0.len() <= 181);
    }
}
