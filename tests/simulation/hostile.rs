//! A hostile client: says whatever might hurt the server or others. What it could do to a document as any editor could, is no attack and
//! is checked by nobody; under somebody else's id it only says what the server knows already.

use selvedge_protocol::awareness::{self, Entry};
use selvedge_protocol::lib0::put_uint;
use selvedge_protocol::sync::Message;
use selvedge_protocol::update::{Limits, StateVector};
use selvedge_protocol::websocket::{FrameHeader, OpCode, Role, put_masked_frame};
use yrs::Doc;

use crate::agenda::Event;
use crate::edits;
use crate::network::Side;
use crate::random::Random;
use crate::stage::Stage;

pub(crate) struct Hostile {
    pub(crate) number: usize,
    pub(crate) document: usize,
    pub(crate) link: Option<usize>,
    /// Answers nothing and takes nothing.
    pub(crate) deaf: bool,
    random: Random,
    /// Never hears of the others.
    doc: Doc,
    written: Vec<Vec<u8>>,
    /// What the server said that it has.
    known: StateVector,
    clock: u32,
    pub(crate) victims: Vec<u64>,
}

impl Hostile {
    pub(crate) fn new(number: usize, stage: &mut Stage) -> Self {
        let mut random = stage.random.branch();
        stage.agenda.after(random.between(0, 5_000), Event::Hostile { hostile: number });
        Self {
            number,
            document: random.below(stage.plan.documents.len()),
            link: None,
            deaf: random.percent(30),
            doc: edits::document(random.next() >> 11),
            random,
            written: Vec::new(),
            known: StateVector::default(),
            clock: 1,
            victims: Vec::new(),
        }
    }

    /// Bytes from the server. Only whole frames at their beginning are looked at: it is after state vectors.
    pub(crate) fn receive(&mut self, bytes: &[u8], stage: &mut Stage) {
        let mut rest = bytes;
        while let Ok(Some((header, len))) = FrameHeader::parse(rest, Role::Client) {
            let end = len + usize::try_from(header.payload_bytes).expect("small");
            let Some(payload) = rest.get(len..end) else { return };
            if let Ok(Message::SyncStep1 { state_vector }) = selvedge_protocol::sync::parse(payload) {
                self.known = StateVector::decode(state_vector, &Limits::UNLIMITED).unwrap_or_default();
            }
            if header.opcode == OpCode::Ping && !self.deaf {
                self.frame(OpCode::Pong, payload, stage);
            }
            rest = &rest[end..];
        }
    }

    /// Does the next bad thing.
    pub(crate) fn act(&mut self, stage: &mut Stage) {
        match self.random.below(18) {
            0 => {
                let garbage = self.some_bytes(200);
                self.raw(&garbage, stage);
            }
            1 => {
                let garbage = self.some_bytes(300);
                self.frame(OpCode::Binary, &garbage, stage);
            }
            2 => self.frame(OpCode::Text, "text".as_bytes(), stage),
            3 => self.raw(&[0x82, 0xff, 0, 0, 0, 0x40, 0, 0, 0, 0], stage),
            4 | 5 => {
                let flipped = self.flipped();
                self.say(Message::Update { update: &flipped }, stage);
            }
            6 => {
                if let Some(update) = edits::edit_flat(&self.doc, &mut self.random) {
                    self.say(Message::Update { update: &update }, stage);
                    self.written.push(update);
                }
            }
            7 => self.speak_for_others(stage),
            8 => {
                let mut update = Vec::new();
                for _ in 0..4 {
                    put_uint(&mut update, self.random.next() >> 12);
                }
                let message = if self.random.percent(50) {
                    Message::Update { update: &update }
                } else {
                    Message::SyncStep1 { state_vector: &update }
                };
                self.say(message, stage);
            }
            9 => {
                for _ in 0..self.random.between(1, 60) {
                    self.say(Message::SyncStep1 { state_vector: &[0] }, stage);
                }
            }
            10 => self.announce_many(stage),
            11 => self.announce_victim(stage),
            12 => self.say(Message::QueryAwareness, stage),
            13 => {
                for _ in 0..self.random.between(1, 40) {
                    self.frame(OpCode::Ping, b"ping", stage);
                }
            }
            14 => self.park(stage),
            15 => self.flood_updates(stage),
            16 => self.flood_awareness(stage),
            _ => {
                if let Some(known) = self.written.last().cloned() {
                    self.say(Message::SyncStep2 { update: &known }, stage);
                }
            }
        }
    }

    fn some_bytes(&mut self, max: usize) -> Vec<u8> {
        let len = self.random.below(max);
        self.random.bytes(len)
    }

