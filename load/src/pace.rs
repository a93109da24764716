//! Pace: when each message of several writers is meant to be sent, evenly spread over the writers and over time. Knows nothing of what
//! happens to the messages, and never waits for it: whoever is late stays late against the same plan.

use crate::clock::Micros;

/// The plan of all writers of a run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    start: Micros,
    until: Micros,
    /// Between two messages of one writer.
    period_us: f64,
    writers: u32,
}

/// A message of the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Planned {
    /// Which of the writers whose turns are taken.
    pub(crate) writer: u32,
    /// How many it was to send before.
    pub(crate) sequence: u32,
}

impl Pace {
    /// Messages from `start` to before `until`. `rate_per_s` is that of each writer, above 0.
    pub(crate) fn new(start: Micros, until: Micros, rate_per_s: f64, writers: u32) -> Self {
        assert!(rate_per_s > 0.0 && writers > 0, "a pace is for somebody who writes");
        Self { start, until, period_us: 1e6 / rate_per_s, writers }
    }

    /// When a message is meant to be sent.
    pub(crate) fn intended(&self, planned: Planned) -> Micros {
        let phase = f64::from(planned.writer) / f64::from(self.writers);
        self.start + ((f64::from(planned.sequence) + phase) * self.period_us) as Micros
    }

    /// How many messages a writer sends in all.
    pub(crate) fn count(&self, writer: u32) -> u32 {
        let mut count = ((self.until.saturating_sub(self.start)) as f64 / self.period_us) as u32 + 1;
        while count > 0 && self.intended(Planned { writer, sequence: count - 1 }) >= self.until {
            count -= 1;
        }
        count
    }
}

/// The messages of every `step`th writer from `first` on, in the order of their times: what one of `step` threads has to do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Turns {
    pace: Pace,
    first: u32,
    step: u32,
    next: Planned,
}

impl Turns {
    /// `None` where no writer is left for this thread.
    pub(crate) fn new(pace: Pace, first: u32, step: u32) -> Option<Self> {
        (first < pace.writers).then_some(Self { pace, first, step, next: Planned { writer: first, sequence: 0 } })
    }

    /// When the next message is due; `None` at the end of the plan.
    pub(crate) fn due(&self) -> Option<Micros> {
        let intended = self.pace.intended(self.next);
        (intended < self.pace.until).then_some(intended)
    }

    /// The next message that is due by now.
    pub(crate) fn poll(&mut self, now: Micros) -> Option<Planned> {
        self.due().filter(|&due| due <= now)?;
        let planned = self.next;
        self.next.writer += self.step;
        if self.next.writer >= self.pace.writers {
            self.next = Planned { writer: self.first, sequence: planned.sequence + 1 };
        }
        Some(planned)
    }

    pub(crate) fn pace(&self) -> &Pace {
        &self.pace
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_spread_evenly_and_come_in_order() {
        let pace = Pace::new(1_000, 2_001_000, 2.0, 4);
        let mut all = Vec::new();
        for thread in 0..3 {
            let mut turns = Turns::new(pace, thread, 3).expect("4 writers for 3 threads");
            let mut last = 0;
            while let Some(planned) = turns.poll(Micros::MAX) {
                let intended = pace.intended(planned);
                assert!(intended >= last, "in order");
                last = intended;
                all.push(intended);
            }
        }
        all.sort_unstable();
        let expected: Vec<Micros> = (0..16).map(|number| 1_000 + number * 125_000).collect();
        assert_eq!(all, expected);
    }

    #[test]
    fn nothing_is_due_before_its_time_or_at_the_end() {
        let mut turns = Turns::new(Pace::new(100, 100 + 1_500_000, 1.0, 1), 0, 1).expect("one writer");
        assert_eq!(turns.poll(99), None);
        assert_eq!(turns.poll(100), Some(Planned { writer: 0, sequence: 0 }));
        assert_eq!(turns.due(), Some(1_000_100));
        assert_eq!(turns.poll(9_000_000), Some(Planned { writer: 0, sequence: 1 }));
        assert_eq!((turns.due(), turns.poll(9_000_000)), (None, None));
        assert!(Turns::new(*turns.pace(), 1, 2).is_none());
    }

    #[test]
    fn a_writer_sends_as_many_as_are_counted() {
        for (rate, length, writers) in [(1.0, 1_000_000, 3), (7.3, 2_345_678, 5), (1000.0, 10_001, 2), (0.1, 100, 2)] {
            let pace = Pace::new(17, 17 + length, rate, writers);
            let mut counts = vec![0; writers as usize];
            let mut turns = Turns::new(pace, 0, 1).expect("there are writers");
            while let Some(planned) = turns.poll(Micros::MAX) {
                counts[planned.writer as usize] += 1;
            }
            for (writer, count) in (0..).zip(counts) {
                assert_eq!(pace.count(writer), count, "writer {writer} of {writers} at {rate}/s");
            }
        }
    }
}
