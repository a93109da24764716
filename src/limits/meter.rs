//! How fast one connection may send: the generic cell rate algorithm, in four bytes. Has no clock.

/// How fast each connection may send. Messages and bytes draw on the same time: each message takes its share of a second, and so does each byte.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rate {
    /// What a message takes, in nanoseconds.
    message_ns: u64,
    /// What 1,024 bytes take, in nanoseconds.
    kib_ns: u64,
    /// How far ahead of its time a connection may be, in microseconds.
    burst_us: u32,
}

impl Rate {
    /// So many messages, or so many bytes, in a second; what was not used in the time of the burst may be used later at once.
    /// 0 stands for no limit.
    #[must_use]
    pub fn new(messages_per_second_max: u64, bytes_per_second_max: u64, burst_ms: u64) -> Self {
        let time_ns = |of: u64, per_s: u64| (of * 1_000_000_000).checked_div(per_s).unwrap_or(0);
        let burst_us = u32::try_from(burst_ms * 1_000).unwrap_or(u32::MAX).min(BURST_US_MAX);
        Self { message_ns: time_ns(1, messages_per_second_max), kib_ns: time_ns(1_024, bytes_per_second_max), burst_us }
    }

    /// Nothing is limited.
    #[must_use]
    pub fn is_unlimited(&self) -> bool {
        self.message_ns == 0 && self.kib_ns == 0
    }

    fn time_us(&self, messages: usize, bytes: usize) -> u64 {
        let of_bytes_ns = (bytes as u64).saturating_mul(self.kib_ns) / 1_024;
        // Rounded up: what takes less than a microsecond is not free.
        (messages as u64).saturating_mul(self.message_ns).saturating_add(of_bytes_ns).div_ceil(1_000)
    }
}

/// Furthest ahead that a burst may be, in microseconds: ten minutes.
const BURST_US_MAX: u32 = 600_000_000;

/// Furthest ahead that a meter may be, in microseconds: about 35 minutes. One message that takes longer counts as that.
const AHEAD_US_MAX: u32 = 1 << 31;

const _: () = assert!(BURST_US_MAX <= AHEAD_US_MAX / 2);

/// One connection's account: the moment at which all that it has sent would have come at the highest steady pace, in microseconds that wrap
/// after 71 minutes.
///
/// A moment in the past says that nothing is owed. After 35 minutes it would look like one ahead; so a meter has to be brought up to the
/// present more often than that, whether or not anything comes ([`Meter::settle`]).
#[derive(Clone, Copy, Debug)]
pub struct Meter(u32);

impl Meter {
    /// Nothing was sent yet.
    #[must_use]
    pub fn starting(now_ms: u64) -> Self {
        Self(wrapped_us(now_ms))
    }

    /// Time has passed.
    pub fn settle(&mut self, now_ms: u64) {
        self.0 = wrapped_us(now_ms).wrapping_add(self.ahead_us(now_ms));
    }

    /// So much was received.
    pub fn charge(&mut self, rate: &Rate, now_ms: u64, messages: usize, bytes: usize) {
        if rate.is_unlimited() {
            return;
        }
        let ahead = u64::from(self.ahead_us(now_ms)).saturating_add(rate.time_us(messages, bytes));
        let ahead = u32::try_from(ahead).unwrap_or(u32::MAX).min(AHEAD_US_MAX - 1);
        self.0 = wrapped_us(now_ms).wrapping_add(ahead);
    }

    /// How long nothing more should be read, in milliseconds; `None` where the connection is within its rate.
    #[must_use]
    pub fn wait_ms(&self, rate: &Rate, now_ms: u64) -> Option<u64> {
        if rate.is_unlimited() {
            return None;
        }
        let over = self.ahead_us(now_ms).checked_sub(rate.burst_us).filter(|&over| over > 0)?;
        Some(u64::from(over).div_ceil(1_000))
    }

    fn ahead_us(&self, now_ms: u64) -> u32 {
        let ahead = self.0.wrapping_sub(wrapped_us(now_ms));
        if ahead < AHEAD_US_MAX { ahead } else { 0 }
    }
}

fn wrapped_us(now_ms: u64) -> u32 {
    (now_ms.wrapping_mul(1_000) & u64::from(u32::MAX)) as u32
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
        for from in [0, u64::from(u32::MAX) / 1_000 - 5_000, u64::from(u32::MAX) / 2_000 - 5_000, 1 << 40] {
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
    fn a_meter_that_is_kept_up_to_date_owes_nothing_after_any_silence() {
        let rate = Rate::new(10, 0, 100);
        let mut meter = Meter::starting(0);
        meter.charge(&rate, 0, 10, 0);
        assert!(meter.wait_ms(&rate, 0).is_some());
        for minute in 1..200 {
            let now = minute * 60_000;
            meter.settle(now);
            assert_eq!(meter.wait_ms(&rate, now), None, "after {minute} minutes");
        }
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
