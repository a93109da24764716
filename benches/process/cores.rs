//! On which cores threads run.

use std::io;

use rustix::thread::{CpuSet, sched_setaffinity};

/// Keeps the calling thread, and what it starts, on these.
pub(crate) fn pin(cores: &[usize]) -> io::Result<()> {
    let mut set = CpuSet::new();
    for &core in cores {
        set.set(core);
    }
    Ok(sched_setaffinity(None, &set)?)
}
