//! The sessions whose sockets are on this core: what each has been sent, and what waits for it. Does not know documents.

use std::collections::VecDeque;

use crate::effect::Effect;
use crate::errand::InspectedSession;
use crate::frame::Frame;
use crate::id::{Moment, Now, Sequence, SessionId};
use crate::input::{Access, Dialect};
use crate::joining::Joining;
use crate::outbox::{Kind, Outbox};

/// Which of the shard's tables a session's document is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// No session lives here.
    Vacant,
    /// A document of this shard, by its place.
    Document(u32),
    /// A document of another shard, by the place of its mirror here.
    Mirror(u32),
}

/// Where a session stands in its document's history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// All that was published is with the socket or in the outbox.
    Live,
    /// Has everything up to the cursor, which is not what the others have: it wrote a record that is not committed yet, and gets what
    /// follows after the commit; or it got records in advance, and gets what follows when the others do.
    Held(Sequence),
    /// Its outbox overflowed: it has everything up to the cursor. Invariant: no update waits in the outbox.
    Behind(Sequence),
    /// What it lacks is being made, and will say how far it reaches.
    CatchingUp,
}

#[derive(Debug)]
pub(crate) struct Session {
    generation: u32,
    /// Of its [`Place`], whose number stands apart from it: together they would take three bytes more.
    table: Table,
    slot: u32,
    /// Index in the member list of its place.
    pub(crate) member: u32,
    /// Of its [`Delivery`], whose number stands apart from it: together they would take eight bytes more.
    standing: Standing,
    cursor: Sequence,
    /// The last record that it wrote. It is held while this is not committed.
    pub(crate) authored: Sequence,
    outbox: Option<Box<Outbox>>,
    /// Since when it has had something to take and has not, in seconds. 0: it has kept up.
    slow_since_s: u32,
    /// Since when it is here, in seconds.
    since_s: u32,
    pub(crate) access: Access,
    in_flight: bool,
    /// Awareness frames were dropped: it gets all states when it drains.
    pub(crate) awareness_dropped: bool,
    /// So many answers wait for it that it is not read from.
    glutted: bool,
    /// How many reasons there are to read nothing from it. Many where it is on another core than its document: what it sent until the first
    /// arrives may have led to any number more.
    pauses: u32,
}

// A million of them are 56 MB.
const _: () = assert!(size_of::<Session>() <= 56);

/// A [`Place`] without its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Table {
    Vacant,
    Documents,
    Mirrors,
}

/// A [`Delivery`] without its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Live,
    Held,
    Behind,
    CatchingUp,
}

impl Session {
    /// Which of the shard's tables its document is in, and where.
    pub(crate) fn place(&self) -> Place {
        match self.table {
            Table::Vacant => Place::Vacant,
            Table::Documents => Place::Document(self.slot),
            Table::Mirrors => Place::Mirror(self.slot),
        }
    }

    fn is_vacant(&self) -> bool {
        self.table == Table::Vacant
    }

    /// Where it stands in its document's history.
    pub(crate) fn delivery(&self) -> Delivery {
        match self.standing {
            Standing::Live => Delivery::Live,
            Standing::Held => Delivery::Held(self.cursor),
            Standing::Behind => Delivery::Behind(self.cursor),
            Standing::CatchingUp => Delivery::CatchingUp,
        }
    }

    fn set_delivery(&mut self, delivery: Delivery) {
        (self.standing, self.cursor) = match delivery {
            Delivery::Live => (Standing::Live, Sequence(0)),
            Delivery::Held(cursor) => (Standing::Held, cursor),
            Delivery::Behind(cursor) => (Standing::Behind, cursor),
            Delivery::CatchingUp => (Standing::CatchingUp, Sequence(0)),
        };
    }
}

const VACANT: Session = Session {
    generation: 0,
    table: Table::Vacant,
    slot: 0,
    member: 0,
    standing: Standing::Live,
    cursor: Sequence(0),
    authored: Sequence(0),
    outbox: None,
    slow_since_s: 0,
    since_s: 0,
    access: Access::ReadOnly,
    in_flight: false,
    awareness_dropped: false,
    glutted: false,
    pauses: 0,
};

