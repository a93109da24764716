//! Who has a document open: here, and on other cores. Does not know what they say.

use selvedge_protocol::sync;

use super::{Document, Phase};
use crate::core::Core;
use crate::effect::CloseReason;
use crate::envelope::Envelope;
use crate::frame::Frame;
use crate::id::{SessionRef, ShardId};
use crate::input::{Access, Dialect};
use crate::session::Place;

impl Document {
    pub(crate) fn attach(&mut self, session: SessionRef, access: Access, dialect: Dialect, core: &mut Core) {
        if self.sessions_len() >= core.config.sessions_per_document_max as usize {
            let sessions_max = core.config.sessions_per_document_max;
            core.counters.sessions_refused += 1;
            core.counters.sessions_closed += 1;
            core.close(session, CloseReason::SessionsFull { sessions_max });
            return;
        }
        if core.is_here(session) {
            let member = self.fan_out.add(session.session);
            core.sessions.add(session.session, Place::Document(self.slot), member, access);
            if self.is_waiting() {
                core.pause(session);
            }
        } else {
            self.remotes.entry(session.shard).or_default().insert(session.session, access);
        }
        match dialect {
            Dialect::YWebsocket => {}
            Dialect::Hocuspocus => self.acknowledgements.add(session),
        }
        self.presence.come(session);
        self.take_temperature(core);
        if !self.is_waiting() {
            self.phase = Phase::Open;
            self.greet(session, core);
        }
    }

    /// Is one core enough for its sessions? It cools down only when half of them have gone, so that it does not change with every one.
    fn take_temperature(&mut self, core: &mut Core) {
        let threshold = core.config.hot_document_sessions as usize;
        let hot = self.sessions_len() >= if self.hot { threshold.div_ceil(2) } else { threshold };
        if hot != self.hot {
            self.hot = hot;
            core.counters.documents_heated += u64::from(hot);
            let here = core.config.shard;
            for shard in (0..core.config.shards).map(ShardId).filter(|&shard| shard != here) {
                core.envelope(shard, Envelope::HotDocument { document: self.id, hot });
            }
        }
    }

    /// The session learns who is there, and where the server stands, so that it sends what the server lacks.
    pub(super) fn greet(&mut self, session: SessionRef, core: &mut Core) {
        let greeting = match self.acknowledgements.counts(session) {
            // Its count has no place for a SyncStep2 before its own SyncStep1.
            true if self.presence.is_empty() => Frame::new(Vec::new()),
            true => self.everyone(),
            false => self.greeting(),
        };
        if core.is_here(session) {
            if !greeting.is_empty() {
                core.sessions.reply(session.session, greeting, &mut core.effects);
            }
        } else {
            let (sequence, committed) = (self.sequence, self.committed);
            let attached =
                Envelope::Attached { document: self.id, session: session.session, sequence, committed, greeting };
            core.envelope(session.shard, attached);
        }
    }

    /// SyncStep1 and all awareness; the same for all who come before something changes.
    fn greeting(&mut self) -> Frame {
        if let Some(greeting) = &self.greeting {
            return greeting.clone();
        }
        let mut bytes = self.sync_step_1();
        if !self.presence.is_empty() {
            bytes.extend(self.presence.all());
        }
        let greeting = Frame::new(bytes);
        self.greeting = Some(greeting.clone());
        greeting
    }

    fn sync_step_1(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        sync::put_sync_step_1(&mut bytes, &self.known.state_vector_bytes());
        bytes
    }

    /// Its answer brings what the document lacks of what the session has.
    pub(super) fn ask_to_sync(&mut self, session: SessionRef, core: &mut Core) {
        self.acknowledgements.was_asked(session);
        core.reply(session, Frame::new(self.sync_step_1()));
    }

    pub(crate) fn detach(&mut self, session: SessionRef, core: &mut Core) {
        if core.is_here(session) {
            let Some(gone) = core.sessions.remove(session.session) else { return };
            self.fan_out.remove(session.session, &gone, &mut core.sessions);
        } else if let Some(sessions) = self.remotes.get_mut(&session.shard) {
            sessions.remove(&session.session);
            if sessions.is_empty() {
                self.remotes.remove(&session.shard);
            }
        }
        self.take_temperature(core);
        self.flow.forget(session);
        self.presence.leave(session, core.now);
        self.greeting = None;
        self.everyone = None;
        self.answers.retain(|answer| answer.session != session);
        for job in &mut self.jobs {
            job.sessions.retain(|&other| other != session);
        }
        if let Some(waiting) = &mut self.waiting {
            waiting.forget(session);
        }
        if let Some(large) = &mut self.large {
            large.forget(session);
        }
        self.told_stalled.retain(|&other| other != session);
        self.acknowledgements.remove(session);
        self.settle(core.now);
    }

    /// Ends a session from this side. One that is gone already is ignored.
    pub(super) fn end(&mut self, session: SessionRef, reason: CloseReason, core: &mut Core) {
        if self.access(session, core).is_none() {
            return;
        }
        self.detach(session, core);
        core.counters.sessions_closed += 1;
        core.close(session, reason);
    }

    pub(super) fn access(&self, session: SessionRef, core: &Core) -> Option<Access> {
        if core.is_here(session) {
            core.sessions.get(session.session).map(|session| session.access)
        } else {
            self.remotes.get(&session.shard)?.get(&session.session).copied()
        }
    }

    pub(crate) fn access_changed(&mut self, session: SessionRef, access: Access, core: &mut Core) {
        let Some(before) = self.access(session, core) else { return };
        if core.is_here(session) {
            if let Some(session) = core.sessions.get_mut(session.session) {
                session.access = access;
            }
        } else if let Some(sessions) = self.remotes.get_mut(&session.shard) {
            sessions.insert(session.session, access);
        }
        // While the document is being read, nothing was refused, and nothing is sent.
        if before == Access::ReadOnly && access == Access::ReadWrite && self.phase == Phase::Open {
            self.ask_to_sync(session, core);
        }
    }

    pub(super) fn all_sessions(&self, core: &Core) -> Vec<SessionRef> {
        let here = core.config.shard;
        let local = self.fan_out.sessions(&core.sessions).map(|session| SessionRef { shard: here, session });
        let remote = self
            .remotes
            .iter()
            .flat_map(|(&shard, sessions)| sessions.keys().map(move |&session| SessionRef { shard, session }));
        local.chain(remote).collect()
    }
}
