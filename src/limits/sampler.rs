//! The thread that looks at memory, ten times a second. Does not know what follows from it.

use std::fs;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tikv_jemalloc_ctl::{epoch, stats};

use super::{Budget, Pressure, Stage};

/// How often.
const INTERVAL: Duration = Duration::from_millis(100);

/// One look in so many asks the allocator, whose answer takes 0.2 ms, even while memory is far from short. The others ask the kernel only.
const ASKS_EVERY: u32 = 10;

/// Ends with this value.
#[derive(Debug)]
pub struct Sampler {
    /// Dropped first, which ends the thread.
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Sampler {
    /// Measures from now on, the first time before this returns.
    ///
    /// # Errors
    ///
    /// The machine has no thread to give.
    pub fn spawn(pressure: Arc<Pressure>, budget: Budget) -> io::Result<Self> {
        pressure.set_budget(budget);
        measure(&pressure);
        let (stop, stopped) = mpsc::channel::<()>();
        let run = move || {
            let mut looks: u32 = 0;
            while stopped.recv_timeout(INTERVAL) == Err(RecvTimeoutError::Timeout) {
                looks = looks.wrapping_add(1);
                if looks.is_multiple_of(ASKS_EVERY) || !is_plenty(&pressure) {
                    measure(&pressure);
                }
            }
        };
        let thread = thread::Builder::new().name("memory".into()).spawn(run)?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Sampler {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // A panic has aborted the process already.
            drop(thread.join());
        }
    }
}

/// Even with all that the allocator only keeps, memory is far from short.
fn is_plenty(pressure: &Pressure) -> bool {
    let would_be = |bytes| pressure.budget().stage(Stage::Plenty, bytes);
    pressure.stage() == Stage::Plenty && anonymous_bytes().map(would_be) == Some(Stage::Plenty)
}

fn measure(pressure: &Pressure) {
    let used_bytes = used_bytes();
    let (before, after) = pressure.measured(used_bytes);
    if before != after {
        tracing::warn!(
            ?before,
            ?after,
            used_bytes,
            budget_bytes = pressure.budget().0,
            "memory: what is done about it has changed"
        );
    }
}

/// What the process holds, in bytes: its anonymous memory, without pages that the allocator only keeps to use again. So memory that is given back counts as
/// given back at once, and what the storage engine allocates by itself counts as well.
fn used_bytes() -> usize {
    // None of these fails on Linux with jemalloc; a figure that is missing counts as nothing.
    let _ = epoch::advance();
    let [allocated, active, resident] = [stats::allocated::read(), stats::active::read(), stats::resident::read()];
    let (allocated, active, resident) = (allocated.unwrap_or(0), active.unwrap_or(0), resident.unwrap_or(0));
    let kept = resident.saturating_sub(active);
    // What the allocator takes for resident it may never have touched.
    anonymous_bytes().unwrap_or(resident).saturating_sub(kept).max(allocated)
}

/// Resident memory that is not of files (proc_pid_status(5)).
fn anonymous_bytes() -> Option<usize> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<usize>().ok()? * 1_024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_measured_and_the_thread_ends() {
        let held = std::hint::black_box(vec![1_u8; 64 << 20]);
        let pressure = Arc::new(Pressure::default());
        let sampler = Sampler::spawn(Arc::clone(&pressure), Budget(0)).expect("a thread");
        assert!(pressure.used_bytes() >= held.len(), "{}", pressure.used_bytes());
        drop(sampler);
        assert_eq!(Arc::strong_count(&pressure), 1);
    }
}
