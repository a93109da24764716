//! Tallies: what one thread counted since it last said so. Does not know what any of it means for the scenario.

use std::collections::BTreeMap;

use crate::effort::Effort;
use crate::latency::Latencies;
use crate::step::Step;

/// Different troubles that are told apart; the rest is counted together.
const TROUBLES_MAX: usize = 32;
const OTHER_TROUBLES: &str = "other troubles";

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Count {
    /// Connections that reached what the scenario opens them for.
    Attached,
    /// Connections that will not, or that ended though nobody asked them to.
    Failed,
    /// Updates sent that were planned for the measured time.
    Updates,
    /// Updates sent in all.
    UpdatesSent,
    /// Updates that came back to their writer, in all.
    Acknowledged,
    /// Updates that came to another, in the measured time.
    Deliveries,
    /// Updates that came to another for the first time, in all.
    Delivered,
    /// Updates that will come to another, in all.
    DeliveriesDue,
    /// Updates that came again.
    Duplicates,
    /// Awareness states sent that were planned for the measured time.
    States,
    /// Awareness states sent in all.
    StatesSent,
    /// Awareness states that came to another, in all.
    StatesDelivered,
    /// Awareness states that came to another, in the measured time.
    StateDeliveries,
    /// Newest states that came to another.
    NewestDelivered,
    /// Newest states that will come to another.
    NewestDue,
    /// Echoes that came in the measured time.
    Echoes,
    /// Messages sent that ask for an echo, in all.
    EchoesDue,
    /// Echoes in all.
    Echoed,
    /// Messages that waited because the connection still sent.
    HeldBack,
    /// Questions to a sample at the end.
    SampleSent,
    /// Answers to them.
    SampleAnswered,
    /// Documents whose text was compared with what it must be.
    TextsCompared,
    /// Those that differed.
    TextsDiffering,
    /// Clients that have the whole document, or are back.
    Synced,
    /// Bytes of messages received.
    ReceivedBytes,
    /// Frames received with at least one update in them.
    UpdateFrames,
    /// Bytes sent, with their frames.
    SentBytes,
}

impl Count {
    const COUNT: usize = Self::SentBytes as usize + 1;
}

/// Sums by what is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Counts([u64; Count::COUNT]);

impl Default for Counts {
    fn default() -> Self {
        Self([0; Count::COUNT])
    }
}

impl Counts {
    pub(crate) fn add(&mut self, count: Count, more: u64) {
        self.0[count as usize] += more;
    }

    pub(crate) fn of(&self, count: Count) -> u64 {
        self.0[count as usize]
    }

    /// Whether anything but failures was counted: whoever only tries again and again gets nowhere.
    pub(crate) fn have_progress(&self) -> bool {
        let counted: u64 = self.0.iter().sum();
        counted > self.of(Count::Failed)
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        for (ours, theirs) in self.0.iter_mut().zip(&other.0) {
            *ours += theirs;
        }
    }
}

/// What one thread says.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Which thread.
    pub(crate) thread: usize,
    pub(crate) counts: Counts,
    pub(crate) latencies: Latencies,
    pub(crate) troubles: Troubles,
    /// The step of which its part is done.
    pub(crate) done: Option<Step>,
    /// What it spent on the measured time, once that is over.
    pub(crate) effort: Option<Effort>,
}

/// What went wrong, and how often.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Troubles(BTreeMap<String, u64>);

impl Troubles {
    pub(crate) fn add(&mut self, trouble: &str, times: u64) {
        let known = self.0.len() < TROUBLES_MAX || self.0.contains_key(trouble);
        let trouble = if known { trouble } else { OTHER_TROUBLES };
        *self.0.entry(trouble.to_owned()).or_default() += times;
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        for (trouble, &times) in &other.0 {
            self.add(trouble, times);
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.0.iter().map(|(trouble, &times)| (trouble.as_str(), times))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_kinds_of_trouble_than_fit_are_counted_together() {
        let mut troubles = Troubles::default();
        for kind in 0..100 {
            troubles.add(&format!("kind {kind}"), 2);
        }
        troubles.add("kind 0", 1);
        assert_eq!(troubles.iter().map(|(_, times)| times).sum::<u64>(), 201);
        assert!(troubles.iter().count() <= TROUBLES_MAX + 1);
        assert!(troubles.iter().any(|(trouble, times)| (trouble, times) == ("kind 0", 3)));
    }

    #[test]
    fn sums_grow_by_what_was_counted() {
        let mut sum = Counts::default();
        let mut one = Counts::default();
        one.add(Count::Updates, 3);
        sum.merge(&one);
        sum.merge(&one);
        assert_eq!(sum.of(Count::Updates), 6);
        assert_eq!(sum.of(Count::SentBytes), 0);
        assert!(sum.have_progress());
    }

    #[test]
    fn failures_alone_are_no_progress() {
        let mut counts = Counts::default();
        counts.add(Count::Failed, 7);
        assert!(!counts.have_progress());
        counts.add(Count::Attached, 1);
        assert!(counts.have_progress());
    }
}
