//! One life of the server: its cores with their shards and connections, the rings between them, its persister and its readers. Carries
//! out effects as the real loop does; all that is made up is when things happen.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use selvedge::close::Goodbye;
use selvedge::connection::pulse::{Pace, Stamp, Stamps};
use selvedge::connection::{Connection, Heard, Hold, Looked, Phase, PulseCounters, Pulses, Route, Sent};
use selvedge::driver::ConnectionKey;
use selvedge::persister::{Append, Deletion};
use selvedge_protocol::sync;
use selvedge_protocol::websocket::{Inflater, Limits};
use selvedge_shards::reading::CatchUpFrom;
use selvedge_shards::{
    Access, CloseReason, Config, Counters, Dialect, DocumentId, Effect, Envelope, Input, Load, Now, SessionId, Shard,
    ShardId, TICK_MS,
};

use crate::agenda::Event;
use crate::disk::{Job, Persister, Readers, Task};
use crate::network::Side;
use crate::plan::COMPACTIONS;
use crate::preparers::Preparers;
use crate::stage::Stage;

/// Messages that a ring takes before its core holds its own clients back.
const RING_ENVELOPES: usize = 24;

/// Large updates of a core that are held against their documents at once.
const PREPARED_AT_ONCE: usize = 2;

/// Of a hundred messages to other cores so many find their core stopped for about so long, before it has sent them.
const STOPS_PERCENT: u64 = 2;
const STOP_MS: u64 = 30;

const LIMITS: Limits = Limits { message_bytes_max: 2 << 20, fragments_max: 64 };

/// From the first word of a close to the end of its socket.
const CLOSE_MS: u64 = 5_000;

/// What waits for a core's next turn.
enum Arrival {
    Bytes { session: SessionId, bytes: Vec<u8> },
    Ended { session: SessionId, broken: bool },
    Sent { session: SessionId },
    Tick,
    Input(Input<'static>),
}

/// One connection as its core has it.
struct Seat {
    connection: Connection,
    link: usize,
    document: DocumentId,
    close_at: Option<u64>,
}

struct Core {
    shard: Shard,
    pulses: Pulses,
    looks_at: u64,
    /// By index; the generation of a place grows whenever it is given again.
    seats: Vec<(u32, Option<Seat>)>,
    arrivals: VecDeque<Arrival>,
    /// From each other core, and from when on it is seen.
    rings: Vec<VecDeque<(u64, Envelope)>>,
    /// The machine lets it do nothing until then. What it has laid into rings before is seen, and nothing else.
    stopped_until: u64,
    scheduled: bool,
    /// When a turn is planned because something is due.
    due_at: Option<u64>,
    freed: Vec<SessionId>,
    alive: Vec<SessionId>,
    held_by_ring: Vec<SessionId>,
    paused: BTreeSet<SessionId>,
}

/// Where a connection lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) core: usize,
    pub(crate) session: SessionId,
}

pub(crate) struct Server {
    pub(crate) life: u32,
    cores: Vec<Core>,
    persister: Persister,
    readers: Readers,
    preparers: Preparers,
    /// Documents whose first load has not ended.
    loading: BTreeSet<DocumentId>,
    loaded_before: BTreeSet<DocumentId>,
    /// By link.
    places: Vec<Option<Place>>,
    /// The server dies after so many more effects.
    pub(crate) dies_in: Option<u32>,
    /// And the machine with it.
    pub(crate) dies_with_power: bool,
}

