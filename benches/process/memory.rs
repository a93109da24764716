//! What the kernel says of a process's memory.

use std::error::Error;
use std::fs;

/// Memory that is the process's own, and no file's: heap, stacks, rings.
pub(crate) fn anonymous_bytes(pid: u32) -> Result<u64, Box<dyn Error>> {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let line = rollup.lines().find_map(|line| line.strip_prefix("Anonymous:")).ok_or("a line for anonymous memory")?;
    let kilobytes: u64 = line.split_whitespace().next().ok_or("a number")?.parse()?;
    Ok(kilobytes * 1024)
}
