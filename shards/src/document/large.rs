//! Large updates of sessions: what is held against the document beside its core, what waits behind it, and what comes of it. Does not know where
//! that is done.
//!
//! Whatever its session says behind it waits, be it that the session is not read from, or, where it is on another core, that what was on its way comes
//! later. So to everybody it is as if all of that had come in the moment in which the update is taken.

use std::collections::{BTreeMap, VecDeque};

use selvedge_protocol::sync::{self, Message};

use super::Document;
use crate::core::Core;
use crate::effect::Effect;
use crate::id::{Moment, SessionRef};
use crate::input::Access;
use crate::large::{Judged, Large, Outcome};
use crate::measured::Arrivals;
use crate::prepared::Part;
use crate::waiting::Parked;

/// How often it is tried while others bring structs of the same clients. One that is outdated by then is dropped, as if there were no room for it to
/// wait in; its session brings it again.
const TRIES: u8 = 3;

#[derive(Debug, Default)]
pub(super) struct Larges {
    jobs: BTreeMap<u64, Offer>,
    /// What came behind them. Invariant: the session has one of them, and is on another core; one of this core is not read from.
    behind: BTreeMap<SessionRef, VecDeque<Behind>>,
}

/// An update that is held against the document, or waits for that.
#[derive(Debug)]
struct Offer {
    /// Its bytes are here while it waits.
    from: Parked,
    /// What its session was allowed when it came.
    access: Access,
    arrived: Option<Moment>,
    bytes: usize,
    /// How often it was outdated.
    tries: u8,
}

/// What has to wait, in its order.
#[derive(Debug)]
enum Behind {
    Message { bytes: Vec<u8>, reply: bool },
    AccessChanged(Access),
    Detached,
}

/// Whether something of the session is held, where anything is.
pub(super) fn one_of(large: &Option<Box<Larges>>, session: SessionRef) -> bool {
    large.as_ref().is_some_and(|large| large.jobs.values().any(|offer| offer.from.session == session))
}

impl Larges {
    pub(super) fn forget(&mut self, session: SessionRef) {
        self.behind.remove(&session);
    }
}

impl Document {
    /// Something of the session is held against the document.
    pub(super) fn holds_large_of(&self, session: SessionRef) -> bool {
        one_of(&self.large, session)
    }

    // --- what waits behind it ---

    fn waits_behind(&mut self, session: SessionRef, what: Behind) {
        let large = self.large.as_mut().expect("there is one that it waits behind");
        large.behind.entry(session).or_default().push_back(what);
    }

    pub(super) fn message_waits(&mut self, session: SessionRef, message: &Message<'_>, reply: bool) {
        let mut bytes = Vec::with_capacity(message.encoded_len());
        message.put(&mut bytes);
        self.waits_behind(session, Behind::Message { bytes, reply });
    }

    /// As another core says, behind whatever it has said of the session before.
    pub(crate) fn access_change_came(&mut self, session: SessionRef, access: Access, core: &mut Core) {
        if self.holds_large_of(session) {
            self.waits_behind(session, Behind::AccessChanged(access));
        } else {
            self.access_changed(session, access, core);
        }
    }

    /// As another core says, behind whatever it has said of the session before.
    pub(crate) fn detachment_came(&mut self, session: SessionRef, core: &mut Core) {
        if self.holds_large_of(session) {
            self.waits_behind(session, Behind::Detached);
        } else {
            self.detach(session, core);
        }
    }

    /// What came behind it is dealt with, up to the next large update.
    fn go_on(&mut self, session: SessionRef, core: &mut Core) {
        while !self.holds_large_of(session)
            && let Some(large) = &mut self.large
            && let Some(behind) = large.behind.get_mut(&session)
        {
            match behind.pop_front() {
                Some(Behind::Message { bytes, reply }) => {
                    let message = sync::parse(&bytes).expect("it was a message when it came");
                    self.message(session, message, reply, core);
                }
                Some(Behind::AccessChanged(access)) => self.access_changed(session, access, core),
                Some(Behind::Detached) => self.detach(session, core),
                None => large.forget(session),
            }
        }
    }

    // --- to be held against the document ---

    pub(super) fn hold_beside(&mut self, from: Parked, access: Access, core: &mut Core) {
        let (job, bytes) = (core.next_job(), from.update.len());
        core.preparing.takes(bytes);
        core.pause(from.session);
        let offer = Offer { from, access, arrived: core.moment, bytes, tries: 0 };
        self.large.get_or_insert_default().jobs.insert(job, offer);
        if core.preparing.enter(self.id, job) {
            self.begin_large(job, core);
        }
    }