impl Server {
    pub(crate) fn start(life: u32, stage: &mut Stage) -> Self {
        let plan = &stage.plan;
        let core = |number: u16| {
            let mut config = plan.config.clone();
            config.shard = ShardId(number);
            Core {
                shard: Shard::new(config),
                pulses: Pulses::new(plan.pace, Stamps::with([u64::from(life), u64::from(number)])),
                looks_at: 0,
                seats: Vec::new(),
                arrivals: VecDeque::new(),
                rings: (0..plan.shards).map(|_| VecDeque::new()).collect(),
                stopped_until: 0,
                scheduled: false,
                due_at: None,
                freed: Vec::new(),
                alive: Vec::new(),
                held_by_ring: Vec::new(),
                paused: BTreeSet::new(),
            }
        };
        for core in 0..usize::from(plan.shards) {
            stage.agenda.after(1 + core as u64 * 7, Event::Tick { life, core });
        }
        Self {
            life,
            cores: (0..plan.shards).map(core).collect(),
            persister: Persister::new(life, plan.fsync),
            readers: Readers::new(life, plan.reader_threads, plan.part_bytes_max, COMPACTIONS[plan.compaction]),
            preparers: Preparers::default(),
            loading: BTreeSet::new(),
            loaded_before: BTreeSet::new(),
            places: Vec::new(),
            dies_in: None,
            dies_with_power: false,
        }
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.dies_in == Some(0)
    }

    /// A client has connected; its request is read.
    pub(crate) fn accept(&mut self, link: usize, name: &str, access: Access, dialect: Dialect, stage: &mut Stage) {
        let document = DocumentId::of(name);
        let owner = usize::from(document.owner(stage.plan.shards).0);
        let accepted = stage.random.below(self.cores.len());
        let hot = self.cores[accepted].shard.is_hot(document);
        let stays = stage.random.percent(stage.plan.remote_percent) || hot;
        let core = if stays { accepted } else { owner };
        if core != owner {
            stage.coverage.count(if hot { "session: remote, of a hot document" } else { "session: remote" });
        }
        let seats = &mut self.cores[core].seats;
        let index = match seats.iter().position(|(_, seat)| seat.is_none()) {
            Some(index) => index,
            None => {
                seats.push((0, None));
                seats.len() - 1
            }
        };
        seats[index].0 += 1;
        let connection = opened(Now(stage.agenda.now + stage.clock_ahead_ms));
        seats[index].1 = Some(Seat { connection, link, document, close_at: None });
        let session = SessionId { index: u32::try_from(index).expect("few"), generation: seats[index].0 };
        self.places.resize(self.places.len().max(link + 1), None);
        self.places[link] = Some(Place { core, session });
        stage.trace(format_args!("link {link} is session {session:?} of core {core}"));
        self.cores[core].arrivals.push_back(Arrival::Input(Input::Attached {
            session,
            name: Arc::from(name),
            access,
            dialect,
        }));
        self.schedule(core, stage);
    }

    pub(crate) fn place(&self, link: usize) -> Option<Place> {
        self.places.get(link).copied().flatten()
    }

    pub(crate) fn bytes_came(&mut self, link: usize, bytes: Vec<u8>, stage: &mut Stage) {
        self.arrived_at(link, |session| Arrival::Bytes { session, bytes }, stage);
    }

    pub(crate) fn ended(&mut self, link: usize, broken: bool, stage: &mut Stage) {
        self.arrived_at(link, |session| Arrival::Ended { session, broken }, stage);
    }

    /// A socket may have taken what it was sent.
    pub(crate) fn look_at_send(&mut self, link: usize, stage: &mut Stage) {
        if stage.network.take_sent(link) {
            self.arrived_at(link, |session| Arrival::Sent { session }, stage);
        }
    }

    pub(crate) fn tick(&mut self, core: usize, stage: &mut Stage) {
        self.cores[core].arrivals.push_back(Arrival::Tick);
        stage.agenda.after(TICK_MS, Event::Tick { life: self.life, core });
        self.schedule(core, stage);
    }

    pub(crate) fn persist(&mut self, stage: &mut Stage) {
        self.persister.go_on(&mut stage.disk, &mut stage.agenda);
    }

    pub(crate) fn persisted(&mut self, stage: &mut Stage) {
        self.persister.done(&mut stage.disk, &mut stage.agenda);
        self.take_reports(stage);
    }

    pub(crate) fn read(&mut self, thread: usize, stage: &mut Stage) {
        for (core, input) in self.readers.done(thread, &mut stage.disk, &mut stage.agenda) {
            self.tell(core, input, stage);
        }
    }

