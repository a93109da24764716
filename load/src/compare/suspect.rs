//! What to look at first: the numbers that got worse, gathered by what they are of, the worst first, each with where its cause usually is. A hint
//! follows from what got worse and what did not; it knows how the server is built, and nothing of the run but its numbers.

use std::cmp::Ordering;

use serde::Serialize;

use super::{Change, Comparison, Scenario};
use crate::reading::{Subject, Verdict};

/// Something that got worse.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Suspect {
    pub(crate) scenario: String,
    /// The number of it that got worst.
    pub(crate) name: String,
    pub(crate) worse_percent: f64,
    pub(crate) verdict: Verdict,
    pub(crate) hint: String,
}

/// From which percentile on a latency is called its tail.
const TAIL_PERCENTILE: f64 = 99.0;

/// The suspects, the worst first.
pub(crate) fn suspects(comparison: &Comparison) -> Vec<Suspect> {
    let mut all: Vec<Suspect> = comparison.scenarios.iter().flat_map(of_scenario).collect();
    all.sort_by(|one, other| {
        severity(one.verdict).cmp(&severity(other.verdict)).then(falling(one.worse_percent, other.worse_percent))
    });
    all
}

fn falling(one: f64, other: f64) -> Ordering {
    other.total_cmp(&one)
}

fn severity(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Critical => 0,
        Verdict::Warning => 1,
        Verdict::Noise(_) | Verdict::Better | Verdict::Steady | Verdict::Neither => 2,
    }
}

fn is_worse(change: &Change) -> bool {
    match change.verdict {
        Verdict::Critical | Verdict::Warning => true,
        Verdict::Noise(_) | Verdict::Better | Verdict::Steady | Verdict::Neither => false,
    }
}

/// One for each latency, however many of its percentiles got worse, and one for each other number.
fn of_scenario(scenario: &Scenario) -> Vec<Suspect> {
    let mut worst: Vec<&Change> = Vec::new();
    for change in scenario.changes.iter().filter(|change| is_worse(change)) {
        match worst.iter_mut().find(|known| same_cause(&known.subject, &change.subject)) {
            Some(known) if change.worse_percent > known.worse_percent => *known = change,
            Some(_) => {}
            None => worst.push(change),
        }
    }
    let suspect = |change: &Change| Suspect {
        scenario: scenario.name.clone(),
        name: change.name.clone(),
        worse_percent: change.worse_percent,
        verdict: change.verdict,
        hint: hint(scenario, &change.subject),
    };
    worst.into_iter().map(suspect).collect()
}

fn same_cause(one: &Subject, other: &Subject) -> bool {
    match (one, other) {
        (Subject::Latency { kind: one, .. }, Subject::Latency { kind: other, .. }) => one == other,
        (
            Subject::Figure(_)
            | Subject::Latency { .. }
            | Subject::CpuPer(_)
            | Subject::Cpu
            | Subject::ResidentMax
            | Subject::ResidentPerConnection,
            _,
        ) => false,
    }
}

fn hint(scenario: &Scenario, subject: &Subject) -> String {
    match subject {
        Subject::Latency { kind, .. } => {
            let tail = if is_only_tail(scenario, kind) { ONLY_TAIL } else { "" };
            format!("{}{tail}", latency_hint(scenario, kind))
        }
        Subject::CpuPer(what) => cpu_hint(what).into(),
        Subject::Cpu => "More CPU for the same load, and no count of what it was spent on: profile the server.".into(),
        Subject::ResidentMax => {
            "Caches, outboxes of slow readers and loads in flight make the peak: compare sessions behind and cached bytes.".into()
        }
        Subject::ResidentPerConnection => {
            "What each connection and session keeps while it idles: size of their structures, buffers not given back, \
             documents per connection. benches/idle measures this alone."
                .into()
        }
        Subject::Figure(name) => figure_hint(scenario, name),
    }
}

const ONLY_TAIL: &str = " Only the tail got worse, not the median: something pauses now and then. See in --plot whether it is \
                         regular (compaction, snapshots, writeback) or once (a load, a burst).";

fn is_only_tail(scenario: &Scenario, kind: &str) -> bool {
    let of_kind =
        scenario.changes.iter().filter(|change| is_worse(change)).filter_map(|change| match &change.subject {
            Subject::Latency { kind: of, percentile } if of == kind => percentile.parse::<f64>().ok(),
            Subject::Latency { .. }
            | Subject::Figure(_)
            | Subject::CpuPer(_)
            | Subject::Cpu
            | Subject::ResidentMax
            | Subject::ResidentPerConnection => None,
        });
    let worse: Vec<f64> = of_kind.collect();
    !worse.is_empty() && worse.iter().all(|percentile| *percentile >= TAIL_PERCENTILE)
}

fn latency_is_worse(scenario: &Scenario, name: &str) -> bool {
    scenario.changes.iter().filter(|change| is_worse(change)).any(|change| match &change.subject {
        Subject::Latency { kind, .. } => kind == name,
        Subject::Figure(_)
        | Subject::CpuPer(_)
        | Subject::Cpu
        | Subject::ResidentMax
        | Subject::ResidentPerConnection => false,
    })
}

fn cpu_is_worse(scenario: &Scenario) -> bool {
    scenario.changes.iter().filter(|change| is_worse(change)).any(|change| match &change.subject {
        Subject::CpuPer(_) | Subject::Cpu => true,
        Subject::Figure(_) | Subject::Latency { .. } | Subject::ResidentMax | Subject::ResidentPerConnection => false,
    })
}

