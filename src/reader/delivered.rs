//! How many bytes of catch-ups are made and not sent yet. Does not know to whom.

use std::sync::{Arc, Weak};

use selvedge_shards::Frame;

/// The answers that somebody still holds. One that many hold is counted once, as it takes memory once.
#[derive(Debug)]
pub(super) struct Delivered {
    bytes_max: usize,
    bytes: usize,
    answers: Vec<(Weak<[Frame]>, usize)>,
    /// Answers that are looked through when so many are there: twice as many as were left the last time, so that the cost of each is constant.
    sweep_at: usize,
}

/// Small answers are not worth a sweep.
const SWEEP_MIN: usize = 64;

impl Delivered {
    pub(super) fn new(bytes_max: usize) -> Self {
        Self { bytes_max, bytes: 0, answers: Vec::new(), sweep_at: SWEEP_MIN }
    }

    /// There is room for another answer. The one that fills it may overshoot, so that one larger than the budget is possible at all.
    pub(super) fn has_room(&mut self) -> bool {
        if self.bytes >= self.bytes_max {
            self.sweep();
        }
        self.bytes < self.bytes_max
    }

    pub(super) fn insert(&mut self, frames: &Arc<[Frame]>) {
        if self.answers.len() >= self.sweep_at {
            self.sweep();
        }
        let bytes = frames.iter().map(Frame::len).sum();
        self.bytes += bytes;
        self.answers.push((Arc::downgrade(frames), bytes));
    }

    /// What somebody still holds.
    pub(super) fn bytes(&mut self) -> usize {
        self.sweep();
        self.bytes
    }

    fn sweep(&mut self) {
        self.answers.retain(|(answer, _)| answer.strong_count() > 0);
        self.bytes = self.answers.iter().map(|(_, bytes)| bytes).sum();
        self.sweep_at = SWEEP_MIN.max(self.answers.len() * 2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(bytes: usize) -> Arc<[Frame]> {
        Arc::new([Frame::new(vec![0; bytes])])
    }

    #[test]
    fn what_nobody_holds_makes_room() {
        let mut delivered = Delivered::new(100);
        let (first, second) = (answer(60), answer(60));
        delivered.insert(&first);
        assert!(delivered.has_room());
        delivered.insert(&second);
        assert!(!delivered.has_room());
        drop(first);
        assert!(delivered.has_room());
    }

    #[test]
    fn answers_that_are_gone_do_not_pile_up() {
        let mut delivered = Delivered::new(usize::MAX);
        for _ in 0..10_000 {
            delivered.insert(&answer(1));
        }
        assert!(delivered.answers.len() <= SWEEP_MIN);
    }
}