    pub(crate) fn prepared(&mut self, number: u64, stage: &mut Stage) {
        let (core, judged) = self.preparers.done(number);
        self.tell(core, judged, stage);
    }

    fn take_reports(&mut self, stage: &mut Stage) {
        while let Some((core, inputs)) = self.persister.poll_report() {
            for input in inputs {
                if let Input::CommitFailed { reason } = &input {
                    stage.coverage.count("disk: commit failed");
                    stage.trace(format_args!("commits fail: {reason}"));
                }
                if let Input::Committed { document, sequence } = input {
                    stage.committed.commit(document, sequence);
                }
                if let Input::Deleted { document } = input {
                    stage.committed.deleted(document);
                }
                self.tell(core, input, stage);
            }
        }
    }

    /// Somebody who is no session wants something.
    pub(crate) fn errand(&mut self, core: usize, errand: Input<'static>, stage: &mut Stage) {
        self.tell(core, errand, stage);
    }

    /// Other limits hold from here on.
    pub(crate) fn configure(&mut self, config: &Config, stage: &mut Stage) {
        for core in 0..self.cores.len() {
            let shard = ShardId(u16::try_from(core).expect("few"));
            let config = Box::new(Config { shard, ..config.clone() });
            self.tell(core, Input::Configured { config }, stage);
        }
    }

    fn tell(&mut self, core: usize, input: Input<'static>, stage: &mut Stage) {
        self.cores[core].arrivals.push_back(Arrival::Input(input));
        self.schedule(core, stage);
    }

    fn arrived_at(&mut self, link: usize, arrival: impl FnOnce(SessionId) -> Arrival, stage: &mut Stage) {
        if let Some(Place { core, session }) = self.place(link) {
            self.cores[core].arrivals.push_back(arrival(session));
            self.schedule(core, stage);
        }
    }

    fn schedule(&mut self, core: usize, stage: &mut Stage) {
        if !std::mem::replace(&mut self.cores[core].scheduled, true) {
            let delay = stage.random.wait(1);
            stage.agenda.after(delay, Event::Turn { life: self.life, core });
        }
    }

    /// A core hands in everything that has arrived.
    pub(crate) fn turn(&mut self, core: usize, stage: &mut Stage) {
        self.cores[core].scheduled = false;
        for from in 0..self.cores.len() {
            let ring = &mut self.cores[core].rings[from];
            let seen = ring.partition_point(|(at, _)| *at <= stage.agenda.now);
            if seen > 0 && seen < ring.len() {
                stage.coverage.count("ring: seen in part");
            }
            let taken: Vec<_> = ring.drain(..seen).collect();
            let from = ShardId(u16::try_from(from).expect("few"));
            for (_, envelope) in taken {
                self.handle(core, Input::Envelope { from, envelope }, stage);
            }
        }
        while let Some(arrival) = self.cores[core].arrivals.pop_front() {
            if self.is_dead() {
                return;
            }
            match arrival {
                Arrival::Bytes { session, bytes } => self.received(core, session, &bytes, stage),
                Arrival::Ended { session, broken } => self.peer_ended(core, session, broken, stage),
                Arrival::Sent { session } => self.sent(core, session, stage),
                Arrival::Tick => {
                    self.close_overdue(core, stage);
                    self.look_at_connections(core, stage);
                    self.handle(core, Input::Tick, stage);
                }
                Arrival::Input(input) => {
                    if let Input::Loaded { document, .. } = &input {
                        self.loading.remove(document);
                    }
                    self.handle(core, input, stage);
                }
            }
            self.settle(core, stage);
        }
        let (least, most) = stage.plan.load_permille;
        let load = Load(u16::try_from(stage.random.between(least, most)).expect("a share in thousandths"));
        self.handle(core, Input::TurnEnded { load }, stage);
        for session in std::mem::take(&mut self.cores[core].held_by_ring) {
            self.unhold(core, session, Hold::Mesh);
        }
        self.settle(core, stage);
        self.check_bounds(core, stage);
        self.schedule_due(core, stage);
    }

