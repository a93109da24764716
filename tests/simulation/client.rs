//! An honest client: a real Yjs document behind the npm client's side of the protocol, with its back-off, its watchdog, and its way of
//! passing awareness on. Sees nothing but the bytes that arrive.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use selvedge_protocol::awareness::{self, Entry};
use selvedge_protocol::sync::{self, Message};
use selvedge_protocol::update::Known;
use selvedge_protocol::websocket::{self, Limits, OpCode, Reader, Role, put_masked_frame};
use selvedge_shards::{Dialect, DocumentId};
use yrs::updates::decoder::Decode;
use yrs::updates::encoder::Encode;
use yrs::{Doc, ReadTxn, StateVector, Transact, Update};

use crate::agenda::Event;
use crate::committed;
use crate::edits;
use crate::network::Side;
use crate::plan::ClientPlan;
use crate::random::Random;
use crate::stage::Stage;

const LIMITS: Limits = Limits { message_bytes_max: 64 << 20, fragments_max: 64 };
const AWARENESS_LIMITS: awareness::Limits =
    awareness::Limits { update_bytes_max: 1 << 20, entries_max: 10_000, state_bytes_max: 1 << 16, json_depth_max: 32 };

/// The type of the message, which has no address here: what a shard sends.
const SYNC_STATUS: u8 = 8;

/// As in y-websocket and y-protocols.
const SILENCE_MS_MAX: u64 = 30_000;
const OUTDATED_MS: u64 = 30_000;
const BACK_OFF_MS_MAX: u64 = 2_500;

/// So long after its end a connection may still bring something to the server.
const OLD_CONNECTION_MS_MAX: u64 = 70_000;

const LOOK_MS: u64 = 100;

/// What is known of somebody's awareness.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Meta {
    clock: u32,
    updated: u64,
}

/// An open connection.
struct Wire {
    link: usize,
    reader: Reader,
    opened: u64,
    received: u64,
    synced: bool,
    /// SyncStep1s sent without an answer.
    asked: VecDeque<Asked>,
    /// Updates sent.
    handed: Vec<Vec<u8>>,
    /// Those of them that are in the number of one that counts.
    counted: Vec<Vec<u8>>,
    /// What was handed before is not known to be taken.
    unsure_before: usize,
    /// The server takes no changes at present.
    refused: bool,
    greeted: bool,
    counting: Option<Counting>,
    /// Which of the documents of that name it is for.
    epoch: u64,
}

/// A SyncStep1 without an answer.
struct Asked {
    /// The answer promises the safety of what of `handed` lies between these.
    promises: (usize, usize),
    /// What the document had by then; which the client has, too, with the answer.
    committed: Arc<Known>,
    /// Which of the documents of that name it was asked of.
    epoch: u64,
}

/// What the npm client of Hocuspocus keeps of what is not safe.
#[derive(Debug, Default)]
struct Counting {
    /// Its number of changes that are not.
    unsynced: u32,
    /// It has sent SyncStep1, and the next SyncStep2 of its own is in the number.
    counts_anew: bool,
    /// It began anew while acknowledgements may have been on their way, which it then takes for others: its number is too low.
    doubtful: bool,
}

pub(crate) struct Client {
    pub(crate) number: usize,
    pub(crate) plan: ClientPlan,
    pub(crate) id: u64,
    pub(crate) doc: Doc,
    random: Random,
    wire: Option<Wire>,
    failures: u32,
    comes_at: Option<u64>,
    /// The server has said that it need not come back.
    pub(crate) given_up: bool,
    pub(crate) calm: bool,
    leaves_at: u64,
    edits_at: u64,
    state: Option<String>,
    states: BTreeMap<u64, String>,
    metas: BTreeMap<u64, Meta>,
    /// Updates that came before something that they follow on.
    early: Vec<Vec<u8>>,
    states_at: u64,
    resyncs_at: u64,
    /// Until then an older connection of its own may still bring its edits to the server. They come back on the new one before they are
    /// safe, because there nobody knows them for its own.
    doubtful_until: u64,
    pub(crate) changes: u32,
}

