//! The attacks: what hostile clients do, as fast as one core of them can. Each keeps a crowd of connections busy and replaces those that the
//! server ends.

use std::io;
use std::time::{Duration, Instant};

use selvedge_protocol::websocket::OpCode;

use crate::wire::{Way, Wire, awareness, declared, frame, request, sync, update};
use crate::witness::DOCUMENT;

/// Of those who are slow on purpose.
const PAUSE: Duration = Duration::from_millis(50);

/// One kind of attack.
pub(crate) struct Attack {
    pub(crate) name: &'static str,
    /// Connections at once.
    pub(crate) crowd: usize,
    /// Makes a hostile connection.
    pub(crate) open: fn(Way, u32) -> io::Result<Hostile>,
}

/// One hostile connection.
pub(crate) struct Hostile {
    wire: Wire,
    /// Sent over and over; made anew each time where it is to differ.
    next: Box<dyn FnMut() -> Vec<u8>>,
    /// Of which this much is sent.
    bytes: Vec<u8>,
    sent: usize,
    /// Bytes in one go, and the time from one to the next, for those who are slow on purpose.
    at_once: usize,
    pause: Duration,
    due: Instant,
    /// Takes what the server sends.
    reads: bool,
}

impl Hostile {
    fn new(wire: Wire, next: impl FnMut() -> Vec<u8> + 'static) -> io::Result<Self> {
        wire.hurry()?;
        Ok(Self {
            wire,
            next: Box::new(next),
            bytes: Vec::new(),
            sent: 0,
            at_once: 64 << 10,
            pause: Duration::ZERO,
            due: Instant::now(),
            reads: true,
        })
    }

    fn slowly(mut self, at_once: usize) -> Self {
        self.at_once = at_once;
        self.pause = PAUSE;
        self
    }

    fn deaf(mut self) -> Self {
        self.reads = false;
        self
    }

    /// Does what can be done without waiting; how many bytes it sent.
    ///
    /// # Errors
    ///
    /// The server has ended it.
    pub(crate) fn go_on(&mut self) -> io::Result<usize> {
        if self.due > Instant::now() {
            return Ok(0);
        }
        self.due += self.pause;
        if self.sent == self.bytes.len() {
            self.bytes = (self.next)();
            self.sent = 0;
        }
        let end = self.bytes.len().min(self.sent + self.at_once);
        let pushed = self.wire.push(&self.bytes[self.sent..end])?;
        self.sent += pushed;
        if self.reads {
            self.wire.drain()?;
        }
        Ok(pushed)
    }
}

fn open(way: Way, path: &str) -> io::Result<Wire> {
    Wire::open(way, path, "")
}

/// What is sent once, and then nothing.
fn once(bytes: Vec<u8>) -> impl FnMut() -> Vec<u8> {
    let mut left = Some(bytes);
    move || left.take().unwrap_or_default()
}

/// The first frames of a message, and then a fragment after the other.
fn begun(first: Vec<u8>, piece: Vec<u8>) -> impl FnMut() -> Vec<u8> {
    let mut first = Some(first);
    move || first.take().unwrap_or_else(|| piece.clone())
}

const TEXT: [u8; 64] = [b'x'; 64];

/// A client that types on and on.
fn typing(client: u32) -> impl FnMut() -> Vec<u8> {
    let mut clock = 0;
    move || {
        let message = sync(2, &update(client, clock, &TEXT));
        clock += TEXT.len() as u32;
        frame(OpCode::Binary, &message)
    }
}