    /// The loop does not wait longer than until something of the shard's is due.
    fn schedule_due(&mut self, core: usize, stage: &mut Stage) {
        let Some(due) = self.cores[core].shard.next_due() else { return };
        let due = due.0.saturating_sub(stage.clock_ahead_ms).max(stage.agenda.now + 1);
        // One that is planned and comes earlier plans the next.
        if self.cores[core].due_at.is_none_or(|at| at <= stage.agenda.now || due < at) {
            self.cores[core].due_at = Some(due);
            stage.agenda.at(due, Event::Turn { life: self.life, core });
        }
    }

    fn settle(&mut self, core: usize, stage: &mut Stage) {
        loop {
            let alive = std::mem::take(&mut self.cores[core].alive);
            let freed = std::mem::take(&mut self.cores[core].freed);
            if alive.is_empty() && freed.is_empty() {
                return;
            }
            for session in alive {
                self.handle(core, Input::Alive { session }, stage);
            }
            for session in freed {
                self.read_on(core, session, stage);
            }
        }
    }

    fn seat(&mut self, core: usize, session: SessionId) -> Option<&mut Seat> {
        let (generation, seat) = self.cores[core].seats.get_mut(session.index as usize)?;
        if *generation == session.generation { seat.as_mut() } else { None }
    }

    fn received(&mut self, core: usize, session: SessionId, bytes: &[u8], stage: &mut Stage) {
        let Some(seat) = self.seat(core, session) else { return };
        if seat.connection.is_alive() {
            self.handle(core, Input::Alive { session }, stage);
        }
        let Some(seat) = self.seat(core, session) else { return };
        let connection = &mut seat.connection;
        let mut data = bytes.to_vec();
        match connection.phase() {
            Phase::Open if connection.is_held() || connection.has_unread() => self.keep(core, session, &data, stage),
            Phase::Open => {
                let mut consumed = 0;
                self.listen(core, session, &mut data, &mut consumed, stage);
                self.keep(core, session, &data[consumed..], stage);
            }
            Phase::Closing { .. } => connection.discard(&mut data, &LIMITS),
            Phase::Head | Phase::Leaving | Phase::Gone => unreachable!("these seats are open from the beginning"),
        }
        self.tend(core, session, stage);
    }

    /// Goes on where a connection was held back: with what waits unread.
    fn read_on(&mut self, core: usize, session: SessionId, stage: &mut Stage) {
        let Some(seat) = self.seat(core, session) else { return };
        if seat.connection.phase() == Phase::Open && !seat.connection.is_held() {
            let mut unread = seat.connection.take_unread();
            let (data, consumed) = unread.parts();
            self.listen(core, session, data, consumed, stage);
            if let Some(seat) = self.seat(core, session) {
                if seat.connection.phase() == Phase::Open {
                    seat.connection.put_back(unread);
                } else {
                    let (data, consumed) = unread.parts();
                    seat.connection.discard(&mut data[*consumed..], &LIMITS);
                }
            }
            self.end_if_heard_out(core, session, stage);
        }
        self.tend(core, session, stage);
    }

    /// Hands in message after message, until there is none, or the connection is held back.
    fn listen(&mut self, core: usize, session: SessionId, data: &mut [u8], consumed: &mut usize, stage: &mut Stage) {
        loop {
            let congested = self.is_congested(core);
            let Some(seat) = self.seat(core, session) else { return };
            let connection = &mut seat.connection;
            if connection.phase() != Phase::Open || connection.is_held() {
                return;
            }
            if congested {
                connection.hold(Hold::Mesh);
                self.cores[core].held_by_ring.push(session);
                stage.coverage.count("ring: full");
                return;
            }
            let payload = match connection.hear(data, consumed, &LIMITS, &mut Inflater::default()) {
                None => return,
                Some(Heard::Inflating | Heard::Control) => continue,
                Some(Heard::Pong { stamp }) => {
                    self.ponged(core, session, stamp, stage);
                    continue;
                }
                Some(Heard::Closing(_)) => None,
                Some(Heard::Message { payload, .. }) => Some(payload.to_vec()),
            };
            let Some(payload) = payload else {
                self.handle(core, Input::Detached { session }, stage);
                self.closing(core, session, stage);
                return;
            };
            match sync::parse(&payload) {
                Ok(message) => {
                    assert!(!self.cores[core].paused.contains(&session), "nothing is handed in while paused");
                    self.handle(core, Input::Message { session, message }, stage);
                }
                Err(sync::SyncError::UnknownMessage { .. }) => {}
                Err(error) => return self.say_goodbye(core, session, &Goodbye::malformed_message(error), stage),
            }
        }
    }

