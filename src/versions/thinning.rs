//! Which versions go: automatic ones thin out as they age (all of the last hour stay, then the last of each hour for a day, of each day for a
//! month, of each week for a year) and make room for one another. Versions that were kept by hand stay. Knows no document and no clock.

use selvedge_storage::Version;

const HOUR_MS: u64 = 3_600_000;
const DAY_MS: u64 = 24 * HOUR_MS;
const WEEK_MS: u64 = 7 * DAY_MS;
const MONTH_MS: u64 = 30 * DAY_MS;
const YEAR_MS: u64 = 365 * DAY_MS;

/// Those kept by hand have one share of the room, automatic ones the other: whoever may only write cannot push history out by keeping versions.
const SHARES: u8 = 2;

/// What the versions of one document may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// How many.
    pub versions_max: usize,
    /// Bytes of their states.
    pub bytes_max: u64,
}

impl Room {
    /// What those kept by hand may take, and automatic ones as much.
    pub(super) fn share(self) -> Self {
        Self { versions_max: self.versions_max / usize::from(SHARES), bytes_max: self.bytes_max / u64::from(SHARES) }
    }

    fn holds(self, taken: Taken) -> bool {
        taken.count <= self.versions_max && taken.bytes <= self.bytes_max
    }
}

/// Who has a version kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// Somebody who likes to have it.
    Hand,
    /// The rule, as the document changes.
    Rule,
    /// Whoever brings another version back: it is the way to undo that.
    Restore,
}

impl Origin {
    /// As versions are stored: the rule gives no names.
    pub(super) fn of(is_automatic: bool, name: &str) -> Self {
        match (is_automatic, name.is_empty()) {
            (false, _) => Self::Hand,
            (true, true) => Self::Rule,
            (true, false) => Self::Restore,
        }
    }

    fn of_version(version: &Version) -> Self {
        Self::of(version.is_automatic, &version.name)
    }
}

/// A version that is to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Coming {
    /// Who has it kept.
    pub(super) origin: Origin,
    /// Its state.
    pub(super) bytes: u64,
}

/// What some versions take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Taken {
    count: usize,
    bytes: u64,
}

impl Taken {
    fn by(versions: impl IntoIterator<Item = u64>) -> Self {
        versions.into_iter().fold(Self::default(), Self::with)
    }

