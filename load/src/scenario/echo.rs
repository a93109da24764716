//! `echo`: every client gets back what it sends, from any WebSocket server that echoes. Either each sends as soon as an echo comes (closed loop),
//! or all send at a rate.

use crate::clock::Micros;
use crate::hands::Hands;
use crate::latency::Timed;
use crate::pace::{Pace, Planned, Turns};
use crate::part::Part;
use crate::stamp::Stamp;
use crate::step::Step;
use crate::tally::{Count, Counts};

/// How much.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) connections: u32,
    /// Of a message.
    pub(crate) bytes: usize,
    pub(crate) load: Load,
}

/// When messages are sent.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Load {
    /// So many are on their way on each connection; a slow server is asked less.
    Closed { in_flight: u32 },
    /// So many a second on each connection, whatever the server does.
    Open { rate_per_s: f64 },
}

/// Whether every echo has come.
pub(crate) fn is_settled(counts: &Counts) -> bool {
    counts.of(Count::Echoed) >= counts.of(Count::EchoesDue)
}

/// One thread's share of it.
pub(crate) struct Echo {
    shape: Shape,
    clients: Vec<Client>,
    turns: Option<Turns>,
    behind: u64,
}

#[derive(Clone, Copy, Default)]
struct Client {
    sent: u32,
    due: u32,
    heard: u32,
}

impl Echo {
    pub(crate) fn new(shape: Shape, thread: u32, threads: u32) -> Self {
        let clients = Hands::share(shape.connections, thread, threads);
        Self { shape, clients: vec![Client::default(); clients as usize], turns: None, behind: 0 }
    }

    fn send(&mut self, client: u32, intended: Micros, hands: &mut Hands) {
        let state = &mut self.clients[client as usize];
        let stamp = Stamp { writer: hands.global(client), sequence: state.sent, intended };
        state.sent += 1;
        hands.send(client, |out| stamp.put(out, self.shape.bytes));
        hands.record_lag(intended);
        hands.tally.counts.add(Count::EchoesDue, 1);
    }

    fn catch_up(&mut self, client: u32, hands: &mut Hands) {
        let Some(turns) = self.turns else { return };
        while self.clients[client as usize].sent < self.clients[client as usize].due {
            if !hands.is_open(client) {
                return self.give_up(client);
            }
            if !hands.has_room(client) {
                hands.tally.counts.add(Count::HeldBack, 1);
                return;
            }
            let sequence = self.clients[client as usize].sent;
            let intended = turns.pace().intended(Planned { writer: hands.global(client), sequence });
            self.behind -= 1;
            self.send(client, intended, hands);
        }
    }

    fn give_up(&mut self, client: u32) {
        let state = &mut self.clients[client as usize];
        self.behind -= u64::from(state.due.saturating_sub(state.sent));
        state.sent = state.sent.max(state.due);
    }
}

impl Part for Echo {
    fn clients(&self) -> u32 {
        u32::try_from(self.clients.len()).expect("as many as fit a u32")
    }

    fn document(&self, client: u32, hands: &Hands) -> u32 {
        hands.global(client)
    }

    fn handle_step(&mut self, step: Step, hands: &mut Hands) {
        match (step, self.shape.load) {
            (Step::Run, Load::Open { rate_per_s }) => {
                let window = hands.window;
                let pace = Pace::new(window.start, window.until, rate_per_s, self.shape.connections);
                self.turns = Turns::new(pace, hands.thread, hands.threads);
            }
            (Step::Run, Load::Closed { in_flight }) => {
                for client in 0..self.clients() {
                    for _ in 0..in_flight {
                        self.send(client, hands.now(), hands);
                    }
                }
            }
            (Step::Open | Step::Settle | Step::Verify | Step::End, _) => {}
        }
    }

    fn due(&self) -> Option<Micros> {
        self.turns.as_ref()?.due()
    }

    fn act(&mut self, hands: &mut Hands) {
        let Some(mut turns) = self.turns else { return };
        while let Some(planned) = turns.poll(hands.now()) {
            let client = planned.writer / hands.threads;
            self.clients[client as usize].due = planned.sequence + 1;
            self.behind += 1;
            self.catch_up(client, hands);
        }
        self.turns = Some(turns);
    }

    fn handle_open(&mut self, client: u32, hands: &mut Hands) {
        hands.attached(client, Timed::Open);
    }

    fn handle_message(&mut self, client: u32, payload: &[u8], hands: &mut Hands) {
        let own = hands.global(client);
        let state = &mut self.clients[client as usize];
        let stamp = Stamp::scan(payload).next();
        // A server may greet.
        let Some(stamp) = stamp.filter(|stamp| stamp.writer == own && payload.len() == self.shape.bytes) else {
            return;
        };
        if stamp.sequence != state.heard {
            return hands.fail(client, "an echo came out of order");
        }
        state.heard += 1;
        let now = hands.now();
        hands.tally.counts.add(Count::Echoed, 1);
        if hands.window.contains(now) {
            hands.tally.counts.add(Count::Echoes, 1);
        }
        if hands.window.contains(stamp.intended) {
            hands.tally.latencies.record(Timed::Echo, now.saturating_sub(stamp.intended));
        }
        match self.shape.load {
            Load::Closed { .. } if now < hands.window.until => self.send(client, now, hands),
            Load::Closed { .. } | Load::Open { .. } => {}
        }
    }

    fn handle_room(&mut self, client: u32, hands: &mut Hands) {
        self.catch_up(client, hands);
    }

    fn handle_end(&mut self, client: u32, _hands: &mut Hands) {
        self.give_up(client);
    }

    fn is_done(&self, step: Step, _hands: &Hands) -> bool {
        match step {
            Step::Open | Step::Run | Step::Verify | Step::End => true,
            Step::Settle => self.behind == 0 && self.due().is_none(),
        }
    }
}
