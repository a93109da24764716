//! How long a document gathers before it sends again. Knows neither documents nor clocks.

use crate::id::Now;

/// The share of time in which a core is at work, in thousandths: 0 when it only waits, 1,000 when it never does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Load(pub u16);

impl Load {
    /// A core that only waits.
    pub const NONE: Self = Self(0);
    /// A core that never waits.
    pub const FULL: Self = Self(1_000);
}

/// How the window of a document opens.
struct Opening {
    /// Where it begins to.
    from: Load,
    /// From where on it is as wide as it may be.
    to: Load,
    /// How wide that is: one part of so many.
    parts: u64,
}

/// For most documents: up to 5 % a core has time, and everything is sent at once.
const MANY: Opening = Opening { from: Load(50), to: Load(150), parts: 1 };

/// Where there are few sessions, sending to all of them costs about as much as waking the loop once more for it. Waiting pays only
/// where the loop hardly sleeps. And there it is often one who waits for the other's answer: the first milliseconds save most.
const FEW: Opening = Opening { from: Load(500), to: Load(900), parts: 4 };

/// With fewer sessions than this a document has few.
const MANY_SESSIONS: usize = 16;

/// From so many sessions on authors wait too. Storing an update by itself costs as much as sending to twenty sessions; where so many are
/// sent what has gathered at once, and all the same one record is made for each update, the records are most of the work.
const CROWD_SESSIONS: usize = 100;

/// How long they wait: one part in so many of the fan-out's window, so 2 ms of 16.
const RECORD_WINDOW_PART: u64 = 8;

/// What the kernel takes for a send, in microseconds, whatever is in it: 2 to 4.2 were measured on two machines.
const SEND_US: u64 = 3;

/// How often [`Spared`] takes the time, in milliseconds.
const SPARED_SAMPLE_MS: u64 = 10;

/// What was longer ago than this has hardly any weight, in milliseconds: as with the load, to which it is added.
const SPARED_MEMORY_MS: u64 = 100;

/// The load that gathering has spared a core of late. Windows open by what the core would have to do without them: otherwise a wide window
/// would take away the load that opened it, and come to rest half open.
#[derive(Debug, Default)]
pub(crate) struct Spared {
    /// Sends since the sample began.
    sends: u64,
    since: Now,
    /// Smoothed, in thousandths of the core.
    permille: f64,
}

impl Spared {
    /// So many updates went to so many sessions in one frame.
    pub(crate) fn gathered(&mut self, updates: u64, sessions: usize) {
        if sessions >= MANY_SESSIONS {
            self.sends += updates.saturating_sub(1) * sessions as u64;
        }
    }

    /// Takes the time. To be called with every turn.
    pub(crate) fn look(&mut self, now: Now) {
        let elapsed_ms = now.since(self.since);
        if elapsed_ms < SPARED_SAMPLE_MS {
            return;
        }
        let permille = (self.sends * SEND_US) as f64 / elapsed_ms as f64;
        let weight = elapsed_ms as f64 / (elapsed_ms + SPARED_MEMORY_MS) as f64;
        self.permille += (permille - self.permille) * weight;
        (self.sends, self.since) = (0, now);
    }

    /// A core with this load, had it gathered nothing.
    pub(crate) fn on_top_of(&self, load: Load) -> Load {
        // Thousandths: at most what a `u16` holds, after the comparison.
        Load((f64::from(load.0) + self.permille).min(f64::from(Load::FULL.0)) as u16)
    }
}

/// Bytes of updates that are not gathered any further, however long the window is: sends of that size cost what their bytes cost.
pub(crate) const GATHERED_BYTES_MAX: usize = 64 * 1024;

/// Milliseconds between two fan-outs of a document with so many sessions, on a core with this load.
pub(crate) fn fan_out_window_ms(load: Load, sessions: usize, max_ms: u64) -> u64 {
    let Opening { from, to, parts } = if sessions < MANY_SESSIONS { FEW } else { MANY };
    let above = u64::from(load.0.min(to.0).saturating_sub(from.0));
    max_ms * above / (u64::from(to.0 - from.0) * parts)
}

/// Milliseconds between two records of a document with so many sessions, which sends not more often than every `fan_out_window_ms`.
pub(crate) fn record_window_ms(fan_out_window_ms: u64, sessions: usize) -> u64 {
    if sessions < CROWD_SESSIONS { 0 } else { fan_out_window_ms / RECORD_WINDOW_PART }
}

/// Milliseconds between two awareness frames of a document. More sessions make more awareness and more receivers of each, whatever
/// the core has to do beside: it is told less often.
pub(crate) fn awareness_window_ms(sessions: usize, per_session_us: u64, max_ms: u64) -> u64 {
    (sessions as u64 * per_session_us / 1_000).min(max_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_core_with_time_does_not_wait_and_a_busy_one_waits_no_longer_than_it_may() {
        for (load, window) in [(0, 0), (50, 0), (56, 0), (57, 1), (100, 8), (149, 15), (150, 16), (1_000, 16)] {
            assert_eq!(fan_out_window_ms(Load(load), 200, 16), window, "load {load}");
        }
        assert_eq!(fan_out_window_ms(Load::FULL, 200, 0), 0);
        assert_eq!(fan_out_window_ms(Load(100), 200, 1_000), 500);
    }

    #[test]
    fn a_window_does_not_take_away_what_opens_it() {
        // 1,000 updates a second to 200 sessions, 16 in a frame: 187,500 sends a second are spared, more than half of a core.
        let mut spared = Spared::default();
        for fan_out in 1..=200 {
            spared.gathered(16, 200);
            spared.look(Now(fan_out * 16));
        }
        let demand = spared.on_top_of(Load(50));
        assert!((Load(600)..Load(620)).contains(&demand), "{demand:?}");
        spared.look(Now(200 * 16 + 10_000));
        assert!(spared.on_top_of(Load(50)) < Load(60), "nothing is spared any more");
    }

    #[test]
    fn few_sessions_spare_nothing_worth_mentioning() {
        let mut spared = Spared::default();
        spared.gathered(1_000_000, MANY_SESSIONS - 1);
        spared.look(Now(10));
        assert_eq!(spared.on_top_of(Load(7)), Load(7));
    }

    #[test]
    fn a_document_with_few_sessions_waits_only_where_the_core_hardly_does() {
        for (load, window) in [(150, 0), (500, 0), (700, 2), (900, 4), (1_000, 4)] {
            assert_eq!(fan_out_window_ms(Load(load), MANY_SESSIONS - 1, 16), window, "load {load}");
        }
    }

    #[test]
    fn authors_wait_only_in_a_crowd_and_for_a_part_of_the_window() {
        assert_eq!(record_window_ms(16, CROWD_SESSIONS - 1), 0);
        assert_eq!([0, 7, 8, 16].map(|window_ms| record_window_ms(window_ms, CROWD_SESSIONS)), [0, 0, 1, 2]);
    }

    #[test]
    fn awareness_waits_with_the_sessions_of_its_document() {
        let windows = [0, 7, 8, 1_500, 2_000, 100_000].map(|sessions| awareness_window_ms(sessions, 125, 250));
        assert_eq!(windows, [0, 0, 1, 187, 250, 250]);
        assert_eq!(awareness_window_ms(100_000, 125, 0), 0);
    }
}
