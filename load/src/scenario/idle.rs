//! `idle`: very many clients are attached and do nothing, but for a few that edit and move. At the end a sample is asked whether it still
//! answers.

use selvedge_protocol::sync::Message;

use crate::author::Author;
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

/// A prime, so that active clients are in as many documents as there are.
const SPREAD: u32 = 7919;

/// How many of whom.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) connections: u32,
    pub(crate) documents: u32,
    /// Clients that edit and move, at most all.
    pub(crate) active: u32,
    /// Updates and awareness states a second of each active client; 0: none.
    pub(crate) edits_per_s: f64,
    pub(crate) states_per_s: f64,
    /// Text of an update, and length of a state.
    pub(crate) bytes: usize,
    pub(crate) state_bytes: usize,
    /// Every client says so often that it is there; `None`: never.
    pub(crate) renew_s: Option<f64>,
    /// Clients that are asked at the end.
    pub(crate) sample: u32,
}

impl Shape {
    fn members(&self, document: u32) -> u32 {
        Hands::share(self.connections, document, self.documents)
    }
}

/// Whether every update came to everybody.
pub(crate) fn is_settled(counts: &Counts) -> bool {
    counts.of(Count::Delivered) >= counts.of(Count::DeliveriesDue)
        && counts.of(Count::Acknowledged) >= counts.of(Count::UpdatesSent)
}

/// One thread's share of it.
pub(crate) struct Idle {
    shape: Shape,
    thread: u32,
    clients: u32,
    active: Vec<Active>,
    edits: Option<Turns>,
    states: Option<Turns>,
    renewals: Option<Turns>,
    /// The place of Yjs and awareness client ids of this run.
    base: u32,
    sample: Vec<u32>,
    asked: Micros,
    answered: u32,
    update: Vec<u8>,
    text: Vec<u8>,
}

#[derive(Clone, Copy)]
struct Active {
    author: Author,
    edits: u32,
}

impl Idle {
    pub(crate) fn new(shape: Shape, thread: u32, threads: u32, seed: u64) -> Self {
        let base = (seed as u32) & 0x3fff_ffff;
        let active = Hands::share(shape.active, thread, threads);
        let author = |number: u32| Author::new(base + number * threads + thread);
        Self {
            shape,
            thread,
            clients: Hands::share(shape.connections, thread, threads),
            active: (0..active).map(|number| Active { author: author(number), edits: 0 }).collect(),
            edits: None,
            states: None,
            renewals: None,
            base,
            sample: Vec::new(),
            asked: 0,
            answered: 0,
            update: Vec::new(),
            text: Vec::new(),
        }
    }

    /// Which client the active one with this number (of this thread) is. There is one.
    fn client_of(&self, active: u32) -> u32 {
        let stride = self.clients / u32::try_from(self.active.len()).expect("not more than clients");
        active * stride + active.wrapping_mul(SPREAD).wrapping_add(self.thread) % stride
    }

    fn edit(&mut self, planned: Planned, intended: Micros, hands: &mut Hands) {
        let number = planned.writer / hands.threads;
        let client = self.client_of(number);
        // Few updates a second on a connection: one that cannot take them is broken, and what it does not send is counted.
        if !hands.has_room(client) {
            return hands.tally.counts.add(Count::HeldBack, 1);
        }
        let active = &mut self.active[number as usize];
        self.text.clear();
        self.update.clear();
        let stamp = Stamp { writer: planned.writer, sequence: active.edits, intended };
        stamp.put(&mut self.text, self.shape.bytes);
        active.author.put_update(&mut self.update, &self.text);
        active.edits += 1;
        hands.say(client, &Message::Update { update: &self.update });
        let others = self.shape.members(hands.global(client) % self.shape.documents) - 1;
        hands.sent_update(intended, others);
    }

    fn state(&self, planned: Planned, intended: Micros, hands: &mut Hands) {
        let client = self.client_of(planned.writer / hands.threads);
        if !hands.has_room(client) {
            return hands.tally.counts.add(Count::HeldBack, 1);
        }
        let stamp = Stamp { writer: planned.writer, sequence: planned.sequence, intended };
        let id = u64::from(self.base + planned.writer);
        hands.send(client, |out| presence_state::put_message(out, id, &stamp, self.shape.state_bytes));
        hands.sent_state(intended);
    }

    /// Whether the writer of a stamp is this client.
    fn is_own(&self, client: u32, stamp: &Stamp, hands: &Hands) -> bool {
        let number = stamp.writer / hands.threads;
        let is_here = stamp.writer % hands.threads == self.thread && (number as usize) < self.active.len();
        is_here && self.client_of(number) == client
    }

    fn handle_update(&self, client: u32, update: &[u8], hands: &mut Hands) {
        for stamp in Stamp::scan(update) {
            let own = self.is_own(client, &stamp, hands);
            hands.heard_update(own, stamp.intended);
        }
    }

    fn handle_states(&self, client: u32, update: &[u8], hands: &mut Hands) {
        for stamp in Stamp::scan(update) {
            if !self.is_own(client, &stamp, hands) {
                hands.heard_state(stamp.intended);
            }
        }
    }