impl Client {
    pub(crate) fn new(number: usize, plan: ClientPlan, stage: &mut Stage) -> Self {
        let mut random = stage.random.branch();
        let id = if random.percent(50) { random.next() >> 32 } else { random.next() >> 11 };
        let starts_at = stage.agenda.now + plan.starts_at;
        stage.agenda.at(starts_at, Event::Client { client: number });
        Self {
            number,
            id,
            doc: edits::document(id),
            wire: None,
            failures: 0,
            comes_at: Some(starts_at),
            given_up: false,
            calm: false,
            leaves_at: starts_at + random.wait(plan.leaves_ms),
            edits_at: starts_at,
            state: None,
            states: BTreeMap::new(),
            metas: BTreeMap::new(),
            early: Vec::new(),
            states_at: starts_at,
            resyncs_at: starts_at + random.between(1_000, 20_000),
            doubtful_until: 0,
            changes: 0,
            plan,
            random,
        }
    }

    pub(crate) fn link(&self) -> Option<usize> {
        self.wire.as_ref().map(|wire| wire.link)
    }

    /// Time has passed. Says whether it wants to connect now.
    pub(crate) fn look(&mut self, stage: &mut Stage) -> bool {
        let now = stage.agenda.now;
        stage.agenda.after(LOOK_MS + self.random.between(0, LOOK_MS), Event::Client { client: self.number });
        if let Some(wire) = &self.wire
            && now - wire.received > SILENCE_MS_MAX
        {
            stage.coverage.count("client: watchdog");
            let link = wire.link;
            stage.trace(format_args!("client {} hears nothing on link {link}", self.number));
            stage.network.end(link, Side::Client, &mut stage.agenda);
            self.disconnected(None, stage);
        }
        if !self.calm && now >= self.leaves_at {
            self.leaves_at = now + 500 + self.random.wait(self.plan.leaves_ms);
            self.leave(stage);
            self.comes_at = Some(now + self.random.between(100, 8_000));
        }
        if !self.calm && now >= self.edits_at && self.plan.access == selvedge_shards::Access::ReadWrite {
            self.edits_at = now + self.random.wait(self.plan.edits_ms);
            self.edit(stage);
        }
        if now >= self.states_at {
            self.states_at = now + if self.calm { 15_000 } else { self.random.between(500, 15_000) };
            self.announce(stage);
        }
        if stage.plan.resyncs && now >= self.resyncs_at && self.wire.is_some() {
            self.resyncs_at = now + self.random.between(2_000, 20_000);
            self.ask(stage);
        }
        self.forget_outdated(stage);
        let comes = self.wire.is_none() && !self.given_up && self.comes_at.is_some_and(|at| now >= at);
        if comes {
            self.comes_at = None;
        }
        comes
    }

    /// No more edits, no more leaving: only what it takes to have and to have given everything.
    pub(crate) fn calm_down(&mut self, now: u64) {
        self.calm = true;
        if self.wire.is_none() {
            self.comes_at.get_or_insert(now);
        }
    }

    /// The WebSocket is open.
    pub(crate) fn opened(&mut self, link: usize, stage: &mut Stage) {
        let now = stage.agenda.now;
        self.wire = Some(Wire {
            link,
            reader: Reader::new(Role::Client),
            opened: now,
            received: now,
            synced: false,
            asked: VecDeque::new(),
            handed: Vec::new(),
            counted: Vec::new(),
            unsure_before: 0,
            refused: false,
            greeted: false,
            counting: (self.plan.dialect == Dialect::Hocuspocus).then(Counting::default),
            epoch: stage.checks.epoch(self.plan.document),
        });
        self.ask(stage);
        if self.state.is_some() {
            self.send_awareness(&[self.id], stage);
        }
    }

    /// It could not connect, or the connection is gone.
    pub(crate) fn disconnected(&mut self, code: Option<u16>, stage: &mut Stage) {
        if let Some(code) = code
            && (4400..4500).contains(&code)
        {
            self.given_up = true;
            stage.trace(format_args!("client {} is told {code} and does not come back", self.number));
        }
        self.wire = None;
        self.doubtful_until = stage.agenda.now + OLD_CONNECTION_MS_MAX;
        let own = self.id;
        self.states.retain(|&client, _| client == own);
        self.failures += 1;
        let back_off = (100 << self.failures.min(10)).min(BACK_OFF_MS_MAX);
        self.comes_at = Some(stage.agenda.now + back_off);
    }

