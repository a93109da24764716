//! What one core has and knows: its connections, its shard, and its ways to everyone else. Told what happened, it gathers operations; it
//! does not wait, and has no driver and no clock.

mod accepting;
mod admitting;
mod beating;
mod closing;
mod documents;
mod effects;
mod encrypted;
mod errands;
mod limiting;
mod listening;
mod measuring;
mod overdue_messages;
mod sending;
mod shedding;
mod slowness;
mod telling;
mod unfinished;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use selvedge_protocol::websocket::{Inflater, Limits};
use selvedge_shards::{Config, Counters, Input, Load, Moment, Now, SessionId, Shard, ShardId};

use super::drain::Step;
use super::round::Round;
use super::seats::{Seats, key_of, session_of};
use crate::audit::Audit;
use crate::auth::Authority;
use crate::connection::pulse::{Pace, Stamps};
use crate::connection::{ConnectionCounters, Hold, Phase, PulseCounters, Pulses, Turn};
use crate::driver::{Completion, ConnectionKey, Operation};
use crate::encoder::Encoder;
use crate::events::Gatherer;
use crate::health::Health;
use crate::hocuspocus::{self, Hocuspocus};
use crate::inbox::Note;
use crate::limits::Rate;
use crate::mesh::{Mesh, Parcel};
use crate::persister::Appender;
use crate::preparer::Preparer;
use crate::reader::Reader;
use crate::slow;
use crate::timers::TimerWheel;
use crate::tls::{self, Acceptor};

/// Connections beyond the limit that are still heard, so that they can be told so, and that health checks get through. Any more are closed
/// without a word.
pub const SURPLUS_CONNECTIONS_MAX: usize = 256;

/// What the connections of a core are held to.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// Messages of sessions.
    pub session: Limits,
    /// Messages of connections with many documents, before the first token.
    pub unproven: Limits,
    /// The documents of such a connection.
    pub hocuspocus: hocuspocus::Limits,
    /// Messages on the echo route.
    pub echo: Limits,
    /// What the connections of a core may hold together of messages that are not whole.
    pub unfinished_bytes_max: usize,
    /// Longest request head.
    pub head_bytes_max: usize,
    /// From accepting a socket to the end of its request.
    pub upgrade_timeout_ms: u64,
    /// From the first word of a close to its end.
    pub close_timeout_ms: u64,
    /// When connections are sent something, or given up.
    pub pace: Pace,
    /// Connections of the whole process.
    pub connections_max: usize,
    /// Whether there is an echo.
    pub conformance: bool,
    /// Whether compression is agreed to.
    pub compression: bool,
    /// Smallest message that is compressed.
    pub compression_bytes_min: usize,
    /// Whether trusted proxies begin with a PROXY header.
    pub proxy_protocol: bool,
    /// How fast each connection may send.
    pub rate: Rate,
    /// From the first byte of a message to its last.
    pub message_timeout_ms: u64,
}

/// What a core and its shard are held to from here on.
#[derive(Debug)]
pub struct NewRules {
    /// The connections'.
    pub rules: Rules,
    /// The shard's.
    pub shard: Config,
}

/// What a core is given at the start.
pub struct Parts {
    /// Which core.
    pub id: ShardId,
    /// How many there are.
    pub cores: u16,
    /// Its decisions.
    pub shard: Shard,
    /// Its ways to the other cores.
    pub mesh: Mesh,
    /// Its way to the disk.
    pub appender: Appender,
    /// Its way back from the disk.
    pub reader: Reader,
    /// Where it has large updates looked at.
    pub preparer: Preparer,
    /// What its connections are held to.
    pub rules: Rules,
    /// How the process is.
    pub health: Arc<Health>,
    /// Who is asked whether somebody may come in.
    pub authority: Arc<Authority>,
    /// What is shared by all cores of the limits.
    pub limits: Arc<crate::limits::Limits>,
    /// Where it is written down who came in and who did not.
    pub audit: Audit,
    /// What it tells those outside through.
    pub events: Gatherer,
    /// Where sessions begin, if connections are inside TLS.
    pub acceptor: Option<Arc<Acceptor>>,
    /// Where it is laid down what took too long.
    pub slow: Arc<slow::Log>,
}

