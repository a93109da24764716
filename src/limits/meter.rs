//! How fast one connection may send: the generic cell rate algorithm in four bytes. Has no clock.

/// Steps of a meter in a millisecond.
const STEPS_PER_MS: u64 = 100;

/// How fast each connection may send. Messages and bytes draw on the same time: each message takes its share of a second, and so does each byte.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rate {
    /// What a message takes, in thousandths of a step.
    message_cost: u64,
    /// What 1,024 bytes take, in thousandths of a step.
    kib_cost: u64,
    /// How far ahead of its time a connection may be, in steps.
    burst: u32,
}

impl Rate {
    /// So many messages, or so many bytes, in a second; what was not used in the time of the burst may be used later at once.
    /// 0 stands for no limit.
    #[must_use]
    pub fn new(messages_per_s_max: u64, bytes_per_s_max: u64, burst_ms: u64) -> Self {
        let second = 1_000 * STEPS_PER_MS * 1_000;
        let cost = |of: u64, per_s: u64| (of * second).checked_div(per_s).unwrap_or(0);
        // Beyond, a meter could not tell what is long ago from what is far ahead.
        let burst = u32::try_from(burst_ms * STEPS_PER_MS).unwrap_or(u32::MAX).min(BURST_MAX);
        Self { message_cost: cost(1, messages_per_s_max), kib_cost: cost(1_024, bytes_per_s_max), burst }
    }

    /// Nothing is limited.
    #[must_use]
    pub fn is_unlimited(&self) -> bool {
        self.message_cost == 0 && self.kib_cost == 0
    }

    fn cost(&self, messages: usize, bytes: usize) -> u64 {
        // Rounded up: what takes less than a step is not free.
        (messages as u64 * self.message_cost).div_ceil(1_000) + (bytes as u64 * self.kib_cost).div_ceil(1_024_000)
    }
}

/// Furthest ahead that a burst may be, in steps: an hour.
const BURST_MAX: u32 = 360_000_000;

/// Furthest ahead that a meter may be, in steps: about ten hours. One message that takes longer is counted as that.
const AHEAD_MAX: u32 = 1 << 31;

const _: () = assert!(BURST_MAX < AHEAD_MAX / 4);

/// One connection's account: the moment at which all that it has sent would have come at the highest steady pace, in steps that wrap.
///
/// A moment in the past says that nothing is owed. After about twelve hours of silence it would look like one ahead; but a client that says nothing, not even
/// a pong, is closed long before, and otherwise would be held back once.
#[derive(Clone, Copy, Debug)]
pub struct Meter(u32);

impl Meter {
    /// Nothing was sent yet.
    #[must_use]
    pub fn starting(now_ms: u64) -> Self {
        Self(steps(now_ms))
    }

    /// So much was received.
    pub fn charge(&mut self, rate: &Rate, now_ms: u64, messages: usize, bytes: usize) {
        if rate.is_unlimited() {
            return;
        }
        let ahead = u64::from(self.ahead(now_ms)) + rate.cost(messages, bytes);
        let ahead = u32::try_from(ahead).unwrap_or(AHEAD_MAX).min(AHEAD_MAX - 1);
        self.0 = steps(now_ms).wrapping_add(ahead);
    }

    /// How long nothing more should be read, in milliseconds; `None` where the connection is within its rate.
    #[must_use]
    pub fn wait_ms(&self, rate: &Rate, now_ms: u64) -> Option<u64> {
        let over = self.ahead(now_ms).checked_sub(rate.burst).filter(|&over| over > 0)?;
        Some(u64::from(over).div_ceil(STEPS_PER_MS))
    }

    /// Steps ahead of its time.
    fn ahead(&self, now_ms: u64) -> u32 {
        let ahead = self.0.wrapping_sub(steps(now_ms));
        if ahead < AHEAD_MAX { ahead } else { 0 }
    }
}

/// The time in steps, wrapped.
fn steps(now_ms: u64) -> u32 {
    (now_ms.wrapping_mul(STEPS_PER_MS) & u64::from(u32::MAX)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends as fast as it may for so long, from this time on, and says how many messages that were.
    fn flood(rate: &Rate, from_ms: u64, ms: u64, bytes: usize) -> u64 {
        let mut meter = Meter::starting(from_ms);
        let (mut now, mut messages) = (from_ms, 0);
        while now < from_ms + ms {
            match meter.wait_ms(rate, now) {
                Some(wait) => now += wait,
                None => {
                    meter.charge(rate, now, 1, bytes);
                    messages += 1;
                }
            }
        }
        messages
    }

    #[test]
    fn a_flood_gets_its_burst_and_then_its_rate_wherever_the_steps_wrap() {
        let rate = Rate::new(1_000, 0, 2_000);
        for from in [0, 42_949_000, u64::from(u32::MAX) / 100 - 5_000, 1 << 40] {
            let messages = flood(&rate, from, 10_000, 1 << 20);
            assert!((12_000..12_010).contains(&messages), "{messages}");
        }
        let rate = Rate::new(0, 1 << 20, 1_000);
        let messages = flood(&rate, 7, 9_000, 1_000);
        assert!((10_480..10_500).contains(&messages), "{messages} of 1,000 bytes in 10 MiB");
    }

    #[test]
    fn both_limits_hold_where_both_are_set() {
        let rate = Rate::new(100, 1 << 20, 0);
        assert!(flood(&rate, 0, 10_000, 1) <= 1_001);
        assert!(flood(&rate, 0, 10_000, 1 << 20) <= 11);
    }

    #[test]
    fn the_largest_message_goes_through_and_is_waited_for() {
        let rate = Rate::new(0, 1 << 20, 1_000);
        let mut meter = Meter::starting(1_000);
        meter.charge(&rate, 1_000, 1, 64 << 20);
        assert_eq!(meter.wait_ms(&rate, 1_000), Some(63_000));
        assert_eq!(meter.wait_ms(&rate, 64_000), None);
        meter.charge(&Rate::new(0, 1_024, 0), 64_000, 1, 1 << 40);
        assert!(meter.wait_ms(&rate, 64_000).is_some());
    }

    #[test]
    fn without_limits_nothing_is_counted() {
        assert_eq!(flood_once(&Rate::default()), None);
        assert_eq!(flood_once(&Rate::new(0, 0, 10)), None);
    }

    fn flood_once(rate: &Rate) -> Option<u64> {
        let mut meter = Meter::starting(0);
        meter.charge(rate, 0, 1_000_000, 1 << 40);
        meter.wait_ms(rate, 0)
    }
}
