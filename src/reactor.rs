//! One core's loop: completions, notes, parcels and time in, operations out. It waits, and it knows in which order things are asked for;
//! what follows from each, [`core`] knows.

mod clock;
mod core;
mod counters;
pub mod drain;
mod load;
mod round;
mod seats;
mod table;
mod turn_length;

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use selvedge_shards::{Now, ShardId, TICK_MS};

use self::core::Core;
use self::counters::thread_cpu_us;
use self::drain::{Drain, Step};
use self::load::LoadMeter;
use self::turn_length::TurnLength;
use crate::doorbell::Doorbell;
use crate::driver::{Driver, Operation};
use crate::inbox::{Inbox, Note};
use crate::mesh::Parcel;

pub use self::clock::Clock;
pub use self::core::{NewRules, Parts, Rules, SURPLUS_CONNECTIONS_MAX};
pub use self::counters::{Board, Counted, Counters};

/// How long a core looks for more before it sleeps, when something came a moment ago. Waking a sleeping core takes about as long.
const SPIN: Duration = Duration::from_micros(30);

/// How long a draining core waits at most until what is owed is sent, before it says goodbye all the same.
const OWED_MS_MAX: u64 = 2_000;

/// Where a core is called from, and where it looks whether it was.
pub struct Lines {
    /// Says whether it sleeps.
    pub doorbell: Arc<Doorbell>,
    /// Notes of all cores, of which one place is its own.
    pub inboxes: Arc<[Inbox]>,
    /// When to end.
    pub drain: Arc<Drain>,
    /// Where to lay out what was counted.
    pub board: Arc<Board>,
}

/// One core.
pub struct Reactor<D> {
    driver: D,
    core: Core,
    id: usize,
    lines: Lines,
    clock: Clock,
    /// Whether it pays to look for more before sleeping: not where cores share a CPU.
    spin: bool,
    /// When something came last.
    busy: Instant,
    load: LoadMeter,
    /// Of the turn that runs.
    length: TurnLength,
    /// What had come before it.
    arrivals: u64,
    /// Nothing has come in this turn so far, and nothing was to be done: it waits, or looks for work that is not there.
    idle: bool,
    /// Since when that is not counted.
    idle_since: Instant,
    tick_due: Now,
    /// The step of the end that is taken.
    step: Step,
    /// The last step that is done.
    finished: Step,
    /// Until when goodbyes wait for what is owed.
    owed_until: Option<Now>,
    counters: Counters,
    operations: Vec<Operation>,
    notes: Vec<Note>,
    parcels: Vec<(ShardId, Parcel)>,
}

impl<D: Driver> Reactor<D> {
    /// A core that serves from its first turn on. Its driver is connected to the others.
    pub fn new(driver: D, parts: Parts, lines: Lines, clock: Clock, spin: bool) -> Self {
        let moment = Instant::now();
        let now = clock.at(moment);
        Self {
            driver,
            id: usize::from(parts.id.0),
            core: Core::new(parts, now),
            lines,
            clock,
            spin,
            busy: moment,
            load: LoadMeter::new(moment),
            length: TurnLength::new(moment),
            arrivals: 0,
            idle: false,
            idle_since: moment,
            tick_due: Now(now.0 + TICK_MS),
            step: Step::Serve,
            finished: Step::Serve,
            owed_until: None,
            counters: Counters::default(),
            operations: Vec::new(),
            notes: Vec::new(),
            parcels: Vec::new(),
        }
    }

    /// Serves until the drain has ended.
    ///
    /// # Errors
    ///
    /// The driver's engine is broken.
    pub fn run(mut self) -> io::Result<()> {
        let mut leftover = false;
        while !self.has_ended() {
            self.turn(leftover)?;
            self.take_notes();
            self.take_parcels();
            self.look_at_clock();
            leftover = self.core.end_turn(self.load.load());
            leftover |= self.follow_drain();
        }
        self.lay_out();
        self.core.end();
        tracing::debug!(core = self.id, of_loop = ?self.counters, shard = ?self.core.counters(), tls = ?self.core.tls_counters(), "a core ends");
        Ok(())
    }

    /// One turn of the driver.
    fn turn(&mut self, leftover: bool) -> io::Result<()> {
        self.core.take_operations(&mut self.operations);
        let now = Instant::now();
        self.idle_until(now);
        // What the turn before has led to is with the driver.
        self.core.handed_over(self.clock.moment(now));
        if let Some(length) = self.length.ends(now, self.idle) {
            self.core.turn_took(length, self.counters.arrivals() - self.arrivals);
        }
        self.arrivals = self.counters.arrivals();
        let timeout = self.timeout(leftover, now);
        self.idle_since = now;
        self.idle = self.operations.is_empty();
        self.counters.count_turn(&self.operations, timeout);
        let (core, clock) = (&mut self.core, &self.clock);
        let mut busy = None;
        let mut completions = 0;
        let result = self.driver.turn(&mut self.operations, Some(timeout), &mut |completion| {
            if busy.is_none() {
                // The clock is read once for a turn, after the wait.
                let moment = Instant::now();
                core.set_now(clock.at(moment), clock.moment(moment));
                busy = Some(moment);
            }
            completions += 1;
            core.handle_completion(completion);
        });
        self.counters.count_completions(completions);
        self.lines.doorbell.awake();
        if let Some(moment) = busy {
            self.busy_from(moment);
            self.busy = moment;
        }
        result
    }