/// One core without its driver.
pub(super) struct Core {
    id: ShardId,
    cores: u16,
    shard: Shard,
    table: Seats,
    /// The documents of connections with many. In step with the phase of the connection: there while it is open.
    many: HashMap<ConnectionKey, Box<Hocuspocus>>,
    /// For the next turn of the driver, in order.
    operations: Vec<Operation>,
    mesh: Mesh,
    timers: TimerWheel<Deadline>,
    pulses: Pulses,
    /// The rolling look at all connections.
    round: Round,
    appender: Appender,
    reader: Reader,
    preparer: Preparer,
    rules: Rules,
    encoder: Encoder,
    inflater: Inflater,
    health: Arc<Health>,
    authority: Arc<Authority>,
    limiting: limiting::Limiting,
    measuring: measuring::Measuring,
    counters: ConnectionCounters,
    messages: overdue_messages::Messages,
    acceptor: Option<Arc<Acceptor>>,
    tls: encrypted::Tls,
    now: Now,
    step: Step,
    /// Sends in flight.
    sends: usize,
    /// Connections that are no longer held back and have to be read on; done between effects, not within them.
    freed: Vec<ConnectionKey>,
    /// Sessions whose probe was answered without a ping.
    alive: Vec<SessionId>,
    /// Connections that are held back by a full mesh.
    held_by_mesh: Vec<ConnectionKey>,
    /// What each connection may have of this turn.
    turn: Turn,
    /// Connections that have had it.
    held_for_turn: Vec<ConnectionKey>,
    /// A step of a large compressed message was taken in this turn: there is one for all of them.
    inflated: bool,
    /// Connections that hold much of what is not whole; perhaps more than once, and perhaps some that no longer do.
    unfinished: Vec<ConnectionKey>,
    /// Bytes that those have received since they were looked at last.
    unfinished_growth: usize,
    /// From when on it is worth another line in the log that accepting fails.
    accept_warning_due: Now,
    /// Something was handed to the shard in this turn.
    busy: bool,
    errands: errands::Errands,
}

/// What a connection has to have done by some time.
#[derive(Clone, Copy, Debug)]
enum Deadline {
    /// Sent its whole request.
    Head(ConnectionKey),
    /// Sent tokens for its documents; or they have something to do by themselves.
    Documents(ConnectionKey),
    /// Closed.
    Close(ConnectionKey),
    /// Ended the message that it had begun.
    Message(ConnectionKey),
    /// Shown that what it was granted still holds.
    Grant(ConnectionKey),
}

impl Core {
    pub(super) fn new(parts: Parts, now: Now) -> Self {
        let Parts {
            id,
            cores,
            shard,
            mesh,
            appender,
            reader,
            preparer,
            rules,
            health,
            authority,
            acceptor,
            limits,
            audit,
            events,
            slow,
        } = parts;
        Self {
            id,
            cores,
            shard,
            table: Seats::new(),
            many: HashMap::new(),
            operations: vec![Operation::Accept],
            mesh,
            timers: TimerWheel::new(now.0),
            pulses: Pulses::new(rules.pace, Stamps::secret()),
            round: Round::default(),
            appender,
            reader,
            preparer,
            encoder: Encoder::new(rules.compression_bytes_min),
            inflater: Inflater::default(),
            rules,
            health,
            authority,
            limiting: limiting::Limiting::new(limits, audit, events),
            measuring: measuring::Measuring::new(slowness::Slowness::new(slow, usize::from(id.0))),
            counters: ConnectionCounters::default(),
            messages: overdue_messages::Messages::default(),
            acceptor,
            tls: encrypted::Tls::default(),
            now,
            step: Step::Serve,
            sends: 0,
            freed: Vec::new(),
            alive: Vec::new(),
            held_by_mesh: Vec::new(),
            turn: Turn::first(),
            held_for_turn: Vec::new(),
            inflated: false,
            unfinished: Vec::new(),
            unfinished_growth: 0,
            accept_warning_due: now,
            busy: false,
            errands: errands::Errands::default(),
        }
    }

    /// The time for whatever is handled next.
    pub(super) fn set_now(&mut self, now: Now, moment: Moment) {
        self.now = now;
        self.look(moment);
    }

