//! What the sessions of one document that count acknowledgements are owed: the clients of Hocuspocus, which keep a number of changes that
//! are not safe yet and count it down by one for each SyncStatus. Knows sequences and counts, not messages.
//!
//! Such a client sets its number to one when it sends SyncStep1, and adds one for each Update. So a SyncStatus is due for each Update,
//! and one for the SyncStep2 that answers the server's SyncStep1; whatever the client counted before its own SyncStep1, it has forgotten,
//! and what is still owed of that is part of what the SyncStep2 brings. A SyncStep2 for which the server asked on its own account is in
//! no number, but brings everything that was refused before it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::id::{Sequence, SessionRef};

/// Acknowledgements of one session that wait for a commit, above which it is not read from. They leave together, in one frame.
pub(crate) const DUE_MAX: u32 = 1_024;

/// Acknowledgements that a session is owed for what was refused. Any more it is not given; its number is right again after its next SyncStep1.
const OWED_MAX: u32 = 1 << 14;

#[derive(Debug, Default)]
struct Count {
    /// So many become due with the commit of this record. In the order of the records; one entry for each.
    due: VecDeque<(Sequence, u32)>,
    /// All of them.
    due_in_all: u32,
    /// What was refused or dropped: the next SyncStep2 brings it.
    owed: u32,
    /// SyncStep1 that were sent to it and are not answered.
    asked: u32,
    /// It has sent SyncStep1, and its own part has not come.
    counts_anew: bool,
}

/// One count for each session that wants it.
#[derive(Debug, Default)]
pub(crate) struct Acknowledgements {
    counts: BTreeMap<SessionRef, Count>,
    /// Those to whom something is due.
    waiting: BTreeSet<SessionRef>,
}

impl Acknowledgements {
    /// A session that counts.
    pub(crate) fn add(&mut self, session: SessionRef) {
        self.counts.insert(session, Count::default());
    }

    pub(crate) fn remove(&mut self, session: SessionRef) {
        self.counts.remove(&session);
        self.waiting.remove(&session);
    }

    /// It counts, and so speaks the dialect that does.
    pub(crate) fn counts(&self, session: SessionRef) -> bool {
        self.counts.contains_key(&session)
    }

    pub(crate) fn sessions(&self) -> impl Iterator<Item = SessionRef> + '_ {
        self.counts.keys().copied()
    }

    /// The session was sent SyncStep1.
    pub(crate) fn was_asked(&mut self, session: SessionRef) {
        if let Some(count) = self.counts.get_mut(&session) {
            count.asked = count.asked.saturating_add(1);
        }
    }

    /// The session has sent SyncStep1. Says whether it was full, and no longer is.
    pub(crate) fn begins_anew(&mut self, session: SessionRef) -> bool {
        let Some(count) = self.counts.get_mut(&session) else { return false };
        let was_full = count.due_in_all >= DUE_MAX;
        *count = Count { asked: count.asked, counts_anew: true, ..Count::default() };
        self.waiting.remove(&session);
        was_full
    }

    /// The session has sent SyncStep2: how many acknowledgements it is worth, when all of it is durable.
    pub(crate) fn worth_of_sync_step_2(&mut self, session: SessionRef) -> u32 {
        let Some(count) = self.counts.get_mut(&session) else { return 0 };
        let was_asked = count.asked > 0;
        count.asked = count.asked.saturating_sub(1);
        // One that nobody asked for is counted like an Update: some programs send it so.
        let own = std::mem::take(&mut count.counts_anew) || !was_asked;
        std::mem::take(&mut count.owed).saturating_add(u32::from(own))
    }

    /// What was worth so much is not in the document.
    pub(crate) fn owe(&mut self, session: SessionRef, worth: u32) {
        if let Some(count) = self.counts.get_mut(&session) {
            count.owed = count.owed.saturating_add(worth).min(OWED_MAX);
        }
    }

    /// What was worth so much becomes durable with this record. Says whether the session is full from here on.
    pub(crate) fn becomes_due(&mut self, session: SessionRef, worth: u32, with: Sequence) -> bool {
        let Some(count) = self.counts.get_mut(&session).filter(|_| worth > 0) else { return false };
        self.waiting.insert(session);
        match count.due.back_mut() {
            Some((last, more)) if *last == with => *more = more.saturating_add(worth),
            Some(_) | None => count.due.push_back((with, worth)),
        }
        let before = count.due_in_all;
        count.due_in_all = before.saturating_add(worth);
        before < DUE_MAX && count.due_in_all >= DUE_MAX
    }

    /// Records are durable: what is due to whom, and who was full and no longer is.
    pub(crate) fn commit(&mut self, committed: Sequence) -> Vec<Due> {
        let mut found = Vec::new();
        let counts = &mut self.counts;
        self.waiting.retain(|&session| {
            let Some(count) = counts.get_mut(&session) else { return false };
            let was_full = count.due_in_all >= DUE_MAX;
            let mut worth = 0;
            while let Some(&(with, more)) = count.due.front()
                && with <= committed
            {
                count.due.pop_front();
                worth += more;
            }
            if worth > 0 {
                count.due_in_all -= worth;
                found.push(Due { session, worth, resumes: was_full && count.due_in_all < DUE_MAX });
            }
            !count.due.is_empty()
        });
        found
    }
}

