//! Deliveries in lanes, one for each document: within a lane they go one after the other, lanes go beside each other. Has no clock, and does
//! not know what is delivered.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::hash::Hash;

/// Where a lane stands.
#[derive(Debug, PartialEq, Eq)]
enum Standing {
    /// Its first may go.
    Ready,
    /// Its first has failed, and goes again then.
    Resting(u64),
    /// Its first is on its way.
    Flying,
}

#[derive(Debug)]
struct Lane<T> {
    /// Never empty; where one is on its way, its place is kept by `Flying`, and it is not in here.
    waiting: VecDeque<T>,
    standing: Standing,
}

/// Invariant: a lane that is ready is listed once in `ready`, one that rests once in `resting`.
#[derive(Debug)]
pub(super) struct Lanes<K, T> {
    lanes: HashMap<K, Lane<T>>,
    ready: VecDeque<K>,
    resting: BTreeSet<(u64, K)>,
    /// Those that wait and those on their way.
    len: usize,
}

impl<K: Clone + Eq + Hash + Ord, T> Lanes<K, T> {
    pub(super) fn new() -> Self {
        Self { lanes: HashMap::new(), ready: VecDeque::new(), resting: BTreeSet::new(), len: 0 }
    }

    /// Deliveries in all lanes, those on their way included.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Behind all others of its lane.
    pub(super) fn push(&mut self, key: K, item: T) {
        self.len += 1;
        match self.lanes.get_mut(&key) {
            Some(lane) => lane.waiting.push_back(item),
            None => {
                self.ready.push_back(key.clone());
                self.lanes.insert(key, Lane { waiting: VecDeque::from([item]), standing: Standing::Ready });
            }
        }
    }

    /// Something may go by then.
    pub(super) fn has_ready(&mut self, now: u64) -> bool {
        while let Some((due, _)) = self.resting.first()
            && *due <= now
        {
            let Some((_, key)) = self.resting.pop_first() else { break };
            if let Some(lane) = self.lanes.get_mut(&key) {
                lane.standing = Standing::Ready;
            }
            self.ready.push_back(key);
        }
        !self.ready.is_empty()
    }

    /// When the next lane that rests may go.
    pub(super) fn next_due(&self) -> Option<u64> {
        self.resting.first().map(|(due, _)| *due)
    }

    /// The first of a lane that is ready. It is on its way until [`Lanes::done`] or [`Lanes::rest`].
    pub(super) fn take(&mut self) -> Option<(K, T)> {
        let key = self.ready.pop_front()?;
        let lane = self.lanes.get_mut(&key)?;
        lane.standing = Standing::Flying;
        let item = lane.waiting.pop_front()?;
        Some((key, item))
    }

    /// What was on its way in this lane is done with.
    pub(super) fn done(&mut self, key: &K) {
        self.len -= 1;
        let Some(lane) = self.lanes.get_mut(key) else { return };
        if lane.waiting.is_empty() {
            self.lanes.remove(key);
        } else {
            lane.standing = Standing::Ready;
            self.ready.push_back(key.clone());
        }
    }

    /// What was on its way in this lane goes again then, in front of all others of it.
    pub(super) fn rest(&mut self, key: &K, item: T, until: u64) {
        let Some(lane) = self.lanes.get_mut(key) else { return };
        lane.waiting.push_front(item);
        lane.standing = Standing::Resting(until);
        self.resting.insert((until, key.clone()));
    }

    /// Takes out everything that waits. What is on its way stays.
    pub(super) fn clear(&mut self) -> Vec<T> {
        self.ready.clear();
        self.resting.clear();
        let mut waited = Vec::new();
        self.lanes.retain(|_, lane| {
            waited.extend(lane.waiting.drain(..));
            lane.standing == Standing::Flying
        });
        self.len -= waited.len();
        waited
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_goes_one_after_the_other_and_lanes_beside_each_other() {
        let mut lanes = Lanes::new();
        for (key, item) in [("a", 1), ("a", 2), ("b", 3), ("a", 4)] {
            lanes.push(key, item);
        }
        assert_eq!((lanes.take(), lanes.take(), lanes.take()), (Some(("a", 1)), Some(("b", 3)), None));
        lanes.rest(&"a", 1, 50);
        lanes.done(&"b");
        lanes.push("b", 5);
        assert!(lanes.has_ready(49));
        assert_eq!((lanes.take(), lanes.take()), (Some(("b", 5)), None));
        assert_eq!((lanes.has_ready(49), lanes.next_due()), (false, Some(50)));
        assert!(lanes.has_ready(50));
        assert_eq!(lanes.take(), Some(("a", 1)));
        lanes.done(&"a");
        assert_eq!(lanes.take(), Some(("a", 2)));
        assert_eq!((lanes.len(), lanes.clear(), lanes.len()), (3, vec![4], 2));
        lanes.done(&"a");
        lanes.done(&"b");
        assert_eq!((lanes.len(), lanes.lanes.len()), (0, 0));
    }
}