    /// One of its own updates with some bits changed. Never one in which somebody else's id has come up.
    ///
    /// Nothing in them is inside of anything else: where a changed bit made a value of the type that others are in, Yjs makes a Gc of them
    /// in every client alike, but `yrs`, which plays the clients here, gives up. And nothing has a right origin: a changed one may stand
    /// before the origin, which nobody without the document can see, and where Yjs itself puts such an item depends on the order of updates.
    fn flipped(&mut self) -> Vec<u8> {
        let mut update = if self.written.is_empty() {
            vec![0, 0]
        } else {
            let at = self.random.below(self.written.len());
            self.written[at].clone()
        };
        for _ in 0..self.random.between(1, 3) {
            let at = self.random.below(update.len());
            update[at] ^= 1 << self.random.below(8);
        }
        let names = |victim: &u64| {
            let mut id = Vec::new();
            put_uint(&mut id, *victim);
            update.windows(id.len()).any(|window| window == id)
        };
        if self.victims.iter().any(names) { vec![0, 0] } else { update }
    }

    /// Other content for structs that the server has already.
    fn speak_for_others(&mut self, stage: &mut Stage) {
        let known: Vec<(u64, u32)> = self.known.iter().collect();
        if known.is_empty() || !stage.checks.nothing_is_forgotten {
            return;
        }
        let (client, clock) = self.random.pick(&known);
        let len = clock.min(100);
        let mut update = vec![1, 1];
        put_uint(&mut update, client);
        put_uint(&mut update, u64::from(clock - len));
        update.extend([4, 1, 4]);
        update.extend(b"text");
        put_uint(&mut update, u64::from(len));
        update.extend(std::iter::repeat_n(b'x', len as usize));
        update.push(0);
        self.say(Message::Update { update: &update }, stage);
    }

    /// Refers to what nobody has written.
    fn park(&mut self, stage: &mut Stage) {
        let mut update = vec![1, 1];
        put_uint(&mut update, self.random.next() >> 11);
        put_uint(&mut update, self.random.between(1, 1000));
        update.extend([4, 1, 4]);
        update.extend(b"text");
        let len = self.random.below(400);
        put_uint(&mut update, len as u64 + 1);
        update.extend(std::iter::repeat_n(b'y', len + 1));
        update.push(0);
        self.say(Message::Update { update: &update }, stage);
    }

    /// What it has written already, as often as it can.
    fn flood_updates(&mut self, stage: &mut Stage) {
        let Some(known) = self.written.last().cloned() else { return };
        for _ in 0..self.random.between(100, 1_500) {
            self.say(Message::Update { update: &known }, stage);
        }
    }

    /// Who it is, as often as it can, and who all are.
    fn flood_awareness(&mut self, stage: &mut Stage) {
        let client = (1 << 40) + self.number as u64;
        for number in 0..self.random.between(50, 600) {
            self.clock += 1;
            let clock = self.clock;
            let mut update = Vec::new();
            let state = if number % 3 == 0 { None } else { Some("{\"hostile\":[1,2,3]}") };
            awareness::put_update(&mut update, std::iter::once(Entry { client, clock, state }));
            self.say(Message::Awareness { update: &update }, stage);
            if self.random.percent(5) {
                self.say(Message::QueryAwareness, stage);
            }
        }
    }

    fn announce_many(&mut self, stage: &mut Stage) {
        let count = self.random.between(1, 4);
        let ids: Vec<u64> = (0..count).map(|_| self.random.next() >> 11).collect();
        self.clock += 1;
        let clock = self.clock;
        let entries = ids.iter().map(|&client| Entry { client, clock, state: Some("{\"hostile\":true}") });
        let mut update = Vec::new();
        awareness::put_update(&mut update, entries);
        self.say(Message::Awareness { update: &update }, stage);
    }

    /// Says that somebody else has left, or is somebody else. The latter with a clock that the victim soon leaves behind: whoever announces
    /// an id that nobody has at the moment has it, and y-protocols never forgets a clock.
    fn announce_victim(&mut self, stage: &mut Stage) {
        if self.victims.is_empty() {
            return;
        }
        let client = self.random.pick(&self.victims);
        let lives = self.random.percent(50);
        let clock = u32::try_from(self.random.below(3)).expect("small");
        let state = lives.then_some("{\"hostile\":true}");
        let mut update = Vec::new();
        awareness::put_update(&mut update, std::iter::once(Entry { client, clock, state }));
        self.say(Message::Awareness { update: &update }, stage);
    }

    fn say(&mut self, message: Message<'_>, stage: &mut Stage) {
        let mut payload = Vec::new();
        message.put(&mut payload);
        stage.checks.largest_message = stage.checks.largest_message.max(payload.len());
        self.frame(OpCode::Binary, &payload, stage);
    }

    fn frame(&mut self, opcode: OpCode, payload: &[u8], stage: &mut Stage) {
        let mut bytes = Vec::new();
        put_masked_frame(&mut bytes, opcode, payload, [3, 1, 4, 1]);
        self.raw(&bytes, stage);
    }

    fn raw(&mut self, bytes: &[u8], stage: &mut Stage) {
        if let Some(link) = self.link {
            stage.network.send(link, Side::Client, bytes, &mut stage.agenda);
        }
    }
}
