//! How all cores come to an end together: steps that one thread leads and every core follows. Knows nothing of what a core does in a
//! step.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Condvar, Mutex, OnceLock, PoisonError};
use std::time::Instant;

use std::sync::Arc;

use crate::doorbell::Doorbell;

/// Where the process is in its life. The steps follow each other, and every core takes all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Step {
    /// Nothing ends.
    Serve,
    /// Accept nothing, take no more messages, and hand what was taken to the persister or to the mesh.
    Quiet,
    /// Every core is quiet: what is left in the mesh is the last that the persister gets.
    Settle,
    /// All that was taken is committed, or can never be: the owners of documents tell the cores that have sessions of them.
    Acknowledge,
    /// Every core has heard: acknowledge, say goodbye, and end.
    Close,
}

impl Step {
    fn of(number: u8) -> Self {
        match number {
            0 => Self::Serve,
            1 => Self::Quiet,
            2 => Self::Settle,
            3 => Self::Acknowledge,
            4 => Self::Close,
            5.. => unreachable!("steps are only stored as numbers of steps"),
        }
    }
}

/// Shared by the leading thread and all cores.
#[derive(Debug)]
pub struct Drain {
    step: AtomicU8,
    deadline: OnceLock<Instant>,
    /// By core: the last step that it has finished.
    finished: Mutex<Vec<Step>>,
    progress: Condvar,
    doorbells: Vec<Arc<Doorbell>>,
}

impl Drain {
    /// For the cores that have these doorbells.
    #[must_use]
    pub fn new(doorbells: Vec<Arc<Doorbell>>) -> Self {
        Self {
            step: AtomicU8::new(Step::Serve as u8),
            deadline: OnceLock::new(),
            finished: Mutex::new(vec![Step::Serve; doorbells.len()]),
            progress: Condvar::new(),
            doorbells,
        }
    }

    /// The step that the cores have to take.
    #[must_use]
    pub fn step(&self) -> Step {
        Step::of(self.step.load(Ordering::Acquire))
    }

    /// When the cores have to be gone, whatever is left. Known from the first step on.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline.get().copied()
    }

    /// Tells all cores to take this step.
    pub fn lead(&self, step: Step, deadline: Instant) {
        self.deadline.get_or_init(|| deadline);
        self.step.store(step as u8, Ordering::Release);
        for doorbell in &self.doorbells {
            doorbell.ring();
        }
    }

    /// Waits until every core has finished the step. Says `false` if some had not at the deadline.
    #[must_use]
    pub fn wait(&self, step: Step, deadline: Instant) -> bool {
        let mut finished = self.finished.lock().unwrap_or_else(PoisonError::into_inner);
        while finished.iter().any(|core| *core < step) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            finished = self.progress.wait_timeout(finished, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// A core has finished a step.
    pub fn finish(&self, core: usize, step: Step) {
        let mut finished = self.finished.lock().unwrap_or_else(PoisonError::into_inner);
        finished[core] = step;
        self.progress.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_leader_waits_for_the_last_core() {
        let drain = Drain::new((0..3).map(|_| Arc::default()).collect());
        let deadline = Instant::now() + Duration::from_secs(60);
        drain.lead(Step::Quiet, deadline);
        assert_eq!(drain.step(), Step::Quiet);
        std::thread::scope(|scope| {
            for core in 0..3 {
                let drain = &drain;
                scope.spawn(move || drain.finish(core, Step::Quiet));
            }
            assert!(drain.wait(Step::Quiet, deadline));
        });
        assert!(!drain.wait(Step::Settle, Instant::now()));
    }
}