    /// Closes the page.
    pub(crate) fn leave(&mut self, stage: &mut Stage) {
        if self.wire.is_some() {
            if self.random.percent(50) && self.state.take().is_some() {
                self.states.remove(&self.id);
                let own = self.id;
                self.tick_clock(stage.agenda.now);
                self.send_awareness(&[own], stage);
            }
            if let Some(wire) = self.wire.take() {
                self.doubtful_until = stage.agenda.now + OLD_CONNECTION_MS_MAX;
                stage.trace(format_args!("client {} leaves link {}", self.number, wire.link));
                let mut bytes = Vec::new();
                put_masked_frame(&mut bytes, OpCode::Close, &1000_u16.to_be_bytes(), [1, 2, 3, 4]);
                stage.network.send(wire.link, Side::Client, &bytes, &mut stage.agenda);
                stage.network.end(wire.link, Side::Client, &mut stage.agenda);
            }
            self.failures = 0;
        }
        let own = self.id;
        self.states.retain(|&client, _| client == own);
        self.comes_at = None;
    }

    /// The connection is dead and only the client knows: it is back at once.
    pub(crate) fn abandon(&mut self, now: u64) -> Option<usize> {
        let wire = self.wire.take()?;
        self.doubtful_until = now + OLD_CONNECTION_MS_MAX;
        let own = self.id;
        self.states.retain(|&client, _| client == own);
        self.comes_at = Some(now);
        Some(wire.link)
    }

    pub(crate) fn edit(&mut self, stage: &mut Stage) {
        let Some(update) = edits::edit(&self.doc, &mut self.random) else { return };
        self.changes += 1;
        self.say_update(&update, true, stage);
        if let Some(mate) = self.plan.tab {
            let delay = self.random.between(0, 300);
            stage.agenda.after(delay, Event::Tab { client: mate, update });
        }
    }

    /// Another tab tells of an edit.
    pub(crate) fn hears_from_tab(&mut self, update: &[u8], stage: &mut Stage) {
        self.apply(update, stage);
        if self.plan.dialect == Dialect::Hocuspocus {
            // The npm client passes on whatever it does not have from the server.
            self.say_update(update, true, stage);
        }
    }

    fn say_update(&mut self, update: &[u8], live: bool, stage: &mut Stage) {
        let Some(wire) = &mut self.wire else { return };
        wire.handed.push(update.to_vec());
        if let Some(counting) = &mut wire.counting {
            counting.unsynced += u32::from(live);
            // A SyncStep2 for which the server asked on its own account is in no number. Beside what was counted before, it has what the
            // client knows of others: what they have deleted, and what it deleted itself when it took in two values of one key.
            if live || std::mem::take(&mut counting.counts_anew) {
                wire.counted.push(update.to_vec());
            }
        }
        let message = if live { Message::Update { update } } else { Message::SyncStep2 { update } };
        self.say(message, stage);
    }

    fn say(&mut self, message: Message<'_>, stage: &mut Stage) {
        let Some(wire) = &mut self.wire else { return };
        let mut payload = Vec::new();
        message.put(&mut payload);
        stage.checks.largest_message = stage.checks.largest_message.max(payload.len());
        let mut bytes = Vec::new();
        let key = self.random.next().to_le_bytes();
        put_masked_frame(&mut bytes, OpCode::Binary, &payload, [key[0], key[1], key[2], key[3]]);
        stage.network.send(wire.link, Side::Client, &bytes, &mut stage.agenda);
    }

    /// SyncStep1. Its answer will say that all that was handed before is safe.
    fn ask(&mut self, stage: &mut Stage) {
        let Some(wire) = &mut self.wire else { return };
        let until = if wire.refused { wire.unsure_before } else { wire.handed.len() };
        let promises = match &mut wire.counting {
            Some(counting) => {
                counting.doubtful |= counting.unsynced > 0;
                counting.unsynced = 1;
                counting.counts_anew = true;
                (0, 0)
            }
            None => (wire.unsure_before, until),
        };
        let committed = stage.committed.of(DocumentId::of(&stage.plan.documents[self.plan.document]));
        let epoch = stage.checks.epoch(self.plan.document);
        wire.asked.push_back(Asked { promises, committed, epoch });
        let state_vector = self.doc.transact().state_vector().encode_v1();
        self.say(Message::SyncStep1 { state_vector: &state_vector }, stage);
    }

