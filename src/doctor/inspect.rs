//! Goes through the knobs, finds what is there and has it judged. It does not know how a finding is shown.

use std::path::Path;

use super::declaration::{Apply, KNOBS, Kind, Knob, Level, When};
use super::formula::{self, Quantities};
use super::judge::{self, State};
use super::machine::{Machine, version};
use super::network::{self, Served};
use super::probe::Probe;
use super::{Asked, Finding};
use crate::settings::DescriptorsChoice;

/// The table of `tuning/notrack.nft`.
const NFT_TABLE: [&str; 4] = ["list", "table", "inet", "selvedge_notrack"];

/// Holds the machine against what was asked: a finding for each knob that matters with these descriptors.
#[must_use]
pub fn examine(machine: &Machine, asked: &Asked, probe: &dyn Probe) -> Vec<Finding> {
    let examination = Examination {
        machine,
        asked,
        probe,
        quantities: machine.quantities(asked.connections),
        cores: machine.cores(),
        interfaces: machine.interfaces(),
    };
    KNOBS.iter().filter_map(|knob| examination.knob(knob)).collect()
}

/// No knob of a real machine says more than this.
const SHOWN_CHARACTERS_MAX: usize = 56;

struct Examination<'a> {
    machine: &'a Machine,
    asked: &'a Asked,
    probe: &'a dyn Probe,
    quantities: Quantities,
    cores: Vec<usize>,
    interfaces: Vec<String>,
}

/// What was found, before it is known what follows.
struct Seen {
    state: State,
    found: String,
    wanted: String,
    note: String,
    /// Where it is set, if that is a file.
    path: Option<String>,
    /// In place of what follows from the kind.
    mend: Option<String>,
}

impl Seen {
    fn new(state: State, found: impl Into<String>, wanted: impl Into<String>) -> Self {
        Self { state, found: found.into(), wanted: wanted.into(), note: String::new(), path: None, mend: None }
    }

    fn absent(note: impl Into<String>) -> Self {
        Self { note: note.into(), ..Self::new(State::NotApplicable, "", "") }
    }

    fn unknown(note: impl Into<String>) -> Self {
        Self { note: note.into(), ..Self::new(State::Unknown, "", "") }
    }
}

