//! One document on the shard that owns it. Keeps what relaying needs and nothing more: which structs and deletions there are, not
//! what they say.
//!
//! The order inside a turn: accept, gather; at its end merge, number, append, fan out. Everybody but the authors sees the turn at
//! once; the authors see it when it is durable.

mod answers;
mod awareness;
mod catch_up;
mod commits;
mod errands;
mod large;
mod sessions;
mod turn;
mod updates;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use selvedge_protocol::hocuspocus;
use selvedge_protocol::sync::Message;
use selvedge_protocol::update::{Known, StateVector};

use crate::acknowledgements::Acknowledgements;
use crate::core::Core;
use crate::effect::{CloseReason, Effect};
use crate::envelope::Envelope;
use crate::fan_out::FanOut;
use crate::flow::{Flow, Over};
use crate::frame::Frame;
use crate::id::{DeletionCount, DocumentId, Now, Sequence, SessionId, SessionRef, ShardId};
use crate::input::{Access, Audience};
use crate::measured::Arrivals;
use crate::presence::Presence;
use crate::reading::{CatchUpFrom, Loaded, ReadFailed};
use crate::waiting::{Parked, Waiting};
pub(crate) use errands::Task;
use errands::{Deletion, Errands};
use large::Larges;

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
    /// Where there are any.
    large: Option<Box<Larges>>,
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
    /// Since when it was idle when it was listed. It may have been used since.
    pub(crate) resting: Option<Now>,
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
            fan_out: FanOut::new(core.config.large_update_bytes),
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
            large: None,
            told_stalled: Vec::new(),
            acknowledgements: Acknowledgements::default(),
            greeting: None,
            everyone: None,
            nothing_new: None,
            errands: Errands::default(),
            deleted: core.deletions.last_of(id),
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

    /// Sessions to which a fan-out is a send. Of those on other cores only the number is known here.
    fn takers(&self) -> usize {
        self.fan_out.takers() + self.remotes.values().map(BTreeMap::len).sum::<usize>()
    }

    /// Is this the moment at which nobody needs it any more?
    fn settle(&mut self, now: Now) {
        let at_rest = self.fan_out.is_empty()
            && self.remotes.is_empty()
            && self.uncommitted.is_empty()
            && self.turn.updates.is_empty()
            && self.jobs.is_empty()
            && self.large.is_none()
            && !self.snapshot_runs;
        if at_rest && self.phase == Phase::Open {
            self.phase = Phase::Idle(now);
            self.waiting = None;
            self.authored.clear();
            self.presence = Presence::default();
            self.everyone = None;
        }
    }

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

    /// `reply`: it calls for no SyncStep1 in return, whatever it is.
    pub(crate) fn message(&mut self, session: SessionRef, message: Message<'_>, reply: bool, core: &mut Core) {
        let Some(access) = self.access(session, core) else { return };
        assert!(self.phase == Phase::Open, "sessions of a document that is being read are paused");
        if self.presence.has_claims() {
            self.presence.alive(session);
        }
        if self.holds_large_of(session) {
            return self.message_waits(session, &message, reply);
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
        let lacks =
            |session| waiting.is_some_and(|waiting| waiting.lacks_of(session)) || large::one_of(&self.large, session);
        for (session, worth) in self.acknowledgements.take_late(core.now, lacks) {
            self.acknowledge(session, worth, core);
        }
        let Some(waiting) = &mut self.waiting else { return };
        let is_held = |session| large::one_of(&self.large, session);
        let late = waiting.expire(core.now, core.config.waiting_timeout_ms, is_held);
        core.counters.updates_dropped += late.len() as u64;
        for late in &late {
            waiting.lost(late.session, late.since);
        }
        let asked = waiting.overdue(core.now, ASK_AGAIN_MS);
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
