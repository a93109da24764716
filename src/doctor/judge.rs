//! Whether what was found will do. It does not know where it was found.

use super::declaration::{Knob, Rule};

/// What became of one knob.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// It will do.
    Ok,
    /// It does not exist here, or does not matter.
    NotApplicable,
    /// Nothing here says what it is.
    Unknown,
    /// More is needed, or it is not set.
    TooLow,
    /// Less is needed.
    TooHigh,
    /// It will not do, and this process may not change it: somebody above has to.
    NotPermitted,
}

impl State {
    /// All of them, for counting.
    pub const ALL: [Self; 6] =
        [Self::Ok, Self::NotApplicable, Self::Unknown, Self::TooLow, Self::TooHigh, Self::NotPermitted];

    /// For programs.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::NotApplicable => "not_applicable",
            Self::Unknown => "unknown",
            Self::TooLow => "too_low",
            Self::TooHigh => "too_high",
            Self::NotPermitted => "not_permitted",
        }
    }

    /// For people.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::NotApplicable => "not applicable",
            Self::Unknown => "unknown",
            Self::TooLow => "too low",
            Self::TooHigh => "too high",
            Self::NotPermitted => "not permitted",
        }
    }

    /// Whether something has to be mended.
    #[must_use]
    pub const fn is_wrong(self) -> bool {
        match self {
            Self::TooLow | Self::TooHigh | Self::NotPermitted => true,
            Self::Ok | Self::NotApplicable | Self::Unknown => false,
        }
    }
}

/// Holds numbers against their targets. A list of another length than declared is not what was meant.
pub(super) fn numbers(knob: &Knob, found: &[u64], wanted: &[u64], ceiling: Option<&[u64]>) -> State {
    if knob.rule == Rule::LeftAlone {
        return State::Ok;
    }
    if found.len() != wanted.len() {
        return State::Unknown;
    }
    let is_above = |ceiling: &[u64]| found.iter().zip(ceiling).any(|(found, ceiling)| found > ceiling);
    if ceiling.is_some_and(is_above) {
        return State::TooHigh;
    }
    let mut pairs = found.iter().zip(wanted).enumerate();
    let less = |(index, (found, wanted)): (usize, (&u64, &u64))| {
        if knob.lower_first && index == 0 { found > wanted } else { found < wanted }
    };
    match knob.rule {
        Rule::AtLeast if pairs.any(less) => State::TooLow,
        Rule::AtMost if pairs.any(|(_, (found, wanted))| found > wanted) => State::TooHigh,
        Rule::Exactly | Rule::OneOf => match found.cmp(wanted) {
            std::cmp::Ordering::Less => State::TooLow,
            std::cmp::Ordering::Equal => State::Ok,
            std::cmp::Ordering::Greater => State::TooHigh,
        },
        Rule::AtLeast | Rule::AtMost | Rule::LeftAlone => State::Ok,
    }
}

/// Holds a word against those that will do.
pub(super) fn word(knob: &Knob, found: &str) -> State {
    if knob.rule == Rule::LeftAlone || knob.target.split_whitespace().any(|word| word == found) {
        State::Ok
    } else if knob.otherwise_high {
        State::TooHigh
    } else {
        State::TooLow
    }
}

/// What `tuning/apply` would write: a number that is higher than it has to be stays.
pub(super) fn mended(knob: &Knob, found: &[u64], wanted: &[u64]) -> Vec<u64> {
    let keep = |(index, (&found, &wanted)): (usize, (&u64, &u64))| match knob.rule {
        Rule::AtLeast if knob.lower_first && index == 0 => found.min(wanted),
        Rule::AtLeast => found.max(wanted),
        Rule::AtMost => found.min(wanted),
        Rule::Exactly | Rule::OneOf | Rule::LeftAlone => wanted,
    };
    if found.len() == wanted.len() { found.iter().zip(wanted).enumerate().map(keep).collect() } else { wanted.to_vec() }
}

#[cfg(test)]
mod tests {
    use super::super::declaration::KNOBS;
    use super::*;

    fn named(name: &str) -> &'static Knob {
        KNOBS.iter().find(|knob| knob.name == name).expect("declared")
    }

    #[test]
    fn numbers_are_held_against_the_rule() {
        let check = |name: &str, found: &[u64], wanted: &[u64], state| {
            assert_eq!(numbers(named(name), found, wanted, None), state, "{name} {found:?} {wanted:?}");
        };
        check("file-max", &[5], &[4], State::Ok);
        check("file-max", &[4], &[4], State::Ok);
        check("file-max", &[3], &[4], State::TooLow);
        check("tcp-notsent-lowat", &[u32::MAX.into()], &[131_072], State::TooHigh);
        check("tcp-notsent-lowat", &[1], &[131_072], State::Ok);
        check("tcp-slow-start-after-idle", &[1], &[0], State::TooHigh);
        check("local-port-range", &[32_768, 60_999], &[10_240, 65_535], State::TooLow);
        check("local-port-range", &[1024, 65_535], &[10_240, 65_535], State::Ok);
        check("tcp-rmem", &[4096, 1, 9_000_000], &[4096, 16_384, 6_291_456], State::TooLow);
        check("tcp-rmem", &[4096, 131_072], &[4096, 16_384, 6_291_456], State::Unknown);
        check("busy-poll", &[50], &[], State::Ok);
    }

    #[test]
    fn ten_million_pages_are_too_much_for_a_machine_of_24_gigabytes() {
        let half = [3 << 20; 3];
        let judged = numbers(named("tcp-mem"), &[10_000_000; 3], &[400_000, 800_000, 1_000_000], Some(&half));
        assert_eq!(judged, State::TooHigh);
    }

    #[test]
    fn what_somebody_set_higher_stays() {
        let check = |name: &str, found: &[u64], wanted: &[u64], mended_to: &[u64]| {
            assert_eq!(mended(named(name), found, wanted), mended_to, "{name}");
        };
        check("tcp-rmem", &[8192, 1, 9_000_000], &[4096, 16_384, 6_291_456], &[8192, 16_384, 9_000_000]);
        check("local-port-range", &[1024, 60_999], &[10_240, 65_535], &[1024, 65_535]);
        check("tcp-notsent-lowat", &[7], &[131_072], &[7]);
        check("tcp-slow-start-after-idle", &[1], &[0], &[0]);
    }
}
