//! Options that every scenario has, and the run that they describe. Does not know which scenario it is.

use std::fmt;
use std::io;
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_getaffinity};
use selvedge::driver::{self, Descriptors, Ending};

use crate::account::Origin;
use crate::author::UNITS_MAX;
use crate::clock::{Clock, micros_of_seconds};
use crate::crew::{self, CrewError, Outcome, Plan};
use crate::hands::Means;
use crate::observer::{Goal, Observer};
use crate::part::Part;
use crate::process::{Process, ProcessError};
use crate::report::Report;
use crate::sources::Sources;
use crate::stamp::{SEQUENCES_MAX, TIME_MAX};
use crate::tally::Counts;
use crate::target::{Target, TargetError};
use crate::{cli, plot, table};

/// How long the first connection, which only looks whether somebody listens, may take.
const REACH_MAX: Duration = Duration::from_secs(5);
/// Connections on their way at a time where no rate is given.
const AT_ONCE_DEFAULT: u32 = 1024;
/// Descriptors that are not connections.
const DESCRIPTORS_SPARE: u64 = 256;

/// See the module.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Options of every scenario")]
pub(crate) struct RunOptions {
    /// CPUs that load, one thread on each, such as 2-3,5; all that this process may use where none are given
    #[arg(long, value_name = "LIST")]
    pub(crate) cores: Option<Cores>,
    /// Before measuring, what is measured runs for this long
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = seconds_or_none)]
    pub(crate) warm_up: f64,
    /// The server's process, whose CPU time and memory are then told
    #[arg(long)]
    pub(crate) pid: Option<u32>,
    /// Write the report as JSON into this file; - is standard output, and then the table goes to standard error
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "-")]
    pub(crate) json: Option<PathBuf>,
    /// Draw latencies and the time line
    #[arg(long, value_name = "FILE.svg")]
    pub(crate) plot: Option<PathBuf>,
    /// Where randomness comes from; drawn and told where it is not given
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// Addresses that connections come from in turn: 127.1.0.1,127.1.0.2 or 127.1.0.0/16. By default as many loopback addresses as are
    /// needed for loopback, otherwise what the kernel chooses. Of more than 4096, the first are taken
    #[arg(long, value_name = "LIST")]
    pub(crate) sources: Option<Sources>,
    /// How sockets are driven
    #[arg(long, value_enum, default_value_t = DriverKind::Auto)]
    pub(crate) driver: DriverKind,
    /// Where sockets are held. Direct descriptors are slots of io_uring rings, and not bounded by the limit of open files
    #[arg(long, value_enum, default_value_t = DescriptorKind::Auto)]
    pub(crate) descriptors: DescriptorKind,
    /// Connections opened a second, in all; as fast as they succeed where it is not given
    #[arg(long, value_name = "PER_SECOND", value_parser = above_zero)]
    pub(crate) open_rate: Option<f64>,
    /// How long to wait, while nothing comes, for what is on its way at the end
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds_or_none)]
    pub(crate) settle: f64,
    /// What the names of documents begin with; another for each run where it is not given
    #[arg(long, value_name = "NAME", value_parser = document_prefix)]
    pub(crate) prefix: Option<String>,
    /// Show no progress
    #[arg(long)]
    pub(crate) no_progress: bool,
}

/// Which driver, as on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum DriverKind {
    /// io_uring where the kernel grants it, otherwise the portable one
    Auto,
    Uring,
    Monoio,
}

/// Where sockets are held, as on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum DescriptorKind {
    /// Those of the process while the limit of open files allows it, otherwise direct ones
    Auto,
    Process,
    Direct,
}

/// CPUs by number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cores(Vec<usize>);

/// What is to be run, apart from the scenario's own part.
pub(crate) struct Task {
    pub(crate) origin: Origin,
    pub(crate) target: Target,
    /// Opened before it begins, and at most at the same time.
    pub(crate) connections: u32,
    pub(crate) goal: Goal,
    /// How long the measured part is; `None`: until it is done.
    pub(crate) seconds: Option<f64>,
    pub(crate) tolerant: bool,
    /// Connections that may be on their way at a time; `None`: the default.
    pub(crate) at_once_max: Option<u32>,
    /// How connections end that are closed here.
    pub(crate) ending: Ending,
    pub(crate) is_settled: fn(&Counts) -> bool,
}

