//! `storm`: all clients lose their connections at once, and all come back at once.

use std::collections::VecDeque;

use selvedge_protocol::sync::Message;

use crate::clock::Micros;
use crate::hands::Hands;
use crate::latency::Timed;
use crate::part::Part;
use crate::session;
use crate::step::Step;
use crate::tally::{Count, Counts};

/// How long a client that was turned away waits before it tries again, as y-websocket clients do the first time.
const RETRY_US: Micros = 100_000;

/// How many of what.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) connections: u32,
    pub(crate) documents: u32,
}

/// Everybody is, when every part is done.
pub(crate) fn is_settled(_counts: &Counts) -> bool {
    true
}

/// One thread's share of it.
pub(crate) struct Storm {
    shape: Shape,
    clients: Vec<Client>,
    /// When the connections are cut, until they are.
    cut: Option<Micros>,
    cut_at: Micros,
    /// Clients that try again, and when: in order, because all wait equally long.
    retries: VecDeque<(Micros, u32)>,
    /// Clients that are back.
    back: u32,
    over: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Client {
    /// Not cut yet.
    Before,
    /// Its connection is being closed.
    Cut,
    /// Comes back.
    Returning,
    Back,
}

impl Storm {
    pub(crate) fn new(shape: Shape, thread: u32, threads: u32) -> Self {
        let clients = Hands::share(shape.connections, thread, threads) as usize;
        Self {
            shape,
            clients: vec![Client::Before; clients],
            cut: None,
            cut_at: 0,
            retries: VecDeque::new(),
            back: 0,
            over: false,
        }
    }

    fn come_back(&mut self, client: u32, hands: &mut Hands) {
        self.clients[client as usize] = Client::Returning;
        hands.connect(client, self.document(client, hands), self.cut_at);
    }
}

impl Part for Storm {
    fn clients(&self) -> u32 {
        u32::try_from(self.clients.len()).expect("a share of a u32")
    }

    fn document(&self, client: u32, hands: &Hands) -> u32 {
        hands.global(client) % self.shape.documents
    }

    fn handle_step(&mut self, step: Step, hands: &mut Hands) {
        match step {
            Step::Run => self.cut = Some(hands.window.start),
            Step::Settle | Step::Verify | Step::End => self.over = true,
            Step::Open => {}
        }
    }

    fn due(&self) -> Option<Micros> {
        self.cut.or_else(|| self.retries.front().map(|&(due, _)| due))
    }

    fn act(&mut self, hands: &mut Hands) {
        if let Some(cut) = self.cut.take() {
            self.cut_at = cut;
            self.clients.fill(Client::Cut);
            for client in 0..self.clients() {
                hands.close(client);
            }
        }
        while let Some(&(due, client)) = self.retries.front()
            && due <= hands.now()
        {
            self.retries.pop_front();
            self.come_back(client, hands);
        }
    }

    fn handle_open(&mut self, client: u32, hands: &mut Hands) {
        session::ask(client, hands);
    }

    fn handle_message(&mut self, client: u32, payload: &[u8], hands: &mut Hands) {
        let Some(Message::SyncStep2 { .. }) = session::hear(client, payload, hands) else { return };
        match self.clients[client as usize] {
            Client::Before => hands.attached(client, Timed::Open),
            Client::Returning => {
                hands.attached(client, Timed::Back);
                hands.tally.counts.add(Count::Synced, 1);
                self.clients[client as usize] = Client::Back;
                self.back += 1;
            }
            Client::Cut | Client::Back => {}
        }
    }

    fn handle_end(&mut self, client: u32, hands: &mut Hands) {
        if self.over {
            return self.retries.clear();
        }
        match self.clients[client as usize] {
            Client::Before | Client::Back => {}
            Client::Cut => self.come_back(client, hands),
            Client::Returning => self.retries.push_back((hands.now() + RETRY_US, client)),
        }
    }

    fn is_done(&self, step: Step, _hands: &Hands) -> bool {
        match step {
            Step::Open | Step::Settle | Step::Verify | Step::End => true,
            Step::Run => self.back == self.clients(),
        }
    }
}
