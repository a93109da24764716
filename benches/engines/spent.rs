//! What a thread has spent, as the kernel's scheduler counts it.

use std::error::Error;
use std::fs;
use std::time::Duration;

/// Times of one thread since it began.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spent {
    /// On a core.
    pub(crate) computing: Duration,
    /// Ready, while something else had the core.
    pub(crate) waiting: Duration,
}

impl Spent {
    /// Of the main thread of a process.
    pub(crate) fn of(process: u32) -> Result<Self, Box<dyn Error>> {
        let text = fs::read_to_string(format!("/proc/{process}/task/{process}/schedstat"))?;
        let mut numbers = text.split_whitespace().map(str::parse);
        let mut next = || numbers.next().ok_or("schedstat has three numbers");
        Ok(Self { computing: Duration::from_nanos(next()??), waiting: Duration::from_nanos(next()??) })
    }

    pub(crate) fn since(&self, earlier: &Self) -> Self {
        Self {
            computing: self.computing.saturating_sub(earlier.computing),
            waiting: self.waiting.saturating_sub(earlier.waiting),
        }
    }
}
