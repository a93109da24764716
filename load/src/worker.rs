//! Workers: one pinned thread each, with a driver and clients of its own. It carries what happens on sockets to the scenario's part, and tells
//! the main thread what was counted. Does not know which scenario it is.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Duration;

use rustix::thread::{CpuSet, sched_setaffinity};
use selvedge::driver::{Completion, ConnectionKey, Driver, Engine, Operation, Waker};
use selvedge_protocol::websocket::{CloseFrame, OpCode};

use crate::clock::Micros;
use crate::connection::{Heard, Inbound, Phase};
use crate::effort::EffortMark;
use crate::hands::{Hands, Means};
use crate::opening::Opening;
use crate::part::Part;
use crate::step::{Stage, Step};
use crate::tally::{Count, Tally};

/// How often a worker says what it counted.
const TALLY_EVERY_US: Micros = 250_000;
/// How long closing all connections may take at the end.
const END_MAX_US: Micros = 10_000_000;
/// Connections that are closed in one turn at the end.
const CLOSES_PER_TURN: u32 = 4096;

/// What a worker is started with.
pub(crate) struct Start<P> {
    pub(crate) means: Means,
    pub(crate) thread: u32,
    pub(crate) cpu: Option<usize>,
    pub(crate) part: P,
    pub(crate) opening: Opening,
    pub(crate) stage: Arc<Stage>,
    pub(crate) tallies: Sender<Tally>,
}

struct Worker<P> {
    part: P,
    hands: Hands,
    opening: Opening,
    stage: Arc<Stage>,
    tallies: Sender<Tally>,
    means: Means,
    step: Step,
    tally_due: Micros,
    /// The last step that was said to be done.
    said_done: Option<Step>,
    mark: Option<EffortMark>,
    /// The next client to be closed at the end, and until when that may take.
    closing: u32,
    end_due: Micros,
}

/// Runs until [`Step::End`] is done. `ready` gets the waker, or why there is none.
///
/// # Errors
///
/// The driver is broken.
pub(crate) fn run<P: Part>(
    start: Start<P>,
    open: impl FnOnce() -> io::Result<Engine>,
    ready: &dyn Fn(io::Result<Waker>),
) -> io::Result<()> {
    if let Some(cpu) = start.cpu {
        let mut set = CpuSet::new();
        set.set(cpu);
        // A worker that is not pinned works as well, only less evenly; the CPUs were checked when the run was planned.
        let _ = sched_setaffinity(None, &set);
    }
    let mut engine = match open() {
        Ok(engine) => engine,
        Err(error) => {
            ready(Err(error));
            return Ok(());
        }
    };
    ready(Ok(engine.waker()));
    Worker::new(start).run(&mut engine)
}

impl<P: Part> Worker<P> {
    fn new(start: Start<P>) -> Self {
        let Start { means, thread, cpu: _, part, opening, stage, tallies } = start;
        let hands = Hands::new(&means, thread, part.clients());
        let tally_due = hands.now() + TALLY_EVERY_US;
        let (step, said_done, mark) = (Step::Open, None, None);
        Self { part, hands, opening, stage, tallies, means, step, tally_due, said_done, mark, closing: 0, end_due: 0 }
    }

    fn run(mut self, engine: &mut Engine) -> io::Result<()> {
        self.part.handle_step(Step::Open, &mut self.hands);
        let mut operations = Vec::new();
        loop {
            self.hands.set_now();
            self.follow_stage();
            self.begin_what_is_due();
            self.flush();
            self.report();
            if self.has_ended() {
                return Ok(());
            }
            let timeout = self.timeout();
            std::mem::swap(&mut operations, &mut self.hands.operations);
            engine.turn(&mut operations, Some(timeout), &mut |completion| self.handle(completion))?;
        }
    }

