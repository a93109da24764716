//! Delete sets as one flat, sorted list of ranges. Knows nothing of structs.

use super::limits::{Limit, Limits};
use super::walk::within;
use super::{Refused, Result};
use crate::lib0::{Malformed, Reader, put_uint};

/// Deleted units of one client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeleteRange {
    /// Whose units.
    pub client: u64,
    /// Clock of the first.
    pub start: u32,
    /// Clock after the last, above `start`.
    pub end: u32,
}

impl DeleteRange {
    /// In the order that Yjs writes today, without touching.
    #[inline]
    pub(super) fn is_before(&self, next: &Self) -> bool {
        self.client > next.client || (self.client == next.client && self.end < next.start)
    }
}

/// What an update deletes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeleteSet {
    /// Invariant outside this folder: clients descend, ranges ascend and neither touch nor overlap.
    ranges: Vec<DeleteRange>,
}

/// Visits the ranges as written, and says whether they were in the order that Yjs writes today.
///
/// Lenient in order alone, because old versions of Yjs wrote clients as they came. A client without ranges is read too.
#[inline]
pub(super) fn walk_delete_set(r: &mut Reader<'_>, limits: &Limits, mut visit: impl FnMut(DeleteRange)) -> Result<bool> {
    let clients = r.count(2)?;
    within(clients, limits.clients_max, Limit::Clients)?;
    let mut normal = true;
    let mut last_client = None;
    let mut ranges_left = limits.delete_ranges_max;
    for _ in 0..clients {
        let client = r.uint()?;
        normal &= last_client.is_none_or(|last| last > client);
        last_client = Some(client);
        let ranges = r.count(2)?;
        if ranges > ranges_left {
            return Err(Refused::OverLimit { limit: Limit::DeleteRanges, allowed: limits.delete_ranges_max });
        }
        ranges_left -= ranges;
        normal &= ranges > 0;
        let mut last_end = None;
        for _ in 0..ranges {
            let start = r.clock()?;
            let len = r.clock()?;
            if len == 0 {
                return Err(Refused::Empty);
            }
            let end = start.checked_add(len).ok_or(Malformed::NumberTooLarge)?;
            normal &= last_end.is_none_or(|last| last < start);
            last_end = Some(end);
            visit(DeleteRange { client, start, end });
        }
    }
    Ok(normal)
}

impl DeleteSet {
    /// All ranges: clients descend, ranges ascend.
    #[must_use]
    pub fn ranges(&self) -> &[DeleteRange] {
        &self.ranges
    }

    /// Whether nothing is deleted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// The ranges of one client.
    #[must_use]
    pub fn of(&self, client: u64) -> &[DeleteRange] {
        let start = self.ranges.partition_point(|range| range.client > client);
        let len = self.ranges[start..].partition_point(|range| range.client == client);
        &self.ranges[start..start + len]
    }

    /// Whether one unit is deleted.
    #[must_use]
    pub fn contains(&self, client: u64, clock: u32) -> bool {
        let ranges = self.of(client);
        let after = ranges.partition_point(|range| range.start <= clock);
        after > 0 && clock < ranges[after - 1].end
    }

    /// Adds a range at the end, whatever its place.
    pub(super) fn push(&mut self, range: DeleteRange) {
        self.ranges.push(range);
    }

    /// Adds the ranges at `r`, whatever their place.
    pub(super) fn read(&mut self, r: &mut Reader<'_>, limits: &Limits) -> Result<()> {
        walk_delete_set(r, limits, |range| self.ranges.push(range))?;
        Ok(())
    }

    /// Restores order after pushes.
    pub(super) fn normalise(&mut self) {
        // The stable sort takes time in proportion when several sorted lists stand behind one another, which is what a
        // merge makes.
        self.ranges.sort_by(|a, b| b.client.cmp(&a.client).then(a.start.cmp(&b.start)));
        self.ranges.dedup_by(|next, kept| {
            let joins = next.client == kept.client && next.start <= kept.end;
            if joins {
                kept.end = kept.end.max(next.end);
            }
            joins
        });
    }

    pub(super) fn put(&self, out: &mut Vec<u8>) {
        put_ranges(out, &self.ranges);
    }
}

/// Writes a delete set of ranges in order.
pub(super) fn put_ranges(out: &mut Vec<u8>, ranges: &[DeleteRange]) {
    let by_client = || ranges.chunk_by(|a, b| a.client == b.client);
    put_uint(out, by_client().count() as u64);
    for of_client in by_client() {
        put_uint(out, of_client[0].client);
        put_uint(out, of_client.len() as u64);
        for range in of_client {
            put_uint(out, u64::from(range.start));
            put_uint(out, u64::from(range.end - range.start));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8], limits: &Limits) -> Result<(bool, DeleteSet)> {
        let mut set = DeleteSet::default();
        let mut r = Reader::new(bytes);
        let normal = walk_delete_set(&mut r, limits, |range| set.push(range))?;
        set.normalise();
        Ok((normal, set))
    }

    #[test]
    fn clients_in_any_order_and_touching_ranges_are_read_and_written_in_order() {
        let written = [2, 1, 2, 5, 2, 0, 3, 9, 2, 4, 1, 3, 1];
        let (normal, set) = read(&written, &Limits::default()).expect("legal, only old");
        assert!(!normal);
        let mut out = Vec::new();
        set.put(&mut out);
        assert_eq!(out, [2, 9, 1, 3, 2, 1, 2, 0, 3, 5, 2]);
        assert_eq!(read(&out, &Limits::default()), Ok((true, set)));
    }

    #[test]
    fn empty_and_overflowing_ranges_are_refused() {
        assert_eq!(read(&[1, 1, 1, 0, 0], &Limits::default()), Err(Refused::Empty));
        let overflow = [1, 1, 1, 0xff, 0xff, 0xff, 0xff, 0x0f, 1];
        assert_eq!(read(&overflow, &Limits::default()), Err(Malformed::NumberTooLarge.into()));
    }

    #[test]
    fn ranges_are_counted_over_all_clients() {
        let limits = Limits { delete_ranges_max: 2, ..Limits::default() };
        assert!(read(&[2, 2, 1, 0, 1, 1, 1, 0, 1], &limits).is_ok());
        assert_eq!(
            read(&[2, 2, 1, 0, 1, 1, 2, 0, 1, 5, 1], &limits),
            Err(Refused::OverLimit { limit: Limit::DeleteRanges, allowed: 2 })
        );
    }

    #[test]
    fn a_unit_is_deleted_when_a_range_holds_it() {
        let (_, set) = read(&[1, 7, 2, 1, 2, 5, 1], &Limits::default()).expect("legal");
        let deleted: Vec<u32> = (0..9).filter(|&clock| set.contains(7, clock)).collect();
        assert_eq!(deleted, [1, 2, 5]);
        assert!(!set.contains(6, 1) && !set.contains(8, 1));
    }
}
