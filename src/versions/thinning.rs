//! Which automatic versions go as they age: all of the last hour stay, then the last of each hour for a day, of each day for a month, of each
//! week for a year. Versions that were kept by hand stay. Knows no document and no clock.

use selvedge_storage::Version;

const HOUR_MS: u64 = 3_600_000;
const DAY_MS: u64 = 24 * HOUR_MS;
const WEEK_MS: u64 = 7 * DAY_MS;
const MONTH_MS: u64 = 30 * DAY_MS;
const YEAR_MS: u64 = 365 * DAY_MS;

/// What the versions of one document may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// How many.
    pub versions_max: usize,
    /// Bytes of their states.
    pub bytes_max: u64,
}

/// The span whose last version is enough at this age; nothing where each counts. Spans nest: the last version of a week is the last one of its
/// day and of its hour, so that what is kept for long was kept all the time before.
fn span_ms(age_ms: u64) -> Option<u64> {
    match age_ms {
        ..HOUR_MS => None,
        HOUR_MS..DAY_MS => Some(HOUR_MS),
        DAY_MS..MONTH_MS => Some(DAY_MS),
        MONTH_MS.. => Some(WEEK_MS),
    }
}

/// The versions that are to go, of all that a document has, ascending: those that age makes superfluous, and from the oldest on as many
/// automatic ones as it takes to have room for one of `more_bytes`. The newest stays.
#[must_use]
pub fn thin(versions: &[Version], now_ms: u64, room: Room, more_bytes: Option<u64>) -> Vec<u64> {
    let mut gone = Vec::new();
    let mut kept: Vec<&Version> = Vec::new();
    for (at, version) in versions.iter().enumerate() {
        let age_ms = now_ms.saturating_sub(version.taken_ms);
        let later = versions[at + 1..].iter().filter(|later| later.is_automatic);
        let same_span =
            |span_ms: u64| later.clone().any(|later| later.taken_ms / span_ms == version.taken_ms / span_ms);
        let is_superfluous = age_ms >= YEAR_MS || span_ms(age_ms).is_some_and(same_span);
        if version.is_automatic && is_superfluous && at + 1 < versions.len() {
            gone.push(version.id);
        } else {
            kept.push(version);
        }
    }
    let (mut count, mut bytes) = (kept.len(), kept.iter().map(|version| version.bytes).sum::<u64>());
    let is_over = |count: usize, bytes: u64| match more_bytes {
        Some(more) => count >= room.versions_max || bytes.saturating_add(more) > room.bytes_max,
        None => count > room.versions_max || bytes > room.bytes_max,
    };
    let newest = versions.last().map(|newest| newest.id);
    for version in kept.into_iter().filter(|version| version.is_automatic) {
        // With another one to come, not even the newest is needed.
        if !is_over(count, bytes) || (more_bytes.is_none() && newest == Some(version.id)) {
            break;
        }
        count -= 1;
        bytes -= version.bytes;
        gone.push(version.id);
    }
    gone
}

