//! The rolling look at all connections of a core: how many are due in this turn. Does not know what is looked for, and has no clock.

use selvedge_shards::{Now, TICK_MS};

use crate::connection::pulse::Pace;

/// Connections that are looked at in one go: if all have to be sent something, the core is not away for longer than some milliseconds.
const CONNECTIONS_PER_GO: u64 = 2_048;

/// A go that comes late makes up for so many that were missed; the rest is looked at later than it should be.
const MISSED_MAX: u64 = 3;

/// Where the look stands.
#[derive(Debug, Default)]
pub(super) struct Round {
    /// The next place of the table.
    pub(super) next: usize,
    due: Now,
}

impl Round {
    /// How many of so many places are to be looked at now.
    pub(super) fn due(&mut self, now: Now, places: usize) -> usize {
        if now < self.due {
            return 0;
        }
        let step_ms = step_ms(places);
        let elapsed_ms = now.since(self.due).min(MISSED_MAX * step_ms) + step_ms;
        self.due = Now(now.0 + step_ms);
        // At most four steps, which are milliseconds.
        (places * elapsed_ms as usize).div_ceil(Pace::LOOK_MS as usize)
    }

    /// When that is to be asked before the next tick.
    pub(super) fn next_due(&self, places: usize) -> Option<Now> {
        (step_ms(places) < TICK_MS).then_some(self.due)
    }
}

/// Milliseconds between two goes, of which a table of this length has so many.
fn step_ms(places: usize) -> u64 {
    (Pace::LOOK_MS * CONNECTIONS_PER_GO / places.max(1) as u64).clamp(1, TICK_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_are_looked_at_in_time_and_never_all_at_once() {
        for places in [1, 1_000, 20_000, 250_000, 1_000_000] {
            let mut round = Round::default();
            let (mut looked, mut most) = (0, 0);
            round.due(Now(0), places);
            let mut now = 0;
            while now < Pace::LOOK_MS {
                now = round.next_due(places).map_or(now + TICK_MS, |due| due.0);
                let count = round.due(Now(now), places);
                looked += count;
                most = most.max(count);
            }
            assert!(looked >= places, "{looked} of {places}");
            let fair = (places / 8 + 1).min(2_049 * places.div_ceil(2_048 * 2_000)).max(1);
            assert!(most <= fair, "{most} of {places} at once");
        }
    }

    #[test]
    fn after_a_pause_a_few_goes_are_made_up_for() {
        let mut round = Round::default();
        round.due(Now(0), 250_000);
        let usual = round.due(Now(16), 250_000);
        assert!(round.due(Now(60_000), 250_000) <= 4 * usual);
    }
}
