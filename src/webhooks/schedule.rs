//! What one target is sent, and when: debounced, in order for each document, tried again, given up, left alone for a while. Has no clock, no
//! socket and no file.

use std::collections::VecDeque;
use std::sync::Arc;

use super::backoff::{Chance, backoff_ms};
use super::breaker::{Breaker, May, Phase};
use super::debounce::Debounce;
use super::lanes::Lanes;
use crate::events::{Event, Kind, Told};

/// Bytes of deliveries that wait; what finds no room is given up at once. And of those that are given up and not written down yet; what finds
/// no room there is lost, and counted.
const BYTES_MAX: usize = 16 << 20;

/// What a target is held to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    /// Deliveries that wait. What finds no room is given up at once.
    pub(super) deliveries_max: usize,
    /// Attempts until a delivery is given up.
    pub(super) attempts_max: u32,
    /// Time from an event to the last attempt. What is older is given up, tried or not.
    pub(super) age_ms_max: u64,
    /// A change is told of when no other has come for so long,
    pub(super) debounce_ms: u64,
    /// and at the latest after so long.
    pub(super) debounce_ms_max: u64,
}

/// Events of one document are delivered in their order, and so are those of one kind without a document.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum LaneKey {
    Document(Arc<str>),
    Kind(Kind),
}

/// One event on its way to one target.
#[derive(Clone, Debug)]
pub(super) struct Delivery {
    pub(super) id: Arc<str>,
    /// What is sent.
    pub(super) body: Arc<str>,
    /// Attempts that have failed.
    pub(super) attempts: u32,
    /// Why the last of them did.
    pub(super) error: Option<Arc<str>>,
    queued_at: u64,
}

/// Why a delivery was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum GivenUp {
    QueueFull,
    Attempts,
    Age,
    Stopped,
}

impl GivenUp {
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::QueueFull => "too many deliveries wait for the target",
            Self::Attempts => "too many attempts have failed",
            Self::Age => "it is too old",
            Self::Stopped => "the server stopped",
        }
    }
}

/// A delivery that was given up.
#[derive(Clone, Debug)]
pub(super) struct DeadLetter {
    pub(super) delivery: Delivery,
    pub(super) why: GivenUp,
}

/// Why an attempt failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) error: Arc<str>,
    /// The target wants to be left alone for so long.
    pub(super) retry_after_ms: Option<u64>,
}

/// What to do now.
#[derive(Debug)]
pub(super) enum Next {
    /// Send this, and say what came of it.
    Send(LaneKey, Delivery),
    /// Write this down.
    GiveUp(DeadLetter),
    /// Nothing before then, unless something comes, or ends.
    Wait(Option<u64>),
}

/// Of one target.
#[derive(Debug)]
pub(super) struct Schedule {
    rules: Rules,
    debounce: Debounce,
    lanes: Lanes<LaneKey, Delivery>,
    /// Of what is in lanes.
    bytes: usize,
    breaker: Breaker,
    chance: Chance,
    /// Given up and not written down yet: as many at most as may wait, and as many bytes.
    dead: VecDeque<DeadLetter>,
    dead_bytes: usize,
    counted: Counted,
    ending: bool,
}

/// What came of deliveries.
#[derive(Clone, Debug, Default)]
pub(super) struct Counted {
    pub(super) delivered: u64,
    pub(super) failed: u64,
    pub(super) dead: u64,
    /// Of those, so many were too many at once to be written down.
    pub(super) lost: u64,
    pub(super) error: Option<Arc<str>>,
}

impl Schedule {
    pub(super) fn new(rules: Rules, seed: u64) -> Self {
        Self {
            rules,
            debounce: Debounce::new(rules.debounce_ms, rules.debounce_ms_max),
            lanes: Lanes::new(),
            bytes: 0,
            breaker: Breaker::new(),
            chance: Chance::seeded(seed),
            dead: VecDeque::new(),
            dead_bytes: 0,
            counted: Counted::default(),
            ending: false,
        }
    }

    /// Something happened that the target wants to hear of.
    pub(super) fn offer(&mut self, now: u64, told: &Arc<Told>) {
        match &told.event {
            Event::Changed { document, .. } => {
                if let Some(released) = self.debounce.hold(now, document, told) {
                    self.queue(now, &released);
                }
                if self.ending {
                    self.release_due(u64::MAX);
                }
            }
            // A version holds what was changed before, and what is deleted is not changed afterwards.
            Event::Version { document, .. } | Event::Deleted { document } => {
                if let Some(released) = self.debounce.release(document) {
                    self.queue(now, &released);
                }
                self.queue(now, told);
            }
            Event::Created { .. }
            | Event::Opened { .. }
            | Event::Closed { .. }
            | Event::Alert { .. }
            | Event::Refused { .. }
            | Event::Stateless { .. }
            | Event::Lost { .. } => self.queue(now, told),
        }
    }

