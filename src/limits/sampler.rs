//! The thread that looks at memory, ten times a second. Does not know what follows from it.

use std::fs;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tikv_jemalloc_ctl::{epoch, stats};

use super::{Budget, Pressure, Stage};
use crate::repeating::{Pause, Repeating};

/// How often.
const INTERVAL: Duration = Duration::from_millis(100);

/// One look in so many asks the allocator, whose answer takes 0.2 ms, even while memory is far from short. The others ask the kernel only.
const ASKS_EVERY: u32 = 10;

/// Ends with this value.
#[derive(Debug)]
pub struct Sampler {
    _thread: Repeating,
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
        let run = move |pause: &Pause| {
            let mut looks: u32 = 0;
            while pause.goes_on_after(INTERVAL) {
                looks = looks.wrapping_add(1);
                if looks.is_multiple_of(ASKS_EVERY) || !is_plenty(&pressure) {
                    measure(&pressure);
                }
            }
        };
        Ok(Self { _thread: Repeating::spawn("memory", run)? })
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

/// What the process holds, in bytes: its anonymous memory, without pages that the allocator only keeps to use again. So memory that is given
/// back counts as given back at once, and what the storage engine allocates by itself counts as well.
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
