//! A document of another shard, as far as sessions of this core have it: their fan-out, and the way to the owner. Knows nothing of
//! what is in the document.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::core::Core;
use crate::effect::{CloseReason, Effect};
use crate::envelope::Envelope;
use crate::errand::{INSPECTED_SESSIONS_MAX, Inspection};
use crate::fan_out::FanOut;
use crate::frame::Frame;
use crate::id::{DocumentId, Sequence, SessionId, ShardId};
use crate::input::{Access, Dialect};
use crate::session::Place;

#[derive(Debug)]
pub(crate) struct Mirror {
    pub(crate) id: DocumentId,
    owner: ShardId,
    /// Place in the shard's table.
    slot: u32,
    /// The owner has answered: what it publishes follows on what it said then. Before, what still comes for sessions that are gone is
    /// ignored.
    open: bool,
    fan_out: FanOut,
    /// Those of its sessions that understand stateless messages.
    stateless: BTreeSet<SessionId>,
}

impl Mirror {
    pub(crate) fn new(id: DocumentId, owner: ShardId, slot: u32, large_bytes: usize) -> Self {
        Self { id, owner, slot, open: false, fan_out: FanOut::new(large_bytes), stateless: BTreeSet::new() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.fan_out.is_empty()
    }

    pub(crate) fn attach(
        &mut self,
        session: SessionId,
        name: Arc<str>,
        access: Access,
        dialect: Dialect,
        core: &mut Core,
    ) {
        match dialect {
            Dialect::YWebsocket => {}
            Dialect::Hocuspocus => {
                self.stateless.insert(session);
            }
        }
        let member = self.fan_out.add(session);
        core.sessions.add(session, Place::Mirror(self.slot), member, access);
        core.sessions.pause(session, &mut core.effects);
        core.counters.sessions_mirrored += 1;
        let document = self.id;
        core.envelope(self.owner, Envelope::Attach { document, name, session, access, dialect });
    }

    /// The connection has ended: the owner is told.
    pub(crate) fn detach(&mut self, session: SessionId, core: &mut Core) {
        self.leave(session, core);
        core.envelope(self.owner, Envelope::Detach { document: self.id, session });
    }

    /// The owner has ended the session.
    pub(crate) fn close(&mut self, session: SessionId, reason: CloseReason, core: &mut Core) {
        self.leave(session, core);
        core.effects.push_back(Effect::Close { session, reason });
    }

    fn leave(&mut self, session: SessionId, core: &mut Core) {
        self.stateless.remove(&session);
        if let Some(gone) = core.sessions.remove(session) {
            self.fan_out.remove(session, &gone, &mut core.sessions);
        }
    }

    pub(crate) fn message(&mut self, session: SessionId, bytes: Vec<u8>, reply: bool, core: &mut Core) {
        core.envelope(self.owner, Envelope::Message { document: self.id, session, bytes, reply });
    }

    pub(crate) fn access_changed(&mut self, session: SessionId, access: Access, core: &mut Core) {
        core.envelope(self.owner, Envelope::AccessChanged { document: self.id, session, access });
    }

    pub(crate) fn stateless(&self, frame: &Frame, core: &mut Core) {
        for &session in &self.stateless {
            core.stateless(session, frame);
        }
    }

    pub(crate) fn alive(&mut self, session: SessionId, core: &mut Core) {
        core.envelope(self.owner, Envelope::Alive { document: self.id, session });
    }

    pub(crate) fn attached(
        &mut self,
        session: SessionId,
        (sequence, committed): (Sequence, Sequence),
        greeting: Frame,
        core: &mut Core,
    ) {
        if core.sessions.get(session).is_none() {
            return;
        }
        // The owner may have ended all sessions that it knew of here before it heard of this one: what it published in between did not come
        // here, and all who are here now came after that.
        if !self.open || self.fan_out.sequence() != sequence {
            self.open = true;
            self.fan_out.open(sequence, committed);
        }
        if !greeting.is_empty() {
            core.sessions.reply(session, greeting, &mut core.effects);
        }
        core.sessions.resume(session, &mut core.effects);
    }

    pub(crate) fn published(
        &mut self,
        sequence: Sequence,
        record: (Frame, u64),
        authors: &[SessionId],
        core: &mut Core,
    ) {
        if self.open {
            self.fan_out.publish(sequence, record, authors.iter().copied(), &mut core.sessions);
        }
    }

    pub(crate) fn fan_out(&mut self, core: &mut Core) {
        if self.open {
            self.fan_out.send(&mut core.sessions, &mut core.effects);
        }
    }

    pub(crate) fn awareness(&mut self, frame: &Frame, core: &mut Core) {
        if self.open {
            self.fan_out.awareness(frame, &mut core.sessions, &mut core.effects);
        }
    }

    pub(crate) fn committed(&mut self, sequence: Sequence, core: &mut Core) {
        if self.open {
            self.fan_out.commit(sequence, &mut core.sessions, &mut core.effects);
        }
    }

    /// What was published here is of no document any more. Who is here now waits for the owner's answer.
    pub(crate) fn deleted(&mut self) {
        self.open = false;
        self.fan_out.open(Sequence(0), Sequence(0));
    }

    pub(crate) fn inspect(&self, core: &Core) -> Inspection {
        let dialect = |session| match self.stateless.contains(&session) {
            true => Dialect::Hocuspocus,
            false => Dialect::YWebsocket,
        };
        let shown = self.fan_out.sessions(&core.sessions).take(INSPECTED_SESSIONS_MAX);
        let sessions = shown.filter_map(|session| core.sessions.inspect(session, dialect(session))).collect();
        Inspection { sessions, sessions_in_all: self.fan_out.len(), ..Inspection::default() }
    }

    /// Somebody has sent the session away.
    pub(crate) fn dismiss(&mut self, session: SessionId, core: &mut Core) {
        self.detach(session, core);
        core.counters.sessions_closed += 1;
        core.effects.push_back(Effect::Close { session, reason: CloseReason::Dismissed });
    }

    pub(crate) fn begin_catch_up(&mut self, session: SessionId, core: &mut Core) {
        self.fan_out.begin_catch_up(session, &mut core.sessions);
    }

    pub(crate) fn caught_up(&mut self, session: SessionId, frames: &[Frame], through: Sequence, core: &mut Core) {
        self.fan_out.caught_up(session, frames, through, &mut core.sessions, &mut core.effects);
    }

    pub(crate) fn drained(&mut self, session: SessionId, core: &mut Core) {
        let lacks = self.fan_out.drained(session, &mut core.sessions, &mut core.effects);
        if lacks.awareness || lacks.since.is_some() {
            let (document, awareness) = (self.id, lacks.awareness);
            core.envelope(self.owner, Envelope::CatchUp { document, session, since: lacks.since, awareness });
        }
    }

    pub(crate) fn too_slow(&mut self, session: SessionId, core: &mut Core) {
        self.detach(session, core);
        core.counters.sessions_too_slow += 1;
        core.counters.sessions_closed += 1;
        core.effects.push_back(Effect::Close { session, reason: CloseReason::TooSlow });
    }
}
