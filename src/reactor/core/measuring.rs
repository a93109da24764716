//! How long things take on a core, and how many come together. What has begun is noted with the time of its turn, and what has ended waits until what
//! it led to is handed to the driver, so that no message costs a look at the clock, but for the first of one receive in 16.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use selvedge_shards::{Measured, Moment};

use super::Core;
use super::slowness::Slowness;
use crate::driver::ConnectionKey;
use crate::instruments::{Batch, Batches, Timed, Timings};
use crate::slow::Cause;

/// Above this the table of requests is made smaller when most of it is unused.
const KEPT_REQUESTS: usize = 1_024;

/// What a core measures.
#[derive(Debug, Default)]
pub(super) struct Measuring {
    timings: Timings,
    batches: Batches,
    /// When the turn began.
    moment: Moment,
    /// When sockets were accepted whose requests are not answered yet. Bounded by the connections, each of which has so long for its request.
    requests: HashMap<ConnectionKey, Moment>,
    /// When sockets were accepted whose upgrades were granted in this turn.
    opened: Vec<Moment>,
    lot: Lot,
    messages: u64,
    pub(super) slowness: Slowness,
}

impl Measuring {
    pub(super) fn new(slowness: Slowness) -> Self {
        Self { slowness, ..Self::default() }
    }

    pub(super) fn moment(&self) -> Moment {
        self.moment
    }

    pub(super) fn accepted(&mut self, key: ConnectionKey) {
        self.adopted(key, self.moment);
    }

    /// It was accepted then, perhaps by another core.
    pub(super) fn adopted(&mut self, key: ConnectionKey, since: Moment) {
        self.requests.insert(key, since);
    }

    /// Its upgrade is granted.
    pub(super) fn opened(&mut self, key: ConnectionKey) {
        let since = self.forget(key);
        self.opened.extend(since);
    }

    /// It goes to another core. Says when it was accepted.
    pub(super) fn leaves(&mut self, key: ConnectionKey) -> Moment {
        self.forget(key).unwrap_or(self.moment)
    }

    /// It is not waited for any more. Says when it was accepted, if it was.
    pub(super) fn forget(&mut self, key: ConnectionKey) -> Option<Moment> {
        let since = self.requests.remove(&key)?;
        if self.requests.capacity() > KEPT_REQUESTS && self.requests.len() < self.requests.capacity() / 4 {
            self.requests.shrink_to(self.requests.capacity() / 2);
        }
        Some(since)
    }

    /// Something was received: says whether the first message of it is timed.
    pub(super) fn draw(&mut self) -> bool {
        self.lot.draw()
    }

    /// A message is about to be handled: when, if it is one that is timed. What follows it is not.
    #[inline]
    pub(super) fn message_begins(&mut self, drawn: &mut bool) -> Option<Instant> {
        self.messages += 1;
        std::mem::take(drawn).then(Instant::now)
    }

    /// What follows from it at once has followed.
    #[inline]
    pub(super) fn message_ends(&mut self, since: Option<Instant>) {
        if let Some(since) = since {
            self.message_took(since);
        }
    }

    /// Apart, because it is not what mostly happens.
    #[cold]
    fn message_took(&mut self, since: Instant) {
        self.timings.record(Timed::Message, micros(since.elapsed()));
    }
}

impl Core {
    /// What the turn has led to is with the driver.
    pub(in super::super) fn handed_over(&mut self, moment: Moment) {
        let delay = self.cause_of_delay();
        let Measuring { timings, batches, opened, slowness, .. } = &mut self.measuring;
        let mut slow_joins = Vec::new();
        for measured in self.shard.take_measured() {
            match measured {
                Measured::Acknowledged { document, since, updates } => {
                    let us = moment.since(since);
                    timings.record_many(Timed::Acknowledge, us, updates.into());
                    if slowness.is_slow(Timed::Acknowledge, us) {
                        slowness.acknowledged(document, since, us);
                    }
                }
                Measured::Delivered { document, since, updates } => {
                    let us = moment.since(since);
                    timings.record_many(Timed::Deliver, us, updates.into());
                    if slowness.is_slow(Timed::Deliver, us) {
                        slowness.record(Timed::Deliver, Some(document), us, delay);
                    }
                }
                Measured::FannedOut { updates } => batches.record(Batch::FanOut, updates),
                Measured::Joined { session, since } => {
                    let us = moment.since(since);
                    timings.record(Timed::Join, us);
                    if slowness.is_slow(Timed::Join, us) {
                        slow_joins.push((session, us));
                    }
                }
            }
        }
        for since in opened.drain(..) {
            timings.record(Timed::Opening, moment.since(since));
        }
        for (session, us) in slow_joins {
            let document = self.shard.document_of(session);
            self.measuring.slowness.record(Timed::Join, document, us, Cause::Unknown);
        }
    }

    /// The turn has worked so long, on so much that had come.
    pub(in super::super) fn turn_took(&mut self, time: Duration, arrivals: u64) {
        let (us, Measuring { timings, slowness, .. }) = (micros(time), &mut self.measuring);
        timings.record(Timed::Turn, us);
        if slowness.is_slow(Timed::Turn, us) {
            slowness.record(Timed::Turn, None, us, Cause::Turn { arrivals });
        }
    }

    /// The time of whatever is handled next, for measuring.
    pub(super) fn look(&mut self, moment: Moment) {
        self.measuring.moment = moment;
        self.shard.look(moment);
    }

    /// Messages that were handled.
    pub(in super::super) fn messages(&self) -> u64 {
        self.measuring.messages
    }

    /// How long things have taken.
    pub(in super::super) fn timings(&self) -> Timings {
        self.measuring.timings
    }

    /// How much has come together.
    pub(in super::super) fn batches(&self) -> Batches {
        self.measuring.batches
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// Says yes one time in 16, in no pattern that clients could share.
#[derive(Debug, Default)]
struct Lot {
    /// So many times it says no first.
    left: u64,
    state: u64,
}

impl Lot {
    fn draw(&mut self) -> bool {
        match self.left.checked_sub(1) {
            Some(left) => {
                self.left = left;
                false
            }
            None => {
                // A full period, whose highest bits are the best (Knuth, MMIX).
                self.state = self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                // From 0 to 30, 15 on average.
                self.left = (self.state >> 32) % 31;
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_receive_in_16_is_drawn() {
        let mut lot = Lot::default();
        let drawn = (0..160_000).filter(|_| lot.draw()).count();
        assert!((9_500..10_500).contains(&drawn), "{drawn}");
    }

    #[test]
    fn a_request_is_timed_once_from_where_it_was_accepted() {
        let mut measuring = Measuring { moment: Moment(5), ..Measuring::default() };
        let key = |index| ConnectionKey { index, generation: 0 };
        measuring.accepted(key(1));
        measuring.adopted(key(2), Moment(3));
        measuring.opened(key(2));
        measuring.opened(key(2));
        assert_eq!(measuring.opened, [Moment(3)]);
        assert_eq!(measuring.leaves(key(1)), Moment(5));
        assert!(measuring.requests.is_empty());
    }
}