/// What one session gets after a commit.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Due {
    pub(crate) session: SessionRef,
    /// So many acknowledgements.
    pub(crate) worth: u32,
    /// It was not read from because of what was due.
    pub(crate) resumes: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{SessionId, ShardId};

    const SESSION: SessionRef = SessionRef { shard: ShardId(0), session: SessionId { index: 3, generation: 1 } };

    fn one() -> Acknowledgements {
        let mut acknowledgements = Acknowledgements::default();
        acknowledgements.add(SESSION);
        acknowledgements
    }

    fn due(acknowledgements: &mut Acknowledgements, committed: u64) -> u32 {
        acknowledgements.commit(Sequence(committed)).iter().map(|due| due.worth).sum()
    }

    #[test]
    fn each_update_is_acknowledged_with_its_record() {
        let mut acknowledgements = one();
        for (worth, with) in [(1, 4), (1, 4), (1, 5)] {
            assert!(!acknowledgements.becomes_due(SESSION, worth, Sequence(with)));
        }
        assert_eq!([3, 4, 4, 5].map(|committed| due(&mut acknowledgements, committed)), [0, 2, 0, 1]);
    }

    #[test]
    fn a_clients_own_sync_step_1_makes_its_sync_step_2_worth_one_and_all_before_it_nothing() {
        let mut acknowledgements = one();
        acknowledgements.becomes_due(SESSION, 2, Sequence(1));
        acknowledgements.owe(SESSION, 1);
        assert!(!acknowledgements.begins_anew(SESSION));
        acknowledgements.was_asked(SESSION);
        assert_eq!(due(&mut acknowledgements, 9), 0);
        assert_eq!(acknowledgements.worth_of_sync_step_2(SESSION), 1);
    }

    #[test]
    fn a_sync_step_2_that_the_server_asked_for_is_worth_only_what_was_refused_before() {
        let mut acknowledgements = one();
        acknowledgements.owe(SESSION, 1);
        acknowledgements.owe(SESSION, 1);
        acknowledgements.was_asked(SESSION);
        acknowledgements.was_asked(SESSION);
        assert_eq!(acknowledgements.worth_of_sync_step_2(SESSION), 2);
        assert_eq!(acknowledgements.worth_of_sync_step_2(SESSION), 0);
        assert_eq!(acknowledgements.worth_of_sync_step_2(SESSION), 1, "nobody asked for this one");
    }

    #[test]
    fn two_sync_step_1_in_a_row_are_one_for_the_client_and_so_here() {
        let mut acknowledgements = one();
        for _ in 0..2 {
            acknowledgements.begins_anew(SESSION);
            acknowledgements.was_asked(SESSION);
        }
        assert_eq!([(); 2].map(|()| acknowledgements.worth_of_sync_step_2(SESSION)), [1, 0]);
    }

    #[test]
    fn a_session_is_full_once_and_room_comes_once() {
        let mut acknowledgements = one();
        assert!(!acknowledgements.becomes_due(SESSION, DUE_MAX - 1, Sequence(1)));
        assert!(acknowledgements.becomes_due(SESSION, 1, Sequence(2)));
        assert!(!acknowledgements.becomes_due(SESSION, 1, Sequence(3)));
        let resumes = |due: Vec<Due>| due.iter().map(|due| due.resumes).collect::<Vec<_>>();
        assert_eq!(resumes(acknowledgements.commit(Sequence(1))), [true]);
        assert_eq!(resumes(acknowledgements.commit(Sequence(3))), [false]);
        acknowledgements.becomes_due(SESSION, DUE_MAX, Sequence(4));
        assert!(acknowledgements.begins_anew(SESSION));
    }

    #[test]
    fn who_does_not_count_or_has_gone_is_owed_nothing() {
        let mut acknowledgements = one();
        acknowledgements.becomes_due(SESSION, 1, Sequence(1));
        acknowledgements.remove(SESSION);
        acknowledgements.owe(SESSION, 1);
        assert!(!acknowledgements.becomes_due(SESSION, DUE_MAX, Sequence(1)));
        assert_eq!((due(&mut acknowledgements, 9), acknowledgements.worth_of_sync_step_2(SESSION)), (0, 0));
    }
}
