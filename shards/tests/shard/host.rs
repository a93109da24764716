//! A host for shards in tests: it carries effects out as a server would, but only when it is told to.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use selvedge_protocol::sync::{self, Message};
use selvedge_protocol::update::{self, Known};
use selvedge_protocol::websocket::{FrameHeader, Role};
use selvedge_protocol::{awareness, update::StateVector};
use selvedge_shards::reading::{CatchUpFrom, CaughtUp, Loaded, ReadFailed};
use selvedge_shards::{
    Access, Answer, CloseReason, Config, Dialect, DocumentId, Effect, Envelope, Errand, Frame, Input, Large, Load, Now,
    Sequence, SessionId, Shard, ShardId,
};

/// The name of a document that shard 0 owns, however many there are in these tests.
pub(crate) const NAME: &str = "document";

pub(crate) fn config(shard: u16, shards: u16) -> Config {
    Config {
        shard: ShardId(shard),
        shards,
        update: update::Limits::default(),
        large_update_bytes: usize::MAX,
        preparing_bytes_max: 2_000,
        awareness: awareness::Limits {
            update_bytes_max: 1024,
            entries_max: 10,
            state_bytes_max: 100,
            json_depth_max: 8,
        },
        outbox_bytes_max: 64,
        sessions_per_document_max: 5,
        hot_document_sessions: 4,
        documents_max: 3,
        document_bytes_max: 2_000,
        waiting_bytes_per_session_max: 400,
        waiting_bytes_per_document_max: 600,
        waiting_timeout_ms: 10_000,
        fan_out_window_max_ms: 16,
        awareness_window_max_ms: 250,
        awareness_window_per_session_us: 125,
        awareness_entries_max: 5,
        awareness_entries_per_session_max: 2,
        awareness_bytes_max: 100_000,
        document_updates_per_second_max: 1_000_000,
        author_updates_per_second_max: 1_000_000,
        session_awareness_per_second_max: 1_000_000,
        uncommitted_bytes_max: 100,
        catch_up_timeout_ms: 30_000,
        document_idle_ms: 5_000,
        snapshot_records: 8,
        snapshot_bytes: 10_000,
    }
}

/// A session: where its socket is, and its name there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct At(pub(crate) usize, pub(crate) SessionId);

pub(crate) fn at(shard: usize, index: u32) -> At {
    At(shard, SessionId { index, generation: 0 })
}

/// A message as a client got it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Got {
    Step1(StateVector),
    Step2(Vec<u8>),
    Update(Vec<u8>),
    Awareness(Vec<(u64, u32, Option<String>)>),
    Denied(String),
    Status(bool),
    Stateless(String),
}

pub(crate) struct Host {
    shards: Vec<Shard>,
    pub(crate) now: u64,
    /// Of all shards.
    pub(crate) load: Load,
    got: BTreeMap<At, Vec<Got>>,
    in_flight: VecDeque<At>,
    /// Sockets take what they are sent at once.
    pub(crate) sockets_take: bool,
    /// What shards send each other arrives at once.
    pub(crate) mesh_delivers: bool,
    /// What has not arrived: from where, to where.
    mesh: VecDeque<(ShardId, usize, Envelope)>,
    /// Loads are answered at once.
    pub(crate) loads_end: bool,
    pub(crate) loads: VecDeque<(usize, DocumentId)>,
    /// What is appended and not committed.
    pub(crate) appended: VecDeque<(usize, DocumentId, Sequence, Vec<u8>)>,
    /// What is committed.
    pub(crate) stored: Vec<(Sequence, Vec<u8>)>,
    pub(crate) jobs: VecDeque<(usize, DocumentId, u64, CatchUpFrom, Sequence)>,
    /// Large updates that are to be held against their documents.
    pub(crate) large: VecDeque<(usize, DocumentId, u64, Box<Large>)>,
    pub(crate) snapshots: VecDeque<(usize, DocumentId, Sequence)>,
    pub(crate) closed: BTreeMap<At, CloseReason>,
    pub(crate) paused: BTreeMap<At, bool>,
    pub(crate) probed: Vec<At>,
    /// Stateless messages of clients.
    pub(crate) outward: Vec<(DocumentId, At, String)>,
    pub(crate) evicted: Vec<DocumentId>,
    /// With the records that are to be there afterwards.
    pub(crate) deletions: VecDeque<(usize, DocumentId, Vec<Vec<u8>>)>,
    pub(crate) answers: Vec<(u64, Answer)>,
}

impl Host {
    pub(crate) fn new(shards: u16) -> Self {
        Self::with(shards, |_| {})
    }