pub(crate) const ATTACKS: &[Attack] = &[
    Attack {
        name: "slowloris: heads byte by byte",
        crowd: 500,
        open: |way, _| {
            let head = request(DOCUMENT, &"X-Filler: abcdefghijklmnopqrstuvwxyz\r\n".repeat(50));
            Ok(Hostile::new(Wire::connect(way)?, move || head.clone().into_bytes())?.slowly(1))
        },
    },
    Attack {
        name: "connections that ask for nothing",
        crowd: 500,
        open: |way, _| Hostile::new(Wire::connect(way)?, Vec::new),
    },
    Attack {
        name: "upgrades, and gone at once",
        crowd: 50,
        open: |way, number| {
            drop(open(way, &format!("/yjs/flood-{}", number % 1_000))?);
            Err(io::ErrorKind::ConnectionReset.into())
        },
    },
    Attack {
        name: "garbage for a request",
        crowd: 50,
        open: |way, _| Hostile::new(Wire::connect(way)?, || vec![0xff; 4_096]),
    },
    Attack {
        name: "a frame that never ends",
        crowd: 100,
        open: |way, number| {
            let wire = open(way, &format!("/yjs/endless-{number}"))?;
            Ok(Hostile::new(wire, begun(declared(0x82, 60 << 20), vec![7; 1_024]))?.slowly(1_024))
        },
    },
    Attack {
        name: "frames that declare too much",
        crowd: 50,
        open: |way, number| Hostile::new(open(way, &format!("/yjs/huge-{number}"))?, || declared(0x82, 1 << 40)),
    },
    Attack {
        name: "fragments of one byte without end",
        crowd: 50,
        open: |way, number| {
            let (first, mut piece) = (frame(OpCode::Binary, b"x"), frame(OpCode::Continuation, b"x"));
            piece[0] &= 0x7f;
            let first = [&[first[0] & 0x7f], &first[1..]].concat();
            Hostile::new(open(way, &format!("/yjs/pieces-{number}"))?, begun(first, piece.repeat(500)))
        },
    },
    Attack {
        name: "pings without end",
        crowd: 20,
        open: |way, number| {
            let pings = frame(OpCode::Ping, &[7; 125]).repeat(400);
            Hostile::new(open(way, &format!("/yjs/pings-{number}"))?, move || pings.clone())
        },
    },
    Attack {
        name: "pings, and the answers are not read",
        crowd: 20,
        open: |way, number| {
            let pings = frame(OpCode::Ping, &[7; 125]).repeat(400);
            Ok(Hostile::new(open(way, &format!("/yjs/deaf-{number}"))?, move || pings.clone())?.deaf())
        },
    },
    Attack {
        name: "SyncStep1 without end",
        crowd: 20,
        open: |way, number| {
            let questions = frame(OpCode::Binary, &sync(0, &[0])).repeat(500);
            Hostile::new(open(way, &format!("/yjs/questions-{number}"))?, move || questions.clone())
        },
    },
    Attack {
        name: "updates without end, in documents of their own",
        crowd: 20,
        open: |way, number| Hostile::new(open(way, &format!("/yjs/updates-{number}"))?, typing(number)),
    },
    Attack {
        name: "updates without end, in the witness's document",
        crowd: 5,
        open: |way, number| Hostile::new(open(way, DOCUMENT)?, typing(1_000 + number)),
    },
    Attack {
        name: "malformed updates",
        crowd: 20,
        open: |way, number| {
            let message = sync(2, &[1, 1, 1, 0, 10, 0, 0]);
            Hostile::new(open(way, &format!("/yjs/malformed-{number}"))?, move || frame(OpCode::Binary, &message))
        },
    },
    Attack {
        name: "awareness of others, in the witness's document",
        crowd: 5,
        open: |way, number| {
            let mut clock = 0;
            Hostile::new(open(way, DOCUMENT)?, move || {
                clock += 1;
                // The witness's own, and those of the other attackers.
                frame(OpCode::Binary, &awareness(5 + (number + clock) % 8, clock, "{\"user\":\"somebody else\"}"))
            })
        },
    },
    Attack {
        name: "two who say different things under one client id",
        crowd: 4,
        open: |way, number| {
            let (mut clock, text) = (0, [b'a' + (number % 26) as u8; 64]);
            Hostile::new(open(way, DOCUMENT)?, move || {
                let message = sync(2, &update(999, clock, &text));
                clock += 1;
                frame(OpCode::Binary, &message)
            })
        },
    },
    Attack {
        name: "readers that do not read",
        crowd: 50,
        open: |way, number| {
            let wire = open(way, DOCUMENT)?;
            let question = frame(OpCode::Binary, &sync(0, &[0]));
            let _ = number;
            Ok(Hostile::new(wire, move || question.clone())?.deaf())
        },
    },
    Attack {
        name: "compressed bombs",
        crowd: 20,
        open: |way, number| {
            let offer = "Sec-WebSocket-Extensions: permessage-deflate\r\n";
            let wire = Wire::open(way, &format!("/yjs/bombs-{number}"), offer)?;
            Hostile::new(wire, once(bomb()))
        },
    },
];

/// A compressed message of some hundred kilobytes that would be a hundred times as much.
fn bomb() -> Vec<u8> {
    // A block of fixed Huffman codes that says "the byte before, 258 times" over and over: 13 bits each (RFC 1951, section 3.2.6).
    let mut bits = Bits::default();
    bits.put(0b010, 3);
    bits.put_reversed(0x30, 8);
    for _ in 0..280_000 {
        bits.put_reversed(0b1100_0101, 8);
        bits.put(0, 5);
    }
    bits.put(0, 7);
    let mut message = frame(OpCode::Binary, &bits.bytes);
    message[0] |= 0x40;
    message
}

/// Bits in the order of RFC 1951, section 3.1.1.
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    filled: usize,
}

impl Bits {
    /// The least significant bit first.
    fn put(&mut self, value: u32, count: usize) {
        for bit in 0..count {
            if self.filled.is_multiple_of(8) {
                self.bytes.push(0);
            }
            let last = self.bytes.last_mut().expect("one was pushed");
            *last |= ((value >> bit & 1) as u8) << (self.filled % 8);
            self.filled += 1;
        }
    }

    /// A Huffman code: the most significant bit first.
    fn put_reversed(&mut self, code: u32, count: usize) {
        for bit in (0..count).rev() {
            self.put(code >> bit & 1, 1);
        }
    }
}