impl Session {
    /// Whether a frame for it is a send. Where one waits already, for a socket that takes nothing or has not taken the last, the next goes with it; and
    /// who is behind or being caught up is given none.
    pub(crate) fn takes(&self) -> bool {
        match self.standing {
            Standing::Live | Standing::Held => self.outbox.is_none(),
            Standing::Behind | Standing::CatchingUp => false,
        }
    }

    /// What waits for it.
    pub(crate) fn outbox_bytes(&self) -> usize {
        self.outbox.as_ref().map_or(0, |outbox| outbox.waiting_bytes())
    }
}

/// Table of sessions by the place that the caller chose, and the way out to their sockets.
#[derive(Debug)]
pub(crate) struct Sessions {
    table: Vec<Session>,
    live: u32,
    outbox_bytes_max: usize,
    now_s: u32,
    /// Where the rolling look at all sessions goes on.
    scan_at: usize,
    tally: Tally,
    joining: Joining,
}

/// What is counted of all sessions together.
#[derive(Debug, Default)]
struct Tally {
    /// Bytes in all outboxes.
    outbox_bytes: usize,
    /// Sessions that are [`Delivery::Behind`].
    behind: u32,
    fallen_behind: u64,
    deliveries: u64,
    updates_delivered: u64,
}

impl Sessions {
    pub(crate) fn new(outbox_bytes_max: usize) -> Self {
        Self {
            table: Vec::new(),
            live: 0,
            outbox_bytes_max,
            now_s: 1,
            scan_at: 0,
            tally: Tally::default(),
            joining: Joining::default(),
        }
    }

    /// From here on so much may wait for one of them.
    pub(crate) fn set_outbox_bytes_max(&mut self, outbox_bytes_max: usize) {
        self.outbox_bytes_max = outbox_bytes_max;
    }

    /// Seconds begin at 1, so that 0 can stand for "not".
    pub(crate) fn set_now(&mut self, now: Now) {
        self.now_s = u32::try_from(now.0 / 1_000 + 1).unwrap_or(u32::MAX);
    }

    pub(crate) fn len(&self) -> u32 {
        self.live
    }

    pub(crate) fn add(&mut self, id: SessionId, place: Place, member: u32, access: Access) {
        let index = id.index as usize;
        if index >= self.table.len() {
            // By an eighth: doubling would leave up to half of the largest table of the server unused.
            if index >= self.table.capacity() {
                self.table.reserve_exact(index + 1 + self.table.len() / 8 - self.table.len());
            }
            self.table.resize_with(index + 1, || VACANT);
        }
        assert!(self.table[index].is_vacant(), "a session's place is free when it is attached");
        self.live += 1;
        let (table, slot) = match place {
            Place::Vacant => unreachable!("a session has a document"),
            Place::Document(slot) => (Table::Documents, slot),
            Place::Mirror(slot) => (Table::Mirrors, slot),
        };
        let since_s = self.now_s;
        self.table[index] = Session { generation: id.generation, table, slot, member, access, since_s, ..VACANT };
        self.joining.begins(id);
    }

    pub(crate) fn remove(&mut self, id: SessionId) -> Option<Session> {
        let session = self.get_mut(id)?;
        let removed = std::mem::replace(session, VACANT);
        self.live -= 1;
        self.tally.outbox_bytes -= removed.outbox_bytes();
        self.tally.behind -= u32::from(removed.standing == Standing::Behind);
        self.joining.is_over(id);
        Some(removed)
    }

    pub(crate) fn get(&self, id: SessionId) -> Option<&Session> {
        self.table.get(id.index as usize).filter(|s| s.generation == id.generation && !s.is_vacant())
    }

    pub(crate) fn get_mut(&mut self, id: SessionId) -> Option<&mut Session> {
        self.table.get_mut(id.index as usize).filter(|s| s.generation == id.generation && !s.is_vacant())
    }

    /// What somebody outside may see of it.
    pub(crate) fn inspect(&self, id: SessionId, dialect: Dialect) -> Option<InspectedSession> {
        let &Session { access, since_s, .. } = self.get(id)?;
        Some(InspectedSession { session: id, access, dialect, age_s: self.now_s - since_s })
    }

