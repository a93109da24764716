//! One document's sessions on this core, and what each of them has been given of the document's history.
//!
//! The same on the core that owns the document and on every other that has sessions of it. Knows records by number and as
//! frames; does not know what is in them, except to merge several into one.

use std::collections::VecDeque;

use selvedge_protocol::sync::{self, Message};
use selvedge_protocol::update;
use selvedge_protocol::websocket::{FrameHeader, Role};

use crate::effect::Effect;
use crate::frame::Frame;
use crate::id::{Sequence, SessionId};
use crate::session::{Delivery, Session, Sessions};

/// Bytes of committed records that are kept for sessions that are being caught up. Above, those sessions need another catch-up.
const RECENT_BYTES_MAX: usize = 1024 * 1024;

/// A record that was published.
#[derive(Debug)]
struct Recent {
    sequence: Sequence,
    frame: Frame,
    /// Updates in it, as accepted from their authors.
    updates: u64,
}

/// Records that one session after the other is given, as one frame: those in (after, until].
#[derive(Debug)]
struct Gathered {
    after: Sequence,
    until: Sequence,
    frame: Frame,
    updates: u64,
}

#[derive(Debug)]
pub(crate) struct FanOut {
    /// Records of more bytes are not joined with others.
    large_bytes: usize,
    /// Places of the sessions in the shard's table.
    members: Vec<u32>,
    /// The last record published here.
    sequence: Sequence,
    /// The last record that was sent to all who are [`Delivery::Live`]. What follows gathers until the end of the document's window.
    sent: Sequence,
    /// Members to whom the last fan-out was a send.
    takers: usize,
    /// Bytes of what gathers.
    unsent_bytes: usize,
    /// The last record known to be durable.
    committed: Sequence,
    /// What is published and not both committed and sent, and before it what sessions that are catching up will need. Without a gap up
    /// to `sequence`.
    recent: VecDeque<Recent>,
    recent_bytes: usize,
    /// Sessions in [`Delivery::Held`], and perhaps some that are gone.
    held: Vec<SessionId>,
    /// The sessions in [`Delivery::CatchingUp`], and from where on each will need records.
    catching_up: Vec<(SessionId, Sequence)>,
    /// Catch-ups that are being made here for sessions of other cores, and the same of them.
    jobs: Vec<(u64, Sequence)>,
}

/// What a session that has taken everything lacks.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Lacks {
    /// Records after this one.
    pub(crate) since: Option<Sequence>,
    /// States of others.
    pub(crate) awareness: bool,
}

