//! `join`: many clients join one large document in the same moment. A client has it when it was sent every unit of it.

use selvedge_protocol::lib0::put_uint;
use selvedge_protocol::sync::Message;
use selvedge_protocol::update::{Limits, spans};

use crate::author::Pair;
use crate::clock::Micros;
use crate::coverage::Coverage;
use crate::hands::Hands;
use crate::latency::Timed;
use crate::part::Part;
use crate::session;
use crate::step::Step;
use crate::tally::{Count, Counts};

/// Text of one update while the document is written.
const UPDATE_BYTES: u32 = 64 << 10;

/// How much, and how many.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) joiners: u32,
    /// Of text, about.
    pub(crate) document_bytes: u64,
    /// Text of one struct.
    pub(crate) item_bytes: u32,
}

impl Shape {
    /// Structs of each of both authors in one update.
    fn turns(&self) -> u32 {
        (UPDATE_BYTES / 2 / self.item_bytes).max(1)
    }

    fn updates(&self) -> u32 {
        let each = u64::from(self.turns()) * 2 * u64::from(self.item_bytes);
        u32::try_from(self.document_bytes.div_ceil(each)).expect("documents are smaller than 4 GiB")
    }

    /// The clock of either author when the document is whole.
    fn end(&self) -> u32 {
        self.updates() * self.turns() * self.item_bytes
    }
}

/// Everybody is, when every part is done.
pub(crate) fn is_settled(_counts: &Counts) -> bool {
    true
}

/// One thread's share of it. The first client of the first thread writes the document; all others join it.
pub(crate) struct Join {
    shape: Shape,
    clients: u32,
    /// Clients of this thread that write: 1 or 0.
    writers: u32,
    pair: Pair,
    written: u32,
    writing: Writing,
    /// When all join, until they do.
    start: Option<Micros>,
    joined: Coverage,
    /// Joiners that are done, one way or the other.
    over: u32,
    update: Vec<u8>,
    item: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Writing {
    Attaching,
    Updates,
    /// Asked whether all is stored.
    Asked,
    Done,
}

impl Join {
    pub(crate) fn new(shape: Shape, thread: u32, threads: u32, seed: u64) -> Self {
        let clients = Hands::share(shape.joiners + 1, thread, threads);
        let first_author = ((seed as u32) & 0x3fff_ffff) + 1;
        Self {
            shape,
            clients,
            writers: u32::from(thread == 0),
            pair: Pair::new(first_author),
            written: 0,
            writing: Writing::Attaching,
            start: None,
            joined: Coverage::new(clients, [first_author, first_author + 1].map(u64::from)),
            over: 0,
            update: Vec::new(),
            item: (0..shape.item_bytes).map(|at| b'a' + u8::try_from(at % 26).expect("below 26")).collect(),
        }
    }

    fn write(&mut self, client: u32, hands: &mut Hands) {
        while self.writing == Writing::Updates && hands.has_room(client) {
            if self.written == self.shape.updates() {
                self.writing = Writing::Asked;
                let mut state_vector = Vec::new();
                put_uint(&mut state_vector, 2);
                for (author, clock) in self.pair.clocks() {
                    put_uint(&mut state_vector, author);
                    put_uint(&mut state_vector, u64::from(clock));
                }
                return hands.say(client, &Message::SyncStep1 { state_vector: &state_vector });
            }
            self.update.clear();
            self.pair.put_update(&mut self.update, self.shape.turns(), &self.item);
            self.written += 1;
            hands.say(client, &Message::Update { update: &self.update });
            hands.tally.counts.add(Count::UpdatesSent, 1);
        }
    }

    fn handle_writer(&mut self, client: u32, message: &Message<'_>, hands: &mut Hands) {
        let Message::SyncStep2 { .. } = message else { return };
        match self.writing {
            Writing::Attaching => {
                self.writing = Writing::Updates;
                self.write(client, hands);
            }
            Writing::Updates => {}
            Writing::Asked => {
                self.writing = Writing::Done;
                hands.attached(client, Timed::Open);
            }
            Writing::Done => {}
        }
    }

    fn handle_joiner(&mut self, client: u32, update: &[u8], hands: &mut Hands) {
        if hands.is_attached(client) {
            return;
        }
        let covered = self.joined.add(client, update, |update, visit| {
            spans(update, &Limits::UNLIMITED, visit).map_err(|refused| format!("not an update: {refused}"))
        });
        match covered {
            Ok(clocks) if clocks == [self.shape.end(); 2] => {
                hands.attached(client, Timed::Sync);
                hands.tally.counts.add(Count::Synced, 1);
                self.over += 1;
            }
            Ok(_) => {}
            Err(trouble) => hands.fail(client, &trouble),
        }
    }
}

impl Part for Join {
    fn clients(&self) -> u32 {
        self.clients
    }

    fn opened_first(&self) -> u32 {
        self.writers
    }

    fn document(&self, _client: u32, _hands: &Hands) -> u32 {
        0
    }

    fn handle_step(&mut self, step: Step, hands: &mut Hands) {
        if step == Step::Run {
            self.start = Some(hands.window.start);
        }
    }

    fn due(&self) -> Option<Micros> {
        self.start
    }

    fn act(&mut self, hands: &mut Hands) {
        let Some(start) = self.start.take() else { return };
        for client in self.writers..self.clients {
            hands.connect(client, 0, start);
        }
    }

    fn handle_open(&mut self, client: u32, hands: &mut Hands) {
        session::ask(client, hands);
    }

    fn handle_message(&mut self, client: u32, payload: &[u8], hands: &mut Hands) {
        let Some(message) = session::hear(client, payload, hands) else { return };
        if client < self.writers {
            return self.handle_writer(client, &message, hands);
        }
        match message {
            Message::SyncStep2 { update } | Message::Update { update } => self.handle_joiner(client, update, hands),
            Message::Awareness { .. }
            | Message::QueryAwareness
            | Message::SyncStep1 { .. }
            | Message::PermissionDenied { .. } => {}
        }
    }

    fn handle_room(&mut self, client: u32, hands: &mut Hands) {
        if client < self.writers {
            self.write(client, hands);
        }
    }

    fn handle_end(&mut self, client: u32, _hands: &mut Hands) {
        // A joiner that had the document was counted when it got it.
        if client >= self.writers && self.joined.clocks(client) != [self.shape.end(); 2] {
            self.over += 1;
        }
    }

    fn is_done(&self, step: Step, _hands: &Hands) -> bool {
        match step {
            Step::Open | Step::Settle | Step::Verify | Step::End => true,
            Step::Run => self.over == self.clients - self.writers,
        }
    }
}
