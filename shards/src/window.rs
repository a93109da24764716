//! How long a document gathers before it sends again. Knows neither documents nor clocks.

/// The share of time in which a core is at work, in thousandths: 0 when it only waits, 1,000 when it never does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Load(pub u16);

impl Load {
    /// A core that only waits.
    pub const NONE: Self = Self(0);
    /// A core that never waits.
    pub const FULL: Self = Self(1_000);
}

/// Up to here a core has time, and everything is sent at once.
const LOAD_FREE: u64 = 50;

/// From here on the window is as wide as it may be.
const LOAD_WIDEST: u64 = 250;

/// Bytes of updates that are not gathered any further, however long the window is: sends of that size cost what their bytes cost.
pub(crate) const GATHERED_BYTES_MAX: usize = 64 * 1024;

/// Milliseconds between two fan-outs of a document on a core with this load.
pub(crate) fn fan_out_window_ms(load: Load, max_ms: u64) -> u64 {
    let above = u64::from(load.0).saturating_sub(LOAD_FREE);
    (max_ms * above / (LOAD_WIDEST - LOAD_FREE)).min(max_ms)
}

/// Milliseconds between two awareness frames of a document. More sessions make more awareness and more receivers of each, whatever
/// the core has to do beside: it is told less often.
pub(crate) fn awareness_window_ms(sessions: usize, max_ms: u64) -> u64 {
    (sessions as u64 / 8).min(max_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_core_with_time_does_not_wait_and_a_busy_one_waits_no_longer_than_it_may() {
        for (load, window) in [(0, 0), (50, 0), (60, 0), (63, 1), (150, 8), (249, 15), (250, 16), (1_000, 16)] {
            assert_eq!(fan_out_window_ms(Load(load), 16), window, "load {load}");
        }
        assert_eq!(fan_out_window_ms(Load::FULL, 0), 0);
        assert_eq!(fan_out_window_ms(Load(150), 1_000), 500);
    }

    #[test]
    fn awareness_waits_with_the_sessions_of_its_document() {
        let windows = [0, 7, 8, 1_500, 2_000, 100_000].map(|sessions| awareness_window_ms(sessions, 250));
        assert_eq!(windows, [0, 0, 1, 187, 250, 250]);
        assert_eq!(awareness_window_ms(100_000, 0), 0);
    }
}