    pub(crate) fn with(shards: u16, change: impl Fn(&mut Config)) -> Self {
        let make = |shard| {
            let mut config = config(shard, shards);
            change(&mut config);
            Shard::new(config)
        };
        Self {
            shards: (0..shards).map(make).collect(),
            now: 1_000,
            load: Load::NONE,
            got: BTreeMap::new(),
            in_flight: VecDeque::new(),
            sockets_take: true,
            mesh_delivers: true,
            mesh: VecDeque::new(),
            loads_end: true,
            loads: VecDeque::new(),
            appended: VecDeque::new(),
            stored: Vec::new(),
            jobs: VecDeque::new(),
            large: VecDeque::new(),
            snapshots: VecDeque::new(),
            closed: BTreeMap::new(),
            paused: BTreeMap::new(),
            probed: Vec::new(),
            outward: Vec::new(),
            evicted: Vec::new(),
            deletions: VecDeque::new(),
            answers: Vec::new(),
        }
    }

    pub(crate) fn shard(&self, at: usize) -> &Shard {
        &self.shards[at]
    }

    pub(crate) fn next_due(&self, shard: usize) -> Option<Now> {
        self.shards[shard].next_due()
    }

    /// Sessions on all shards.
    pub(crate) fn sessions(&self) -> u64 {
        self.shards.iter().map(|shard| shard.counters().sessions).sum()
    }

    /// Hands in one input and carries its effects out.
    pub(crate) fn handle(&mut self, shard: usize, input: Input<'_>) {
        self.shards[shard].handle(Now(self.now), input);
        while let Some(effect) = self.shards[shard].poll_effect() {
            self.carry_out(shard, effect);
        }
    }

    fn carry_out(&mut self, shard: usize, effect: Effect) {
        match effect {
            Effect::Send { session, frame } => {
                let to = At(shard, session);
                assert!(!self.in_flight.contains(&to), "one send at a time for each session");
                self.got.entry(to).or_default().extend(read(&frame));
                self.in_flight.push_back(to);
            }
            Effect::Close { session, reason } => {
                self.in_flight.retain(|&other| other != At(shard, session));
                self.paused.remove(&At(shard, session));
                self.closed.insert(At(shard, session), reason);
            }
            Effect::Pause { session } => {
                assert_ne!(self.paused.insert(At(shard, session), true), Some(true));
            }
            Effect::Resume { session } => {
                assert_eq!(self.paused.insert(At(shard, session), false), Some(true));
            }
            Effect::Stateless { document, session, payload } => {
                self.outward.push((document, At(shard, session), payload.into()));
            }
            Effect::Probe { session } => self.probed.push(At(shard, session)),
            Effect::Append { document, sequence, update, more, .. } => {
                let records = (sequence.0..).map(Sequence).zip(std::iter::once(update).chain(more));
                self.appended.extend(records.map(|(sequence, update)| (shard, document, sequence, update)));
            }
            Effect::Prepare { document, job, large } => self.large.push_back((shard, document, job, large)),
            Effect::Load { document, .. } => self.loads.push_back((shard, document)),
            Effect::CatchUp { document, job, from, through } => {
                self.jobs.push_back((shard, document, job, from, through));
            }
            Effect::Snapshot { document, through } => self.snapshots.push_back((shard, document, through)),
            Effect::Delete { document, successor, .. } => self.deletions.push_back((shard, document, successor)),
            Effect::Answer { job, answer } => self.answers.push((job, answer)),
            Effect::Evicted { document } => self.evicted.push(document),
            Effect::Envelope { to, envelope } => {
                let from = ShardId(u16::try_from(shard).expect("few shards"));
                self.mesh.push_back((from, usize::from(to.0), envelope));
                if self.mesh_delivers {
                    self.deliver();
                }
            }
        }
    }

    /// What was sent from shard to shard arrives, and what that leads to.
    pub(crate) fn deliver(&mut self) {
        while let Some((from, to, envelope)) = self.mesh.pop_front() {
            self.handle(to, Input::Envelope { from, envelope });
        }
    }

    /// What was sent to one shard so far arrives.
    pub(crate) fn deliver_to(&mut self, shard: usize) {
        let (arrives, stays) = std::mem::take(&mut self.mesh).into_iter().partition(|(_, to, _)| *to == shard);
        self.mesh = stays;
        let arrives: VecDeque<_> = arrives;
        for (from, to, envelope) in arrives {
            self.handle(to, Input::Envelope { from, envelope });
        }
    }

