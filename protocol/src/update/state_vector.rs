//! State vectors: client to next clock, as a sorted list. Most documents have few clients, for which a list is smaller
//! and faster than a map.

use super::delete_set::walk_delete_set;
use super::limits::{Limit, Limits};
use super::structs::Body;
use super::walk::{close, open, walk, within};
use super::{Refused, Result};
use crate::lib0::{Reader, put_uint};

/// From so many new clocks on they are merged in; below, each is put in its place.
const MERGED_MIN: usize = 5;

/// How many units of each client are known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StateVector {
    /// Invariant: clients ascend, clocks are above 0.
    clocks: Vec<(u64, u32)>,
}

impl StateVector {
    /// Reads what a client sends in its SyncStep1.
    ///
    /// Of two entries for one client JavaScript keeps the last; no client writes two, so they are refused.
    pub fn decode(bytes: &[u8], limits: &Limits) -> Result<Self> {
        let mut r = Reader::new(bytes);
        let entries = r.count(2)?;
        within(entries, limits.state_vector_entries_max, Limit::StateVectorEntries)?;
        let mut clocks = Vec::with_capacity(entries);
        for _ in 0..entries {
            clocks.push((r.uint()?, r.clock()?));
        }
        close(&r)?;
        // Written in descending order as a rule.
        clocks.reverse();
        clocks.sort();
        if clocks.windows(2).any(|two| two[0].0 == two[1].0) {
            return Err(Refused::ClientOrder);
        }
        clocks.retain(|&(_, clock)| clock > 0);
        Ok(Self { clocks })
    }

    /// As a client reads it from a SyncStep1; clients in descending order, as Yjs writes them.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(2 + self.clocks.len() * 8);
        put_uint(&mut out, self.clocks.len() as u64);
        for &(client, clock) in self.clocks.iter().rev() {
            put_uint(&mut out, client);
            put_uint(&mut out, u64::from(clock));
        }
        out
    }

    /// The next clock of a client: how many of its units are known.
    #[inline]
    #[must_use]
    pub fn clock(&self, client: u64) -> u32 {
        match self.clocks.binary_search_by_key(&client, |&(c, _)| c) {
            Ok(at) => self.clocks[at].1,
            Err(_) => 0,
        }
    }

    /// Number of clients.
    #[must_use]
    pub fn len(&self) -> usize {
        self.clocks.len()
    }

    /// Whether nothing is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.clocks.is_empty()
    }

    /// Client and clock, clients in ascending order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (u64, u32)> + ExactSizeIterator + '_ {
        self.clocks.iter().copied()
    }

    /// Whether every unit known to `other` is known here.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        let mut ours = self.clocks.iter();
        other.clocks.iter().all(|(client, clock)| {
            ours.find(|(c, _)| c >= client).is_some_and(|(c, ours)| c == client && ours >= clock)
        })
    }

    /// Raises several clocks; none is lowered.
    pub(super) fn raise(&mut self, clocks: &[(u64, u32)]) {
        if clocks.len() < MERGED_MIN {
            for &(client, clock) in clocks {
                match self.clocks.binary_search_by_key(&client, |&(c, _)| c) {
                    Ok(at) => self.clocks[at].1 = self.clocks[at].1.max(clock),
                    Err(at) => self.clocks.insert(at, (client, clock)),
                }
            }
            return;
        }
        // Putting each in its place would move the rest each time. The stable sort only merges the two sorted lists.
        self.clocks.extend_from_slice(clocks);
        self.clocks.sort_by(|a, b| a.0.cmp(&b.0).then(b.1.cmp(&a.1)));
        self.clocks.dedup_by_key(|&mut (client, _)| client);
    }

    /// Bytes of memory beyond the value itself.
    pub(super) fn memory_bytes(&self) -> usize {
        self.clocks.capacity() * size_of::<(u64, u32)>()
    }
}

impl FromIterator<(u64, u32)> for StateVector {
    /// Of several clocks of one client the highest counts.
    fn from_iter<I: IntoIterator<Item = (u64, u32)>>(clocks: I) -> Self {
        let mut clocks: Vec<_> = clocks.into_iter().filter(|&(_, clock)| clock > 0).collect();
        clocks.sort_by(|a, b| a.0.cmp(&b.0).then(b.1.cmp(&a.1)));
        clocks.dedup_by_key(|&mut (client, _)| client);
        Self { clocks }
    }
}