    /// Bytes from the server.
    pub(crate) fn receive(&mut self, bytes: &[u8], stage: &mut Stage) {
        let mut bytes = bytes.to_vec();
        let mut consumed = 0;
        let mut messages = Vec::new();
        let Some(wire) = &mut self.wire else { return };
        wire.received = stage.agenda.now;
        let link = wire.link;
        let mut pongs = Vec::new();
        let mut closed = None;
        loop {
            match wire.reader.next(&mut bytes, &mut consumed, &LIMITS) {
                Ok(None) => break,
                Ok(Some(websocket::Event::Message { payload, .. })) => messages.push(payload.to_vec()),
                Ok(Some(websocket::Event::Ping(payload))) => {
                    put_masked_frame(&mut pongs, OpCode::Pong, payload, [5, 6, 7, 8]);
                }
                Ok(Some(websocket::Event::Pong(_))) => {}
                Ok(Some(websocket::Event::Close(frame))) => closed = Some(frame.map(|frame| frame.code.value())),
                Err(violation) => stage.checks.fail(format!("the server breaks WebSocket: {violation}")),
            }
        }
        if !pongs.is_empty() {
            stage.network.send(link, Side::Client, &pongs, &mut stage.agenda);
        }
        for payload in messages {
            stage.trace.bytes(&payload);
            if let [SYNC_STATUS, saved] = payload[..] {
                self.hear_status(saved == 1, stage);
                continue;
            }
            match sync::parse(&payload) {
                Ok(message) => self.hear(message, stage),
                Err(error) => stage.checks.fail(format!("the server sends what is no message: {error}")),
            }
        }
        if let Some(code) = closed {
            let mut close = Vec::new();
            put_masked_frame(&mut close, OpCode::Close, &[], [9, 9, 9, 9]);
            stage.network.send(link, Side::Client, &close, &mut stage.agenda);
            stage.network.end(link, Side::Client, &mut stage.agenda);
            self.disconnected(code, stage);
        }
    }

    /// When its number is zero, everything that it has handed over is safe.
    fn hear_status(&mut self, saved: bool, stage: &mut Stage) {
        let Some(wire) = &mut self.wire else { return };
        let Some(counting) = &mut wire.counting else {
            return stage.checks.fail("who does not count is sent SyncStatus".to_owned());
        };
        stage.coverage.count(if saved { "client: acknowledged" } else { "client: not saved" });
        if saved && counting.unsynced > 0 {
            counting.unsynced -= 1;
            let writes = self.plan.access == selvedge_shards::Access::ReadWrite;
            if counting.unsynced == 0 && !wire.synced {
                // The npm client takes itself for one that has the document.
                stage.checks.fail(format!("client {} is told that all is safe before it has its answer", self.number));
            }
            if counting.unsynced == 0 && !counting.doubtful && writes {
                stage.coverage.count("client: all changes acknowledged");
                stage.checks.promise(self.plan.document, wire.epoch, &wire.counted, &mut stage.coverage);
            }
        }
    }