    /// Ends the turn on all shards, and lets happen what happens by itself.
    pub(crate) fn turn(&mut self) {
        loop {
            for shard in 0..self.shards.len() {
                self.handle(shard, Input::TurnEnded { load: self.load });
            }
            if self.loads_end
                && let Some((shard, document)) = self.loads.pop_front()
            {
                self.handle(shard, Input::Loaded { document, result: Ok(Box::new(empty())) });
            } else if self.sockets_take
                && let Some(At(shard, session)) = self.in_flight.pop_front()
            {
                self.handle(shard, Input::Drained { session });
            } else {
                return;
            }
        }
    }

    pub(crate) fn is_in_flight(&self, session: At) -> bool {
        self.in_flight.contains(&session)
    }

    /// One session's socket takes what it was sent.
    pub(crate) fn take(&mut self, session: At) {
        let place = self.in_flight.iter().position(|&other| other == session).expect("something was sent");
        self.in_flight.remove(place);
        self.handle(session.0, Input::Drained { session: session.1 });
        self.turn();
    }

    pub(crate) fn attach(&mut self, session: At) {
        self.attach_as(session, NAME, Access::ReadWrite);
    }

    pub(crate) fn attach_as(&mut self, session: At, name: &str, access: Access) {
        self.attach_speaking(session, name, access, Dialect::YWebsocket);
    }

    pub(crate) fn attach_speaking(&mut self, session: At, name: &str, access: Access, dialect: Dialect) {
        self.handle(session.0, Input::Attached { session: session.1, name: Arc::from(name), access, dialect });
        self.turn();
    }

    pub(crate) fn detach(&mut self, session: At) {
        self.in_flight.retain(|&other| other != session);
        self.handle(session.0, Input::Detached { session: session.1 });
        self.turn();
    }

    /// Hands in a message within a turn.
    pub(crate) fn say(&mut self, session: At, message: Message<'_>) {
        self.handle(session.0, Input::Message { session: session.1, message });
    }

    pub(crate) fn update(&mut self, session: At, update: &[u8]) {
        self.say(session, Message::Update { update });
        self.turn();
    }

    pub(crate) fn step_1(&mut self, session: At, state_vector: &[u8]) {
        self.say(session, Message::SyncStep1 { state_vector });
        self.turn();
    }

    pub(crate) fn announce(&mut self, session: At, client: u64, clock: u32, state: Option<&str>) {
        let mut update = Vec::new();
        awareness::put_update(&mut update, std::iter::once(awareness::Entry { client, clock, state }));
        self.say(session, Message::Awareness { update: &update });
        self.turn();
    }

    /// Everything appended becomes durable.
    pub(crate) fn commit(&mut self) {
        while let Some((shard, document, sequence, update)) = self.appended.pop_front() {
            self.stored.push((sequence, update));
            self.handle(shard, Input::Committed { document, sequence });
        }
        self.turn();
    }

    /// The oldest catch-up is made from what is committed.
    pub(crate) fn catch_up(&mut self) {
        let (shard, document, job, from, through) = self.jobs.pop_front().expect("a catch-up was asked for");
        let wanted = |sequence: Sequence| match &from {
            CatchUpFrom::StateVector(_) => true,
            CatchUpFrom::Sequence(since) => sequence > *since,
        };
        let records: Vec<&[u8]> = self
            .stored
            .iter()
            .filter(|(sequence, _)| *sequence <= through && wanted(*sequence))
            .map(|(_, update)| update.as_slice())
            .collect();
        let mut bytes = Vec::new();
        match &from {
            CatchUpFrom::StateVector(known) => {
                let missing = update::merge_above(&records, known).expect("stored updates merge");
                sync::put_sync_step_2(&mut bytes, &missing);
            }
            CatchUpFrom::Sequence(_) => sync::put_update(&mut bytes, &update::merge(&records).expect("as above")),
        }
        let result = Ok(CaughtUp { frames: Arc::new([Frame::new(bytes)]), through });
        self.handle(shard, Input::CaughtUp { document, job, result });
        self.turn();
    }

    /// The oldest of the large updates is held against its document.
    pub(crate) fn prepare(&mut self) {
        let (shard, document, job, large) = self.large.pop_front().expect("there is a large update");
        self.handle(shard, Input::Prepared { document, job, judged: Box::new(large.judge()) });
        self.turn();
    }

    /// Somebody who is no session wants something of a shard.
    pub(crate) fn errand(&mut self, shard: usize, job: u64, errand: Errand) {
        let document = DocumentId::of(NAME);
        self.handle(shard, Input::Errand { job, document, name: Arc::from(NAME), errand });
        self.turn();
    }

