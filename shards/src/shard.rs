//! A shard: the documents that one core owns and the sessions whose sockets it has. One input with the time, its effects, the next.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::ops::Bound;
use std::sync::Arc;

use selvedge_protocol::sync::{self, Message};

use crate::TICK_MS;
use crate::attendance::{self, Attended};
use crate::config::{Config, EVICTIONS_PER_TICK_MAX, HOT_DOCUMENTS_MAX, SCAN_MS, SCAN_SESSIONS};
use crate::core::Core;
use crate::counters::Counters;
use crate::document::{Document, Task};
use crate::effect::{CloseReason, Effect};
use crate::envelope::Envelope;
use crate::errand::{Answer, Errand, ErrandFailed, Inspection, Unstored};
use crate::fan_out::Lacks;
use crate::id::{DocumentId, Moment, Now, SessionId, SessionRef, ShardId};
use crate::input::{Access, Audience, Dialect, Input};
use crate::large::Judged;
use crate::measured::Measured;
use crate::mirror::Mirror;
use crate::session::{Place, Session};
use crate::slots::Slots;
use crate::window::Load;

/// The state machine. It waits for nothing and asks nobody: the same code runs on sockets and in a simulation.
#[derive(Debug)]
pub struct Shard {
    core: Core,
    documents: Slots<Document>,
    document_slots: HashMap<DocumentId, u32>,
    mirrors: Slots<Mirror>,
    mirror_slots: HashMap<DocumentId, u32>,
    /// Documents of other shards that have very many sessions. At most [`HOT_DOCUMENTS_MAX`].
    hot: HashSet<DocumentId>,
    /// Documents with something to publish at the end of the turn.
    dirty: Vec<u32>,
    /// Documents in which something gathers, by when it is to be sent. One entry for a document at most.
    due: BTreeSet<(Now, u32)>,
    /// Documents in which something waits for time to pass.
    ticking: Vec<u32>,
    /// Documents that the last session left, by when. They may have been used since; one entry for a document at most. In order, because there
    /// may be as many as a shard has documents, and only those are looked at whose time has come.
    resting: BTreeSet<(Now, DocumentId)>,
    /// When the next sessions are looked at.
    scan_due: Now,
    /// Names of documents that are open and have nothing stored.
    unstored: BTreeSet<Arc<str>>,
}

