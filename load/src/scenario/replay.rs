//! `replay`: recorded editing sessions, several copies at once, each in a document of its own, as fast as the server stores them. At the end fresh
//! clients load the documents, and the texts must be those of the recording.

use std::collections::VecDeque;
use std::sync::Arc;

use selvedge_protocol::sync::Message;
use selvedge_protocol::update::{Limits, check, spans};
use sha2::{Digest, Sha256};
use yrs::updates::decoder::Decode;
use yrs::{Doc, GetString, ReadTxn, Transact, Update};

use crate::author::ROOT;
use crate::clock::Micros;
use crate::hands::Hands;
use crate::latency::Timed;
use crate::part::Part;
use crate::session;
use crate::step::Step;
use crate::tally::{Count, Counts};
use crate::trace::{End, Trace};

/// How much at once.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    pub(crate) trace: Arc<Trace>,
    pub(crate) copies: u32,
    /// Updates of one copy that may be sent and not acknowledged.
    pub(crate) window: u32,
    /// Copies whose text is compared at the end.
    pub(crate) compared: u32,
}

/// Everything is, when every part is done.
pub(crate) fn is_settled(_counts: &Counts) -> bool {
    true
}

/// One thread's share of it. The clients of a copy follow one another, one for each agent; behind those of all copies comes one more for each
/// copy, which loads it at the end.
pub(crate) struct Replay {
    shape: Shape,
    copies: Vec<Copy>,
    writers: Vec<Writer>,
    /// When replaying begins, until it does.
    start: Option<Micros>,
    /// The copy that is loaded now, and how many of this thread's are to be.
    loading: u32,
    compared: u32,
    loaded: Vec<Vec<u8>>,
}

#[derive(Clone, Default)]
struct Copy {
    /// The next update to send.
    next: usize,
    unacknowledged: u32,
}

#[derive(Clone, Default)]
struct Writer {
    /// Sent, oldest first.
    sent: VecDeque<Sent>,
    /// So many of those were sent before the question that is not answered yet.
    asked: Option<usize>,
    is_gone: bool,
}

#[derive(Clone)]
struct Sent {
    at: Micros,
    end: Option<End>,
}

impl Replay {
    pub(crate) fn new(shape: Shape, thread: u32, threads: u32) -> Self {
        let copies = Hands::share(shape.copies, thread, threads) as usize;
        let writers = copies * shape.trace.agents as usize;
        let compared = Hands::share(shape.compared.min(shape.copies), thread, threads);
        Self {
            shape,
            copies: vec![Copy::default(); copies],
            writers: vec![Writer::default(); writers],
            start: None,
            loading: 0,
            compared,
            loaded: Vec::new(),
        }
    }

    fn writers(&self) -> u32 {
        u32::try_from(self.writers.len()).expect("it was a u32")
    }

    fn copy_of(&self, client: u32) -> u32 {
        let writers = self.writers();
        if client < writers { client / self.shape.trace.agents } else { client - writers }
    }

    /// Sends what the window allows, in the order of the recording, so that nothing is sent before its parents.
    fn pump(&mut self, copy: u32, hands: &mut Hands) {
        let trace = Arc::clone(&self.shape.trace);
        let now = hands.now();
        loop {
            let state = &mut self.copies[copy as usize];
            let Some(recorded) = trace.updates.get(state.next) else { break };
            let client = copy * trace.agents + recorded.agent;
            if state.unacknowledged == self.shape.window {
                break;
            }
            if !hands.has_room(client) {
                return;
            }
            state.next += 1;
            state.unacknowledged += 1;
            hands.say(client, &Message::Update { update: trace.update(recorded) });
            hands.tally.counts.add(Count::UpdatesSent, 1);
            self.writers[client as usize].sent.push_back(Sent { at: now, end: recorded.end });
        }
        self.ask_where_nothing_else_will_tell(copy, hands);
    }

    /// An echo tells by its structs what it acknowledges. Where nothing but deletions is left, the answer to a question does: it comes after
    /// everything that was sent before it.
    fn ask_where_nothing_else_will_tell(&mut self, copy: u32, hands: &mut Hands) {
        let agents = self.shape.trace.agents;
        for client in copy * agents..(copy + 1) * agents {
            let writer = &mut self.writers[client as usize];
            let silent = !writer.sent.is_empty() && writer.sent.iter().all(|sent| sent.end.is_none());
            if writer.asked.is_none() && silent {
                writer.asked = Some(writer.sent.len());
                hands.say(client, &Message::SyncStep1 { state_vector: &self.shape.trace.state_vector });
            }
        }
    }

    /// The oldest `count` of what a writer sent are acknowledged.
    fn acknowledge(&mut self, client: u32, count: usize, hands: &mut Hands) {
        if count == 0 {
            return;
        }
        let now = hands.now();
        let writer = &mut self.writers[client as usize];
        for sent in writer.sent.drain(..count) {
            hands.tally.latencies.record(Timed::Acknowledgement, now.saturating_sub(sent.at));
        }
        writer.asked = writer.asked.map(|asked| asked.saturating_sub(count));
        hands.tally.counts.add(Count::Acknowledged, count as u64);
        hands.tally.counts.add(Count::Updates, count as u64);
        let copy = self.copy_of(client);
        self.copies[copy as usize].unacknowledged -= u32::try_from(count).expect("not more than the window");
        self.pump(copy, hands);
    }