    /// Its turn has come. Says whether it is still there.
    pub(crate) fn begin_large(&mut self, job: u64, core: &mut Core) -> bool {
        let Some(offer) = self.large.as_mut().and_then(|large| large.jobs.get_mut(&job)) else { return false };
        let update = std::mem::take(&mut offer.from.update);
        let large = Box::new(Large::new(self.known.clone(), update, core.config.update));
        core.effects.push_back(Effect::Prepare { document: self.id, job, large });
        true
    }

    /// All sessions have gone, and what they have brought goes, too.
    pub(super) fn drop_larges(&mut self, core: &mut Core) {
        for offer in self.large.take().into_iter().flat_map(|large| large.jobs.into_values()) {
            core.preparing.gives_back(offer.bytes);
        }
    }

    // --- what comes of it ---

    pub(crate) fn judged(&mut self, job: u64, judged: Judged, core: &mut Core) {
        let Some(large) = &mut self.large else { return };
        let Some(mut offer) = large.jobs.remove(&job) else { return };
        let holds = judged.holds(&self.known);
        offer.tries += u8::from(!holds);
        if !holds && offer.tries < TRIES {
            offer.from.update = judged.into_update();
            large.jobs.insert(job, offer);
            if core.preparing.enter(self.id, job) {
                self.begin_large(job, core);
            }
            return;
        }
        core.preparing.gives_back(offer.bytes);
        let session = offer.from.session;
        let mut ready = Vec::new();
        match (holds, self.access(session, core)) {
            (true, _) => self.large_came(offer, judged.into_outcome(), &mut ready, core),
            (false, Some(_)) => self.drop_for_now(&offer.from, core),
            // Who has gone brings it again when it is back.
            (false, None) => {}
        }
        self.offer_ready(ready, core);
        self.go_on(session, core);
        core.resume(session);
        if self.large.as_ref().is_some_and(|large| large.jobs.is_empty()) {
            self.large = None;
        }
        self.settle(core.now);
    }

    /// As [`Document::offer`] does with one that is small; but that its session may have gone. It had come before that, so what can join does.
    fn large_came(&mut self, offer: Offer, outcome: Outcome, ready: &mut Vec<Parked>, core: &mut Core) {
        let Offer { from, access, arrived, .. } = offer;
        let Parked { session, worth, .. } = from;
        let outcome = match outcome {
            outcome if self.access(session, core).is_some() => outcome,
            // What lacks something it brings again when it is back.
            Outcome::News { part: Some(part), rest: _ } if access == Access::ReadWrite && core.stalled.is_none() => {
                Outcome::News { part: Some(part), rest: None }
            }
            Outcome::Nothing(_) | Outcome::News { .. } | Outcome::Refused(_) => return,
        };
        match outcome {
            Outcome::Nothing(echo) => {
                core.counters.updates_duplicate += 1;
                self.duplicate_came(session, from.echo.then_some(echo), worth, core);
            }
            Outcome::News { .. } if access == Access::ReadOnly => self.deny_writing(session, worth, core),
            Outcome::News { .. } if core.stalled.is_some() => self.refuse_stalled(session, worth, core),
            Outcome::News { part: None, rest: None } => {}
            Outcome::News { part: None, rest: Some(rest) } => self.park(from, rest, core),
            Outcome::News { part: Some(part), rest: None } => {
                self.part_came(session, part, (worth, arrived), ready, core);
            }
            Outcome::News { part: Some(part), rest: Some(rest) } => {
                if self.part_came(session, part, (0, arrived), ready, core) {
                    core.counters.updates_divided += 1;
                    self.park(from, rest, core);
                }
            }
            Outcome::Refused(refused) => self.refuse(session, refused, core),
        }
    }

    /// Says whether it is taken.
    fn part_came(
        &mut self,
        session: SessionRef,
        part: Part,
        (worth, arrived): (u32, Option<Moment>),
        ready: &mut Vec<Parked>,
        core: &mut Core,
    ) -> bool {
        // Others may have brought as much meanwhile.
        if let Err(refused) = part.accepted().fits(&self.known, &core.config.update) {
            self.refuse(session, refused, core);
            return false;
        }
        if !self.has_room_for(part.len(), session, core) {
            return false;
        }
        core.counters.updates_accepted += 1;
        self.take_in(part.accepted(), ready);
        let mut arrivals = Arrivals::default();
        arrivals.note(arrived);
        self.publish_alone(session, part, (worth, arrivals), core);
        true
    }
}