    /// Takes what is to be done, and gives an empty list back.
    pub(super) fn take_operations(&mut self, operations: &mut Vec<Operation>) {
        debug_assert!(operations.is_empty(), "the driver empties the list");
        std::mem::swap(&mut self.operations, operations);
    }

    /// Something of the driver's.
    pub(super) fn handle_completion(&mut self, completion: Completion<'_>) {
        match completion {
            Completion::Accepted { socket } => self.accepted(socket),
            Completion::AcceptFailed { error } => self.accepting_failed(&error),
            Completion::Connected { key, .. } => panic!("{key:?} was connected, and a server connects to nobody"),
            Completion::Received { key, data } => self.received(key, data),
            Completion::Ended { key, error } => self.ended(key, error.as_ref()),
            Completion::Sent { key, frame, result } => {
                drop(frame);
                self.sent(key, result);
            }
            Completion::Released { key, socket } => self.released(key, socket),
            Completion::Closed { key } => {
                self.measuring.forget(key);
                if let Some(connection) = self.table.remove(key) {
                    self.forget(&connection);
                }
                self.health.disconnected();
            }
        }
    }

    /// Something of the persister's, a reader's or the keeper's.
    pub(super) fn handle_note(&mut self, note: Note) {
        let moment = self.measuring.moment();
        self.measuring.slowness.heard(&note, moment);
        match note {
            Note::Farewell(farewell) => self.farewell(&farewell),
            Note::Authority(authority) => self.take_authority(&authority),
            Note::Errand(request) => self.take_request(*request),
            Note::Rules(rules) => self.take_rules(*rules),
            note => {
                if let Note::Committed(commits) = &note {
                    self.events().committed(commits);
                } else if let Note::Deleted(documents) = &note {
                    self.events().deleted(documents);
                }
                note.visit(&mut |input| self.handle(input));
            }
        }
    }

    /// Something of another core's.
    pub(super) fn handle_parcel(&mut self, from: ShardId, parcel: Parcel) {
        match parcel {
            Parcel::Handed(handed) => self.adopt(*handed),
            Parcel::Envelope(envelope) => self.handle(Input::Envelope { from, envelope }),
        }
    }

    /// Time has passed: deadlines, and the shard's tick.
    pub(super) fn tick(&mut self) {
        self.health.turning().turned(usize::from(self.id.0), Instant::now());
        let mut due = Vec::new();
        self.timers.sweep(self.now.0, &mut due);
        for deadline in due {
            self.overdue(deadline);
        }
        self.look_at_memory();
        self.handle(Input::Tick);
    }

    /// The loop has ended.
    pub(super) fn end(&self) {
        self.health.turning().ended(usize::from(self.id.0));
    }

    /// When the shard, or a connection, may have something to do though nothing arrives.
    pub(super) fn next_due(&self) -> Option<Now> {
        let round = self.round.next_due(self.table.places());
        [self.shard.next_due(), round, self.next_paced()].into_iter().flatten().min()
    }

    /// That time has come.
    pub(super) fn has_something_due(&mut self) {
        self.busy = true;
        self.release_paced();
    }

    /// Everything that has arrived was handed in. Says whether something is left that should not wait for the next arrival.
    pub(super) fn end_turn(&mut self, load: Load) -> bool {
        let handshakes_left = self.go_on_with_handshakes();
        self.limit_unfinished();
        self.look_at_connections();
        self.settle_effects();
        if std::mem::take(&mut self.busy) {
            self.shard.handle(self.now, Input::TurnEnded { load });
            self.drain_effects();
        }
        self.encoder.turn_ended();
        self.inflater.tidy();
        let operations = &mut self.operations;
        self.mesh.flush(|core| operations.push(Operation::Wake { core }));
        if !self.mesh.is_congested() {
            for key in std::mem::take(&mut self.held_by_mesh) {
                self.unhold(key, Hold::Mesh);
            }
        }
        self.turn = self.turn.next(self.held_for_turn.len());
        self.inflated = false;
        for key in std::mem::take(&mut self.held_for_turn) {
            self.unhold(key, Hold::Turn);
        }
        handshakes_left || self.mesh.is_congested() || !self.freed.is_empty() || !self.alive.is_empty()
    }

