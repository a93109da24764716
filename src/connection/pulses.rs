//! The pulses of all connections of a core: what they share, and what is counted of them. Has no socket and no clock, so that the loop and
//! a simulator run the same code.

use selvedge_protocol::awareness::Entry;
use selvedge_protocol::sync;
use selvedge_protocol::websocket::{OpCode, put_frame};
use selvedge_shards::{Frame, Now};

use super::pulse::{Beat, Dialect, Look, Pace, Quality, Stamp, Stamps};
use super::{Connection, Phase};
use crate::driver::ConnectionKey;

/// The byte that a Hocuspocus client answers.
const HOCUSPOCUS_PING: u8 = 9;

/// What was counted of the pulses of a core's connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PulseCounters {
    /// Messages that say nothing, sent to keep a connection.
    pub heartbeats: u64,
    /// Pings sent, but for those that a document asked for.
    pub pings: u64,
    /// Round trips measured.
    pub round_trips: u64,
    /// How long they took, in milliseconds, summed up.
    pub round_trips_ms: u64,
    /// Connections given up because nothing was heard from them.
    pub stale: u64,
    /// Open connections of each quality now: when all were looked at last.
    pub qualities: Qualities,
}

/// How many connections do how well.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Qualities {
    /// Not felt.
    pub excellent: u64,
    /// Felt by who looks for it.
    pub good: u64,
    /// Slow, unsteady, or without answers.
    pub poor: u64,
    /// Not measured yet.
    pub unknown: u64,
}

/// What a look at a connection led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Looked {
    /// Nothing.
    Well,
    /// Something waits to be sent.
    Beats,
    /// Nobody is there: its socket is of no more use.
    Stale,
}

/// One for each core.
#[derive(Debug)]
pub struct Pulses {
    pace: Pace,
    stamps: Stamps,
    y_websocket: Frame,
    hocuspocus: Frame,
    /// Rounds of looks at all connections so far.
    round: u32,
    counters: PulseCounters,
    /// Of this round.
    qualities: Qualities,
}

impl Pulses {
    /// For connections that are held to this pace.
    #[must_use]
    pub fn new(pace: Pace, stamps: Stamps) -> Self {
        let mut empty = Vec::new();
        sync::put_awareness(&mut empty, std::iter::empty::<Entry<'_>>());
        let mut ping = Vec::new();
        put_frame(&mut ping, OpCode::Binary, &[HOCUSPOCUS_PING]);
        Self {
            pace,
            stamps,
            y_websocket: Frame::new(empty),
            hocuspocus: Frame::new(ping),
            round: 0,
            counters: PulseCounters::default(),
            qualities: Qualities::default(),
        }
    }

    /// What was counted so far.
    #[must_use]
    pub fn counters(&self) -> PulseCounters {
        self.counters
    }

    /// Holds connections to another pace, from when each is looked at next.
    pub fn set_pace(&mut self, pace: Pace) {
        self.pace = pace;
    }

    /// Looks at a connection, and queues what it has to be sent.
    pub fn look(&mut self, now: Now, key: ConnectionKey, connection: &mut Connection) -> Looked {
        if connection.phase != Phase::Open {
            return Looked::Well;
        }
        self.qualities.count(connection.pulse.quality());
        if connection.is_sending() {
            // It takes nothing, so it cannot answer either; how long it may go on so, others know. What it takes next is a sign to it.
            connection.pulse.cannot_answer();
            return Looked::Well;
        }
        let can_answer = !connection.is_held() && !connection.has_unread();
        if !can_answer {
            connection.pulse.cannot_answer();
        }
        // Fibonacci hashing: neighbours are far apart.
        let spread = key.index.wrapping_mul(0x9e37_79b9) >> 16;
        let dialect = connection.dialect();
        match connection.pulse.look(&Look { now, round: self.round, spread, pace: &self.pace, dialect }) {
            Beat::Rest => return Looked::Well,
            Beat::Stale => {
                self.counters.stale += 1;
                return Looked::Stale;
            }
            Beat::Send { message, ping } => {
                if message {
                    self.send_message(now, dialect, connection);
                }
                if ping && can_answer {
                    self.counters.pings += 1;
                    connection.ask(self.stamps.stamp(number(key), now), now);
                }
            }
        }
        Looked::Beats
    }

    fn send_message(&mut self, now: Now, dialect: Dialect, connection: &mut Connection) {
        let frame = match dialect {
            Dialect::YWebsocket => &self.y_websocket,
            Dialect::Hocuspocus => &self.hocuspocus,
            Dialect::Plain => return,
        };
        self.counters.heartbeats += 1;
        connection.beat(frame.clone(), now);
    }

    /// All connections were looked at once more.
    pub fn round_ended(&mut self) {
        self.round = self.round.wrapping_add(1);
        self.counters.qualities = std::mem::take(&mut self.qualities);
    }

    /// What a ping to this connection carries that somebody else asks for.
    #[must_use]
    pub fn stamp(&self, now: Now, key: ConnectionKey) -> Stamp {
        self.stamps.stamp(number(key), now)
    }

    /// A connection has sent a pong. One that does not carry what its ping did is a sign of life and nothing else, and that was seen.
    pub fn answered(&mut self, now: Now, key: ConnectionKey, pong: Option<Stamp>, connection: &mut Connection) {
        if let Some(pong) = pong
            && let Some(ms) = self.stamps.read(&pong, number(key), now)
            && connection.pulse.answered(ms)
        {
            self.counters.round_trips += 1;
            self.counters.round_trips_ms += u64::from(ms);
        }
    }
}

impl Qualities {
    fn count(&mut self, quality: Quality) {
        *match quality {
            Quality::Excellent => &mut self.excellent,
            Quality::Good => &mut self.good,
            Quality::Poor => &mut self.poor,
            Quality::Unknown => &mut self.unknown,
        } += 1;
    }
}

/// A number that no other connection of the core has had of late.
fn number(key: ConnectionKey) -> u64 {
    u64::from(key.generation) << 32 | u64::from(key.index)
}

#[cfg(test)]
mod tests {
    use super::super::{Heard, Hold, Route};
    use super::*;
    use selvedge_protocol::websocket::{Inflater, Limits, put_masked_frame};

