//! What a session gets for its SyncStep1, and when: not before what it wrote is durable.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use selvedge_protocol::sync;
use selvedge_protocol::update::StateVector;

use super::updates::stalled;
use super::{Answer, Document, What};
use crate::config::ANSWERS_PER_SESSION_MAX;
use crate::core::Core;
use crate::effect::CloseReason;
use crate::envelope::Envelope;
use crate::frame::Frame;
use crate::id::SessionRef;
use crate::reading::CatchUpFrom;

impl Document {
    /// A session that counts sends SyncStep1: it has forgotten what it counted so far, and wants SyncStep1 back, so that it may send all
    /// that the document lacks and begin from there.
    pub(super) fn count_anew(&mut self, session: SessionRef, core: &mut Core) {
        let mut waits = 0;
        if let Some(waiting) = &mut self.waiting {
            waits = waiting.waive(session);
            waiting.was_asked(session, core.now);
        }
        if self.acknowledgements.begins_anew(session, waits, core.now) {
            core.resume(session);
        }
        self.ask_to_sync(session, core);
    }

    pub(super) fn sync_step_1_came(&mut self, session: SessionRef, state_vector: &[u8], core: &mut Core) {
        // The answer says that all that the session sent before is safe. Where that is not so, the session is asked again first.
        // Whoever counts acknowledgements takes the answer for nothing but what it is.
        let promises = !self.acknowledgements.counts(session);
        if let Some(waiting) = &mut self.waiting
            && promises
            && waiting.lacks_of(session)
        {
            waiting.was_asked(session, core.now);
            self.ask_to_sync(session, core);
        }
        if let Some(reason) = &core.stalled
            && promises
            && self.told_stalled.contains(&session)
        {
            let frame = stalled(reason);
            core.reply(session, frame);
        }
        match StateVector::decode(state_vector, &core.config.update) {
            Ok(state_vector) => self.answer(session, What::SyncStep2(state_vector), core),
            Err(refused) => self.end(session, CloseReason::StateVectorRefused(refused), core),
        }
    }

    /// Now, or after the commit of what the session wrote before.
    pub(super) fn answer(&mut self, session: SessionRef, what: What, core: &mut Core) {
        match self.authored.get(&session) {
            Some(&after) => {
                let before = self.answers.iter().filter(|answer| answer.session == session).count();
                self.answers.push_back(Answer { session, after, what });
                if before + 1 == ANSWERS_PER_SESSION_MAX as usize {
                    core.pause(session);
                }
            }
            None => self.give(session, what, core),
        }
    }

    pub(super) fn give_answers(&mut self, core: &mut Core) {
        let mut kept = VecDeque::new();
        let mut before: BTreeMap<SessionRef, (usize, usize)> = BTreeMap::new();
        let mut due = Vec::new();
        for answer in std::mem::take(&mut self.answers) {
            let (had, has) = before.entry(answer.session).or_default();
            *had += 1;
            if answer.after <= self.committed {
                due.push(answer);
            } else {
                *has += 1;
                kept.push_back(answer);
            }
        }
        self.answers = kept;
        for answer in due {
            self.give(answer.session, answer.what, core);
        }
        let max = ANSWERS_PER_SESSION_MAX as usize;
        for (session, _) in before.into_iter().filter(|(_, (had, has))| *had >= max && *has < max) {
            core.resume(session);
        }
    }

    fn give(&mut self, session: SessionRef, what: What, core: &mut Core) {
        match what {
            What::Echo(frame) => core.reply(session, frame),
            What::SyncStep2(state_vector) => {
                if self.known.is_covered_by(&state_vector) {
                    let frame = self.nothing_new();
                    self.hand_answer(session, Arc::new([frame]), self.sequence, core);
                } else {
                    if core.is_here(session) {
                        self.fan_out.begin_catch_up(session.session, &mut core.sessions);
                    } else {
                        let (document, session, home) = (self.id, session.session, session.shard);
                        core.envelope(home, Envelope::CatchingUp { document, session });
                    }
                    // One at a time: it costs this server more to answer than a client to ask.
                    core.pause(session);
                    self.start_job(CatchUpFrom::StateVector(state_vector), session, core);
                }
            }
        }
    }

    /// SyncStep2 for a client that has every struct: the deletions, which its state vector does not speak of.
    fn nothing_new(&mut self) -> Frame {
        if let Some(frame) = &self.nothing_new {
            return frame.clone();
        }
        let mut bytes = Vec::new();
        sync::put_sync_step_2(&mut bytes, &self.known.encode_deletes());
        let frame = Frame::new(bytes);
        self.nothing_new = Some(frame.clone());
        frame
    }
}