    /// Moves what other cores have sent out of the mesh.
    pub(super) fn take_parcels(&mut self, taken: &mut Vec<(ShardId, Parcel)>) {
        self.mesh.take(taken);
    }

    /// Other cores have sent something.
    pub(super) fn has_parcels(&self) -> bool {
        self.mesh.has_incoming()
    }

    /// Something waits in front of a full ring.
    pub(super) fn is_congested(&self) -> bool {
        self.mesh.is_congested()
    }

    /// Nothing waits in front of a full ring, and all that was accepted is with the persister.
    pub(super) fn has_handed_all_over(&self) -> bool {
        !self.mesh.is_congested() && !self.shard.is_gathering()
    }

    /// Something large is held against its document elsewhere.
    pub(super) fn is_preparing(&self) -> bool {
        self.shard.preparing_bytes() > 0
    }

    /// Everything that was to be sent is with the kernel.
    pub(super) fn has_sent_all(&self) -> bool {
        self.sends == 0
    }

    /// Connections left.
    pub(super) fn connections(&self) -> usize {
        self.table.len()
    }

    /// What the shard has counted.
    pub(super) fn counters(&self) -> Counters {
        self.shard.counters()
    }

    /// What was counted of connections.
    pub(super) fn connection_counters(&mut self) -> ConnectionCounters {
        ConnectionCounters {
            open: self.table.len() as u64,
            unfinished_bytes: self.unfinished_bytes_in_all() as u64,
            mesh_incoming: self.mesh.incoming() as u64,
            mesh_spilled: self.mesh.spilled() as u64,
            ..self.counters
        }
    }

    /// What became of TLS sessions.
    pub(super) fn tls_counters(&self) -> tls::Counters {
        self.tls.counters
    }

    /// What was counted of the pulses of connections.
    pub(super) fn pulse_counters(&self) -> PulseCounters {
        self.pulses.counters()
    }

    /// Connections are held to other rules: what was begun under the old ones may end under them, where it was written down how long it may
    /// take.
    fn take_rules(&mut self, NewRules { rules, shard }: NewRules) {
        self.pulses.set_pace(rules.pace);
        self.encoder.set_compression_bytes_min(rules.compression_bytes_min);
        self.rules = rules;
        self.handle(Input::Configured { config: Box::new(shard) });
    }

    /// Hands something to the shard and carries out what follows.
    fn handle(&mut self, input: Input<'_>) {
        self.busy = true;
        self.shard.handle(self.now, input);
        self.drain_effects();
    }

    /// Does what effects led to and what leads to effects again. Ends, because every step reads bytes that have arrived or answers a
    /// question of the shard's, and neither grows from it.
    fn settle_effects(&mut self) {
        while !self.freed.is_empty() || !self.alive.is_empty() {
            for session in std::mem::take(&mut self.alive) {
                self.handle(Input::Alive { session });
            }
            for key in std::mem::take(&mut self.freed) {
                self.read_on(key);
            }
        }
    }

    /// Gives the driver what a connection has for it. To be called after everything that was done to one.
    fn tend(&mut self, key: ConnectionKey) {
        let Some(connection) = self.table.get(key) else { return };
        if let Some(frame) = connection.poll_send() {
            connection.count_sent(self.now);
            self.sends += 1;
            self.operations.push(Operation::Send { key, frame });
        }
        if connection.is_finished() {
            connection.gone();
            self.operations.push(Operation::Close { key });
        }
        match connection.poll_receiving() {
            Some(true) => self.operations.push(Operation::Receive { key }),
            Some(false) => self.operations.push(Operation::Pause { key }),
            None => {}
        }
    }

    fn hold(&mut self, key: ConnectionKey, hold: Hold) {
        if let Some(connection) = self.table.get(key)
            && connection.phase() == Phase::Open
        {
            connection.hold(hold);
            self.tend(key);
        }
    }

    fn unhold(&mut self, key: ConnectionKey, hold: Hold) {
        if let Some(connection) = self.table.get(key)
            && connection.unhold(hold)
        {
            self.freed.push(key);
        }
    }
}