/// What prevents a run. All but the last two are mistakes in the command line.
#[derive(Debug)]
pub(crate) enum RunError {
    Target(TargetError),
    Cores {
        asked: Vec<usize>,
        allowed: Vec<usize>,
    },
    Sources,
    Pid(ProcessError),
    Descriptors {
        connections: u32,
        allowed: u64,
    },
    /// A limit of the scenario's own.
    Option(String),
    Unreachable {
        url: String,
        error: io::Error,
    },
    Crew(CrewError),
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Target(error) => write!(f, "--url: {error}"),
            Self::Cores { asked, allowed } => {
                write!(f, "--cores: this process may use the CPUs {allowed:?}, and not all of {asked:?}")
            }
            Self::Sources => f.write_str("--sources: all addresses must be of the same family as the server's"),
            Self::Pid(error) => write!(f, "--pid: {error}"),
            Self::Descriptors { connections, allowed } => write!(
                f,
                "{connections} connections need as many descriptors, and this process may have {allowed}: raise the limit of open files, or \
                 give --descriptors direct"
            ),
            Self::Option(text) => f.write_str(text),
            Self::Unreachable { url, error } => write!(f, "{url} cannot be reached: {error}"),
            Self::Crew(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for RunError {}

impl RunError {
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Target(_)
            | Self::Cores { .. }
            | Self::Sources
            | Self::Pid(_)
            | Self::Descriptors { .. }
            | Self::Option(_) => ExitCode::from(cli::EXIT_USAGE),
            Self::Unreachable { .. } | Self::Crew(_) => ExitCode::FAILURE,
        }
    }
}

impl RunOptions {
    /// What the names of this run's documents begin with: another for each run, or it would meet what the last one wrote.
    pub(crate) fn prefix(&self) -> String {
        self.prefix.clone().unwrap_or_else(|| {
            let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            format!("load-{:x}", since.as_micros())
        })
    }

    /// Whether the messages of one writer can be told apart and a document takes its text: `rate_per_s` of them for `seconds` and the warm-up,
    /// each inserting `bytes`.
    pub(crate) fn check_writer(&self, rate_per_s: f64, seconds: f64, bytes: u64) -> Result<(), RunError> {
        let messages = rate_per_s * (seconds + self.warm_up);
        let text = messages * bytes as f64;
        if messages < SEQUENCES_MAX as f64 && text < UNITS_MAX as f64 {
            return Ok(());
        }
        Err(RunError::Option(format!(
            "one writer may send fewer than {SEQUENCES_MAX} messages and {UNITS_MAX} bytes of text in a run; these would be {messages:.0} and \
             {text:.0}: give a lower rate, or a shorter time"
        )))
    }

    pub(crate) fn origin(&self, scenario: &'static str, url: &str) -> Origin {
        Origin { scenario, url: url.to_owned(), command: std::env::args().skip(1).collect() }
    }

