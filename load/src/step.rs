//! Steps: what all threads of a run are doing now, set by the main thread and read by the others. Nothing else is shared.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use crate::clock::Micros;

/// In this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Step {
    /// Connections are opened.
    Open,
    /// The scenario runs: warming up first, then measured.
    Run,
    /// Nothing new is begun; what is on its way arrives.
    Settle,
    /// What the scenario promises is looked at.
    Verify,
    /// Connections are closed, and the thread ends.
    End,
}

impl Step {
    const ALL: [Self; 5] = [Self::Open, Self::Run, Self::Settle, Self::Verify, Self::End];
}

/// The measured time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    /// When the scenario begins; until `from` it warms up.
    pub(crate) start: Micros,
    pub(crate) from: Micros,
    pub(crate) until: Micros,
}

impl Window {
    /// Before it is known.
    pub(crate) const NEVER: Self = Self { start: Micros::MAX, from: Micros::MAX, until: Micros::MAX };

    pub(crate) fn contains(&self, moment: Micros) -> bool {
        (self.from..self.until).contains(&moment)
    }
}

/// Where the main thread says it.
#[derive(Debug)]
pub(crate) struct Stage {
    step: AtomicU8,
    start: AtomicU64,
    from: AtomicU64,
    until: AtomicU64,
}

impl Stage {
    pub(crate) fn new() -> Self {
        let never = Window::NEVER;
        Self {
            step: AtomicU8::new(Step::Open as u8),
            start: AtomicU64::new(never.start),
            from: AtomicU64::new(never.from),
            until: AtomicU64::new(never.until),
        }
    }

    pub(crate) fn step(&self) -> Step {
        Step::ALL[usize::from(self.step.load(Ordering::Acquire))]
    }

    pub(crate) fn set_step(&self, step: Step) {
        self.step.store(step as u8, Ordering::Release);
    }

    /// To be set before [`Step::Run`], whose readers then see it.
    pub(crate) fn set_window(&self, window: Window) {
        self.start.store(window.start, Ordering::Relaxed);
        self.from.store(window.from, Ordering::Relaxed);
        self.until.store(window.until, Ordering::Relaxed);
    }

    pub(crate) fn window(&self) -> Window {
        Window {
            start: self.start.load(Ordering::Relaxed),
            from: self.from.load(Ordering::Relaxed),
            until: self.until.load(Ordering::Relaxed),
        }
    }
}
