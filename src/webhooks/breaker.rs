//! A circuit breaker: after some failures in a row a target is left alone for a while, then asked once whether it is well again. Has no clock.

/// Failures in a row that open it.
const FAILURES_MAX: u32 = 5;

/// How long it stays open the first time, in milliseconds; twice as long each time that the one question fails.
const OPEN_MS: u64 = 10_000;

/// And at most.
const OPEN_MS_MAX: u64 = 300_000;

/// What a breaker allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Everything.
    Closed,
    /// Nothing.
    Open,
    /// One delivery, which decides.
    HalfOpen,
}

impl Phase {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Closed, Self::Open, Self::HalfOpen];

    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half-open",
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum State {
    Closed {
        failures: u32,
    },
    Open {
        until: u64,
        open_ms: u64,
    },
    /// The one delivery is in flight.
    Asking {
        open_ms: u64,
    },
}

/// When something may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum May {
    /// Now. It counts as sent.
    Send,
    /// Not before.
    Wait(u64),
    /// When something that is in flight has ended.
    WaitForAnswer,
}

#[derive(Debug)]
pub(super) struct Breaker {
    state: State,
    /// Times that it opened.
    pub(super) opened: u64,
}

impl Breaker {
    pub(super) fn new() -> Self {
        Self { state: State::Closed { failures: 0 }, opened: 0 }
    }

    /// To be asked when there is something to be sent, and then it is.
    pub(super) fn ask(&mut self, now: u64) -> May {
        match self.state {
            State::Closed { .. } => May::Send,
            State::Open { until, .. } if now < until => May::Wait(until),
            State::Open { open_ms, .. } => {
                self.state = State::Asking { open_ms };
                May::Send
            }
            State::Asking { .. } => May::WaitForAnswer,
        }
    }

    pub(super) fn succeeded(&mut self) {
        match self.state {
            // What was sent before it opened says nothing of now.
            State::Open { .. } => {}
            State::Closed { .. } | State::Asking { .. } => self.state = State::Closed { failures: 0 },
        }
    }

    pub(super) fn failed(&mut self, now: u64) {
        match self.state {
            State::Closed { failures } if failures + 1 < FAILURES_MAX => {
                self.state = State::Closed { failures: failures + 1 };
            }
            State::Closed { .. } => self.open(now, OPEN_MS),
            State::Asking { open_ms } => self.open(now, (open_ms * 2).min(OPEN_MS_MAX)),
            State::Open { .. } => {}
        }
    }

    fn open(&mut self, now: u64, open_ms: u64) {
        self.state = State::Open { until: now + open_ms, open_ms };
        self.opened += 1;
    }

    pub(super) fn phase(&self, now: u64) -> Phase {
        match self.state {
            State::Closed { .. } => Phase::Closed,
            State::Open { until, .. } if now < until => Phase::Open,
            State::Open { .. } | State::Asking { .. } => Phase::HalfOpen,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(now: u64) -> Breaker {
        let mut breaker = Breaker::new();
        for _ in 0..FAILURES_MAX {
            assert_eq!((breaker.ask(now), breaker.phase(now)), (May::Send, Phase::Closed));
            breaker.failed(now);
        }
        breaker
    }

    #[test]
    fn some_failures_in_a_row_open_it_and_one_success_closes_it() {
        let mut breaker = opened(0);
        assert_eq!((breaker.ask(1), breaker.phase(1), breaker.opened), (May::Wait(OPEN_MS), Phase::Open, 1));
        breaker.succeeded();
        assert_eq!(breaker.phase(1), Phase::Open, "that was sent before");
        assert_eq!(breaker.phase(OPEN_MS), Phase::HalfOpen);
        assert_eq!((breaker.ask(OPEN_MS), breaker.ask(OPEN_MS)), (May::Send, May::WaitForAnswer));
        breaker.succeeded();
        assert_eq!((breaker.ask(OPEN_MS), breaker.phase(OPEN_MS)), (May::Send, Phase::Closed));
        for _ in 0..100 {
            breaker.failed(0);
            breaker.succeeded();
        }
        assert_eq!(breaker.phase(0), Phase::Closed, "they were not in a row");
    }

    #[test]
    fn each_failed_question_leaves_it_open_for_longer() {
        let mut breaker = opened(0);
        let (mut now, mut open_ms) = (0, OPEN_MS);
        for _ in 0..10 {
            assert_eq!(breaker.ask(now), May::Wait(now + open_ms));
            now += open_ms;
            assert_eq!(breaker.ask(now), May::Send);
            breaker.failed(now);
            open_ms = (open_ms * 2).min(OPEN_MS_MAX);
        }
        assert_eq!(breaker.opened, 11);
    }
}
