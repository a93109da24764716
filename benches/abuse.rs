//! Abuse with a well-behaved client beside it: what hostile clients do to the waits of a writer and a reader, and to the server's memory.
//!
//! `scripts/bench abuse`, or by itself `cargo test --release --workspace --bench abuse -- --bench --seconds 10 --only bombs,pings`. The
//! server has two cores, the witness one, all attackers together one, on a machine with four; each attack is measured against the quiet
//! right before it, in the same server, which so has had all attacks before it too. Ends with 1 where the witness was disconnected.

#[path = "abuse/attack.rs"]
mod attack;
#[path = "process/cores.rs"]
mod cores;
#[path = "process/server.rs"]
mod server;
#[path = "abuse/wire.rs"]
mod wire;
#[path = "abuse/witness.rs"]
mod witness;

use std::error::Error;
use std::fs;
use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use attack::{ATTACKS, Attack, Hostile};
use cores::pin;
use server::{Folder, Server};
use wire::Way;
use witness::{Waits, Witness, percentile};

/// What docs/SECURITY.md gives a server on the internet, as far as it matters here.
const FLAGS: &[&str] = &[
    "--compression",
    "--connection-messages-per-second-max",
    "200",
    "--connection-bytes-per-second-max",
    "4MiB",
    "--connection-burst-ms",
    "5000",
    "--connections-per-address-max",
    "1000",
];

/// All attackers come from here, and the witness does not.
const ATTACKERS: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 66);

/// Connections that are opened between two looks at all of them.
const OPENED_AT_ONCE: usize = 10;

/// Attackers rest so long when none of them can do anything.
const REST: Duration = Duration::from_millis(1);

struct Arguments {
    seconds: f64,
    only: String,
    flags: Vec<String>,
}

fn main() -> ExitCode {
    match measure() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn arguments() -> Result<Arguments, Box<dyn Error>> {
    let given: Vec<String> = std::env::args().skip(1).collect();
    // Cargo says so where it is a bench; without, it is a test, which only proves that all of this works.
    let is_bench = given.iter().any(|argument| argument == "--bench");
    let mut arguments = Arguments { seconds: if is_bench { 5.0 } else { 0.1 }, only: String::new(), flags: Vec::new() };
    let mut given = given.into_iter().filter(|argument| argument != "--bench");
    while let Some(name) = given.next() {
        let value = given.next().ok_or("every flag has a value")?;
        match name.as_str() {
            "--seconds" => arguments.seconds = value.parse()?,
            "--only" => arguments.only = value,
            "--server" => arguments.flags = value.split_whitespace().map(str::to_owned).collect(),
            _ => return Err(format!("{name} is unknown").into()),
        }
    }
    Ok(arguments)
}

fn measure() -> Result<(), Box<dyn Error>> {
    let Arguments { seconds, only, flags } = arguments()?;
    let length = Duration::from_secs_f64(seconds);
    let available = thread::available_parallelism()?.get();
    // With fewer cores they share, and nothing that is measured means much.
    let core = |wanted: usize| wanted.min(available - 1);
    let flags: Vec<&str> = FLAGS.iter().copied().chain(flags.iter().map(String::as_str)).collect();
    pin(&[core(0), core(1)])?;
    let server = Server::start(Folder::new()?, &flags)?;
    pin(&[core(2)])?;
    let mut witness = Witness::new(Way { from: Ipv4Addr::LOCALHOST, to: server.address() })?;
    witness.observe(length)?;
    println!(
        "| attack | connections/s | MB/s | delivery p50, p99 quiet | p50, p99 under it | p99 ratio | ack p99 ratio | memory |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for attack in ATTACKS.iter().filter(|attack| only.split(',').any(|only| attack.name.contains(only))) {
        let quiet = witness.observe(length)?;
        let crowd = Crowd::start(attack, Way { from: ATTACKERS, to: server.address() }, core(3))?;
        let under = witness.observe(length).map_err(|error| format!("{}: the witness: {error}", attack.name))?;
        let memory = resident_bytes(server.pid())?;
        let spent = crowd.stop();
        println!("{}", row(attack.name, &quiet, &under, memory, spent, seconds));
    }
    Ok(())
}

fn resident_bytes(pid: u32) -> Result<u64, Box<dyn Error>> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("the server has ended")?;
    let kilobytes: u64 = line.split_whitespace().next().ok_or("a number")?.parse()?;
    Ok(kilobytes * 1024)
}

fn row(name: &str, quiet: &Waits, under: &Waits, memory: u64, spent: Spent, seconds: f64) -> String {
    let ms = |wait: Duration| format!("{:.2}", wait.as_secs_f64() * 1e3);
    let ratio = |under: &[Duration], quiet: &[Duration]| {
        percentile(under, 99).as_secs_f64() / percentile(quiet, 99).as_secs_f64().max(1e-9)
    };
    format!(
        "| {name} | {:.0} | {:.1} | {}, {} ms | {}, {} ms | {:.2} | {:.2} | {} MB |",
        spent.opened as f64 / seconds,
        spent.bytes as f64 / seconds / 1e6,
        ms(percentile(&quiet.delivery, 50)),
        ms(percentile(&quiet.delivery, 99)),
        ms(percentile(&under.delivery, 50)),
        ms(percentile(&under.delivery, 99)),
        ratio(&under.delivery, &quiet.delivery),
        ratio(&under.acknowledgement, &quiet.acknowledgement),
        memory >> 20,
    )
}

/// What an attack could do.
struct Spent {
    opened: u64,
    bytes: u64,
}

/// A thread of attackers.
struct Crowd {
    over: Arc<AtomicBool>,
    opened: Arc<AtomicU64>,
    bytes: Arc<AtomicU64>,
    thread: JoinHandle<()>,
}

impl Crowd {
    fn start(attack: &'static Attack, way: Way, core: usize) -> Result<Self, Box<dyn Error>> {
        let (over, opened, bytes) = (Arc::default(), Arc::default(), Arc::default());
        let (their_over, their_opened, their_bytes) = (Arc::clone(&over), Arc::clone(&opened), Arc::clone(&bytes));
        let thread = thread::Builder::new().name("attackers".to_owned()).spawn(move || {
            pin(&[core]).expect("the core is there");
            riot(attack, way, &their_over, &their_opened, &their_bytes);
        })?;
        Ok(Self { over, opened, bytes, thread })
    }

    fn stop(self) -> Spent {
        self.over.store(true, Ordering::Relaxed);
        self.thread.join().expect("attackers only end");
        Spent { opened: self.opened.load(Ordering::Relaxed), bytes: self.bytes.load(Ordering::Relaxed) }
    }
}

fn riot(attack: &Attack, way: Way, over: &AtomicBool, opened: &AtomicU64, bytes: &AtomicU64) {
    let mut crowd: Vec<Hostile> = Vec::new();
    let mut number = 0;
    while !over.load(Ordering::Relaxed) {
        for _ in 0..OPENED_AT_ONCE.min(attack.crowd - crowd.len()) {
            number += 1;
            opened.fetch_add(1, Ordering::Relaxed);
            // Who is refused tries again.
            crowd.extend((attack.open)(way, number));
        }
        let mut idle = true;
        crowd.retain_mut(|hostile| match hostile.go_on() {
            Ok(pushed) => {
                bytes.fetch_add(pushed as u64, Ordering::Relaxed);
                idle &= pushed == 0;
                true
            }
            Err(_) => false,
        });
        if idle {
            thread::sleep(REST);
        }
    }
}
