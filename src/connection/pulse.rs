//! When a connection has to be sent something, asked something, or given up: a few bytes for each of very many. Has no socket and no clock,
//! and does not know what is said on the connection.

mod pace;
mod round_trip;
mod stamp;

pub use pace::{Dialect, Pace};
use round_trip::RoundTrip;
pub use round_trip::{EXCELLENT_MS_MAX, GOOD_MS_MAX, Quality};
pub use stamp::{Stamp, Stamps};

use selvedge_shards::Now;

/// Questions without an answer after which nobody is thought to be there.
pub const QUESTIONS_MAX: u8 = 12;

/// A look in so many measures the round trip of a connection that does well: every 17 minutes. A pong wakes a core that sleeps, and costs as
/// much as six heartbeats.
const MEASURED_EVERY: u32 = 512;

/// The same where it might be better: every 4 minutes.
const MEASURED_EVERY_IF_GOOD: u32 = 128;

/// The same while the connection does badly.
const MEASURED_EVERY_IF_POOR: u32 = 16;

/// The same until the first answer: so soon after opening.
const MEASURED_EVERY_IF_UNKNOWN: u32 = 8;

/// Connections that do well are asked in one round in so many only: answers that come at about the same time share the wake of a core.
const ROUNDS_APART: u32 = 16;

// Or some would never be asked.
const _: () =
    assert!(MEASURED_EVERY.is_multiple_of(ROUNDS_APART) && MEASURED_EVERY_IF_GOOD.is_multiple_of(ROUNDS_APART));

/// Time in units of 1,024 ms, which wrap after 18 hours: far more than anything here waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tick(u16);

impl Tick {
    fn of(now: Now) -> Self {
        // Wraps.
        Self((now.0 >> 10) as u16)
    }

    fn since(self, earlier: Self) -> u16 {
        self.0.wrapping_sub(earlier.0)
    }
}

/// So many ticks, rounded down; at least one.
fn ticks(ms: u64) -> u16 {
    u16::try_from(ms >> 10).unwrap_or(u16::MAX).max(1)
}

/// What one connection has to keep.
#[derive(Clone, Copy, Debug)]
pub struct Pulse {
    /// When a message was last given to the socket.
    sent: Tick,
    /// When the first of the questions was asked that nothing has been heard since.
    asked: Tick,
    round_trip: RoundTrip,
    /// Questions asked since something was last heard.
    unanswered: u8,
    /// The answer to the last question would tell how long it took.
    timed: bool,
}

// A million connections have a million of these.
const _: () = assert!(size_of::<Pulse>() <= 8);

/// What is known when a connection is looked at. Every connection is looked at once in [`Pace::LOOK_MS`].
#[derive(Clone, Copy, Debug)]
pub struct Look<'a> {
    /// The time.
    pub now: Now,
    /// Counts looks.
    pub round: u32,
    /// A number of the connection, which spreads it in time: neighbours' are far apart.
    pub spread: u32,
    /// How long to wait for what.
    pub pace: &'a Pace,
    /// What the peer takes for a sign of life.
    pub dialect: Dialect,
}

/// What a look led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beat {
    /// Nothing is to be done.
    Rest,
    /// Something has to be sent.
    Send {
        /// The dialect's message that says nothing.
        message: bool,
        /// A ping with a stamp.
        ping: bool,
    },
    /// Nobody is there.
    Stale,
}

impl Pulse {
    /// Of a connection that has just been opened.
    #[must_use]
    pub fn new(now: Now) -> Self {
        let tick = Tick::of(now);
        Self { sent: tick, asked: tick, round_trip: RoundTrip::default(), unanswered: 0, timed: false }
    }

    /// A message goes to the socket.
    pub fn sent(&mut self, now: Now) {
        self.sent = Tick::of(now);
    }

    /// Something has arrived, whatever it was: it answers what was asked.
    pub fn heard(&mut self) {
        self.unanswered = 0;
    }

    /// A ping with a stamp goes to the socket.
    pub fn asked(&mut self, dialect: Dialect, now: Now) {
        match dialect {
            // Its code does not hear of pings, and waits for a message all the same.
            Dialect::YWebsocket | Dialect::Hocuspocus => {}
            Dialect::Plain => self.sent(now),
        }
        if self.unanswered == 0 {
            self.asked = Tick::of(now);
        }
        self.unanswered = self.unanswered.saturating_add(1);
        self.timed = true;
    }

    /// Nothing can be concluded from silence: the socket takes nothing, or nothing is read from it.
    pub fn cannot_answer(&mut self) {
        self.unanswered = 0;
        self.timed = false;
    }

    /// The answer to a question of its own came after so long. Says whether that counts: there is one answer for each question.
    pub fn answered(&mut self, round_trip_ms: u32) -> bool {
        let counts = std::mem::take(&mut self.timed);
        if counts {
            self.round_trip.add(round_trip_ms);
        }
        counts
    }

    /// How well the connection does.
    #[must_use]
    pub fn quality(&self) -> Quality {
        // One question may be on its way.
        if self.unanswered > 1 { Quality::Poor } else { self.round_trip.quality() }
    }

    /// Whatever is due. Where it is not [`Beat::Rest`], the caller does it, and says so by [`Pulse::sent`] and [`Pulse::asked`].
    #[must_use]
    pub fn look(&self, look: &Look<'_>) -> Beat {
        let Look { now, round, spread, pace, dialect } = *look;
        let now = Tick::of(now);
        let late = |questions: u8| now.since(self.asked) >= u16::from(questions).saturating_mul(pace.answer_ticks());
        if self.unanswered >= QUESTIONS_MAX && late(QUESTIONS_MAX) {
            return Beat::Stale;
        }
        let answer_late = self.unanswered > 0 && late(self.unanswered);
        let quality = self.quality();
        let interval = pace.interval(dialect, quality);
        let quiet = now.since(self.sent);
        let due = quiet >= interval - early(spread, interval);
        match dialect {
            Dialect::YWebsocket | Dialect::Hocuspocus => {
                let ping = answer_late || self.is_to_be_measured(quality, round, spread);
                // What goes out anyway takes along the message that would be due soon.
                Beat::send(due || (ping && quiet >= interval / 2), ping)
            }
            Dialect::Plain => Beat::send(false, due || answer_late),
        }
    }

    /// A question is an answer more to handle on either side, so there are few.
    fn is_to_be_measured(&self, quality: Quality, round: u32, spread: u32) -> bool {
        let (every, together) = match quality {
            // One that did not answer is not asked more often for it.
            Quality::Unknown if self.timed => (MEASURED_EVERY_IF_GOOD, ROUNDS_APART),
            Quality::Unknown => (MEASURED_EVERY_IF_UNKNOWN, 1),
            Quality::Poor => (MEASURED_EVERY_IF_POOR, 1),
            Quality::Good => (MEASURED_EVERY_IF_GOOD, ROUNDS_APART),
            Quality::Excellent => (MEASURED_EVERY, ROUNDS_APART),
        };
        round.wrapping_add(spread - spread % together).is_multiple_of(every)
    }
}

impl Beat {
    fn send(message: bool, ping: bool) -> Self {
        if message || ping { Self::Send { message, ping } } else { Self::Rest }
    }
}

/// How much sooner than it must be, up to an eighth. Connections that came together would otherwise be due together for ever, and stand next
/// to each other in the table as well.
fn early(spread: u32, interval: u16) -> u16 {
    // The remainder is less than an eighth of a `u16`.
    (spread % (u32::from(interval) / 8 + 1)) as u16
}

#[cfg(test)]
mod tests;
