//! What the sessions of one document that count acknowledgements are owed: the clients of Hocuspocus, which keep a number of changes that
//! are not safe yet and count it down by one for each SyncStatus. Knows sequences and counts, not messages.
//!
//! Such a client sets its number to one when it sends SyncStep1, and adds one for each Update. So a SyncStatus is due for each Update,
//! and one for the SyncStep2 that answers the server's SyncStep1. A SyncStep2 for which the server asked on its own account is in no
//! number, but brings everything that was refused before it.
//!
//! What was sent before a SyncStep1 the client has forgotten, as a rule: an acknowledgement of that would be taken for one of something
//! else. But a SyncStep1 that had to wait at the client for a connection comes behind Updates that are counted. So what is due by then
//! comes late: when the session has been quiet for a while, nothing else is due to it, and nothing of it waits for what it refers to. A number that is right already stays, as it
//! does not fall below zero; one that is too high becomes right.
//!
//! A client whose number falls to zero also takes itself for one that has the document. So from the first SyncStep1 of a session until its
//! answer nothing is acknowledged to it: the answer is read from the disk, or comes from another core, and what the client sends meanwhile could
//! be durable before.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::id::{Now, Sequence, SessionRef};

/// Acknowledgements of one session that wait for a commit, above which it is not read from. They leave together, in one frame.
pub(crate) const DUE_MAX: u32 = 1_024;

/// A session that has said nothing for so long gets what comes late: what it has counted is here, and what is here is acknowledged.
const QUIET_MS: u64 = 1_000;

/// Acknowledgements that a session is owed for what was refused, and those that wait for its first answer. Any more it is not given; its number is
/// right again after its next SyncStep1.
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
    /// What comes late.
    late: u32,
    /// When it last sent something that is counted, or SyncStep1.
    heard: Now,
    first_answer: FirstAnswer,
}

/// The answer to the first SyncStep1 of a session.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum FirstAnswer {
    /// It has asked for nothing.
    #[default]
    NotWanted,
    /// So many acknowledgements come behind it.
    Awaited { kept: u32 },
    /// It has it, or it comes before whatever is sent from here on.
    Given,
}

/// One count for each session that wants it.
#[derive(Debug, Default)]
pub(crate) struct Acknowledgements {
    counts: BTreeMap<SessionRef, Count>,
    /// Those to whom something is due.
    waiting: BTreeSet<SessionRef>,
    /// Those for whom something comes late.
    late: BTreeSet<SessionRef>,
}

impl Acknowledgements {
    /// A session that counts.
    pub(crate) fn add(&mut self, session: SessionRef) {
        self.counts.insert(session, Count::default());
    }

