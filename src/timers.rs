//! One core's timer wheel: deadlines of connections, coarse and cheap. Has no clock, and does not know what a deadline means.

/// Milliseconds from one slot to the next, and how late a deadline may be noticed. The loop ticks as often.
pub const SLOT_MS: u64 = selvedge_shards::TICK_MS;

/// Slots of the wheel. Deadlines further away than one round stay in their slot for another round.
const SLOTS: usize = 256;

/// A hashed timer wheel. There is no cancelling: an entry names what it is for by a key with a generation, and whoever gets it when
/// it is due looks whether that still waits. So an entry lives as long as its deadline is away, whatever became of its
/// connection; their number is bounded by connections opened per deadline.
#[derive(Debug)]
pub struct TimerWheel<T> {
    slots: Vec<Vec<Entry<T>>>,
    /// The last slot number (milliseconds divided by [`SLOT_MS`]) that was looked through.
    swept: u64,
}

#[derive(Debug)]
struct Entry<T> {
    /// Slot number, not reduced to the wheel.
    due: u64,
    item: T,
}

impl<T> TimerWheel<T> {
    /// An empty wheel that stands at this time.
    #[must_use]
    pub fn new(now_ms: u64) -> Self {
        Self { slots: (0..SLOTS).map(|_| Vec::new()).collect(), swept: now_ms / SLOT_MS }
    }

    /// Gives the item back not before the time, and at most two slots later if the wheel is swept in every slot.
    pub fn insert(&mut self, due_ms: u64, item: T) {
        let due = due_ms.div_ceil(SLOT_MS).max(self.swept + 1);
        self.slot(due).push(Entry { due, item });
    }

    /// Moves everything that is due out of the wheel.
    pub fn sweep(&mut self, now_ms: u64, due: &mut Vec<T>) {
        let now = now_ms / SLOT_MS;
        // After a long sleep every slot is looked into once, not once for each round that was missed.
        let first = (self.swept + 1).max(now.saturating_sub(SLOTS as u64 - 1));
        for number in first..=now {
            let slot = self.slot(number);
            due.extend(slot.extract_if(.., |entry| entry.due <= now).map(|entry| entry.item));
            if slot.is_empty() {
                // A burst of connections must not leave its memory in the wheel for ever.
                *slot = Vec::new();
            }
        }
        self.swept = self.swept.max(now);
    }

    fn slot(&mut self, number: u64) -> &mut Vec<Entry<T>> {
        // The remainder is less than the number of slots, which is a usize.
        &mut self.slots[(number % SLOTS as u64) as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_deadline_comes_once_not_early_and_within_two_slots() {
        let start = 10_007;
        let mut wheel = TimerWheel::new(start);
        let round = SLOT_MS * SLOTS as u64;
        let delays: Vec<u64> = (0..400).map(|n| n * 977 % (3 * round)).collect();
        for (item, delay) in delays.iter().enumerate() {
            wheel.insert(start + delay, item);
        }
        let mut seen = vec![0; delays.len()];
        let mut due = Vec::new();
        let mut now = start;
        while now < start + 4 * round {
            wheel.sweep(now, &mut due);
            for item in due.drain(..) {
                let deadline = start + delays[item];
                assert!(now >= deadline && now < deadline + 2 * SLOT_MS, "due {deadline}, came {now}");
                seen[item] += 1;
            }
            now += SLOT_MS / 2;
        }
        assert!(seen.iter().all(|&times| times == 1), "{seen:?}");
    }

    #[test]
    fn nothing_is_lost_by_a_sleep_of_several_rounds() {
        let mut wheel = TimerWheel::new(0);
        for item in 0..SLOTS as u64 * 2 {
            wheel.insert(item * SLOT_MS, item);
        }
        let mut due = Vec::new();
        wheel.sweep(SLOT_MS * SLOTS as u64 * 5, &mut due);
        due.sort_unstable();
        assert_eq!(due, (0..SLOTS as u64 * 2).collect::<Vec<_>>());
        assert!(wheel.slots.iter().all(|slot| slot.capacity() == 0));
    }

    #[test]
    fn a_deadline_in_the_past_is_due_at_the_next_sweep_that_moves() {
        let mut wheel = TimerWheel::new(SLOT_MS * 10);
        wheel.insert(0, ());
        let mut due = Vec::new();
        wheel.sweep(SLOT_MS * 10, &mut due);
        assert!(due.is_empty());
        wheel.sweep(SLOT_MS * 11, &mut due);
        assert_eq!(due.len(), 1);
    }
}