    fn plan(&mut self, hands: &Hands) {
        let (thread, threads, window) = (hands.thread, hands.threads, hands.window);
        let turns = |start, rate: f64, writers: u32| {
            if rate > 0.0 && writers > 0 {
                Turns::new(Pace::new(start, window.until, rate, writers), thread, threads)
            } else {
                None
            }
        };
        self.edits = turns(window.from, self.shape.edits_per_s, self.shape.active);
        self.states = turns(window.from, self.shape.states_per_s, self.shape.active);
        let renewals = self.shape.renew_s.map_or(0.0, |seconds| 1.0 / seconds);
        self.renewals = turns(window.start, renewals, self.shape.connections);
    }

    fn ask_sample(&mut self, hands: &mut Hands) {
        let share = Hands::share(self.shape.sample.min(self.shape.connections), hands.thread, hands.threads);
        let mut sample: Vec<u32> = (0..share)
            .map(|_| u32::try_from(hands.random.next() % u64::from(self.clients)).expect("below a u32"))
            .collect();
        // Whoever is drawn twice is asked once.
        sample.sort_unstable();
        sample.dedup();
        hands.tally.counts.add(Count::SampleSent, sample.len() as u64);
        self.asked = hands.now();
        for &client in &sample {
            session::ask(client, hands);
        }
        self.sample = sample;
    }
}

impl Part for Idle {
    fn clients(&self) -> u32 {
        self.clients
    }

    fn document(&self, client: u32, hands: &Hands) -> u32 {
        hands.global(client) % self.shape.documents
    }

    fn handle_step(&mut self, step: Step, hands: &mut Hands) {
        match step {
            Step::Run => self.plan(hands),
            Step::Verify => self.ask_sample(hands),
            Step::Open | Step::Settle | Step::End => {}
        }
    }

    fn due(&self) -> Option<Micros> {
        let turns = [&self.edits, &self.states, &self.renewals];
        turns.into_iter().flatten().filter_map(Turns::due).min()
    }

    fn act(&mut self, hands: &mut Hands) {
        if let Some(mut turns) = self.edits {
            while let Some(planned) = turns.poll(hands.now()) {
                self.edit(planned, turns.pace().intended(planned), hands);
            }
            self.edits = Some(turns);
        }
        if let Some(mut turns) = self.states {
            while let Some(planned) = turns.poll(hands.now()) {
                self.state(planned, turns.pace().intended(planned), hands);
            }
            self.states = Some(turns);
        }
        if let Some(turns) = &mut self.renewals {
            while let Some(planned) = turns.poll(hands.now()) {
                let client = planned.writer / hands.threads;
                if hands.has_room(client) {
                    hands.send(client, presence_state::put_renewal);
                }
            }
        }
    }

    fn handle_open(&mut self, client: u32, hands: &mut Hands) {
        session::ask(client, hands);
    }

    fn handle_message(&mut self, client: u32, payload: &[u8], hands: &mut Hands) {
        match session::hear(client, payload, hands) {
            Some(Message::SyncStep2 { update }) => {
                if !hands.is_attached(client) {
                    hands.attached(client, Timed::Open);
                } else if let Ok(place) = self.sample.binary_search(&client) {
                    self.sample.remove(place);
                    self.answered += 1;
                    hands.tally.counts.add(Count::SampleAnswered, 1);
                    hands.tally.latencies.record(Timed::Answer, hands.now().saturating_sub(self.asked));
                    // It holds the document from its beginning, and what was delivered is not delivered again.
                    return;
                }
                self.handle_update(client, update, hands);
            }
            Some(Message::Update { update }) => self.handle_update(client, update, hands),
            Some(Message::Awareness { update }) => self.handle_states(client, update, hands),
            Some(Message::QueryAwareness | Message::SyncStep1 { .. } | Message::PermissionDenied { .. }) | None => {}
        }
    }

    fn is_done(&self, step: Step, _hands: &Hands) -> bool {
        match step {
            Step::Open | Step::Run | Step::End => true,
            Step::Settle => self.due().is_none(),
            Step::Verify => self.sample.is_empty(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn active_clients_are_as_many_as_asked_for_and_spread_over_the_documents() {
        let shape = Shape {
            connections: 10_000,
            documents: 1000,
            active: 102,
            edits_per_s: 1.0,
            states_per_s: 0.0,
            bytes: 20,
            state_bytes: 100,
            renew_s: None,
            sample: 0,
        };
        let mut documents = std::collections::BTreeSet::new();
        let mut clients = std::collections::BTreeSet::new();
        for thread in 0..4 {
            let idle = Idle::new(shape, thread, 4, 1);
            for number in 0..u32::try_from(idle.active.len()).expect("few") {
                let client = idle.client_of(number);
                assert!(client < idle.clients);
                clients.insert(client * 4 + thread);
                documents.insert((client * 4 + thread) % shape.documents);
            }
        }
        assert_eq!(clients.len(), 102);
        assert!(documents.len() > 50, "{}", documents.len());
        let all = Idle::new(Shape { active: 10_000, ..shape }, 3, 4, 1);
        assert!((0..2500).all(|number| all.client_of(number) == number));
    }
}