impl FanOut {
    pub(crate) fn new(large_bytes: usize) -> Self {
        Self {
            large_bytes,
            members: Vec::new(),
            sequence: Sequence(0),
            sent: Sequence(0),
            takers: 0,
            unsent_bytes: 0,
            committed: Sequence(0),
            recent: VecDeque::new(),
            recent_bytes: 0,
            held: Vec::new(),
            catching_up: Vec::new(),
            jobs: Vec::new(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.members.len()
    }

    /// How many sends the next fan-out will be, going by the last: those who do not take what they are sent cost none.
    pub(crate) fn takers(&self) -> usize {
        self.takers.min(self.members.len())
    }

    /// Takes up where the document stands. Nobody who is here has been given any of its records.
    pub(crate) fn open(&mut self, sequence: Sequence, committed: Sequence) {
        let members = std::mem::take(&mut self.members);
        *self = Self { members, sequence, sent: sequence, committed, ..Self::new(self.large_bytes) };
    }

    /// The last record published here.
    pub(crate) fn sequence(&self) -> Sequence {
        self.sequence
    }

    /// Adds a session, which is taken to have everything published so far. Returns its index, for [`FanOut::remove`].
    pub(crate) fn add(&mut self, session: SessionId) -> u32 {
        self.members.push(session.index);
        u32::try_from(self.members.len() - 1).expect("sessions are counted in a u32")
    }

    /// Takes out a session that is gone from the shard's table.
    pub(crate) fn remove(&mut self, id: SessionId, gone: &Session, sessions: &mut Sessions) {
        self.members.swap_remove(gone.member as usize);
        if let Some(&moved) = self.members.get(gone.member as usize) {
            sessions.at_mut(moved).member = gone.member;
        }
        if gone.delivery() == Delivery::CatchingUp {
            // Nothing else would: who is gone is not caught up, and what it needs would stay as long as the document.
            self.catching_up.retain(|&(other, _)| other != id);
        }
        if self.members.is_empty() {
            self.held = Vec::new();
            self.catching_up = Vec::new();
            self.trim();
        }
    }

    pub(crate) fn sessions<'a>(&'a self, sessions: &'a Sessions) -> impl Iterator<Item = SessionId> + 'a {
        self.members.iter().map(|&index| sessions.id_at(index))
    }

    /// A record: its authors get it after its commit, everyone else with the next [`FanOut::send`].
    pub(crate) fn publish(
        &mut self,
        sequence: Sequence,
        (frame, updates): (Frame, u64),
        authors: impl Iterator<Item = SessionId>,
        sessions: &mut Sessions,
    ) {
        assert!(sequence == self.sequence.next(), "records are published in order");
        for id in authors {
            let Some(author) = sessions.get_mut(id) else { continue };
            author.authored = sequence;
            if author.delivery() == Delivery::Live {
                sessions.set_delivery(id, Delivery::Held(self.sent));
                self.held.push(id);
            }
        }
        self.sequence = sequence;
        self.unsent_bytes += frame.len();
        self.recent_bytes += frame.len();
        self.recent.push_back(Recent { sequence, frame, updates });
    }

    pub(crate) fn has_unsent(&self) -> bool {
        self.sent < self.sequence
    }

    pub(crate) fn unsent_bytes(&self) -> usize {
        self.unsent_bytes
    }

    /// Sends what was published since the last time, as one frame, to everyone who is not held.
    pub(crate) fn send(&mut self, sessions: &mut Sessions, effects: &mut VecDeque<Effect>) {
        if !self.has_unsent() {
            return;
        }
        let first = self.sent.next();
        let mut made = None;
        self.takers = 0;
        for &index in &self.members {
            let session = sessions.at_mut(index);
            self.takers += usize::from(session.takes());
            if session.delivery() == Delivery::Live {
                let made = made.get_or_insert_with(|| self.gather(self.sent, self.sequence));
                sessions.update(sessions.id_at(index), first, (&made.frame, made.updates), effects);
            }
        }
        self.sent = self.sequence;
        self.unsent_bytes = 0;
        self.release(made, |_| true, sessions, effects);
    }

    /// Records are durable: releases those who wrote them.
    pub(crate) fn commit(&mut self, committed: Sequence, sessions: &mut Sessions, effects: &mut VecDeque<Effect>) {
        let before = self.committed;
        self.committed = before.max(committed);
        // Who was given its record by an earlier commit is ahead of the others, and gets more when they do.
        self.release(None, |authored| authored > before, sessions, effects);
    }

    /// Gives those who are held what they may have by now, if their last record says so. Many of them stand at the same place; what
    /// they get is made once.
    fn release(
        &mut self,
        mut made: Option<Gathered>,
        wanted: impl Fn(Sequence) -> bool,
        sessions: &mut Sessions,
        effects: &mut VecDeque<Effect>,
    ) {
        let mut held = std::mem::take(&mut self.held);
        held.retain(|&id| match sessions.get(id).map(|session| (session.delivery(), session.authored)) {
            Some((Delivery::Held(cursor), authored)) if wanted(authored) => {
                self.go_on(id, cursor, &mut made, sessions, effects)
            }
            Some((Delivery::Held(_), _)) => true,
            Some((Delivery::Live | Delivery::Behind(_) | Delivery::CatchingUp, _)) | None => false,
        });
        self.held = held;
        self.trim();
    }

    /// A frame of awareness for all.
    pub(crate) fn awareness(&self, frame: &Frame, sessions: &mut Sessions, effects: &mut VecDeque<Effect>) {
        for &index in &self.members {
            sessions.awareness(sessions.id_at(index), frame, effects);
        }
    }

    /// A session asked for what it lacks. Until it gets that, it gets no records: clients handle what comes before its reasons
    /// badly.
    pub(crate) fn begin_catch_up(&mut self, id: SessionId, sessions: &mut Sessions) {
        let Some(session) = sessions.get_mut(id) else { return };
        match session.delivery() {
            Delivery::Held(_) if session.authored > self.committed => {
                // Its own record comes first; the answer waits for the same commit.
            }
            Delivery::Live | Delivery::Held(_) => {
                sessions.set_delivery(id, Delivery::CatchingUp);
                self.catching_up.push((id, self.committed));
            }
            Delivery::Behind(_) | Delivery::CatchingUp => {}
        }
    }

    /// What a session lacked up to a record; what came after that follows.
    pub(crate) fn caught_up(
        &mut self,
        id: SessionId,
        frames: &[Frame],
        through: Sequence,
        sessions: &mut Sessions,
        effects: &mut VecDeque<Effect>,
    ) {
        sessions.catch_up(id, frames, effects);
        // A session is taken to have everything when it comes. What was published by then and not committed it has not seen, and that is not in the
        // answer: not if it fell behind before it asked, nor if it has got out of that since.
        match sessions.get(id).map(|session| session.delivery()) {
            Some(Delivery::CatchingUp) => {
                self.catching_up.retain(|&(other, _)| other != id);
                if self.go_on(id, through, &mut None, sessions, effects) {
                    self.held.push(id);
                }
                self.trim();
            }
            Some(Delivery::Behind(cursor)) => sessions.set_delivery(id, Delivery::Behind(cursor.min(through))),
            Some(Delivery::Held(cursor)) => self.repeat(id, (through, cursor), sessions, effects),
            Some(Delivery::Live) => self.repeat(id, (through, self.sent), sessions, effects),
            None => {}
        }
    }

    /// Gives a session once more what it perhaps never saw.
    fn repeat(
        &self,
        id: SessionId,
        (after, until): (Sequence, Sequence),
        sessions: &mut Sessions,
        effects: &mut VecDeque<Effect>,
    ) {
        if after >= until {
            return;
        }
        if self.reaches_back_to(after) {
            let made = self.gather(after, until);
            sessions.update(id, after.next(), (&made.frame, made.updates), effects);
        } else {
            sessions.set_delivery(id, Delivery::Behind(after));
            self.nudge(id, sessions, effects);
        }
    }

    /// A catch-up is made from what is committed by now: what follows stays until [`FanOut::end_job`].
    pub(crate) fn begin_job(&mut self, job: u64) {
        self.jobs.push((job, self.committed));
    }

    pub(crate) fn end_job(&mut self, job: u64) {
        self.jobs.retain(|&(other, _)| other != job);
        self.trim();
    }

    /// What was published after a record, as one frame, and the last record in it.
    pub(crate) fn published_since(&self, through: Sequence) -> Option<(Frame, Sequence)> {
        let is_new = through < self.sequence && self.reaches_back_to(through);
        is_new.then(|| (self.gather(through, self.sequence).frame, self.sequence))
    }

    /// Nothing waits for the session any more. Says what it lacks and cannot be given from here.
    pub(crate) fn drained(&mut self, id: SessionId, sessions: &mut Sessions, effects: &mut VecDeque<Effect>) -> Lacks {
        let mut lacks = Lacks::default();
        let Some(session) = sessions.get_mut(id) else { return lacks };
        lacks.awareness = std::mem::take(&mut session.awareness_dropped);
        if let Delivery::Behind(cursor) = session.delivery() {
            if self.reaches_back_to(cursor) {
                if self.go_on(id, cursor, &mut None, sessions, effects) {
                    self.held.push(id);
                }
            } else {
                sessions.set_delivery(id, Delivery::CatchingUp);
                self.catching_up.push((id, self.committed));
                lacks.since = Some(cursor);
            }
        }
        lacks
    }

    /// Gives a session what follows on its cursor, as far as it may have it. Says whether it is held then.
    fn go_on(
        &mut self,
        id: SessionId,
        cursor: Sequence,
        made: &mut Option<Gathered>,
        sessions: &mut Sessions,
        effects: &mut VecDeque<Effect>,
    ) -> bool {
        let Some(session) = sessions.get(id) else { return false };
        if !self.reaches_back_to(cursor) {
            // What it needs was let go while it waited: it asks again when it has drained.
            sessions.set_delivery(id, Delivery::Behind(cursor));
            self.nudge(id, sessions, effects);
            return false;
        }
        let waits = session.authored > self.committed;
        let until = if waits { self.committed.max(cursor) } else { self.sequence };
        let held = waits || until > self.sent;
        sessions.set_delivery(id, if held { Delivery::Held(until) } else { Delivery::Live });
        if cursor < until {
            if !made.as_ref().is_some_and(|made| made.after == cursor && made.until == until) {
                *made = Some(self.gather(cursor, until));
            }
            if let Some(made) = made {
                sessions.update(id, cursor.next(), (&made.frame, made.updates), effects);
            }
        }
        held
    }

    /// A session that is behind with nothing in flight would never drain: an empty message makes it.
    fn nudge(&self, id: SessionId, sessions: &mut Sessions, effects: &mut VecDeque<Effect>) {
        sessions.reply(id, empty_awareness(), effects);
    }

    fn reaches_back_to(&self, cursor: Sequence) -> bool {
        cursor >= self.sequence || self.recent.front().is_some_and(|first| first.sequence <= cursor.next())
    }

    /// The records in (after, until], as one message; one by one where some are large, as joining those takes as long as they are large.
    fn gather(&self, after: Sequence, until: Sequence) -> Gathered {
        let mut wanted = self.recent.iter().filter(|recent| recent.sequence > after && recent.sequence <= until);
        if until == after.next() {
            let Recent { frame, updates, .. } = wanted.next().expect("the records after the cursor are here");
            return Gathered { after, until, frame: frame.clone(), updates: *updates };
        }
        let wanted: Vec<&Recent> = wanted.collect();
        let updates = wanted.iter().map(|recent| recent.updates).sum();
        let frame = match wanted.iter().any(|recent| recent.frame.len() > self.large_bytes) {
            true => Frame::new(wanted.iter().map(|recent| recent.frame.as_ref()).collect::<Vec<_>>().concat()),
            false => {
                let parts: Vec<&[u8]> = wanted.iter().map(|recent| update_in(&recent.frame)).collect();
                update_frame(&squash(&parts))
            }
        };
        Gathered { after, until, frame, updates }
    }

    fn trim(&mut self) {
        let sessions = self.catching_up.iter().map(|&(_, from)| from);
        let needed = self.jobs.iter().map(|&(_, from)| from).chain(sessions).min().unwrap_or(self.committed);
        while let Some(first) = self.recent.front()
            && first.sequence <= self.committed.min(self.sent)
            && (first.sequence <= needed || self.recent_bytes > RECENT_BYTES_MAX)
        {
            self.recent_bytes -= first.frame.len();
            self.recent.pop_front();
        }
        if self.recent.is_empty() {
            self.recent = VecDeque::new();
        }
    }
}

/// Several updates of this server's own making as one, with neighbouring structs joined.
pub(crate) fn squash(updates: &[&[u8]]) -> Vec<u8> {
    let merged = update::merge(updates).expect("accepted updates can be merged");
    update::compact(&merged, update::Compaction::SQUASH).expect("a merged update can be compacted")
}

/// A message that says nothing: it makes a session drain.
fn empty_awareness() -> Frame {
    let mut bytes = Vec::new();
    sync::put_awareness(&mut bytes, std::iter::empty());
    Frame::new(bytes)
}

pub(crate) fn update_frame(update: &[u8]) -> Frame {
    let mut bytes = Vec::with_capacity(update.len() + 16);
    sync::put_update(&mut bytes, update);
    Frame::new(bytes)
}

/// What [`update_frame`] was made of.
fn update_in(frame: &Frame) -> &[u8] {
    let bytes = frame.as_ref();
    let header = FrameHeader::parse(bytes, Role::Client).ok().flatten();
    let (_, header_bytes) = header.expect("a published frame has a whole header");
    match sync::parse(&bytes[header_bytes..]) {
        Ok(Message::Update { update }) => update,
        Ok(_) | Err(_) => unreachable!("a published frame holds one update"),
    }
}
