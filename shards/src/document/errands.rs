//! What others than sessions want of a document: edits without an author who listens, its making and its end. Does not know who asks.

use std::collections::VecDeque;

use selvedge_protocol::update::{self, Verdict};

use super::{Document, Phase};
use crate::core::Core;
use crate::effect::{CloseReason, Effect};
use crate::envelope::Envelope;
use crate::errand::{
    Answer, ErrandFailed, Expected, INSPECTED_SESSIONS_MAX, INSPECTED_STATE_BYTES_MAX, InspectedSession, Inspection,
    Standing,
};
use crate::flow::Flow;
use crate::id::{Sequence, SessionId, SessionRef, ShardId};
use crate::input::Dialect;
use crate::presence::Presence;
use crate::reading::{Loaded, ReadFailed};

/// An update that says nothing: no structs, no deletions. The first record of a document that is made empty.
const NOTHING: [u8; 2] = [0, 0];

/// What only the document itself can do.
#[derive(Debug)]
pub(crate) enum Task {
    Edit { update: Vec<u8>, expected: Expected },
    Create,
    Delete,
}

#[derive(Debug, Default)]
pub(super) struct Errands {
    /// What waits until the document can be used. Bounded by whoever asks.
    waiting: VecDeque<(u64, Task)>,
    /// What is accepted and not durable, with the record that brings it; in the order of the records.
    accepted: VecDeque<(Sequence, u64, Answer)>,
}

/// The end of a document.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Deletion {
    job: u64,
    /// All that came before is done, and the order is given.
    ordered: bool,
}

impl Document {
    /// Somebody has it open, and nothing of it is stored or on its way there. What an errand that failed has left in memory is no document.
    pub(crate) fn is_unstored(&self) -> bool {
        !self.is_waiting() && self.last() == Sequence(0) && self.sessions_len() > 0
    }

    /// The last record, or the next where something has come that is none yet.
    fn last(&self) -> Sequence {
        if self.turn.updates.is_empty() { self.sequence } else { self.sequence.next() }
    }

    pub(crate) fn errand(&mut self, job: u64, task: Task, core: &mut Core) {
        if self.is_waiting() {
            self.errands.waiting.push_back((job, task));
            return;
        }
        self.phase = Phase::Open;
        self.run(job, task, core);
        self.settle(core.now);
    }

    /// The document can be used: does what was wanted meanwhile, up to what makes it wait again.
    pub(super) fn run_errands(&mut self, core: &mut Core) {
        while !self.is_waiting()
            && let Some((job, task)) = self.errands.waiting.pop_front()
        {
            self.run(job, task, core);
        }
    }

    /// The document cannot be read. Says whether it is needed all the same: what cannot be read can be deleted.
    pub(super) fn give_up_errands(&mut self, why: &ReadFailed, core: &mut Core) -> bool {
        while let Some((job, task)) = self.errands.waiting.pop_front() {
            match task {
                Task::Edit { .. } | Task::Create => {
                    core.answer(job, Answer::Failed(ErrandFailed::Unreadable(why.clone())));
                }
                Task::Delete => {
                    self.begin_deletion(job, core);
                    return true;
                }
            }
        }
        false
    }

    fn run(&mut self, job: u64, task: Task, core: &mut Core) {
        match task {
            Task::Edit { update, expected } => self.edit(job, &update, expected, core),
            Task::Create => self.create(job, core),
            Task::Delete if self.last() == Sequence(0) => core.answer(job, Answer::Deleted(false)),
            Task::Delete => match &core.stalled {
                Some(reason) => {
                    let failed = ErrandFailed::Stalled(reason.clone());
                    core.answer(job, Answer::Failed(failed));
                }
                None => self.begin_deletion(job, core),
            },
        }
    }

    // --- edits ---

    fn edit(&mut self, job: u64, update: &[u8], expected: Expected, core: &mut Core) {
        let last = self.last();
        let accepted = match (expected, update::accept(&self.known, update, &core.config.update)) {
            (Expected::Exactly(expected), _) if expected != last => Err(ErrandFailed::Changed { sequence: last }),
            (Expected::AtLeast(expected), _) if expected > last => Err(ErrandFailed::Changed { sequence: last }),
            (_, Verdict::Duplicate) => {
                core.counters.updates_duplicate += 1;
                return self.answer_when_durable(last, job, Answer::Edited { sequence: last, is_new: false }, core);
            }
            (_, Verdict::Missing { client, clock }) => Err(ErrandFailed::Lacks { client, clock }),
            (_, Verdict::Refused(refused)) => {
                core.counters.updates_refused += 1;
                Err(ErrandFailed::Refused(refused))
            }
            (_, Verdict::Accepted(accepted)) => self.check_room(accepted.update.len(), core).map(|()| accepted),
        };
        match accepted {
            Err(failed) => core.answer(job, Answer::Failed(failed)),
            Ok(accepted) => {
                core.counters.updates_accepted += 1;
                let mut ready = Vec::new();
                self.take_in(&accepted, &mut ready);
                let sequence = self.gather_from_outside(accepted.update.into_owned(), core);
                self.answer_when_durable(sequence, job, Answer::Edited { sequence, is_new: true }, core);
                self.offer_ready(ready, core);
            }
        }
    }

