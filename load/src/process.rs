//! What a process spends, read from `/proc/PID`: CPU time of all its threads, those that have ended too, and resident memory. Only reads;
//! does not know what the process does.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::time::Instant;

use crate::auxiliary::Units;
use crate::proc_file;
use crate::report::ServerCost;

/// A process that was there when it was opened. The kernel gives a process's number to another one after its end: the moment at which it
/// started tells them apart.
#[derive(Clone, Debug)]
pub(crate) struct Process {
    pid: u32,
    /// Since the machine's start, in ticks.
    started: u64,
    units: Units,
}

/// What it had spent at one moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Sample {
    at: Instant,
    user_s: f64,
    system_s: f64,
    resident_bytes: u64,
    /// The most since the process started (`VmHWM`), which may be before anything was measured.
    resident_max_bytes: u64,
}

/// Why nothing can be said of a process.
#[derive(Debug)]
pub(crate) enum ProcessError {
    /// There is none of this number.
    None { pid: u32 },
    /// It has ended; the number may be another's by now.
    Ended { pid: u32 },
    /// `/proc` cannot be read.
    Unreadable { path: String, error: io::Error },
    /// What `/proc` says is not what it said on every kernel so far.
    Unexpected { path: String },
}

impl fmt::Display for ProcessError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None { pid } => write!(formatter, "there is no process {pid}"),
            Self::Ended { pid } => write!(formatter, "process {pid} has ended"),
            Self::Unreadable { path, error } => write!(formatter, "{path}: {error}"),
            Self::Unexpected { path } => write!(formatter, "{path} is not understood"),
        }
    }
}

impl std::error::Error for ProcessError {}

impl Process {
    /// # Errors
    ///
    /// There is no such process, or it cannot be read.
    pub(crate) fn open(pid: u32) -> Result<Self, ProcessError> {
        let units = Units::of_this_machine()
            .map_err(|error| ProcessError::Unreadable { path: "/proc/self/auxv".into(), error })?;
        match Stat::read(pid) {
            Ok(stat) => Ok(Self { pid, started: stat.started, units }),
            Err(ProcessError::Ended { pid }) => Err(ProcessError::None { pid }),
            Err(error) => Err(error),
        }
    }

    /// What it has spent until now.
    ///
    /// # Errors
    ///
    /// It has ended, or cannot be read.
    pub(crate) fn sample(&self) -> Result<Sample, ProcessError> {
        let path = format!("/proc/{}/status", self.pid);
        let status = read(&path, self.pid)?;
        // The counters behind VmRSS are kept per CPU and may be off by megabytes; this walks the pages, but is not for everyone to read.
        let exact = proc_file::read(format!("/proc/{}/smaps_rollup", self.pid)).ok();
        let memory = Memory::parse(&status, exact.as_deref().unwrap_or_default());
        // Last, so that if this is still the same process, what was read before was too.
        let at = Instant::now();
        let stat = Stat::read(self.pid)?;
        if stat.started != self.started {
            return Err(ProcessError::Ended { pid: self.pid });
        }
        let memory = memory.ok_or(ProcessError::Unexpected { path })?;
        let seconds = |ticks: u64| ticks as f64 / self.units.ticks_per_second as f64;
        Ok(Sample {
            at,
            user_s: seconds(stat.user_ticks),
            system_s: seconds(stat.system_ticks),
            resident_bytes: memory.resident,
            resident_max_bytes: memory.resident_max,
        })
    }

    /// What it spent between two samples.
    ///
    /// `idle` is from before the first connection, and `connections` how many there were at `end`. `counts` says how many there were of what
    /// the CPU time between `begin` and `end` was spent on; of what there was none, nothing is said.
    pub(crate) fn cost(
        &self,
        idle: &Sample,
        begin: &Sample,
        end: &Sample,
        counts: &BTreeMap<String, u64>,
        connections: u64,
    ) -> ServerCost {
        let user_s = (end.user_s - begin.user_s).max(0.0);
        let system_s = (end.system_s - begin.system_s).max(0.0);
        let elapsed_s = end.at.saturating_duration_since(begin.at).as_secs_f64();
        let each = |(name, count): (&String, &u64)| {
            (*count > 0).then(|| (name.clone(), (user_s + system_s) * 1e6 / *count as f64))
        };
        let grown = end.resident_bytes as f64 - idle.resident_bytes as f64;
        ServerCost {
            pid: self.pid,
            user_s,
            system_s,
            cpu_percent: if elapsed_s > 0.0 { (user_s + system_s) / elapsed_s * 100.0 } else { 0.0 },
            resident_before_bytes: idle.resident_bytes,
            resident_bytes: end.resident_bytes,
            resident_max_bytes: end.resident_max_bytes.max(end.resident_bytes),
            cpu_us_per: counts.iter().filter_map(each).collect(),
            user_bytes_per_connection: (connections > 0).then(|| grown / connections as f64),
        }
    }
}