    /// Until the next thing to do.
    fn timeout(&self) -> Duration {
        if self.stage.step() != self.step || !self.hands.operations.is_empty() {
            return Duration::ZERO;
        }
        let opening = if self.step == Step::Open { self.opening.due(&self.hands) } else { None };
        let dues = [self.part.due(), opening, Some(self.tally_due), self.measure_due()];
        let due = dues.into_iter().flatten().min().unwrap_or(self.tally_due);
        // Read anew, because handling has taken its time.
        Duration::from_micros(due.saturating_sub(self.means.clock.now()))
    }

    /// When the measured time begins or ends, while that is ahead.
    fn measure_due(&self) -> Option<Micros> {
        let window = self.hands.window;
        match self.mark {
            None => Some(window.from),
            Some(_) => Some(window.until),
        }
        .filter(|_| self.hands.tally.effort.is_none() && self.step == Step::Run)
    }

    fn follow_stage(&mut self) {
        let step = self.stage.step();
        if step != self.step {
            if step >= Step::Run {
                self.hands.window = self.stage.window();
            }
            self.step = step;
            if step == Step::End {
                self.end_due = self.hands.now() + END_MAX_US;
            }
            self.part.handle_step(step, &mut self.hands);
        }
        self.measure_effort();
    }

    fn measure_effort(&mut self) {
        let (now, window) = (self.hands.now(), self.hands.window);
        match self.mark {
            None if now >= window.from => self.mark = Some(EffortMark::now(self.means.clock)),
            Some(mark) if self.hands.tally.effort.is_none() && (now >= window.until || self.step > Step::Run) => {
                self.hands.tally.effort = Some(mark.since(self.means.clock));
            }
            None | Some(_) => {}
        }
    }

    fn begin_what_is_due(&mut self) {
        match self.step {
            Step::Open => self.opening.act(&self.part, &mut self.hands),
            Step::Run | Step::Settle | Step::Verify => {}
            Step::End => return self.close_some(),
        }
        if self.part.due().is_some_and(|due| due <= self.hands.now()) {
            self.part.act(&mut self.hands);
        }
    }

    fn close_some(&mut self) {
        let until = (self.closing + CLOSES_PER_TURN).min(self.part.clients());
        for client in self.closing..until {
            self.hands.close(client);
        }
        self.closing = until;
    }

    fn flush(&mut self) {
        let hands = &mut self.hands;
        for client in hands.unflushed.drain(..) {
            let connection = &mut hands.connections[client as usize];
            if let Some(frame) = connection.poll_frame() {
                hands.operations.push(Operation::Send { key: connection.key(client), frame });
            }
        }
    }

    fn is_done(&self) -> bool {
        let opened = self.step != Step::Open || self.opening.is_done(&self.hands);
        opened && self.part.is_done(self.step, &self.hands)
    }

    fn has_ended(&self) -> bool {
        let closed = self.closing == self.part.clients() && self.hands.sockets == 0;
        self.step == Step::End && (closed || self.hands.now() >= self.end_due)
    }

    /// Says what was counted, when it is time or a step is done. Whoever does not listen any more has ended the run.
    fn report(&mut self) {
        let done = self.said_done < Some(self.step) && self.is_done();
        if done {
            self.said_done = Some(self.step);
        }
        if done || self.hands.now() >= self.tally_due {
            self.tally_due = self.hands.now() + TALLY_EVERY_US;
            let effort = self.hands.tally.effort;
            let fresh = Tally { thread: self.hands.tally.thread, effort, ..Tally::default() };
            let mut tally = std::mem::replace(&mut self.hands.tally, fresh);
            tally.done = self.said_done;
            drop(self.tallies.send(tally));
        }
    }

    fn handle(&mut self, completion: Completion<'_>) {
        self.hands.set_now();
        match completion {
            Completion::Connected { key, result: Ok(()) } => self.handle_connected(key),
            Completion::Connected { key, result: Err(error) } => self.handle_unconnected(key, &error),
            Completion::Received { key, data } => self.handle_received(key, data),
            Completion::Ended { key, error } => {
                let trouble = match error {
                    None => "the server ended the connection without a Close frame".to_owned(),
                    Some(error) => format!("the connection broke: {error}"),
                };
                if self.is_current(key) {
                    self.hands.fail(key.index, &trouble);
                }
            }
            Completion::Sent { key, frame: _, result } => self.handle_sent(key, result),
            Completion::Closed { key } => {
                if self.is_current(key) {
                    self.handle_gone(key.index);
                }
            }
            Completion::Accepted { .. } | Completion::AcceptFailed { .. } | Completion::Released { .. } => {
                unreachable!("nobody asked for it")
            }
        }
    }