    const LIMITS: Limits = Limits { message_bytes_max: 1 << 16, fragments_max: 64 };
    const KEY: ConnectionKey = ConnectionKey { index: 7, generation: 3 };
    const START: u64 = 1 << 30;

    fn pulses() -> Pulses {
        Pulses::new(Pace::new(10_000, 20_000, 60_000, 120_000), Stamps::with([1, 2]))
    }

    fn open(route: Route) -> Connection {
        let mut connection = Connection::new();
        connection.open(route, b"101".to_vec(), None);
        connection.begin_pulse(Now(START));
        connection.poll_send();
        connection.sent();
        connection
    }

    /// Looks until something is to be done, for so long. Gives what is sent, which the socket takes at once, and when.
    fn next(pulses: &mut Pulses, connection: &mut Connection, now: &mut u64, until: u64) -> Option<Vec<u8>> {
        while *now < until {
            *now += Pace::LOOK_MS;
            pulses.round_ended();
            match pulses.look(Now(*now), KEY, connection) {
                Looked::Well => {}
                Looked::Beats => {
                    let sent = connection.poll_send().expect("something is queued").as_ref().to_vec();
                    connection.count_sent(Now(*now));
                    connection.sent();
                    return Some(sent);
                }
                Looked::Stale => return Some(b"stale".to_vec()),
            }
        }
        None
    }

    fn pong(pulses: &mut Pulses, connection: &mut Connection, payload: &[u8], now: u64) {
        let mut data = Vec::new();
        put_masked_frame(&mut data, OpCode::Pong, payload, [1, 2, 3, 4]);
        connection.is_alive();
        let mut inflater = Inflater::default();
        let Some(Heard::Pong { stamp }) = connection.hear(&mut data, &mut 0, &LIMITS, &mut inflater) else {
            panic!("a pong was sent");
        };
        pulses.answered(Now(now), KEY, stamp, connection);
    }

    #[test]
    fn a_quiet_session_gets_its_dialects_message_and_pings_that_tell_how_it_does() {
        let (mut pulses, mut connection, mut now) = (pulses(), open(Route::Session), START);
        let mut messages = 0;
        while let Some(sent) = next(&mut pulses, &mut connection, &mut now, START + 600_000) {
            let rest = match sent.strip_prefix(&[0x89, 8]) {
                Some(rest) => {
                    let (payload, rest) = rest.split_at(8);
                    pong(&mut pulses, &mut connection, payload, now + 30);
                    rest
                }
                None => &sent,
            };
            assert!(rest.is_empty() || rest == [0x82, 3, 1, 1, 0], "{sent:?}");
            messages += u64::from(!rest.is_empty());
        }
        assert_eq!(pulses.counters.heartbeats, messages);
        assert!((29..=36).contains(&messages), "{messages}");
        assert_eq!(pulses.counters.pings, pulses.counters.round_trips);
        assert_eq!(pulses.counters.round_trips_ms, 30 * pulses.counters.pings);
        assert_eq!(pulses.counters.qualities, Qualities { excellent: 1, ..Qualities::default() });
    }

    #[test]
    fn a_pong_that_carries_something_else_is_a_sign_of_life_and_no_measure() {
        let (mut pulses, mut connection, mut now) = (pulses(), open(Route::Echo), START);
        for _ in 0..60 {
            let sent = next(&mut pulses, &mut connection, &mut now, u64::MAX).expect("a minute passes");
            assert!(sent.starts_with(&[0x89, 8]), "{sent:?}");
            let mut forged = sent[2..].to_vec();
            forged[0] ^= 1;
            for payload in [&forged[..], b"", b"longer than a stamp"] {
                pong(&mut pulses, &mut connection, payload, now);
            }
        }
        assert_eq!((pulses.counters.round_trips, pulses.counters.stale), (0, 0));
    }

    #[test]
    fn who_says_nothing_for_long_is_stale_unless_it_cannot_answer() {
        let (mut pulses, mut connection, mut now) = (pulses(), open(Route::Session), START);
        while next(&mut pulses, &mut connection, &mut now, u64::MAX).expect("something happens") != b"stale" {}
        assert!(now - START < 160_000, "after {} ms", now - START);
        assert_eq!(pulses.counters.stale, 1);

        let mut held = open(Route::Session);
        held.hold(Hold::Shard);
        let mut messages = 0;
        while let Some(sent) = next(&mut pulses, &mut held, &mut now, START + 1_000_000) {
            assert_eq!(sent, [0x82, 3, 1, 1, 0], "its peer waits for messages all the same, and is asked nothing");
            messages += 1;
        }
        assert!(messages > 30);

        let mut slow = open(Route::Session);
        slow.send(Frame::new(vec![0x82, 0]));
        slow.poll_send().expect("it is queued");
        assert_eq!(next(&mut pulses, &mut slow, &mut now, START + 2_000_000), None, "a send is in flight");
        slow.sent();
        assert!(next(&mut pulses, &mut slow, &mut now, START + 2_004_000).is_some_and(|sent| sent != b"stale"));
    }
}