    /// A session stands elsewhere in its document's history from here on.
    pub(crate) fn set_delivery(&mut self, id: SessionId, delivery: Delivery) {
        let Some(session) = self.get_mut(id) else { return };
        let before = session.standing;
        session.set_delivery(delivery);
        let (was_behind, is_behind) = (before == Standing::Behind, session.standing == Standing::Behind);
        self.tally.behind += u32::from(is_behind);
        self.tally.behind -= u32::from(was_behind);
        self.tally.fallen_behind += u64::from(is_behind && !was_behind);
    }

    /// A member by its place alone. Members are removed with their session, so the place is taken.
    pub(crate) fn at_mut(&mut self, index: u32) -> &mut Session {
        &mut self.table[index as usize]
    }

    pub(crate) fn id_at(&self, index: u32) -> SessionId {
        SessionId { index, generation: self.table[index as usize].generation }
    }

    /// An answer: always sent, in order. When too many wait, nothing more is asked of this server until they are taken.
    pub(crate) fn reply(&mut self, id: SessionId, frame: Frame, effects: &mut VecDeque<Effect>) {
        self.push(id, Kind::Answer, frame, effects);
        let now_s = self.now_s;
        if let Some(session) = self.get_mut(id)
            && !session.glutted
            && session.outbox.as_ref().is_some_and(|outbox| outbox.is_glutted())
        {
            session.glutted = true;
            // Nothing more is read from it, not even its end: it takes its answers in time, or is closed.
            if session.slow_since_s == 0 {
                session.slow_since_s = now_s;
            }
            self.pause(id, effects);
        }
    }

    /// A catch-up: an answer in parts, which the session has to take in time.
    pub(crate) fn catch_up(&mut self, id: SessionId, frames: &[Frame], effects: &mut VecDeque<Effect>) {
        let now_s = self.now_s;
        let Some(session) = self.get_mut(id) else { return };
        session.slow_since_s = now_s;
        let Some((last, parts)) = frames.split_last() else { return };
        for part in parts {
            self.push(id, Kind::Part, part.clone(), effects);
        }
        self.reply(id, last.clone(), effects);
        self.joining.ends(id);
    }

    /// Records from `first` on, made of so many updates, which follow on what the session has. Where they do not fit, it is behind from there.
    pub(crate) fn update(
        &mut self,
        id: SessionId,
        first: Sequence,
        (frame, updates): (&Frame, u64),
        effects: &mut VecDeque<Effect>,
    ) {
        if self.has_room(id, frame) {
            self.tally.deliveries += 1;
            self.tally.updates_delivered += updates;
            self.push(id, Kind::Update(first), frame.clone(), effects);
        } else {
            self.fall_behind(id, first);
        }
    }

    /// States that changed. Where they do not fit, the session gets all states later.
    pub(crate) fn awareness(&mut self, id: SessionId, frame: &Frame, effects: &mut VecDeque<Effect>) {
        if self.has_room(id, frame) {
            self.push(id, Kind::Awareness, frame.clone(), effects);
        } else if let Some(session) = self.get_mut(id) {
            session.awareness_dropped = true;
        }
    }

    /// A message that cannot be made again. Says whether there was room for it.
    pub(crate) fn stateless(&mut self, id: SessionId, frame: &Frame, effects: &mut VecDeque<Effect>) -> bool {
        let has_room = self.get(id).is_some() && self.has_room(id, frame);
        if has_room {
            self.push(id, Kind::Stateless, frame.clone(), effects);
        }
        has_room
    }

    fn has_room(&self, id: SessionId, frame: &Frame) -> bool {
        let outbox = self.get(id).and_then(|session| session.outbox.as_ref());
        outbox.is_none_or(|outbox| outbox.has_room(frame, self.outbox_bytes_max))
    }

    fn fall_behind(&mut self, id: SessionId, first: Sequence) {
        let now_s = self.now_s;
        let Some(session) = self.get_mut(id) else { return };
        let dropped = session.outbox.as_mut().map(|outbox| outbox.drop_what_can_be_made_again()).unwrap_or_default();
        // After a catch-up it may be given once more what waits here already, and what comes before that.
        let first = dropped.update.map_or(first, |dropped| dropped.min(first));
        session.awareness_dropped |= dropped.awareness;
        if session.slow_since_s == 0 {
            session.slow_since_s = now_s;
        }
        self.tally.outbox_bytes -= dropped.bytes;
        self.set_delivery(id, Delivery::Behind(Sequence(first.0 - 1)));
    }

