//! Deliveries in lanes, one for each document: within a lane they go one after the other, lanes go beside each other. Has no clock, and does
//! not know what is delivered.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::hash::Hash;

/// Where a lane stands.
#[derive(Debug)]
enum Standing<T> {
    /// Its first may go, when it is its turn.
    Ready(u64),
    /// Its first has failed, and goes again then.
    Resting(u64),
    /// Its first is on its way. This is a copy, in case that nobody can wait for what comes of it.
    Flying(T),
}

/// Something in a lane, and since when.
#[derive(Debug)]
struct Waiting<T> {
    since: u64,
    item: T,
}

#[derive(Debug)]
struct Lane<T> {
    /// In the order in which they came. Only empty where one is on its way: that is not in here.
    waiting: VecDeque<Waiting<T>>,
    standing: Standing<T>,
}

/// Invariant: a lane is listed in `ready` or `resting` as it stands, and in `oldest` with its first that waits, if one does.
#[derive(Debug)]
pub(super) struct Lanes<K, T> {
    lanes: HashMap<K, Lane<T>>,
    /// By their turns.
    ready: BTreeSet<(u64, K)>,
    resting: BTreeSet<(u64, K)>,
    oldest: BTreeSet<(u64, K)>,
    /// Turns that were given.
    turns: u64,
    /// Those that wait and those on their way.
    len: usize,
}

impl<K: Clone + Eq + Hash + Ord, T: Clone> Lanes<K, T> {
    pub(super) fn new() -> Self {
        Self {
            lanes: HashMap::new(),
            ready: BTreeSet::new(),
            resting: BTreeSet::new(),
            oldest: BTreeSet::new(),
            turns: 0,
            len: 0,
        }
    }

    /// Deliveries in all lanes, those on their way included.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Behind all others of its lane, since now, which is not before what came earlier.
    pub(super) fn push(&mut self, now: u64, key: K, item: T) {
        self.len += 1;
        let waiting = Waiting { since: now, item };
        if let Some(lane) = self.lanes.get_mut(&key) {
            if lane.waiting.is_empty() {
                self.oldest.insert((now, key));
            }
            lane.waiting.push_back(waiting);
            return;
        }
        self.oldest.insert((now, key.clone()));
        let turn = self.turn();
        self.ready.insert((turn, key.clone()));
        self.lanes.insert(key, Lane { waiting: VecDeque::from([waiting]), standing: Standing::Ready(turn) });
    }

    fn turn(&mut self) -> u64 {
        self.turns += 1;
        self.turns
    }

    /// Something may go by then.
    pub(super) fn has_ready(&mut self, now: u64) -> bool {
        while let Some((due, _)) = self.resting.first()
            && *due <= now
        {
            let Some((_, key)) = self.resting.pop_first() else { break };
            self.make_ready(&key);
        }
        !self.ready.is_empty()
    }

    fn make_ready(&mut self, key: &K) {
        let turn = self.turn();
        if let Some(lane) = self.lanes.get_mut(key) {
            lane.standing = Standing::Ready(turn);
            self.ready.insert((turn, key.clone()));
        }
    }

    /// When the next lane that rests may go.
    pub(super) fn next_due(&self) -> Option<u64> {
        self.resting.first().map(|(due, _)| *due)
    }

    /// Since when the one waits that waits longest.
    pub(super) fn oldest(&self) -> Option<u64> {
        self.oldest.first().map(|(since, _)| *since)
    }

    /// The first of a lane that is ready. It is on its way until [`Lanes::done`] or [`Lanes::rest`].
    pub(super) fn take(&mut self) -> Option<(K, T)> {
        let (_, key) = self.ready.pop_first()?;
        let first = self.pop(&key)?;
        self.lanes.get_mut(&key)?.standing = Standing::Flying(first.item.clone());
        Some((key, first.item))
    }

    /// Takes out the one that waits longest. The next of its lane need not wait for what that one waited for.
    pub(super) fn take_oldest(&mut self) -> Option<T> {
        let key = self.oldest.first()?.1.clone();
        let first = self.pop(&key)?;
        self.len -= 1;
        let lane = self.lanes.get(&key)?;
        match (&lane.standing, lane.waiting.is_empty()) {
            (Standing::Flying(_), _) | (Standing::Ready(_), false) => {}
            (Standing::Ready(turn), true) => {
                self.ready.remove(&(*turn, key.clone()));
                self.lanes.remove(&key);
            }
            (Standing::Resting(until), is_empty) => {
                self.resting.remove(&(*until, key.clone()));
                if is_empty {
                    self.lanes.remove(&key);
                } else {
                    self.make_ready(&key);
                }
            }
        }
        Some(first.item)
    }