impl Sample {
    /// CPU time of one moment to a later one as a share of one core, in percent; 0 where no time has passed.
    pub(crate) fn cpu_percent_since(&self, earlier: &Self) -> f64 {
        let elapsed_s = self.at.saturating_duration_since(earlier.at).as_secs_f64();
        let spent_s = self.user_s + self.system_s - earlier.user_s - earlier.system_s;
        if elapsed_s > 0.0 { (spent_s / elapsed_s * 100.0).max(0.0) } else { 0.0 }
    }

    /// CPU time in user mode since the process started, of all threads.
    pub(crate) fn user_s(&self) -> f64 {
        self.user_s
    }

    /// CPU time in the kernel since the process started, of all threads.
    pub(crate) fn system_s(&self) -> f64 {
        self.system_s
    }

    /// Resident memory.
    pub(crate) fn resident_bytes(&self) -> u64 {
        self.resident_bytes
    }
}

fn read(path: &str, pid: u32) -> Result<String, ProcessError> {
    /// What reading a file of a process gives that ended after the file was opened (ESRCH).
    const NO_SUCH_PROCESS: i32 = 3;
    proc_file::read(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => ProcessError::Ended { pid },
        _ if error.raw_os_error() == Some(NO_SUCH_PROCESS) => ProcessError::Ended { pid },
        _ => ProcessError::Unreadable { path: path.into(), error },
    })
}

/// `/proc/PID/stat` (proc(5)): of the whole process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stat {
    user_ticks: u64,
    system_ticks: u64,
    started: u64,
}

impl Stat {
    fn read(pid: u32) -> Result<Self, ProcessError> {
        let path = format!("/proc/{pid}/stat");
        let text = read(&path, pid)?;
        match Self::parse(&text) {
            Some(Some(stat)) => Ok(stat),
            Some(None) => Err(ProcessError::Ended { pid }),
            None => Err(ProcessError::Unexpected { path }),
        }
    }

    /// `Some(None)` for a process that has ended and is not yet waited for.
    fn parse(text: &str) -> Option<Option<Self>> {
        // The second field is the process's name in parentheses, which may hold spaces and parentheses itself.
        let (_, fields) = text.rsplit_once(')')?;
        let fields: Vec<&str> = fields.split_whitespace().collect();
        // Counted from 1 in proc(5); the list begins with the third.
        let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
        let stat = Self { user_ticks: number(14)?, system_ticks: number(15)?, started: number(22)? };
        Some((!matches!(*fields.first()?, "Z" | "X" | "x")).then_some(stat))
    }
}

/// Resident memory, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Memory {
    resident: u64,
    resident_max: u64,
}

