//! What comes of an update: accepted, known already, waiting for what it refers to, or refused; and what its session hears of it.

use selvedge_protocol::update::{self, Accepted, Divided, Refused, Rest, Verdict};
use selvedge_protocol::{hocuspocus, sync};

use super::{ASK_AGAIN_MS, Document, What};
use crate::config::TURN_UPDATES_MAX;
use crate::core::Core;
use crate::effect::CloseReason;
use crate::fan_out::update_frame;
use crate::frame::Frame;
use crate::id::{Sequence, SessionRef};
use crate::input::Access;
use crate::waiting::Parked;

/// An update that lacks something is read once for each thing that comes, and may lack as many as it has clients. One that still does
/// after so many is dropped, as if there were no room; its session brings it again.
const OFFERS_MAX: u8 = 16;

impl Document {
    /// `echo`: its author sees it as saved when it comes back. `worth`: it is worth so many acknowledgements.
    pub(super) fn update_came(
        &mut self,
        session: SessionRef,
        access: Access,
        bytes: &[u8],
        (echo, worth): (bool, u32),
        core: &mut Core,
    ) {
        let parked = Parked { session, update: Vec::new(), since: core.now, offers: 0, echo, worth };
        let mut ready = Vec::new();
        self.offer(parked, bytes, access, &mut ready, core);
        self.offer_ready(ready, core);
    }

    /// What was accepted may be what others waited for, and so on.
    pub(super) fn offer_ready(&mut self, mut ready: Vec<Parked>, core: &mut Core) {
        while let Some(next) = ready.pop() {
            let bytes = next.update;
            // Who was ended meanwhile sends it again, if it is let in again.
            let Some(access) = self.access(next.session, core) else { continue };
            let offers = next.offers.saturating_add(1);
            self.offer(Parked { update: Vec::new(), offers, ..next }, &bytes, access, &mut ready, core);
        }
    }

    pub(super) fn offer(
        &mut self,
        from: Parked,
        bytes: &[u8],
        access: Access,
        ready: &mut Vec<Parked>,
        core: &mut Core,
    ) {
        let Parked { session, worth, .. } = from;
        let is_large = bytes.len() > core.config.large_update_bytes;
        if is_large && core.preparing.has_room(bytes.len(), core.config.preparing_bytes_max) {
            return self.hold_beside(Parked { update: bytes.to_vec(), ..from }, access, core);
        }
        match update::accept(&self.known, bytes, &core.config.update) {
            Verdict::Duplicate => {
                core.counters.updates_duplicate += 1;
                self.duplicate_came(session, from.echo.then(|| update_frame(bytes)), worth, core);
            }
            Verdict::Accepted(_) | Verdict::Missing { .. } if access == Access::ReadOnly => {
                self.deny_writing(session, worth, core);
            }
            Verdict::Accepted(_) | Verdict::Missing { .. } if core.stalled.is_some() => {
                self.refuse_stalled(session, worth, core)
            }
            Verdict::Accepted(accepted) => {
                self.accepted_came(session, accepted, worth, ready, core);
            }
            Verdict::Missing { .. } => match update::divide(&self.known, bytes, &core.config.update) {
                Ok(divided) => self.divided_came(from, bytes, divided, ready, core),
                Err(refused) => self.refuse(session, refused, core),
            },
            Verdict::Refused(refused) => self.refuse(session, refused, core),
        }
    }

    pub(super) fn deny_writing(&mut self, session: SessionRef, worth: u32, core: &mut Core) {
        core.counters.updates_denied += 1;
        if self.acknowledgements.counts(session) {
            self.not_saved(session, worth, core);
        } else {
            core.reply(session, denied("this connection may read the document, not change it"));
        }
    }

    pub(super) fn refuse(&mut self, session: SessionRef, refused: Refused, core: &mut Core) {
        core.counters.updates_refused += 1;
        self.end(session, CloseReason::UpdateRefused(refused), core);
    }