    /// Keeps what a connection that is held back has sent; what a closing one has sent is only looked through for the end.
    fn keep(&mut self, core: usize, session: SessionId, data: &[u8], stage: &mut Stage) {
        let Some(seat) = self.seat(core, session) else { return };
        if seat.connection.phase() != Phase::Open {
            seat.connection.discard(&mut data.to_vec(), &LIMITS);
        } else if !seat.connection.keep(data) {
            self.say_goodbye(core, session, &Goodbye::too_fast(), stage);
        }
    }

    /// Ends a session from the connection's side.
    fn say_goodbye(&mut self, core: usize, session: SessionId, goodbye: &Goodbye, stage: &mut Stage) {
        let Some(seat) = self.seat(core, session) else { return };
        seat.connection.close(goodbye, &LIMITS);
        self.handle(core, Input::Detached { session }, stage);
        self.closing(core, session, stage);
    }

    fn peer_ended(&mut self, core: usize, session: SessionId, broken: bool, stage: &mut Stage) {
        let Some(seat) = self.seat(core, session) else { return };
        seat.connection.end();
        if broken && seat.connection.phase() != Phase::Open {
            self.gone(core, session, stage);
            return;
        }
        self.end_if_heard_out(core, session, stage);
        self.tend(core, session, stage);
    }

    fn end_if_heard_out(&mut self, core: usize, session: SessionId, stage: &mut Stage) {
        let Some(seat) = self.seat(core, session) else { return };
        let connection = &seat.connection;
        if connection.phase() == Phase::Open && connection.has_ended() && !connection.has_unread() {
            self.gone(core, session, stage);
            self.handle(core, Input::Detached { session }, stage);
        }
    }

    fn sent(&mut self, core: usize, session: SessionId, stage: &mut Stage) {
        let Some(seat) = self.seat(core, session) else { return };
        if seat.connection.sent() == Sent::Data {
            self.handle(core, Input::Drained { session }, stage);
        }
        self.tend(core, session, stage);
    }

    fn closing(&mut self, core: usize, session: SessionId, stage: &mut Stage) {
        let now = stage.agenda.now;
        if let Some(seat) = self.seat(core, session) {
            seat.close_at = Some(now + CLOSE_MS);
        }
        self.tend(core, session, stage);
    }

    fn close_overdue(&mut self, core: usize, stage: &mut Stage) {
        for index in 0..self.cores[core].seats.len() {
            let (generation, seat) = &self.cores[core].seats[index];
            let session = SessionId { index: u32::try_from(index).expect("few"), generation: *generation };
            if seat.as_ref().and_then(|seat| seat.close_at).is_some_and(|at| at <= stage.agenda.now) {
                self.gone(core, session, stage);
            }
        }
    }

    /// Every connection is looked at once in so often; the real loop goes through its table bit by bit.
    fn look_at_connections(&mut self, core: usize, stage: &mut Stage) {
        if stage.agenda.now < self.cores[core].looks_at {
            return;
        }
        let now = Now(stage.agenda.now + stage.clock_ahead_ms);
        let Core { seats, pulses, looks_at, .. } = &mut self.cores[core];
        *looks_at = stage.agenda.now + Pace::LOOK_MS;
        let mut found = Vec::new();
        for ((generation, seat), index) in seats.iter_mut().zip(0..) {
            let Some(seat) = seat else { continue };
            let session = SessionId { index, generation: *generation };
            found.push((session, pulses.look(now, key_of(session), &mut seat.connection)));
        }
        pulses.round_ended();
        for (session, looked) in found {
            match looked {
                Looked::Well => {}
                Looked::Beats => self.tend(core, session, stage),
                Looked::Stale => {
                    self.gone(core, session, stage);
                    self.handle(core, Input::Detached { session }, stage);
                }
            }
        }
    }

