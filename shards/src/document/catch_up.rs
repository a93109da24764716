//! Sessions that are behind, or have just come, get what they lack from the store. Does not know how it is read.

use std::sync::Arc;

use super::{Document, Job, What};
use crate::core::Core;
use crate::effect::{CloseReason, Effect};
use crate::envelope::Envelope;
use crate::fan_out::Lacks;
use crate::frame::Frame;
use crate::id::{Sequence, SessionId, SessionRef};
use crate::reading::{CatchUpFrom, CaughtUp, ReadFailed};

impl Document {
    pub(super) fn start_job(&mut self, from: CatchUpFrom, session: SessionRef, core: &mut Core) {
        let through = self.committed;
        if let Some(job) = self.jobs.iter_mut().find(|job| job.through == through && job.from == from) {
            job.sessions.push(session);
            return;
        }
        let id = core.next_job();
        core.counters.catch_ups += 1;
        core.effects.push_back(Effect::CatchUp { document: self.id, job: id, from: from.clone(), through });
        self.fan_out.begin_job(id);
        self.jobs.push(Job { id, from, through, sessions: vec![session] });
    }

    pub(crate) fn caught_up(&mut self, job: u64, result: Result<CaughtUp, ReadFailed>, core: &mut Core) {
        let Some(at) = self.jobs.iter().position(|other| other.id == job) else { return };
        let job = self.jobs.swap_remove(at);
        let joins = matches!(job.from, CatchUpFrom::StateVector(_));
        for session in job.sessions {
            if joins {
                core.resume(session);
            }
            match (&result, &job.from) {
                // It has written since it asked, and its mirror cannot keep that back from what it is handed here: it would see its own
                // record before the disk has it. So it is answered anew after the commit.
                (Ok(_), CatchUpFrom::StateVector(state_vector))
                    if !core.is_here(session) && self.authored.contains_key(&session) =>
                {
                    self.answer(session, What::SyncStep2(state_vector.clone()), core);
                }
                (Ok(CaughtUp { frames, through }), CatchUpFrom::StateVector(_)) => {
                    let (frames, through) = match core.is_here(session) {
                        true => (Arc::clone(frames), *through),
                        false => self.with_news(frames, *through),
                    };
                    self.hand_answer(session, frames, through, core);
                }
                (Ok(CaughtUp { frames, through }), CatchUpFrom::Sequence(_)) => {
                    self.hand_over(session, Arc::clone(frames), *through, core);
                }
                (Err(failed), _) => self.end(session, CloseReason::LoadFailed(failed.clone()), core),
            }
        }
        self.fan_out.end_job(job.id);
        self.settle(core.now);
        self.delete_if_at_rest(core);
    }

    /// What the session has asked for, and behind it what it was not to hear before.
    pub(super) fn hand_answer(
        &mut self,
        session: SessionRef,
        frames: Arc<[Frame]>,
        through: Sequence,
        core: &mut Core,
    ) {
        self.hand_over(session, frames, through, core);
        let worth = self.acknowledgements.answered(session);
        if worth > 0 {
            self.acknowledge(session, worth, core);
        }
    }

    fn hand_over(&mut self, session: SessionRef, frames: Arc<[Frame]>, through: Sequence, core: &mut Core) {
        if core.is_here(session) {
            self.fan_out.caught_up(session.session, &frames, through, &mut core.sessions, &mut core.effects);
        } else {
            let document = self.id;
            core.envelope(session.shard, Envelope::CaughtUp { document, session: session.session, frames, through });
        }
    }

    /// Adds what was published since: the mirror of a session that joins knows nothing of what came before its first session.
    fn with_news(&self, frames: &Arc<[Frame]>, through: Sequence) -> (Arc<[Frame]>, Sequence) {
        match self.fan_out.published_since(through) {
            Some((news, through)) => (frames.iter().cloned().chain([news]).collect(), through),
            None => (Arc::clone(frames), through),
        }
    }

    /// A session of this core has taken everything.
    pub(crate) fn drained(&mut self, session: SessionId, core: &mut Core) {
        let lacks = self.fan_out.drained(session, &mut core.sessions, &mut core.effects);
        let session = SessionRef { shard: core.config.shard, session };
        self.supply(session, lacks, core);
    }

    pub(crate) fn supply(&mut self, session: SessionRef, lacks: Lacks, core: &mut Core) {
        if self.access(session, core).is_none() {
            return;
        }
        if lacks.awareness {
            self.send_awareness(session, core);
        }
        if let Some(since) = lacks.since {
            self.start_job(CatchUpFrom::Sequence(since), session, core);
        }
    }

    pub(crate) fn too_slow(&mut self, session: SessionRef, core: &mut Core) {
        core.counters.sessions_too_slow += 1;
        self.end(session, CloseReason::TooSlow, core);
    }
}