    pub(crate) fn remove(&mut self, session: SessionRef) {
        self.counts.remove(&session);
        self.waiting.remove(&session);
        self.late.remove(&session);
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

    /// The session has sent SyncStep1; what it sent before and is worth so much waits elsewhere. Says whether it was full, and no longer is.
    pub(crate) fn begins_anew(&mut self, session: SessionRef, waits: u32, now: Now) -> bool {
        let Some(count) = self.counts.get_mut(&session) else { return false };
        let was_full = count.due_in_all >= DUE_MAX;
        // Two in a row are one for the client.
        let again = u32::from(count.counts_anew);
        let (kept, first_answer) = match count.first_answer {
            FirstAnswer::NotWanted => (0, FirstAnswer::Awaited { kept: 0 }),
            FirstAnswer::Awaited { kept } => (kept, FirstAnswer::Awaited { kept: 0 }),
            FirstAnswer::Given => (0, FirstAnswer::Given),
        };
        let late = [count.due_in_all, count.owed, waits, again, kept].into_iter().fold(count.late, u32::saturating_add);
        let late = late.min(OWED_MAX);
        *count = Count { asked: count.asked, counts_anew: true, late, heard: now, first_answer, ..Count::default() };
        self.waiting.remove(&session);
        if late > 0 {
            self.late.insert(session);
        }
        was_full
    }

    /// Says whether so many acknowledgements, which are due, have to wait for the session's first answer: then [`Acknowledgements::answered`] gives
    /// them.
    pub(crate) fn waits_for_answer(&mut self, session: SessionRef, worth: u32) -> bool {
        match self.counts.get_mut(&session).map(|count| &mut count.first_answer) {
            Some(FirstAnswer::Awaited { kept }) => {
                *kept = kept.saturating_add(worth).min(OWED_MAX);
                true
            }
            Some(FirstAnswer::NotWanted | FirstAnswer::Given) | None => false,
        }
    }

    /// What the session has asked for is on its way to it: how many acknowledgements have waited for that.
    pub(crate) fn answered(&mut self, session: SessionRef) -> u32 {
        let Some(count) = self.counts.get_mut(&session) else { return 0 };
        match std::mem::replace(&mut count.first_answer, FirstAnswer::Given) {
            FirstAnswer::Awaited { kept } => kept,
            FirstAnswer::NotWanted | FirstAnswer::Given => 0,
        }
    }

    /// The session has sent an Update: how many acknowledgements that is worth. None, if it does not count.
    pub(crate) fn worth_of_update(&mut self, session: SessionRef, now: Now) -> Option<u32> {
        self.counts.get_mut(&session)?.heard = now;
        Some(1)
    }

    /// Something comes late for somebody.
    pub(crate) fn has_late(&self) -> bool {
        !self.late.is_empty()
    }

    /// Takes out what comes late for those who are quiet. `lacks`: something that the session has sent is not in the document yet, and
    /// counted by its client, who would take what comes late for the acknowledgement of that.
    pub(crate) fn take_late(&mut self, now: Now, lacks: impl Fn(SessionRef) -> bool) -> Vec<(SessionRef, u32)> {
        let (counts, mut taken) = (&mut self.counts, Vec::new());
        self.late.retain(|&session| {
            let Some(count) = counts.get_mut(&session) else { return false };
            let is_answered = match count.first_answer {
                FirstAnswer::NotWanted | FirstAnswer::Given => true,
                FirstAnswer::Awaited { .. } => false,
            };
            let settled = count.due.is_empty() && count.owed == 0 && !count.counts_anew && is_answered;
            let is_quiet = settled && now.since(count.heard) >= QUIET_MS && !lacks(session);
            if is_quiet {
                taken.push((session, std::mem::take(&mut count.late)));
            }
            !is_quiet
        });
        taken
    }

    /// The session has sent SyncStep2: how many acknowledgements it is worth, when all of it is durable.
    pub(crate) fn worth_of_sync_step_2(&mut self, session: SessionRef, now: Now) -> u32 {
        let Some(count) = self.counts.get_mut(&session) else { return 0 };
        count.heard = now;
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

    fn nothing(_: SessionRef) -> bool {
        false
    }

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
    fn a_clients_own_sync_step_1_makes_its_sync_step_2_worth_one_and_all_before_it_comes_late() {
        let mut acknowledgements = one();
        acknowledgements.becomes_due(SESSION, 2, Sequence(1));
        acknowledgements.owe(SESSION, 1);
        assert!(!acknowledgements.has_late());
        assert!(!acknowledgements.begins_anew(SESSION, 4, Now(0)));
        acknowledgements.was_asked(SESSION);
        assert_eq!(due(&mut acknowledgements, 9), 0);
        assert_eq!(acknowledgements.take_late(Now(QUIET_MS), nothing), [], "it counts anew");
        assert_eq!(acknowledgements.worth_of_sync_step_2(SESSION, Now(500)), 1);
        acknowledgements.becomes_due(SESSION, 1, Sequence(10));
        assert_eq!(acknowledgements.take_late(Now(500 + QUIET_MS), nothing), [], "something is due");
        assert_eq!(due(&mut acknowledgements, 10), 1);
        assert_eq!(acknowledgements.worth_of_update(SESSION, Now(900)), Some(1));
        assert_eq!(acknowledgements.take_late(Now(899 + QUIET_MS), nothing), [], "it is not quiet");
        assert_eq!(acknowledgements.take_late(Now(900 + QUIET_MS), |_| true), [], "something of it waits");
        assert_eq!(acknowledgements.take_late(Now(900 + QUIET_MS), nothing), [], "it waits for an answer");
        assert_eq!(acknowledgements.answered(SESSION), 0);
        assert_eq!(acknowledgements.take_late(Now(900 + QUIET_MS), nothing), [(SESSION, 7)]);
        assert!(!acknowledgements.has_late());
    }

    #[test]
    fn a_sync_step_2_that_the_server_asked_for_is_worth_only_what_was_refused_before() {
        let mut acknowledgements = one();
        acknowledgements.owe(SESSION, 1);
        acknowledgements.owe(SESSION, 1);
        acknowledgements.was_asked(SESSION);
        acknowledgements.was_asked(SESSION);
        assert_eq!(acknowledgements.worth_of_sync_step_2(SESSION, Now(0)), 2);
        assert_eq!(acknowledgements.worth_of_sync_step_2(SESSION, Now(0)), 0);
        assert_eq!(acknowledgements.worth_of_sync_step_2(SESSION, Now(0)), 1, "nobody asked for this one");
    }

    #[test]
    fn two_sync_step_1_in_a_row_are_one_for_the_client_and_so_here() {
        let mut acknowledgements = one();
        for _ in 0..2 {
            acknowledgements.begins_anew(SESSION, 0, Now(0));
            acknowledgements.was_asked(SESSION);
        }
        assert_eq!([(); 2].map(|()| acknowledgements.worth_of_sync_step_2(SESSION, Now(0))), [1, 0]);
        assert_eq!(acknowledgements.answered(SESSION), 0);
        assert_eq!(acknowledgements.take_late(Now(QUIET_MS), nothing), [(SESSION, 1)]);
    }

    #[test]
    fn what_is_due_before_the_first_answer_comes_behind_it() {
        let mut acknowledgements = one();
        assert!(!acknowledgements.waits_for_answer(SESSION, 1), "it has asked for nothing");
        acknowledgements.begins_anew(SESSION, 0, Now(0));
        assert!(acknowledgements.waits_for_answer(SESSION, 1) && acknowledgements.waits_for_answer(SESSION, 2));
        assert_eq!(acknowledgements.answered(SESSION), 3);
        acknowledgements.begins_anew(SESSION, 0, Now(0));
        assert!(!acknowledgements.waits_for_answer(SESSION, 1), "it has the document");
        assert_eq!(acknowledgements.answered(SESSION), 0);
    }

    #[test]
    fn who_begins_anew_before_the_first_answer_gets_late_what_has_waited_for_it() {
        let mut acknowledgements = one();
        acknowledgements.begins_anew(SESSION, 0, Now(0));
        acknowledgements.was_asked(SESSION);
        assert_eq!(acknowledgements.worth_of_sync_step_2(SESSION, Now(0)), 1);
        assert!(acknowledgements.waits_for_answer(SESSION, 1));
        acknowledgements.begins_anew(SESSION, 0, Now(0));
        acknowledgements.was_asked(SESSION);
        assert_eq!(acknowledgements.worth_of_sync_step_2(SESSION, Now(0)), 1);
        assert!(acknowledgements.waits_for_answer(SESSION, u32::MAX));
        assert_eq!(acknowledgements.answered(SESSION), OWED_MAX, "and that is bounded");
        assert_eq!(acknowledgements.take_late(Now(QUIET_MS), nothing), [(SESSION, 1)]);
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
        assert!(acknowledgements.begins_anew(SESSION, 0, Now(0)));
    }

    #[test]
    fn who_does_not_count_or_has_gone_is_owed_nothing() {
        let mut acknowledgements = one();
        acknowledgements.becomes_due(SESSION, 1, Sequence(1));
        acknowledgements.remove(SESSION);
        acknowledgements.owe(SESSION, 1);
        assert!(!acknowledgements.becomes_due(SESSION, DUE_MAX, Sequence(1)));
        assert_eq!((due(&mut acknowledgements, 9), acknowledgements.worth_of_sync_step_2(SESSION, Now(0))), (0, 0));
        assert_eq!(acknowledgements.worth_of_update(SESSION, Now(0)), None);
    }
}