    /// Nothing is stored any more but what takes the place of what was.
    pub(crate) fn finish_deletion(&mut self) {
        let (shard, document, successor) = self.deletions.pop_front().expect("a deletion was ordered");
        self.stored = (1..).map(Sequence).zip(successor).collect();
        self.handle(shard, Input::Deleted { document });
        if let Some(&(sequence, _)) = self.stored.last() {
            self.handle(shard, Input::Committed { document, sequence });
        }
        self.turn();
    }

    /// What was answered since this was asked last.
    pub(crate) fn answers(&mut self) -> Vec<String> {
        std::mem::take(&mut self.answers).into_iter().map(|(job, answer)| format!("{job}: {answer:?}")).collect()
    }

    pub(crate) fn fail_load(&mut self) {
        let (shard, document) = self.loads.pop_front().expect("a load was asked for");
        self.handle(shard, Input::Loaded { document, result: Err(ReadFailed::Corrupt("checksum".into())) });
        self.turn();
    }

    /// Lets time pass, tick by tick.
    pub(crate) fn pass(&mut self, ms: u64) {
        let end = self.now + ms;
        while self.now < end {
            self.now = (self.now + selvedge_shards::TICK_MS).min(end);
            for shard in 0..self.shards.len() {
                self.handle(shard, Input::Tick);
            }
            self.turn();
        }
    }

    /// Lets so much time pass, and ends the turn.
    pub(crate) fn pass_to_next(&mut self, ms: u64) {
        self.now += ms;
        self.turn();
    }

    pub(crate) fn is_paused(&self, session: At) -> bool {
        self.paused.get(&session) == Some(&true)
    }

    /// What the session got since this was asked last.
    pub(crate) fn got(&mut self, session: At) -> Vec<Got> {
        self.got.remove(&session).unwrap_or_default()
    }
}

pub(crate) fn empty() -> Loaded {
    Loaded { sequence: Sequence(0), known: Known::default(), log_records: 0, log_bytes: 0, bytes: 0 }
}

fn read(frame: &Frame) -> Vec<Got> {
    let mut bytes = frame.as_ref();
    let mut got = Vec::new();
    while !bytes.is_empty() {
        let (header, len) = FrameHeader::parse(bytes, Role::Client).expect("valid").expect("whole");
        let end = len + usize::try_from(header.payload_bytes).expect("small");
        if let Some(of_hocuspocus) = read_hocuspocus(&bytes[len..end]) {
            got.push(of_hocuspocus);
            bytes = &bytes[end..];
            continue;
        }
        got.push(match sync::parse(&bytes[len..end]).expect("one message in each frame") {
            Message::SyncStep1 { state_vector } => {
                Got::Step1(StateVector::decode(state_vector, &update::Limits::default()).expect("valid"))
            }
            Message::SyncStep2 { update } => Got::Step2(update.to_vec()),
            Message::Update { update } => Got::Update(update.to_vec()),
            Message::Awareness { update } => {
                let update = awareness::parse(update, &config(0, 1).awareness).expect("valid");
                Got::Awareness(update.entries().map(|e| (e.client, e.clock, e.state.map(str::to_owned))).collect())
            }
            Message::PermissionDenied { reason } => Got::Denied(reason.to_owned()),
            Message::QueryAwareness => panic!("servers do not ask"),
        });
        bytes = &bytes[end..];
    }
    got
}

/// What only one dialect has, without an address.
fn read_hocuspocus(message: &[u8]) -> Option<Got> {
    match message {
        [8, saved] => Some(Got::Status(*saved == 1)),
        [5, len, payload @ ..] if payload.len() == usize::from(*len) => {
            Some(Got::Stateless(String::from_utf8(payload.to_vec()).expect("text")))
        }
        _ => None,
    }
}

/// One client types one word, right behind what it typed before, into the root text `t`.
pub(crate) fn typed(client: u8, clock: u8, text: &str) -> Vec<u8> {
    let mut out = vec![1, 1, client, clock];
    match clock.checked_sub(1) {
        None => out.extend([4, 1, 1, b't']),
        Some(last) => out.extend([0x84, client, last]),
    }
    out.push(u8::try_from(text.len()).expect("short"));
    out.extend(text.as_bytes());
    out.push(0);
    out
}

/// The state vector of clients that typed so many letters.
pub(crate) fn state_vector(clocks: &[(u64, u32)]) -> StateVector {
    clocks.iter().copied().collect()
}
