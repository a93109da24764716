//! One document on the shard that owns it. Keeps what relaying needs and nothing more: which structs and deletions there are, not
//! what they say.
//!
//! The order inside a turn: accept, gather; at its end merge, number, append, fan out. Everybody but the authors sees the turn at
//! once; the authors see it when it is durable.

mod errands;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use selvedge_protocol::awareness;
use selvedge_protocol::hocuspocus;
use selvedge_protocol::sync::{self, Message};
use selvedge_protocol::update::{self, Accepted, Known, StateVector, Verdict};

use crate::acknowledgements::Acknowledgements;
use crate::config::{ANSWERS_PER_SESSION_MAX, Config, TURN_UPDATES_MAX};
use crate::core::Core;
use crate::effect::{CloseReason, Effect};
use crate::envelope::Envelope;
use crate::fan_out::{FanOut, Lacks, squash, update_frame};
use crate::flow::{Flow, Over};
use crate::frame::Frame;
use crate::id::{DeletionCount, DocumentId, Now, Sequence, SessionId, SessionRef, ShardId};
use crate::input::{Access, Audience, Dialect};
use crate::measured::Arrivals;
use crate::presence::{Offered, Presence, Room};
use crate::reading::{CatchUpFrom, CaughtUp, Loaded, ReadFailed};
use crate::session::Place;
use crate::waiting::{Parked, Waiting};
use crate::window::{GATHERED_BYTES_MAX, awareness_window_ms};
pub(crate) use errands::Task;
use errands::{Deletion, Errands};

/// A session that waits for something is asked to sync again after this long, if it still waits.
const ASK_AGAIN_MS: u64 = 5_000;

#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) id: DocumentId,
    pub(crate) name: Arc<str>,
    /// Place in the shard's table.
    slot: u32,
    pub(crate) listed: Listed,
    phase: Phase,
    known: Known,
    /// The last record, appended or not yet.
    sequence: Sequence,
    /// The last record that is durable.
    committed: Sequence,
    /// The last record that the snapshot holds, as far as known here.
    snapshot: Sequence,
    log_bytes: u64,
    bytes: u64,
    snapshot_runs: bool,
    turn: Turn,
    /// Records on their way to the disk.
    uncommitted: VecDeque<Uncommitted>,
    /// Who wrote something that is not durable, and the last such record. What such a session asks for waits until then: its
    /// answer would say that all is safe.
    authored: BTreeMap<SessionRef, Sequence>,
    fan_out: FanOut,
    flow: Flow,
    remotes: BTreeMap<ShardId, BTreeMap<SessionId, Access>>,
    /// All other shards were told that it is.
    hot: bool,
    presence: Presence,
    /// When the last record was made.
    recorded: Option<Now>,
    /// When it last sent updates.
    fanned_out: Option<Now>,
    /// Updates in what the fan-out has not sent.
    unsent_updates: u64,
    /// When they came.
    unsent_arrivals: Arrivals,
    /// From when on awareness may be sent again.
    next_awareness: Now,
    /// When updates that gather are to be sent.
    updates_due: Option<Now>,
    /// When awareness that gathers is to be sent.
    awareness_due: Option<Now>,
    answers: VecDeque<Answer>,
    jobs: Vec<Job>,
    waiting: Option<Box<Waiting>>,
    /// Sessions that were told that nothing can be written; all are asked to sync when it can be again.
    told_stalled: Vec<SessionRef>,
    /// Of those sessions that count them.
    acknowledgements: Acknowledgements,
    greeting: Option<Frame>,
    /// All awareness, as it was when it was asked for after the last that was published: who gets it has what follows from there.
    everyone: Option<Frame>,
    nothing_new: Option<Frame>,
    /// What others than sessions want of it.
    errands: Errands,
    /// The last deletion of a document of this name, as far as is known, or a later one. Not below it.
    pub(crate) deleted: DeletionCount,
}

