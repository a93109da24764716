//! What others than sessions want of a document: edits without an author who listens, its making and its end. Does not know who asks.

use std::collections::VecDeque;

use selvedge_protocol::update::{self, Known, Verdict};

use super::{Document, Phase};
use crate::core::Core;
use crate::effect::{CloseReason, Effect};
use crate::envelope::Envelope;
use crate::errand::{
    Answer, ErrandFailed, Expected, INSPECTED_SESSIONS_MAX, INSPECTED_STATE_BYTES_MAX, InspectedSession, Inspection,
    Standing, Updates,
};
use crate::flow::Flow;
use crate::id::{Sequence, SessionId, SessionRef, ShardId};
use crate::input::Dialect;
use crate::prepared::{Base, NOTHING, Part, Prepared};
use crate::presence::Presence;
use crate::reading::{Loaded, ReadFailed};

/// What only the document itself can do.
#[derive(Debug)]
pub(crate) enum Task {
    Base,
    Edit { updates: Updates, expected: Expected },
    Create { expected: Expected },
    Delete { expected: Expected },
    Replace { updates: Updates, stored: bool },
}

impl Task {
    /// What is stored has to be known for it.
    pub(crate) fn reads(&self) -> bool {
        match self {
            Self::Base | Self::Edit { .. } | Self::Create { .. } => true,
            Self::Delete { expected } => match expected {
                Expected::Any | Expected::Same(_) => false,
                Expected::Nothing | Expected::Exactly(..) => true,
            },
            Self::Replace { stored, .. } => !stored,
        }
    }
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
    /// What takes its place, if anything does.
    successor: Option<Box<Successor>>,
}

/// The beginning of a document in the place of another.
#[derive(Debug, PartialEq, Eq)]
struct Successor {
    /// Its records, until the order is given.
    updates: Vec<Vec<u8>>,
    known: Known,
    records: u64,
    bytes: usize,
}

impl Successor {
    fn of((parts, known): Whole) -> Box<Self> {
        let (records, bytes) = (parts.len() as u64, bytes_of(&parts));
        let updates = parts.into_iter().map(|part| part.into_record().0).collect();
        Box::new(Self { updates, known, records, bytes })
    }
}

/// All of a document, which has one part at least, and what it knows.
type Whole = (Vec<Part>, Known);

