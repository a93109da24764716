//! The deletions known of a document, 8 bytes a range, in a shape that takes new ones cheaply.

use crate::lib0::put_uint;
use crate::update::{DeleteRange, DeleteSet};

/// From so many new ranges of one client on they are merged in; below, each is put in its place.
const MERGED_MIN: usize = 5;

/// Start and end.
type Range = (u32, u32);

/// Deleted ranges by client.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownDeletes {
    /// Invariant: clients ascend and have ranges, which ascend and neither touch nor overlap.
    clients: Vec<(u64, Vec<Range>)>,
    /// Invariant: how many ranges there are.
    ranges: usize,
}

impl KnownDeletes {
    /// How many ranges there are.
    #[must_use]
    pub fn ranges(&self) -> usize {
        self.ranges
    }

    /// Start and end of the ranges of one client, in order.
    #[must_use]
    pub fn of(&self, client: u64) -> &[(u32, u32)] {
        match self.clients.binary_search_by_key(&client, |&(c, _)| c) {
            Ok(at) => &self.clients[at].1,
            Err(_) => &[],
        }
    }

    /// Adds a delete set.
    pub(in crate::update) fn extend(&mut self, deletes: &DeleteSet) {
        for of_client in deletes.ranges().chunk_by(|a, b| a.client == b.client) {
            let client = of_client[0].client;
            let at = self.clients.binary_search_by_key(&client, |&(c, _)| c).unwrap_or_else(|at| {
                self.clients.insert(at, (client, Vec::new()));
                at
            });
            let known = &mut self.clients[at].1;
            let before = known.len();
            if of_client.len() < MERGED_MIN {
                of_client.iter().for_each(|range| insert(known, *range));
            } else {
                merge_in(known, of_client);
            }
            self.ranges = self.ranges - before + known.len();
        }
    }

    /// Gives to `visit` what of `range` is not known, in order.
    pub(in crate::update) fn missing(&self, range: DeleteRange, mut visit: impl FnMut(DeleteRange)) {
        let known = self.of(range.client);
        let mut start = range.start;
        let first = known.partition_point(|&(_, end)| end <= start);
        for &(from, to) in known[first..].iter().take_while(|&&(from, _)| from < range.end) {
            if from > start {
                visit(DeleteRange { start, end: from, ..range });
            }
            start = start.max(to);
        }
        if start < range.end {
            visit(DeleteRange { start, ..range });
        }
    }

    /// How many ranges there would be with these, none of which is known.
    pub(in crate::update) fn ranges_with(&self, news: &DeleteSet) -> usize {
        news.ranges().iter().fold(self.ranges, |ranges, new| {
            // Each lies in one gap between known ranges, and grows together with those that it touches.
            let known = self.of(new.client);
            let after = known.partition_point(|&(start, _)| start < new.start);
            let touches_left = after > 0 && known[after - 1].1 == new.start;
            let touches_right = known.get(after).is_some_and(|&(start, _)| start == new.end);
            ranges + 1 - usize::from(touches_left) - usize::from(touches_right)
        })
    }

    pub(super) fn put(&self, out: &mut Vec<u8>) {
        put_uint(out, self.clients.len() as u64);
        for (client, ranges) in self.clients.iter().rev() {
            put_uint(out, *client);
            put_uint(out, ranges.len() as u64);
            for &(start, end) in ranges {
                put_uint(out, u64::from(start));
                put_uint(out, u64::from(end - start));
            }
        }
    }

    pub(super) fn memory_bytes(&self) -> usize {
        let ranges: usize = self.clients.iter().map(|(_, ranges)| ranges.capacity() * size_of::<Range>()).sum();
        self.clients.capacity() * size_of::<(u64, Vec<Range>)>() + ranges
    }
}

/// Puts one range in its place; all that it touches become one. Moves what comes after it.
fn insert(ranges: &mut Vec<Range>, new: DeleteRange) {
    let first = ranges.partition_point(|&(_, end)| end < new.start);
    let past = first + ranges[first..].partition_point(|&(start, _)| start <= new.end);
    if first == past {
        ranges.insert(first, (new.start, new.end));
    } else {
        ranges[first] = (new.start.min(ranges[first].0), new.end.max(ranges[past - 1].1));
        ranges.drain(first + 1..past);
    }
}

/// Adds many at the cost of one walk: an update with 50,000 ranges would take seconds one by one.
fn merge_in(ranges: &mut Vec<Range>, new: &[DeleteRange]) {
    ranges.extend(new.iter().map(|range| (range.start, range.end)));
    // Two sorted lists behind one another, which the stable sort only merges.
    ranges.sort();
    ranges.dedup_by(|next, kept| {
        let joins = next.0 <= kept.1;
        if joins {
            kept.1 = kept.1.max(next.1);
        }
        joins
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(ranges: &[DeleteRange]) -> DeleteSet {
        let mut set = DeleteSet::default();
        ranges.iter().for_each(|range| set.push(*range));
        set.normalise();
        set
    }

    #[test]
    fn ranges_join_when_they_touch_however_they_come() {
        let mut seed = 7u64;
        let mut random = move |below: u32| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 33) as u32 % below
        };
        for _ in 0..500 {
            let mut known = KnownDeletes::default();
            let mut units = std::collections::BTreeSet::new();
            for _ in 0..1 + random(6) {
                let mut ranges = Vec::new();
                for _ in 0..random(9) {
                    let (client, start) = (u64::from(random(2)), random(40));
                    let end = start + 1 + random(5);
                    ranges.push(DeleteRange { client, start, end });
                    units.extend((start..end).map(|clock| (client, clock)));
                }
                let mut news = DeleteSet::default();
                for range in set(&ranges).ranges() {
                    known.missing(*range, |new| news.push(new));
                }
                let expected = known.ranges_with(&news);
                let mut other = known.clone();
                known.extend(&set(&ranges));
                other.extend(&news);
                assert_eq!(known, other);
                assert_eq!(known.ranges(), expected);
            }
            let all: Vec<DeleteRange> =
                units.iter().map(|&(client, clock)| DeleteRange { client, start: clock, end: clock + 1 }).collect();
            let mut at_once = KnownDeletes::default();
            at_once.extend(&set(&all));
            assert_eq!(known, at_once);
        }
    }
}