/// What a document that is given this update alone would know: of each client, the structs from clock 0 up to the first
/// gap. Like `encodeStateVectorFromUpdate` of Yjs.
pub fn state_vector(update: &[u8]) -> Result<StateVector> {
    let mut r = open(update, &Limits::UNLIMITED)?;
    let mut clocks: Vec<(u64, u32)> = Vec::new();
    // The section that is being read, and whether nothing has been missing in it so far.
    let (mut section, mut whole) = (None, false);
    walk(&mut r, &Limits::UNLIMITED, |s| {
        if section != Some(s.id.client) {
            section = Some(s.id.client);
            whole = s.id.clock == 0 && !matches!(s.body, Body::Skip);
            if whole {
                clocks.push((s.id.client, 0));
            }
        }
        whole &= !matches!(s.body, Body::Skip);
        if whole && let Some(last) = clocks.last_mut() {
            last.1 = s.end;
        }
        Ok(())
    })?;
    walk_delete_set(&mut r, &Limits::UNLIMITED, |_| {})?;
    close(&r)?;
    clocks.reverse();
    Ok(StateVector { clocks })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lib0::Malformed;

    #[test]
    fn it_is_read_in_any_order_and_written_descending() {
        let vector = StateVector::decode(&[3, 1, 5, 9, 2, 4, 7], &Limits::default()).expect("legal");
        assert_eq!(vector.encode(), [3, 9, 2, 4, 7, 1, 5]);
        assert!([(1, 5), (4, 7), (9, 2)].into_iter().eq(vector.iter()));
        assert_eq!((vector.clock(4), vector.clock(5)), (7, 0));
    }

    #[test]
    fn one_client_twice_is_refused_and_a_clock_of_zero_says_nothing() {
        assert_eq!(StateVector::decode(&[2, 1, 5, 1, 6], &Limits::default()), Err(Refused::ClientOrder));
        assert_eq!(StateVector::decode(&[1, 1, 0], &Limits::default()), Ok(StateVector::default()));
    }

    #[test]
    fn its_entries_are_bounded_before_memory_is_reserved() {
        let limits = Limits { state_vector_entries_max: 1, ..Limits::default() };
        let over = Refused::OverLimit { limit: Limit::StateVectorEntries, allowed: 1 };
        assert_eq!(StateVector::decode(&[2, 1, 1, 2, 1], &limits), Err(over));
        assert_eq!(StateVector::decode(&[0xff, 0xff, 0x7f], &limits), Err(Malformed::CountTooLarge.into()));
        assert_eq!(StateVector::decode(&[0, 0], &limits), Err(Refused::TrailingBytes));
    }

    #[test]
    fn raising_many_clocks_gives_what_raising_each_gives() {
        let mut seed = 1u64;
        let mut random = move |below: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 33) % below
        };
        for _ in 0..200 {
            let mut clocks: Vec<(u64, u32)> = (0..random(20)).map(|_| (random(30), 1 + random(9) as u32)).collect();
            clocks.sort_by(|a, b| b.cmp(a));
            let start: StateVector = (0..random(20)).map(|_| (random(30), 1 + random(9) as u32)).collect();
            let (mut at_once, mut one_by_one) = (start.clone(), start.clone());
            at_once.raise(&clocks);
            clocks.iter().for_each(|clock| one_by_one.raise(&[*clock]));
            assert_eq!(at_once, one_by_one);
            assert!(at_once.covers(&start) && at_once.covers(&at_once));
            assert_eq!(start.covers(&at_once), start == at_once);
        }
    }

    #[test]
    fn covering_means_knowing_every_unit() {
        let vector = |clocks: &[(u64, u32)]| -> StateVector { clocks.iter().copied().collect() };
        let ours = vector(&[(1, 5), (3, 2)]);
        for (other, covered) in [
            (vector(&[]), true),
            (vector(&[(1, 5)]), true),
            (vector(&[(3, 2)]), true),
            (vector(&[(1, 4), (3, 2)]), true),
            (vector(&[(1, 6)]), false),
            (vector(&[(2, 1), (3, 1)]), false),
            (vector(&[(4, 1)]), false),
        ] {
            assert_eq!(ours.covers(&other), covered, "{other:?}");
        }
    }

    #[test]
    fn a_state_vector_ends_at_the_first_gap() {
        // Client 1: 2 units, a Skip of 3, 1 unit. Client 2: from clock 4 on. Client 3: 1 unit.
        let update = [3, 1, 3, 0, 0, 1, 1, 2, 4, 0, 1, 3, 1, 0, 0, 2, 10, 3, 0, 1, 0];
        assert_eq!(state_vector(&update).expect("legal").encode(), [2, 3, 1, 1, 2]);
    }
}
