//! How long a connection's round trip takes and how much that varies, smoothed, in two bytes. Has no clock.

/// A connection whose round trip stays within this is excellent: nobody feels it.
pub const EXCELLENT_MS_MAX: u32 = 100;

/// A connection whose round trip stays within this is good: others' cursors seem to be where they are.
pub const GOOD_MS_MAX: u32 = 400;

/// The share of a new sample is one in so many. Twice that of RFC 6298, because there are minutes between samples.
const SHARE: i16 = 4;

/// Sixteenths of an octave by which the first sample may be wrong (RFC 6298: half of it).
const FIRST_DEVIATION: u8 = 8;

/// How well a connection does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quality {
    /// Its round trip was not measured yet.
    Unknown,
    /// Slow, or less and less steady, or it does not answer.
    Poor,
    /// Felt by who looks for it.
    Good,
    /// Not felt.
    Excellent,
}

/// As in RFC 6298, but in logarithms: what is far away varies by more, and a byte reaches from a millisecond to a minute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct RoundTrip {
    /// A number with four binary digits behind the point, as [`encode`] gives it. 0: unknown.
    smoothed: u8,
    /// Mean deviation, in the same steps: sixteenths of an octave.
    deviation: u8,
}

impl RoundTrip {
    pub(super) fn add(&mut self, ms: u32) {
        let sample = encode(ms);
        if self.smoothed == 0 {
            *self = Self { smoothed: sample, deviation: FIRST_DEVIATION };
            return;
        }
        self.deviation = nearer(self.deviation, self.smoothed.abs_diff(sample));
        self.smoothed = nearer(self.smoothed, sample);
    }

    pub(super) fn quality(self) -> Quality {
        if self.smoothed == 0 {
            return Quality::Unknown;
        }
        let nearly_all = self.smoothed.saturating_add(self.deviation.saturating_mul(2));
        let ms = decode(nearly_all);
        if ms <= EXCELLENT_MS_MAX {
            Quality::Excellent
        } else if ms <= GOOD_MS_MAX {
            Quality::Good
        } else {
            Quality::Poor
        }
    }
}

/// A share of the way, and at least one step: rounding must not keep it from ever arriving.
fn nearer(from: u8, to: u8) -> u8 {
    let way = i16::from(to) - i16::from(from);
    let step = if way < 0 { way.div_euclid(SHARE) } else { (way + SHARE - 1) / SHARE };
    u8::try_from(i16::from(from) + step).expect("it lies between two bytes")
}

/// From 1 for up to a millisecond in sixteen steps for each octave; what takes longer than a minute is the last step.
fn encode(ms: u32) -> u8 {
    let ms = u64::from(ms.max(1));
    let octave = ms.ilog2();
    let within = (ms << 4 >> octave) - 16;
    u8::try_from(u64::from(octave) * 16 + within + 1).unwrap_or(u8::MAX)
}

/// The least that is encoded so.
fn decode(encoded: u8) -> u32 {
    let steps = u32::from(encoded.saturating_sub(1));
    ((16 + steps % 16) << (steps / 16)) >> 4
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_holds_a_time_to_a_sixteenth_from_a_millisecond_to_a_minute() {
        for ms in 1..=60_000 {
            let back = decode(encode(ms));
            assert!(back <= ms && ms - back <= ms / 16, "{ms} came back as {back}");
            assert!(encode(ms) <= encode(ms + 1));
        }
        assert_eq!((encode(0), encode(u32::MAX)), (1, u8::MAX));
    }

    fn after(samples: impl IntoIterator<Item = u32>) -> RoundTrip {
        let mut round_trip = RoundTrip::default();
        for ms in samples {
            round_trip.add(ms);
        }
        round_trip
    }

    #[test]
    fn what_stays_the_same_is_arrived_at_and_steady() {
        for (from, to) in [(5, 300), (300, 5), (1, 50_000), (50_000, 1)] {
            let end = after([from].into_iter().chain(std::iter::repeat_n(to, 80)));
            assert_eq!(end.smoothed, encode(to), "{from} to {to}");
            assert!(end.deviation <= 1, "{from} to {to}: {end:?}");
        }
    }

    #[test]
    fn quality_follows_how_long_it_takes_and_how_steadily() {
        assert_eq!(after([]).quality(), Quality::Unknown);
        assert_eq!(after([20; 3]).quality(), Quality::Excellent);
        assert_eq!(after([150; 5]).quality(), Quality::Good);
        assert_eq!(after([900; 3]).quality(), Quality::Poor);
        assert_eq!(after([150, 150, 150, 150, 2_000, 20, 2_500, 15]).quality(), Quality::Poor, "unsteady");
        let grows = after([60, 60, 60, 120, 240, 480, 960]);
        assert_eq!(grows.quality(), Quality::Poor, "growing");
    }

    #[test]
    fn one_slow_answer_does_not_make_a_connection_poor() {
        let once = after(std::iter::repeat_n(20, 10).chain([400]));
        assert_eq!(once.quality(), Quality::Good);
    }
}