    fn ponged(&mut self, core: usize, session: SessionId, stamp: Option<Stamp>, stage: &mut Stage) {
        let now = Now(stage.agenda.now + stage.clock_ahead_ms);
        let Core { seats, pulses, .. } = &mut self.cores[core];
        if let Some((_, Some(seat))) = seats.get_mut(session.index as usize) {
            pulses.answered(now, key_of(session), stamp, &mut seat.connection);
        }
    }

    /// The socket is closed, and its place free.
    fn gone(&mut self, core: usize, session: SessionId, stage: &mut Stage) {
        let (_, seat) = &mut self.cores[core].seats[session.index as usize];
        let Some(seat) = seat.take() else { return };
        self.places[seat.link] = None;
        self.cores[core].paused.remove(&session);
        stage.trace(format_args!("link {} closed by core {core}", seat.link));
        stage.network.end(seat.link, Side::Server, &mut stage.agenda);
    }

    /// Gives the network what a connection has for it.
    fn tend(&mut self, core: usize, session: SessionId, stage: &mut Stage) {
        let now = Now(stage.agenda.now + stage.clock_ahead_ms);
        let Some(seat) = self.seat(core, session) else { return };
        let link = seat.link;
        if let Some(frame) = seat.connection.poll_send() {
            seat.connection.count_sent(now);
            stage.network.send(link, Side::Server, frame.as_ref(), &mut stage.agenda);
        }
        let receiving = seat.connection.poll_receiving();
        let finished = seat.connection.is_finished();
        if let Some(receiving) = receiving {
            stage.network.stop(link, Side::Server, !receiving, &mut stage.agenda);
        }
        if finished {
            self.gone(core, session, stage);
        } else {
            self.look_at_send(link, stage);
        }
    }

    fn unhold(&mut self, core: usize, session: SessionId, hold: Hold) {
        if let Some(seat) = self.seat(core, session)
            && seat.connection.unhold(hold)
        {
            self.cores[core].freed.push(session);
        }
    }

    fn is_congested(&self, core: usize) -> bool {
        self.cores.iter().any(|other| other.rings[core].len() >= RING_ENVELOPES)
    }

    /// Hands one input to a shard and carries out what follows.
    fn handle(&mut self, core: usize, input: Input<'_>, stage: &mut Stage) {
        if self.is_dead() {
            return;
        }
        let now = Now(stage.agenda.now + stage.clock_ahead_ms);
        self.cores[core].shard.handle(now, input);
        while let Some(effect) = self.cores[core].shard.poll_effect() {
            if let Some(left) = &mut self.dies_in {
                *left -= 1;
                if *left == 0 {
                    return;
                }
            }
            self.carry_out(core, effect, stage);
        }
    }

