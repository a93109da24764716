//! Hands: what a scenario's part can do: connect, send, close, count. Owns the clients of one thread; decides nothing.

use std::sync::Arc;

use selvedge::driver::{Ending, Operation};
use selvedge_protocol::http::{UpgradeKey, write_upgrade_request};
use selvedge_protocol::sync::Message;
use selvedge_protocol::websocket::{OpCode, put_masked_frame};

use crate::clock::{Clock, Micros};
use crate::connection::{Connection, Phase};
use crate::latency::Timed;
use crate::random::Random;
use crate::sources::Sources;
use crate::step::Window;
use crate::tally::{Count, Tally};
use crate::target::Target;

/// See the module.
pub(crate) struct Hands {
    pub(crate) thread: u32,
    pub(crate) threads: u32,
    pub(crate) tally: Tally,
    pub(crate) random: Random,
    pub(crate) window: Window,
    pub(crate) connections: Vec<Connection>,
    /// For the next turn.
    pub(crate) operations: Vec<Operation>,
    /// Clients that have something to send, perhaps.
    pub(crate) unflushed: Vec<u32>,
    /// Clients that are neither attached nor gone.
    pub(crate) opening: u32,
    /// Clients with a socket, or the beginning of one.
    pub(crate) sockets: u32,
    clock: Clock,
    now: Micros,
    ending: Ending,
    target: Arc<Target>,
    sources: Arc<Sources>,
    /// For building messages; kept for its memory.
    scratch: Vec<u8>,
}

/// What all threads of a run are given alike.
#[derive(Clone)]
pub(crate) struct Means {
    pub(crate) clock: Clock,
    pub(crate) target: Arc<Target>,
    pub(crate) sources: Arc<Sources>,
    pub(crate) seed: u64,
    pub(crate) threads: u32,
    /// How connections end that are closed here.
    pub(crate) ending: Ending,
}

impl Hands {
    pub(crate) fn new(means: &Means, thread: u32, clients: u32) -> Self {
        Self {
            thread,
            threads: means.threads,
            tally: Tally { thread: thread as usize, ..Tally::default() },
            random: Random::new(means.seed, u64::from(thread)),
            window: Window::NEVER,
            connections: (0..clients).map(|_| Connection::new()).collect(),
            operations: Vec::new(),
            unflushed: Vec::new(),
            opening: 0,
            sockets: 0,
            clock: means.clock,
            now: means.clock.now(),
            ending: means.ending,
            target: Arc::clone(&means.target),
            sources: Arc::clone(&means.sources),
            scratch: Vec::new(),
        }
    }

    /// The moment of what is being handled.
    pub(crate) fn now(&self) -> Micros {
        self.now
    }

    pub(crate) fn set_now(&mut self) {
        self.now = self.clock.now();
    }

    /// The client's number among those of all threads.
    pub(crate) fn global(&self, client: u32) -> u32 {
        client * self.threads + self.thread
    }

    /// How many of `total` things, dealt out in turn, fall to this thread.
    pub(crate) fn share(total: u32, thread: u32, threads: u32) -> u32 {
        total / threads + u32::from(thread < total % threads)
    }

    /// Opens a connection for a client that has none; latencies count from `since`.
    pub(crate) fn connect(&mut self, client: u32, document: u32, since: Micros) {
        let key = UpgradeKey::new(self.random.nonce());
        let mut request = Vec::new();
        write_upgrade_request(&mut request, &self.target.host, &self.target.path(document), &key);
        let from = self.sources.of(self.global(client));
        let connection = &mut self.connections[client as usize];
        connection.begin(since, key, request);
        self.operations.push(Operation::Connect {
            key: connection.key(client),
            from,
            to: self.target.address,
            ending: self.ending,
        });
        self.opening += 1;
        self.sockets += 1;
    }

    /// The client has what it was opened for; `timed` says what that took.
    pub(crate) fn attached(&mut self, client: u32, timed: Timed) {
        let connection = &mut self.connections[client as usize];
        if !connection.attached {
            connection.attached = true;
            let took = self.now.saturating_sub(connection.since);
            self.opening -= 1;
            self.tally.latencies.record(timed, took);
            self.tally.counts.add(Count::Attached, 1);
        }
    }

    pub(crate) fn is_attached(&self, client: u32) -> bool {
        self.connections[client as usize].attached
    }

    pub(crate) fn is_open(&self, client: u32) -> bool {
        self.connections[client as usize].phase == Phase::Open
    }