impl Memory {
    fn parse(status: &str, smaps_rollup: &str) -> Option<Self> {
        let resident = proc_file::kilobytes(smaps_rollup, "Rss").or_else(|| proc_file::kilobytes(status, "VmRSS"))?;
        Some(Self { resident, resident_max: proc_file::kilobytes(status, "VmHWM")?.max(resident) })
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::process::{Command, Stdio};
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_name_of_a_process_does_not_shift_its_fields() {
        let text = "77 (a) S 1 (b) R 1 77 77 0 -1 4194304 1 2 3 4 1500 250 9 9 20 0 8 0 4242 1000 200";
        assert_eq!(Stat::parse(text), Some(Some(Stat { user_ticks: 1_500, system_ticks: 250, started: 4_242 })));
        assert_eq!(Stat::parse(&text.replace(" R ", " Z ")), Some(None), "ended, not yet waited for");
        assert_eq!(Stat::parse("77 (a) R 1 2 3"), None);
        assert_eq!(Stat::parse(""), None);
    }

    #[test]
    fn the_exact_reading_wins_over_the_cheap_one() {
        let status = "VmHWM:\t 2000 kB\nVmRSS:\t 1000 kB\n";
        let memory = |resident, resident_max| Some(Memory { resident, resident_max });
        assert_eq!(Memory::parse(status, ""), memory(1_024_000, 2_048_000));
        assert_eq!(Memory::parse(status, "Rss: 1500 kB"), memory(1_536_000, 2_048_000));
        assert_eq!(Memory::parse(status, "Rss: 3000 kB"), memory(3_072_000, 3_072_000));
        assert_eq!(Memory::parse("Name: kthreadd", ""), None, "the kernel's own have no memory");
    }

    #[test]
    fn memory_that_a_process_takes_is_seen() {
        const TAKEN: usize = 24 << 20;
        let mut child = Command::new("dd")
            .args(["bs=32M", "iflag=fullblock", "of=/dev/null", "status=none"])
            .stdin(Stdio::piped())
            .spawn()
            .expect("dd is everywhere");
        let process = Process::open(child.id()).expect("it runs");
        let before = process.sample().expect("it runs");
        // Once all is written, all but what the pipe holds is in the buffer of the process.
        child.stdin.as_mut().expect("it is piped").write_all(&vec![1; TAKEN]).expect("it reads");
        let after = process.sample().expect("it runs");
        drop(child.stdin.take());
        child.wait().expect("it is ours");
        assert!(after.resident_bytes() > before.resident_bytes() + TAKEN as u64 / 2, "{before:?} {after:?}");
        assert!(after.resident_max_bytes >= after.resident_bytes, "{after:?}");
        assert!(after.user_s + after.system_s >= before.user_s + before.system_s, "{before:?} {after:?}");
    }

    #[test]
    fn a_process_that_ended_is_not_taken_for_another() {
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().expect("cat is everywhere");
        let process = Process::open(child.id()).expect("it runs");
        let reused = Process { started: process.started + 1, ..process.clone() };
        assert!(matches!(reused.sample(), Err(ProcessError::Ended { .. })), "another process of this number");
        drop(child.stdin.take());
        // Not reaped before this, so no other process can have the number; afterwards it is nobody's or another's.
        child.wait().expect("it is ours");
        assert!(matches!(process.sample(), Err(ProcessError::Ended { .. })));
        // Larger than any that the kernel gives (PID_MAX_LIMIT).
        let error = Process::open(1 << 30).expect_err("nobody");
        assert_eq!(error.to_string(), "there is no process 1073741824");
    }

    #[test]
    fn cost_is_what_was_spent_between_two_samples() {
        let process = Process { pid: 7, started: 1, units: Units { ticks_per_second: 100, page_bytes: 4_096 } };
        let at = Instant::now();
        let idle =
            Sample { at, user_s: 1.0, system_s: 1.0, resident_bytes: 10_000_000, resident_max_bytes: 12_000_000 };
        let begin = Sample { at: at + Duration::from_secs(5), user_s: 2.0, system_s: 4.0, ..idle };
        let end = Sample {
            at: at + Duration::from_secs(15),
            user_s: 3.0,
            system_s: 7.0,
            resident_bytes: 40_000_000,
            resident_max_bytes: 41_000_000,
        };
        let counts = BTreeMap::from([("update".into(), 1_000), ("delivery".into(), 1_000_000), ("echo".into(), 0)]);
        let cost = process.cost(&idle, &begin, &end, &counts, 100_000);
        assert_eq!((cost.user_s, cost.system_s, cost.cpu_percent), (1.0, 3.0, 40.0));
        assert_eq!(cost.cpu_us_per, BTreeMap::from([("update".into(), 4_000.0), ("delivery".into(), 4.0)]));
        assert_eq!(cost.user_bytes_per_connection, Some(300.0));
        assert_eq!((cost.resident_before_bytes, cost.resident_max_bytes), (10_000_000, 41_000_000));
        assert_eq!(end.cpu_percent_since(&begin), 40.0);
        assert_eq!(begin.cpu_percent_since(&begin), 0.0);
        assert_eq!(process.cost(&idle, &begin, &begin, &BTreeMap::new(), 0).user_bytes_per_connection, None);
    }
}