    fn hear(&mut self, message: Message<'_>, stage: &mut Stage) {
        let Some(wire) = &mut self.wire else { return };
        match message {
            Message::SyncStep1 { state_vector } => {
                if wire.greeted {
                    wire.unsure_before = wire.handed.len();
                    for asked in &mut wire.asked {
                        asked.promises.0 = wire.handed.len();
                    }
                }
                wire.greeted = true;
                wire.refused = false;
                match StateVector::decode_v1(state_vector) {
                    Ok(state_vector) => {
                        let update = self.doc.transact().encode_state_as_update_v1(&state_vector);
                        self.say_update(&update, false, stage);
                    }
                    Err(error) => stage.checks.fail(format!("the server sends a bad state vector: {error}")),
                }
            }
            Message::SyncStep2 { update } => {
                wire.synced = true;
                self.failures = 0;
                let answered = wire.asked.pop_front();
                let promised = answered.as_ref().map(|asked| asked.promises).filter(|(from, until)| from < until);
                if let Some((from, until)) = promised
                    && self.plan.access == selvedge_shards::Access::ReadWrite
                {
                    let handed = &wire.handed[from..until];
                    stage.checks.promise(self.plan.document, wire.epoch, handed, &mut stage.coverage);
                }
                self.apply(update, stage);
                match answered {
                    Some(asked) => self.must_have(&asked, stage),
                    None => {
                        stage.checks.fail(format!("client {} gets an answer that it did not ask for", self.number));
                    }
                }
            }
            Message::Update { update } => {
                self.see_echo(update, stage);
                self.apply(update, stage);
            }
            Message::Awareness { update } => self.hear_awareness(update, stage),
            Message::PermissionDenied { reason } => {
                if wire.counting.is_some() {
                    stage.checks.fail("who counts is denied in words that mean something else to it".to_owned());
                }
                wire.refused = true;
                wire.unsure_before = wire.handed.len();
                for asked in &mut wire.asked {
                    asked.promises = (0, 0);
                }
                stage.coverage.count("client: denied");
                stage.trace(format_args!("client {} is denied: {reason}", self.number));
            }
            Message::QueryAwareness => stage.checks.fail("the server asks for awareness".to_owned()),
        }
    }

    /// It has its answer: so it has all that was committed when it asked.
    fn must_have(&mut self, asked: &Asked, stage: &mut Stage) {
        let document = self.plan.document;
        if !stage.checks.counts(document, asked.epoch) {
            return;
        }
        if !asked.committed.clocks().is_empty() {
            stage.coverage.count("synced: with what was committed");
        }
        // Without what waits in the document for something else.
        let state = self.doc.transact().encode_diff_v1(&StateVector::default());
        let lacks = match Known::of(&state) {
            Ok(known) => committed::lacks(&known, &asked.committed),
            Err(error) => Some(format!("what it has is not whole: {error}")),
        };
        if let Some(lacks) = lacks {
            stage.checks.fail(format!("client {} is synced without what was committed: {lacks}", self.number));
        }
    }

    /// Its own structs in an update from the server: the author takes them as saved.
    fn see_echo(&mut self, update: &[u8], stage: &mut Stage) {
        let Ok(update) = Update::decode_v1(update) else { return };
        let own = update.insertions(true);
        let end = own
            .get(&yrs::block::ClientID::new(self.id))
            .and_then(|ranges| ranges.iter().map(|(range, ())| range.end).max());
        let certain = self.plan.tab.is_none() && stage.agenda.now >= self.doubtful_until;
        if let (Some(end), Some(wire)) = (end, &self.wire)
            && certain
        {
            let seen = (self.id, end);
            stage.checks.promise_clock(self.plan.document, wire.epoch, seen, &mut stage.coverage);
        }
    }

    fn apply(&mut self, update: &[u8], stage: &mut Stage) {
        self.early.push(update.to_vec());
        while let Some(at) = self.early.iter().position(|update| self.follows(update)) {
            let update = self.early.swap_remove(at);
            let applied = Update::decode_v1(&update).map(|update| self.doc.transact_mut().apply_update(update));
            match applied {
                Ok(Ok(())) => {}
                Ok(Err(error)) => stage.checks.fail(format!("client {} cannot apply: {error}", self.number)),
                Err(error) => stage.checks.fail(format!("client {} cannot read: {error}", self.number)),
            }
        }
    }

    /// Leaves no gap in the clocks of any client. Yjs keeps what does for later; `yrs` fills the gap with something that it then cannot
    /// always replace, and panics.
    fn follows(&self, update: &[u8]) -> bool {
        let Ok(update) = Update::decode_v1(update) else { return true };
        let has = self.doc.transact().state_vector();
        update.state_vector_lower().iter().all(|(client, &clock)| clock <= has.get(client))
    }

    // --- awareness, as y-protocols does it ---

    /// Sets its own state, or renews it.
    pub(crate) fn announce(&mut self, stage: &mut Stage) {
        if !self.calm && self.random.percent(10) {
            self.state = None;
            self.states.remove(&self.id);
        } else {
            let state = format!("{{\"client\":{},\"name\":\"ж{}\"}}", self.id, self.random.below(1000));
            self.state = Some(state.clone());
            self.states.insert(self.id, state);
        }
        self.tick_clock(stage.agenda.now);
        self.send_awareness(&[self.id], stage);
    }