    /// Whether the client may send now. Where not, the part hears of it when it may.
    pub(crate) fn has_room(&mut self, client: u32) -> bool {
        let connection = &mut self.connections[client as usize];
        let has_room = connection.has_room();
        connection.held_back |= !has_room;
        has_room
    }

    /// Sends a binary message that `write` appends. A connection that is not open takes nothing.
    pub(crate) fn send(&mut self, client: u32, write: impl FnOnce(&mut Vec<u8>)) {
        self.scratch.clear();
        write(&mut self.scratch);
        let payload = std::mem::take(&mut self.scratch);
        self.send_frame(client, OpCode::Binary, &payload);
        self.scratch = payload;
    }

    pub(crate) fn send_frame(&mut self, client: u32, opcode: OpCode, payload: &[u8]) {
        let mask = self.random.mask();
        let connection = &mut self.connections[client as usize];
        if connection.phase != Phase::Open {
            return;
        }
        let queue = connection.queue();
        let before = queue.len();
        put_masked_frame(queue, opcode, payload, mask);
        let bytes = queue.len() - before;
        self.tally.counts.add(Count::SentBytes, bytes as u64);
        if before == 0 {
            self.unflushed.push(client);
        }
    }

    /// Sends a message of the y-websocket dialect.
    pub(crate) fn say(&mut self, client: u32, message: &Message<'_>) {
        self.send(client, |out| message.put(out));
    }

    /// A message that was meant to be sent at `intended` is sent now.
    pub(crate) fn record_lag(&mut self, intended: Micros) {
        if self.window.contains(intended) {
            self.tally.latencies.record(Timed::Lag, self.now.saturating_sub(intended));
        }
    }

    /// A client sent an update, which so many others must get.
    pub(crate) fn sent_update(&mut self, intended: Micros, others: u32) {
        self.record_lag(intended);
        self.tally.counts.add(Count::UpdatesSent, 1);
        self.tally.counts.add(Count::DeliveriesDue, u64::from(others));
        if self.window.contains(intended) {
            self.tally.counts.add(Count::Updates, 1);
        }
    }

    /// An update came: back to its writer, or to another.
    pub(crate) fn heard_update(&mut self, is_own: bool, intended: Micros) {
        let now = self.now();
        let (arrived, timed) = if is_own {
            (Count::Acknowledged, Timed::Acknowledgement)
        } else {
            if self.window.contains(now) {
                self.tally.counts.add(Count::Deliveries, 1);
            }
            (Count::Delivered, Timed::Delivery)
        };
        self.tally.counts.add(arrived, 1);
        if self.window.contains(intended) {
            self.tally.latencies.record(timed, now.saturating_sub(intended));
        }
    }

    /// A client said where it is.
    pub(crate) fn sent_state(&mut self, intended: Micros) {
        self.record_lag(intended);
        self.tally.counts.add(Count::StatesSent, 1);
        if self.window.contains(intended) {
            self.tally.counts.add(Count::States, 1);
        }
    }

    /// A client heard where another is.
    pub(crate) fn heard_state(&mut self, intended: Micros) {
        let now = self.now();
        self.tally.counts.add(Count::StatesDelivered, 1);
        if self.window.contains(now) {
            self.tally.counts.add(Count::StateDeliveries, 1);
        }
        if self.window.contains(intended) {
            self.tally.latencies.record(Timed::Presence, now.saturating_sub(intended));
        }
    }

    /// Ends a connection because the scenario wants so.
    pub(crate) fn close(&mut self, client: u32) {
        let connection = &mut self.connections[client as usize];
        match connection.phase {
            Phase::Connecting | Phase::Upgrading | Phase::Open => {
                if !connection.attached {
                    self.opening -= 1;
                }
                connection.phase = Phase::Closing;
                self.operations.push(Operation::Close { key: connection.key(client) });
            }
            Phase::Unused | Phase::Closing => {}
        }
    }

    /// Ends a connection that cannot go on.
    pub(crate) fn fail(&mut self, client: u32, trouble: &str) {
        match self.connections[client as usize].phase {
            Phase::Connecting | Phase::Upgrading | Phase::Open => {
                self.count_failure(trouble);
                self.close(client);
            }
            Phase::Unused | Phase::Closing => {}
        }
    }

    pub(crate) fn count_failure(&mut self, trouble: &str) {
        self.tally.counts.add(Count::Failed, 1);
        self.tally.troubles.add(trouble, 1);
    }
}