impl Examination<'_> {
    fn knob(&self, knob: &'static Knob) -> Option<Finding> {
        let direct = self.asked.descriptors == DescriptorsChoice::Direct;
        let seen = match knob.when {
            When::Process if direct => return None,
            When::Direct if !direct => return None,
            When::Swap if self.machine.swap_bytes() == 0 => Seen::absent("there is no swap"),
            When::Nodes if self.machine.nodes() < 2 => Seen::absent("memory is on one node"),
            When::Always | When::Process | When::Direct | When::Swap | When::Nodes | When::FewQueues => self.see(knob),
        };
        Some(self.finding(knob, Seen { found: shown(&seen.found), ..seen }))
    }

    fn see(&self, knob: &Knob) -> Seen {
        match knob.kind {
            Kind::Sysctl => self.sysctl(knob),
            Kind::Sysfs => self.files(knob),
            Kind::Rlimit => self.limit(knob),
            Kind::QueueMask | Kind::QueueIrq => self.queues(knob),
            Kind::Ethtool => self.cards(knob),
            Kind::IdleStates => self.idle_states(knob),
            Kind::Nft => self.conntrack(),
            Kind::File => self.file(knob),
            Kind::Check => self.check(knob),
        }
    }

    fn finding(&self, knob: &'static Knob, seen: Seen) -> Finding {
        let Seen { mut state, found, wanted, mut note, path, mend } = seen;
        let kept = path.filter(|path| self.machine.is_read_only(path));
        if let (true, Some(path)) = (state.is_wrong() && knob.apply == Apply::Yes, kept) {
            state = State::NotPermitted;
            note = format!("/{path} takes no writes here: the host of this container has to");
        }
        let required = match knob.level {
            Level::Required => true,
            Level::RequiredDirect => self.asked.descriptors == DescriptorsChoice::Direct,
            Level::Recommended => false,
        };
        let mend = state.is_wrong().then(|| self.mend(knob, &wanted, mend));
        Finding { knob, state, found, wanted, note, required, mend }
    }

    fn mend(&self, knob: &Knob, wanted: &str, special: Option<String>) -> String {
        if let Some(command) = special {
            return command;
        }
        let connections = self.asked.connections;
        let power = wanted.parse::<u64>().ok().and_then(u64::checked_next_power_of_two).unwrap_or_default();
        match &knob.mend {
            Some(command) => command
                .replace("{target_power_of_two}", &power.to_string())
                .replace("{target}", wanted)
                .replace("{port}", &self.asked.port.to_string()),
            None if knob.kind == Kind::Sysctl => format!("sysctl -w '{}={wanted}'", knob.path),
            None => format!("tuning/apply --connections {connections} --only {}", knob.group),
        }
    }

    fn targets(&self, knob: &Knob) -> Vec<u64> {
        formula::evaluate(&knob.target, &self.quantities).expect("a test evaluates every target")
    }

    fn sysctl(&self, knob: &Knob) -> Seen {
        let path = format!("proc/sys/{}", knob.path.replace('.', "/"));
        let Some(text) = self.machine.read(&path) else { return Seen::absent("this kernel has none") };
        if knob.rule == super::Rule::LeftAlone {
            return Seen::new(State::Ok, text, "");
        }
        let Some(found) = self.machine.numbers(&path) else { return Seen::unknown(format!("/{path} says {text}")) };
        let wanted = self.targets(knob);
        let ceiling = knob.ceiling.as_ref().and_then(|list| formula::evaluate(list, &self.quantities));
        // Of a memory that is not known nothing is too much.
        let ceiling = ceiling.filter(|numbers| !numbers.contains(&0));
        let state = judge::numbers(knob, &found, &wanted, ceiling.as_deref());
        // Above its ceiling it comes down to the target; otherwise nothing that is higher is lowered.
        let over = state == State::TooHigh && ceiling.is_some();
        let wanted = if over { wanted } else { judge::mended(knob, &found, &wanted) };
        Seen { path: Some(path), ..Seen::new(state, joined(&found), joined(&wanted)) }
    }

    /// One number or word in each file that fits; the worst counts.
    fn files(&self, knob: &Knob) -> Seen {
        let paths: Vec<String> =
            self.patterns(&knob.path).iter().flat_map(|pattern| self.machine.matches(pattern)).collect();
        let words = knob.rule == super::Rule::OneOf;
        let wanted = if words { knob.target.replace(' ', " or ") } else { joined(&self.targets(knob)) };
        let mut worst: Option<Seen> = None;
        let mut wrong = 0;
        for path in &paths {
            let Some(text) = self.machine.read(path) else { continue };
            let found = chosen(&text).to_owned();
            let state = match (words, found.parse()) {
                (true, _) => judge::word(knob, &found),
                (false, Ok(number)) => judge::numbers(knob, &[number], &self.targets(knob), None),
                (false, Err(_)) => State::Unknown,
            };
            wrong += usize::from(state.is_wrong());
            if worst.as_ref().is_none_or(|worst| worst.state < state) {
                worst = Some(Seen { path: Some(path.clone()), ..Seen::new(state, found, wanted.clone()) });
            }
        }
        let Some(mut seen) = worst else { return Seen::absent("this machine has none") };
        if wrong > 0 && paths.len() > 1 {
            seen.note = format!("{wrong} of {}", paths.len());
        }
        seen
    }

    fn patterns(&self, path: &str) -> Vec<String> {
        if path.contains("{interface}") {
            self.interfaces.iter().map(|interface| path.replace("{interface}", interface)).collect()
        } else {
            vec![path.to_owned()]
        }
    }

    fn limit(&self, knob: &Knob) -> Seen {
        let name = match knob.path.as_str() {
            "RLIMIT_NOFILE" => "open files",
            "RLIMIT_MEMLOCK" if self.machine.may_lock_memory() => {
                return Seen::absent("this process may lock as much as it wants (CAP_IPC_LOCK)");
            }
            "RLIMIT_MEMLOCK" => "locked memory",
            other => unreachable!("a test examines whatever is declared: {other}"),
        };
        let Some(found) = self.machine.limit(name) else { return Seen::unknown("the kernel does not say") };
        let wanted = self.targets(knob);
        let state = match judge::numbers(knob, &[found], &wanted, None) {
            State::TooLow if !self.machine.may_raise_limits() => State::NotPermitted,
            other => other,
        };
        let found = if found == u64::MAX { "unlimited".to_owned() } else { found.to_string() };
        let mut seen = Seen::new(state, found, joined(&wanted));
        if state == State::NotPermitted {
            seen.note = "the hard limit of this process; it may not raise it (CAP_SYS_RESOURCE)".into();
        }
        seen
    }

    fn queues(&self, knob: &Knob) -> Seen {
        if self.interfaces.is_empty() {
            return Seen::absent("there is no network card");
        }
        let mut served = Vec::new();
        for interface in &self.interfaces {
            let pattern = knob.path.replace("{interface}", interface);
            let found: Vec<Served> = match (knob.kind, knob.when) {
                (Kind::QueueIrq, _) => network::interrupts(self.machine, interface, &self.cores),
                (_, When::FewQueues) => network::receivers(self.machine, &pattern, &self.cores),
                _ => network::senders(self.machine, &pattern, &self.cores),
            };
            let serves_all = knob.when == When::FewQueues && found.len() >= self.cores.len();
            // With one queue there is nothing to choose.
            let no_choice = knob.kind == Kind::QueueMask && knob.when == When::Always && found.len() < 2;
            if !serves_all && !no_choice {
                served.extend(found);
            }
        }
        if served.is_empty() {
            return Seen::absent("no card here has queues to divide");
        }
        let wrong: Vec<&Served> = served.iter().filter(|queue| !queue.will_do()).collect();
        match wrong.first() {
            None => Seen::new(State::Ok, format!("{} queues", served.len()), "as it is"),
            Some(first) => Seen {
                note: format!("{} of {}; first /{}", wrong.len(), served.len(), first.path),
                path: Some(first.path.clone()),
                ..Seen::new(State::TooLow, first.found.clone(), first.wanted.clone())
            },
        }
    }

    fn cards(&self, knob: &Knob) -> Seen {
        let mut seen = Seen::absent("there is no network card");
        for interface in &self.interfaces {
            let now = self.card(knob, interface);
            if seen.state == State::NotApplicable || seen.state < now.state {
                seen = now;
            }
        }
        seen
    }

    fn card(&self, knob: &Knob, interface: &str) -> Seen {
        let is_ring = knob.path.starts_with("ethtool -g");
        let Some(output) = self.probe.tool("ethtool", &[if is_ring { "-g" } else { "-c" }, interface]) else {
            return Seen::unknown(format!("ethtool is missing, or cannot say it of {interface}"));
        };
        let (state, found, wanted) = if is_ring {
            let Some((now, most)) = network::ring(&output) else {
                return Seen::absent(format!("{interface} does not say"));
            };
            let wanted = self.targets(knob)[0].min(most);
            (judge::numbers(knob, &[now], &[wanted], None), now.to_string(), wanted.to_string())
        } else {
            match network::is_adaptive(&output) {
                None => return Seen::absent(format!("{interface} cannot")),
                Some(true) => (State::Ok, "on".to_owned(), "on".to_owned()),
                Some(false) => (State::TooLow, "off".to_owned(), "on".to_owned()),
            }
        };
        let mend = knob.mend.as_ref().map(|mend| mend.replace("{interface}", interface).replace("{target}", &wanted));
        Seen { note: interface.to_owned(), mend, ..Seen::new(state, found, wanted) }
    }

    /// The deepest sleep that a core may fall into, by what waking takes.
    fn idle_states(&self, knob: &Knob) -> Seen {
        let wanted = self.targets(knob);
        let mut deepest: Option<(u64, String)> = None;
        for folder in self.machine.matches(&knob.path) {
            let number = |name| self.machine.numbers(&format!("{folder}/{name}"))?.first().copied();
            if let (Some(latency), Some(0)) = (number("latency"), number("disable"))
                && deepest.as_ref().is_none_or(|(most, _)| *most < latency)
            {
                deepest = Some((latency, folder));
            }
        }
        let Some((latency, folder)) = deepest else { return Seen::absent("the cores have no sleep states here") };
        let state = judge::numbers(knob, &[latency], &wanted, None);
        let path = Some(format!("{folder}/disable"));
        Seen { path, note: "us to wake".into(), ..Seen::new(state, latency.to_string(), joined(&wanted)) }
    }

    fn conntrack(&self) -> Seen {
        let number = |name| self.machine.numbers(&format!("proc/sys/net/netfilter/{name}"))?.first().copied();
        let (Some(count), Some(max)) = (number("nf_conntrack_count"), number("nf_conntrack_max")) else {
            return Seen::absent("connections are not tracked: the module is not loaded");
        };
        let wanted = format!("notrack for port {}", self.asked.port);
        let table = self.probe.tool("nft", &NFT_TABLE).unwrap_or_default();
        if table.contains(&format!("dport {} ", self.asked.port)) {
            return Seen::new(State::Ok, wanted.clone(), wanted);
        }
        if count == 0 {
            return Seen { note: "no rule asks for it".into(), ..Seen::new(State::Ok, "nothing is tracked", "") };
        }
        // Both ends of a connection that stays on the machine are one entry.
        let state = if max >= self.asked.connections.saturating_mul(2) { State::Ok } else { State::TooLow };
        Seen { note: format!("{count} tracked now"), ..Seen::new(state, format!("table of {max}"), wanted) }
    }

    fn file(&self, knob: &Knob) -> Seen {
        let folder = knob.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        if !self.machine.exists(folder) {
            return Seen::absent(format!("there is no /{folder}"));
        }
        let there = self.machine.exists(&knob.path);
        let (state, found) = if there { (State::Ok, "there") } else { (State::TooLow, "not there") };
        Seen { path: Some(knob.path.clone()), ..Seen::new(state, found, format!("/{}", knob.path)) }
    }

    fn check(&self, knob: &Knob) -> Seen {
        match knob.name.as_str() {
            "memory" => {
                let bytes = self.machine.memory_bytes();
                let note =
                    bytes.map(|bytes| format!("{:.1} GiB", bytes as f64 / f64::from(1 << 30))).unwrap_or_default();
                let seen = self.least(knob, bytes);
                if bytes.is_some() { Seen { note, ..seen } } else { seen }
            }
            "cores" => self.least(knob, Some(self.cores.len() as u64).filter(|&cores| cores > 0)),
            "swap" => {
                let found = self.machine.swap_bytes();
                Seen::new(judge::numbers(knob, &[found], &self.targets(knob), None), found.to_string(), "0")
            }
            "kernel" | "kernel-direct" => self.kernel(knob),
            "io-uring" => match self.probe.ring() {
                Ok(()) => Seen::new(State::Ok, "a ring was made", ""),
                Err(refusal) => Seen { note: refusal, ..Seen::new(State::NotPermitted, "no ring", "a ring") },
            },
            "data-folder" => self.data_folder(knob, &self.asked.data_dir),
            other => unreachable!("a test goes through all checks, and {other} is none"),
        }
    }

    fn least(&self, knob: &Knob, found: Option<u64>) -> Seen {
        let wanted = self.targets(knob);
        match found {
            None => Seen::unknown("the kernel does not say"),
            Some(found) => Seen::new(judge::numbers(knob, &[found], &wanted, None), found.to_string(), joined(&wanted)),
        }
    }

    fn kernel(&self, knob: &Knob) -> Seen {
        let Some(found) = self.machine.kernel() else { return Seen::unknown("it does not say") };
        let wanted = version(&knob.target).expect("a test reads it");
        let state = if found < wanted { State::TooLow } else { State::Ok };
        Seen::new(state, format!("{}.{}", found.0, found.1), knob.target.clone())
    }

    fn data_folder(&self, knob: &Knob, folder: &Path) -> Seen {
        let Some(kind) = self.machine.file_system(folder) else { return Seen::unknown("the mounts do not say") };
        Seen {
            note: folder.display().to_string(),
            ..Seen::new(judge::word(knob, kind), kind, knob.target.replace(' ', " or "))
        }
    }
}

/// Of a file that lists its choices, the one in brackets.
fn chosen(text: &str) -> &str {
    text.split_once('[').and_then(|(_, rest)| Some(rest.split_once(']')?.0)).unwrap_or(text)
}

/// What a file says, as a terminal can take it.
fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control() || *c == '\t').take(SHOWN_CHARACTERS_MAX).collect()
}

fn joined(numbers: &[u64]) -> String {
    numbers.iter().map(u64::to_string).collect::<Vec<_>>().join(" ")
}