    /// Says whether the session is still there: it ends where the document would become too large.
    fn accepted_came(
        &mut self,
        session: SessionRef,
        accepted: Accepted<'_>,
        worth: u32,
        ready: &mut Vec<Parked>,
        core: &mut Core,
    ) -> bool {
        if !self.has_room_for(accepted.update.len(), session, core) {
            return false;
        }
        core.counters.updates_accepted += 1;
        self.take_in(&accepted, ready);
        let update = accepted.update.into_owned();
        self.gather(session, update, worth, core);
        true
    }

    /// The session ends where the document would become too large.
    pub(super) fn has_room_for(&mut self, bytes: usize, session: SessionRef, core: &mut Core) -> bool {
        let bytes_max = core.config.document_bytes_max;
        let has_room = self.bytes + self.turn.bytes as u64 + bytes as u64 <= bytes_max;
        if !has_room {
            core.counters.updates_too_large += 1;
            self.end(session, CloseReason::DocumentFull { bytes_max }, core);
        }
        has_room
    }

    /// What is complete of an update is taken as if it had come alone; but it is worth nothing, because it is the rest by which the
    /// update is saved or not.
    fn divided_came(&mut self, from: Parked, bytes: &[u8], divided: Divided, ready: &mut Vec<Parked>, core: &mut Core) {
        let Parked { session, worth, .. } = from;
        match (divided.part, divided.rest) {
            (None, None) => {
                core.counters.updates_duplicate += 1;
                self.duplicate_came(session, from.echo.then(|| update_frame(bytes)), worth, core);
            }
            (Some(part), None) => {
                self.accepted_came(session, part, worth, ready, core);
            }
            (None, Some(rest)) => self.park(from, rest, core),
            (Some(part), Some(rest)) => {
                if self.accepted_came(session, part, 0, ready, core) {
                    core.counters.updates_divided += 1;
                    self.park(from, rest, core);
                }
            }
        }
    }

    /// Finds what has waited for it.
    pub(super) fn take_in(&mut self, accepted: &Accepted<'_>, ready: &mut Vec<Parked>) {
        self.known.apply(accepted);
        self.take_ready(accepted.clocks.iter(), ready);
    }