    fn with(self, bytes: u64) -> Self {
        Self { count: self.count + 1, bytes: self.bytes.saturating_add(bytes) }
    }
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

/// The versions that are to go for one that comes, of all that a document has, ascending: those that age makes superfluous, and as many automatic
/// ones as it takes. Those from before a restore go first, or whoever restores often could push the rule's out; then each from the oldest on.
pub(super) fn thin(versions: &[Version], now_ms: u64, room: Room, coming: Coming) -> Vec<u64> {
    let mut gone = aged(versions, now_ms);
    let way_back = way_back(versions, &gone, coming);
    let of = |origin: Origin| {
        let kept = versions.iter().filter(|version| !gone.contains(&version.id) && Some(version.id) != way_back);
        kept.filter(move |version| Origin::of_version(version) == origin)
    };
    let in_order: Vec<&Version> = of(Origin::Restore).chain(of(Origin::Rule)).collect();
    let more = match coming.origin {
        Origin::Rule => Some(coming.bytes),
        Origin::Hand | Origin::Restore => None,
    };
    let mut left = in_order.iter().map(|version| version.bytes);
    for version in &in_order {
        if room.share().holds(Taken::by(left.clone().chain(more))) {
            break;
        }
        left.next();
        gone.push(version.id);
    }
    gone
}

/// Whether there is room for it, once those are gone.
pub(super) fn has_room(versions: &[Version], gone: &[u64], room: Room, coming: Coming) -> bool {
    let way_back = way_back(versions, gone, coming);
    let kept = versions.iter().filter(|version| !gone.contains(&version.id) && Some(version.id) != way_back);
    let is_automatic = match coming.origin {
        Origin::Hand => false,
        Origin::Rule => true,
        // The last way back has a place of its own: what fills the room must not keep anybody from going back.
        Origin::Restore => return true,
    };
    let sharing = kept.filter(|version| version.is_automatic == is_automatic);
    room.share().holds(Taken::by(sharing.map(|version| version.bytes)).with(coming.bytes))
}

/// The way back from the last restore, which takes none of the room. One that comes takes its place.
fn way_back(versions: &[Version], gone: &[u64], coming: Coming) -> Option<u64> {
    let is_way_back =
        |version: &&Version| Origin::of_version(version) == Origin::Restore && !gone.contains(&version.id);
    match coming.origin {
        Origin::Restore => None,
        Origin::Hand | Origin::Rule => versions.iter().rev().find(is_way_back).map(|version| version.id),
    }
}

/// Those that others of the same origin make superfluous. The newest of each origin stays.
fn aged(versions: &[Version], now_ms: u64) -> Vec<u64> {
    let is_superfluous = |&(at, version): &(usize, &Version)| {
        let age_ms = now_ms.saturating_sub(version.taken_ms);
        let is_alike = |later: &&Version| Origin::of_version(later) == Origin::of_version(version);
        let mut later = versions[at + 1..].iter().filter(is_alike);
        let is_last_of =
            |span_ms: u64| !later.clone().any(|later| later.taken_ms / span_ms == version.taken_ms / span_ms);
        let is_too_many = age_ms >= YEAR_MS || span_ms(age_ms).is_some_and(|span_ms| !is_last_of(span_ms));
        version.is_automatic && is_too_many && later.next().is_some()
    };
    versions.iter().enumerate().filter(is_superfluous).map(|(_, version)| version.id).collect()
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    const AMPLE: Room = Room { versions_max: usize::MAX, bytes_max: u64::MAX };
    const NOTHING: Coming = Coming { origin: Origin::Hand, bytes: 0 };
    /// A moment that lies in the middle of no span.
    const NOW_MS: u64 = 2_000 * WEEK_MS + 3 * DAY_MS + 5 * HOUR_MS + 123_456;

    fn version(taken_ms: u64, origin: Origin, bytes: u64) -> Version {
        let (name, is_automatic) = match origin {
            Origin::Hand => (String::new(), false),
            Origin::Rule => (String::new(), true),
            Origin::Restore => ("before restoring".to_owned(), true),
        };
        Version { id: taken_ms, name, author: None, taken_ms, sequence: taken_ms, bytes, is_automatic }
    }

    fn origins() -> impl Strategy<Value = Origin> {
        prop_oneof![1 => Just(Origin::Hand), 8 => Just(Origin::Rule), 1 => Just(Origin::Restore)]
    }

    /// By age, of all origins.
    fn versions() -> impl Strategy<Value = Vec<Version>> {
        let age = prop_oneof![0..2 * HOUR_MS, 0..2 * DAY_MS, 0..2 * MONTH_MS, 0..2 * YEAR_MS];
        vec((age, 0..1_000_u64, origins()), 0..200).prop_map(|mut drawn| {
            drawn.sort_unstable_by_key(|&(age, ..)| age);
            drawn.dedup_by_key(|&mut (age, ..)| age);
            drawn.into_iter().rev().map(|(age, bytes, origin)| version(NOW_MS - age, origin, bytes)).collect()
        })
    }

    fn without(versions: &[Version], gone: &[u64]) -> Vec<Version> {
        versions.iter().filter(|version| !gone.contains(&version.id)).cloned().collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_was_kept_by_hand_and_the_last_hour_and_the_newest_stay(versions in versions()) {
            let gone = thin(&versions, NOW_MS, AMPLE, NOTHING);
            for version in &versions {
                let stays = !version.is_automatic || NOW_MS - version.taken_ms < HOUR_MS;
                prop_assert!(!(stays && gone.contains(&version.id)), "{version:?}");
            }
            prop_assert!(versions.last().is_none_or(|newest| !gone.contains(&newest.id)));
        }

        #[test]
        fn thinning_twice_is_thinning_once(versions in versions()) {
            let kept = without(&versions, &thin(&versions, NOW_MS, AMPLE, NOTHING));
            prop_assert_eq!(thin(&kept, NOW_MS, AMPLE, NOTHING), Vec::<u64>::new());
        }

        #[test]
        fn thinning_often_keeps_what_thinning_late_keeps(versions in versions(), later_ms in 0..YEAR_MS) {
            let now = without(&versions, &thin(&versions, NOW_MS, AMPLE, NOTHING));
            let often = without(&now, &thin(&now, NOW_MS + later_ms, AMPLE, NOTHING));
            let late = without(&versions, &thin(&versions, NOW_MS + later_ms, AMPLE, NOTHING));
            prop_assert_eq!(often, late);
        }

        #[test]
        fn of_every_span_with_versions_one_stays(versions in versions()) {
            let kept = without(&versions, &thin(&versions, NOW_MS, AMPLE, NOTHING));
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
                kept.push(version(now_ms, Origin::Rule, 1));
                let gone = thin(&kept, now_ms, AMPLE, NOTHING);
                kept = without(&kept, &gone);
                prop_assert!(kept.len() <= 60 + 24 + 30 + 53 + 3, "{} are kept", kept.len());
            }
        }

        #[test]
        fn room_is_made_of_the_oldest_automatic_ones_for_those_of_the_rule_alone(
            versions in versions(), versions_max in 2..50_usize, bytes_max in 0..20_000_u64, origin in origins(), bytes in 0..1_000_u64,
        ) {
            let (room, coming) = (Room { versions_max, bytes_max }, Coming { origin, bytes });
            let by_age = thin(&versions, NOW_MS, AMPLE, NOTHING);
            let gone = thin(&versions, NOW_MS, room, coming);
            let kept = without(&versions, &gone);
            prop_assert!(gone.iter().all(|id| versions.iter().any(|version| version.id == *id && version.is_automatic)));
            match origin {
                Origin::Hand => {}
                Origin::Rule => {
                    let is_alone = kept.iter().filter(|version| version.is_automatic).all(|version| Origin::of_version(version) == Origin::Restore);
                    prop_assert!(has_room(&versions, &gone, room, coming) || is_alone, "{kept:?}");
                }
                Origin::Restore => prop_assert!(has_room(&versions, &gone, room, coming)),
            }
            for of in [Origin::Rule, Origin::Restore] {
                let oldest_kept = kept.iter().find(|version| Origin::of_version(version) == of).map_or(u64::MAX, |version| version.id);
                for version in versions.iter().filter(|version| Origin::of_version(version) == of && gone.contains(&version.id)) {
                    prop_assert!(by_age.contains(&version.id) || version.id < oldest_kept, "{version:?}");
                }
            }
        }

        #[test]
        fn neither_who_keeps_versions_nor_who_restores_pushes_out_those_of_the_rule(
            versions in versions(), versions_max in 2..50_usize, bytes_max in 0..20_000_u64, comings in vec((prop::bool::ANY, 0..1_000_u64), 1..60),
        ) {
            let room = Room { versions_max, bytes_max };
            let of_rule = |versions: &[Version]| -> Vec<u64> {
                let of_rule = versions.iter().filter(|version| Origin::of_version(version) == Origin::Rule);
                of_rule.map(|version| version.id).collect()
            };
            // As the rule left it.
            let mut kept = without(&versions, &thin(&versions, NOW_MS, room, Coming { origin: Origin::Rule, bytes: 0 }));
            let before = of_rule(&kept);
            for (number, (is_restore, bytes)) in (1..).zip(comings) {
                let origin = if is_restore { Origin::Restore } else { Origin::Hand };
                let coming = Coming { origin, bytes };
                let gone = thin(&kept, NOW_MS, room, coming);
                if has_room(&kept, &gone, room, coming) {
                    kept = without(&kept, &gone);
                    kept.push(version(NOW_MS + number, origin, bytes));
                }
                prop_assert_eq!(&of_rule(&kept), &before);
                let is_there = kept.last().is_some_and(|last| Origin::of_version(last) == Origin::Restore && last.bytes == bytes);
                prop_assert!(!is_restore || is_there, "there is a way back");
            }
        }
    }
}