    /// The first that waits in a lane.
    fn pop(&mut self, key: &K) -> Option<Waiting<T>> {
        let lane = self.lanes.get_mut(key)?;
        let first = lane.waiting.pop_front()?;
        self.oldest.remove(&(first.since, key.clone()));
        if let Some(next) = lane.waiting.front() {
            self.oldest.insert((next.since, key.clone()));
        }
        Some(first)
    }

    /// Something is on its way in this lane, and was not taken out meanwhile.
    pub(super) fn is_flying(&self, key: &K) -> bool {
        self.lanes.get(key).is_some_and(|lane| matches!(lane.standing, Standing::Flying(_)))
    }

    /// What was on its way in this lane is done with.
    pub(super) fn done(&mut self, key: &K) {
        self.len -= 1;
        let Some(lane) = self.lanes.get(key) else { return };
        if lane.waiting.is_empty() {
            self.lanes.remove(key);
        } else {
            self.make_ready(key);
        }
    }

    /// What was on its way in this lane, and is there since then, goes again in a while, in front of all others of it.
    pub(super) fn rest(&mut self, key: &K, since: u64, item: T, until: u64) {
        let Some(lane) = self.lanes.get_mut(key) else { return };
        if let Some(next) = lane.waiting.front() {
            self.oldest.remove(&(next.since, key.clone()));
        }
        self.oldest.insert((since, key.clone()));
        lane.waiting.push_front(Waiting { since, item });
        lane.standing = Standing::Resting(until);
        self.resting.insert((until, key.clone()));
    }

    /// Takes out everything, what is on its way included.
    pub(super) fn clear(&mut self) -> Vec<T> {
        self.ready.clear();
        self.resting.clear();
        self.oldest.clear();
        self.len = 0;
        let lanes = self.lanes.drain();
        let all = lanes.flat_map(|(_, lane)| {
            let flying = match lane.standing {
                Standing::Flying(item) => Some(item),
                Standing::Ready(_) | Standing::Resting(_) => None,
            };
            flying.into_iter().chain(lane.waiting.into_iter().map(|waiting| waiting.item))
        });
        all.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_goes_one_after_the_other_and_lanes_beside_each_other() {
        let mut lanes = Lanes::new();
        for (key, item) in [("a", 1), ("a", 2), ("b", 3), ("a", 4)] {
            lanes.push(0, key, item);
        }
        assert_eq!((lanes.take(), lanes.take(), lanes.take()), (Some(("a", 1)), Some(("b", 3)), None));
        lanes.rest(&"a", 0, 1, 50);
        lanes.done(&"b");
        lanes.push(0, "b", 5);
        assert!(lanes.has_ready(49));
        assert_eq!((lanes.take(), lanes.take()), (Some(("b", 5)), None));
        assert_eq!((lanes.has_ready(49), lanes.next_due()), (false, Some(50)));
        assert!(lanes.has_ready(50));
        assert_eq!(lanes.take(), Some(("a", 1)));
        lanes.done(&"a");
        assert_eq!(lanes.take(), Some(("a", 2)));
        lanes.done(&"b");
        assert!(lanes.is_flying(&"a"));
        assert_eq!((lanes.len(), lanes.clear(), lanes.len()), (2, vec![2, 4], 0));
        assert!(!lanes.is_flying(&"a"), "it was taken out");
    }

    #[test]
    fn the_oldest_is_taken_out_of_its_lane_however_that_stands() {
        let mut lanes = Lanes::new();
        for (since, key) in [(1, "ready"), (2, "flying"), (3, "resting"), (4, "resting"), (5, "flying")] {
            lanes.push(since, key, since);
        }
        assert_eq!(lanes.take(), Some(("ready", 1)));
        lanes.done(&"ready");
        assert_eq!((lanes.take(), lanes.take()), (Some(("flying", 2)), Some(("resting", 3))));
        lanes.rest(&"resting", 3, 3, 50);
        lanes.push(6, "ready", 6);
        assert_eq!((lanes.oldest(), lanes.take_oldest()), (Some(3), Some(3)));
        assert_eq!(lanes.next_due(), None, "the next of its lane has not failed");
        assert_eq!((lanes.take_oldest(), lanes.take_oldest(), lanes.take_oldest()), (Some(4), Some(5), Some(6)));
        assert_eq!((lanes.take_oldest(), lanes.oldest(), lanes.has_ready(99)), (None, None, false));
        assert_eq!((lanes.len(), lanes.lanes.len()), (1, 1), "one is on its way");
        lanes.done(&"flying");
        assert_eq!((lanes.len(), lanes.lanes.len()), (0, 0));
    }
}