/// Whether there is room for one of `more_bytes`, once those are gone.
#[must_use]
pub fn has_room(versions: &[Version], gone: &[u64], room: Room, more_bytes: u64) -> bool {
    let kept = versions.iter().filter(|version| !gone.contains(&version.id));
    let (count, bytes) = kept.fold((0_usize, 0_u64), |(count, bytes), version| (count + 1, bytes + version.bytes));
    count < room.versions_max && bytes.saturating_add(more_bytes) <= room.bytes_max
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    const AMPLE: Room = Room { versions_max: usize::MAX, bytes_max: u64::MAX };
    /// A moment that lies in the middle of no span.
    const NOW_MS: u64 = 2_000 * WEEK_MS + 3 * DAY_MS + 5 * HOUR_MS + 123_456;

    fn version(taken_ms: u64, is_automatic: bool, bytes: u64) -> Version {
        let (name, author) = (String::new(), None);
        Version { id: taken_ms, name, author, taken_ms, sequence: taken_ms, bytes, is_automatic }
    }

    /// By age, automatic ones and those that were kept by hand.
    fn versions() -> impl Strategy<Value = Vec<Version>> {
        let age = prop_oneof![0..2 * HOUR_MS, 0..2 * DAY_MS, 0..2 * MONTH_MS, 0..2 * YEAR_MS];
        vec((age, prop::bool::weighted(0.9), 0..1_000_u64), 0..200).prop_map(|mut drawn| {
            drawn.sort_unstable();
            drawn.dedup_by_key(|&mut (age, ..)| age);
            drawn
                .into_iter()
                .rev()
                .map(|(age, is_automatic, bytes)| version(NOW_MS - age, is_automatic, bytes))
                .collect()
        })
    }

    fn without(versions: &[Version], gone: &[u64]) -> Vec<Version> {
        versions.iter().filter(|version| !gone.contains(&version.id)).cloned().collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_was_kept_by_hand_and_the_last_hour_and_the_newest_stay(versions in versions()) {
            let gone = thin(&versions, NOW_MS, AMPLE, None);
            for version in &versions {
                let stays = !version.is_automatic || NOW_MS - version.taken_ms < HOUR_MS;
                prop_assert!(!(stays && gone.contains(&version.id)), "{version:?}");
            }
            prop_assert!(versions.last().is_none_or(|newest| !gone.contains(&newest.id)));
        }

        #[test]
        fn thinning_twice_is_thinning_once(versions in versions()) {
            let kept = without(&versions, &thin(&versions, NOW_MS, AMPLE, None));
            prop_assert_eq!(thin(&kept, NOW_MS, AMPLE, None), Vec::<u64>::new());
        }

        #[test]
        fn thinning_often_keeps_what_thinning_late_keeps(versions in versions(), later_ms in 0..YEAR_MS) {
            let now = without(&versions, &thin(&versions, NOW_MS, AMPLE, None));
            let often = without(&now, &thin(&now, NOW_MS + later_ms, AMPLE, None));
            let late = without(&versions, &thin(&versions, NOW_MS + later_ms, AMPLE, None));
            prop_assert_eq!(often, late);
        }

        #[test]
        fn of_every_span_with_versions_one_stays(versions in versions()) {
            let kept = without(&versions, &thin(&versions, NOW_MS, AMPLE, None));
            for version in versions.iter().filter(|version| NOW_MS - version.taken_ms < YEAR_MS) {
                let span = span_ms(NOW_MS - version.taken_ms).unwrap_or(1);
                let of_span = |other: &Version| other.taken_ms / span == version.taken_ms / span;
                prop_assert!(kept.iter().any(of_span), "{version:?}");
            }
        }

        #[test]
        fn a_year_of_versions_is_not_many(step_ms in 60_000..HOUR_MS) {
            let mut kept: Vec<Version> = Vec::new();
            let mut now_ms = NOW_MS;
            for _ in 0..500 {
                now_ms += step_ms * 17;
                kept.push(version(now_ms, true, 1));
                let gone = thin(&kept, now_ms, AMPLE, None);
                kept = without(&kept, &gone);
                prop_assert!(kept.len() <= 60 + 24 + 30 + 53 + 3, "{} are kept", kept.len());
            }
        }

        #[test]
        fn room_is_made_of_automatic_ones_from_the_oldest_on(
            versions in versions(), versions_max in 1..50_usize, bytes_max in 0..20_000_u64, more in prop::option::of(0..1_000_u64),
        ) {
            let room = Room { versions_max, bytes_max };
            let by_age = thin(&versions, NOW_MS, AMPLE, None);
            let gone = thin(&versions, NOW_MS, room, more);
            let kept = without(&versions, &gone);
            let automatic_kept = kept.iter().filter(|version| version.is_automatic).count();
            if let Some(more) = more {
                prop_assert!(has_room(&versions, &gone, room, more) || automatic_kept == 0);
            }
            let oldest_kept = kept.iter().find(|version| version.is_automatic).map_or(u64::MAX, |version| version.id);
            for id in &gone {
                prop_assert!(by_age.contains(id) || *id < oldest_kept);
                prop_assert!(versions.iter().any(|version| version.id == *id && version.is_automatic));
            }
        }
    }
}