    fn queue(&mut self, now: u64, told: &Arc<Told>) {
        let body: Arc<str> = told.json().into();
        let delivery = Delivery { id: Arc::clone(&told.id), body, attempts: 0, error: None, queued_at: now };
        let is_full = self.lanes.len() >= self.rules.deliveries_max || self.bytes + delivery.body.len() > BYTES_MAX;
        if is_full {
            return self.give_up(delivery, GivenUp::QueueFull);
        }
        self.bytes += delivery.body.len();
        let kind = told.event.kind();
        let key = told.event.document().map_or(LaneKey::Kind(kind), |document| LaneKey::Document(Arc::clone(document)));
        self.lanes.push(now, key, delivery);
    }

    fn give_up(&mut self, delivery: Delivery, why: GivenUp) {
        self.counted.dead += 1;
        let bytes = delivery.body.len();
        if self.dead.len() < self.rules.deliveries_max && self.dead_bytes + bytes <= BYTES_MAX {
            self.dead_bytes += bytes;
            self.dead.push_back(DeadLetter { delivery, why });
        } else {
            self.counted.lost += 1;
        }
    }

    /// What to do now. To be asked until there is nothing.
    pub(super) fn poll(&mut self, now: u64) -> Next {
        self.release_due(now);
        if let Some(letter) = self.dead.pop_front() {
            self.dead_bytes -= letter.delivery.body.len();
            return Next::GiveUp(letter);
        }
        // Before the breaker is asked: what waits behind an open one becomes older as well.
        if let Some(letter) = self.take_too_old(now) {
            return Next::GiveUp(letter);
        }
        let too_old_at = self.lanes.oldest().map(|since| since + self.rules.age_ms_max + 1);
        let wait = |due| Next::Wait([self.debounce.next_due(), too_old_at, due].into_iter().flatten().min());
        if !self.lanes.has_ready(now) {
            return wait(self.lanes.next_due());
        }
        match self.breaker.ask(now) {
            May::Send => {}
            May::Wait(until) => return wait(Some(until)),
            May::WaitForAnswer => return wait(None),
        }
        match self.lanes.take() {
            Some((key, delivery)) => Next::Send(key, delivery),
            None => Next::Wait(None),
        }
    }

    fn release_due(&mut self, now: u64) {
        while let Some(told) = self.debounce.poll(now) {
            self.queue(now, &told);
        }
    }

    fn take_too_old(&mut self, now: u64) -> Option<DeadLetter> {
        let is_too_old = now > self.lanes.oldest()? + self.rules.age_ms_max;
        let delivery = if is_too_old { self.lanes.take_oldest()? } else { return None };
        self.bytes -= delivery.body.len();
        self.counted.dead += 1;
        Some(DeadLetter { delivery, why: GivenUp::Age })
    }

    /// An attempt has ended.
    pub(super) fn done(&mut self, now: u64, key: &LaneKey, mut delivery: Delivery, outcome: Result<(), Failure>) {
        if !self.lanes.is_flying(key) {
            // It was given up while it was on its way.
            return;
        }
        match outcome {
            Ok(()) => {
                self.breaker.succeeded();
                self.counted.delivered += 1;
                self.counted.error = None;
                self.end(key, &delivery);
            }
            Err(Failure { error, retry_after_ms }) => {
                self.breaker.failed(now);
                self.counted.failed += 1;
                self.counted.error = Some(Arc::clone(&error));
                delivery.attempts += 1;
                delivery.error = Some(error);
                let wait = backoff_ms(delivery.attempts, retry_after_ms, &mut self.chance);
                let is_too_old = now + wait > delivery.queued_at + self.rules.age_ms_max;
                let why = match (self.ending, delivery.attempts >= self.rules.attempts_max, is_too_old) {
                    (true, _, _) => GivenUp::Stopped,
                    (false, true, _) => GivenUp::Attempts,
                    (false, false, true) => GivenUp::Age,
                    (false, false, false) => {
                        return self.lanes.rest(key, delivery.queued_at, delivery, now + wait);
                    }
                };
                self.end(key, &delivery);
                self.give_up(delivery, why);
            }
        }
    }

    fn end(&mut self, key: &LaneKey, delivery: &Delivery) {
        self.bytes -= delivery.body.len();
        self.lanes.done(key);
    }

    /// The server stops: nothing waits any more for something that may come, and nothing is tried again.
    pub(super) fn begin_to_end(&mut self) {
        self.ending = true;
        self.release_due(u64::MAX);
    }

    /// Gives up all that waits or is on its way: of that nobody will know whether it arrived. Gives everything that is not written down yet.
    pub(super) fn give_up_all(&mut self) -> Vec<DeadLetter> {
        let left = self.lanes.clear();
        (self.bytes, self.dead_bytes) = (0, 0);
        self.counted.dead += left.len() as u64;
        let stopped = left.into_iter().map(|delivery| DeadLetter { delivery, why: GivenUp::Stopped });
        self.dead.drain(..).chain(stopped).collect()
    }

    pub(super) fn counted(&self) -> &Counted {
        &self.counted
    }

    /// Deliveries that wait, held back, or are on their way.
    pub(super) fn waiting(&self) -> usize {
        self.lanes.len() + self.debounce.len()
    }

    pub(super) fn breaker(&self, now: u64) -> (Phase, u64) {
        (self.breaker.phase(now), self.breaker.opened)
    }
}

#[cfg(test)]
mod tests;