    pub(super) fn take_ready<'a>(&mut self, clocks: impl Iterator<Item = &'a (u64, u32)>, ready: &mut Vec<Parked>) {
        if let Some(waiting) = &mut self.waiting {
            for &(client, clock) in clocks {
                waiting.take_ready(client, clock, ready);
            }
            if waiting.is_empty() {
                self.waiting = None;
            }
        }
    }

    /// Everybody sees it at once: its author is none of them. Says which record brings it.
    pub(super) fn gather_from_outside(&mut self, update: Vec<u8>, core: &mut Core) -> Sequence {
        let sequence = self.sequence.next();
        core.accepted_from_outside(update.len());
        self.gathered(update, core);
        sequence
    }

    fn gather(&mut self, author: SessionRef, update: Vec<u8>, worth: u32, core: &mut Core) {
        self.turn.arrivals.note(core.moment);
        if self.written_by(author, worth, update.len(), core) {
            self.turn.authors.push(author);
        }
        self.gathered(update, core);
    }

    /// The next record brings so much of this session. Says whether it is the first of it there.
    pub(super) fn written_by(&mut self, author: SessionRef, worth: u32, bytes: usize, core: &mut Core) -> bool {
        let sequence = self.sequence.next();
        self.saved_with(author, worth, sequence, core);
        core.accepted(bytes, author);
        self.authored.insert(author, sequence) != Some(sequence)
    }

    pub(super) fn gathered(&mut self, update: Vec<u8>, core: &mut Core) {
        self.greeting = None;
        self.nothing_new = None;
        self.turn.bytes += update.len();
        self.turn.updates.push(update);
        if self.turn.updates.len() >= TURN_UPDATES_MAX {
            self.publish(false, core);
        }
    }

    /// All of it is known, but perhaps not durable: for this session it is as if it had written it.
    pub(super) fn duplicate_came(&mut self, session: SessionRef, echo: Option<Frame>, worth: u32, core: &mut Core) {
        let last = if self.turn.updates.is_empty() { self.sequence } else { self.sequence.next() };
        if last > self.committed {
            self.saved_with(session, worth, last, core);
            let authored = self.authored.entry(session).or_insert(last);
            *authored = last.max(*authored);
            if last > self.sequence && !self.turn.authors.contains(&session) {
                self.turn.authors.push(session);
            }
        } else if worth > 0 {
            self.acknowledge(session, worth, core);
        }
        if let Some(frame) = echo {
            self.answer(session, What::Echo(frame), core);
        }
    }

    /// What was worth so many acknowledgements to its session is durable with this record.
    fn saved_with(&mut self, session: SessionRef, worth: u32, sequence: Sequence, core: &mut Core) {
        if self.acknowledgements.becomes_due(session, worth, sequence) {
            core.pause(session);
        }
    }

    /// All of it is durable.
    pub(super) fn acknowledge(&mut self, session: SessionRef, worth: u32, core: &mut Core) {
        if self.acknowledgements.waits_for_answer(session, worth) {
            return;
        }
        core.counters.acknowledgements += u64::from(worth);
        core.reply(session, sync_status(true, worth));
    }

    /// It is not in the document, and its session, which counts acknowledgements, hears so. The next SyncStep2 brings it, and what it was
    /// worth.
    pub(super) fn not_saved(&mut self, session: SessionRef, worth: u32, core: &mut Core) {
        if worth > 0 {
            self.acknowledgements.owe(session, worth);
            core.reply(session, sync_status(false, 1));
        }
    }

    /// Nothing is taken that could not be kept. The client still has it, and is asked for it when writing works again.
    pub(super) fn refuse_stalled(&mut self, session: SessionRef, worth: u32, core: &mut Core) {
        core.counters.updates_stalled += 1;
        let told = self.told_stalled.contains(&session);
        if !told {
            self.told_stalled.push(session);
        }
        if self.acknowledgements.counts(session) {
            self.not_saved(session, worth, core);
        } else if !told {
            let reason = core.stalled.clone().unwrap_or_default();
            core.reply(session, stalled(&reason));
        }
    }

    /// Writing works again: whoever was refused something is asked for it.
    pub(crate) fn storage_recovered(&mut self, core: &mut Core) {
        for session in std::mem::take(&mut self.told_stalled) {
            self.ask_to_sync(session, core);
        }
    }

    pub(super) fn park(&mut self, from: Parked, rest: Rest, core: &mut Core) {
        let session = from.session;
        let Rest { update, client, clock } = rest;
        let (per_session, in_all) =
            (core.config.waiting_bytes_per_session_max, core.config.waiting_bytes_per_document_max);
        let waiting = self.waiting.get_or_insert_default();
        if from.offers < OFFERS_MAX && waiting.has_room(session, update.len(), per_session, in_all) {
            core.counters.updates_waited += 1;
            waiting.park((client, clock), Parked { update, ..from });
            self.ask_for_lack(session, core);
        } else {
            self.drop_for_now(&from, core);
        }
    }

    /// Only its session has it, and is asked for it.
    pub(super) fn drop_for_now(&mut self, from: &Parked, core: &mut Core) {
        core.counters.updates_dropped += 1;
        self.waiting.get_or_insert_default().owes(from.session);
        self.not_saved(from.session, from.worth, core);
        self.ask_for_lack(from.session, core);
    }

    fn ask_for_lack(&mut self, session: SessionRef, core: &mut Core) {
        let Some(waiting) = &mut self.waiting else { return };
        // Its answer fills the gap, and brings again what found no room.
        if waiting.should_ask(session, core.now, ASK_AGAIN_MS) {
            self.ask_to_sync(session, core);
        }
    }
}

fn sync_status(saved: bool, times: u32) -> Frame {
    let mut bytes = Vec::new();
    for _ in 0..times {
        hocuspocus::put_sync_status(&mut bytes, &[], saved);
    }
    Frame::new(bytes)
}

pub(super) fn stalled(reason: &str) -> Frame {
    denied(&format!("changes cannot be stored at the moment: {reason}"))
}

fn denied(reason: &str) -> Frame {
    let mut bytes = Vec::new();
    sync::put_permission_denied(&mut bytes, reason);
    Frame::new(bytes)
}
