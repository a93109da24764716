//! `edit` and `fanout`: writers append text to documents at a fixed rate, and everybody in a document must get every update.

use selvedge_protocol::sync::Message;

use crate::author::Author;
use crate::clock::Micros;
use crate::hands::Hands;
use crate::latency::Timed;
use crate::pace::{Pace, Planned, Turns};
use crate::part::Part;
use crate::session;
use crate::stamp::Stamp;
use crate::step::Step;
use crate::tally::{Count, Counts};

/// How many of whom.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) documents: u32,
    /// In all; dealt out to the documents in turn.
    pub(crate) writers: u32,
    /// In each document.
    pub(crate) readers: u32,
    /// Updates a second of each writer.
    pub(crate) rate_per_s: f64,
    /// Text of an update.
    pub(crate) bytes: usize,
}

impl Shape {
    pub(crate) fn clients(&self) -> u32 {
        self.writers + self.documents * self.readers
    }

    /// Writers come first; then the readers, dealt out in turn like them.
    fn document(&self, global: u32) -> u32 {
        if global < self.writers { global % self.documents } else { (global - self.writers) % self.documents }
    }

    fn writers_of(&self, document: u32) -> u32 {
        Hands::share(self.writers, document, self.documents)
    }

    /// Who else is in a writer's document.
    fn others(&self, document: u32) -> u32 {
        self.writers_of(document) + self.readers - 1
    }
}

/// Whether every update came to everybody, and back to its writer where the server sends it back.
pub(crate) fn is_settled(counts: &Counts) -> bool {
    let acknowledged = counts.of(Count::Acknowledged);
    counts.of(Count::Delivered) >= counts.of(Count::DeliveriesDue)
        && (acknowledged == 0 || acknowledged >= counts.of(Count::UpdatesSent))
}

/// One thread's share of it.
pub(crate) struct Edit {
    shape: Shape,
    clients: u32,
    writers: Vec<Writer>,
    turns: Option<Turns>,
    /// Updates that are due and not sent.
    behind: u64,
    /// By client and writer of its document: the next sequence that is expected.
    seen: Vec<u32>,
    /// Writers of a document, at most.
    writers_max: u32,
    update: Vec<u8>,
    text: Vec<u8>,
}

struct Writer {
    author: Author,
    sent: u32,
    due: u32,
}

impl Edit {
    /// The part of one of `threads` threads. Yjs client ids are drawn from `seed`.
    pub(crate) fn new(shape: Shape, thread: u32, threads: u32, seed: u64) -> Self {
        let clients = Hands::share(shape.clients(), thread, threads);
        let writers = Hands::share(shape.writers, thread, threads);
        let writers_max = shape.writers_of(0);
        // Ids of one run follow one another, from a place that differs from run to run.
        let base = (seed as u32) & 0x3fff_ffff;
        let author = |client: u32| Author::new(base + client * threads + thread);
        Self {
            shape,
            clients,
            writers: (0..writers).map(|client| Writer { author: author(client), sent: 0, due: 0 }).collect(),
            turns: None,
            behind: 0,
            seen: vec![0; clients as usize * writers_max as usize],
            writers_max,
            update: Vec::new(),
            text: Vec::new(),
        }
    }

    /// Sends what is due, as far as there is room.
    fn catch_up(&mut self, client: u32, hands: &mut Hands) {
        let Some(turns) = self.turns else { return };
        let writer = hands.global(client);
        let document = self.shape.document(writer);
        while self.writers[client as usize].sent < self.writers[client as usize].due {
            if !hands.is_open(client) {
                return self.give_up(client);
            }
            if !hands.has_room(client) {
                hands.tally.counts.add(Count::HeldBack, 1);
                return;
            }
            let state = &mut self.writers[client as usize];
            let sequence = state.sent;
            let intended = turns.pace().intended(Planned { writer, sequence });
            self.text.clear();
            self.update.clear();
            Stamp { writer, sequence, intended }.put(&mut self.text, self.shape.bytes);
            state.author.put_update(&mut self.update, &self.text);
            state.sent += 1;
            self.behind -= 1;
            hands.say(client, &Message::Update { update: &self.update });
            hands.sent_update(intended, self.shape.others(document));
        }
    }

    /// A writer that is gone sends no more; that it is gone is counted elsewhere.
    fn give_up(&mut self, client: u32) {
        if let Some(writer) = self.writers.get_mut(client as usize) {
            self.behind -= u64::from(writer.due - writer.sent);
            writer.sent = writer.due;
        }
    }

    fn handle_update(&mut self, client: u32, update: &[u8], hands: &mut Hands) {
        let own = hands.global(client);
        let document = self.shape.document(own);
        let mut found = false;
        for stamp in Stamp::scan(update) {
            // Text of others may be there too.
            if stamp.writer >= self.shape.writers || stamp.writer % self.shape.documents != document {
                continue;
            }
            found = true;
            let rank = stamp.writer / self.shape.documents;
            let expected = &mut self.seen[(client * self.writers_max + rank) as usize];
            if stamp.sequence < *expected {
                hands.tally.counts.add(Count::Duplicates, 1);
                continue;
            }
            // Updates of one writer come in order: what is passed over stays missing.
            *expected = stamp.sequence + 1;
            hands.heard_update(stamp.writer == own, stamp.intended);
        }
        hands.tally.counts.add(Count::UpdateFrames, u64::from(found));
    }
}

impl Part for Edit {
    fn clients(&self) -> u32 {
        self.clients
    }

    fn document(&self, client: u32, hands: &Hands) -> u32 {
        self.shape.document(hands.global(client))
    }

    fn handle_step(&mut self, step: Step, hands: &mut Hands) {
        if step == Step::Run {
            let window = hands.window;
            let pace = Pace::new(window.start, window.until, self.shape.rate_per_s, self.shape.writers);
            self.turns = Turns::new(pace, hands.thread, hands.threads);
        }
    }

    fn due(&self) -> Option<Micros> {
        self.turns.as_ref()?.due()
    }

    fn act(&mut self, hands: &mut Hands) {
        let Some(mut turns) = self.turns else { return };
        while let Some(planned) = turns.poll(hands.now()) {
            let client = planned.writer / hands.threads;
            self.writers[client as usize].due = planned.sequence + 1;
            self.behind += 1;
            self.catch_up(client, hands);
        }
        self.turns = Some(turns);
    }

    fn handle_open(&mut self, client: u32, hands: &mut Hands) {
        session::ask(client, hands);
    }

    fn handle_message(&mut self, client: u32, payload: &[u8], hands: &mut Hands) {
        match session::hear(client, payload, hands) {
            Some(Message::SyncStep2 { update }) => {
                hands.attached(client, Timed::Open);
                self.handle_update(client, update, hands);
            }
            Some(Message::Update { update }) => self.handle_update(client, update, hands),
            Some(
                Message::Awareness { .. }
                | Message::QueryAwareness
                | Message::SyncStep1 { .. }
                | Message::PermissionDenied { .. },
            )
            | None => {}
        }
    }

    fn handle_room(&mut self, client: u32, hands: &mut Hands) {
        if (client as usize) < self.writers.len() {
            self.catch_up(client, hands);
        }
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