    fn carry_out(&mut self, core: usize, effect: Effect, stage: &mut Stage) {
        match effect {
            Effect::Send { session, frame } => {
                let Some(seat) = self.seat(core, session) else { return };
                let document = seat.document;
                seat.connection.send(frame);
                if self.loading.contains(&document) {
                    stage
                        .checks
                        .fail(format!("something is sent to {session:?} of core {core} before the first load ended"));
                }
                self.tend(core, session, stage);
            }
            Effect::Close { session, reason } => self.end_session(core, session, &reason, stage),
            Effect::Pause { session } => {
                stage.coverage.count("session: paused");
                assert!(self.cores[core].paused.insert(session), "a pause follows no pause");
                if let Some(seat) = self.seat(core, session) {
                    seat.connection.hold(Hold::Shard);
                }
                self.tend(core, session, stage);
            }
            Effect::Resume { session } => {
                assert!(self.cores[core].paused.remove(&session), "a resume follows a pause");
                self.unhold(core, session, Hold::Shard);
            }
            Effect::Stateless { .. } => {}
            Effect::Probe { session } => {
                stage.coverage.count("awareness: client id contested");
                let now = Now(stage.agenda.now + stage.clock_ahead_ms);
                let stamp = self.cores[core].pulses.stamp(now, key_of(session));
                let Some(seat) = self.seat(core, session) else { return };
                if seat.connection.probe(stamp) {
                    self.tend(core, session, stage);
                } else {
                    self.cores[core].alive.push(session);
                }
            }
            Effect::Append { document, name, sequence, update, more } => {
                stage.trace(format_args!(
                    "core {core} appends record {} of {name}: {} bytes, and {} that belong to it",
                    sequence.0,
                    update.len(),
                    more.len()
                ));
                stage.trace.bytes(&update);
                let updates = std::iter::once(&update).chain(&more).cloned();
                stage.committed.appended(document, sequence, updates);
                self.persister.gather(Append { core, document, name, sequence, update, more }, &mut stage.agenda);
                self.take_reports(stage);
            }
            Effect::Load { document, name } => {
                self.loading.insert(document);
                if !self.loaded_before.insert(document) {
                    stage.coverage.count("document: loaded again");
                }
                self.submit(Job { core, document, task: Task::Load { name } }, stage);
            }
            Effect::Prepare { document, job, large } => {
                let is_new = self.preparers.begin(core, document, job, large, self.life, stage);
                stage.coverage.count(if is_new { "update: prepared" } else { "update: prepared again" });
            }
            Effect::CatchUp { document, job, from, through } => {
                stage.coverage.count(match &from {
                    CatchUpFrom::StateVector(_) => "catch-up: from a state vector",
                    CatchUpFrom::Sequence(_) => "catch-up: from a sequence, after an overflow",
                });
                self.submit(Job { core, document, task: Task::CatchUp { job, from, through } }, stage);
            }
            Effect::Snapshot { document, through } => {
                self.submit(Job { core, document, task: Task::Snapshot { through } }, stage);
            }
            Effect::Delete { document, name, successor } => {
                stage.trace(format_args!("core {core} deletes {name}; {} records take its place", successor.len()));
                self.readers.evict(document);
                stage.committed.deleting(document, &successor);
                self.persister.gather(Deletion { core, document, name, successor }, &mut stage.agenda);
                self.take_reports(stage);
            }
            Effect::Answer { job, answer } => stage.answered(job, answer),
            Effect::Evicted { document } => {
                stage.coverage.count("document: evicted");
                self.readers.evict(document);
            }
            Effect::Envelope { to, envelope } => {
                let to = usize::from(to.0);
                let stopped_until = &mut self.cores[core].stopped_until;
                if stage.random.percent(STOPS_PERCENT) {
                    *stopped_until = (stage.agenda.now + stage.random.wait(STOP_MS)).max(*stopped_until);
                }
                let seen_at = stage.agenda.now.max(*stopped_until);
                self.cores[to].rings[core].push_back((seen_at, envelope));
                if seen_at > stage.agenda.now {
                    stage.agenda.at(seen_at, Event::Turn { life: self.life, core: to });
                } else {
                    self.schedule(to, stage);
                }
            }
        }
    }

    fn submit(&mut self, job: Job, stage: &mut Stage) {
        let core = job.core;
        stage.trace(format_args!("core {core} wants {:?}", job.task));
        if let Some(answer) = self.readers.submit(job, &mut stage.disk, &mut stage.agenda) {
            stage.coverage.count("disk: readers busy");
            self.tell(core, answer, stage);
        }
    }

    fn end_session(&mut self, core: usize, session: SessionId, reason: &CloseReason, stage: &mut Stage) {
        self.cores[core].paused.remove(&session);
        let Some(seat) = self.seat(core, session) else { return };
        let link = seat.link;
        seat.connection.close(&Goodbye::session(reason), &LIMITS);
        stage.coverage.count(what(reason));
        stage.trace(format_args!("core {core} ends link {link}: {reason:?}"));
        stage.checks.closed(stage.network.links[link].who, reason, stage.plan.config.document_bytes_max);
        self.closing(core, session, stage);
    }

