//! The threads of one target: they wait, sign and send. What is sent when, the schedule says.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use ureq::Agent;

use super::TargetState;
use super::dead_letters::DeadLetters;
use super::schedule::{Delivery, Failure, Next, Rules, Schedule};
use super::target::Target;
use crate::events::Told;
use crate::outgoing;
use crate::priority;

/// Deliveries to one target at once.
const THREADS: usize = 4;

/// One target.
pub(super) struct Sender {
    shared: Arc<Shared>,
}

struct Shared {
    target: Target,
    agent: Agent,
    dead_letters: Arc<DeadLetters>,
    started: Instant,
    state: Mutex<State>,
    /// Something came, or ended.
    news: Condvar,
}

struct State {
    schedule: Schedule,
    /// Threads end when there is nothing to be sent at once.
    ending: bool,
    threads: usize,
    /// Dead letters in the hands of threads.
    writing: usize,
}

impl Sender {
    pub(super) fn start(
        target: Target,
        rules: Rules,
        timeout: Duration,
        dead_letters: Arc<DeadLetters>,
    ) -> io::Result<Self> {
        let debounce_ms = target.debounce_ms.unwrap_or(rules.debounce_ms);
        let debounce_ms_max = rules.debounce_ms_max.max(debounce_ms);
        let schedule = Schedule::new(Rules { debounce_ms, debounce_ms_max, ..rules }, seed());
        let shared = Arc::new(Shared {
            agent: outgoing::agent(&target.url, timeout),
            target,
            dead_letters,
            started: Instant::now(),
            state: Mutex::new(State { schedule, ending: false, threads: THREADS, writing: 0 }),
            news: Condvar::new(),
        });
        for number in 0..THREADS {
            let shared = Arc::clone(&shared);
            let run = move || {
                priority::stand_back();
                shared.run();
            };
            // Nobody joins it: a drain would wait for a network.
            thread::Builder::new().name(format!("webhook-{number}")).spawn(run)?;
        }
        Ok(Self { shared })
    }

    pub(super) fn offer(&self, told: &Arc<Told>) {
        if self.shared.target.wants(told) {
            let now = self.shared.now();
            self.shared.state().schedule.offer(now, told);
            self.shared.news.notify_one();
        }
    }

    pub(super) fn state(&self) -> TargetState {
        let now = self.shared.now();
        let state = self.shared.state();
        let (breaker, opened) = state.schedule.breaker(now);
        let counted = state.schedule.counted();
        TargetState {
            name: Arc::clone(&self.shared.target.name),
            origin: Arc::clone(&self.shared.target.origin),
            breaker,
            waiting: state.schedule.waiting(),
            delivered: counted.delivered,
            failed: counted.failed,
            dead: counted.dead,
            lost: counted.lost,
            opened,
            error: counted.error.clone(),
        }
    }

    /// From here on nothing is tried again, and the threads end when there is nothing more to be sent.
    pub(super) fn begin_to_end(&self) {
        let mut state = self.shared.state();
        state.ending = true;
        state.schedule.begin_to_end();
        drop(state);
        self.shared.news.notify_all();
    }

    /// Waits for that, at most until then; what is left is given up. What is on its way then may arrive all the same.
    pub(super) fn end(&self, deadline: Instant) {
        let patience = deadline.saturating_duration_since(Instant::now());
        let waited = self.shared.news.wait_timeout_while(self.shared.state(), patience, |state| state.threads > 0);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let letters = state.schedule.give_up_all();
        // Each needs the time of one line in a file, as the letters here do.
        drop(self.shared.news.wait_while(state, |state| state.writing > 0));
        for letter in letters {
            self.shared.dead_letters.write(&self.shared.target.name, &letter);
        }
    }
}

impl Shared {
    fn run(&self) {
        let mut state = self.state();
        loop {
            let now = self.now();
            match state.schedule.poll(now) {
                Next::GiveUp(letter) => {
                    state.writing += 1;
                    drop(state);
                    self.dead_letters.write(&self.target.name, &letter);
                    state = self.state();
                    state.writing -= 1;
                    if state.ending {
                        self.news.notify_all();
                    }
                }
                Next::Send(key, delivery) => {
                    drop(state);
                    // While this one is away, another has to see what is due next.
                    self.news.notify_one();
                    let outcome = self.send(&delivery);
                    if let Err(failure) = &outcome {
                        let (target, attempt) = (&*self.target.name, delivery.attempts + 1);
                        tracing::debug!(
                            target,
                            id = &*delivery.id,
                            attempt,
                            error = &*failure.error,
                            "a webhook failed"
                        );
                    }
                    state = self.state();
                    state.schedule.done(self.now(), &key, delivery, outcome);
                    // Others may have waited for the answer.
                    self.news.notify_all();
                }
                Next::Wait(_) if state.ending => {
                    state.threads -= 1;
                    self.news.notify_all();
                    return;
                }
                Next::Wait(until) => {
                    // Bounded, though there is nothing to be missed: a wait that is too long by a mistake would be silent.
                    let patience = until.map_or(60_000, |until| until.saturating_sub(now).min(60_000));
                    let waited = self.news.wait_timeout(state, Duration::from_millis(patience));
                    (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
    }

    fn send(&self, delivery: &Delivery) -> Result<(), Failure> {
        let failed = |error: String| Failure { error: error.into(), retry_after_ms: None };
        let timestamp = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        let signature = self.target.secrets.sign(&delivery.id, timestamp, &delivery.body);
        let request = self
            .agent
            .post(&*self.target.url)
            .header("Content-Type", "application/json")
            .header("webhook-id", &*delivery.id)
            .header("webhook-timestamp", timestamp.to_string())
            .header("webhook-signature", signature);
        // What the answer says beyond its head is of no interest: it is not read, and the connection closed.
        let response = request.send(&*delivery.body).map_err(|error| failed(error.to_string()))?;
        let status = response.status();
        if status.is_success() {
            return Ok(());
        }
        let retry_after = response.headers().get("retry-after").and_then(|value| value.to_str().ok());
        let retry_after_s = retry_after.and_then(|value| value.trim().parse::<u64>().ok());
        Err(Failure {
            error: format!("the answer has status {}", status.as_u16()).into(),
            retry_after_ms: retry_after_s.map(|seconds| seconds.saturating_mul(1_000)),
        })
    }

    fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// From the system; where it gives none, the time will do.
fn seed() -> u64 {
    let mut bytes = [0; 8];
    match aws_lc_rs::rand::fill(&mut bytes) {
        Ok(()) => u64::from_ne_bytes(bytes),
        Err(_) => {
            u64::from(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().subsec_nanos())
        }
    }
}