fn latency_hint(scenario: &Scenario, kind: &str) -> &'static str {
    match kind {
        "acknowledgement" if !latency_is_worse(scenario, "delivery") => {
            "Others still get the update as fast as before, so it is the commit: time of one sync of this disk, updates \
             per commit, who else writes to it."
        }
        "delivery" if !latency_is_worse(scenario, "acknowledgement") && !cpu_is_worse(scenario) => {
            "Commits and CPU are as before, so updates wait: the fan-out window, outboxes behind slow readers, or the way \
             from core to core."
        }
        "acknowledgement" | "delivery" => {
            "More than the commit got slower: the core's loop itself. Compare CPU per update, turns and the length of a \
             turn, and whether a core is at its limit."
        }
        "sync" | "join" => {
            "The way from storage to a joining client: reading, the cache of documents, merging the log's tail, and how \
             many of those who join together share one encoding."
        }
        "open" => {
            "Accepting: the listen backlog (somaxconn, SYN backlog), the upgrade, the move to the core that owns the document."
        }
        "echo" => "No document is involved: the driver, WebSocket frames, or the kernel's network path.",
        "presence" | "awareness" => "The awareness window, and how many entries are merged into one frame.",
        _ => "See --plot for when it was slow, and what the server's counters did then.",
    }
}

fn cpu_hint(what: &str) -> &'static str {
    match what {
        "delivery" => {
            "Batching: fewer updates share a frame or fewer frames a send. Compare the fan-out counters (updates per frame, \
             sends per turn, window chosen) before looking at code."
        }
        "update" => {
            "The way in: reading frames, accept, encoding the record, the commit's share. If turns got shorter, each \
             carries fewer updates: compare updates per turn and per commit."
        }
        "echo" | "message" => "The driver and WebSocket frames: operations per submission, copies, wakes.",
        _ => "Profile the server under this scenario.",
    }
}

fn figure_hint(scenario: &Scenario, name: &str) -> String {
    let hint = if name.starts_with("kernel_") {
        "The kernel's share: socket buffers (tcp_rmem, tcp_wmem), data nobody has read, sockets per connection. Both ends are \
         in it when both are on this machine."
    } else if name.starts_with("opened") {
        latency_hint(scenario, "open")
    } else if name.starts_with("lost") || name.starts_with("missing") || name.starts_with("refused") {
        "Not a matter of speed: look at the server's log and refusals before any other number."
    } else if name.contains("bytes_per_connection") || name.contains("resident") {
        "Memory: what connections and sessions keep, caches, outboxes."
    } else if name.ends_with("_per_second") && cpu_is_worse(scenario) {
        "Each costs more CPU than before, which limits how many there are: start with CPU per update and per delivery."
    } else if name.ends_with("_per_second") && latency_is_worse(scenario, "acknowledgement") {
        "CPU is as before, and acknowledgements got slower: clients wait for commits. Look at the disk first."
    } else if name.ends_with("_per_second") {
        "Neither CPU nor acknowledgements got worse: was the load generator late (sent late, busy), or do sessions stand paused?"
    } else {
        "See --plot for when it happened."
    };
    hint.into()
}

#[cfg(test)]
mod tests {
    use super::super::tests::compared;
    use super::*;
    use crate::report::Report;
    use crate::sample;

    fn first(after: Report) -> Suspect {
        let all = suspects(&compared(sample::edit(), after));
        all.into_iter().next().expect("something got worse")
    }

    #[test]
    fn a_slow_commit_points_to_the_disk() {
        let suspect = first(sample::slower(sample::edit(), "acknowledgement", 1.5));
        assert!(
            suspect.name.starts_with("acknowledgement") && suspect.hint.contains("it is the commit"),
            "{suspect:?}"
        );
        assert!(!suspect.hint.contains("Only the tail"), "{suspect:?}");
    }

    #[test]
    fn a_slow_loop_points_elsewhere() {
        let slow = sample::slower(sample::edit(), "acknowledgement", 1.5);
        let suspect = first(sample::slower(slow, "delivery", 1.6));
        assert!(suspect.name.starts_with("delivery") && suspect.hint.contains("loop itself"), "{suspect:?}");
        let suspect = first(sample::slower(sample::edit(), "delivery", 1.6));
        assert!(suspect.hint.contains("updates wait"), "{suspect:?}");
    }

    #[test]
    fn a_pause_is_told_from_slowness() {
        let mut after = sample::edit();
        for (name, us) in &mut after.latencies[0].percentiles_us {
            if name.starts_with("99.9") {
                *us *= 3;
            }
        }
        assert!(first(after).hint.contains("Only the tail got worse"));
    }

    #[test]
    fn cost_points_to_batching_and_memory_to_structures() {
        let mut after = sample::edit();
        let server = after.server.as_mut().expect("the sample has one");
        server.cpu_us_per.insert("delivery".into(), 2.0);
        server.user_bytes_per_connection = Some(60_000.0);
        let after = sample::with_figure(after, "updates_per_second", 8_000.0);
        let all = suspects(&compared(sample::edit(), after));
        let names: Vec<&str> = all.iter().map(|suspect| suspect.name.as_str()).collect();
        assert_eq!(names, ["server CPU per delivery", "server memory per connection", "updates_per_second"]);
        assert!(
            all[0].hint.contains("Batching") && all[1].hint.contains("idle") && all[2].hint.contains("more CPU"),
            "{all:?}"
        );
    }

    #[test]
    fn what_was_nothing_before_comes_first() {
        let after = sample::with_figure(sample::slower(sample::edit(), "delivery", 9.0), "lost_updates", 1.0);
        let suspect = first(after);
        assert_eq!((suspect.name.as_str(), suspect.worse_percent), ("lost_updates", f64::INFINITY));
    }

    #[test]
    fn nothing_worse_is_no_suspect() {
        assert!(suspects(&compared(sample::edit(), sample::slower(sample::edit(), "delivery", 0.5))).is_empty());
    }
}
