//! `presence`: all users of one document tell each other where they are. A server may leave out states that newer ones have replaced, but
//! the newest state of everybody must reach everybody.

use selvedge_protocol::sync::Message;

use crate::clock::Micros;
use crate::hands::Hands;
use crate::latency::Timed;
use crate::pace::{Pace, Planned, Turns};
use crate::part::Part;
use crate::presence_state;
use crate::session;
use crate::stamp::Stamp;
use crate::step::Step;
use crate::tally::{Count, Counts};

/// How many of whom.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) users: u32,
    /// States a second of each.
    pub(crate) rate_per_s: f64,
    /// Length of a state.
    pub(crate) bytes: usize,
}

/// Whether everybody knows the newest state of everybody else.
pub(crate) fn is_settled(counts: &Counts) -> bool {
    counts.of(Count::NewestDelivered) >= counts.of(Count::NewestDue)
}

/// One thread's share of it.
pub(crate) struct Presence {
    shape: Shape,
    clients: u32,
    base: u32,
    turns: Option<Turns>,
    /// By client of this thread: how many states are due, and how many of them are sent or skipped.
    users: Vec<User>,
    /// By client of this thread and user: the next sequence that is expected.
    seen: Vec<u32>,
    /// By user: the sequence behind its last state.
    ends: Vec<u32>,
}

#[derive(Clone, Copy, Default)]
struct User {
    due: u32,
    sent: u32,
}

impl Presence {
    pub(crate) fn new(shape: Shape, thread: u32, threads: u32, seed: u64) -> Self {
        let clients = Hands::share(shape.users, thread, threads);
        Self {
            shape,
            clients,
            base: (seed as u32) & 0x3fff_ffff,
            turns: None,
            users: vec![User::default(); clients as usize],
            seen: vec![0; clients as usize * shape.users as usize],
            ends: Vec::new(),
        }
    }

    /// Sends the newest state that is due; those before it are history.
    fn catch_up(&mut self, client: u32, hands: &mut Hands) {
        let (Some(turns), user) = (self.turns, self.users[client as usize]) else { return };
        if user.sent == user.due {
            return;
        }
        if !hands.is_open(client) {
            self.users[client as usize].sent = user.due;
            return;
        }
        if !hands.has_room(client) {
            return hands.tally.counts.add(Count::HeldBack, 1);
        }
        let writer = hands.global(client);
        let sequence = user.due - 1;
        let intended = turns.pace().intended(Planned { writer, sequence });
        let stamp = Stamp { writer, sequence, intended };
        let id = u64::from(self.base + writer);
        hands.send(client, |out| presence_state::put_message(out, id, &stamp, self.shape.bytes));
        self.users[client as usize].sent = user.due;
        hands.sent_state(intended);
    }

    fn handle_states(&mut self, client: u32, update: &[u8], hands: &mut Hands) {
        let own = hands.global(client);
        let first = client as usize * self.shape.users as usize;
        for stamp in Stamp::scan(update) {
            if stamp.writer == own || stamp.writer >= self.shape.users {
                continue;
            }
            let expected = &mut self.seen[first + stamp.writer as usize];
            if stamp.sequence < *expected {
                hands.tally.counts.add(Count::Duplicates, 1);
                continue;
            }
            *expected = stamp.sequence + 1;
            hands.heard_state(stamp.intended);
            if self.ends.get(stamp.writer as usize) == Some(expected) {
                hands.tally.counts.add(Count::NewestDelivered, 1);
            }
        }
    }
}

impl Part for Presence {
    fn clients(&self) -> u32 {
        self.clients
    }

    fn document(&self, _client: u32, _hands: &Hands) -> u32 {
        0
    }

    fn handle_step(&mut self, step: Step, hands: &mut Hands) {
        match step {
            Step::Run => {
                let window = hands.window;
                let pace = Pace::new(window.start, window.until, self.shape.rate_per_s, self.shape.users);
                self.turns = Turns::new(pace, hands.thread, hands.threads);
                self.ends = (0..self.shape.users).map(|user| pace.count(user)).collect();
            }
            Step::Settle => {
                let speaking = (0..self.clients).filter(|&client| self.ends[hands.global(client) as usize] > 0).count();
                hands.tally.counts.add(Count::NewestDue, speaking as u64 * u64::from(self.shape.users - 1));
            }
            Step::Open | Step::Verify | Step::End => {}
        }
    }

    fn due(&self) -> Option<Micros> {
        self.turns.as_ref()?.due()
    }

    fn act(&mut self, hands: &mut Hands) {
        let Some(mut turns) = self.turns else { return };
        while let Some(planned) = turns.poll(hands.now()) {
            let client = planned.writer / hands.threads;
            self.users[client as usize].due = planned.sequence + 1;
            self.catch_up(client, hands);
        }
        self.turns = Some(turns);
    }

    fn handle_open(&mut self, client: u32, hands: &mut Hands) {
        session::ask(client, hands);
    }

    fn handle_message(&mut self, client: u32, payload: &[u8], hands: &mut Hands) {
        match session::hear(client, payload, hands) {
            Some(Message::SyncStep2 { .. }) => hands.attached(client, Timed::Open),
            Some(Message::Awareness { update }) => self.handle_states(client, update, hands),
            Some(
                Message::Update { .. }
                | Message::QueryAwareness
                | Message::SyncStep1 { .. }
                | Message::PermissionDenied { .. },
            )
            | None => {}
        }
    }

    fn handle_room(&mut self, client: u32, hands: &mut Hands) {
        self.catch_up(client, hands);
    }

    fn is_done(&self, step: Step, _hands: &Hands) -> bool {
        match step {
            Step::Open | Step::Run | Step::Verify | Step::End => true,
            Step::Settle => self.due().is_none() && self.users.iter().all(|user| user.sent == user.due),
        }
    }
}