    /// Runs a scenario, whose parts `part` makes: for which thread, of how many, with which seed.
    pub(crate) fn run<P: Part>(
        &self,
        task: &Task,
        part: impl Fn(u32, u32, u64) -> P,
    ) -> Result<(Outcome, Observer), RunError> {
        let cpus = self.cpus(task.connections)?;
        let address = task.target.address;
        let sources = self.sources.clone().unwrap_or_else(|| Sources::suiting(address.ip(), task.connections));
        if !sources.suit(address.ip()) {
            return Err(RunError::Sources);
        }
        let server = self.pid.map(Process::open).transpose().map_err(RunError::Pid)?;
        let descriptors = self.descriptors(task.connections)?;
        let unreachable = |error| RunError::Unreachable { url: task.origin.url.clone(), error };
        drop(TcpStream::connect_timeout(&address, REACH_MAX).map_err(unreachable)?);

        let threads = u32::try_from(cpus.len()).expect("machines have fewer CPUs");
        let seed = self.seed.unwrap_or_else(drawn_seed);
        eprintln!("seed {seed}");
        let means = Means {
            clock: Clock::start(),
            target: Arc::new(task.target.clone()),
            sources: Arc::new(sources),
            seed,
            threads,
            ending: task.ending,
        };
        let plan = Plan {
            means,
            cpus,
            open_rate_per_s: self.open_rate,
            at_once_max: task.at_once_max.unwrap_or(AT_ONCE_DEFAULT),
            tolerant: task.tolerant,
            warm_up: if task.seconds.is_some() { micros_of_seconds(self.warm_up) } else { 0 },
            length: task.seconds.map(micros_of_seconds),
            settle_max: micros_of_seconds(self.settle),
            is_settled: task.is_settled,
        };
        let parts = (0..threads).map(|thread| part(thread, threads, seed)).collect();
        let mut observer = Observer::new(task.goal, server, !self.no_progress);
        let kind = self.driver.kind();
        let open_driver = move || driver::open(kind, descriptors, None).map(|opened| opened.engine);
        let outcome = crew::run(&plan, parts, open_driver, &mut observer).map_err(RunError::Crew)?;
        observer.finish();
        Ok((outcome, observer))
    }

    /// Shows and stores a report, and says how the program ends.
    pub(crate) fn deliver(&self, report: &Report) -> ExitCode {
        let json_only = self.json.as_ref().is_some_and(|path| path.as_os_str() == "-");
        let text = table::render(report);
        let mut shown = if json_only {
            eprint!("{text}");
            ExitCode::SUCCESS
        } else {
            cli::print(&text)
        };
        if let Some(path) = &self.json {
            let mut json = serde_json::to_string(report).expect("a report is plain data");
            json.push('\n');
            if json_only {
                shown = cli::print(&json);
            } else if let Err(error) = std::fs::write(path, json) {
                eprintln!("error: --json {}: {error}", path.display());
                return ExitCode::FAILURE;
            }
        }
        if let Some(path) = &self.plot
            && let Err(error) = plot::draw(report, path)
        {
            eprintln!("error: --plot: {error}");
            return ExitCode::FAILURE;
        }
        if report.failures.is_empty() { shown } else { ExitCode::FAILURE }
    }

    /// One for each thread; no more threads than connections.
    fn cpus(&self, connections: u32) -> Result<Vec<Option<usize>>, RunError> {
        let allowed: Vec<usize> = match sched_getaffinity(None) {
            Ok(set) => (0..CpuSet::MAX_CPU).filter(|&cpu| set.is_set(cpu)).collect(),
            Err(_) => Vec::new(),
        };
        let cpus = match &self.cores {
            Some(Cores(asked)) if asked.iter().all(|cpu| allowed.contains(cpu)) => {
                asked.iter().copied().map(Some).collect()
            }
            Some(Cores(asked)) => return Err(RunError::Cores { asked: asked.clone(), allowed }),
            None if allowed.is_empty() => vec![None],
            None => allowed.into_iter().map(Some).collect::<Vec<_>>(),
        };
        let threads = cpus.len().min(connections.max(1) as usize);
        Ok(cpus.into_iter().take(threads).collect())
    }

    /// Where so many sockets can be held.
    fn descriptors(&self, connections: u32) -> Result<Descriptors, RunError> {
        let limit = getrlimit(Resource::Nofile);
        // Where it cannot be raised, fewer connections may still do.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
        let allowed = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        let enough = u64::from(connections) + DESCRIPTORS_SPARE <= allowed;
        match self.descriptors {
            DescriptorKind::Direct => Ok(Descriptors::DIRECT),
            DescriptorKind::Auto | DescriptorKind::Process if enough => Ok(Descriptors::Process),
            DescriptorKind::Auto if self.driver != DriverKind::Monoio => Ok(Descriptors::DIRECT),
            DescriptorKind::Auto | DescriptorKind::Process => Err(RunError::Descriptors { connections, allowed }),
        }
    }
}