/// In which of the shard's lists it stands, so that it stands there once.
#[derive(Debug, Default)]
pub(crate) struct Listed {
    pub(crate) dirty: bool,
    pub(crate) due: Option<Now>,
    pub(crate) ticking: bool,
    pub(crate) resting: bool,
    pub(crate) unstored: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum Phase {
    /// It is being read. Nothing is sent, and its sessions are paused.
    Loading,
    Open,
    /// Nobody has used it since then.
    Idle(Now),
    /// All that is stored is to go. New sessions are paused until it has gone, and find another document then.
    Deleting(Deletion),
}

/// What this turn brought.
#[derive(Debug, Default)]
struct Turn {
    updates: Vec<Vec<u8>>,
    authors: Vec<SessionRef>,
    bytes: usize,
    arrivals: Arrivals,
}

/// A record on its way to the disk.
#[derive(Debug)]
struct Uncommitted {
    sequence: Sequence,
    bytes: usize,
    arrivals: Arrivals,
}

/// Something a session gets when what it wrote before is durable.
#[derive(Debug)]
struct Answer {
    session: SessionRef,
    after: Sequence,
    what: What,
}

#[derive(Debug)]
enum What {
    SyncStep2(StateVector),
    Echo(Frame),
}

/// A catch-up that is being made.
#[derive(Debug)]
struct Job {
    id: u64,
    from: CatchUpFrom,
    through: Sequence,
    sessions: Vec<SessionRef>,
}

impl Document {
    /// A document that is being read.
    pub(crate) fn load(id: DocumentId, name: Arc<str>, slot: u32, core: &mut Core) -> Self {
        core.effects.push_back(Effect::Load { document: id, name: Arc::clone(&name) });
        Self::new(id, name, slot, core)
    }

    /// A document of which nothing is known.
    pub(crate) fn new(id: DocumentId, name: Arc<str>, slot: u32, core: &Core) -> Self {
        Self {
            id,
            name,
            slot,
            listed: Listed::default(),
            phase: Phase::Loading,
            known: Known::default(),
            sequence: Sequence(0),
            committed: Sequence(0),
            snapshot: Sequence(0),
            log_bytes: 0,
            bytes: 0,
            snapshot_runs: false,
            turn: Turn::default(),
            uncommitted: VecDeque::new(),
            authored: BTreeMap::new(),
            fan_out: FanOut::default(),
            flow: Flow::default(),
            remotes: BTreeMap::new(),
            hot: false,
            presence: Presence::default(),
            recorded: None,
            fanned_out: None,
            unsent_updates: 0,
            unsent_arrivals: Arrivals::default(),
            next_awareness: Now(0),
            updates_due: None,
            awareness_due: None,
            answers: VecDeque::new(),
            jobs: Vec::new(),
            waiting: None,
            told_stalled: Vec::new(),
            acknowledgements: Acknowledgements::default(),
            greeting: None,
            everyone: None,
            nothing_new: None,
            errands: Errands::default(),
            deleted: core.forgotten_deletion,
        }
    }

    /// Something waits for the end of the turn.
    pub(crate) fn is_dirty(&self) -> bool {
        !self.turn.updates.is_empty() || self.fan_out.has_unsent() || self.presence.has_news() || self.flow.is_pausing()
    }

    /// When its turn has to end once more, though nothing arrives. Later than now, right after a turn has ended.
    pub(crate) fn due(&self) -> Option<Now> {
        [self.updates_due, self.awareness_due, self.flow.due()].into_iter().flatten().min()
    }

    /// No session has it, and nothing of it is on its way anywhere.
    pub(crate) fn idle_since(&self) -> Option<Now> {
        match self.phase {
            Phase::Idle(since) => Some(since),
            Phase::Loading | Phase::Open | Phase::Deleting(_) => None,
        }
    }

    /// It cannot be used yet.
    fn is_waiting(&self) -> bool {
        match self.phase {
            Phase::Loading | Phase::Deleting(_) => true,
            Phase::Open | Phase::Idle(_) => false,
        }
    }

    pub(crate) fn sessions_len(&self) -> usize {
        self.fan_out.len() + self.remotes.values().map(BTreeMap::len).sum::<usize>()
    }