    fn push(&mut self, id: SessionId, kind: Kind, frame: Frame, effects: &mut VecDeque<Effect>) {
        let Some(session) = self.get_mut(id) else { return };
        if session.in_flight {
            let bytes = frame.len();
            session.outbox.get_or_insert_default().push(kind, frame);
            self.tally.outbox_bytes += bytes;
            return;
        }
        session.in_flight = true;
        effects.push_back(Effect::Send { session: id, frame });
    }

    /// The socket has taken what it had. Sends what waits next; true where nothing does.
    pub(crate) fn drained(&mut self, id: SessionId, effects: &mut VecDeque<Effect>) -> bool {
        let now_s = self.now_s;
        let Some(session) = self.get_mut(id) else { return false };
        session.in_flight = false;
        let next = session.outbox.as_mut().and_then(|outbox| outbox.pop());
        if session.outbox.as_ref().is_some_and(|outbox| outbox.is_empty()) {
            session.outbox = None;
        }
        let Some(frame) = next else {
            session.slow_since_s = 0;
            if std::mem::take(&mut session.glutted) {
                self.resume(id, effects);
            }
            return true;
        };
        session.in_flight = true;
        if session.slow_since_s != 0 {
            session.slow_since_s = now_s;
        }
        self.tally.outbox_bytes -= frame.len();
        effects.push_back(Effect::Send { session: id, frame });
        false
    }

    /// Reads nothing from the session until there is a [`Sessions::resume`] for each pause.
    pub(crate) fn pause(&mut self, id: SessionId, effects: &mut VecDeque<Effect>) {
        if let Some(session) = self.get_mut(id) {
            session.pauses += 1;
            if session.pauses == 1 {
                effects.push_back(Effect::Pause { session: id });
            }
        }
    }

    pub(crate) fn resume(&mut self, id: SessionId, effects: &mut VecDeque<Effect>) {
        if let Some(session) = self.get_mut(id) {
            session.pauses = session.pauses.checked_sub(1).expect("a pause comes before its resume");
            if session.pauses == 0 {
                effects.push_back(Effect::Resume { session: id });
            }
        }
    }

    /// Looks at the next `count` sessions, and finds those that did not take what they were sent.
    pub(crate) fn scan(&mut self, count: usize, patience_s: u32, too_slow: &mut Vec<SessionId>) {
        for _ in 0..count.min(self.table.len()) {
            self.scan_at = if self.scan_at + 1 < self.table.len() { self.scan_at + 1 } else { 0 };
            let session = &self.table[self.scan_at];
            let is_slow = session.slow_since_s != 0 && self.now_s - session.slow_since_s >= patience_s;
            if is_slow && !session.is_vacant() {
                let index = u32::try_from(self.scan_at).expect("a session's place fits a u32");
                too_slow.push(SessionId { index, generation: session.generation });
            }
        }
    }

    /// This is the time of what follows.
    pub(crate) fn look(&mut self, moment: Moment) {
        self.joining.now = Some(moment);
    }

    /// The sessions that have been given since what they had asked for first, and when they were attached.
    pub(crate) fn take_joined(&mut self) -> impl Iterator<Item = (SessionId, Moment)> + '_ {
        self.joining.joined.drain(..)
    }

    pub(crate) fn outbox_bytes(&self) -> usize {
        self.tally.outbox_bytes
    }

    pub(crate) fn behind(&self) -> u32 {
        self.tally.behind
    }

    pub(crate) fn fallen_behind(&self) -> u64 {
        self.tally.fallen_behind
    }

    pub(crate) fn deliveries(&self) -> u64 {
        self.tally.deliveries
    }

    pub(crate) fn updates_delivered(&self) -> u64 {
        self.tally.updates_delivered
    }

    pub(crate) fn table_len(&self) -> usize {
        self.table.len()
    }
}
