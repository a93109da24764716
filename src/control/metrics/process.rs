//! The process: what it is, how long it runs, and what it takes from its machine.

use std::fmt;
use std::fs;
use std::time::UNIX_EPOCH;

use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, clock_gettime};

use super::Seen;
use super::page::{In, Page};
use crate::settings::SETTINGS;

/// Settings that decide how everything else is to be read; none is secret.
const TOLD: [&str; 5] = ["driver", "descriptors", "fsync", "auth", "compression"];

pub(super) fn put(seen: &Seen, page: &mut Page<'_>) -> fmt::Result {
    let build = [("version", env!("CARGO_PKG_VERSION")), ("target_arch", std::env::consts::ARCH)];
    page.info(("build", In::Count, "Which build this is."), &build)?;
    let settings = seen.settings();
    let told: Vec<(&str, String)> = TOLD
        .into_iter()
        .filter_map(|name| SETTINGS.iter().find(|setting| setting.name == name))
        .map(|setting| (setting.name, (setting.write)(settings).to_string().trim_matches('"').to_owned()))
        .collect();
    let labels: Vec<(&str, &str)> = told.iter().map(|(name, value)| (*name, value.as_str())).collect();
    page.info(("settings", In::Count, "Settings that decide how other figures are to be read."), &labels)?;
    page.gauge(("cores", In::Count, "Cores, each with a thread of its own."), seen.cores.len())?;
    page.gauge(
        ("uptime", In::Seconds, "Time since the server started."),
        seen.context.started.elapsed().as_secs_f64(),
    )?;
    let family = (
        "ready",
        In::Count,
        "1 while new clients are taken; 0 while the server stops, writes fail or memory is short.",
    );
    page.gauge(family, u64::from(seen.context.health.unready().is_none()))?;
    let family = ("draining", In::Count, "1 from the moment at which the server stops.");
    page.gauge(family, u64::from(seen.context.health.is_draining()))
}

/// Families that have the same names in all programs.
pub(super) fn put_common(seen: &Seen, page: &mut Page<'_>) -> fmt::Result {
    let cpu = clock_gettime(ClockId::ProcessCPUTime);
    let cpu_seconds = cpu.tv_sec as f64 + cpu.tv_nsec as f64 * 1e-9;
    page.counter(("process_cpu", In::Seconds, "Processor time of all threads, in the kernel too."), cpu_seconds)?;
    let started = seen.context.started_at.duration_since(UNIX_EPOCH).unwrap_or_default();
    let family =
        ("process_start_time", In::Seconds, "When the process started, since 1970, by the clock of that moment.");
    page.gauge(family, started.as_secs_f64())?;
    let family = ("process_open_fds", In::Count, "Descriptors of the process. Sockets in tables of io_uring are none.");
    page.gauge(family, descriptors())?;
    let descriptors_max = getrlimit(Resource::Nofile).current.map_or(f64::INFINITY, |limit| limit as f64);
    page.gauge(("process_max_fds", In::Count, "How many there may be."), descriptors_max)?;
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = |name: &str| {
        let value = status.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next());
        value.and_then(|value| value.parse::<u64>().ok()).unwrap_or(0)
    };
    page.gauge(("process_threads", In::Count, "Threads."), line("Threads:"))?;
    let family = ("process_resident_memory", In::Bytes, "Resident memory.");
    page.gauge(family, line("VmRSS:") * 1_024)?;
    let family = ("process_virtual_memory", In::Bytes, "Address space.");
    page.gauge(family, line("VmSize:") * 1_024)
}

/// The kernel has counted them where it is Linux 6.2 or later, and says so as the size of the folder. Before that each is looked at.
fn descriptors() -> u64 {
    match fs::metadata("/proc/self/fd").map_or(0, |folder| folder.len()) {
        0 => fs::read_dir("/proc/self/fd").map_or(0, |entries| entries.count() as u64),
        counted => counted,
    }
}