    fn create(&mut self, job: u64, core: &mut Core) {
        let last = self.last();
        if last > Sequence(0) {
            return self.answer_when_durable(last, job, Answer::Created(false), core);
        }
        match self.check_room(NOTHING.len(), core) {
            Err(failed) => core.answer(job, Answer::Failed(failed)),
            Ok(()) => {
                let sequence = self.gather_from_outside(NOTHING.to_vec(), core);
                self.answer_when_durable(sequence, job, Answer::Created(true), core);
            }
        }
    }

    fn check_room(&self, bytes: usize, core: &Core) -> Result<(), ErrandFailed> {
        let bytes_max = core.config.document_bytes_max;
        match &core.stalled {
            Some(reason) => Err(ErrandFailed::Stalled(reason.clone())),
            None if !core.has_room() => Err(ErrandFailed::Congested),
            None if self.bytes + self.turn.bytes as u64 + bytes as u64 > bytes_max => {
                Err(ErrandFailed::DocumentFull { bytes_max })
            }
            None => Ok(()),
        }
    }

    fn answer_when_durable(&mut self, sequence: Sequence, job: u64, answer: Answer, core: &mut Core) {
        if sequence <= self.committed {
            core.answer(job, answer);
        } else {
            self.errands.accepted.push_back((sequence, job, answer));
        }
    }

    /// Records are durable: whoever waited for them hears it.
    pub(super) fn answer_edits(&mut self, core: &mut Core) {
        while let Some((_, job, answer)) =
            self.errands.accepted.pop_front_if(|(sequence, _, _)| *sequence <= self.committed)
        {
            core.answer(job, answer);
        }
    }

    // --- the end ---

    /// Everybody has to go, and what they have brought is stored first, as they may have been told that it is in the document.
    pub(crate) fn begin_deletion(&mut self, job: u64, core: &mut Core) {
        for session in self.all_sessions(core) {
            self.end(session, CloseReason::Deleted, core);
        }
        self.waiting = None;
        if !self.turn.updates.is_empty() {
            self.publish(true, core);
        }
        self.phase = Phase::Deleting(Deletion { job, ordered: false });
        self.delete_if_at_rest(core);
    }

    /// When nothing of the document is under way anywhere, nothing can come back after its end: no record, no snapshot, no state in a cache.
    pub(super) fn delete_if_at_rest(&mut self, core: &mut Core) {
        let Phase::Deleting(deletion) = &mut self.phase else { return };
        let at_rest = self.uncommitted.is_empty() && self.jobs.is_empty() && !self.snapshot_runs;
        if !at_rest || std::mem::replace(&mut deletion.ordered, true) {
            return;
        }
        let document = self.id;
        core.effects.push_back(Effect::Delete { document, name: self.name.clone() });
        // Also those that have no session here as far as is known: one may be on its way.
        let here = core.config.shard;
        for shard in (0..core.config.shards).map(ShardId).filter(|&shard| shard != here) {
            core.envelope(shard, Envelope::Deleted { document });
        }
    }

    /// Nothing is stored any more: here begins another document of the same name.
    pub(crate) fn deleted(&mut self, core: &mut Core) {
        let Phase::Deleting(Deletion { job, ordered: true }) = self.phase else {
            unreachable!("only what was ordered to be deleted is")
        };
        core.counters.documents_deleted += 1;
        core.answer(job, Answer::Deleted(true));
        self.authored.clear();
        self.flow = Flow::default();
        self.presence = Presence::default();
        (self.recorded, self.fanned_out, self.unsent_updates) = (None, None, 0);
        (self.updates_due, self.awareness_due) = (None, None);
        (self.greeting, self.everyone, self.nothing_new) = (None, None, None);
        self.open(Loaded::default(), core);
    }

    // --- looking ---

    pub(crate) fn inspect(&self, core: &Core) -> Inspection {
        let standing = (!self.is_waiting()).then(|| Standing {
            sequence: self.last(),
            committed: self.committed,
            bytes: self.bytes,
            sessions: self.sessions_len(),
        });
        let shown = self.fan_out.sessions(&core.sessions).take(INSPECTED_SESSIONS_MAX);
        Inspection {
            standing,
            sessions: shown.filter_map(|session| self.inspect_session(session, core)).collect(),
            sessions_in_all: self.fan_out.len(),
            states: self.presence.inspect(INSPECTED_STATE_BYTES_MAX),
        }
    }

    fn inspect_session(&self, session: SessionId, core: &Core) -> Option<InspectedSession> {
        let counts = self.acknowledgements.counts(SessionRef { shard: core.config.shard, session });
        core.sessions.inspect(session, if counts { Dialect::Hocuspocus } else { Dialect::YWebsocket })
    }

    /// Somebody has sent the session away.
    pub(crate) fn dismiss(&mut self, session: SessionRef, core: &mut Core) {
        self.end(session, CloseReason::Dismissed, core);
    }
}