impl Shard {
    /// A shard without documents.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self {
            core: Core::new(config),
            documents: Slots::default(),
            document_slots: HashMap::new(),
            mirrors: Slots::default(),
            mirror_slots: HashMap::new(),
            hot: HashSet::new(),
            dirty: Vec::new(),
            due: BTreeSet::new(),
            ticking: Vec::new(),
            resting: BTreeSet::new(),
            scan_due: Now(0),
            unstored: BTreeSet::new(),
        }
    }

    /// Takes one input. Its effects are to be taken with [`Shard::poll_effect`] before the next.
    ///
    /// # Panics
    ///
    /// When the caller breaks what [`Input`] promises: then nothing that this shard says can be relied on.
    pub fn handle(&mut self, now: Now, input: Input<'_>) {
        self.core.now = self.core.now.max(now);
        self.core.sessions.set_now(self.core.now);
        match input {
            Input::Attached { session, name, access, dialect } => self.attached(session, name, access, dialect),
            Input::AccessChanged { session, access } => self.access_changed(session, access),
            Input::Message { session, message } => self.message(session, message, false),
            Input::Reply { session, message } => self.message(session, message, true),
            Input::StatelessCame { session, payload } => self.stateless_came(session, payload),
            Input::Stateless { document, to, payload } => self.stateless(document, to, payload),
            Input::Errand { job, document, name, errand } => self.errand(job, document, name, errand),
            Input::Unstored { job, wanted } => self.list_unstored(job, &wanted),
            Input::Attended { job, wanted } => self.list_attended(job, &wanted),
            Input::Deleted { document } => {
                self.recover();
                self.with(document, Document::deleted);
            }
            Input::Detached { session } => self.detached(session),
            Input::Drained { session } => self.drained(session),
            Input::Alive { session } => self.alive(session),
            Input::Loaded { document, result } => {
                let Some(&slot) = self.document_slots.get(&document) else { return };
                if self.documents[slot].loaded(result, &mut self.core) {
                    self.look_after(slot);
                } else {
                    self.forget(document);
                }
            }
            Input::Prepared { document, job, judged } => self.prepared(document, job, *judged),
            Input::CaughtUp { document, job, result } => {
                self.with(document, |found, core| found.caught_up(job, result, core));
            }
            Input::SnapshotTaken { document, result } => {
                self.with(document, |found, core| found.snapshot_taken(result, core));
            }
            Input::Committed { document, sequence } => {
                self.recover();
                self.with(document, |found, core| found.committed(sequence, core));
            }
            Input::CommitFailed { reason } => self.core.stalled = Some(reason),
            Input::Envelope { from, envelope } => self.envelope(from, envelope),
            Input::Configured { config } => self.core.configure(*config),
            Input::TurnEnded { load } => self.turn_ended(load),
            Input::Tick => self.tick(),
        }
    }

    /// This is the time of what is handled next. Whoever says so measures, and has to take what has ended ([`Shard::take_measured`]) every turn.
    pub fn look(&mut self, moment: Moment) {
        self.core.moment = Some(moment);
        self.core.sessions.look(moment);
    }

    /// What has ended since this was asked last.
    pub fn take_measured(&mut self) -> impl Iterator<Item = Measured> + '_ {
        let joined = self.core.sessions.take_joined().map(|(session, since)| Measured::Joined { session, since });
        self.core.measured.drain(..).chain(joined)
    }

    /// The document that a session is attached to, if it still is.
    #[must_use]
    pub fn document_of(&self, session: SessionId) -> Option<DocumentId> {
        match self.place(session) {
            Place::Vacant => None,
            Place::Document(slot) => Some(self.documents[slot].id),
            Place::Mirror(slot) => Some(self.mirrors[slot].id),
        }
    }

    /// The next thing to do, in order.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        self.core.effects.pop_front()
    }

    /// A session of this document belongs to this shard's core wherever it comes in, though another shard owns the document: that one's core
    /// would not be enough for all of them.
    #[must_use]
    pub fn is_hot(&self, document: DocumentId) -> bool {
        self.hot.contains(&document)
    }

    /// When the turn has to be ended once more, though nothing arrives by then.
    #[must_use]
    pub fn next_due(&self) -> Option<Now> {
        let gathered = self.due.first().map(|&(due, _)| due);
        [gathered, self.next_scan()].into_iter().flatten().min()
    }

    /// Something accepted is not appended or not sent yet, because it gathers until an earlier record is committed or a window ends; or something
    /// large that has come is still held against its document. A server that stops waits for it.
    #[must_use]
    pub fn is_gathering(&self) -> bool {
        self.documents.iter().any(Document::is_gathering)
    }

    /// Bytes of large updates that are held against their documents, or wait for that.
    #[must_use]
    pub fn preparing_bytes(&self) -> usize {
        self.core.preparing.bytes()
    }

    /// The session is attached to a document.
    #[must_use]
    pub fn is_attached(&self, session: SessionId) -> bool {
        match self.place(session) {
            Place::Document(_) | Place::Mirror(_) => true,
            Place::Vacant => false,
        }
    }

    /// The document that a session here is attached to, by its name. The names of documents of other shards are theirs.
    #[must_use]
    pub fn document_name(&self, session: SessionId) -> Option<&Arc<str>> {
        match self.place(session) {
            Place::Document(slot) => Some(&self.documents[slot].name),
            Place::Mirror(_) | Place::Vacant => None,
        }
    }

    /// What waits to be sent in this session, in bytes; frames may be shared with others.
    #[must_use]
    pub fn outbox_bytes(&self, session: SessionId) -> usize {
        self.core.sessions.get(session).map_or(0, Session::outbox_bytes)
    }

    /// What was counted so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        Counters {
            sessions: u64::from(self.core.sessions.len()),
            documents: self.document_slots.len() as u64,
            uncommitted_bytes: self.core.uncommitted_bytes as u64,
            outbox_bytes: self.core.sessions.outbox_bytes() as u64,
            sessions_behind: u64::from(self.core.sessions.behind()),
            sessions_fallen_behind: self.core.sessions.fallen_behind(),
            deliveries: self.core.sessions.deliveries(),
            updates_delivered: self.core.sessions.updates_delivered(),
            load_permille: u64::from(self.core.load.0),
            ..self.core.counters
        }
    }

    fn here(&self, session: SessionId) -> SessionRef {
        SessionRef { shard: self.core.config.shard, session }
    }

    fn place(&self, session: SessionId) -> Place {
        self.core.sessions.get(session).map_or(Place::Vacant, Session::place)
    }

    /// Lets a document do something, and then looks what that means for it.
    fn with(&mut self, document: DocumentId, act: impl FnOnce(&mut Document, &mut Core)) {
        if let Some(&slot) = self.document_slots.get(&document) {
            self.with_slot(slot, act);
        }
    }

    fn with_slot(&mut self, slot: u32, act: impl FnOnce(&mut Document, &mut Core)) {
        act(&mut self.documents[slot], &mut self.core);
        self.look_after(slot);
    }

    #[inline]
    fn look_after(&mut self, slot: u32) {
        let document = &mut self.documents[slot];
        if document.is_dirty() && !std::mem::replace(&mut document.listed.dirty, true) {
            self.dirty.push(slot);
        }
        if document.needs_ticks() && !std::mem::replace(&mut document.listed.ticking, true) {
            self.ticking.push(slot);
        }
        if document.listed.resting.is_none()
            && let Some(since) = document.idle_since()
        {
            document.listed.resting = Some(since);
            self.resting.insert((since, document.id));
        }
        let is_unstored = document.is_unstored();
        if std::mem::replace(&mut document.listed.unstored, is_unstored) != is_unstored {
            if is_unstored {
                self.unstored.insert(Arc::clone(&document.name));
            } else {
                self.unstored.remove(&document.name);
            }
        }
    }

    fn forget(&mut self, document: DocumentId) {
        if let Some(slot) = self.document_slots.remove(&document) {
            let removed = self.documents.remove(slot);
            if let Some(due) = removed.listed.due {
                self.due.remove(&(due, slot));
            }
            self.unstored.remove(&removed.name);
            if removed.listed.dirty {
                self.dirty.retain(|&other| other != slot);
            }
            if removed.listed.ticking {
                self.ticking.retain(|&other| other != slot);
            }
            if let Some(since) = removed.listed.resting {
                self.resting.remove(&(since, document));
            }
            self.core.effects.push_back(Effect::Evicted { document });
        }
    }

    fn attached(&mut self, session: SessionId, name: Arc<str>, access: Access, dialect: Dialect) {
        let id = DocumentId::of(&name);
        let owner = id.owner(self.core.config.shards);
        if owner == self.core.config.shard {
            let session = self.here(session);
            self.attach_to_own(id, name, session, access, dialect);
            return;
        }
        let large_bytes = self.core.config.large_update_bytes;
        let slot = *self
            .mirror_slots
            .entry(id)
            .or_insert_with(|| self.mirrors.add(|slot| Mirror::new(id, owner, slot, large_bytes)));
        self.mirrors[slot].attach(session, name, access, dialect, &mut self.core);
    }

    fn attach_to_own(&mut self, id: DocumentId, name: Arc<str>, session: SessionRef, access: Access, dialect: Dialect) {
        let Some(slot) = self.slot_of(id, |slot, core| Document::load(id, name, slot, core)) else {
            let documents_max = self.core.config.documents_max;
            self.core.counters.documents_refused += 1;
            self.core.counters.sessions_closed += 1;
            self.core.close(session, CloseReason::DocumentsFull { documents_max });
            return;
        };
        self.with_slot(slot, |document, core| document.attach(session, access, dialect, core));
    }

    /// Where the document is, which is made where it is not; `None` where there is no room for it.
    fn slot_of(&mut self, id: DocumentId, make: impl FnOnce(u32, &mut Core) -> Document) -> Option<u32> {
        if let Some(&slot) = self.document_slots.get(&id) {
            return Some(slot);
        }
        if self.document_slots.len() >= self.core.config.documents_max as usize && !self.evict_one() {
            return None;
        }
        let core = &mut self.core;
        let slot = self.documents.add(|slot| make(slot, core));
        self.document_slots.insert(id, slot);
        Some(slot)
    }

    // --- errands ---

    fn errand(&mut self, job: u64, id: DocumentId, name: Arc<str>, errand: Errand) {
        let open = self.document_slots.get(&id).copied();
        let task = match errand {
            Errand::Base => Task::Base,
            Errand::Edit { updates, expected } => Task::Edit { updates, expected },
            Errand::Create { expected } => Task::Create { expected },
            Errand::Delete { stored: false, .. } if open.is_none() => {
                return self.core.answer(job, Answer::Deleted(false));
            }
            Errand::Delete { expected, .. } => Task::Delete { expected },
            Errand::Replace { updates, stored } => Task::Replace { updates, stored },
            Errand::Tell { payload } => {
                let mut told = false;
                self.with(id, |found, core| told = found.stateless(Audience::All, &payload, core));
                return self.core.answer(job, Answer::Told(told));
            }
            Errand::Inspect => return self.inspect(job, id),
            Errand::Dismiss { session } => return self.dismiss(job, id, session),
        };
        // What is to be deleted need not be read before, and perhaps cannot be.
        let is_read = task.reads();
        let make = |slot, core: &mut Core| match is_read {
            true => Document::load(id, name, slot, core),
            false => Document::new(id, name, slot, core),
        };
        let Some(slot) = self.slot_of(id, make) else {
            let documents_max = self.core.config.documents_max;
            return self.core.answer(job, Answer::Failed(ErrandFailed::DocumentsFull { documents_max }));
        };
        if open.is_some() || is_read {
            self.with_slot(slot, |found, core| found.errand(job, task, core));
        } else if !self.documents[slot].end_unread(job, task, &mut self.core) {
            self.forget(id);
        }
    }

    fn inspect(&mut self, job: u64, id: DocumentId) {
        let mut inspection = match (self.document_slots.get(&id), self.mirror_slots.get(&id)) {
            (Some(&slot), _) => self.documents[slot].inspect(&self.core),
            (None, Some(&slot)) => self.mirrors[slot].inspect(&self.core),
            (None, None) => Inspection { deleted: self.core.deletions.last_of(id), ..Inspection::default() },
        };
        inspection.deletions = self.core.deletions.count();
        self.core.answer(job, Answer::Inspected(Box::new(inspection)));
    }

    fn dismiss(&mut self, job: u64, id: DocumentId, session: SessionId) {
        let found = match self.place(session) {
            Place::Document(slot) if self.documents[slot].id == id => {
                let session = self.here(session);
                self.with_slot(slot, |document, core| document.dismiss(session, core));
                true
            }
            Place::Mirror(slot) if self.mirrors[slot].id == id => {
                self.mirrors[slot].dismiss(session, &mut self.core);
                self.forget_mirror_if_empty(slot);
                true
            }
            Place::Vacant | Place::Document(_) | Place::Mirror(_) => false,
        };
        self.core.answer(job, Answer::Dismissed(found));
    }

    fn list_unstored(&mut self, job: u64, wanted: &Unstored) {
        let Unstored { prefix, after, limit } = wanted;
        let from = match after {
            Some(after) if **after >= **prefix => Bound::Excluded(&**after),
            Some(_) | None => Bound::Included(&**prefix),
        };
        let names = self.unstored.range::<str, _>((from, Bound::Unbounded));
        let names = names.take_while(|name| name.starts_with(&**prefix)).take(*limit).cloned().collect();
        self.core.answer(job, Answer::Unstored(names));
    }

    fn list_attended(&mut self, job: u64, wanted: &Attended) {
        let attendance = match wanted {
            Attended::Of(ids) => attendance::of(ids, &self.documents, |id| self.document_slots.get(&id).copied()),
            Attended::From(place) => attendance::from(*place, &self.documents),
        };
        self.core.answer(job, Answer::Attended(attendance));
    }

    fn access_changed(&mut self, session: SessionId, access: Access) {
        match self.place(session) {
            Place::Vacant => {}
            Place::Document(slot) => {
                let session = self.here(session);
                self.with_slot(slot, |document, core| document.access_changed(session, access, core));
            }
            Place::Mirror(slot) => self.mirrors[slot].access_changed(session, access, &mut self.core),
        }
    }

    fn stateless_came(&mut self, session: SessionId, payload: &str) {
        let Some(document) = self.document_of(session) else { return };
        self.core.counters.stateless_received += 1;
        self.core.effects.push_back(Effect::Stateless { document, session, payload: payload.into() });
    }

    fn stateless(&mut self, document: DocumentId, to: Audience, payload: &str) {
        self.with(document, |found, core| {
            found.stateless(to, payload, core);
        });
    }

    fn message(&mut self, session: SessionId, message: Message<'_>, reply: bool) {
        match self.place(session) {
            Place::Vacant => {}
            Place::Document(slot) => {
                let session = self.here(session);
                self.with_slot(slot, |document, core| document.message(session, message, reply, core));
            }
            Place::Mirror(slot) => {
                let mut bytes = Vec::with_capacity(message.encoded_len());
                message.put(&mut bytes);
                self.mirrors[slot].message(session, bytes, reply, &mut self.core);
            }
        }
    }

    /// A large update is held against its document: another one may be.
    fn prepared(&mut self, document: DocumentId, job: u64, judged: Judged) {
        self.with(document, |found, core| found.judged(job, judged, core));
        self.core.preparing.leave();
        while let Some((document, job)) = self.core.preparing.next() {
            let mut begins = false;
            self.with(document, |found, core| begins = found.begin_large(job, core));
            if !begins {
                self.core.preparing.leave();
            }
        }
    }

    fn detached(&mut self, session: SessionId) {
        match self.place(session) {
            Place::Vacant => {}
            Place::Document(slot) => {
                let session = self.here(session);
                self.with_slot(slot, |document, core| document.detach(session, core));
            }
            Place::Mirror(slot) => {
                self.mirrors[slot].detach(session, &mut self.core);
                self.forget_mirror_if_empty(slot);
            }
        }
    }

    fn forget_mirror_if_empty(&mut self, slot: u32) {
        if self.mirrors[slot].is_empty() {
            let mirror = self.mirrors.remove(slot);
            self.mirror_slots.remove(&mirror.id);
        }
    }

    fn drained(&mut self, session: SessionId) {
        if !self.core.sessions.drained(session, &mut self.core.effects) {
            return;
        }
        match self.place(session) {
            Place::Vacant => {}
            Place::Document(slot) => self.with_slot(slot, |document, core| document.drained(session, core)),
            Place::Mirror(slot) => self.mirrors[slot].drained(session, &mut self.core),
        }
    }

    fn alive(&mut self, session: SessionId) {
        match self.place(session) {
            Place::Vacant => {}
            Place::Document(slot) => {
                let session = self.here(session);
                self.with_slot(slot, |document, _| document.alive(session));
            }
            Place::Mirror(slot) => self.mirrors[slot].alive(session, &mut self.core),
        }
    }

    fn envelope(&mut self, from: ShardId, envelope: Envelope) {
        let sent_by = |session| SessionRef { shard: from, session };
        match envelope {
            Envelope::Attach { document, name, session, access, dialect } => {
                self.attach_to_own(document, name, sent_by(session), access, dialect);
            }
            Envelope::AccessChanged { document, session, access } => {
                self.with(document, |found, core| found.access_change_came(sent_by(session), access, core));
            }
            Envelope::Detach { document, session } => {
                self.with(document, |found, core| found.detachment_came(sent_by(session), core));
            }
            Envelope::Message { document, session, bytes, reply } => {
                let message = sync::parse(&bytes).expect("the home shard has parsed what it passes on");
                self.with(document, |found, core| found.message(sent_by(session), message, reply, core));
            }
            Envelope::CatchUp { document, session, since, awareness } => {
                let lacks = Lacks { since, awareness };
                self.with(document, |found, core| found.supply(sent_by(session), lacks, core));
            }
            Envelope::Alive { document, session } => self.with(document, |found, _| found.alive(sent_by(session))),
            Envelope::Attached { document, session, sequence, committed, greeting } => {
                self.with_mirror(document, |mirror, core| {
                    mirror.attached(session, (sequence, committed), greeting, core);
                });
            }
            Envelope::HotDocument { document, hot: true } => {
                if self.hot.len() < HOT_DOCUMENTS_MAX {
                    self.hot.insert(document);
                }
            }
            Envelope::HotDocument { document, hot: false } => {
                self.hot.remove(&document);
            }
            Envelope::CatchingUp { document, session } => {
                self.with_mirror(document, |mirror, core| mirror.begin_catch_up(session, core));
            }
            Envelope::Close { session, reason } => {
                if let Place::Mirror(slot) = self.place(session) {
                    self.mirrors[slot].close(session, reason, &mut self.core);
                    self.forget_mirror_if_empty(slot);
                }
            }
            Envelope::Send { session, frame } => self.core.sessions.reply(session, frame, &mut self.core.effects),
            Envelope::Pause { session, paused: true } => self.core.sessions.pause(session, &mut self.core.effects),
            Envelope::Pause { session, paused: false } => self.core.sessions.resume(session, &mut self.core.effects),
            Envelope::Probe { session } => {
                if self.place(session) != Place::Vacant {
                    self.core.effects.push_back(Effect::Probe { session });
                }
            }
            Envelope::Publish { document, sequence, frame, updates, authors, at_once } => {
                self.with_mirror(document, |mirror, core| {
                    mirror.published(sequence, (frame, updates), &authors, core);
                    if at_once {
                        mirror.fan_out(core);
                    }
                });
            }
            Envelope::FanOut { document } => self.with_mirror(document, Mirror::fan_out),
            Envelope::Awareness { document, frame } => {
                self.with_mirror(document, |mirror, core| mirror.awareness(&frame, core));
            }
            Envelope::Stateless { document, frame } => {
                self.with_mirror(document, |mirror, core| mirror.stateless(&frame, core));
            }
            Envelope::StatelessTo { session, frame } => self.core.stateless(session, &frame),
            Envelope::Committed { document, sequence } => {
                self.with_mirror(document, |mirror, core| mirror.committed(sequence, core));
            }
            Envelope::Deleted { document } => self.with_mirror(document, |mirror, _| mirror.deleted()),
            Envelope::CaughtUp { document, session, frames, through } => {
                self.with_mirror(document, |mirror, core| mirror.caught_up(session, &frames, through, core));
            }
        }
    }

    fn with_mirror(&mut self, document: DocumentId, act: impl FnOnce(&mut Mirror, &mut Core)) {
        if let Some(&slot) = self.mirror_slots.get(&document) {
            act(&mut self.mirrors[slot], &mut self.core);
        }
    }

    /// A commit: if nothing could be written before, it can now.
    fn recover(&mut self) {
        if self.core.stalled.take().is_some() {
            for document in self.documents.iter_mut() {
                document.storage_recovered(&mut self.core);
            }
        }
    }

    fn turn_ended(&mut self, load: Load) {
        self.core.load = load;
        self.core.spared.look(self.core.now);
        self.scan_sessions();
        while let Some(&(due, slot)) = self.due.first()
            && due <= self.core.now
        {
            self.due.pop_first();
            let listed = &mut self.documents[slot].listed;
            listed.due = None;
            if !std::mem::replace(&mut listed.dirty, true) {
                self.dirty.push(slot);
            }
        }
        for slot in std::mem::take(&mut self.dirty) {
            let document = &mut self.documents[slot];
            document.listed.dirty = false;
            document.turn_ended(&mut self.core);
            let due = document.due();
            let listed = std::mem::replace(&mut document.listed.due, due);
            if listed != due {
                listed.map(|listed| self.due.remove(&(listed, slot)));
                due.map(|due| self.due.insert((due, slot)));
            }
        }
    }

    fn tick(&mut self) {
        let mut waiting_bytes = 0;
        for slot in std::mem::take(&mut self.ticking) {
            self.documents[slot].listed.ticking = false;
            self.with_slot(slot, Document::tick);
            waiting_bytes += self.documents[slot].waiting_bytes();
        }
        self.core.counters.waiting_bytes = waiting_bytes as u64;
        self.evict_idle();
    }

    /// Looks at as many sessions as are due by now, if any are. Not at all of a tick's at once: after a pause of the network that could be
    /// thousands to end in one turn, during which nobody else is served.
    fn scan_sessions(&mut self) {
        let now = self.core.now;
        if now < self.scan_due {
            return;
        }
        let len = self.core.sessions.table_len();
        let step_ms = scan_step_ms(len);
        // A turn that comes late looks at more, within reason; the rest is looked at later than it should be.
        let elapsed_ms = now.since(self.scan_due).min(3 * step_ms) + step_ms;
        self.scan_due = Now(now.0 + step_ms);
        let count = (len * elapsed_ms as usize).div_ceil(SCAN_MS as usize);
        let patience_s = u32::try_from(self.core.config.catch_up_timeout_ms / 1_000).unwrap_or(u32::MAX);
        let mut too_slow = Vec::new();
        self.core.sessions.scan(count, patience_s, &mut too_slow);
        for session in too_slow {
            match self.place(session) {
                Place::Vacant => {}
                Place::Document(slot) => {
                    let session = self.here(session);
                    self.with_slot(slot, |document, core| document.too_slow(session, core));
                }
                Place::Mirror(slot) => {
                    self.mirrors[slot].too_slow(session, &mut self.core);
                    self.forget_mirror_if_empty(slot);
                }
            }
        }
    }

    /// When sessions are to be looked at before the next tick.
    fn next_scan(&self) -> Option<Now> {
        (scan_step_ms(self.core.sessions.table_len()) < TICK_MS).then_some(self.scan_due)
    }

    fn evict_idle(&mut self) {
        let (now, idle_ms) = (self.core.now, self.core.config.document_idle_ms);
        for _ in 0..EVICTIONS_PER_TICK_MAX {
            let Some(&(listed, id)) = self.resting.first() else { return };
            if now.since(listed) < idle_ms {
                return;
            }
            match self.unlist_resting() {
                Some(since) if now.since(since) >= idle_ms => self.evict(id),
                // It was used since.
                Some(_) => self.with(id, |_, _| {}),
                None => {}
            }
        }
    }

    /// Makes room for a document, if one is not in use.
    fn evict_one(&mut self) -> bool {
        while let Some(&(_, id)) = self.resting.first() {
            if self.unlist_resting().is_some() {
                self.evict(id);
                return true;
            }
        }
        false
    }

    /// Takes the first of the documents that rest off their list, and says since when it is idle, if it still is.
    fn unlist_resting(&mut self) -> Option<Now> {
        let (_, id) = self.resting.pop_first()?;
        let document = &mut self.documents[*self.document_slots.get(&id)?];
        document.listed.resting = None;
        document.idle_since()
    }

    fn evict(&mut self, document: DocumentId) {
        self.core.counters.evictions += 1;
        self.forget(document);
    }
}

/// Milliseconds between two looks at sessions, of which a table of this length has so many.
fn scan_step_ms(sessions: usize) -> u64 {
    (SCAN_MS * SCAN_SESSIONS / sessions.max(1) as u64).clamp(1, TICK_MS)
}
