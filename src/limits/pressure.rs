//! How short memory is: what follows from what is used, and who may read it. Does not measure anything.

use std::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering};

/// What is done about it. Each includes those before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Stage {
    /// Nothing.
    #[default]
    Plenty,
    /// Nobody new is let in.
    RefuseJoins,
    /// Sessions that are behind catch up later.
    DelayCatchUps,
    /// Connections are closed, those that hold most first.
    Close,
}

impl Stage {
    /// In rising order.
    const ALL: [Self; 4] = [Self::Plenty, Self::RefuseJoins, Self::DelayCatchUps, Self::Close];

    /// From so many percent of the budget on.
    fn begins_at_percent(self) -> usize {
        match self {
            Self::Plenty => 0,
            Self::RefuseJoins => 90,
            Self::DelayCatchUps => 95,
            Self::Close => 100,
        }
    }
}

/// A stage ends so many percent of the budget below where it begins: what is done about memory takes effect within moments, and without a
/// distance it would be begun and ended all the time.
const HYSTERESIS_PERCENT: usize = 5;

/// How much memory the process may use, in bytes; 0 for as much as there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Budget(pub usize);

impl Budget {
    /// The stage that follows on another when so much is used.
    #[must_use]
    pub fn stage(self, before: Stage, used_bytes: usize) -> Stage {
        let reached = |percent: usize| used_bytes / 100 >= self.0 / 100 * percent / 100;
        if self.0 == 0 {
            return Stage::Plenty;
        }
        let begun = Stage::ALL.into_iter().rev().find(|stage| reached(stage.begins_at_percent()));
        let begun = begun.expect("the first stage is always reached");
        let kept = |stage: &Stage| reached(stage.begins_at_percent().saturating_sub(HYSTERESIS_PERCENT));
        let kept = Stage::ALL.into_iter().rev().filter(|stage| *stage <= before).find(kept);
        begun.max(kept.expect("the first stage is always kept"))
    }

    /// How far beyond the end of the last stage that is.
    fn excess_bytes(self, used_bytes: usize) -> usize {
        let ends_at_percent = Stage::Close.begins_at_percent() - HYSTERESIS_PERCENT;
        if self.0 == 0 { 0 } else { used_bytes.saturating_sub(self.0 / 100 * ends_at_percent) }
    }
}

/// The stage that is in force, for all threads.
#[derive(Debug, Default)]
pub struct Pressure {
    stage: AtomicU8,
    used_bytes: AtomicUsize,
    excess_bytes: AtomicUsize,
    /// How often that was measured.
    measurements: AtomicU64,
    budget_bytes: AtomicUsize,
}

impl Pressure {
    /// How much may be used.
    #[must_use]
    pub fn budget(&self) -> Budget {
        Budget(self.budget_bytes.load(Ordering::Relaxed))
    }

    /// From the next measurement on so much may be used.
    pub fn set_budget(&self, Budget(bytes): Budget) {
        self.budget_bytes.store(bytes, Ordering::Relaxed);
    }

    /// The stage that is in force.
    #[must_use]
    pub fn stage(&self) -> Stage {
        Stage::ALL[usize::from(self.stage.load(Ordering::Relaxed))]
    }

    /// What the process used when it was last measured, in bytes.
    #[must_use]
    pub fn used_bytes(&self) -> usize {
        self.used_bytes.load(Ordering::Relaxed)
    }

    /// What has to be given back before nothing is closed any more, in bytes.
    #[must_use]
    pub fn excess_bytes(&self) -> usize {
        self.excess_bytes.load(Ordering::Relaxed)
    }

    /// How often it was measured: what was done about one measurement shows in the second after it, because the first may have begun before.
    #[must_use]
    pub fn measurements(&self) -> u64 {
        self.measurements.load(Ordering::Acquire)
    }

    /// So much is used. Gives the stages before and after.
    pub fn measured(&self, used_bytes: usize) -> (Stage, Stage) {
        let budget = self.budget();
        let before = self.stage();
        let after = budget.stage(before, used_bytes);
        self.used_bytes.store(used_bytes, Ordering::Relaxed);
        self.excess_bytes.store(budget.excess_bytes(used_bytes), Ordering::Relaxed);
        self.stage.store(after as u8, Ordering::Relaxed);
        self.measurements.fetch_add(1, Ordering::Release);
        (before, after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_begin_in_order_and_end_a_while_below() {
        let pressure = Pressure::default();
        pressure.set_budget(Budget(100_000));
        for (used, expected) in [
            (89_000, Stage::Plenty),
            (90_000, Stage::RefuseJoins),
            (86_000, Stage::RefuseJoins),
            (84_000, Stage::Plenty),
            (86_000, Stage::Plenty),
            (95_000, Stage::DelayCatchUps),
            (91_000, Stage::DelayCatchUps),
            (89_000, Stage::RefuseJoins),
            (200_000, Stage::Close),
            (96_000, Stage::Close),
            (94_000, Stage::DelayCatchUps),
            (0, Stage::Plenty),
        ] {
            assert_eq!(pressure.measured(used).1, expected, "{used}");
            assert_eq!(pressure.stage(), expected);
            assert_eq!(pressure.used_bytes(), used);
            assert_eq!(pressure.excess_bytes(), used.saturating_sub(95_000));
        }
    }

    #[test]
    fn without_a_budget_there_is_always_plenty() {
        assert_eq!(Budget(0).stage(Stage::Close, usize::MAX), Stage::Plenty);
        assert_eq!(Budget(usize::MAX).stage(Stage::Plenty, usize::MAX - 1), Stage::Close);
    }
}