    // --- sessions ---

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
    fn greet(&mut self, session: SessionRef, core: &mut Core) {
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
    fn ask_to_sync(&mut self, session: SessionRef, core: &mut Core) {
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
        self.told_stalled.retain(|&other| other != session);
        self.acknowledgements.remove(session);
        self.settle(core.now);
    }

    /// Ends a session from this side. One that is gone already is ignored.
    fn end(&mut self, session: SessionRef, reason: CloseReason, core: &mut Core) {
        if self.access(session, core).is_none() {
            return;
        }
        self.detach(session, core);
        core.counters.sessions_closed += 1;
        core.close(session, reason);
    }

    /// Is this the moment at which nobody needs it any more?
    fn settle(&mut self, now: Now) {
        let at_rest = self.fan_out.is_empty()
            && self.remotes.is_empty()
            && self.uncommitted.is_empty()
            && self.turn.updates.is_empty()
            && self.jobs.is_empty()
            && !self.snapshot_runs;
        if at_rest && self.phase == Phase::Open {
            self.phase = Phase::Idle(now);
            self.waiting = None;
            self.authored.clear();
            self.presence = Presence::default();
            self.everyone = None;
        }
    }

    fn access(&self, session: SessionRef, core: &Core) -> Option<Access> {
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

    fn all_sessions(&self, core: &Core) -> Vec<SessionRef> {
        let here = core.config.shard;
        let local = self.fan_out.sessions(&core.sessions).map(|session| SessionRef { shard: here, session });
        let remote = self
            .remotes
            .iter()
            .flat_map(|(&shard, sessions)| sessions.keys().map(move |&session| SessionRef { shard, session }));
        local.chain(remote).collect()
    }

    // --- loading ---

    /// The first load has ended. False where it failed, and the document is to be forgotten.
    pub(crate) fn loaded(&mut self, result: Result<Box<Loaded>, ReadFailed>, core: &mut Core) -> bool {
        assert!(self.phase == Phase::Loading, "a document is loaded once");
        match result {
            Ok(loaded) => {
                core.counters.loads += 1;
                self.open(*loaded, core);
                true
            }
            Err(failed) => {
                core.counters.loads_failed += 1;
                for session in self.all_sessions(core) {
                    self.end(session, CloseReason::LoadFailed(failed.clone()), core);
                }
                self.give_up_errands(&failed, core)
            }
        }
    }

    /// From here on it is used. Those who have come meanwhile are let in, and what was wanted is done.
    fn open(&mut self, loaded: Loaded, core: &mut Core) {
        self.sequence = loaded.sequence;
        self.committed = loaded.sequence;
        self.snapshot = Sequence(loaded.sequence.0 - loaded.log_records);
        self.log_bytes = loaded.log_bytes;
        self.bytes = loaded.bytes;
        self.known = loaded.known;
        self.fan_out.open(self.sequence, self.committed);
        self.phase = Phase::Open;
        for session in self.all_sessions(core) {
            self.greet(session, core);
            if core.is_here(session) {
                core.resume(session);
            }
        }
        self.run_errands(core);
        self.settle(core.now);
    }

    // --- messages ---

    /// `reply`: it calls for no SyncStep1 in return, whatever it is.
    pub(crate) fn message(&mut self, session: SessionRef, message: Message<'_>, reply: bool, core: &mut Core) {
        let Some(access) = self.access(session, core) else { return };
        assert!(self.phase == Phase::Open, "sessions of a document that is being read are paused");
        if self.presence.has_claims() {
            self.presence.alive(session);
        }
        self.limit(session, &message, core);
        match message {
            Message::SyncStep1 { state_vector } => {
                if self.acknowledgements.counts(session) && !reply {
                    self.count_anew(session, core);
                }
                self.sync_step_1_came(session, state_vector, core);
            }
            Message::SyncStep2 { update } => {
                let worth = self.acknowledgements.worth_of_sync_step_2(session, core.now);
                self.update_came(session, access, update, (false, worth), core);
            }
            Message::Update { update } => {
                let worth = self.acknowledgements.worth_of_update(session, core.now);
                self.update_came(session, access, update, (worth.is_none(), worth.unwrap_or_default()), core);
            }
            Message::Awareness { update } => self.awareness_came(session, update, core),
            Message::QueryAwareness => self.send_awareness(session, core),
            // A client has no say in rights.
            Message::PermissionDenied { .. } => {}
        }
    }

    /// What has come is dealt with; what comes after it may have to wait.
    fn limit(&mut self, session: SessionRef, message: &Message<'_>, core: &mut Core) {
        let over = match message {
            Message::SyncStep2 { .. } | Message::Update { .. } => self.flow.update_came(session, &core.rates, core.now),
            // The answer to a query is dearer than a state.
            Message::Awareness { .. } | Message::QueryAwareness => {
                self.flow.awareness_came(session, &core.rates, core.now)
            }
            Message::SyncStep1 { .. } | Message::PermissionDenied { .. } => None,
        };
        let Some(over) = over else { return };
        *match over {
            Over::AuthorUpdates => &mut core.counters.authors_paused,
            Over::DocumentUpdates => &mut core.counters.document_authors_paused,
            Over::Awareness => &mut core.counters.awareness_paused,
        } += 1;
        core.pause(session);
    }

    pub(crate) fn alive(&mut self, session: SessionRef) {
        self.presence.alive(session);
    }

    /// A session that counts sends SyncStep1: it has forgotten what it counted so far, and wants SyncStep1 back, so that it may send all
    /// that the document lacks and begin from there.
    fn count_anew(&mut self, session: SessionRef, core: &mut Core) {
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

    fn sync_step_1_came(&mut self, session: SessionRef, state_vector: &[u8], core: &mut Core) {
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
    fn answer(&mut self, session: SessionRef, what: What, core: &mut Core) {
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

    fn give_answers(&mut self, core: &mut Core) {
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

    // --- updates ---

    /// `echo`: its author sees it as saved when it comes back. `worth`: it is worth so many acknowledgements.
    fn update_came(
        &mut self,
        session: SessionRef,
        access: Access,
        bytes: &[u8],
        (echo, worth): (bool, u32),
        core: &mut Core,
    ) {
        let parked = Parked { session, update: Vec::new(), since: core.now, echo, worth };
        let mut ready = Vec::new();
        self.offer(parked, bytes, access, &mut ready, core);
        self.offer_ready(ready, core);
    }

    /// What was accepted may be what others waited for, and so on.
    fn offer_ready(&mut self, mut ready: Vec<Parked>, core: &mut Core) {
        while let Some(next) = ready.pop() {
            let bytes = next.update;
            // Who was ended meanwhile sends it again, if it is let in again.
            let Some(access) = self.access(next.session, core) else { continue };
            self.offer(Parked { update: Vec::new(), ..next }, &bytes, access, &mut ready, core);
        }
    }

    fn offer(&mut self, from: Parked, bytes: &[u8], access: Access, ready: &mut Vec<Parked>, core: &mut Core) {
        let Parked { session, worth, .. } = from;
        match update::accept(&self.known, bytes, &core.config.update) {
            Verdict::Duplicate => {
                core.counters.updates_duplicate += 1;
                self.duplicate_came(session, from.echo.then_some(bytes), worth, core);
            }
            Verdict::Accepted(_) | Verdict::Missing { .. } if access == Access::ReadOnly => {
                core.counters.updates_denied += 1;
                if self.acknowledgements.counts(session) {
                    self.not_saved(session, worth, core);
                } else {
                    core.reply(session, denied("this connection may read the document, not change it"));
                }
            }
            Verdict::Accepted(_) | Verdict::Missing { .. } if core.stalled.is_some() => {
                self.refuse_stalled(session, worth, core)
            }
            Verdict::Accepted(accepted) => {
                if self.bytes + self.turn.bytes as u64 + accepted.update.len() as u64 > core.config.document_bytes_max {
                    let bytes_max = core.config.document_bytes_max;
                    core.counters.updates_too_large += 1;
                    self.end(session, CloseReason::DocumentFull { bytes_max }, core);
                    return;
                }
                core.counters.updates_accepted += 1;
                self.take_in(&accepted, ready);
                let update = accepted.update.into_owned();
                self.gather(session, update, worth, core);
            }
            Verdict::Missing { client, clock } => self.park(from, bytes, (client, clock), core),
            Verdict::Refused(refused) => {
                core.counters.updates_refused += 1;
                self.end(session, CloseReason::UpdateRefused(refused), core);
            }
        }
    }

    /// Finds what has waited for it.
    fn take_in(&mut self, accepted: &Accepted<'_>, ready: &mut Vec<Parked>) {
        self.known.apply(accepted);
        self.take_ready(accepted.clocks.iter(), ready);
    }

    fn take_ready<'a>(&mut self, clocks: impl Iterator<Item = &'a (u64, u32)>, ready: &mut Vec<Parked>) {
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
    fn gather_from_outside(&mut self, update: Vec<u8>, core: &mut Core) -> Sequence {
        let sequence = self.sequence.next();
        core.accepted_from_outside(update.len());
        self.gathered(update, core);
        sequence
    }

    fn gather(&mut self, author: SessionRef, update: Vec<u8>, worth: u32, core: &mut Core) {
        self.saved_with(author, worth, self.sequence.next(), core);
        core.accepted(update.len(), author);
        self.turn.arrivals.note(core.moment);
        if self.authored.insert(author, self.sequence.next()) != Some(self.sequence.next()) {
            self.turn.authors.push(author);
        }
        self.gathered(update, core);
    }

    fn gathered(&mut self, update: Vec<u8>, core: &mut Core) {
        self.greeting = None;
        self.nothing_new = None;
        self.turn.bytes += update.len();
        self.turn.updates.push(update);
        if self.turn.updates.len() >= TURN_UPDATES_MAX {
            self.publish(false, core);
        }
    }

    /// All of it is known, but perhaps not durable: for this session it is as if it had written it.
    fn duplicate_came(&mut self, session: SessionRef, echo: Option<&[u8]>, worth: u32, core: &mut Core) {
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
        if let Some(bytes) = echo {
            self.answer(session, What::Echo(update_frame(bytes)), core);
        }
    }

    /// What was worth so many acknowledgements to its session is durable with this record.
    fn saved_with(&mut self, session: SessionRef, worth: u32, sequence: Sequence, core: &mut Core) {
        if self.acknowledgements.becomes_due(session, worth, sequence) {
            core.pause(session);
        }
    }

    /// All of it is durable.
    fn acknowledge(&mut self, session: SessionRef, worth: u32, core: &mut Core) {
        if self.acknowledgements.waits_for_answer(session, worth) {
            return;
        }
        core.counters.acknowledgements += u64::from(worth);
        core.reply(session, sync_status(true, worth));
    }

    /// It is not in the document, and its session, which counts acknowledgements, hears so. The next SyncStep2 brings it, and what it was
    /// worth.
    fn not_saved(&mut self, session: SessionRef, worth: u32, core: &mut Core) {
        if worth > 0 {
            self.acknowledgements.owe(session, worth);
            core.reply(session, sync_status(false, 1));
        }
    }

    /// Nothing is taken that could not be kept. The client still has it, and is asked for it when writing works again.
    fn refuse_stalled(&mut self, session: SessionRef, worth: u32, core: &mut Core) {
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

    fn park(&mut self, from: Parked, bytes: &[u8], lacks: (u64, u32), core: &mut Core) {
        let session = from.session;
        let (per_session, in_all) =
            (core.config.waiting_bytes_per_session_max, core.config.waiting_bytes_per_document_max);
        let waiting = self.waiting.get_or_insert_default();
        if waiting.has_room(session, bytes.len(), per_session, in_all) {
            core.counters.updates_waited += 1;
            waiting.park(lacks, Parked { update: bytes.to_vec(), ..from });
        } else {
            core.counters.updates_dropped += 1;
            waiting.owes(session);
            self.not_saved(session, from.worth, core);
        }
        let Some(waiting) = &mut self.waiting else { return };
        // Its answer fills the gap, and brings again what found no room.
        if waiting.should_ask(session, core.now, ASK_AGAIN_MS) {
            self.ask_to_sync(session, core);
        }
    }

    // --- awareness ---

    fn awareness_came(&mut self, session: SessionRef, bytes: &[u8], core: &mut Core) {
        core.counters.awareness_received += 1;
        let update = match awareness::parse(bytes, &core.config.awareness) {
            Ok(update) => update,
            Err(malformed) => {
                self.end(session, CloseReason::AwarenessRefused(malformed), core);
                return;
            }
        };
        let room = Room {
            per_session: core.config.awareness_entries_per_session_max,
            in_all: core.config.awareness_entries_max,
            bytes: core.config.awareness_bytes_max,
        };
        for entry in update.entries() {
            match self.presence.offer(session, &entry, room, core.now) {
                Offered::Done => {}
                Offered::Contested { owner } => core.probe(owner),
                Offered::Ignored => core.counters.awareness_ignored += 1,
            }
        }
    }

    fn send_awareness(&mut self, session: SessionRef, core: &mut Core) {
        let everyone = self.everyone();
        core.reply(session, everyone);
    }

    /// Whoever asks a thousand times gets a thousand references to one frame.
    fn everyone(&mut self) -> Frame {
        let everyone = self.everyone.take().unwrap_or_else(|| Frame::new(self.presence.all()));
        self.everyone = Some(everyone.clone());
        everyone
    }

    // --- stateless messages ---

    /// Says whether there is anybody who could hear it.
    pub(crate) fn stateless(&mut self, to: Audience, payload: &str, core: &mut Core) -> bool {
        if self.phase != Phase::Open {
            return false;
        }
        let mut bytes = Vec::new();
        hocuspocus::put_stateless(&mut bytes, &[], payload);
        let frame = Frame::new(bytes);
        match to {
            Audience::One(session) if !self.acknowledgements.counts(session) => {}
            Audience::One(session) if core.is_here(session) => core.stateless(session.session, &frame),
            Audience::One(session) => {
                core.envelope(session.shard, Envelope::StatelessTo { session: session.session, frame });
            }
            Audience::All => {
                for session in
                    self.acknowledgements.sessions().filter(|&session| core.is_here(session)).collect::<Vec<_>>()
                {
                    core.stateless(session.session, &frame);
                }
                for &shard in self.remotes.keys() {
                    core.envelope(shard, Envelope::Stateless { document: self.id, frame: frame.clone() });
                }
            }
        }
        true
    }

    // --- the end of a turn ---

    pub(crate) fn turn_ended(&mut self, core: &mut Core) {
        for session in self.flow.release(core.now) {
            core.resume(session);
        }
        self.updates_due = self.end_turn_of_updates(core);
        self.awareness_due = self.end_turn_of_awareness(core);
    }

    /// Sends what the turn brought, if nothing was sent for the time of a window, and stores it sooner: the authors wait for a small part
    /// of the window at most. Says when what still gathers is due.
    fn end_turn_of_updates(&mut self, core: &mut Core) -> Option<Now> {
        if self.turn.updates.is_empty() && !self.fan_out.has_unsent() {
            return None;
        }
        let due = self.fan_out_due(core);
        let is_due = due <= core.now;
        let listens = self.somebody_else_listens(core);
        let may_record = self.uncommitted.is_empty() && self.record_due(core) <= core.now;
        if !self.turn.updates.is_empty() && (may_record || (is_due && listens)) {
            self.publish(is_due, core);
        } else if is_due && self.fan_out.has_unsent() {
            self.fan_out.send(&mut core.sessions, &mut core.effects);
            for &shard in self.remotes.keys() {
                core.effects
                    .push_back(Effect::Envelope { to: shard, envelope: Envelope::FanOut { document: self.id } });
            }
            self.fanned_out(core);
        }
        let fan_out_due = (!is_due && (listens || self.fan_out.has_unsent())).then_some(due);
        // What is not recorded by then waits for a commit, which records it.
        let record_due = (!self.turn.updates.is_empty()).then(|| self.record_due(core)).filter(|&due| due > core.now);
        [fan_out_due, record_due].into_iter().flatten().min()
    }

    /// When the next record may be made.
    fn record_due(&self, core: &Core) -> Now {
        self.recorded.map_or(core.now, |last| Now(last.0 + core.record_window_ms(self.sessions_len())))
    }

    /// When the document may send updates again.
    fn fan_out_due(&self, core: &Core) -> Now {
        let gathered = self.fan_out.unsent_bytes() + self.turn.bytes;
        let sessions = self.sessions_len();
        match self.fanned_out {
            // One session sees nothing but its own, after the commit.
            Some(last) if gathered < GATHERED_BYTES_MAX && sessions > 1 => {
                Now(last.0 + core.fan_out_window_ms(sessions))
            }
            Some(_) | None => core.now,
        }
    }

    fn fanned_out(&mut self, core: &mut Core) {
        self.fanned_out = Some(core.now);
        let updates = std::mem::take(&mut self.unsent_updates);
        let arrivals = std::mem::take(&mut self.unsent_arrivals);
        let sessions = self.sessions_len();
        if sessions > 1 {
            core.delivered(self.id, &arrivals, updates);
            // Other cores send to theirs.
            core.spared.gathered(updates, self.fan_out.len());
            let window_ms = core.fan_out_window_ms(sessions);
            let counters = &mut core.counters;
            counters.fan_outs += 1;
            counters.fan_out_updates += updates;
            counters.fan_outs_delayed += u64::from(self.updates_due.is_some());
            counters.fan_out_window_ms += window_ms;
            counters.fan_out_window_last_ms = window_ms;
            counters.fan_out_window_widest_ms = counters.fan_out_window_widest_ms.max(window_ms);
        }
    }

    /// Says when what is not sent yet is due.
    fn end_turn_of_awareness(&mut self, core: &mut Core) -> Option<Now> {
        if !self.presence.has_news() {
            return None;
        }
        // So many clients do not fit at once: a session that announces and takes back one after the other must not fill the window.
        let gathers = self.presence.news() <= core.config.awareness_entries_max;
        if core.now < self.next_awareness && gathers {
            return Some(self.next_awareness);
        }
        self.publish_awareness(core);
        None
    }

    /// Is there a session that did not write in this turn? Only it would see the turn now. Authors get it after its commit, and while
    /// an earlier record is on its way to the disk the next one may gather by itself: fewer and larger records.
    fn somebody_else_listens(&self, core: &Core) -> bool {
        let authors = self.turn.authors.iter().filter(|&&author| self.access(author, core).is_some()).count();
        self.sessions_len() > authors
    }

    /// Something was accepted, and waits for the commit of an earlier record or the end of a window.
    pub(crate) fn is_gathering(&self) -> bool {
        !self.turn.updates.is_empty() || self.fan_out.has_unsent()
    }

    /// Makes a record of what was gathered. It is sent at once, or with the next fan-out.
    fn publish(&mut self, at_once: bool, core: &mut Core) {
        let Turn { mut updates, authors, bytes, arrivals } = std::mem::take(&mut self.turn);
        let count = updates.len();
        let update = match count {
            1 => updates.pop().expect("there is one"),
            _ => squash(&updates.iter().map(Vec::as_slice).collect::<Vec<_>>()),
        };
        self.unsent_arrivals.append(&arrivals);
        self.uncommitted.push_back(Uncommitted { sequence: self.sequence.next(), bytes, arrivals });
        let frame = update_frame(&update);
        self.append(update, Vec::new(), core);
        self.show((frame, count as u64), &authors, at_once, core);
        if at_once {
            self.fan_out.send(&mut core.sessions, &mut core.effects);
            self.fanned_out(core);
        }
    }

    /// Makes a record of each of these, which no session has written and which belong together. They are sent one by one: together they could be
    /// larger than any record or message.
    fn publish_together(&mut self, mut updates: Vec<Vec<u8>>, core: &mut Core) {
        if !self.turn.updates.is_empty() {
            self.publish(true, core);
        }
        self.greeting = None;
        self.nothing_new = None;
        let bytes = updates.iter().map(Vec::len).sum();
        core.accepted_from_outside(bytes);
        let frames: Vec<Frame> = updates.iter().map(|update| update_frame(update)).collect();
        let more = updates.split_off(1);
        let first = updates.pop().expect("there is one at least");
        self.append(first, more, core);
        for frame in frames {
            self.show((frame, 1), &[], true, core);
            self.fan_out.send(&mut core.sessions, &mut core.effects);
        }
        self.fanned_out(core);
        self.uncommitted.push_back(Uncommitted { sequence: self.sequence, bytes, arrivals: Arrivals::default() });
    }

    /// Hands the next records to the disk.
    fn append(&mut self, update: Vec<u8>, more: Vec<Vec<u8>>, core: &mut Core) {
        let bytes = (update.len() + more.iter().map(Vec::len).sum::<usize>()) as u64;
        self.bytes += bytes;
        self.log_bytes += bytes;
        self.recorded = Some(core.now);
        core.counters.records += 1 + more.len() as u64;
        core.counters.record_bytes += bytes;
        let (document, name, sequence) = (self.id, Arc::clone(&self.name), self.sequence.next());
        core.effects.push_back(Effect::Append { document, name, sequence, update, more });
    }

    /// Numbers the next record, of so many updates, for all who have the document open.
    fn show(&mut self, (frame, updates): (Frame, u64), authors: &[SessionRef], at_once: bool, core: &mut Core) {
        self.sequence = self.sequence.next();
        let sequence = self.sequence;
        self.unsent_updates += updates;
        let on =
            |shard: ShardId| authors.iter().filter(move |author| author.shard == shard).map(|author| author.session);
        self.fan_out.publish(sequence, (frame.clone(), updates), on(core.config.shard), &mut core.sessions);
        for &shard in self.remotes.keys() {
            let (document, frame, authors) = (self.id, frame.clone(), on(shard).collect());
            let publish = Envelope::Publish { document, sequence, frame, updates, authors, at_once };
            core.effects.push_back(Effect::Envelope { to: shard, envelope: publish });
        }
    }

    fn publish_awareness(&mut self, core: &mut Core) {
        let frame = Frame::new(self.presence.take_news());
        self.greeting = None;
        self.everyone = None;
        let Config { awareness_window_per_session_us, awareness_window_max_ms, .. } = core.config;
        let window_ms =
            awareness_window_ms(self.sessions_len(), awareness_window_per_session_us, awareness_window_max_ms);
        let counters = &mut core.counters;
        counters.awareness_published += 1;
        counters.awareness_delayed += u64::from(self.awareness_due.is_some());
        counters.awareness_window_ms += window_ms;
        counters.awareness_window_last_ms = window_ms;
        counters.awareness_window_widest_ms = counters.awareness_window_widest_ms.max(window_ms);
        self.next_awareness = Now(core.now.0 + window_ms);
        self.fan_out.awareness(&frame, &mut core.sessions, &mut core.effects);
        for &shard in self.remotes.keys() {
            let envelope = Envelope::Awareness { document: self.id, frame: frame.clone() };
            core.effects.push_back(Effect::Envelope { to: shard, envelope });
        }
    }

    // --- what comes back ---

    pub(crate) fn committed(&mut self, sequence: Sequence, core: &mut Core) {
        self.committed = self.committed.max(sequence);
        while let Some(record) = self.uncommitted.pop_front_if(|first| first.sequence <= self.committed) {
            core.acknowledged(self.id, &record.arrivals);
            core.committed(record.bytes);
        }
        self.authored.retain(|_, &mut authored| authored > sequence);
        for due in self.acknowledgements.commit(self.committed) {
            self.acknowledge(due.session, due.worth, core);
            if due.resumes {
                core.resume(due.session);
            }
        }
        self.fan_out.commit(self.committed, &mut core.sessions, &mut core.effects);
        for &shard in self.remotes.keys() {
            let envelope = Envelope::Committed { document: self.id, sequence: self.committed };
            core.effects.push_back(Effect::Envelope { to: shard, envelope });
        }
        self.give_answers(core);
        self.answer_edits(core);
        if self.uncommitted.is_empty() && !self.turn.updates.is_empty() && self.record_due(core) <= core.now {
            // Whether it is sent to others too is decided at the end of the turn.
            self.publish(false, core);
        }
        self.snapshot_if_due(core);
        self.settle(core.now);
        self.delete_if_at_rest(core);
    }

    /// Often enough that a load reads little, seldom enough that a large document is not written again for a few words.
    fn snapshot_if_due(&mut self, core: &mut Core) {
        let records = self.committed.0 - self.snapshot.0;
        let Config { snapshot_records, snapshot_bytes, .. } = core.config;
        let long = records >= snapshot_records || self.log_bytes >= snapshot_bytes;
        let worth_it = self.log_bytes >= self.bytes / 8 || records >= snapshot_records.saturating_mul(16);
        if long && worth_it && !self.snapshot_runs && !self.is_waiting() {
            self.snapshot_runs = true;
            core.effects.push_back(Effect::Snapshot { document: self.id, through: self.committed });
            // What is written from now on is the log after it.
            self.log_bytes = 0;
            self.snapshot = self.committed;
        }
    }

    pub(crate) fn snapshot_taken(&mut self, result: Result<(Sequence, u64), ReadFailed>, core: &mut Core) {
        self.snapshot_runs = false;
        match result {
            Ok((_, bytes)) => {
                core.counters.snapshots += 1;
                self.bytes = bytes + self.log_bytes;
            }
            // The log is longer than it should be, and nothing is lost: it is tried again when as much more has come.
            Err(_) => core.counters.snapshots_failed += 1,
        }
        self.settle(core.now);
        self.delete_if_at_rest(core);
    }

    // --- catching up ---

    fn start_job(&mut self, from: CatchUpFrom, session: SessionRef, core: &mut Core) {
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
    fn hand_answer(&mut self, session: SessionRef, frames: Arc<[Frame]>, through: Sequence, core: &mut Core) {
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

    // --- time ---

    /// What waits for what it refers to.
    pub(crate) fn waiting_bytes(&self) -> usize {
        self.waiting.as_ref().map_or(0, |waiting| waiting.bytes())
    }

    pub(crate) fn needs_ticks(&self) -> bool {
        self.waiting.is_some() || self.presence.has_claims() || self.acknowledgements.has_late()
    }

    pub(crate) fn tick(&mut self, core: &mut Core) {
        self.presence.expire_claims(core.now);
        let waiting = self.waiting.as_ref();
        let lacks = |session| waiting.is_some_and(|waiting| waiting.lacks_of(session));
        for (session, worth) in self.acknowledgements.take_late(core.now, lacks) {
            self.acknowledge(session, worth, core);
        }
        let Some(waiting) = &mut self.waiting else { return };
        let late = waiting.expire(core.now, core.config.waiting_timeout_ms);
        core.counters.updates_dropped += late.len() as u64;
        let owing = waiting.overdue(core.now, ASK_AGAIN_MS);
        let asked: BTreeSet<SessionRef> = late.iter().map(|late| late.session).chain(owing).collect();
        if waiting.is_empty() {
            self.waiting = None;
        }
        for Parked { session, worth, .. } in late {
            if self.acknowledgements.counts(session) {
                self.not_saved(session, worth, core);
            }
        }
        for session in asked {
            if self.access(session, core).is_some() {
                self.ask_to_sync(session, core);
            }
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

fn stalled(reason: &str) -> Frame {
    denied(&format!("changes cannot be stored at the moment: {reason}"))
}

fn denied(reason: &str) -> Frame {
    let mut bytes = Vec::new();
    sync::put_permission_denied(&mut bytes, reason);
    Frame::new(bytes)
}