impl DriverKind {
    fn kind(self) -> driver::Kind {
        match self {
            Self::Auto => driver::Kind::Auto,
            Self::Uring => driver::Kind::Uring,
            Self::Monoio => driver::Kind::Monoio,
        }
    }
}

impl std::str::FromStr for Cores {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is not a list of CPUs such as 0-3,5");
        let mut cores = Vec::new();
        for part in text.split(',') {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let first: usize = first.trim().parse().map_err(|_| wrong())?;
            let last: usize = last.trim().parse().map_err(|_| wrong())?;
            if first > last || last >= CpuSet::MAX_CPU {
                return Err(wrong());
            }
            cores.extend(first..=last);
        }
        let count = cores.len();
        cores.sort_unstable();
        cores.dedup();
        if cores.len() == count { Ok(Self(cores)) } else { Err(format!("{text:?} names a CPU twice")) }
    }
}

fn drawn_seed() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(1, |since| u64::from(since.subsec_nanos()) ^ since.as_secs() << 24)
}

/// Longest time that an option takes: half a day.
const SECONDS_MAX: f64 = 43_200.0;

// What stands in a stamp must not repeat while a run warms up, is measured and opens its connections.
const _: () = assert!(TIME_MAX > 1_500_000 * SECONDS_MAX as u64);

pub(crate) fn above_zero(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() && number > 0.0 && number <= 1e9 => Ok(number),
        Ok(_) | Err(_) => Err("allowed is a number above 0, and at most 1000000000".to_owned()),
    }
}

pub(crate) fn rate_or_none(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if (0.0..=1e9).contains(&rate) => Ok(rate),
        Ok(_) | Err(_) => Err("allowed is a number from 0 to 1000000000".to_owned()),
    }
}

pub(crate) fn seconds_above_zero(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number > 0.0 && number <= SECONDS_MAX => Ok(number),
        Ok(_) | Err(_) => Err(format!("allowed are seconds above 0, and at most {SECONDS_MAX}")),
    }
}

pub(crate) fn seconds_or_none(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if (0.0..=SECONDS_MAX).contains(&number) => Ok(number),
        Ok(_) | Err(_) => Err(format!("allowed are seconds from 0 to {SECONDS_MAX}")),
    }
}

/// Longest beginning of a document's name.
const PREFIX_BYTES_MAX: usize = 64;

fn document_prefix(text: &str) -> Result<String, String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if !text.is_empty() && text.len() <= PREFIX_BYTES_MAX && text.bytes().all(plain) {
        Ok(text.to_owned())
    } else {
        Err(format!("allowed are 1 to {PREFIX_BYTES_MAX} letters, digits and -_."))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cores_are_lists_of_ranges() {
        let parsed = |text: &str| text.parse::<Cores>().map(|Cores(cores)| cores);
        assert_eq!(parsed("0-2,5"), Ok(vec![0, 1, 2, 5]));
        assert_eq!(parsed("7"), Ok(vec![7]));
        for wrong in ["", "a", "3-1", "0-99999999", "-1", "1,,2"] {
            assert!(parsed(wrong).is_err(), "{wrong:?}");
        }
        assert!(parsed("1,0-1").expect_err("twice").contains("twice"));
    }

    #[test]
    fn numbers_say_what_is_allowed() {
        assert_eq!(above_zero("0.5"), Ok(0.5));
        for wrong in ["0", "-1", "NaN", "inf", "1e10", "x"] {
            assert!(above_zero(wrong).is_err(), "{wrong}");
        }
        assert_eq!(seconds_or_none("0"), Ok(0.0));
        for wrong in ["-1", "NaN", "1e9"] {
            assert!(seconds_or_none(wrong).is_err() && seconds_above_zero(wrong).is_err(), "{wrong}");
        }
        assert!(seconds_above_zero("0").is_err());
        assert_eq!(rate_or_none("0"), Ok(0.0));
        for wrong in ["-1", "NaN", "1e10"] {
            assert!(rate_or_none(wrong).is_err(), "{wrong}");
        }
        assert!(document_prefix("a-1").is_ok() && document_prefix("a/b").is_err() && document_prefix("").is_err());
    }
}