    /// How long the driver may wait. Where that is not zero the core has said that it sleeps.
    ///
    /// A turn with operations does not wait: what it takes is work, and most of them complete at once anyway.
    fn timeout(&self, leftover: bool, now: Instant) -> Duration {
        let just_busy = self.spin && now.saturating_duration_since(self.busy) < SPIN;
        if leftover || just_busy || !self.operations.is_empty() {
            return Duration::ZERO;
        }
        self.lines.doorbell.announce_sleep();
        if !self.inbox().is_empty() || self.core.has_parcels() || self.lines.drain.step() != self.step {
            return Duration::ZERO;
        }
        let due = self.core.next_due().map_or(self.tick_due, |due| due.min(self.tick_due));
        self.clock.until(due, now)
    }

    /// Where the turn had nothing to do up to this moment, it was waiting.
    fn idle_until(&mut self, moment: Instant) {
        if self.idle {
            let waited = moment.saturating_duration_since(self.idle_since);
            self.load.waited(waited);
            self.length.waited(waited);
            self.idle_since = moment;
        }
    }

    /// From this moment on the turn has something to do.
    fn busy_from(&mut self, moment: Instant) {
        self.idle_until(moment);
        self.idle = false;
    }

    fn inbox(&self) -> &Inbox {
        &self.lines.inboxes[self.id]
    }

    fn take_notes(&mut self) {
        self.lines.inboxes[self.id].take(&mut self.notes);
        if self.notes.is_empty() {
            return;
        }
        self.noticed();
        self.counters.notes += self.notes.len() as u64;
        for note in self.notes.drain(..) {
            self.core.handle_note(note);
        }
    }

    fn take_parcels(&mut self) {
        self.core.take_parcels(&mut self.parcels);
        if self.parcels.is_empty() {
            return;
        }
        self.noticed();
        self.counters.parcels += self.parcels.len() as u64;
        for (from, parcel) in self.parcels.drain(..) {
            self.core.handle_parcel(from, parcel);
        }
    }

    fn look_at_clock(&mut self) {
        let moment = Instant::now();
        let now = self.clock.at(moment);
        self.idle_until(moment);
        self.load.look(moment);
        if now >= self.tick_due {
            self.busy_from(moment);
            self.core.set_now(now, self.clock.moment(moment));
            self.core.tick();
            self.lay_out();
            // A core that was stopped for long does not catch up on ticks.
            self.tick_due = Now(now.0 + TICK_MS);
        }
        if self.core.next_due().is_some_and(|due| now >= due) {
            self.busy_from(moment);
            self.core.set_now(now, self.clock.moment(moment));
            self.core.has_something_due();
        }
    }

    /// Lays out what was counted so far.
    fn lay_out(&mut self) {
        self.counters.cpu_us = thread_cpu_us();
        self.counters.messages = self.core.messages();
        let counted = Counted {
            core: self.counters,
            driver: self.driver.counters(),
            shard: self.core.counters(),
            limits: self.core.limits_counters(),
            tls: self.core.tls_counters(),
            pulses: self.core.pulse_counters(),
            connections: self.core.connection_counters(),
            timings: self.core.timings(),
            batches: self.core.batches(),
        };
        self.lines.board.write(self.id, counted);
        self.core.lay_out_events();
    }

    fn noticed(&mut self) {
        let moment = Instant::now();
        self.busy_from(moment);
        self.core.set_now(self.clock.at(moment), self.clock.moment(moment));
        self.busy = moment;
    }

    /// Takes the next step of the end when it is called for, and says when it is done. `true`: the next turn must not wait.
    fn follow_drain(&mut self) -> bool {
        let wanted = self.lines.drain.step();
        if wanted == self.step {
            return self.finish_step();
        }
        if wanted == Step::Close && !self.may_say_goodbye() {
            return false;
        }
        self.step = wanted;
        self.core.take_step(wanted);
        true
    }

    /// Says that a step is done, once it is. What arrived in the turn in which it was taken was handed in before, and what that led to has
    /// left at that turn's end; so it is done one turn later at the earliest.
    fn finish_step(&mut self) -> bool {
        let done = match self.step {
            Step::Serve | Step::Close => return false,
            Step::Quiet => self.core.has_handed_all_over(),
            Step::Settle => self.core.has_handed_all_over() && !self.core.has_parcels(),
            Step::Acknowledge => self.inbox().is_empty() && !self.core.is_congested(),
        };
        if done && self.finished != self.step {
            self.finished = self.step;
            self.lines.drain.finish(self.id, self.step);
        }
        // A note wakes it, and whoever sends that needs the time which looking for it takes.
        !done && !self.core.is_preparing()
    }

    /// What clients are owed is with the kernel, or they did not take it in time.
    fn may_say_goodbye(&mut self) -> bool {
        let now = self.clock.now();
        let until = *self.owed_until.get_or_insert(Now(now.0 + OWED_MS_MAX));
        let owed = !self.inbox().is_empty() || self.core.has_parcels() || !self.core.has_sent_all();
        !owed || now >= until
    }

    fn has_ended(&self) -> bool {
        let overdue = || self.lines.drain.deadline().is_some_and(|deadline| Instant::now() >= deadline);
        self.step == Step::Close && (self.core.connections() == 0 || overdue())
    }
}