    fn handle_echo(&mut self, client: u32, update: &[u8], hands: &mut Hands) {
        let sent = &self.writers[client as usize].sent;
        let mut reached = 0;
        let read = spans(update, &Limits::UNLIMITED, |span| {
            // Echoes come in the order of what was sent: with the last that is covered, all before it are acknowledged.
            let later = sent.iter().enumerate().skip(reached);
            let covered = later
                .take_while(|(_, sent)| sent.end.is_none_or(|end| end.client != span.client || end.clock <= span.end));
            let own = covered.filter(|(_, sent)| sent.end.is_some_and(|end| end.client == span.client));
            reached = own.last().map_or(reached, |(place, _)| place + 1);
        });
        match read {
            Ok(()) => self.acknowledge(client, reached, hands),
            Err(refused) => hands.fail(client, &format!("not an update: {refused}")),
        }
    }

    fn handle_answer(&mut self, client: u32, hands: &mut Hands) {
        if let Some(asked) = self.writers[client as usize].asked.take() {
            self.acknowledge(client, asked, hands);
            self.ask_where_nothing_else_will_tell(self.copy_of(client), hands);
        }
    }

    fn is_replayed(&self) -> bool {
        let whole = |copy: &Copy| copy.next == self.shape.trace.updates.len() && copy.unacknowledged == 0;
        self.copies.iter().all(whole) || self.writers.iter().any(|writer| writer.is_gone)
    }

    fn load_next(&mut self, hands: &mut Hands) {
        if self.loading < self.compared {
            let client = self.writers() + self.loading;
            hands.connect(client, self.document(client, hands), hands.now());
        }
    }

    fn handle_loaded(&mut self, client: u32, hands: &mut Hands) {
        let updates = std::mem::take(&mut self.loaded);
        hands.tally.counts.add(Count::TextsCompared, 1);
        hands.attached(client, Timed::Sync);
        let trouble = match text_of(&updates) {
            Ok(text) if sha256_hex(&text) == self.shape.trace.text_sha256 => None,
            Ok(text) => Some(format!("a text of {} bytes is not that of the recording", text.len())),
            Err(trouble) => Some(trouble),
        };
        if let Some(trouble) = trouble {
            hands.tally.counts.add(Count::TextsDiffering, 1);
            hands.tally.troubles.add(&trouble, 1);
        }
        hands.close(client);
        self.loading += 1;
        self.load_next(hands);
    }
}

/// What a client shows that was sent these updates.
fn text_of(updates: &[Vec<u8>]) -> Result<String, String> {
    let doc = Doc::new();
    let text = doc.get_or_insert_text(ROOT);
    let mut txn = doc.transact_mut();
    for update in updates {
        // The decoder of yrs is not made for what a broken server might send.
        check(update, &Limits::UNLIMITED).map_err(|refused| format!("not an update: {refused}"))?;
        let update = Update::decode_v1(update).map_err(|error| format!("not an update: {error}"))?;
        txn.apply_update(update).map_err(|error| format!("an update cannot be applied: {error}"))?;
    }
    if txn.has_missing_updates() {
        return Err("a document was sent with gaps".to_owned());
    }
    Ok(text.get_string(&txn))
}

impl Part for Replay {
    fn clients(&self) -> u32 {
        self.writers() + u32::try_from(self.copies.len()).expect("it was a u32")
    }

    fn opened_first(&self) -> u32 {
        self.writers()
    }

    fn document(&self, client: u32, hands: &Hands) -> u32 {
        hands.global(self.copy_of(client))
    }

    fn handle_step(&mut self, step: Step, hands: &mut Hands) {
        match step {
            Step::Run => self.start = Some(hands.window.start),
            Step::Verify => self.load_next(hands),
            Step::Open | Step::Settle | Step::End => {}
        }
    }

    fn due(&self) -> Option<Micros> {
        self.start
    }

    fn act(&mut self, hands: &mut Hands) {
        if self.start.take().is_some() {
            for copy in 0..u32::try_from(self.copies.len()).expect("it was a u32") {
                self.pump(copy, hands);
            }
        }
    }

    fn handle_open(&mut self, client: u32, hands: &mut Hands) {
        session::ask(client, hands);
    }

    fn handle_message(&mut self, client: u32, payload: &[u8], hands: &mut Hands) {
        let Some(message) = session::hear(client, payload, hands) else { return };
        let loads = client >= self.writers();
        match message {
            Message::Update { update } if loads => self.loaded.push(update.to_vec()),
            Message::SyncStep2 { update } if loads => {
                self.loaded.push(update.to_vec());
                self.handle_loaded(client, hands);
            }
            Message::SyncStep2 { .. } if !hands.is_attached(client) => hands.attached(client, Timed::Open),
            Message::SyncStep2 { .. } => self.handle_answer(client, hands),
            Message::Update { update } => self.handle_echo(client, update, hands),
            Message::Awareness { .. }
            | Message::QueryAwareness
            | Message::SyncStep1 { .. }
            | Message::PermissionDenied { .. } => {}
        }
    }

    fn handle_room(&mut self, client: u32, hands: &mut Hands) {
        if client < self.writers() {
            self.pump(self.copy_of(client), hands);
        }
    }

    fn handle_end(&mut self, client: u32, _hands: &mut Hands) {
        if let Some(writer) = self.writers.get_mut(client as usize) {
            writer.is_gone = true;
        }
    }

    fn is_done(&self, step: Step, _hands: &Hands) -> bool {
        match step {
            Step::Open | Step::Settle | Step::End => true,
            Step::Run => self.is_replayed(),
            Step::Verify => self.loading >= self.compared,
        }
    }
}
fn sha256_hex(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}
