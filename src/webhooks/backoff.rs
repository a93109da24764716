//! How long to wait before the next attempt: twice as long each time, and by chance between half of that and all of it, so that those who
//! failed together do not come back together. Has no clock.

/// Before the second attempt, in milliseconds, at most.
const FIRST_MS: u64 = 1_000;

/// Before any, at most.
const LONGEST_MS: u64 = 300_000;

/// Chance (SplitMix64): nothing that anybody gains from foreseeing.
#[derive(Clone, Debug)]
pub(super) struct Chance(u64);

impl Chance {
    pub(super) fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// After so many attempts have failed, at least one; and not sooner than the target asks for, within bounds.
pub(super) fn backoff_ms(failed: u32, asked_ms: Option<u64>, chance: &mut Chance) -> u64 {
    let doublings = failed.saturating_sub(1).min(20);
    let longest = (FIRST_MS << doublings).min(LONGEST_MS);
    let wait = longest / 2 + chance.next() % (longest / 2 + 1);
    wait.max(asked_ms.unwrap_or(0).min(LONGEST_MS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_wait_is_longer_and_none_is_too_long() {
        let mut chance = Chance::seeded(7);
        for failed in 1..=40 {
            let longest = LONGEST_MS.min(FIRST_MS.saturating_mul(1 << (failed - 1).min(30)));
            let waits: Vec<u64> = (0..200).map(|_| backoff_ms(failed, None, &mut chance)).collect();
            assert!(waits.iter().all(|wait| (longest / 2..=longest).contains(wait)), "{failed}: {waits:?}");
            assert!(waits.iter().any(|wait| *wait != waits[0]), "chance");
        }
        assert_eq!(backoff_ms(1, Some(20_000), &mut chance), 20_000);
        assert_eq!(backoff_ms(1, Some(u64::MAX), &mut chance), LONGEST_MS);
    }
}