    fn tick_clock(&mut self, now: u64) {
        let clock = self.metas.get(&self.id).map_or(0, |meta| meta.clock + 1);
        self.metas.insert(self.id, Meta { clock, updated: now });
    }

    fn send_awareness(&mut self, clients: &[u64], stage: &mut Stage) {
        let entry = |&client: &u64| Entry {
            client,
            clock: self.metas.get(&client).map_or(0, |meta| meta.clock),
            state: self.states.get(&client).map(String::as_str),
        };
        let mut update = Vec::new();
        awareness::put_update(&mut update, clients.iter().map(entry));
        let said: Vec<_> =
            clients.iter().map(|client| (client, self.metas.get(client).map(|meta| meta.clock))).collect();
        stage.trace(format_args!("client {} tells of {said:?}", self.number));
        self.say(Message::Awareness { update: &update }, stage);
    }

    fn hear_awareness(&mut self, update: &[u8], stage: &mut Stage) {
        let now = stage.agenda.now;
        let update = match awareness::parse(update, &AWARENESS_LIMITS) {
            Ok(update) => update,
            Err(error) => return stage.checks.fail(format!("the server sends bad awareness: {error}")),
        };
        let mut changed = Vec::new();
        for Entry { client, mut clock, state } in update.entries() {
            let known = self.metas.get(&client).map_or(0, |meta| meta.clock);
            let news = known < clock || (known == clock && state.is_none() && self.states.contains_key(&client));
            if !news {
                continue;
            }
            match state {
                None if client == self.id && self.state.is_some() => clock += 1,
                None => {
                    self.states.remove(&client);
                }
                Some(state) => {
                    self.states.insert(client, state.to_owned());
                }
            }
            self.metas.insert(client, Meta { clock, updated: now });
            changed.push(client);
        }
        // The npm client passes on every change, also what it has just heard from the server.
        if !changed.is_empty() {
            self.send_awareness(&changed, stage);
        }
    }

    fn forget_outdated(&mut self, stage: &mut Stage) {
        let now = stage.agenda.now;
        let own = self.id;
        let outdated = |meta: &Meta| now - meta.updated >= OUTDATED_MS;
        let gone: Vec<u64> = self
            .metas
            .iter()
            .filter(|&(&client, meta)| client != own && outdated(meta) && self.states.contains_key(&client))
            .map(|(&client, _)| client)
            .collect();
        for client in &gone {
            self.states.remove(client);
        }
        if !gone.is_empty() {
            self.send_awareness(&gone, stage);
        }
    }

    // --- for the checks ---

    /// Whom it sees.
    pub(crate) fn present(&self) -> &BTreeMap<u64, String> {
        &self.states
    }

    pub(crate) fn own_state(&self) -> Option<&str> {
        self.state.as_deref()
    }

    /// What it still waits for.
    /// Why it does not have everything. `bereft`: what it has heard of may have gone with its document.
    pub(crate) fn waits_for(&self, bereft: bool) -> Option<String> {
        let Some(wire) = &self.wire else {
            return Some(format!("client {} is not connected, comes at {:?}", self.number, self.comes_at));
        };
        let unanswered = wire.asked.len();
        let early = if bereft { 0 } else { self.early.len() };
        let writes = self.plan.access == selvedge_shards::Access::ReadWrite;
        // What it can never complete it brings again each time, and is told each time that not all of it is saved.
        let incomplete = bereft && self.doc.transact().has_missing_updates();
        let unsynced = wire.counting.as_ref().map_or(0, |counting| counting.unsynced);
        let unsynced = if incomplete { 0 } else { unsynced };
        (!wire.synced || unanswered > 0 || early > 0 || (writes && unsynced > 0)).then(|| {
            let (link, opened) = (wire.link, wire.opened);
            let synced = wire.synced;
            format!(
                "client {} on link {link} since {opened}: synced {synced}, {unanswered} questions, {early} early, {unsynced} unsynced",
                self.number
            )
        })
    }
}