fn bytes_of(parts: &[Part]) -> usize {
    parts.iter().map(Part::len).sum()
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
                Task::Delete { .. } | Task::Replace { .. } if !task.reads() => {
                    if self.end_unread(job, task, core) {
                        return true;
                    }
                }
                Task::Base | Task::Edit { .. } | Task::Create { .. } | Task::Delete { .. } | Task::Replace { .. } => {
                    core.answer(job, Answer::Failed(ErrandFailed::Unreadable(why.clone())));
                }
            }
        }
        false
    }

    /// Begins a deletion of what is stored, which is not known. Says whether it has begun.
    pub(crate) fn end_unread(&mut self, job: u64, task: Task, core: &mut Core) -> bool {
        let may_end = match task {
            Task::Delete { expected } => {
                self.check_expected(expected).and_then(|()| self.check_stall(core)).map(|()| None)
            }
            Task::Replace { updates, .. } => self.succeed(updates, core).map(Successor::of).map(Some),
            Task::Base | Task::Edit { .. } | Task::Create { .. } => unreachable!("these need to know what is stored"),
        };
        match may_end {
            Ok(successor) => self.begin_deletion(job, successor, core),
            Err(failed) => {
                core.answer(job, Answer::Failed(failed));
                return false;
            }
        }
        true
    }

    fn run(&mut self, job: u64, task: Task, core: &mut Core) {
        match task {
            Task::Base => {
                core.answer(job, Answer::Base(Box::new(Base::of(self.known.clone(), core.deletions.count()))))
            }
            Task::Edit { updates, expected } => self.edit(job, updates, expected, core),
            Task::Create { expected } => self.create(job, expected, core),
            Task::Delete { expected } => self.delete(job, expected, core),
            Task::Replace { updates, .. } => self.replace(job, updates, core),
        }
    }

    /// The document is what whoever asks takes it for.
    fn check_expected(&self, expected: Expected) -> Result<(), ErrandFailed> {
        let sequence = self.last();
        let is_met = match expected {
            Expected::Any => true,
            Expected::Nothing => sequence == Sequence(0),
            Expected::Same(count) => self.deleted <= count,
            Expected::Exactly(count, exactly) => self.deleted <= count && sequence == exactly,
        };
        if is_met { Ok(()) } else { Err(ErrandFailed::Changed { sequence }) }
    }

    fn check_stall(&self, core: &Core) -> Result<(), ErrandFailed> {
        core.stalled.clone().map_or(Ok(()), |reason| Err(ErrandFailed::Stalled(reason)))
    }

    // --- edits ---

    fn edit(&mut self, job: u64, updates: Updates, expected: Expected, core: &mut Core) {
        let mut count = 1;
        let joined = self.check_expected(expected).and_then(|()| match updates {
            Updates::Raw(updates) => match &updates[..] {
                [update] => self.join(update, core),
                _ => {
                    count = updates.len() as u64;
                    let base = Base::of(self.known.clone(), core.deletions.count());
                    self.join_together(Prepared::of(base, updates, &core.config.update), core)
                }
            },
            Updates::Prepared(prepared) => {
                count = prepared.updates();
                self.join_together(*prepared, core)
            }
        });
        match joined {
            Err(failed) => {
                core.counters.updates_refused += u64::from(matches!(failed, ErrandFailed::Refused(_)));
                core.answer(job, Answer::Failed(failed));
            }
            Ok(brought_by) => {
                let counter = match brought_by {
                    Some(_) => &mut core.counters.updates_accepted,
                    None => &mut core.counters.updates_duplicate,
                };
                *counter += count;
                let (sequence, is_new) = (brought_by.unwrap_or(self.last()), brought_by.is_some());
                let answer = Answer::Edited { sequence, is_new, deletions: core.deletions.count() };
                self.answer_when_durable(sequence, job, answer, core);
            }
        }
    }

    /// Says which record brings what is new in it, if anything is.
    fn join(&mut self, update: &[u8], core: &mut Core) -> Result<Option<Sequence>, ErrandFailed> {
        match update::accept(&self.known, update, &core.config.update) {
            Verdict::Duplicate => Ok(None),
            Verdict::Missing { client, clock } => Err(ErrandFailed::Lacks { client, clock }),
            Verdict::Refused(refused) => Err(ErrandFailed::Refused(refused)),
            Verdict::Accepted(accepted) => {
                self.check_room(accepted.update.len(), core)?;
                let mut ready = Vec::new();
                self.take_in(&accepted, &mut ready);
                let sequence = self.gather_from_outside(accepted.update.into_owned(), core);
                self.offer_ready(ready, core);
                Ok(Some(sequence))
            }
        }
    }

    /// The same of several, all or none: the last record.
    fn join_together(&mut self, prepared: Prepared, core: &mut Core) -> Result<Option<Sequence>, ErrandFailed> {
        let (parts, known) = prepared.join(&self.known, self.deleted, &core.config.update)?;
        if parts.is_empty() {
            return Ok(None);
        }
        self.check_room(bytes_of(&parts), core)?;
        self.known = known;
        let mut ready = Vec::new();
        self.take_ready(Prepared::clocks(&parts), &mut ready);
        self.publish_together(parts, core);
        let sequence = self.sequence;
        self.offer_ready(ready, core);
        Ok(Some(sequence))
    }

    fn create(&mut self, job: u64, expected: Expected, core: &mut Core) {
        let last = self.last();
        let is_new = last == Sequence(0);
        let may = self.check_expected(expected);
        match may.and_then(|()| if is_new { self.check_room(NOTHING.len(), core) } else { Ok(()) }) {
            Err(failed) => core.answer(job, Answer::Failed(failed)),
            Ok(()) => {
                let sequence = if is_new { self.gather_from_outside(NOTHING.to_vec(), core) } else { last };
                self.answer_when_durable(sequence, job, Answer::Created { sequence, is_new }, core);
            }
        }
    }

    /// What a document has, and so many bytes more.
    fn check_room(&self, bytes: usize, core: &Core) -> Result<(), ErrandFailed> {
        self.check_bytes(self.bytes + self.turn.bytes as u64 + bytes as u64, core)
    }

    fn check_bytes(&self, bytes: u64, core: &Core) -> Result<(), ErrandFailed> {
        let bytes_max = core.config.document_bytes_max;
        self.check_stall(core)?;
        match () {
            () if !core.has_room() => Err(ErrandFailed::Congested),
            () if bytes > bytes_max => Err(ErrandFailed::DocumentFull { bytes_max }),
            () => Ok(()),
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

    fn delete(&mut self, job: u64, expected: Expected, core: &mut Core) {
        let may_end = self.check_expected(expected).and_then(|()| match self.last() {
            Sequence(0) => Ok(false),
            _ => self.check_stall(core).map(|()| true),
        });
        match may_end {
            Err(failed) => core.answer(job, Answer::Failed(failed)),
            Ok(false) => core.answer(job, Answer::Deleted(false)),
            Ok(true) => self.begin_deletion(job, None, core),
        }
    }

    fn replace(&mut self, job: u64, updates: Updates, core: &mut Core) {
        match self.succeed(updates, core) {
            Err(failed) => core.answer(job, Answer::Failed(failed)),
            // Who has it open need not go.
            Ok((parts, known)) if self.last() == Sequence(0) => {
                self.known = known;
                self.publish_together(parts, core);
                let sequence = self.last();
                self.answer_when_durable(sequence, job, Answer::Replaced { sequence, was_there: false }, core);
            }
            Ok(whole) => self.begin_deletion(job, Some(Successor::of(whole)), core),
        }
    }

    /// A document that may begin.
    fn succeed(&self, updates: Updates, core: &Core) -> Result<Whole, ErrandFailed> {
        let limits = &core.config.update;
        let prepared = match updates {
            Updates::Raw(updates) => Prepared::of(Base::default(), updates, limits),
            Updates::Prepared(prepared) => *prepared,
        };
        let (mut parts, known) = prepared.begin(limits)?;
        if parts.is_empty() {
            // Without any content its first record says nothing.
            parts.push(Part::nothing());
        }
        self.check_bytes(bytes_of(&parts) as u64, core)?;
        Ok((parts, known))
    }

    /// Everybody has to go, and what they have brought is stored first, as they may have been told that it is in the document.
    fn begin_deletion(&mut self, job: u64, successor: Option<Box<Successor>>, core: &mut Core) {
        core.accepted_from_outside(successor.as_ref().map_or(0, |successor| successor.bytes));
        for session in self.all_sessions(core) {
            self.end(session, CloseReason::Deleted, core);
        }
        self.waiting = None;
        self.drop_larges(core);
        if !self.turn.updates.is_empty() {
            self.publish(true, core);
        }
        self.phase = Phase::Deleting(Deletion { job, ordered: false, successor });
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
        let successor = deletion.successor.as_mut().map(|successor| std::mem::take(&mut successor.updates));
        let (name, successor) = (self.name.clone(), successor.unwrap_or_default());
        core.effects.push_back(Effect::Delete { document, name, successor });
        // Also those that have no session here as far as is known: one may be on its way.
        let here = core.config.shard;
        for shard in (0..core.config.shards).map(ShardId).filter(|&shard| shard != here) {
            core.envelope(shard, Envelope::Deleted { document });
        }
    }

    /// Nothing of it is stored any more: here begins another document of the same name.
    pub(crate) fn deleted(&mut self, core: &mut Core) {
        let phase = std::mem::replace(&mut self.phase, Phase::Loading);
        let Phase::Deleting(Deletion { job, ordered: true, successor }) = phase else {
            unreachable!("only what was ordered to be deleted is")
        };
        core.counters.documents_deleted += 1;
        core.deletions.deleted(self.id);
        self.deleted = core.deletions.count();
        let loaded = successor.map(|successor| {
            let Successor { known, records, bytes, updates: _ } = *successor;
            core.committed(bytes);
            core.counters.records += records;
            core.counters.record_bytes += bytes as u64;
            let (sequence, bytes) = (Sequence(records), bytes as u64);
            Loaded { sequence, known, log_records: records, log_bytes: bytes, bytes }
        });
        core.answer(
            job,
            match &loaded {
                None => Answer::Deleted(true),
                Some(loaded) => Answer::Replaced { sequence: loaded.sequence, was_there: true },
            },
        );
        self.authored.clear();
        self.flow = Flow::default();
        self.presence = Presence::default();
        (self.recorded, self.fanned_out, self.unsent_updates) = (None, None, 0);
        (self.updates_due, self.awareness_due) = (None, None);
        (self.greeting, self.everyone, self.nothing_new) = (None, None, None);
        self.open(loaded.unwrap_or_default(), core);
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
            deletions: core.deletions.count(),
            // Whoever reads now may find what takes its place.
            deleted: match self.phase {
                Phase::Deleting(_) => core.deletions.count().next(),
                Phase::Loading | Phase::Open | Phase::Idle(_) => self.deleted,
            },
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