    fn check_bounds(&mut self, core: usize, stage: &mut Stage) {
        let counters = self.cores[core].shard.counters();
        let writers = stage.plan.clients.len() + stage.plan.hostiles + 2 + usize::from(stage.plan.errands_ms.is_some());
        // Each may bring one more message, and of a remote one those that are in the ring.
        let messages = writers + if self.cores.len() > 1 { writers * RING_ENVELOPES } else { 0 };
        let max = stage.plan.config.uncommitted_bytes_max + messages * stage.checks.largest_message;
        if counters.uncommitted_bytes > max as u64 {
            stage.checks.fail(format!("{} bytes are not committed, limit {max}", counters.uncommitted_bytes));
        }
        let (preparing, max) = (self.cores[core].shard.preparing_bytes(), stage.plan.config.preparing_bytes_max);
        if preparing > max {
            stage.checks.fail(format!("{preparing} bytes are being prepared, limit {max}"));
        }
        if self.preparers.of(core) > PREPARED_AT_ONCE {
            stage.checks.fail(format!("core {core} has more than {PREPARED_AT_ONCE} updates prepared at once"));
        }
    }

    pub(crate) fn counters(&self) -> Vec<Counters> {
        self.cores.iter().map(|core| core.shard.counters()).collect()
    }

    pub(crate) fn pulse_counters(&self) -> Vec<PulseCounters> {
        self.cores.iter().map(|core| core.pulses.counters()).collect()
    }

    /// Nothing is under way inside the server.
    pub(crate) fn is_quiet(&self) -> bool {
        self.persister.is_idle()
            && self.readers.is_idle()
            && self.preparers.is_idle()
            && self.cores.iter().all(|core| core.shard.preparing_bytes() == 0)
            && self.cores.iter().all(|core| core.rings.iter().all(VecDeque::is_empty))
            && self.counters().iter().all(|counters| counters.uncommitted_bytes == 0)
            && self.cores.iter().all(|core| !core.shard.is_gathering() && core.shard.next_due().is_none())
    }

    /// What the server waits for, for a report.
    pub(crate) fn dump(&self) -> String {
        let mut text = String::new();
        for (number, core) in self.cores.iter().enumerate() {
            let counters = core.shard.counters();
            let seats = core.seats.iter().flat_map(|(_, seat)| seat).map(|seat| {
                format!("link {} held {} {:?}", seat.link, seat.connection.is_held(), seat.connection.phase())
            });
            text += &format!(
                "core {number}: {} sessions, {} documents, {} bytes not committed, {} arrivals; {}\n",
                counters.sessions,
                counters.documents,
                counters.uncommitted_bytes,
                core.arrivals.len(),
                seats.collect::<Vec<_>>().join(", ")
            );
        }
        text + &format!("persister idle {}, readers idle {}", self.persister.is_idle(), self.readers.is_idle())
    }
}

/// A connection whose request is granted.
fn opened(now: Now) -> Connection {
    let mut connection = Connection::new();
    connection.open(Route::Session, Vec::new(), None);
    connection.begin_pulse(now);
    connection
}

fn key_of(session: SessionId) -> ConnectionKey {
    ConnectionKey { index: session.index, generation: session.generation }
}

fn what(reason: &CloseReason) -> &'static str {
    match reason {
        CloseReason::UpdateRefused(_) | CloseReason::AwarenessRefused(_) | CloseReason::StateVectorRefused(_) => {
            "close: refused"
        }
        CloseReason::LoadFailed(_) => "close: load failed",
        CloseReason::Deleted => "close: deleted",
        CloseReason::Dismissed => "close: dismissed",
        CloseReason::DocumentFull { .. } => "close: document full",
        CloseReason::SessionsFull { .. } => "close: sessions full",
        CloseReason::DocumentsFull { .. } => "close: documents full",
        CloseReason::TooSlow => "close: too slow",
    }
}
