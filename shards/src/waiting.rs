//! Updates that refer to something the document does not have yet, each under the one struct that it lacks. Does not know what
//! an update is.

use std::collections::{BTreeMap, BTreeSet};

use crate::id::{Now, SessionRef};

/// An update that waits.
#[derive(Debug)]
pub(crate) struct Parked {
    pub(crate) session: SessionRef,
    pub(crate) update: Vec<u8>,
    pub(crate) since: Now,
    /// How often it was offered again, and still lacked something.
    pub(crate) offers: u8,
    /// It came as an update of its own, not as the answer to a SyncStep1.
    pub(crate) echo: bool,
    /// How many acknowledgements it is worth to its session, where that counts them.
    pub(crate) worth: u32,
}

/// Bounded in bytes for each session and for the document; the bounds are checked by [`Waiting::has_room`].
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    /// By client and clock of the struct that is lacking.
    by_lack: BTreeMap<(u64, u32), Vec<Parked>>,
    bytes: usize,
    bytes_of: BTreeMap<SessionRef, usize>,
    /// When each session was last asked to sync, for as long as it is not to be asked again. Invariant: a session that has something here
    /// stands in it.
    asked: BTreeMap<SessionRef, Now>,
    /// Sessions of which something found no room since they were asked last: what they answer may have been said before that, so they
    /// are asked again.
    owing: BTreeSet<SessionRef>,
    oldest: Option<Now>,
}

/// What one entry costs beside its bytes.
const ENTRY_BYTES: usize = 96;