    fn is_current(&self, key: ConnectionKey) -> bool {
        self.hands.connections[key.index as usize].has_key(key)
    }

    fn handle_connected(&mut self, key: ConnectionKey) {
        let connection = &mut self.hands.connections[key.index as usize];
        if connection.has_key(key) && connection.phase == Phase::Connecting {
            connection.phase = Phase::Upgrading;
            self.hands.operations.push(Operation::Receive { key });
            self.hands.unflushed.push(key.index);
        }
    }

    /// The driver knows the connection no longer.
    fn handle_unconnected(&mut self, key: ConnectionKey, error: &io::Error) {
        if !self.is_current(key) {
            return;
        }
        if self.hands.connections[key.index as usize].phase == Phase::Connecting {
            self.hands.opening -= 1;
            self.hands.count_failure(&format!("cannot connect: {error}"));
        }
        self.handle_gone(key.index);
    }

    fn handle_gone(&mut self, client: u32) {
        self.hands.connections[client as usize].finish();
        self.hands.sockets -= 1;
        self.part.handle_end(client, &mut self.hands);
    }

    fn handle_sent(&mut self, key: ConnectionKey, result: io::Result<()>) {
        if !self.is_current(key) {
            return;
        }
        let client = key.index;
        if let Err(error) = result {
            return self.hands.fail(client, &format!("the connection broke: {error}"));
        }
        let connection = &mut self.hands.connections[client as usize];
        connection.handle_sent();
        self.hands.unflushed.push(client);
        if connection.held_back && connection.has_room() {
            connection.held_back = false;
            self.part.handle_room(client, &mut self.hands);
        }
    }

    fn handle_received(&mut self, key: ConnectionKey, data: &mut [u8]) {
        let client = key.index;
        let connection = &mut self.hands.connections[client as usize];
        if !connection.has_key(key) || connection.phase == Phase::Closing {
            return;
        }
        // Taken out, so that what is heard can be borrowed from it while the part sends on the same connection.
        let mut inbound = std::mem::replace(&mut connection.inbound, Inbound::Nothing);
        let mut consumed = 0;
        loop {
            match inbound.next(data, &mut consumed) {
                Ok(None) => break,
                Ok(Some(heard)) => self.handle_heard(client, heard),
                Err(fault) => self.hands.fail(client, &fault.to_string()),
            }
            // Closed meanwhile: nothing of it matters any more.
            if self.hands.connections[client as usize].phase == Phase::Closing {
                return;
            }
        }
        self.hands.connections[client as usize].inbound = inbound;
    }

    fn handle_heard(&mut self, client: u32, heard: Heard<'_>) {
        match heard {
            Heard::Opened => {
                self.hands.connections[client as usize].phase = Phase::Open;
                self.part.handle_open(client, &mut self.hands);
            }
            Heard::Message(payload) => {
                self.hands.tally.counts.add(Count::ReceivedBytes, payload.len() as u64);
                self.part.handle_message(client, payload, &mut self.hands);
            }
            Heard::Ping(payload) => self.hands.send_frame(client, OpCode::Pong, payload),
            Heard::Pong => {}
            Heard::Closed(close) => self.hands.fail(client, &goodbye(close)),
        }
    }
}

fn goodbye(close: Option<CloseFrame<'_>>) -> String {
    match close {
        Some(CloseFrame { code, reason: "" }) => format!("the server closed with code {}", code.value()),
        Some(CloseFrame { code, reason }) => format!("the server closed with code {}: {reason}", code.value()),
        None => "the server closed without a code".to_owned(),
    }
}
