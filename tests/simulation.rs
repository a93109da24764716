//! The shards in a made-up world: network, disk, clock and clients follow from a seed, so that whatever goes wrong goes wrong again.
//!
//! `SELVEDGE_SIMULATION_SEEDS` is how many seeds are run (300), `SELVEDGE_SIMULATION_FIRST` the first of them (0), and
//! `SELVEDGE_SIMULATION_SEED` runs one and tells everything that happens.

#[path = "simulation/agenda.rs"]
mod agenda;
#[path = "simulation/checks.rs"]
mod checks;
#[path = "simulation/client.rs"]
mod client;
#[path = "simulation/committed.rs"]
mod committed;
#[path = "simulation/coverage.rs"]
mod coverage;
#[path = "simulation/disk.rs"]
mod disk;
#[path = "simulation/edits.rs"]
mod edits;
#[path = "simulation/hostile.rs"]
mod hostile;
#[path = "simulation/network.rs"]
mod network;
#[path = "simulation/operator.rs"]
mod operator;
#[path = "simulation/plan.rs"]
mod plan;
#[path = "simulation/preparers.rs"]
mod preparers;
#[path = "simulation/random.rs"]
mod random;
#[path = "simulation/server.rs"]
mod server;
#[path = "simulation/stage.rs"]
mod stage;
#[path = "simulation/trace.rs"]
mod trace;
#[path = "simulation/world.rs"]
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use coverage::Coverage;
use world::Outcome;

const SEEDS: u64 = 300;
const THREADS: usize = 2;
/// Failures that are told before the rest is only counted.
const FAILURES_TOLD: usize = 100;

fn number(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{name} is a number, not {value:?}")))
}

/// Runs a seed; a panic is a failure like any other.
fn run(seed: u64, verbose: bool) -> Outcome {
    catch_unwind(AssertUnwindSafe(|| world::run(seed, verbose))).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default();
        Outcome { coverage: Coverage::default(), hash: 0, failure: Some(format!("panic: {text}")) }
    })
}

#[test]
fn every_seed_ends_in_quiet_and_agreement() {
    if let Some(seed) = number("SELVEDGE_SIMULATION_SEED") {
        let outcome = run(seed, true);
        outcome.coverage.print();
        assert_eq!(outcome.failure, None, "seed {seed}");
        return;
    }
    let first = number("SELVEDGE_SIMULATION_FIRST").unwrap_or(0);
    let count = number("SELVEDGE_SIMULATION_SEEDS").unwrap_or(SEEDS);
    let next = AtomicU64::new(first);
    let results = Mutex::new((Coverage::default(), Vec::new()));
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + count {
                        return;
                    }
                    let outcome = run(seed, false);
                    let mut results = results.lock().expect("panics are caught");
                    results.0.absorb(&outcome.coverage);
                    if let Some(failure) = outcome.failure {
                        println!("SEED {seed} FAILS, to be repeated with SELVEDGE_SIMULATION_SEED={seed}");
                        if results.1.len() < FAILURES_TOLD {
                            println!("{failure}");
                        }
                        results.1.push(seed);
                    }
                }
            });
        }
    });
    let (coverage, mut failed) = results.into_inner().expect("panics are caught");
    coverage.print();
    failed.sort_unstable();
    assert!(failed.is_empty(), "{} of {count} seeds fail: {failed:?}", failed.len());
    if count >= SEEDS {
        assert_eq!(coverage.never(), Vec::<&str>::new(), "these never happened");
    }
}

#[test]
fn a_seed_is_the_same_every_time() {
    for seed in [1, 7, 23, 99, 1234] {
        let (once, again) = (run(seed, false), run(seed, false));
        assert_eq!(once.hash, again.hash, "seed {seed}");
    }
}