impl Waiting {
    pub(crate) fn is_empty(&self) -> bool {
        self.by_lack.is_empty() && self.owing.is_empty() && self.asked.is_empty()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn has_room(&self, session: SessionRef, len: usize, per_session: usize, in_all: usize) -> bool {
        let cost = len + ENTRY_BYTES;
        let of_session = self.bytes_of.get(&session).copied().unwrap_or_default();
        of_session + cost <= per_session && self.bytes + cost <= in_all
    }

    pub(crate) fn park(&mut self, lacks: (u64, u32), parked: Parked) {
        let cost = parked.update.len() + ENTRY_BYTES;
        self.bytes += cost;
        *self.bytes_of.entry(parked.session).or_default() += cost;
        self.oldest = Some(self.oldest.map_or(parked.since, |oldest| oldest.min(parked.since)));
        self.by_lack.entry(lacks).or_default().push(parked);
    }

    /// Something of this session found no room, so only the session has it.
    pub(crate) fn owes(&mut self, session: SessionRef) {
        self.owing.insert(session);
    }

    /// What has waited since then is dropped, so only its session has it, and brings it with its next answer. Where it was asked since then, that
    /// one is on its way or was here.
    pub(crate) fn lost(&mut self, session: SessionRef, since: Now) {
        if self.asked.get(&session).is_none_or(|&then| then <= since) {
            self.owes(session);
        }
    }

    /// Something that the session has sent waits here, or found no room: it is not in the document.
    pub(crate) fn lacks_of(&self, session: SessionRef) -> bool {
        self.bytes_of.contains_key(&session) || self.owing.contains(&session)
    }

    /// Takes out the sessions that still owe something so long after they were asked, and counts them as asked now.
    pub(crate) fn overdue(&mut self, now: Now, again_ms: u64) -> Vec<SessionRef> {
        let late = |session: &SessionRef| self.asked.get(session).is_none_or(|&then| now.since(then) >= again_ms);
        let overdue: Vec<SessionRef> = self.owing.iter().copied().filter(late).collect();
        for &session in &overdue {
            self.was_asked(session, now);
        }
        let Self { asked, owing, bytes_of, .. } = self;
        asked.retain(|session, &mut then| {
            now.since(then) < again_ms || owing.contains(session) || bytes_of.contains_key(session)
        });
        overdue
    }

    pub(crate) fn was_asked(&mut self, session: SessionRef, now: Now) {
        self.asked.insert(session, now);
        self.owing.remove(&session);
    }

    /// Should the session be asked for what is lacking? Once, and again after a while if that did not help.
    pub(crate) fn should_ask(&mut self, session: SessionRef, now: Now, again_ms: u64) -> bool {
        let asks = self.asked.get(&session).is_none_or(|&then| now.since(then) >= again_ms);
        if asks {
            self.was_asked(session, now);
        }
        asks
    }

    /// Takes out what lacked a struct of this client below `clock`.
    pub(crate) fn take_ready(&mut self, client: u64, clock: u32, into: &mut Vec<Parked>) {
        while let Some((&lack, _)) = self.by_lack.range((client, 0)..(client, clock)).next() {
            let parked = self.by_lack.remove(&lack).unwrap_or_default();
            self.taken(&parked);
            into.extend(parked);
        }
    }

    /// What waits for this session is worth nothing to it any more. Says what it was.
    pub(crate) fn waive(&mut self, session: SessionRef) -> u32 {
        if !self.bytes_of.contains_key(&session) {
            return 0;
        }
        let of_session = self.by_lack.values_mut().flatten().filter(|parked| parked.session == session);
        of_session.map(|parked| std::mem::take(&mut parked.worth)).fold(0, u32::saturating_add)
    }

    /// Takes out what has waited for `timeout_ms`, but of sessions that are `held`: what they have sent since then may bring it, and is not looked at yet.
    pub(crate) fn expire(&mut self, now: Now, timeout_ms: u64, held: impl Fn(SessionRef) -> bool) -> Vec<Parked> {
        if self.oldest.is_none_or(|oldest| now.since(oldest) < timeout_ms) {
            return Vec::new();
        }
        let (mut gone, mut oldest) = (Vec::new(), None);
        self.by_lack.retain(|_, parked| {
            gone.extend(parked.extract_if(.., |parked| now.since(parked.since) >= timeout_ms && !held(parked.session)));
            oldest = parked.iter().map(|parked| parked.since).chain(oldest).min();
            !parked.is_empty()
        });
        self.oldest = oldest;
        self.taken(&gone);
        gone
    }

    /// The session has gone, and brings again what waits of it when it is back: until then others have the room.
    pub(crate) fn forget(&mut self, session: SessionRef) {
        self.asked.remove(&session);
        self.owing.remove(&session);
        if self.bytes_of.contains_key(&session) {
            let mut gone = Vec::new();
            self.by_lack.retain(|_, parked| {
                gone.extend(parked.extract_if(.., |parked| parked.session == session));
                !parked.is_empty()
            });
            self.taken(&gone);
        }
    }

    fn taken(&mut self, parked: &[Parked]) {
        for parked in parked {
            let cost = parked.update.len() + ENTRY_BYTES;
            self.bytes -= cost;
            if let Some(bytes) = self.bytes_of.get_mut(&parked.session) {
                *bytes -= cost;
                if *bytes == 0 {
                    self.bytes_of.remove(&parked.session);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{SessionId, ShardId};

    const SESSION: SessionRef = SessionRef { shard: ShardId(0), session: SessionId { index: 3, generation: 1 } };

    fn parked(len: usize, since: u64) -> Parked {
        Parked { session: SESSION, update: vec![0; len], since: Now(since), offers: 0, echo: true, worth: 1 }
    }

    #[test]
    fn what_lacked_a_lower_clock_is_ready_and_the_rest_stays() {
        let mut waiting = Waiting::default();
        waiting.park((7, 4), parked(1, 0));
        waiting.park((7, 9), parked(2, 0));
        waiting.park((8, 0), parked(3, 0));
        let mut ready = Vec::new();
        waiting.take_ready(7, 9, &mut ready);
        assert_eq!(ready.iter().map(|parked| parked.update.len()).collect::<Vec<_>>(), [1]);
        waiting.take_ready(7, 10, &mut ready);
        waiting.take_ready(8, 1, &mut ready);
        assert_eq!(ready.len(), 3);
        assert!(waiting.is_empty() && waiting.bytes == 0 && waiting.bytes_of.is_empty());
    }

    #[test]
    fn room_is_counted_by_session_and_in_all() {
        let mut waiting = Waiting::default();
        assert!(waiting.has_room(SESSION, 4, 100, 100));
        assert!(!waiting.has_room(SESSION, 5, 100, 1000));
        waiting.park((1, 1), parked(4, 0));
        assert!(!waiting.has_room(SESSION, 4, 1000, 150));
    }

    #[test]
    fn what_waits_of_a_session_that_goes_leaves_its_room_to_others() {
        let other = SessionRef { shard: ShardId(1), ..SESSION };
        let mut waiting = Waiting::default();
        waiting.park((1, 1), parked(4, 0));
        waiting.park((1, 1), Parked { session: other, ..parked(5, 0) });
        waiting.park((2, 1), parked(6, 0));
        waiting.forget(SESSION);
        assert_eq!((waiting.bytes(), waiting.lacks_of(SESSION)), (5 + ENTRY_BYTES, false));
        assert_eq!(waiting.expire(Now(100), 100, |_| false).len(), 1);
        assert!(waiting.is_empty() && waiting.bytes() == 0);
    }

    #[test]
    fn what_waited_too_long_goes() {
        let mut waiting = Waiting::default();
        waiting.park((1, 1), parked(4, 10));
        waiting.park((1, 1), parked(4, 20));
        waiting.park((2, 1), parked(4, 500));
        let expired = |waiting: &mut Waiting, now| waiting.expire(Now(now), 100, |_| false).len();
        assert_eq!(expired(&mut waiting, 109), 0);
        assert_eq!(waiting.expire(Now(120), 100, |session| session == SESSION).len(), 0);
        assert_eq!(expired(&mut waiting, 120), 2);
        assert_eq!(waiting.by_lack.len(), 1);
        assert_eq!(waiting.oldest, Some(Now(500)));
    }

    #[test]
    fn a_session_whose_update_found_no_room_is_asked_once_more_when_its_answer_may_have_come_too_early() {
        let mut waiting = Waiting::default();
        assert!(waiting.should_ask(SESSION, Now(0), 1_000));
        waiting.owes(SESSION);
        assert!(waiting.lacks_of(SESSION) && !waiting.is_empty(), "it must not be forgotten with the last that waits");
        assert_eq!(waiting.overdue(Now(999), 1_000), []);
        assert_eq!(waiting.overdue(Now(1_000), 1_000), [SESSION]);
        assert_eq!(waiting.overdue(Now(9_000), 1_000), []);
        waiting.owes(SESSION);
        waiting.forget(SESSION);
        assert!(waiting.is_empty());
    }

    #[test]
    fn a_session_is_asked_once_and_after_a_while_again() {
        let mut waiting = Waiting::default();
        assert!(waiting.should_ask(SESSION, Now(0), 1_000));
        assert!(!waiting.should_ask(SESSION, Now(999), 1_000));
        assert_eq!(waiting.overdue(Now(999), 1_000), []);
        assert!(!waiting.is_empty(), "or it would be forgotten that it was asked");
        assert!(waiting.should_ask(SESSION, Now(1_000), 1_000));
        assert_eq!(waiting.overdue(Now(2_000), 1_000), []);
        assert!(waiting.is_empty());
    }
}
